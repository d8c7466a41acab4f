/** A server at an address: requests to its own origin alone, each ended with the call that it is for, and answers of a bounded size. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { FetchLike, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

/** Bytes that an answer may have, or one event of a stream of them: as many as the SDK takes of a process. */
const MOST = 10 * 2 ** 20;
/** So many redirects are followed. */
const HOPS = 5;

/** The call that is being made. */
const calling = new AsyncLocalStorage<{ readonly signal: AbortSignal; fail(error: Error): void }>();

/** Requests that `ask` sends belong to its call: they end when the signal aborts, and an answer that is too large rejects the call. */
export const asCall = async <T>(signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  try {
    return await calling.run({ signal: stop, fail: (error) => failed.abort(error) }, () => ask(stop));
  } catch (thrown) {
    throw failed.signal.aborted ? failed.signal.reason : thrown;
  }
};

/** The SDK ends a request with its call at servers of the newest protocol alone; the others it tells, and leaves the request open. */
export const endingWithCalls = (transport: StreamableHTTPClientTransport): StreamableHTTPClientTransport => {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    const call = "method" in message && message.method === "tools/call" ? calling.getStore() : undefined;
    return send(message, call && !options?.requestSignal ? { ...options, requestSignal: call.signal } : options);
  };
  return transport;
};

/**
 * Fetches; of redirects those are followed that keep the method and stay with the server, which alone is to see the headers. `overflowed` is told
 * of an answer that is too large and belongs to no call.
 */
export const fetchFrom =
  (overflowed: () => void = () => {}): FetchLike =>
  async (given, init = {}) => {
    const call = calling.getStore();
    let url = new URL(given);
    for (let hop = 0; hop < HOPS; hop++) {
      const answer = await fetch(url, { ...init, redirect: "manual" });
      const to = answer.status === 307 || answer.status === 308 ? answer.headers.get("location") : null;
      const next = to !== null && URL.canParse(to, url.href) ? new URL(to, url) : undefined;
      if (next?.origin !== url.origin) return bounded(answer, (error) => (call ? call.fail(error) : overflowed()));
      await answer.body?.cancel();
      url = next;
    }
    throw new TypeError(`it redirects more than ${HOPS} times`);
  };

const bounded = (answer: Response, overflowed: (error: Error) => void): Response => {
  if (!answer.body) return answer;
  const inEvents = answer.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  const counted = inEvents ? sinceBlankLine() : total();
  const body = answer.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        if (counted(piece) <= MOST) return controller.enqueue(piece);
        const error = new Error("an answer of more than 10 MB is not read");
        controller.error(error);
        overflowed(error);
      },
    }),
  );
  return new Response(body, answer);
};

const total = () => {
  let size = 0;
  return (piece: Uint8Array): number => (size += piece.length);
};
/** Bytes of the event that is coming. */
const sinceBlankLine = () => {
  let size = 0;
  let blank = true;
  return (piece: Uint8Array): number => {
    for (const byte of piece) {
      size++;
      if (byte === LF && blank) size = 0;
      if (byte !== CR) blank = byte === LF;
    }
    return size;
  };
};
const LF = 10;
const CR = 13;
