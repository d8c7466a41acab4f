/** What the offline model is told to say, in words that belong to no vendor's wire. Everything here but a function is plain JSON. */
import type { JsonObject } from "../contract/schema.ts";
import type { Expected } from "./match.ts";

/**
 * Why the model stopped. Anthropic's words and two more; another wire maps them to its own.
 * "content_filter": a filter ended the answer. "prompt_blocked": a filter refused the request, and nothing is said, whatever the turn holds.
 */
export type StopReason =
  | "end_turn"
  | "max_tokens"
  | "stop_sequence"
  | "tool_use"
  | "pause_turn"
  | "refusal"
  | "model_context_window_exceeded"
  | "content_filter"
  | "prompt_blocked";

/** Token counts. Cached tokens are not inside `input_tokens`, as on Anthropic's wire; a wire that counts them inside adds them up. */
export interface TurnUsage {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cache_read_input_tokens?: number;
  /** Left out: the sum of `cache_creation`. */
  readonly cache_creation_input_tokens?: number;
  /** Left out: all of `cache_creation_input_tokens` were written for five minutes. */
  readonly cache_creation?: { readonly ephemeral_5m_input_tokens: number; readonly ephemeral_1h_input_tokens: number };
  /** The part of `output_tokens` that was spent on thinking. */
  readonly thinking_tokens?: number;
}

export interface ScriptedCall {
  /** Left out: `toolu_000001` (`call_000001`) and so on, never one that the conversation already holds. Gemini sends no id when it is empty. */
  readonly id?: string;
  readonly name: string;
  readonly input: JsonObject;
  /** The JSON text to stream in place of `input`'s. It need not be whole, nor valid; Gemini, which sends objects, then finishes with MALFORMED_FUNCTION_CALL. */
  readonly json?: string;
}

/** `signature` is Anthropic's, OpenAI's `encrypted_content` (sent where the request includes it), and Gemini's `thoughtSignature` of what follows. */
export type ScriptedThinking = string | { readonly text: string; readonly signature?: string };

/**
 * One answer of the model. Blocks come in the order thinking, redacted_thinking, text, tool_calls; `content` replaces them all.
 * What is left out: usage is estimated from lengths, `stop_reason` follows from the content, text is streamed in pieces of 16 characters.
 */
export interface Turn {
  /** A list is one text block each. */
  readonly text?: string | readonly string[];
  readonly thinking?: ScriptedThinking | readonly ScriptedThinking[];
  readonly redacted_thinking?: string | readonly string[];
  readonly tool_calls?: readonly ScriptedCall[];
  /** Blocks in Anthropic's form, sent as they are. Another wire says what it has words for: text, thinking, redacted_thinking, tool_use. */
  readonly content?: readonly JsonObject[];
  readonly usage?: TurnUsage;
  readonly stop_reason?: StopReason;
  /** The wire's own word, sent in place of the one for `stop_reason`: `RECITATION`, say, which only Gemini has. */
  readonly native_stop?: string;
  readonly stop_sequence?: string;
  /** Only with `stop_reason: "refusal"`: Anthropic's details of it. Its `explanation` is what OpenAI's wires say when the turn has no text. */
  readonly stop_details?: JsonObject;
  /** Left out: the model that was asked for. */
  readonly model?: string;
  /** How the text is split when streamed; joined they are the text. Only for a single text block. */
  readonly chunks?: readonly string[];
  /** Code points in one delta. Default 16. */
  readonly chunk_size?: number;
  /** Milliseconds before the first byte. Default 0. */
  readonly delay_ms?: number;
  /** Milliseconds between two events. Default 0. */
  readonly delta_delay_ms?: number;
  readonly fault?: Fault;
  /** What the request must look like. Where it does not, the answer is a 400 that says where, and `expectDone` throws. */
  readonly expect?: Expected;
}

export type Splice = "other_message" | "comments" | "unknown_events" | "crlf";

/** What goes wrong with one answer. "Stream only" ones asked of an answer that is not streamed are a mistake in the script. */
export type Fault =
  /** An error answer in the vendor's form. `type` and `message` follow from the status when left out; `retry_after` is in seconds. */
  | {
      readonly kind: "status";
      readonly status: number;
      /** Gemini's `status`. */
      readonly type?: string;
      readonly message?: string;
      /** OpenAI's; the `reason` in Gemini's details. */
      readonly code?: string;
      /** OpenAI's alone. */
      readonly param?: string;
      /** Gemini's `RetryInfo`. */
      readonly retry_after?: number;
      readonly headers?: { readonly [name: string]: string };
    }
  /** The socket dies after that many events (not streamed: after half of the body). Default 3. */
  | { readonly kind: "cut"; readonly after?: number }
  | { readonly kind: "cut_before_headers" }
  /** Every write is 1 to 3 bytes, and every character beyond ASCII is split. */
  | { readonly kind: "split_utf8" }
  /** The JSON of one event (0-based; default: the middle one), or of the body, is broken off. */
  | { readonly kind: "malformed_json"; readonly event?: number }
  /** Nothing comes any more: not even headers, only headers, or that many events. Ends after `limit_ms` (default 30000) at the latest. */
  | { readonly kind: "silence"; readonly after: "nothing" | "headers" | number; readonly limit_ms?: number }
  /** One byte every `ms` (default 1). */
  | { readonly kind: "drip"; readonly ms?: number }
  /** Stream only. Every event twice, or only the one named (0-based). */
  | { readonly kind: "duplicate"; readonly event?: number }
  /** Stream only. Foreign matter between the events. Only "other_message" makes the stream wrong: the others a client must bear. */
  | { readonly kind: "splice"; readonly with: readonly Splice[] }
  /** Stream only. After that many events (default 3) comes an error event, and the stream ends. Default type "overloaded_error". */
  | { readonly kind: "error_event"; readonly type?: string; readonly message?: string; readonly after?: number }
  /**
   * The model fails when all is said. OpenAI's Responses say so in a 200, with `status: "failed"` and `code` (default "server_error").
   * On other wires it is an error event in the place of the message's end; not streamed, it is a 500.
   */
  | { readonly kind: "failed"; readonly code?: string; readonly message?: string }
  /** Stream only. The stream ends properly, but without the events that end the message. */
  | { readonly kind: "no_stop" }
  /** A 200 whose body is a page of a proxy. */
  | { readonly kind: "non_json_200"; readonly content_type?: string; readonly body?: string }
  /** Everything is sent at once, but the answer stays open for `ms` (default 1000). */
  | { readonly kind: "slow_close"; readonly ms?: number };

/** Any tool call or result or text in a conversation, whatever the wire. */
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_call"; readonly id: string; readonly name: string; readonly input: JsonObject }
  | { readonly type: "tool_result"; readonly id: string; readonly text: string; readonly is_error: boolean };

/** What a request asks, whatever the wire: enough for a script function to answer it. */
export interface Asked {
  readonly model: string;
  readonly stream: boolean;
  readonly system: string;
  readonly messages: readonly { readonly role: "user" | "assistant"; readonly parts: readonly Part[] }[];
  /** Names of the tools that may be called; none when the request forbids calls. */
  readonly tools: readonly string[];
  readonly thinking: "off" | "on" | "omitted";
  /** Length of everything the model would read, in characters. */
  readonly length: number;
}

export interface ModelRequest extends Asked {
  readonly wire: string;
  readonly path: string;
  readonly body: JsonObject;
  /** Aborted when the client goes away or the server closes. */
  readonly signal: AbortSignal;
}

/** `index` is 0-based and counts the calls of this function. `undefined` means that the script is over. */
export type ScriptFunction = (request: ModelRequest, index: number) => Turn | undefined | Promise<Turn | undefined>;
export type Script = readonly Turn[] | ScriptFunction;

export class ScriptError extends Error {
  override readonly name = "ScriptError";
  readonly code = "testing.script.invalid";
  /** Where in the script, as in `turns.2.fault.kind`. */
  readonly path: string;
  constructor(path: string, message: string) {
    super(`${path}: ${message}`);
    this.path = path;
  }
}

const turnKeys: { readonly [K in keyof Required<Turn>]: true } = {
  text: true,
  thinking: true,
  redacted_thinking: true,
  tool_calls: true,
  content: true,
  usage: true,
  stop_reason: true,
  native_stop: true,
  stop_sequence: true,
  stop_details: true,
  model: true,
  chunks: true,
  chunk_size: true,
  delay_ms: true,
  delta_delay_ms: true,
  fault: true,
  expect: true,
};
const faultKinds: { readonly [K in Fault["kind"]]: "any" | "stream" } = {
  status: "any",
  cut: "any",
  cut_before_headers: "any",
  split_utf8: "any",
  malformed_json: "any",
  silence: "any",
  drip: "any",
  duplicate: "stream",
  splice: "stream",
  error_event: "stream",
  failed: "any",
  no_stop: "stream",
  non_json_200: "any",
  slow_close: "any",
};

/** Whether a fault makes sense only in a streamed answer. */
export const streamOnly = (fault: Fault): boolean => faultKinds[fault.kind] === "stream";

/**
 * A script out of a file or written by hand, checked.
 * @throws ScriptError with the path of an unknown key, an unknown fault, or parts of a turn that contradict each other.
 */
export function scripted(turns: readonly Turn[], path = "turns"): readonly Turn[] {
  if (!Array.isArray(turns)) throw new ScriptError(path, "a script is a list of turns, or a function; wrap a single turn in a list");
  turns.forEach((turn, i) => {
    checkTurn(turn, `${path}.${i}`);
  });
  return turns;
}

export function checkTurn(turn: Turn, path: string): void {
  if (typeof turn !== "object" || turn === null) throw new ScriptError(path, "a turn is an object, such as { text: 'hello' }");
  for (const key of Object.keys(turn)) {
    if (!(key in turnKeys)) throw new ScriptError(`${path}.${key}`, `unknown key; a turn has ${Object.keys(turnKeys).join(", ")}`);
  }
  const { fault, chunks, text } = turn;
  if (fault && !(fault.kind in faultKinds)) {
    throw new ScriptError(`${path}.fault.kind`, `unknown fault; there are ${Object.keys(faultKinds).join(", ")}`);
  }
  if (chunks && Array.isArray(text))
    throw new ScriptError(`${path}.chunks`, "chunks split one text block; leave out text, or make it one string");
  if (chunks && typeof text === "string" && chunks.join("") !== text)
    throw new ScriptError(`${path}.chunks`, "joined they are not the text");
}
