/** What is shown: images and documents, in a user's message and in a tool's result. */
import type { ContentBlock } from "../../index.ts";
import { answer, model, type Scenario, tools, user } from "./scenario.ts";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF = "JVBERi0xLjQKJcOkw7zDtsOfCg==";
const image: ContentBlock = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
const pdf: ContentBlock = { type: "document", title: "report.pdf", source: { type: "base64", media_type: "application/pdf", data: PDF } };
const notes: ContentBlock = { type: "document", title: "notes", source: { type: "text", media_type: "text/plain", data: "Buy milk." } };
const linked: ContentBlock = { type: "image", source: { type: "url", url: "https://example.com/cat.png" } };

const shown = (name: string, block: ContentBlock, sendsOrTells: Scenario["sendsOrTells"]): Scenario => ({
  name: `${name} in a user's message`,
  script: [{ text: "I see." }],
  request: { messages: [user([{ type: "text", text: "What is it?" }, block])] },
  events: answer("I see."),
  sends: ["What is it?"],
  ...(sendsOrTells && { sendsOrTells }),
});
const found = (name: string, block: ContentBlock, sendsOrTells: Scenario["sendsOrTells"]): Scenario => ({
  name: `${name} in a tool's result`,
  script: [{ text: "I see." }],
  request: {
    tools,
    messages: [
      user("Look."),
      model([{ type: "tool_use", id: "call_1", name: "look", input: { at: "home" } }]),
      user([{ type: "tool_result", tool_use_id: "call_1", content: [{ type: "text", text: "This was there:" }, block] }]),
    ],
  },
  events: answer("I see."),
  sends: ["This was there:"],
  ...(sendsOrTells && { sendsOrTells }),
});

export const MEDIA: readonly Scenario[] = [
  shown("an image", image, { "messages.image": PNG }),
  shown("an image's address", linked, { "messages.image": "https://example.com/cat.png" }),
  shown("a PDF", pdf, { "messages.document": PDF }),
  shown("a text file", notes, { "messages.document": "Buy milk." }),
  found("an image", image, { "messages.image": PNG }),
  found("a PDF", pdf, { "messages.document": PDF }),
];
