/** What OpenAI's two wires share: credentials, errors, headers. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { type Ids, isObject, number6, retryHeader, type WireCall, type WireError } from "./wire.ts";

/** How a server that speaks OpenAI's wires differs from OpenAI's own. */
export interface Dialect {
  /** A server on one's own machine: it asks for no key, and bears parameters it does not know. */
  readonly local: boolean;
  /** Where thinking stands in an answer of Chat Completions. OpenAI's own does not show it. */
  readonly reasoning: "reasoning_content" | "reasoning" | "none";
}

interface Kind {
  readonly type: string;
  readonly code: string | null;
  readonly message: string;
}
const kinds: { readonly [status: number]: Kind } = {
  401: { type: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided." },
  403: {
    type: "invalid_request_error",
    code: "unsupported_country_region_territory",
    message: "Country, region, or territory not supported",
  },
  404: { type: "invalid_request_error", code: "model_not_found", message: "The model does not exist or you do not have access to it." },
  429: { type: "requests", code: "rate_limit_exceeded", message: "Rate limit reached for requests" },
  500: { type: "server_error", code: null, message: "The server had an error while processing your request. Sorry about that!" },
  503: { type: "server_error", code: null, message: "The engine is currently overloaded, please try again later" },
  529: { type: "overloaded_error", code: null, message: "The engine is currently overloaded, please try again later" },
};

export function openaiError(error: WireError): {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
} {
  const known = kinds[error.status];
  return {
    message: error.message ?? known?.message ?? `offline model: status ${error.status}`,
    type: error.type ?? known?.type ?? (error.status >= 500 ? "server_error" : "invalid_request_error"),
    param: error.param ?? null,
    code: error.code ?? (error.type ? null : (known?.code ?? null)),
  };
}

export const errorAnswer = (error: WireError): { readonly headers: { readonly [name: string]: string }; readonly body: JsonObject } => ({
  headers: retryHeader(error),
  body: { error: openaiError(error) },
});

export const openaiHeaders = (ids: Ids): { readonly [name: string]: string } => ({
  "x-request-id": `req_${number6(ids.request)}`,
  "openai-version": "2020-10-01",
});

/** A 400. */
export const bad = (message: string, param: string | null = null, code: string | null = null): WireError => ({
  status: 400,
  message,
  param,
  code,
});

export function refuseKey(call: WireCall, { local }: Dialect): WireError | null {
  if (local || /^Bearer\s+\S/.test(call.headers.authorization ?? "")) return null;
  const message =
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
  return { status: 401, message, type: "invalid_request_error" };
}

/** The first parameter that is unknown, or has moved to a new name. */
export function refuseUnknown(body: JsonObject, known: readonly string[], moved: { readonly [name: string]: string }): WireError | null {
  const name = Object.keys(body).find((key) => !known.includes(key));
  if (name === undefined) return null;
  const to = moved[name];
  if (to === undefined) return bad(`Unknown parameter: '${name}'.`, name, "unknown_parameter");
  return bad(
    `Unsupported parameter: '${name}'. This parameter has moved to '${to}'. Try again with the new parameter.`,
    name,
    "unsupported_parameter",
  );
}

export const missing = (param: string): WireError => bad(`Missing required parameter: '${param}'.`, param, "missing_required_parameter");
export const invalidType = (param: string, wanted: string, got: Json | undefined): WireError => {
  const kind = got === null ? "null" : Array.isArray(got) ? "an array" : typeof got === "object" ? "an object" : `a ${typeof got}`;
  return bad(`Invalid type for '${param}': expected ${wanted}, but got ${kind} instead.`, param, "invalid_type");
};
export const invalidValue = (param: string, got: Json | undefined, supported: readonly string[]): WireError =>
  bad(`Invalid value: '${String(got)}'. Supported values are: ${supported.map((s) => `'${s}'`).join(", ")}.`, param, "invalid_value");

/** A function's name, and its schema where it is strict. `at` is the path of the tool. */
export function refuseFunction(tool: JsonObject, at: string): WireError | null {
  const { name, parameters } = tool;
  if (name === undefined) return missing(`${at}.name`);
  if (typeof name !== "string" || !/^[a-zA-Z0-9_-]{1,64}$/.test(name))
    return bad(
      `Invalid '${at}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
      `${at}.name`,
      "invalid_value",
    );
  if (parameters !== undefined && parameters !== null && !isObject(parameters))
    return invalidType(`${at}.parameters`, "an object", parameters);
  const closed = isObject(parameters) && parameters.additionalProperties === false;
  if (tool.strict !== true || closed) return null;
  return bad(
    `Invalid schema for function '${name}': In context=(), 'additionalProperties' is required to be supplied and to be false.`,
    `${at}.parameters`,
    "invalid_function_parameters",
  );
}

/** Arguments as an object; empty when the text is no JSON object. */
export function argumentsOf(value: Json | undefined): JsonObject {
  try {
    const parsed: Json = JSON.parse(String(value));
    return isObject(parsed) ? parsed : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
