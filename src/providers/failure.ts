/** An answer that is no success, and what can be said of it whoever the vendor is. */
import { APIError, type ErrorCode } from "../contract/errors.ts";

export interface Failure {
  /** Null for an error event within a stream. */
  readonly status: number | null;
  /** The answer's body, or the data of an error event. */
  readonly body: string;
  /** By its name in small letters. */
  header(name: string): string | undefined;
  /** Never shown, whoever echoes them. */
  readonly secrets: readonly string[];
}

const STATUS: { readonly [status: number]: ErrorCode } = {
  400: "exec.api.bad_request",
  401: "exec.api.auth.invalid_key",
  402: "exec.api.auth.invalid_key",
  403: "exec.api.auth.invalid_key",
  404: "exec.api.bad_request",
  408: "exec.api.timeout",
  // The vendors' own clients repeat a conflict, as they repeat their other failures.
  409: "exec.api.server_error",
  413: "exec.api.token_limit",
  422: "exec.api.bad_request",
  429: "exec.api.rate_limited",
};

export const codeOfStatus = (status: number | null): ErrorCode =>
  status === null ? "exec.api.unknown" : (STATUS[status] ?? (status >= 500 ? "exec.api.server_error" : "exec.api.unknown"));

/** The vendor's words without secrets; else the beginning of the body; else the status. */
export const wordsOf = ({ status, body, secrets }: Failure, message: string): string =>
  secrets.reduce((words, secret) => (secret ? words.replaceAll(secret, "***") : words), message || plain(body)) ||
  (status === null ? "an error without a message" : `status ${status}`);

/** The beginning of a body that is not the vendor's JSON, such as a gateway's page, without its markup. */
const plain = (body: string): string =>
  body
    .slice(0, 2000)
    .replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);

/** Seconds that the vendor asks to wait: `retry-after` in seconds or as a date, or `retry-after-ms`. */
export const retryAfterOf = (header: Failure["header"]): number | null => {
  const ms = Number.parseFloat(header("retry-after-ms") ?? "");
  const after = header("retry-after") ?? "";
  return ms >= 0 ? ms / 1000 : /^\d+(\.\d+)?$/.test(after) ? Number(after) : until(after, header("date"));
};

const until = (date: string, now: string | undefined): number | null => {
  const at = Date.parse(date);
  const from = Date.parse(now ?? "");
  return Number.isNaN(at) ? null : Math.max(0, (at - (Number.isNaN(from) ? Date.now() : from)) / 1000);
};

/** A limit that a header tells of: whether it is used up, and the epoch milliseconds when it begins anew. */
export interface Limit {
  readonly empty: boolean;
  readonly at: number;
}
/** The latest reset among the limits that are used up, or among all when none says so. */
export const resetOf = (limits: readonly Limit[]): number | null => {
  const known = limits.filter(({ at }) => !Number.isNaN(at));
  const used = known.filter(({ empty }) => empty);
  const times = (used.length ? used : known).map(({ at }) => at);
  return times.length ? Math.max(...times) : null;
};

/** An answer that contradicts itself. */
export const garbled = (
  what: string,
  { provider, requestId }: { readonly provider: string; readonly requestId: string | null },
): APIError =>
  new APIError(`The answer of ${provider} is garbled: ${what}. Try again.`, {
    code: "exec.api.network",
    requestId,
    details: { provider },
  });
