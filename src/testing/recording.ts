/** What the offline model keeps of every request. */
import type { IncomingMessage } from "node:http";
import type { Json } from "../contract/schema.ts";

export interface RecordedRequest {
  /** 0-based, in the order in which the requests were read to their end. */
  readonly index: number;
  /** Which wire it spoke: "anthropic", "openai-responses", "openai-chat", "gemini"; "models" for a question about models; null when no wire serves the path. */
  readonly wire: string | null;
  readonly method: string;
  /** With its query. A key in the query is redacted. */
  readonly path: string;
  /** Lower-case names; credentials are redacted, a scheme such as `Bearer` is kept. */
  readonly headers: { readonly [name: string]: string };
  /** Parsed; undefined when it is no JSON. */
  readonly body: Json | undefined;
  /** 0-based turn of the script, or recording of the cassette, that answered; null when none did. */
  readonly turn: number | null;
  /** Status that was sent. Null when none was, and as long as the answer is open. */
  readonly status: number | null;
  /** The client went away before the answer was whole. */
  readonly aborted: boolean;
  /** Milliseconds from the end of the request to the end of its answer, or to the abort. Null while it is open. */
  readonly duration_ms: number | null;
  /** Why this request was not one that the script foresaw. */
  readonly problem: string | null;
}
export type Recording = { -readonly [K in keyof RecordedRequest]: RecordedRequest[K] };

const secret = /^(x-api-key|authorization|proxy-authorization|x-goog-api-key|api-key|cookie)$/;

export function redactedHeaders(req: IncomingMessage): { [name: string]: string } {
  const out: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(req.headers)) {
    const text = Array.isArray(value) ? value.join(", ") : (value ?? "");
    out[name] = secret.test(name) ? text.replace(/^(\w+ )?.*$/s, "$1[redacted]") : text;
  }
  return out;
}

export const redactedPath = (url: string): string => url.replace(/([?&](?:key|api[-_]key|access_token)=)[^&]*/gi, "$1[redacted]");

/** A body of at most `limit` bytes; null when it is longer. */
export async function bodyOf(req: IncomingMessage, limit: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
  }
  return size > limit ? null : Buffer.concat(chunks);
}

export function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
