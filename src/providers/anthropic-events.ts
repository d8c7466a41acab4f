/** The Messages wire's answers as our events. A stream that contradicts itself is an error; what is merely new is kept or reported. */
import { incomplete } from "../contract/collect.ts";
import type { APIError } from "../contract/errors.ts";
import type { ContentBlock } from "../contract/message.ts";
import { type Json, type JsonObject, own } from "../contract/schema.ts";
import { noUsage, type Usage } from "../contract/usage.ts";
import { sayCall } from "./arguments.ts";
import { garbled } from "./failure.ts";
import { count, isObject, list, object, parsed, text, textOrNull } from "./json.ts";
import type { Reading, StreamReader } from "./wire.ts";

type Says = Reading["say"];

/** A block that has begun and not ended. */
type Open =
  | { readonly kind: "text"; readonly index: number; readonly head: string }
  | { readonly kind: "thinking"; readonly index: number }
  | {
      readonly kind: "tool";
      readonly index: number;
      readonly id: string;
      readonly name: string;
      readonly input: Json | undefined;
      json: string;
    }
  | { readonly kind: "other"; readonly index: number; readonly block: JsonObject; json: string };

/** What stands before the text of a piece of block `index`, as the vendor writes it. */
const headOf = (index: number): string => `{"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":"`;

/** Reads a stream's events by their data. `take` throws `APIError`; what comes after the message's end is ignored. */
export const streamReader = (reading: Reading): StreamReader => {
  const { say, requestId } = reading;
  let started = false;
  let open: Open | undefined;
  let highest = -1;
  let usage: Usage = noUsage;
  let stop: { readonly reason: string; readonly sequence: string | null } | undefined;

  const wrong = (what: string): APIError => garbled(what, reading);
  const at = (index: number): Open => {
    if (!open || open.index !== index) throw wrong(`a piece of block ${index}, which is not open`);
    return open;
  };
  const begin = (event: JsonObject) => {
    const message = object(event.message);
    if (started) throw wrong("a second message begins");
    started = true;
    say({ type: "start", model: text(message.model), id: text(message.id), requestId });
    usage = mergeUsage(noUsage, message.usage);
    say({ type: "usage", usage });
  };
  const beginBlock = (event: JsonObject) => {
    const index = count(event.index) ?? -1;
    const block = object(event.content_block);
    if (!started || open || index <= highest) throw wrong(`block ${index} begins out of turn`);
    highest = index;
    open = opened(index, block);
    if (open.kind === "tool") say({ type: "tool_call_start", index, id: open.id, name: open.name });
    else if (open.kind === "text" && text(block.text)) say({ type: "text", index, text: text(block.text) });
    else if (open.kind === "thinking") sayThinking(say, index, block);
  };
  const delta = (event: JsonObject) => {
    const index = count(event.index) ?? -1;
    const block = at(index);
    const piece = object(event.delta);
    const type = text(piece.type);
    if (type === "text_delta" && block.kind === "text") say({ type: "text", index, text: text(piece.text) });
    else if (type === "thinking_delta" && block.kind === "thinking") say({ type: "thinking", index, text: text(piece.thinking) });
    else if (type === "signature_delta" && block.kind === "thinking")
      say({ type: "thinking", index, text: "", signature: text(piece.signature) });
    else if (type === "input_json_delta" && "json" in block) {
      block.json += text(piece.partial_json);
      if (block.kind === "tool" && piece.partial_json) say({ type: "tool_call_delta", index, json: text(piece.partial_json) });
    } else if (["text_delta", "thinking_delta", "signature_delta", "input_json_delta"].includes(type))
      throw wrong(`a ${type} in a block of another kind`);
    else reading.unknown(type);
  };
  const endBlock = (event: JsonObject) => {
    const block = at(count(event.index) ?? -1);
    open = undefined;
    if (block.kind === "tool") sayCall(reading, block);
    else if (block.kind === "other") say({ type: "block", index: block.index, block: kept(block.block, block.json) });
  };
  const turn = (event: JsonObject) => {
    if (!started) throw wrong("a message ends that has not begun");
    const { stop_reason, stop_sequence } = object(event.delta);
    if (text(stop_reason)) stop = { reason: text(stop_reason), sequence: textOrNull(stop_sequence) };
    usage = mergeUsage(usage, event.usage);
    say({ type: "usage", usage });
  };
  const finish = () => {
    if (!started || open || !stop) throw incomplete("anthropic");
    reader.finished = true;
    say({ type: "finish", stopReason: stop.reason, stopSequence: stop.sequence });
  };
  const handlers: { readonly [type: string]: (event: JsonObject) => void } = {
    message_start: begin,
    content_block_start: beginBlock,
    content_block_delta: delta,
    content_block_stop: endBlock,
    message_delta: turn,
    message_stop: finish,
    ping: () => undefined,
  };
  /** The commonest line, without building its object. False: it is another, or one with escapes. */
  const plainText = (data: string): boolean => {
    if (open?.kind !== "text" || !data.startsWith(open.head) || !data.endsWith('"}}')) return false;
    const piece = data.slice(open.head.length, -3);
    if (piece.includes("\\") || piece.includes('"')) return false;
    say({ type: "text", index: open.index, text: piece });
    return true;
  };
  const reader = {
    finished: false,
    take(data: string) {
      if (reader.finished || plainText(data)) return;
      const event = parsed(data);
      if (!isObject(event)) throw wrong("an event that is no JSON object");
      const type = text(event.type);
      if (type === "error") throw reading.failure(data);
      const handle = own(handlers, type);
      if (handle) handle(event);
      else reading.unknown(type);
    },
  };
  return reader;
};

const opened = (index: number, block: JsonObject): Open => {
  if (block.type === "text") return { kind: "text", index, head: headOf(index) };
  if (block.type === "thinking") return { kind: "thinking", index };
  if (block.type === "tool_use") return { kind: "tool", index, id: text(block.id), name: text(block.name), input: block.input, json: "" };
  return { kind: "other", index, block, json: "" };
};

const sayThinking = (say: Says, index: number, block: JsonObject) => {
  const signature = text(block.signature);
  if (text(block.thinking) || signature) say({ type: "thinking", index, text: text(block.thinking), ...(signature ? { signature } : {}) });
};

const kept = (block: JsonObject, json: string): ContentBlock => {
  if (block.type === "redacted_thinking") return { type: "redacted_thinking", data: text(block.data) };
  const input = json.trim() === "" ? undefined : parsed(json);
  return { type: "opaque", block: input === undefined ? block : { ...block, input } };
};

/** Says a whole message that was not streamed. False when it is none. */
export const sayMessage = (body: Json | undefined, reading: Reading): boolean => {
  if (!isObject(body) || body.type !== "message" || !Array.isArray(body.content)) return false;
  const { say, requestId } = reading;
  say({ type: "start", model: text(body.model), id: text(body.id), requestId });
  list(body.content).forEach((value, index) => {
    const block = object(value);
    const open = opened(index, block);
    if (open.kind === "text") say({ type: "text", index, text: text(block.text) });
    else if (open.kind === "thinking") sayThinking(say, index, block);
    else if (open.kind === "other") say({ type: "block", index, block: kept(block, "") });
    else {
      say({ type: "tool_call_start", index, id: open.id, name: open.name });
      sayCall(reading, open);
    }
  });
  say({ type: "usage", usage: mergeUsage(noUsage, body.usage) });
  say({ type: "finish", stopReason: text(body.stop_reason), stopSequence: textOrNull(body.stop_sequence) });
  return true;
};

/** What is told replaces what was told before; what is absent or null stays. */
const mergeUsage = (before: Usage, given: Json | undefined): Usage => {
  const now = object(given);
  const split = object(now.cache_creation);
  const hour = count(split.ephemeral_1h_input_tokens) ?? before.cache_creation_1h_input_tokens ?? 0;
  const parts = isObject(now.cache_creation) ? (count(split.ephemeral_5m_input_tokens) ?? 0) + hour : undefined;
  return {
    input_tokens: count(now.input_tokens) ?? before.input_tokens,
    output_tokens: count(now.output_tokens) ?? before.output_tokens,
    cache_creation_input_tokens: count(now.cache_creation_input_tokens) ?? parts ?? before.cache_creation_input_tokens,
    cache_read_input_tokens: count(now.cache_read_input_tokens) ?? before.cache_read_input_tokens,
    ...(hour ? { cache_creation_1h_input_tokens: hour } : {}),
    cost_usd: null,
    duration_ms: null,
  };
};
