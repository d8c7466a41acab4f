/** What every HTTP wire shares: a request goes out, its answer comes back as events, and the socket closes when nobody reads any more. */
import { incomplete } from "../contract/collect.ts";
import { APIError } from "../contract/errors.ts";
import type { ClientCapabilities, ClientNotice, ModelEvent, ModelRequest, Provider } from "../contract/provider.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import type { Failure } from "./failure.ts";
import { type HttpAnswer, send, warm } from "./http.ts";
import { parsed } from "./json.ts";
import { type Listing, listed } from "./listing.ts";
import { lower } from "./lower.ts";
import { sseReader } from "./sse.ts";
import { limited, type ProviderTimeouts } from "./timeouts.ts";
import { noAnswer, textOf } from "./whole-answer.ts";

/** A vendor's wire. Nothing of it is asked before the first request. */
export interface Wire {
  readonly name: string;
  /** What its answers are, for the error of one that is none: "a message of the Messages API". */
  readonly answer: string;
  readonly capabilities: ClientCapabilities;
  readonly timeouts: ProviderTimeouts;
  /** Milliseconds that it may be silent, in place of `timeouts`: see `limited`. 0 or undefined: those hold. */
  readonly timeoutMs?: number | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** The header of the answer that names the request. */
  readonly requestIdHeader: string;
  /** Where to connect to when it is warmed up. Undefined: not known. */
  address(): string | undefined;
  /** Tokens that a model's request and answer may fill together; null: not known. Only where the vendor's own service answers. */
  window?(model: string): number | null;
  /** The model as the wire names it. What one turned out not to take is remembered under it. Default: the request's own. */
  modelOf?(model: string): string;
  /** The request as it goes out, lowered before. Throws `APIError` when the address or the credentials are missing. */
  outgoing(request: ModelRequest, telling: Telling): Outgoing;
  /** Reads one streamed answer. */
  reader(reading: Reading): StreamReader;
  /** Says a whole answer. False when it is none; nothing is said then. */
  whole(body: Json | undefined, reading: Reading): boolean;
  failure(failure: Failure): APIError;
  /** Where the vendor lists its models, and how one page of the list is read. Throws `APIError` as `outgoing` does. */
  listing?(): Listing;
  /** The field that this error says the model does not take. Null: the error is of another kind. */
  drift(error: APIError): string | null;
  /** Never shown, whoever echoes them. */
  secrets(): readonly string[];
}

export interface Outgoing {
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

/** What becomes of a request's fields on their way out. Each field is announced once an instance. */
export interface Telling {
  /** Fields that the model was found not to take. */
  readonly refused: ReadonlySet<string>;
  /** A field that is left out, and what it was. */
  dropped(field: string, value: Json): void;
  /** A feature that the model or the wire lacks. */
  unsupported(field: string): void;
}

/** What a reader of answers may say. */
export interface Reading {
  readonly provider: string;
  readonly requestId: string | null;
  say(event: ModelEvent): void;
  notice(kind: ClientNotice, data: JsonObject): void;
  /** An error event, as it stands in the stream. */
  failure(data: string): APIError;
  /** Something that the reader does not know: an event's or a delta's type. */
  unknown(type: string): void;
}

/** Throws `APIError`; what comes after the answer's end is ignored. Made anew for each answer: an accessor in it would cost more than its work. */
export interface StreamReader {
  /** The data of the next event. Called without its object. */
  readonly take: (data: string) => void;
  /** The wire has ended: for wires without an end mark. */
  end?(): void;
  /** The answer is whole. */
  readonly finished: boolean;
}

export const wireProvider = (wire: Wire): Provider => {
  const told = new Set<string>();
  const client: Client = { wire, refusals: new Map(), once: (key) => told.size < 200 && told.size !== told.add(key).size };
  return {
    name: wire.name,
    capabilities: wire.capabilities,
    ...(wire.window ? { window: wire.window } : {}),
    stream: (request, { signal }) => ({ [Symbol.asyncIterator]: () => cancellable(client, request, signal) }),
    ...(wire.listing ? { models: ({ signal }) => listed(wire, signal) } : {}),
    warmup: async () => {
      const address = wire.address();
      if (!wire.fetch && address) await warm(address);
    },
  };
};

interface Client {
  readonly wire: Wire;
  /** Fields that a model refused, by model. */
  readonly refusals: Map<string, Set<string>>;
  /** True the first time. */
  once(key: string): boolean;
}

/** One request's way from the first byte to the last. */
interface Exchange {
  readonly client: Client;
  readonly request: ModelRequest;
  /** Closes the socket. */
  readonly stop: AbortController;
  /** Events that wait to be told. */
  said: ModelEvent[];
  /** The answer is whole, and its connection given back. */
  over: boolean;
}

/** One request's events, for one reader. Leaving them closes the socket at once, also while the next event is awaited. */
const cancellable = (client: Client, request: ModelRequest, signal: AbortSignal): AsyncIterator<ModelEvent, undefined, undefined> => {
  const exchange: Exchange = { client, request, stop: new AbortController(), said: [], over: false };
  const batches = run(exchange, signal);
  let batch: readonly ModelEvent[] = [];
  let at = 0;
  const more = async (): Promise<IteratorResult<ModelEvent, undefined>> => {
    for (;;) {
      const next = await batches.next();
      if (next.done) return { done: true, value: undefined };
      batch = next.value;
      at = 1;
      const first = batch[0];
      if (first) return { done: false, value: first };
    }
  };
  return {
    next() {
      const value = batch[at++];
      return value ? Promise.resolve({ done: false, value }) : more();
    },
    async return() {
      batch = [];
      if (!exchange.over) exchange.stop.abort(new APIError("The stream is no longer read.", { code: "exec.api.network" }));
      await batches.return(undefined).catch(() => undefined);
      return { done: true, value: undefined };
    },
  };
};

/** The events in batches, as they come from the wire. */
async function* run(exchange: Exchange, signal: AbortSignal): AsyncGenerator<readonly ModelEvent[], undefined> {
  const { stop, request, client } = exchange;
  signal.throwIfAborted();
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const answer = await ask(exchange);
    if (exchange.said.length) yield told(exchange);
    if (!request.stream || !(answer.header("content-type") ?? "").includes("text/event-stream")) {
      yield await whole(exchange, answer);
      return;
    }
    const stream = streamOf(exchange, answer);
    for await (const piece of answer.body) {
      const error = attempt(() => stream.push(piece));
      yield told(exchange);
      if (error) throw error.thrown;
      if (exchange.over) return;
    }
    const error = attempt(stream.end);
    yield told(exchange);
    if (error) throw error.thrown;
    if (!exchange.over) throw incomplete(client.wire.name);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

const told = (exchange: Exchange): readonly ModelEvent[] => {
  const { said } = exchange;
  exchange.said = [];
  return said;
};

const notice = ({ said, client }: Exchange, kind: ClientNotice, data: JsonObject) =>
  said.push({ type: "notice", notice: kind, data: { provider: client.wire.name, ...data } });

/** Sends until there is an answer: once, and once more for each field that the model turns out not to take. */
const ask = async (exchange: Exchange): Promise<HttpAnswer> => {
  const { client, request } = exchange;
  const { wire, refusals, once } = client;
  const model = wire.modelOf?.(request.model) ?? request.model;
  const timeouts = limited(wire.timeouts, wire.timeoutMs);
  for (;;) {
    const refused = refusals.get(model) ?? new Set<string>();
    const telling: Telling = {
      refused,
      dropped: (field, value) => {
        if (once(`dropped ${field}`)) notice(exchange, "parameter_dropped", { field, value });
      },
      unsupported: (field) => {
        if (once(`unsupported ${field}`)) notice(exchange, "feature_unsupported", { field });
      },
    };
    const lowered = lower(request, { vendor: wire.name, capabilities: wire.capabilities }, telling);
    const { url, headers, body } = wire.outgoing(lowered, telling);
    const answer = await send({
      url,
      method: "POST",
      headers,
      body,
      signal: exchange.stop.signal,
      timeouts: request.stream ? timeouts : { ...timeouts, firstByteMs: timeouts.requestMs },
      fetch: wire.fetch,
    });
    if (answer.status >= 200 && answer.status < 300) return answer;
    const error = wire.failure({ ...answer, body: await textOf(answer, 1 << 16), secrets: wire.secrets() });
    const field = wire.drift(error);
    if (field === null || refused.has(field)) throw error;
    refusals.set(model, refused.add(field));
    notice(exchange, "drift_healed", { model, field, message: error.message });
  }
};

const readingOf = (exchange: Exchange, answer: HttpAnswer): Reading => {
  const { client } = exchange;
  const { wire } = client;
  return {
    provider: wire.name,
    requestId: answer.header(wire.requestIdHeader) ?? null,
    say: (event) => exchange.said.push(event),
    notice: (kind, data) => notice(exchange, kind, data),
    failure: (body) => wire.failure({ status: null, body, header: answer.header, secrets: wire.secrets() }),
    unknown: (type) => {
      if (client.once(`unknown ${type}`)) notice(exchange, "unknown_wire_shape", { unknown_type: type, count: 1 });
    },
  };
};

/** Reads an answer that is not streamed. */
const whole = async (exchange: Exchange, answer: HttpAnswer): Promise<readonly ModelEvent[]> => {
  const { wire } = exchange.client;
  const body = await textOf(answer, 1 << 28);
  if (!wire.whole(parsed(body), readingOf(exchange, answer))) throw noAnswer(answer, body, wire);
  exchange.over = true;
  return told(exchange);
};

/** Reads a stream piece by piece. Gives the connection back with the piece that ends the answer. */
const streamOf = (exchange: Exchange, answer: HttpAnswer) => {
  const reader = exchange.client.wire.reader(readingOf(exchange, answer));
  const events = sseReader(reader.take);
  const settle = () => {
    exchange.over = reader.finished;
    if (reader.finished) answer.release();
  };
  return {
    push: (piece: Uint8Array) => {
      events.push(piece);
      settle();
    },
    end: () => {
      events.end();
      reader.end?.();
      settle();
    },
  };
};

/** What was said before a failure is still told. */
const attempt = (act: () => void): { readonly thrown: unknown } | undefined => {
  try {
    act();
    return undefined;
  } catch (thrown) {
    return { thrown };
  }
};
