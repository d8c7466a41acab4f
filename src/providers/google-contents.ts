/** A lowered history as Gemini's `contents`. A message is converted and written once, however often it is sent. */
import {
  blocksOf,
  type ContentBlock,
  type MediaSource,
  type Message,
  type ToolResultBlock,
  textOf,
  toolUses,
} from "../contract/message.ts";
import type { ModelRequest } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import { type JsonObject, own } from "../contract/schema.ts";
import { kept, partOf, signatureOf } from "./google-kept.ts";
import { sessionContext } from "./lower.ts";
import { repair } from "./repair.ts";

/** A message's JSON, but for what depends on the request: the name of the call that a result answers, and a sign in place of a signature. */
type Piece = string | { readonly answers: string } | typeof UNSIGNED;
const UNSIGNED = Symbol("unsigned call");
/** The vendor's word for a call that another model made. */
const NO_SIGNATURE = ',"thoughtSignature":"skip_thought_signature_validator"';

/** The user has the last word on this wire. */
const GO_ON = '{"role":"user","parts":[{"text":"Continue."}]}';

/** The `contents` of a request, without their brackets. `mustSign`: whether the model refuses calls without a signature. */
export const contentsText = ({ messages: given, systemVolatile }: ModelRequest, mustSign: boolean): string => {
  const { messages } = repair(given.map(signed));
  const volatile = systemVolatile && JSON.stringify({ text: sessionContext({ systemVolatile }) });
  const newest = volatile ? messages.findLastIndex(({ role }) => role === "user") : -1;
  const texts = messages.map((message, i) => {
    const text = pieces(message)
      .map((piece) => {
        if (typeof piece === "string") return piece;
        return piece === UNSIGNED ? (mustSign ? NO_SIGNATURE : "") : JSON.stringify(nameOf(piece.answers, messages[i - 1]));
      })
      .join("");
    return i === newest ? `${text.slice(0, -2)},${volatile}]}` : text;
  });
  if (volatile && newest < 0) texts.push(`{"role":"user","parts":[${volatile}]}`);
  else if (messages.at(-1)?.role === "assistant") texts.push(GO_ON);
  return texts.join(",");
};

/** Results follow their calls at once: `repair` sees to that. */
const nameOf = (id: string, before: Message | undefined): string =>
  toolUses(before?.content ?? "").find((call) => call.id === id)?.name ?? "";

/** What is signed, with its signature. Only a call has it in the next block still. */
const signed = remember((message: Message): Message => {
  const { content } = message;
  if (typeof content === "string" || content.every((block) => !signatureOf(block))) return message;
  const blocks = content.flatMap((block, i): readonly ContentBlock[] => {
    const thoughtSignature = signatureOf(content[i + 1]);
    if (thoughtSignature && block.type === "thinking") return [kept({ text: block.thinking, thought: true, thoughtSignature })];
    if (thoughtSignature && block.type === "text") return [kept({ text: block.text, thoughtSignature })];
    const signsCall = message.role === "assistant" && content[i - 1]?.type === "tool_use";
    return signatureOf(block) && !signsCall ? [] : [block];
  });
  return { ...message, content: blocks };
});

const pieces = remember((message: Message): readonly Piece[] => {
  const blocks = blocksOf(message);
  const results = blocks.filter((block) => block.type === "tool_result");
  const rest = blocks.filter((block) => block.type !== "tool_result");
  let unsigned = true;
  const parts: (readonly Piece[])[] = results.map(responsePieces);
  for (const [i, block] of rest.entries()) {
    const part = wirePart(block);
    if (!part) continue;
    const thoughtSignature = block.type === "tool_use" ? signatureOf(rest[i + 1]) : "";
    const text = JSON.stringify({ ...part, ...(thoughtSignature ? { thoughtSignature } : {}) });
    parts.push(block.type === "tool_use" && unsigned && !thoughtSignature ? [text.slice(0, -1), UNSIGNED, "}"] : [text]);
    if (block.type === "tool_use") unsigned = false;
  }
  const role = message.role === "assistant" ? "model" : "user";
  return joined([`{"role":"${role}","parts":[`, ...parts.flatMap((part, i) => (i ? [",", ...part] : part)), "]}"]);
});

/** Neighbouring texts as one. */
const joined = (all: readonly Piece[]): readonly Piece[] => {
  const out: Piece[] = [];
  for (const piece of all) {
    const last = out.at(-1);
    if (typeof piece === "string" && typeof last === "string") out[out.length - 1] = last + piece;
    else out.push(piece);
  }
  return out;
};

const responsePieces = ({ tool_use_id: id, content, is_error }: ToolResultBlock): readonly Piece[] => {
  const said = textOf(content);
  return [
    `{"functionResponse":{"id":${JSON.stringify(id)},"name":`,
    { answers: id },
    `,"response":${JSON.stringify(is_error ? { error: said } : { result: said })}}}`,
  ];
};

/** Null for what is not sent. */
const wirePart = (block: ContentBlock): JsonObject | null => {
  switch (block.type) {
    case "text":
      return { text: block.text };
    case "image":
    case "document":
      return mediaPart(block.source);
    case "tool_use":
      return { functionCall: { id: block.id, name: block.name, args: block.input } };
    case "opaque":
      return partOf(block);
    default:
      return null;
  }
};

const mediaPart = (source: MediaSource): JsonObject => {
  switch (source.type) {
    case "base64":
      return { inlineData: { mimeType: source.media_type, data: source.data } };
    case "url":
      return { fileData: { fileUri: source.url, ...typeOf(source.url) } };
    case "file":
      return { fileData: { fileUri: source.file_id } };
    case "text":
      return { text: source.data };
  }
};

const TYPES: { readonly [ending: string]: string } = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
  heic: "image/heic",
  heif: "image/heif",
  pdf: "application/pdf",
  txt: "text/plain",
  md: "text/markdown",
  html: "text/html",
  csv: "text/csv",
};
/** By the address's ending; the server finds it out where it says nothing. */
const typeOf = (url: string): { readonly mimeType?: string } => {
  const ending = /\.([a-z0-9]+)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase() ?? "";
  const mimeType = own(TYPES, ending);
  return mimeType === undefined ? {} : { mimeType };
};
