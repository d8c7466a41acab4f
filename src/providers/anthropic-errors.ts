/** Anthropic's failures as ours: by the error's type, then by the status; the words decide only where the vendor gives no other sign. */
import { APIError, type ErrorCode } from "../contract/errors.ts";
import { own } from "../contract/schema.ts";
import { codeOfStatus, type Failure, type Limit, resetOf, retryAfterOf, wordsOf } from "./failure.ts";
import { object, parsed, text, textOrNull } from "./json.ts";

const TYPES: { readonly [type: string]: ErrorCode } = {
  invalid_request_error: "exec.api.bad_request",
  authentication_error: "exec.api.auth.invalid_key",
  permission_error: "exec.api.auth.invalid_key",
  billing_error: "exec.api.auth.invalid_key",
  not_found_error: "exec.api.bad_request",
  request_too_large: "exec.api.token_limit",
  rate_limit_error: "exec.api.rate_limited",
  timeout_error: "exec.api.timeout",
  overloaded_error: "exec.api.server_error",
  api_error: "exec.api.server_error",
  conflict_error: "exec.api.server_error",
};
/** What the vendor says of a prompt that does not fit; each from the beginning of the message. */
const OVERFLOW = [
  /^prompt is too long\b/i,
  /^input length and `?max_tokens`? exceed context limit\b/i,
  /^input is too long\b/i,
  /^(?:the )?(?:request|prompt|input|conversation) exceeds the (?:maximum |model's )?context (?:window|length|limit)\b/i,
  /^this model's maximum context length is\b/i,
];

/** The error of an answer that is no success, or of an error event within a stream. */
export const failureOf = (failure: Failure): APIError => {
  const { status, body, header } = failure;
  const answer = object(parsed(body));
  const error = object(answer.error);
  const type = text(error.type);
  const words = wordsOf(failure, text(error.message));
  return new APIError(`anthropic: ${words}`, {
    code: codeOf(status, type, words),
    status,
    requestId: header("request-id") ?? textOrNull(answer.request_id),
    retryAfter: retryAfterOf(header),
    resetAt: resetOf(limitsOf(header)),
    details: { provider: "anthropic", ...(type ? { type } : {}) },
  });
};

const codeOf = (status: number | null, type: string, words: string): ErrorCode => {
  const code = own(TYPES, type) ?? codeOfStatus(status);
  if (code === "exec.api.bad_request" && (status === null || status === 400) && OVERFLOW.some((phrase) => phrase.test(words)))
    return "exec.api.token_limit";
  return code === "exec.api.auth.invalid_key" && /\bexpired\b/i.test(words) ? "exec.api.auth.expired" : code;
};

const LIMITS = ["requests", "tokens", "input-tokens", "output-tokens"];
const limitsOf = (header: Failure["header"]): readonly Limit[] => [
  ...LIMITS.map((name) => ({
    empty: header(`anthropic-ratelimit-${name}-remaining`) === "0",
    at: Date.parse(header(`anthropic-ratelimit-${name}-reset`) ?? ""),
  })),
  {
    empty: header("anthropic-ratelimit-unified-status") === "rejected",
    at: Number(header("anthropic-ratelimit-unified-reset") ?? Number.NaN) * 1000,
  },
];

const FIELD = "(temperature|top_p|top_k|thinking\\.type\\.enabled)";
const REFUSED = [
  new RegExp(`\\b${FIELD}\\b["'\`]? (?:is|are) (?:deprecated|not supported|unsupported|not allowed|no longer)`, "i"),
  new RegExp(`\\b${FIELD}: Extra inputs are not permitted`, "i"),
];
/** The field that this error says the model does not take: "temperature", "top_p", "top_k" or "thinking.type.enabled". */
export const refusedField = (error: APIError): string | null => {
  if (error.status !== 400) return null;
  for (const phrase of REFUSED) {
    const field = phrase.exec(error.message)?.[1];
    if (field) return field.toLowerCase();
  }
  return null;
};
