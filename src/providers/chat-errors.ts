/** Failures of servers that speak Chat Completions: by the error's code and type, then by the status; the words decide only where there is no other sign. */
import { APIError, type ErrorCode } from "../contract/errors.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import { codeOfStatus, type Failure, type Limit, resetOf, retryAfterOf, wordsOf } from "./failure.ts";
import { isObject, list, object, parsed, text } from "./json.ts";

/** By the error's code, or its type. */
const KINDS: { readonly [kind: string]: ErrorCode } = {
  context_length_exceeded: "exec.api.token_limit",
  exceed_context_size_error: "exec.api.token_limit",
  invalid_api_key: "exec.api.auth.invalid_key",
  invalid_organization: "exec.api.auth.invalid_key",
  account_deactivated: "exec.api.auth.invalid_key",
  authentication_error: "exec.api.auth.invalid_key",
  permission_error: "exec.api.auth.invalid_key",
  // No waiting mends these: another account may.
  insufficient_quota: "exec.api.auth.invalid_key",
  billing_not_active: "exec.api.auth.invalid_key",
  billing_hard_limit_reached: "exec.api.auth.invalid_key",
  rate_limit_exceeded: "exec.api.rate_limited",
  rate_limit_error: "exec.api.rate_limited",
  requests: "exec.api.rate_limited",
  tokens: "exec.api.rate_limited",
  slow_down: "exec.api.rate_limited",
  server_error: "exec.api.server_error",
  internal_server_error: "exec.api.server_error",
  overloaded_error: "exec.api.server_error",
  unavailable_error: "exec.api.server_error",
  vector_store_timeout: "exec.api.timeout",
};
/** Kinds of a request that is wrong, where there is no status that says so. */
const WRONG = /^invalid_|image|policy/;
/** What servers say of a prompt that does not fit; each from the beginning of the message. */
const OVERFLOW = [
  /^this model's maximum context length is\b/i,
  /^your input exceeds the context window\b/i,
  /^prompt is too long\b/i,
  /^input is too long\b/i,
  /^the (?:decoder |encoder )?prompt \([^)]*\) is longer than the maximum model length\b/i,
  /^(?:the )?(?:request|prompt|input|input tokens|conversation) exceeds? the (?:available |maximum |model's |configured )?(?:context|limit)\b/i,
  /^(?:the number of tokens to keep from the initial prompt|trying to keep the first \d+ tokens)\b/i,
];

/** A limit by the minute that one request alone exceeds: no waiting mends it. */
const TOO_LARGE = /^request too large for\b/i;

export const REQUEST_ID = "x-request-id";

/** The error of an answer that is no success, or of an error within a stream. */
export const failureOf = (provider: string, failure: Failure): APIError => {
  const { body, header } = failure;
  const answer = object(parsed(body));
  const error = isObject(answer.error) ? answer.error : answer;
  const kind = text(error.code) || text(error.type);
  const status = failure.status ?? statusOf(error);
  const words = wordsOf(failure, saidBy(answer.error, error));
  const param = text(error.param);
  const code = codeOf(status, [text(error.code), text(error.type)], words);
  return new APIError(`${provider}: ${words}`, {
    code,
    status,
    requestId: header(REQUEST_ID) ?? null,
    retryAfter: retryAfterOf(header),
    resetAt: code === "exec.api.rate_limited" ? resetOf(limitsOf(header)) : null,
    details: { provider, ...(kind ? { type: kind } : {}), ...(param ? { param } : {}) },
  });
};

/** An object with a message, a mere text, or a list of what is wrong with the request: each server has its own form. */
const saidBy = (own: Json | undefined, { message, detail }: JsonObject): string =>
  text(own) || text(message) || text(detail) || list(detail).map(complaint).join("; ");
const complaint = (detail: Json): string => {
  const { loc, msg } = object(detail);
  return [list(loc).map(String).join("."), text(msg)].filter(Boolean).join(": ");
};

/** Within a stream the status may stand in the error's code. */
const statusOf = ({ code, status }: JsonObject): number | null =>
  ([code, status].find((value) => typeof value === "number" && value >= 400 && value < 600) as number | undefined) ?? null;

const codeOf = (status: number | null, kinds: readonly string[], words: string): ErrorCode => {
  const kind = kinds.find((name) => Object.hasOwn(KINDS, name)) ?? "";
  const wrong = status === null && kinds.some((name) => WRONG.test(name));
  const code = KINDS[kind] ?? (wrong ? "exec.api.bad_request" : codeOfStatus(status));
  if (code === "exec.api.rate_limited") return TOO_LARGE.test(words) ? "exec.api.token_limit" : code;
  const unsaid = code === "exec.api.bad_request" || (code === "exec.api.unknown" && status === null);
  if (unsaid && (status === null || status === 400) && OVERFLOW.some((phrase) => phrase.test(words))) return "exec.api.token_limit";
  return code === "exec.api.auth.invalid_key" && /\bexpired\b/i.test(words) ? "exec.api.auth.expired" : code;
};

const limitsOf = (header: Failure["header"]): readonly Limit[] =>
  ["requests", "tokens"].map((name) => ({
    empty: header(`x-ratelimit-remaining-${name}`) === "0",
    at: Date.now() + millisecondsOf(header(`x-ratelimit-reset-${name}`) ?? ""),
  }));

const UNITS: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A duration as the vendor writes it: "1h2m3.5s", "20ms". NaN for another text. */
const millisecondsOf = (duration: string): number => {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(duration)) return Number.NaN;
  return [...duration.matchAll(/([\d.]+)(ms|[smhd])/g)].reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ""] ?? 0), 0);
};

const FIELDS =
  "max_tokens|max_completion_tokens|stream_options|temperature|top_p|top_k|reasoning_effort|parallel_tool_calls|prompt_cache_key";
const REFUSED = [
  new RegExp(
    `\\b(?:unsupported|unknown|unrecognized|invalid) (?:parameter|argument|value|field|request argument)s?\\b[^a-z]{0,10}\\b(${FIELDS})\\b`,
    "i",
  ),
  new RegExp(`\\b(${FIELDS})\\b["'\`]?:? (?:is|are|does|extra inputs are) (?:not|no longer|unsupported|deprecated)\\b`, "i"),
];
/** Servers that know thinking, but not of this model. */
const DULL = /\bdoes not support thinking\b|\bthink value\b.{0,40}\bis not supported\b/i;

/**
 * The field that this error says is not taken, among those that a request can do without. Of the limit it is the name that is not taken:
 * "name max_tokens".
 */
export const refusedField = (error: APIError): string | null => {
  if (error.status !== 400 && error.status !== 422) return null;
  const words = error.message.slice(0, 2000);
  for (const phrase of REFUSED) {
    const field = phrase.exec(words)?.[1];
    if (field) return (field.startsWith("max_") ? `name ${field}` : field).toLowerCase();
  }
  return DULL.test(words) ? "reasoning_effort" : null;
};
