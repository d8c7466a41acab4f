/**
 * The transport of every wire: one request, one answer whose body is read as it comes. node:http with kept connections, loaded at its first
 * use; an injected `fetch` takes its place. Knows bytes and sockets, and no vendor.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { APIError } from "../contract/errors.ts";
import { byteQueue } from "./bytes.ts";
import { type Environment, type Lane, lanes } from "./lanes.ts";

/** Milliseconds; 0 waits for ever. */
export interface Timeouts {
  /** Until there is a connection, TLS and proxy included. */
  readonly connectMs: number;
  /** From the request being sent until the head of the answer. */
  readonly firstByteMs: number;
  /** Between two pieces of the answer's body. */
  readonly idleMs: number;
}

export interface HttpRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: { readonly [name: string]: string };
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  readonly timeouts: Timeouts;
  /** Used in place of node:http. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Where the proxy variables are looked up. Default: `process.env`. */
  readonly env?: Environment | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** By its name in small letters. */
  header(name: string): string | undefined;
  /** May be read once. Leaving it early, and the signal, close the socket at once. Throws `APIError`, or the signal's reason. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Nothing more is needed. Keeps the connection if the body ends within a moment, else, and with `fetch` always, ends it. Never throws. */
  release(): void;
}

/** Milliseconds that a released body has to end. */
const GRACE = 250;
const BODY_PAUSE = 1 << 20;

/**
 * Sends a request and resolves with the head of its answer, whatever the status but a redirect. Rejects with the signal's reason, or with
 * `APIError`: `exec.api.timeout`, `exec.api.network`, or `exec.api.bad_request` for what no retry mends. A kept connection that the server
 * had closed meanwhile is replaced once, unseen.
 */
export const send = async (request: HttpRequest): Promise<HttpAnswer> => {
  request.signal.throwIfAborted();
  const url = addressOf(request.url);
  checkHeaders(request.headers);
  if (request.fetch) return checked(url, await byFetch(url, request, request.fetch));
  const lane = await lanes.find(url, request.env ?? process.env);
  try {
    return checked(url, await bySocket(url, request, lane, false));
  } catch (error) {
    if (error !== stale) throw error;
    return checked(url, await bySocket(url, request, lane, true));
  }
};

/** Loads node:http, so that a first request need not wait for it. */
export const warm = async (url: string, env: Environment = process.env): Promise<void> => {
  await lanes.find(addressOf(url), env);
};

/** Thrown inside only: the server had closed the kept connection. */
const stale = Symbol("stale connection");

const addressOf = (text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new APIError("The base URL is no http or https address. Set `baseUrl`.", {
    code: "exec.api.bad_request",
    details: { url: text.split(/[?@]/)[0] },
  });
};

/** Neither `fetch`'s nor Node's own message may carry the value. */
const checkHeaders = (headers: { readonly [name: string]: string }): void => {
  for (const name in headers) {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(headers[name] ?? ""))
      throw new APIError(
        `The header ${name} holds a line break or another character that HTTP forbids. Check the key or header for stray characters.`,
        {
          code: "exec.api.bad_request",
          details: { header: name },
        },
      );
  }
};

const checked = (url: URL, answer: HttpAnswer): HttpAnswer => {
  if (answer.status < 300 || answer.status > 399) return answer;
  const location = answer.header("location") ?? "";
  const to = URL.canParse(location, url.href) ? new URL(location, url.href).origin : "nowhere";
  answer.release();
  throw new APIError(
    `${url.origin} redirects to ${to} (status ${answer.status}). Redirects are not followed: set \`baseUrl\` to the final address.`,
    {
      code: "exec.api.bad_request",
      status: answer.status,
    },
  );
};

const timedOut = (url: URL, what: string, ms: number): APIError =>
  new APIError(`${url.origin} ${what} within ${ms / 1000} s.`, {
    code: "exec.api.timeout",
    details: { origin: url.origin, timeout_ms: ms },
  });

const broken = (url: URL, cause: unknown): APIError => {
  const code = codeOf(cause);
  return new APIError(`The connection to ${url.origin} failed${code ? ` (${code})` : ""}.`, {
    code: code && /TIMEDOUT|TIMEOUT/.test(code) ? "exec.api.timeout" : "exec.api.network",
    details: { origin: url.origin, ...(code ? { cause_code: code } : {}) },
    cause,
  });
};

/** The system's code, also of what `fetch` wrapped. */
const codeOf = (thrown: unknown): string | undefined => {
  for (let at = thrown; at instanceof Error; at = at.cause) if ("code" in at && typeof at.code === "string") return at.code;
  return undefined;
};

const bySocket = (url: URL, request: HttpRequest, lane: Lane, fresh: boolean): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const { signal, timeouts, body } = request;
    const clock = deadline((error) => fail(error));
    let answer: IncomingMessage | undefined;
    let read = 0;
    const end = () => {
      clock.stop();
      signal.removeEventListener("abort", onAbort);
    };
    const gone = new AbortController();
    const queue = byteQueue({
      limit: BODY_PAUSE,
      pause: () => answer?.pause(),
      resume: () => answer?.resume(),
      cancel: () => {
        end();
        req.destroy();
      },
    });
    const fail = (error: unknown) => {
      end();
      gone.abort();
      req.destroy();
      if (answer) queue.fail(error);
      else reject(error);
    };
    const onAbort = () => {
      queue.drop(signal.reason);
      fail(signal.reason);
    };
    const req: ClientRequest = lane.request(url, {
      method: request.method,
      headers: { ...request.headers, ...(body ? { "content-length": Buffer.byteLength(body) } : {}) },
      fresh,
      gone: gone.signal,
    });
    signal.addEventListener("abort", onAbort, { once: true });
    clock.start(timeouts.connectMs, () => timedOut(url, "could not be reached", timeouts.connectMs));
    const sent = () => clock.start(timeouts.firstByteMs, () => timedOut(url, "did not begin to answer", timeouts.firstByteMs));
    req.once("socket", (socket: Socket & { readonly secureConnecting?: boolean }) => {
      read = socket.bytesRead;
      if (socket.connecting || socket.secureConnecting) socket.once(url.protocol === "https:" ? "secureConnect" : "connect", sent);
      else sent();
    });
    req.on("error", (cause) => {
      if (signal.aborted) return fail(signal.reason);
      const closed = ["ECONNRESET", "EPIPE"].includes(codeOf(cause) ?? "") && (req.socket?.bytesRead ?? 0) === read;
      fail(!answer && closed && req.reusedSocket ? stale : broken(url, cause));
    });
    req.on("response", (message) => {
      answer = message;
      const idle = () => timedOut(url, "stopped sending", timeouts.idleMs);
      clock.start(timeouts.idleMs, idle);
      message.on("data", (piece: Uint8Array) => {
        clock.again();
        queue.push(piece);
      });
      message.on("end", () => {
        end();
        queue.close();
      });
      message.on("error", (cause) => fail(signal.aborted ? signal.reason : broken(url, cause)));
      message.on("close", () => {
        if (!message.complete) fail(broken(url, new Error("closed before its end")));
      });
      resolve({
        status: message.statusCode ?? 0,
        header: (name) => one(message.headers[name]),
        body: queue,
        release: () => {
          queue.drop();
          message.resume();
          if (message.complete) return;
          const timer = setTimeout(() => message.destroy(), GRACE).unref();
          message.once("close", () => clearTimeout(timer));
        },
      });
    });
    // As text: head and body then leave in one write.
    req.end(body);
  });

const one = (value: string | string[] | undefined): string | undefined => (typeof value === "object" ? value.join(", ") : value);

const byFetch = async (url: URL, request: HttpRequest, fetch: typeof globalThis.fetch): Promise<HttpAnswer> => {
  const { signal, timeouts } = request;
  const stop = new AbortController();
  const clock = deadline((error) => stop.abort(error));
  const onAbort = () => stop.abort(signal.reason);
  const end = () => {
    clock.stop();
    signal.removeEventListener("abort", onAbort);
  };
  const failure = (cause: unknown) => (stop.signal.aborted ? stop.signal.reason : broken(url, cause));
  signal.addEventListener("abort", onAbort, { once: true });
  clock.start(timeouts.firstByteMs, () => timedOut(url, "did not begin to answer", timeouts.firstByteMs));
  const { method, headers, body } = request;
  const answer = await fetch(url, {
    method,
    headers,
    signal: stop.signal,
    redirect: "manual",
    ...(body === undefined ? {} : { body }),
  }).catch((cause: unknown) => {
    end();
    throw failure(cause);
  });
  let released = false;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let whole = false;
    try {
      clock.start(timeouts.idleMs, () => timedOut(url, "stopped sending", timeouts.idleMs));
      for await (const piece of answer.body ?? []) {
        clock.again();
        yield piece;
      }
      whole = true;
    } catch (cause) {
      if (!released) throw failure(cause);
    } finally {
      end();
      if (!whole) stop.abort(new Error("no longer read"));
    }
  }
  return {
    status: answer.status,
    header: (name) => answer.headers.get(name) ?? undefined,
    body: pieces(),
    release: () => {
      released = true;
      end();
      stop.abort(new Error("no longer read"));
    },
  };
};

/** One running time limit; each start replaces the one before. */
const deadline = (fail: (error: Error) => void) => {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    start: (ms: number, error: () => Error) => {
      stop();
      if (ms > 0) timer = setTimeout(() => fail(error()), ms);
    },
    again: () => timer?.refresh(),
    stop,
  };
};
