/** Google's Gemini API: text, thinking with its signatures, tools, images, documents, structured output; streamed and not. */
import { APIError } from "../contract/errors.ts";
import type { ModelRequest, Provider } from "../contract/provider.ts";
import { capabilities } from "./capabilities.ts";
import { type ProviderCredentials, secretsOf } from "./credentials.ts";
import { bodyOf } from "./google-body.ts";
import { failureOf, REQUEST_ID, refusedField } from "./google-errors.ts";
import { sayAnswer, streamReader } from "./google-events.ts";
import { count, isObject, object, text } from "./json.ts";
import { contextWindow } from "./pricing.ts";
import { type ProviderTimeouts, timeoutsOf } from "./timeouts.ts";
import { type Listing, wireProvider } from "./wire.ts";

export interface GoogleOptions extends Pick<ProviderCredentials, "apiKey" | "authToken" | "baseUrl" | "defaultHeaders" | "extras"> {
  /** Else `extras.api_version`, else "v1beta". */
  readonly apiVersion?: string | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly timeouts?: Partial<ProviderTimeouts> | undefined;
  /** Milliseconds that the vendor may be silent, in place of `timeouts`. Default: those hold. */
  readonly timeoutMs?: number | undefined;
  readonly userAgent?: string | undefined;
}

const NAME = "google";

/**
 * The key is `apiKey`, or `authToken`, sent as a bearer token; the address `baseUrl`, without the version. Without a key the first request
 * throws `exec.api.no_client`.
 */
export const google = (options: GoogleOptions = {}): Provider => {
  const version = options.apiVersion ?? (text(options.extras?.api_version) || "v1beta");
  return wireProvider({
    name: NAME,
    answer: "answer of the Gemini API",
    capabilities: capabilities({
      supports_thinking: true,
      supports_tools: true,
      supports_tool_choice: true,
      supports_stop_sequences: true,
      supports_top_k: true,
      supports_structured_output: true,
      supports_vision: true,
      supports_vision_tool_results: false,
      supports_documents: true,
    }),
    timeouts: timeoutsOf(options.timeouts),
    timeoutMs: options.timeoutMs,
    fetch: options.fetch,
    requestIdHeader: REQUEST_ID,
    window: contextWindow,
    address: () => addressOf(options),
    outgoing: (request, telling) => ({
      url: `${addressOf(options)}/${version}/${methodOf(request)}`,
      headers: headersOf(options),
      body: bodyOf(request, telling),
    }),
    listing: () => modelsAt(`${addressOf(options)}/${version}/models?pageSize=1000`, headersOf(options)),
    reader: streamReader,
    whole: sayAnswer,
    failure: failureOf,
    drift: refusedField,
    secrets: () => secretsOf(options),
  });
};

/** A model's name may stand with its collection: `tunedModels/mine`. */
const methodOf = ({ model, stream }: ModelRequest): string => {
  const name = (model.includes("/") ? model : `models/${model}`).split("/").map(encodeURIComponent).join("/");
  return `${name}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`;
};

const modelsAt = (url: string, headers: Listing["headers"]): Listing => ({
  url,
  headers,
  read: (body) =>
    isObject(body) && Array.isArray(body.models)
      ? {
          models: body.models.map(object).map((model) => ({
            id: text(model.name).replace(/^models\//, ""),
            contextWindow: count(model.inputTokenLimit) ?? null,
            maxOutput: count(model.outputTokenLimit) ?? null,
          })),
          next: text(body.nextPageToken) ? `${url}&pageToken=${encodeURIComponent(text(body.nextPageToken))}` : undefined,
        }
      : null,
});

const addressOf = ({ baseUrl }: GoogleOptions): string => (baseUrl || "https://generativelanguage.googleapis.com").replace(/\/+$/, "");

/** As a header bears them: without the line break that a key read from a file has. */
const keysOf = ({ apiKey, authToken }: GoogleOptions): { readonly key: string; readonly token: string } => ({
  key: apiKey?.trim() ?? "",
  token: authToken?.trim() ?? "",
});

const headersOf = (options: GoogleOptions): { readonly [name: string]: string } => {
  const { key, token } = keysOf(options);
  const own: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(options.defaultHeaders ?? {})) own[name.toLowerCase()] = value;
  if (!key && !token && !own.authorization && !own["x-goog-api-key"])
    throw new APIError(
      "google has no credentials. Give `apiKey` (or `authToken`), or set GOOGLE_API_KEY or GEMINI_API_KEY for `CredentialBundle.fromEnvironment()`.",
      {
        code: "exec.api.no_client",
        details: { provider: NAME },
      },
    );
  return {
    accept: "*/*",
    "content-type": "application/json",
    "user-agent": options.userAgent ?? "geny-executor",
    ...(key ? { "x-goog-api-key": key } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...own,
  };
};
