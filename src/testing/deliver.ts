/** Puts an answer on the socket, whole or broken as asked. Knows bytes and events, and no wire. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./script.ts";
import type { SseEvent } from "./wires/wire.ts";

export interface Delivery {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  /** The body: a list of events when it is streamed, else one text. */
  readonly body: string | readonly SseEvent[];
  readonly fault?: Fault | undefined;
  /** What `error_event` (or `failed`) sends, and `other_message` and `unknown_events` mix in. */
  readonly errorEvent?: SseEvent | undefined;
  readonly otherEvents?: readonly SseEvent[] | undefined;
  readonly foreignEvent?: SseEvent | undefined;
  readonly delayMs: number;
  readonly deltaDelayMs: number;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** Resolves with "cut" when a fault has destroyed the socket, else "sent". Rejects with an AbortError when the signal ends it before. */
export async function deliver(res: ServerResponse, delivery: Delivery): Promise<"sent" | "cut"> {
  const { fault, signal } = delivery;
  if (delivery.delayMs > 0) await sleep(delivery.delayMs, undefined, { signal });
  if (fault?.kind === "cut_before_headers") return cut(res);
  if (fault?.kind === "silence" && fault.after === "nothing") return silent(res, fault.limit_ms, signal);
  res.writeHead(delivery.status, { ...delivery.headers });
  if (fault?.kind === "silence" && fault.after === "headers") {
    res.flushHeaders();
    return silent(res, fault.limit_ms, signal);
  }
  const parts = partsOf(delivery);
  if (fault?.kind === "cut" || fault?.kind === "silence") return broken(res, delivery, parts, fault);
  if (fault?.kind === "split_utf8") await paced(res, shards(Buffer.from(parts.join(""))), 0, signal);
  else if (fault?.kind === "drip") await paced(res, bytesOf(parts.join("")), fault.ms ?? 1, signal);
  else if (delivery.deltaDelayMs > 0) await paced(res, parts, delivery.deltaDelayMs, signal);
  else if (fault?.kind !== "slow_close") {
    res.end(parts.join(""));
    return "sent";
  } else await paced(res, [parts.join("")], 0, signal);
  if (fault?.kind === "slow_close") await sleep(fault.ms ?? 1000, undefined, { signal });
  res.end();
  return "sent";
}

function cut(res: ServerResponse): "cut" {
  res.destroy();
  return "cut";
}

/** The texts to write, one an event. */
function partsOf(delivery: Delivery): readonly string[] {
  const { body, fault } = delivery;
  if (typeof body === "string") return [fault?.kind === "malformed_json" ? half(body) : body];
  const crlf = fault?.kind === "splice" && fault.with.includes("crlf");
  const encoded = altered(body, delivery).map(encode);
  const commented =
    fault?.kind === "splice" && fault.with.includes("comments") ? encoded.map((part) => `: a comment\n\n\n:\n${part}`) : encoded;
  return crlf ? commented.map((part) => part.replaceAll("\n", "\r\n")) : commented;
}

function altered(events: readonly SseEvent[], { fault, errorEvent, otherEvents, foreignEvent }: Delivery): readonly SseEvent[] {
  switch (fault?.kind) {
    case "no_stop":
      return events.filter((event) => !event.closing);
    case "duplicate":
      return events.flatMap((event, i) => (fault.event === undefined || fault.event === i ? [event, event] : [event]));
    case "malformed_json": {
      const at = fault.event ?? Math.floor(events.length / 2);
      return events.map((event, i) => (i === at ? { ...event, data: half(event.data) } : event));
    }
    case "error_event":
      return [...events.slice(0, fault.after ?? 3), ...(errorEvent ? [errorEvent] : [])];
    case "failed":
      return errorEvent ? [...events.filter((event) => !event.closing), errorEvent] : events;
    case "splice":
      return events.flatMap((event, i) => [
        ...(fault.with.includes("unknown_events") && foreignEvent ? [foreignEvent] : []),
        event,
        ...(fault.with.includes("other_message") && otherEvents?.[i] ? [otherEvents[i]] : []),
      ]);
    default:
      return events;
  }
}

const half = (text: string): string => text.slice(0, Math.max(1, Math.floor(text.length / 2)));
const encode = ({ event, data }: SseEvent): string => `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`;

/** Resolves when the bytes have left the process, so that a cut after them does not swallow them. */
const flushed = (res: ServerResponse, part: string): Promise<void> =>
  new Promise((resolve, reject) => {
    res.write(part, (error) => (error ? reject(error) : resolve()));
  });

async function silent(res: ServerResponse, limitMs: number | undefined, signal: AbortSignal): Promise<"cut"> {
  await sleep(limitMs ?? 30_000, undefined, { signal });
  return cut(res);
}

async function paced(res: ServerResponse, parts: Iterable<string | Uint8Array>, ms: number, signal: AbortSignal): Promise<void> {
  let first = true;
  for (const part of parts) {
    if (!first && ms > 0) await sleep(ms, undefined, { signal });
    first = false;
    if (!res.write(part)) await once(res, "drain", { signal });
  }
}

async function broken(
  res: ServerResponse,
  { body, deltaDelayMs, signal }: Delivery,
  parts: readonly string[],
  fault: Extract<Fault, { readonly kind: "cut" | "silence" }>,
): Promise<"cut"> {
  const after = typeof fault.after === "number" ? fault.after : 3;
  const kept = typeof body === "string" ? [half(body)] : parts.slice(0, after);
  if (deltaDelayMs > 0) await paced(res, kept.slice(0, -1), deltaDelayMs, signal);
  const last = deltaDelayMs > 0 ? (kept.at(-1) ?? "") : kept.join("");
  if (last) await flushed(res, last);
  else res.flushHeaders();
  return fault.kind === "silence" ? silent(res, fault.limit_ms, signal) : cut(res);
}

/** Pieces of 1 to 3 bytes; a byte beyond ASCII always goes alone. */
function* shards(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const piece = bytes.subarray(at, at + 1 + (n % 3));
    const beyond = piece.findIndex((byte) => byte >= 0x80);
    const size = beyond < 0 ? piece.length : Math.max(1, beyond);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

function* bytesOf(text: string): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
}
