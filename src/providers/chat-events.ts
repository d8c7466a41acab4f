/** Chat Completions' answers as our events, streamed and not. */
import { incomplete } from "../contract/collect.ts";
import { APIError } from "../contract/errors.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import { noUsage, type Usage } from "../contract/usage.ts";
import { callReader } from "./chat-calls.ts";
import { shortcut, type Voice } from "./chat-shortcut.ts";
import { garbled } from "./failure.ts";
import { count, isObject, list, object, parsed, text } from "./json.ts";
import type { Reading, StreamReader } from "./wire.ts";

/** Told when a whole answer had no usage. True the first time. */
type Uncounted = () => boolean;

/** Reads a stream. It is whole at its end mark, or where it ends, if its reason to stop was told. */
export const streamReader = (reading: Reading, uncounted: Uncounted): StreamReader => {
  const answer = answerReader(reading, uncounted);
  const finish = () => {
    answer.end(null);
    reader.finished = true;
  };
  const reader = {
    finished: false,
    take(data: string) {
      if (reader.finished || answer.plain(data)) return;
      if (data.trim() === "[DONE]") return finish();
      const chunk = parsed(data);
      if (!isObject(chunk)) throw garbled("a chunk that is no JSON object", reading);
      answer.take(chunk, data);
    },
    end: finish,
  };
  return reader;
};

/** Says an answer that was not streamed. False when it is none. */
export const sayCompletion = (body: Json | undefined, reading: Reading, uncounted: Uncounted): boolean => {
  if (!isObject(body) || !isObject(choiceOf(body)?.message)) return false;
  const answer = answerReader(reading, uncounted);
  answer.take(body, "");
  answer.end("stop");
  return true;
};

/** The first choice; the others are alternatives that nobody asked for. */
const choiceOf = (chunk: JsonObject): JsonObject | undefined => {
  for (const choice of list(chunk.choices)) if (isObject(choice) && (choice.index ?? 0) === 0) return choice;
  return undefined;
};

const answerReader = (reading: Reading, uncounted: Uncounted) => {
  const { say, requestId, provider } = reading;
  let id: string | undefined;
  let index = -1;
  let open: Voice | undefined;
  const short = shortcut();
  let counted = false;
  let stop: { readonly reason: string; readonly sequence: string | null } | undefined;
  let refused = false;
  const calls = callReader(
    reading,
    () => {
      open = undefined;
      return ++index;
    },
    (nth) => `call_${(id ?? "").replaceAll(/[^a-zA-Z0-9_-]/g, "").slice(-20)}_${nth}`,
  );

  const grow = (type: Voice, said: string) => {
    if (said === "") return;
    if (open !== type) {
      calls.end(false);
      index++;
      open = type;
    }
    say({ type, index, text: said });
  };
  const begin = (chunk: JsonObject) => {
    const named = text(chunk.id);
    if (id === undefined) say({ type: "start", model: text(chunk.model), id: named, requestId });
    else if (id && named && id !== named) throw garbled("a second answer begins", reading);
    id ||= named;
  };
  const hear = (message: JsonObject) => {
    grow("thinking", text(message.reasoning_content) || text(message.reasoning));
    const { content } = message;
    if (typeof content === "string") grow("text", content);
    else for (const part of list(content)) hearPart(object(part), grow, reading);
    if (text(message.refusal)) {
      refused = true;
      grow("text", text(message.refusal));
    }
    for (const call of list(message.tool_calls)) calls.take(call);
  };
  const bill = (chunk: JsonObject) => {
    if (!isObject(chunk.usage)) return;
    counted = true;
    say({ type: "usage", usage: usageOf(chunk.usage) });
  };
  return {
    /** The commonest chunk, without building its object. False: it is another one. */
    plain(data: string): boolean {
      const piece = short.piece(data, open);
      if (piece === "" || !open) return false;
      say({ type: open, index, text: piece });
      return true;
    },
    take(chunk: JsonObject, data: string) {
      if ((chunk.error !== undefined && chunk.error !== null) || chunk.object === "error") throw reading.failure(JSON.stringify(chunk));
      const choice = choiceOf(chunk);
      if (!choice && !Array.isArray(chunk.choices) && !isObject(chunk.usage)) return reading.unknown(text(chunk.object) || "chunk");
      if (choice || text(chunk.id)) begin(chunk);
      bill(chunk);
      if (!choice) return;
      const message = object(choice.delta ?? choice.message);
      hear(message);
      if (text(choice.finish_reason)) {
        const sequence = typeof choice.stop_reason === "string" ? choice.stop_reason : null;
        stop = { reason: text(choice.finish_reason), sequence };
      } else if (open && !isObject(chunk.usage)) short.learn(data, message, open);
    },
    /** The answer is whole. `reason`: why it stopped, if it did not say so itself. */
    end(reason: string | null) {
      const why = stop ?? (reason === null ? undefined : { reason, sequence: null });
      if (!why) throw incomplete(provider);
      const stopReason = stopReasonOf(why, refused, calls.any(), reading);
      calls.end(stopReason !== "tool_use");
      if (!counted && uncounted()) reading.notice("feature_unsupported", { field: "usage" });
      say({ type: "finish", stopReason, stopSequence: stopReason === "stop_sequence" ? why.sequence : null });
    },
  };
};

/** Some servers write the content as parts, thinking among them. */
const hearPart = (part: JsonObject, grow: (type: Voice, said: string) => void, { unknown }: Reading) => {
  if (part.type === "text") grow("text", text(part.text));
  else if (part.type === "thinking") for (const said of list(part.thinking)) grow("thinking", text(object(said).text));
  else unknown(`content.${text(part.type)}`);
};

const STOPS: { readonly [reason: string]: string } = {
  length: "max_tokens",
  model_length: "model_context_window_exceeded",
  content_filter: "content_filter",
  refusal: "refusal",
};
/** With these the server failed: what it said is no answer. */
const FAILED = ["error", "abort", "insufficient_system_resource"];

/** Any other reason ends the turn, or asks for the calls that were made. Throws for the server's own failures. */
const stopReasonOf = (
  { reason, sequence }: { readonly reason: string; readonly sequence: string | null },
  refused: boolean,
  called: boolean,
  { provider, requestId }: Reading,
): string => {
  if (FAILED.includes(reason))
    throw new APIError(`${provider}: the answer broke off (${reason}). Try again.`, {
      code: "exec.api.server_error",
      requestId,
      details: { provider, finish_reason: reason },
    });
  if (Object.hasOwn(STOPS, reason)) return STOPS[reason] ?? reason;
  if (called) return "tool_use";
  return refused ? "refusal" : sequence === null ? "end_turn" : "stop_sequence";
};

/** The prompt's count holds what was read from the cache and written to it. */
const usageOf = (given: JsonObject): Usage => {
  const details = object(given.prompt_tokens_details);
  const read = count(details.cached_tokens) ?? count(given.prompt_cache_hit_tokens) ?? 0;
  const wrote = count(details.cache_write_tokens) ?? 0;
  return {
    ...noUsage,
    input_tokens: Math.max(0, (count(given.prompt_tokens) ?? 0) - read - wrote),
    output_tokens: count(given.completion_tokens) ?? 0,
    cache_creation_input_tokens: wrote,
    cache_read_input_tokens: read,
  };
};
