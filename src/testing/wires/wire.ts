/** What a vendor's wire must know to be spoken by the offline model. The script, the faults and the recording know none of it. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import type { Asked, Turn } from "../script.ts";

export interface WireCall {
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
  answer(turn: Turn, asked: Asked, ids: Ids): WireAnswer;
  error(error: WireError, ids: Ids): { readonly headers: { readonly [name: string]: string }; readonly body: JsonObject };
  errorEvent(error: WireError, ids: Ids): SseEvent;
  /** Headers of every answer. */
  headers(ids: Ids): { readonly [name: string]: string };
}

export const number6 = (n: number): string => String(n).padStart(6, "0");

/** Text in pieces of so many code points. */
export function pieces(text: string, size: number): string[] {
  const points = [...text];
  const out: string[] = [];
  for (let at = 0; at < points.length; at += size) out.push(points.slice(at, at + size).join(""));
  return out;
}
