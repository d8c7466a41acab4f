/** Google's Gemini API: text, thinking with its signatures, tools, images, documents, structured output; streamed and not. */
import type { ModelRequest, Provider } from "../contract/provider.ts";
import { type AccountOptions, headersWith, keysOf, needKey, transportOf } from "./account.ts";
import { capabilities } from "./capabilities.ts";
import { bodyOf } from "./google-body.ts";
import { failureOf, REQUEST_ID, refusedField } from "./google-errors.ts";
import { sayAnswer, streamReader } from "./google-events.ts";
import { count, isObject, object, text } from "./json.ts";
import type { Listing } from "./listing.ts";
import { contextWindow } from "./pricing.ts";
import { type Outgoing, wireProvider } from "./wire.ts";

export interface GoogleOptions extends AccountOptions {
  /** Else `extras.api_version`, else "v1beta". */
  readonly apiVersion?: string | undefined;
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
    ...transportOf(options),
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

const headersOf = (options: GoogleOptions): Outgoing["headers"] => {
  const { key, token } = keysOf(options);
  const headers = headersWith(options, {
    accept: "*/*",
    ...(key ? { "x-goog-api-key": key } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  });
  return needKey(NAME, headers, ["authorization", "x-goog-api-key"]);
};
