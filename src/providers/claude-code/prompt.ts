/** A lowered history as the one user message that the CLI takes. */
import { blocksOf, type ContentBlock, type Message, textOf } from "../../contract/message.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";
import { sessionContext } from "../lower.ts";
import { callInWords, resultInWords } from "../lower-message.ts";

interface Conversation {
  readonly messages: readonly Message[];
  readonly systemVolatile: string;
}

/**
 * The content of the message. A lone user message goes as it is. Else the history is told as text, and the media of the newest turn follow it
 * as blocks. Null: nothing is to be said.
 */
export const promptOf = ({ messages, systemVolatile }: Conversation): Json => {
  const only = messages.length === 1 ? messages[0] : undefined;
  const parts = only?.role === "user" && blocksOf(only).every(isPlain) ? asItIs(only) : asText(messages);
  const context = sessionContext({ systemVolatile });
  if (typeof parts === "string") return [parts, context].filter(Boolean).join("\n\n") || null;
  return [...parts, ...(context ? [{ type: "text", text: context }] : [])];
};

/** What was said since the CLI's last answer, for a conversation that it keeps itself. */
export const newest = (messages: readonly Message[]): readonly Message[] => {
  const tail = messages.slice(messages.findLastIndex(({ role }) => role === "assistant") + 1);
  return tail.length ? tail : messages;
};

const isPlain = (block: ContentBlock): boolean => block.type === "text" || isMedia(block);
const isMedia = (block: ContentBlock): boolean => block.type === "image" || block.type === "document";
const hasWords = (block: ContentBlock): boolean => block.type !== "text" || /\S/.test(block.text);

const asItIs = ({ content }: Message): string | readonly JsonObject[] =>
  typeof content === "string" ? content : content.filter(hasWords).map(bare);

/** Without what the wire does not know, and without cache marks, which the CLI sets itself. */
const bare = (block: ContentBlock): JsonObject =>
  Object.fromEntries(Object.entries(block).filter(([key]) => key !== "_meta" && key !== "cache_control"));

const asText = (messages: readonly Message[]): string | readonly JsonObject[] => {
  const last = messages.at(-1);
  const current = last?.role === "user" ? last : undefined;
  const before = (current ? messages.slice(0, -1) : messages).map(section).filter(Boolean);
  const now = current ? words(current.content) : before.length ? "Continue." : "";
  const told = before.length ? ["## Conversation so far", ...before, `## Current input\n${now}`].join("\n\n") : now;
  const media = current ? blocksOf(current).filter(isMedia).map(bare) : [];
  return media.length ? [{ type: "text", text: told }, ...media] : told;
};

const section = (message: Message): string => {
  const said = words(message.content);
  const results = blocksOf(message).some(({ type }) => type === "tool_result");
  return said && `### ${message.role === "assistant" ? "Assistant" : results ? "Tool result" : "User"}\n${said}`;
};

const words = (content: Message["content"]): string =>
  typeof content === "string" ? quiet(content) : content.map(told).filter(Boolean).join("\n");

const told = (block: ContentBlock): string => {
  switch (block.type) {
    case "text":
      return quiet(block.text);
    case "image":
      return "[image attachment]";
    case "document":
      return `[document attachment${block.title ? `: ${quiet(block.title)}` : ""}]`;
    case "tool_use":
      return callInWords(block);
    case "tool_result":
      return resultInWords(block, quiet(textOf(block.content ?? [])));
    default:
      return "";
  }
};

/** Text cannot pose as a part of the conversation: a line that is one of our headings is quoted. */
const quiet = (text: string): string =>
  text.replace(/^(?=#{2,3} (?:Conversation so far|Current input|User|Assistant|Tool result)[^\S\n]*$)/gm, "> ");
