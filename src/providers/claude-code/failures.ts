/** The CLI's failures as ours: by what it says of itself in its lines, then by its words, then by its exit. */
import { APIError, type ErrorCategory, type ErrorCode } from "../../contract/errors.ts";
import { own } from "../../contract/schema.ts";
import { notFound } from "./binary.ts";
import type { Exit } from "./process.ts";

/** What was heard of a failure, from whichever line. */
export interface Trouble {
  /** The CLI's own word, such as `rate_limit`. */
  readonly kind?: string;
  readonly status?: number | null;
  readonly words: string;
  /** How the turn ended: `prompt_too_long`, `error_max_turns`, … */
  readonly ended?: readonly string[];
  /** Epoch milliseconds. */
  readonly resetAt?: number | null;
}

const KINDS: { readonly [kind: string]: ErrorCode } = {
  authentication_failed: "exec.cli.auth_failed",
  oauth_org_not_allowed: "exec.cli.auth_failed",
  account_on_hold: "exec.cli.auth_failed",
  verification_required: "exec.cli.auth_failed",
  cloud_credential_error: "exec.cli.auth_failed",
  billing_error: "exec.cli.auth_failed",
  rate_limit: "exec.api.rate_limited",
  overloaded: "exec.api.server_error",
  server_error: "exec.api.server_error",
  invalid_request: "exec.api.bad_request",
  model_not_found: "exec.api.bad_request",
  max_output_tokens: "exec.api.bad_request",
};
const STATUS: { readonly [status: number]: ErrorCode } = {
  400: "exec.api.bad_request",
  401: "exec.cli.auth_failed",
  402: "exec.cli.auth_failed",
  403: "exec.cli.auth_failed",
  404: "exec.api.bad_request",
  408: "exec.api.timeout",
  413: "exec.api.token_limit",
  422: "exec.api.bad_request",
  429: "exec.api.rate_limited",
};
/** The first that fits. */
const WORDS: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /\bnot (?:authenticated|logged in)\b|\bunauthorized\b|authentication_failed|\binvalid (?:api key|bearer token)\b|\brun \/login\b/i,
    "exec.cli.auth_failed",
  ],
  [/^prompt is too long\b/im, "exec.api.token_limit"],
  [/\bpermissions?\b[^\n]*\b(?:denied|deny|blocked)\b|\b(?:denied|deny|blocked)\b[^\n]*\bpermissions?\b/i, "exec.cli.permission_denied"],
  [/cannot be used with root\/sudo privileges/i, "exec.cli.permission_denied"],
  [/^error: (?:unknown option|unknown command|option '|missing required argument|too many arguments)/im, "exec.api.bad_request"],
  [
    /^(?:error: )?(?:invalid (?:mcp configuration|session id|settings)|--json-schema is not|settings file not found)/im,
    "exec.api.bad_request",
  ],
  [/^error: session id \S+ is already in use|^no conversation found with session id|--resume requires/im, "exec.api.bad_request"],
  [/^error parsing streaming input line/im, "exec.api.bad_request"],
];
const CONNECTION =
  /^(?:api error: )?(?:connection|unable to connect|fetch failed|network)\b|\bE(?:CONN\w+|PIPE|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH)\b/i;
/** What it says of an answer that it could not read. */
const GARBLED = /^(?:api error: )?JSON Parse error\b/i;
const UNFINISHED = /^(?:api error: )?Stream ended without receiving any events\b/i;
const LATE = /^(?:api error: )?(?:request|connection) timed out|\bETIMEDOUT\b/i;
/** The host's own limits: trying again would meet them again. */
const LIMITS = /^error_max_|^budget_exhausted$/;

export const failureOf = (trouble: Trouble, details: { readonly [key: string]: unknown } = {}): APIError => {
  const { status = null, resetAt = null, ended = [] } = trouble;
  const code = codeOf(trouble);
  const category: { category?: ErrorCategory } =
    code === "exec.cli.exited" ? { category: ended.some((how) => LIMITS.test(how)) ? "terminal" : "cli_protocol_error" } : {};
  const words = short(trouble.words) || ended[0] || "it failed without a word";
  const advice =
    code === "exec.cli.auth_failed" ? `${/[.!?]$/.test(words) ? "" : "."} Log in with \`claude /login\`, or give \`apiKey\`.` : "";
  return new APIError(`claude_code_cli: ${words}${advice}`, {
    code,
    ...category,
    status,
    resetAt: code === "exec.api.rate_limited" ? resetAt : null,
    details: {
      provider: "claude_code_cli",
      ...(trouble.kind ? { kind: trouble.kind } : {}),
      ...(ended.length ? { ended } : {}),
      ...details,
    },
  });
};

const codeOf = ({ kind = "", status = null, words, ended = [] }: Trouble): ErrorCode => {
  if (ended.includes("prompt_too_long") || status === 413) return "exec.api.token_limit";
  if (ended.some((how) => LIMITS.test(how))) return "exec.cli.exited";
  if (status === null && LATE.test(words)) return "exec.api.timeout";
  if (status === null && CONNECTION.test(words)) return "exec.api.network";
  if (status === null && GARBLED.test(words)) return "exec.api.network";
  if (status === null && UNFINISHED.test(words)) return "exec.api.stream_incomplete";
  const known = own(KINDS, kind) ?? byStatus(status);
  const said = WORDS.find(([phrase]) => phrase.test(words))?.[1];
  return known === "exec.api.bad_request" && said === "exec.api.token_limit" ? said : (known ?? said ?? "exec.cli.exited");
};

const byStatus = (status: number | null): ErrorCode | undefined =>
  status === null ? undefined : (STATUS[status] ?? (status >= 500 ? "exec.api.server_error" : undefined));

/** A process that ended without saying how the turn did. `said`: its words outside the protocol. `heard`: a failure that it spoke of before. */
export const exitFailure = ({ code, signal }: Exit, said: string, heard: Trouble | null): APIError => {
  const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
  const details = { exit_code: code, signal };
  if (heard) return failureOf(heard, details);
  if (code === 0)
    return new APIError("claude_code_cli: the program ended without a result. Try again; was it interrupted?", {
      code: "exec.cli.protocol_error",
      details: { provider: "claude_code_cli", ...details },
    });
  const words = said.trim();
  // A shell's, or the kernel's, word for what cannot be run, such as a script whose interpreter is not there.
  if (code === 126 || code === 127) return notFound(`the program cannot be run (${short(words) || `code ${code}`}).`);
  const failure = failureOf({ words }, details);
  if (failure.code !== "exec.cli.exited") return failure;
  return new APIError(`claude_code_cli: the program ${how}${words ? `: ${short(words)}` : " and said nothing"}.`, {
    code: "exec.cli.exited",
    category: "cli_protocol_error",
    details: { provider: "claude_code_cli", ...details },
  });
};

const short = (words: string): string => (words.length > 300 ? `${words.slice(0, 300)}…` : words);
