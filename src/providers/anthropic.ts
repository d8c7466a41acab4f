/** Anthropic's Messages API: text, thinking, tools, images, documents, caching, structured output; streamed and not. */
import { incomplete } from "../contract/collect.ts";
import { APIError } from "../contract/errors.ts";
import type { ClientNotice, ModelEvent, ModelRequest, Provider } from "../contract/provider.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import { bodyOf } from "./anthropic-body.ts";
import { failureOf, refusedField } from "./anthropic-errors.ts";
import { type Reading, sayMessage, streamReader } from "./anthropic-events.ts";
import { capabilities } from "./capabilities.ts";
import type { ProviderCredentials } from "./credentials.ts";
import { type HttpAnswer, send, warm } from "./http.ts";
import { list, parsed, text } from "./json.ts";
import { resolveAlias } from "./models.ts";
import { sseReader } from "./sse.ts";
import { type ProviderTimeouts, timeoutsOf } from "./timeouts.ts";

export interface AnthropicOptions extends Pick<ProviderCredentials, "apiKey" | "authToken" | "baseUrl" | "defaultHeaders" | "extras"> {
  /** Else `extras.api_version`, else "2026-10-21": the key goes as a bearer token, no sampling parameters. "2023-06-01": x-api-key. */
  readonly apiVersion?: string | undefined;
  /** Names for the anthropic-beta header. Else `extras.betas`. */
  readonly betas?: readonly string[] | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly timeouts?: Partial<ProviderTimeouts> | undefined;
  /** Milliseconds that one request may take, its stream included. Default: no such limit. */
  readonly timeoutMs?: number | undefined;
  readonly userAgent?: string | undefined;
}

const LEGACY = "2023-06-01";
const NAME = "anthropic";

/**
 * The key is `apiKey`, else ANTHROPIC_API_KEY (or `authToken`, ANTHROPIC_AUTH_TOKEN); the address `baseUrl`, else ANTHROPIC_BASE_URL, without
 * `/v1`. Without a key the first request throws `exec.api.no_client`.
 */
export const anthropic = (options: AnthropicOptions = {}): Provider => {
  const version = options.apiVersion ?? (text(options.extras?.api_version) || "2026-10-21");
  const sampling = version === LEGACY;
  const told = new Set<string>();
  /** Fields that a model refused, by model. */
  const refusals = new Map<string, Set<string>>();
  const client: Client = {
    options,
    version,
    sampling,
    timeouts: timeoutsOf(options.timeouts),
    refusals,
    once: (key) => told.size < 200 && told.size !== told.add(key).size,
  };
  return {
    name: NAME,
    capabilities: capabilities({
      supports_thinking: true,
      supports_tools: true,
      supports_tool_choice: true,
      supports_stop_sequences: true,
      supports_top_k: sampling,
      supports_structured_output: true,
      supports_vision: true,
      supports_prompt_caching: true,
      drops: sampling ? [] : ["temperature", "top_p", "top_k"],
    }),
    stream: (request, { signal }) => ({ [Symbol.asyncIterator]: () => cancellable(client, request, signal) }),
    warmup: () => (options.fetch ? Promise.resolve() : warm(addressOf(options))),
  };
};

interface Client {
  readonly options: AnthropicOptions;
  readonly version: string;
  readonly sampling: boolean;
  readonly timeouts: ProviderTimeouts;
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
  const { stop, client } = exchange;
  signal.throwIfAborted();
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const limit = client.options.timeoutMs ?? 0;
  const late = () =>
    stop.abort(
      new APIError(`anthropic: the request took longer than ${limit / 1000} s.`, {
        code: "exec.api.timeout",
        details: { timeout_ms: limit },
      }),
    );
  const timer = limit > 0 ? setTimeout(late, limit) : undefined;
  try {
    const answer = await ask(exchange);
    yield told(exchange);
    yield* read(exchange, answer);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

const told = (exchange: Exchange): readonly ModelEvent[] => {
  const { said } = exchange;
  exchange.said = [];
  return said;
};

const notice = ({ said }: Exchange, kind: ClientNotice, data: JsonObject) =>
  said.push({ type: "notice", notice: kind, data: { provider: NAME, ...data } });

/** Sends until there is an answer: once, and once more for each field that the model turns out not to take. */
const ask = async (exchange: Exchange): Promise<HttpAnswer> => {
  const { client, request } = exchange;
  const { options, timeouts, refusals } = client;
  const headers = headersOf(client);
  const model = resolveAlias(request.model);
  for (;;) {
    const refused = refusals.get(model) ?? new Set<string>();
    const dropped = (field: string, value: Json) => {
      if (client.once(`dropped ${field}`)) notice(exchange, "parameter_dropped", { field, value });
    };
    const body = bodyOf(request, { sampling: client.sampling, refused, dropped });
    const answer = await send({
      url: `${addressOf(options)}/v1/messages`,
      method: "POST",
      headers,
      body,
      signal: exchange.stop.signal,
      timeouts: request.stream ? timeouts : { ...timeouts, firstByteMs: timeouts.requestMs },
      fetch: options.fetch,
    });
    if (answer.status >= 200 && answer.status < 300) return answer;
    const error = failureOf({ ...answer, body: await textOf(answer, 1 << 16), secrets: secretsOf(options) });
    const field = refusedField(error);
    if (field === null || refused.has(field)) throw error;
    refusals.set(model, refused.add(field));
    notice(exchange, "drift_healed", { model, field, message: error.message });
  }
};

async function* read(exchange: Exchange, answer: HttpAnswer): AsyncGenerator<readonly ModelEvent[], undefined> {
  const { client, request } = exchange;
  const reading: Reading = {
    requestId: answer.header("request-id") ?? null,
    say: (event) => exchange.said.push(event),
    failure: (body) => failureOf({ status: null, body, header: answer.header, secrets: secretsOf(client.options) }),
    unknown: (type) => {
      if (client.once(`unknown ${type}`)) notice(exchange, "unknown_wire_shape", { unknown_type: type, count: 1 });
    },
  };
  if (!request.stream || !(answer.header("content-type") ?? "").includes("text/event-stream")) {
    const body = await textOf(answer, 1 << 28);
    if (!sayMessage(parsed(body), reading)) throw noMessage(answer, body, client.options);
    exchange.over = true;
    return yield told(exchange);
  }
  const reader = streamReader(reading);
  const events = sseReader(reader.take);
  const settle = () => {
    exchange.over = reader.finished;
    if (reader.finished) answer.release();
    return told(exchange);
  };
  for await (const piece of answer.body) {
    const error = attempt(() => events.push(piece));
    yield settle();
    if (error) throw error.thrown;
    if (reader.finished) return;
  }
  const error = attempt(() => events.end());
  yield settle();
  if (error) throw error.thrown;
  if (!reader.finished) throw incomplete(NAME);
}

/** What was said before a failure is still told. */
const attempt = (act: () => void): { readonly thrown: unknown } | undefined => {
  try {
    act();
    return undefined;
  } catch (thrown) {
    return { thrown };
  }
};

const noMessage = (answer: HttpAnswer, body: string, options: AnthropicOptions): APIError => {
  const failure = failureOf({ ...answer, body, secrets: secretsOf(options) });
  if (failure.details.type) return failure;
  return new APIError(`anthropic: the answer is no message of the Messages API. Is \`baseUrl\` right? ${failure.message.slice(11)}`, {
    code: "exec.api.unknown",
    status: answer.status,
    requestId: failure.requestId,
    details: { provider: NAME },
  });
};

const textOf = async (answer: HttpAnswer, limit: number): Promise<string> => {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of answer.body) {
    pieces.push(piece);
    size += piece.length;
    if (size > limit) break;
  }
  return Buffer.concat(pieces).toString();
};

const addressOf = ({ baseUrl }: AnthropicOptions): string =>
  (baseUrl || process.env.ANTHROPIC_BASE_URL || "https://api.anthropic.com").replace(/\/+$/, "");

/** As a header bears them: without the line break that a key read from a file has. */
const keysOf = ({ apiKey, authToken }: AnthropicOptions): { readonly key: string; readonly token: string } => {
  const given = { key: apiKey?.trim() ?? "", token: authToken?.trim() ?? "" };
  if (given.key || given.token) return given;
  return { key: process.env.ANTHROPIC_API_KEY?.trim() ?? "", token: process.env.ANTHROPIC_AUTH_TOKEN?.trim() ?? "" };
};
const secretsOf = (options: AnthropicOptions): readonly string[] => Object.values(keysOf(options));

const headersOf = ({ options, version }: Client): { readonly [name: string]: string } => {
  const { key, token } = keysOf(options);
  const own: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(options.defaultHeaders ?? {})) own[name.toLowerCase()] = value;
  if (!key && !token && !own.authorization && !own["x-api-key"])
    throw new APIError("anthropic has no credentials. Give `apiKey` (or `authToken`), or set ANTHROPIC_API_KEY.", {
      code: "exec.api.no_client",
      details: { provider: NAME },
    });
  const betas = [...(options.betas ?? list(options.extras?.betas).map(text)), ...(own["anthropic-beta"] ? [own["anthropic-beta"]] : [])];
  return {
    accept: "application/json",
    "content-type": "application/json",
    "user-agent": options.userAgent ?? "geny-executor",
    "anthropic-version": version,
    ...(key && version === LEGACY ? { "x-api-key": key } : {}),
    ...(key && version !== LEGACY ? { authorization: `Bearer ${key}` } : {}),
    ...(token && (version === LEGACY || !key) ? { authorization: `Bearer ${token}` } : {}),
    ...own,
    ...(betas.length ? { "anthropic-beta": betas.join(",") } : {}),
  };
};
