/** A lowered history as the Responses API's `input`. A message is converted and written once, however often it is sent. */
import { type ContentBlock, type MediaSource, type Message, type ToolResultBlock, textOf } from "../contract/message.ts";
import type { ModelRequest } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import { sessionContext } from "./lower.ts";
import { itemOf, phaseOf } from "./openai-kept.ts";
import { repair } from "./repair.ts";

/** The `input` of a request, without its brackets. `reasoning`: whether the model takes its own reasoning back. */
export const inputText = ({ messages: given, systemVolatile }: ModelRequest, reasoning: boolean): string => {
  const { messages } = repair(given);
  const texts = messages.map(reasoning ? withReasoning : without);
  if (systemVolatile) {
    const content = sessionContext({ systemVolatile });
    texts.splice(messages.findLastIndex(({ role }) => role === "user") + 1, 0, JSON.stringify({ role: "user", content }));
  }
  return texts.filter(Boolean).join(",");
};

/** A message's items, divided by commas. */
const writing = (reasoning: boolean) =>
  remember(({ role, content }: Message): string => {
    if (typeof content === "string") return JSON.stringify({ role, content });
    const items = role === "assistant" ? answerItems(content, reasoning) : userItems(content);
    return JSON.stringify(items).slice(1, -1);
  });
const withReasoning = writing(true);
const without = writing(false);

const userItems = (content: readonly ContentBlock[]): readonly JsonObject[] => {
  const results = content.flatMap((block) => (block.type === "tool_result" ? [resultItem(block)] : []));
  const parts = content.flatMap(part);
  return parts.length ? [...results, { role: "user", content: parts }] : results;
};

/** Texts in a row are one message. Reasoning that nothing follows is left out: the wire refuses it. */
const answerItems = (content: readonly ContentBlock[], reasoning: boolean): readonly JsonObject[] => {
  const items: JsonObject[] = [];
  let texts: readonly JsonObject[] = [];
  for (const block of content) {
    const phase = phaseOf(block);
    if (block.type === "text") {
      if (texts.length) items.pop();
      texts = [...texts, { type: "output_text", text: block.text }];
      items.push({ role: "assistant", content: texts });
      continue;
    }
    if (phase && texts.length) items.push({ ...items.pop(), phase });
    texts = [];
    const item = itemOf(block);
    if (item && (reasoning || item.type !== "reasoning")) items.push(item);
    else if (block.type === "tool_use")
      items.push({ type: "function_call", call_id: block.id, name: block.name, arguments: JSON.stringify(block.input) });
  }
  while (items.at(-1)?.type === "reasoning") items.pop();
  return items;
};

const resultItem = (block: ToolResultBlock): JsonObject => ({
  type: "function_call_output",
  call_id: block.tool_use_id,
  output: outputOf(block),
});

/** The wire has no mark for a failure: the words tell it. */
const outputOf = ({ content, is_error }: ToolResultBlock): Json => {
  if (typeof content !== "string" && content.some(({ type }) => type === "image" || type === "document"))
    return [...(is_error ? [{ type: "input_text", text: "Error:" }] : []), ...content.flatMap(part)];
  const said = textOf(content);
  return is_error && !/^\W{0,2}error\b/i.test(said) ? `Error: ${said}` : said;
};

/** What a person, or a tool, can show. None for a block that is not sent here. */
const part = (block: ContentBlock): readonly JsonObject[] => {
  if (block.type === "text") return [{ type: "input_text", text: block.text }];
  if (block.type === "image") return [imagePart(block.source)];
  if (block.type === "document") return [filePart(block.source, block.title)];
  return [];
};

const imagePart = (source: MediaSource): JsonObject => {
  const image = { type: "input_image", detail: "auto" };
  switch (source.type) {
    case "base64":
      return { ...image, image_url: `data:${source.media_type};base64,${source.data}` };
    case "url":
      return { ...image, image_url: source.url };
    case "file":
      return { ...image, file_id: source.file_id };
    case "text":
      return { type: "input_text", text: source.data };
  }
};

const filePart = (source: MediaSource, title: string | undefined): JsonObject => {
  switch (source.type) {
    case "base64":
      return {
        type: "input_file",
        filename: filename(title ?? "document", source.media_type),
        file_data: `data:${source.media_type};base64,${source.data}`,
      };
    case "url":
      return { type: "input_file", file_url: source.url };
    case "file":
      return { type: "input_file", file_id: source.file_id };
    case "text":
      return { type: "input_text", text: title ? `${title}\n\n${source.data}` : source.data };
  }
};

/** With an ending: the wire wants one. */
const filename = (title: string, type: string): string =>
  /\.\w{1,8}$/.test(title) ? title : `${title}.${type === "text/plain" ? "txt" : (type.split("/")[1] ?? "bin")}`;
