/** What a vendor's wire must know to be spoken by the offline model. The script, the faults and the recording know none of it. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import type { Asked, Turn } from "../script.ts";

export interface WireCall {
  /** As on the request line, with its query. */
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: Json | undefined;
}

/** One server-sent event. `data` is the text of its data line. */
export interface SseEvent {
  readonly event?: string;
  readonly data: string;
  /** It belongs to the end of the message: without these a stream is truncated. */
  readonly closing?: true;
}

export interface WireAnswer {
  readonly json: JsonObject;
  readonly events: readonly SseEvent[];
}

export interface WireError {
  readonly status: number;
  readonly type?: string | undefined;
  readonly message?: string | undefined;
  /** Words that OpenAI's errors have. */
  readonly code?: string | null | undefined;
  readonly param?: string | null | undefined;
  /** Seconds. */
  readonly retry_after?: number | undefined;
}

export interface Ids {
  /** 1-based number of the request. */
  readonly request: number;
  /** The next number for a tool call; the conversation holds no such number yet. */
  readonly nextCall: () => number;
}

export interface Wire {
  readonly name: string;
  serves(method: string, path: string): boolean;
  /** What the vendor would refuse at once: no credentials, a malformed request. */
  refuse(call: WireCall): WireError | null;
  /** Only called with a body that was not refused. */
  read(call: WireCall): Asked;
  /** @throws ScriptError when the turn holds what the wire has no words for. */
  answer(turn: Turn, asked: Asked, call: WireCall, ids: Ids): WireAnswer;
  /** The answer of a model that failed, on a wire that has a form for it. */
  failed?(error: WireError, turn: Turn, asked: Asked, call: WireCall, ids: Ids): WireAnswer;
  error(error: WireError, ids: Ids): { readonly headers: { readonly [name: string]: string }; readonly body: JsonObject };
  /** `at` is how many events come before. */
  errorEvent(error: WireError, ids: Ids, at: number): SseEvent;
  /** One that no client knows yet, and every client must bear. */
  foreignEvent(ids: Ids): SseEvent;
  /** Headers of every answer. */
  headers(ids: Ids): { readonly [name: string]: string };
}

export const number6 = (n: number): string => String(n).padStart(6, "0");

/** Seconds since 1970 on wires that say when: always the same, so that an answer repeats. */
export const createdAt = 1_790_000_000;

export const retryHeader = ({ retry_after }: WireError): { readonly [name: string]: string } =>
  retry_after === undefined ? {} : { "retry-after": String(retry_after) };

export const objects = (value: Json | undefined): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a tool's result tells of a failure, on a wire that has no mark for it: it begins with "error", or is a JSON object with a key `error`. */
export const tellsFailure = (text: string): boolean => /^\W{0,2}error\b/i.test(text) || /^\{\s*"error"\s*:/.test(text);

/** Length of values as JSON, in characters. */
export const lengthOf = (...values: readonly (Json | undefined)[]): number =>
  values.reduce<number>((sum, v) => sum + (v === undefined ? 0 : JSON.stringify(v).length), 0);

/** Text in pieces of so many code points. */
export function pieces(text: string, size: number): string[] {
  const points = [...text];
  const out: string[] = [];
  for (let at = 0; at < points.length; at += size) out.push(points.slice(at, at + size).join(""));
  return out;
}
