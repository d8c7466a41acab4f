/** The Chat Completions wire, of OpenAI and of every server that speaks it. How one of them differs stands in the options. */
import { APIError } from "../contract/errors.ts";
import type { ClientCapabilities } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { JsonObject } from "../contract/schema.ts";
import { bodyOf } from "./chat-body.ts";
import { failureOf, REQUEST_ID, refusedField } from "./chat-errors.ts";
import { sayCompletion, streamReader } from "./chat-events.ts";
import type { ProviderTimeouts } from "./timeouts.ts";
import type { Wire } from "./wire.ts";

export interface ChatOptions {
  /** The provider, as events and errors name it. */
  readonly name: string;
  /** What the account can do; asked for every request. The same object while it stays so. */
  readonly capabilities: () => ClientCapabilities;
  /** With `/v1`, without a slash at its end. Undefined: the first request throws `exec.api.no_client`. */
  readonly baseUrl: () => string | undefined;
  /** By names in small letters. Throws `APIError` when credentials are missing. */
  readonly headers: () => { readonly [name: string]: string };
  /** Never shown, whoever echoes them. */
  readonly secrets: () => readonly string[];
  /** Who says the prompt. */
  readonly systemRole: "system" | "developer";
  /** The name of the limit; the other one is taken once a model has refused it. */
  readonly maxTokens: "max_tokens" | "max_completion_tokens";
  /** A request for fewer tokens asks for these, and that is announced. Default: 0. */
  readonly fewestTokens?: ((model: string) => number) | undefined;
  /** Whether `prompt_cache_key` is sent. Default: false. */
  readonly cacheKey?: boolean | undefined;
  /** Fields that only this server understands; a request's own go before them. */
  readonly extra?: JsonObject | undefined;
  readonly timeouts: ProviderTimeouts;
  readonly timeoutMs?: number | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

export const chatWire = (options: ChatOptions): Wire => {
  const { name, timeouts, timeoutMs, fetch, baseUrl } = options;
  let counted = true;
  /** A whole answer came without its usage. True the first time. */
  const uncounted = (): boolean => {
    const first = counted;
    counted = false;
    return first;
  };
  return {
    name,
    answer: "answer of a Chat Completions API",
    get capabilities() {
      const own = options.capabilities();
      return counted ? own : uncounting(own);
    },
    timeouts,
    timeoutMs,
    fetch,
    requestIdHeader: REQUEST_ID,
    address: baseUrl,
    outgoing: (request, telling) => ({
      url: `${baseUrl() ?? nowhere(name)}/chat/completions`,
      headers: options.headers(),
      body: bodyOf(request, options, telling),
    }),
    reader: (reading) => streamReader(reading, uncounted),
    whole: (body, reading) => sayCompletion(body, reading, uncounted),
    failure: (failure) => failureOf(name, failure),
    drift: refusedField,
    secrets: options.secrets,
  };
};

const uncounting = remember((own: ClientCapabilities): ClientCapabilities => ({ ...own, supports_token_usage: false }));

export const nowhere = (name: string): never => {
  throw new APIError(`${name} has no address. Give \`baseUrl\` with its \`/v1\`, such as "http://127.0.0.1:8000/v1".`, {
    code: "exec.api.no_client",
    details: { provider: name },
  });
};
