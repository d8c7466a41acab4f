/** OpenAI's APIs: Responses, with reasoning carried back encrypted, or by option Chat Completions. */
import { APIError } from "../contract/errors.ts";
import type { Provider } from "../contract/provider.ts";
import { type AccountOptions, headersWith, keysOf, needKey, transportOf } from "./account.ts";
import { capabilities } from "./capabilities.ts";
import { failureOf, REQUEST_ID } from "./chat-errors.ts";
import { isObject, object, text } from "./json.ts";
import type { Listing } from "./listing.ts";
import { bodyOf } from "./openai-body.ts";
import { refusedField } from "./openai-errors.ts";
import { sayAnswer, streamReader } from "./openai-events.ts";
import { infoOf } from "./openai-models.ts";
import { type Outgoing, type Wire, wireProvider } from "./wire.ts";

export interface OpenAIOptions extends AccountOptions {
  /** Which of the vendor's two wires is spoken. Else `extras.api`, else "responses". */
  readonly api?: "responses" | "chat" | undefined;
  /** Whom requests are counted for. Else `extras.organization`. */
  readonly organization?: string | undefined;
  /** Else `extras.project`. */
  readonly project?: string | undefined;
}

const NAME = "openai";

/**
 * The key is `apiKey` (or `authToken`); the address `baseUrl`, with `/v1`. Without a key the first request throws `exec.api.no_client`.
 * Rejects with `exec.api.bad_request` for an `api` that does not exist.
 */
export const openai = async (options: OpenAIOptions = {}): Promise<Provider> => {
  const wire = await wireOf(options);
  const listing = () => modelsAt(`${addressOf(options)}/models`, headersOf(options));
  return { ...wireProvider({ ...wire, listing }), window: (model) => infoOf(model).contextWindow };
};

const wireOf = async (options: OpenAIOptions): Promise<Wire> => {
  const api = options.api ?? (text(options.extras?.api) || "responses");
  if (api === "responses") return responsesWire(options);
  if (api === "chat") return chat(options);
  throw new APIError(`openai has no api "${api}". Set \`api\` to "responses" or "chat", or leave it out.`, {
    code: "exec.api.bad_request",
    details: { provider: NAME, api },
  });
};

/** What both wires can do. */
const ABLE = {
  supports_thinking: true,
  supports_tools: true,
  supports_tool_choice: true,
  supports_structured_output: true,
  supports_vision: true,
  supports_documents: true,
  supports_prompt_caching: true,
} as const;

const responsesWire = (options: OpenAIOptions): Wire => ({
  name: NAME,
  answer: "answer of the Responses API",
  capabilities: capabilities({ ...ABLE, drops: ["top_k", "stop_sequences"] }),
  ...transportOf(options),
  requestIdHeader: REQUEST_ID,
  address: () => addressOf(options),
  outgoing: (request, telling) => ({
    url: `${addressOf(options)}/responses`,
    headers: headersOf(options),
    body: bodyOf(request, telling),
  }),
  reader: streamReader,
  whole: sayAnswer,
  failure: (failure) => failureOf(NAME, failure),
  drift: refusedField,
});

const chat = async (options: OpenAIOptions): Promise<Wire> => {
  const { chatWire } = await import("./chat.ts");
  const able = capabilities({ ...ABLE, supports_stop_sequences: true, supports_vision_tool_results: false, drops: ["top_k"] });
  return chatWire({
    name: NAME,
    capabilities: () => able,
    baseUrl: () => addressOf(options),
    headers: () => headersOf(options),
    systemRole: "developer",
    maxTokens: "max_completion_tokens",
    cacheKey: true,
    ...transportOf(options),
  });
};

const modelsAt = (url: string, headers: Listing["headers"]): Listing => ({
  url,
  headers,
  read: (body) => (isObject(body) && Array.isArray(body.data) ? { models: body.data.map((card) => infoOf(text(object(card).id))) } : null),
});

const addressOf = ({ baseUrl }: OpenAIOptions): string => (baseUrl || "https://api.openai.com/v1").replace(/\/+$/, "");

const headersOf = (options: OpenAIOptions): Outgoing["headers"] => {
  const { key, token } = keysOf(options);
  const organization = options.organization ?? text(options.extras?.organization);
  const project = options.project ?? text(options.extras?.project);
  const headers = headersWith(options, {
    ...(key || token ? { authorization: `Bearer ${key || token}` } : {}),
    ...(organization ? { "openai-organization": organization } : {}),
    ...(project ? { "openai-project": project } : {}),
  });
  return needKey(NAME, headers, ["authorization", "api-key"]);
};
