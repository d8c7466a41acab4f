/** Google's failures as ours: by google.rpc's status and reason, then by the HTTP status; the words decide only where it gives no other sign. */
import { APIError, type ErrorCode } from "../contract/errors.ts";
import { type Json, type JsonObject, own } from "../contract/schema.ts";
import { codeOfStatus, type Failure, retryAfterOf, wordsOf } from "./failure.ts";
import { isObject, list, object, parsed, text } from "./json.ts";

const RPC: { readonly [status: string]: ErrorCode } = {
  INVALID_ARGUMENT: "exec.api.bad_request",
  FAILED_PRECONDITION: "exec.api.bad_request",
  OUT_OF_RANGE: "exec.api.bad_request",
  NOT_FOUND: "exec.api.bad_request",
  UNIMPLEMENTED: "exec.api.bad_request",
  UNAUTHENTICATED: "exec.api.auth.invalid_key",
  PERMISSION_DENIED: "exec.api.auth.invalid_key",
  RESOURCE_EXHAUSTED: "exec.api.rate_limited",
  DEADLINE_EXCEEDED: "exec.api.timeout",
  ABORTED: "exec.api.server_error",
  CANCELLED: "exec.api.server_error",
  DATA_LOSS: "exec.api.server_error",
  INTERNAL: "exec.api.server_error",
  UNAVAILABLE: "exec.api.server_error",
  UNKNOWN: "exec.api.server_error",
};
/** An ErrorInfo's reason says more than the status: a wrong key is an INVALID_ARGUMENT. */
const REASONS: { readonly [reason: string]: ErrorCode } = {
  API_KEY_INVALID: "exec.api.auth.invalid_key",
  API_KEY_EXPIRED: "exec.api.auth.expired",
  ACCESS_TOKEN_EXPIRED: "exec.api.auth.expired",
  CREDENTIALS_MISSING: "exec.api.auth.invalid_key",
};

const BAD_KEY = /^API key (?:not valid|not found|expired)\b/i;
/** What the vendor says of a prompt that does not fit; each from the beginning of the message. */
const OVERFLOW = [
  /^(?:the )?input token count\b.*\bexceeds the maximum number of (?:input )?tokens\b/is,
  /^request payload size exceeds the limit\b/i,
];

/** Google itself names no request in a header; gateways do. */
export const REQUEST_ID = "x-request-id";

/** The error of an answer that is no success, or of an error within a stream. */
export const failureOf = (failure: Failure): APIError => {
  const { body, header } = failure;
  const error = errorOf(parsed(body));
  const type = text(error.status);
  const reason = text(detail(error, "ErrorInfo").reason);
  const status = failure.status ?? (typeof error.code === "number" ? error.code : null);
  const words = wordsOf(failure, text(error.message));
  return new APIError(`google: ${words}`, {
    code: codeOf(status, type, reason, words),
    status,
    requestId: header(REQUEST_ID) ?? (text(detail(error, "RequestInfo").requestId) || null),
    retryAfter: secondsOf(text(detail(error, "RetryInfo").retryDelay)) ?? retryAfterOf(header),
    details: { provider: "google", ...(type ? { type } : {}), ...(reason ? { reason } : {}) },
  });
};

/** A stream that was not asked for as server-sent events comes as a list. */
const errorOf = (body: Json | undefined): JsonObject => object(object(Array.isArray(body) ? body[0] : body).error);

const detail = (error: JsonObject, type: string): JsonObject =>
  list(error.details)
    .filter(isObject)
    .find((one) => text(one["@type"]).endsWith(`google.rpc.${type}`)) ?? {};

const codeOf = (status: number | null, type: string, reason: string, words: string): ErrorCode => {
  const known = own(REASONS, reason);
  // Google has no status of its own for what is too large.
  const told = status === 413 ? undefined : own(RPC, type);
  const code = known ?? told ?? codeOfStatus(status);
  const unsaid = code === "exec.api.bad_request" && (status === null || status === 400);
  if (unsaid && OVERFLOW.some((phrase) => phrase.test(words))) return "exec.api.token_limit";
  const key = code === "exec.api.auth.invalid_key" || (unsaid && BAD_KEY.test(words));
  return key ? (/\bexpired\b/i.test(words) ? "exec.api.auth.expired" : "exec.api.auth.invalid_key") : code;
};

/** A duration as protocol buffers write it: "17.5s". */
const secondsOf = (duration: string): number | null => (/^\d+(\.\d+)?s$/.test(duration) ? Number.parseFloat(duration) : null);

const REFUSED: readonly (readonly [RegExp, string | null])[] = [
  [/\bUnknown name "(parametersJsonSchema|responseJsonSchema|thinkingLevel|thinkingConfig)"/, null],
  [/\bThinking level is not supported\b/i, "thinkingLevel"],
  [/\bThinking (?:budget )?is not (?:supported|enabled)\b/i, "thinkingConfig"],
];
/** The field that this error says is not taken: "parametersJsonSchema", "responseJsonSchema", "thinkingLevel" or "thinkingConfig". */
export const refusedField = (error: APIError): string | null => {
  if (error.status !== 400) return null;
  for (const [phrase, field] of REFUSED) {
    const found = phrase.exec(error.message);
    if (found) return field ?? found[1] ?? null;
  }
  return null;
};
