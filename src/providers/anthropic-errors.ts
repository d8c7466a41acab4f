/** Anthropic's failures as ours: by the error's type, then by the status; the words decide only where the vendor gives no other sign. */
import { APIError, type ErrorCode } from "../contract/errors.ts";
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
const STATUS: { readonly [status: number]: ErrorCode } = {
  400: "exec.api.bad_request",
  401: "exec.api.auth.invalid_key",
  402: "exec.api.auth.invalid_key",
  403: "exec.api.auth.invalid_key",
  404: "exec.api.bad_request",
  408: "exec.api.timeout",
  // The vendor's own client repeats a conflict, as it repeats its other failures.
  409: "exec.api.server_error",
  413: "exec.api.token_limit",
  422: "exec.api.bad_request",
  429: "exec.api.rate_limited",
};

/** What the vendor says of a prompt that does not fit; each from the beginning of the message. */
const OVERFLOW = [
  /^prompt is too long\b/i,
  /^input length and `?max_tokens`? exceed context limit\b/i,
  /^input is too long\b/i,
  /^(?:the )?(?:request|prompt|input|conversation) exceeds the (?:maximum |model's )?context (?:window|length|limit)\b/i,
  /^this model's maximum context length is\b/i,
];

export interface Failure {
  readonly status: number | null;
  /** The answer's body, or the data of an error event. */
  readonly body: string;
  header(name: string): string | undefined;
  /** Never shown, whoever echoes them. */
  readonly secrets: readonly string[];
}

/** The error of an answer that is no success, or of an error event within a stream. */
export const failureOf = ({ status, body, header, secrets }: Failure): APIError => {
  const answer = object(parsed(body));
  const error = object(answer.error);
  const type = text(error.type);
  const said = secrets.reduce((words, secret) => (secret ? words.replaceAll(secret, "***") : words), text(error.message) || plain(body));
  const words = said || (status === null ? "an error without a message" : `status ${status}`);
  return new APIError(`anthropic: ${words}`, {
    code: codeOf(status, type, words),
    status,
    requestId: header("request-id") ?? textOrNull(answer.request_id),
    ...waitOf(header),
    details: { provider: "anthropic", ...(type ? { type } : {}) },
  });
};

const codeOf = (status: number | null, type: string, words: string): ErrorCode => {
  const code = (Object.hasOwn(TYPES, type) ? TYPES[type] : undefined) ?? byStatus(status);
  if (code === "exec.api.bad_request" && (status === null || status === 400) && OVERFLOW.some((phrase) => phrase.test(words)))
    return "exec.api.token_limit";
  return code === "exec.api.auth.invalid_key" && /\bexpired\b/i.test(words) ? "exec.api.auth.expired" : code;
};

const byStatus = (status: number | null): ErrorCode =>
  status === null ? "exec.api.unknown" : (STATUS[status] ?? (status >= 500 ? "exec.api.server_error" : "exec.api.unknown"));

/** The beginning of a body that is not the vendor's JSON, such as a gateway's page, without its markup. */
const plain = (body: string): string =>
  body
    .slice(0, 2000)
    .replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);

/** The waiting time that the vendor names: `retry-after` in seconds or as a date, and when the used-up limit begins anew. */
const waitOf = (header: Failure["header"]): { readonly retryAfter: number | null; readonly resetAt: number | null } => {
  const ms = Number.parseFloat(header("retry-after-ms") ?? "");
  const after = header("retry-after") ?? "";
  return {
    retryAfter: ms >= 0 ? ms / 1000 : /^\d+(\.\d+)?$/.test(after) ? Number(after) : until(after, header("date")),
    resetAt: resetOf(header),
  };
};

const until = (date: string, now: string | undefined): number | null => {
  const at = Date.parse(date);
  const from = Date.parse(now ?? "");
  return Number.isNaN(at) ? null : Math.max(0, (at - (Number.isNaN(from) ? Date.now() : from)) / 1000);
};

const LIMITS = ["requests", "tokens", "input-tokens", "output-tokens"];
/** The latest reset among the limits that are used up, or among all when none says so. */
const resetOf = (header: Failure["header"]): number | null => {
  const limits = LIMITS.map((name) => ({
    empty: header(`anthropic-ratelimit-${name}-remaining`) === "0",
    at: Date.parse(header(`anthropic-ratelimit-${name}-reset`) ?? ""),
  })).filter(({ at }) => !Number.isNaN(at));
  const unified = Number(header("anthropic-ratelimit-unified-reset") ?? Number.NaN) * 1000;
  if (!Number.isNaN(unified)) limits.push({ empty: header("anthropic-ratelimit-unified-status") === "rejected", at: unified });
  const used = limits.filter(({ empty }) => empty);
  const times = (used.length ? used : limits).map(({ at }) => at);
  return times.length ? Math.max(...times) : null;
};

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
