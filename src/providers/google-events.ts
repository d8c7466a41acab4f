/** Gemini's answers as our events. Streamed or not, they come in pieces of one form. */
import { incomplete } from "../contract/collect.ts";
import { APIError, type ErrorCode } from "../contract/errors.ts";
import type { ContentBlock } from "../contract/message.ts";
import { type Json, type JsonObject, own } from "../contract/schema.ts";
import { noUsage, type Usage } from "../contract/usage.ts";
import { sayCall } from "./arguments.ts";
import { garbled } from "./failure.ts";
import { kept, signature } from "./google-kept.ts";
import { count, isObject, list, object, parsed, text } from "./json.ts";
import type { Reading, StreamReader } from "./wire.ts";

/** Names at the top of a piece; whoever has none of the first three says nothing of an answer. */
const SAYS = ["candidates", "promptFeedback", "usageMetadata"];
const KNOWN = new Set([...SAYS, "modelVersion", "responseId", "createTime", "modelStatus"]);

const isAnswer = (piece: JsonObject): boolean => SAYS.some((key) => isObject(piece[key]) || Array.isArray(piece[key]));

/** Reads a stream: it has no end mark, so that it is whole when it has ended and its reason to stop was told. */
export const streamReader = (reading: Reading): StreamReader => {
  const answer = answerReader(reading);
  const reader = {
    finished: false,
    take(data: string) {
      const piece = parsed(data);
      if (!isObject(piece)) throw garbled("a piece that is no JSON object", reading);
      answer.take(piece);
    },
    end() {
      answer.end();
      reader.finished = true;
    },
  };
  return reader;
};

/** Says an answer that was not streamed, or one that was as a list. False when it is none. */
export const sayAnswer = (body: Json | undefined, reading: Reading): boolean => {
  const pieces = Array.isArray(body) ? body.filter(isObject) : isObject(body) ? [body] : [];
  if (!pieces.some(isAnswer)) return false;
  const answer = answerReader(reading);
  for (const piece of pieces) answer.take(piece);
  answer.end();
  return true;
};

/** Reads an answer's pieces, one or many. Its methods throw `APIError`; `end` says `finish`. */
const answerReader = (reading: Reading) => {
  const { say, requestId } = reading;
  let id: string | undefined;
  let index = -1;
  let open: "text" | "thinking" | undefined;
  let calls = 0;
  let counts: JsonObject = {};
  let stop: Stop | undefined;
  let blocked = false;

  const grow = (type: "text" | "thinking", said: string) => {
    if (open !== type) index++;
    open = type;
    say({ type, index, text: said });
  };
  const block = (content: ContentBlock) => {
    open = undefined;
    say({ type: "block", index: ++index, block: content });
  };
  const call = (made: JsonObject) => {
    const name = text(made.name);
    const own = text(made.id) || `call_${(id ?? "").replaceAll(/[^a-zA-Z0-9_-]/g, "")}_${calls + 1}`;
    calls++;
    open = undefined;
    say({ type: "tool_call_start", index: ++index, id: own, name });
    // The vendor's arguments are an object; gateways send its text.
    const { args } = made;
    sayCall(reading, { index, id: own, name, json: text(args), ...(typeof args === "string" ? {} : { input: args }) });
  };
  const take = (part: JsonObject) => {
    const signed = text(part.thoughtSignature);
    if (isObject(part.functionCall)) call(part.functionCall);
    else if (Object.keys(part).some((key) => key !== "text" && key !== "thought" && key !== "thoughtSignature")) return block(kept(part));
    else if (text(part.text)) grow(part.thought === true ? "thinking" : "text", text(part.text));
    else if (signed) return block(kept({ text: "", ...part }));
    if (signed) block(signature(signed));
  };
  const begin = (piece: JsonObject) => {
    const named = text(piece.responseId);
    if (id === undefined) say({ type: "start", model: text(piece.modelVersion), id: named, requestId });
    else if (id && named && id !== named) throw garbled("a second answer begins", reading);
    id ||= named;
  };
  return {
    take(piece: JsonObject) {
      if (isObject(piece.error)) throw reading.failure(JSON.stringify(piece));
      for (const key in piece) if (!KNOWN.has(key)) reading.unknown(key);
      if (!isAnswer(piece)) return;
      begin(piece);
      const candidate = object(list(piece.candidates).find((one) => (object(one).index ?? 0) === 0));
      for (const part of list(object(candidate.content).parts)) take(object(part));
      const reason = text(candidate.finishReason);
      if (reason) stop = { reason, message: text(candidate.finishMessage) };
      if (text(object(piece.promptFeedback).blockReason)) blocked = true;
      if (!isObject(piece.usageMetadata)) return;
      counts = { ...counts, ...piece.usageMetadata };
      say({ type: "usage", usage: usageOf(counts) });
    },
    end() {
      if (stop) say({ type: "finish", stopReason: stopReasonOf(stop, calls > 0, requestId) });
      else if (blocked) say({ type: "finish", stopReason: "refusal" });
      else throw incomplete("google");
    },
  };
};

interface Stop {
  readonly reason: string;
  readonly message: string;
}
/** With these the model failed: what it said is no answer. */
const FAILED: { readonly [reason: string]: ErrorCode } = {
  MALFORMED_FUNCTION_CALL: "exec.api.server_error",
  MALFORMED_RESPONSE: "exec.api.server_error",
  UNEXPECTED_TOOL_CALL: "exec.api.server_error",
  TOO_MANY_TOOL_CALLS: "exec.api.server_error",
  MISSING_THOUGHT_SIGNATURE: "exec.api.bad_request",
};
const STOPS: { readonly [reason: string]: string } = {
  MAX_TOKENS: "max_tokens",
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  LANGUAGE: "content_filter",
  BLOCKLIST: "content_filter",
  SPII: "content_filter",
  IMAGE_SAFETY: "content_filter",
  IMAGE_RECITATION: "content_filter",
  IMAGE_PROHIBITED_CONTENT: "content_filter",
  PROHIBITED_CONTENT: "refusal",
};

/** STOP, and any reason that is not known, ends the turn, or asks for the calls that were made. Throws for the model's own failures. */
const stopReasonOf = ({ reason, message }: Stop, called: boolean, requestId: string | null): string => {
  const code = own(FAILED, reason);
  if (code)
    throw new APIError(`google: the model's answer cannot be used (${reason})${message ? `: ${message.slice(0, 500)}` : ""}`, {
      code,
      requestId,
      details: { provider: "google", finish_reason: reason },
    });
  return own(STOPS, reason) ?? (called ? "tool_use" : "end_turn");
};

/** The prompt's count holds what was read from the cache; the answer's does not hold the thoughts. */
const usageOf = (counts: JsonObject): Usage => {
  const of = (key: string) => count(counts[key]) ?? 0;
  const cached = of("cachedContentTokenCount");
  return {
    ...noUsage,
    input_tokens: Math.max(0, of("promptTokenCount") + of("toolUsePromptTokenCount") - cached),
    output_tokens: of("candidatesTokenCount") + of("thoughtsTokenCount"),
    cache_read_input_tokens: cached,
  };
};
