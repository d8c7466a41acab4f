/** A history as Chat Completions' `messages`. A message is converted and written once, however often it is sent. */
import {
  blocksOf,
  type ContentBlock,
  type DocumentBlock,
  type ImageBlock,
  type Message,
  type ToolResultBlock,
  type ToolUseBlock,
  textOf,
} from "../contract/message.ts";
import type { ModelRequest } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { JsonObject } from "../contract/schema.ts";
import { sessionContext } from "./lower.ts";
import { repair } from "./repair.ts";

/** The `messages` of a request, without their brackets. The prompt is the first of them. */
export const messagesText = (request: ModelRequest, systemRole: "system" | "developer"): string => {
  const prompt = textOf(request.system);
  const { messages } = repair(request.messages.map(spoken));
  const volatile = sessionContext(request);
  const newest = volatile ? messages.findLastIndex(({ role }) => role === "user") : -1;
  const texts = messages.map((message, i) => (i === newest ? written(withText(message, volatile)) : messageText(message)));
  if (/\S/.test(prompt)) texts.unshift(JSON.stringify({ role: systemRole, content: prompt }));
  if (volatile && newest < 0) texts.push(JSON.stringify({ role: "user", content: volatile }));
  return texts.join(",");
};

const withText = (message: Message, text: string): Message => ({ ...message, content: [...blocksOf(message), { type: "text", text }] });

/** The wire has no place for what is kept for its vendor. */
const spoken = remember((message: Message): Message => {
  const { content } = message;
  if (typeof content === "string" || !content.some(({ type }) => type === "opaque")) return message;
  return { ...message, content: content.filter(({ type }) => type !== "opaque") };
});

/** One message of ours may be several of the wire's, with commas between them. */
const written = (message: Message): string =>
  (message.role === "assistant" ? [assistant(blocksOf(message))] : user(blocksOf(message))).map((m) => JSON.stringify(m)).join(",");
const messageText = remember(written);

const assistant = (blocks: readonly ContentBlock[]): JsonObject => {
  const content = textOf(blocks);
  const calls = blocks.filter((block) => block.type === "tool_use").map(callOf);
  return {
    role: "assistant",
    ...(content || !calls.length ? { content } : {}),
    ...(calls.length ? { tool_calls: calls } : {}),
  };
};

const callOf = ({ id, name, input }: ToolUseBlock): JsonObject => ({
  id,
  type: "function",
  function: { name, arguments: JSON.stringify(input) },
});

/** Results come first, each as a message of text. */
const user = (blocks: readonly ContentBlock[]): readonly JsonObject[] => {
  const results = blocks.filter((block) => block.type === "tool_result");
  const parts = blocks.filter(({ type }) => type !== "tool_result").flatMap(partsOf);
  const said = parts.every(({ type }) => type === "text") ? parts.map(({ text }) => text).join("\n") : parts;
  return [...results.map(resultOf), ...(parts.length ? [{ role: "user", content: said }] : [])];
};

/** The wire has no mark for a failure: the text says it, unless it does so already. */
const resultOf = ({ tool_use_id, content, is_error }: ToolResultBlock): JsonObject => {
  const said = textOf(content);
  const told = !is_error || /^\W{0,2}error\b/i.test(said);
  return { role: "tool", tool_call_id: tool_use_id, content: told ? said : `Error: ${said}` };
};

const partsOf = (block: ContentBlock): readonly JsonObject[] => {
  switch (block.type) {
    case "text":
      return [{ type: "text", text: block.text }];
    case "image":
      return [imagePart(block)];
    case "document":
      return [documentPart(block)];
    default:
      return [];
  }
};

const imagePart = ({ source, _meta }: ImageBlock): JsonObject => {
  const detail = _meta?.detail === undefined ? {} : { detail: _meta.detail };
  switch (source.type) {
    case "base64":
      return { type: "image_url", image_url: { url: dataUrl(source), ...detail } };
    case "url":
      return { type: "image_url", image_url: { url: source.url, ...detail } };
    case "file":
      return { type: "file", file: { file_id: source.file_id } };
    case "text":
      return { type: "text", text: source.data };
  }
};

/** A document's address cannot be sent as one: the model reads it. */
const documentPart = ({ source, title }: DocumentBlock): JsonObject => {
  switch (source.type) {
    case "base64":
      return { type: "file", file: { filename: title || "document", file_data: dataUrl(source) } };
    case "file":
      return { type: "file", file: { file_id: source.file_id } };
    case "url":
      return { type: "text", text: `[document: ${title ? `${title}, ` : ""}${source.url}]` };
    case "text":
      return { type: "text", text: title ? `${title}\n\n${source.data}` : source.data };
  }
};

const dataUrl = ({ media_type, data }: { readonly media_type: string; readonly data: string }): string =>
  `data:${media_type};base64,${data}`;
