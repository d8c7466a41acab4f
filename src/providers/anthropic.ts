/** Anthropic's Messages API: text, thinking, tools, images, documents, caching, structured output; streamed and not. */
import type { Provider } from "../contract/provider.ts";
import { type AccountOptions, headersWith, keysOf, needKey, transportOf } from "./account.ts";
import { bodyOf } from "./anthropic-body.ts";
import { failureOf, refusedField } from "./anthropic-errors.ts";
import { sayMessage, streamReader } from "./anthropic-events.ts";
import { capabilities } from "./capabilities.ts";
import { count, isObject, list, object, text } from "./json.ts";
import type { Listing } from "./listing.ts";
import { resolveAlias } from "./models.ts";
import { contextWindow } from "./pricing.ts";
import { type Outgoing, wireProvider } from "./wire.ts";

export interface AnthropicOptions extends AccountOptions {
  /** Else `extras.api_version`, else "2026-10-21": the key goes as a bearer token, no sampling parameters. "2023-06-01": x-api-key. */
  readonly apiVersion?: string | undefined;
  /** Names for the anthropic-beta header. Else `extras.betas`. */
  readonly betas?: readonly string[] | undefined;
}

const LEGACY = "2023-06-01";
const NAME = "anthropic";

/**
 * The key is `apiKey` or `authToken`; the address `baseUrl`, without `/v1`. Without a key the first request throws `exec.api.no_client`.
 */
export const anthropic = (options: AnthropicOptions = {}): Provider => {
  const version = options.apiVersion ?? (text(options.extras?.api_version) || "2026-10-21");
  const sampling = version === LEGACY;
  return wireProvider({
    name: NAME,
    answer: "message of the Messages API",
    capabilities: capabilities({
      supports_thinking: true,
      supports_tools: true,
      supports_tool_choice: true,
      supports_stop_sequences: true,
      supports_top_k: sampling,
      supports_structured_output: true,
      supports_vision: true,
      supports_documents: true,
      supports_prompt_caching: true,
      drops: sampling ? [] : ["temperature", "top_p", "top_k"],
    }),
    ...transportOf(options),
    requestIdHeader: "request-id",
    window: contextWindow,
    address: () => addressOf(options),
    modelOf: resolveAlias,
    outgoing: (request, telling) => ({
      url: `${addressOf(options)}/v1/messages`,
      headers: headersOf(options, version),
      body: bodyOf(request, telling),
    }),
    listing: () => modelsAt(`${addressOf(options)}/v1/models?limit=1000`, headersOf(options, version)),
    reader: streamReader,
    whole: sayMessage,
    failure: failureOf,
    drift: refusedField,
  });
};

const modelsAt = (url: string, headers: Listing["headers"]): Listing => ({
  url,
  headers,
  read: (body) =>
    isObject(body) && Array.isArray(body.data)
      ? {
          models: body.data.map(object).map((model) => ({
            id: text(model.id),
            contextWindow: count(model.max_input_tokens) ?? null,
            maxOutput: count(model.max_tokens) ?? null,
          })),
          next: body.has_more === true && text(body.last_id) ? `${url}&after_id=${encodeURIComponent(text(body.last_id))}` : undefined,
        }
      : null,
});

const addressOf = ({ baseUrl }: AnthropicOptions): string => (baseUrl || "https://api.anthropic.com").replace(/\/+$/, "");

const headersOf = (options: AnthropicOptions, version: string): Outgoing["headers"] => {
  const { key, token } = keysOf(options);
  const headers = headersWith(options, {
    "anthropic-version": version,
    ...(key && version === LEGACY ? { "x-api-key": key } : {}),
    ...(key && version !== LEGACY ? { authorization: `Bearer ${key}` } : {}),
    ...(token && (version === LEGACY || !key) ? { authorization: `Bearer ${token}` } : {}),
  });
  const own = headers["anthropic-beta"];
  const betas = [...(options.betas ?? list(options.extras?.betas).map(text)), ...(own ? [own] : [])];
  return needKey(NAME, betas.length ? { ...headers, "anthropic-beta": betas.join(",") } : headers, ["authorization", "x-api-key"]);
};
