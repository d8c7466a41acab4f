/** One table of failures. A published code never changes its name or meaning. */
import { type Finding, lineOf } from "./findings.ts";

export type { Finding, FindingCode } from "./findings.ts";

export const CATEGORIES = {
  rate_limited: { recoverable: true, fatal: false, code: "exec.api.rate_limited" },
  timeout: { recoverable: true, fatal: false, code: "exec.api.timeout" },
  network: { recoverable: true, fatal: false, code: "exec.api.network" },
  token_limit: { recoverable: false, fatal: false, code: "exec.api.token_limit" },
  auth: { recoverable: false, fatal: true, code: "exec.api.auth.invalid_key" },
  bad_request: { recoverable: false, fatal: true, code: "exec.api.bad_request" },
  server_error: { recoverable: true, fatal: false, code: "exec.api.server_error" },
  terminal: { recoverable: false, fatal: false, code: "exec.api.terminal" },
  unknown: { recoverable: false, fatal: false, code: "exec.api.unknown" },
  cli_not_found: { recoverable: false, fatal: true, code: "exec.cli.binary_not_found" },
  cli_auth_failed: { recoverable: false, fatal: true, code: "exec.cli.auth_failed" },
  cli_timeout: { recoverable: true, fatal: false, code: "exec.cli.timeout" },
  cli_protocol_error: { recoverable: true, fatal: false, code: "exec.cli.protocol_error" },
  cli_permission_denied: { recoverable: false, fatal: true, code: "exec.cli.permission_denied" },
} as const;
export type ErrorCategory = keyof typeof CATEGORIES;

type Row = { readonly category: ErrorCategory | null; readonly recoverable: boolean; readonly about: string; readonly own?: true };
/** `own`: a code that this implementation added; the Python program has it not. */
export const ERRORS = {
  "exec.api.auth.invalid_key": { category: "auth", recoverable: false, about: "The provider refused the key. Check the credentials." },
  "exec.api.auth.expired": {
    category: "auth",
    recoverable: false,
    about: "The provider says that the credentials have expired. Renew them.",
  },
  "exec.api.rate_limited": {
    category: "rate_limited",
    recoverable: true,
    about: "The provider's rate limit. Wait for `retryAfter` seconds.",
  },
  "exec.api.timeout": { category: "timeout", recoverable: true, about: "The provider did not answer in time." },
  "exec.api.network": { category: "network", recoverable: true, about: "The connection could not be made, or broke." },
  "exec.api.token_limit": {
    category: "token_limit",
    recoverable: false,
    about: "The request is larger than the model's context. Compact or shorten it.",
  },
  "exec.api.bad_request": { category: "bad_request", recoverable: false, about: "The provider refused the request as malformed." },
  "exec.api.server_error": { category: "server_error", recoverable: true, about: "The provider failed or is overloaded." },
  "exec.api.terminal": { category: "terminal", recoverable: false, about: "No route is left: every account or hop has failed." },
  "exec.api.unknown": { category: "unknown", recoverable: false, about: "A failure of the provider that fits no other code." },
  "exec.api.no_client": { category: "bad_request", recoverable: false, about: "No such provider, or it has no credentials." },
  "exec.api.stream_incomplete": { category: "network", recoverable: true, about: "The answer ended before it was finished." },
  "exec.api.retry_exhausted": { category: "unknown", recoverable: false, about: "Every retry failed; the last failure is the cause." },
  "exec.cli.binary_not_found": { category: "cli_not_found", recoverable: false, about: "The CLI's binary was not found." },
  "exec.cli.auth_failed": { category: "cli_auth_failed", recoverable: false, about: "The CLI is not logged in, or its key was refused." },
  "exec.cli.timeout": { category: "cli_timeout", recoverable: true, about: "The CLI did not answer in time." },
  "exec.cli.protocol_error": { category: "cli_protocol_error", recoverable: true, about: "The CLI's output could not be read." },
  "exec.cli.permission_denied": {
    category: "cli_permission_denied",
    recoverable: false,
    about: "The CLI refused for want of a permission.",
  },
  "exec.cli.exited": { category: null, recoverable: true, about: "The CLI ended with a failure of no other class." },
  "exec.pipeline.not_initialized": { category: null, recoverable: false, about: "The pipeline cannot run: it is closed or lacks a part." },
  "exec.pipeline.invalid_manifest": {
    category: null,
    recoverable: false,
    about: "The manifest or configuration is wrong; every finding is listed.",
  },
  "exec.pipeline.cancelled": { category: null, recoverable: false, about: "The run was cancelled.", own: true },
  "exec.pipeline.busy": { category: null, recoverable: true, about: "The session is running a turn.", own: true },
  "exec.pipeline.timeout": { category: null, recoverable: true, about: "The turn took longer than `maxTurnMs`.", own: true },
  "exec.stage.failed": { category: null, recoverable: false, about: "A stage threw." },
  "exec.stage.guard_rejected": { category: null, recoverable: false, about: "A guard refused the turn." },
  "exec.stage.bad_patch": {
    category: null,
    recoverable: false,
    about: "A stage returned a key that it does not declare in `writes`.",
    own: true,
  },
  "exec.output.invalid": {
    category: null,
    recoverable: true,
    about: "The turn ended without an answer that matches the run's `output` schema.",
    own: true,
  },
  "exec.tool.unknown": { category: null, recoverable: false, about: "No tool has that name." },
  "exec.tool.invalid_input": { category: null, recoverable: false, about: "The input does not fit the tool's schema." },
  "exec.tool.access_denied": { category: null, recoverable: false, about: "A rule, a hook or a person denied the call." },
  "exec.tool.crashed": { category: null, recoverable: false, about: "The tool threw." },
  "exec.tool.transport": { category: null, recoverable: false, about: "The tool's server could not be reached." },
  "exec.tool.timeout": { category: null, recoverable: false, about: "The tool did not end within its time.", own: true },
  "exec.mutation.invalid": {
    category: null,
    recoverable: false,
    about: "The change is not of its kind's form, names something that does not exist, or would make an error.",
  },
  "exec.mutation.locked": { category: null, recoverable: true, about: "The stage is executing; try at the next boundary." },
  "exec.mcp.connect_failed": { category: null, recoverable: false, about: "The MCP server could not be started or reached." },
  "exec.mcp.initialize_failed": { category: null, recoverable: false, about: "The MCP server refused the handshake." },
  "exec.mcp.list_tools_failed": { category: null, recoverable: false, about: "The MCP server did not list its tools." },
  "exec.mcp.sdk_missing": { category: null, recoverable: false, about: "The MCP SDK is not installed." },
  "exec.checkpoint.not_found": { category: null, recoverable: false, about: "The session has no checkpoint of that id.", own: true },
  "exec.checkpoint.damaged": { category: null, recoverable: false, about: "The checkpoint cannot be read.", own: true },
  "exec.unknown": { category: null, recoverable: false, about: "A failure of no known kind." },
} as const satisfies Record<string, Row>;
export type ErrorCode = keyof typeof ERRORS;

type Member<C extends string> = C extends `exec.${infer Rest}` ? `EXEC_${Uppercase<Dotless<Rest>>}` : never;
type Dotless<S extends string> = S extends `${infer A}.${infer B}` ? `${A}_${Dotless<B>}` : S;
/** The codes under their Python member names: `ExecutorErrorCode.EXEC_API_TIMEOUT === "exec.api.timeout"`. */
export const ExecutorErrorCode = Object.fromEntries(
  Object.keys(ERRORS).map((code) => [`EXEC_${code.slice(5).replaceAll(".", "_").toUpperCase()}`, code]),
) as { readonly [C in ErrorCode as Member<C>]: C };
/** The categories under their Python member names: `ErrorCategory.RATE_LIMITED === "rate_limited"`. */
export const ErrorCategory = Object.fromEntries(Object.keys(CATEGORIES).map((name) => [name.toUpperCase(), name])) as {
  readonly [C in ErrorCategory as Uppercase<C>]: C;
};

export interface ErrorOptions {
  readonly code?: ErrorCode | undefined;
  readonly category?: ErrorCategory | null | undefined;
  readonly details?: { readonly [key: string]: unknown };
  readonly cause?: unknown;
}

/** Every failure of this library. `code` is stable, `message` says what to do next, `result` holds what a broken turn left. */
export class GenyExecutorError extends Error {
  override name = "GenyExecutorError";
  readonly code: ErrorCode;
  readonly category: ErrorCategory | null;
  readonly details: { readonly [key: string]: unknown };
  #result: unknown;
  constructor(message: string, { code, category, details = {}, cause }: ErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code ?? (category ? CATEGORIES[category].code : "exec.unknown");
    this.category = category === undefined ? ERRORS[this.code].category : category;
    this.details = details;
  }
  /** A `RunResult`, set by `run` and `runStream`: the text, usage, cost and state up to the failure. Not printed with the error. */
  get result(): unknown {
    return this.#result;
  }
  set result(result: unknown) {
    this.#result = result;
  }
  /** Whether trying again may help. */
  get recoverable(): boolean {
    return this.category === null ? ERRORS[this.code].recoverable : CATEGORIES[this.category].recoverable;
  }
}

/** A provider's failure. */
export class APIError extends GenyExecutorError {
  override name = "APIError";
  /** HTTP status, when there was an answer. */
  readonly status: number | null;
  readonly requestId: string | null;
  /** Seconds to wait, as the provider said. */
  readonly retryAfter: number | null;
  /** Epoch milliseconds at which the limit ends, as the provider said. */
  readonly resetAt: number | null;
  constructor(
    message: string,
    options: ErrorOptions & { status?: number | null; requestId?: string | null; retryAfter?: number | null; resetAt?: number | null } = {},
  ) {
    super(message, { ...options, category: options.category ?? (options.code ? ERRORS[options.code].category : "unknown") });
    this.status = options.status ?? null;
    this.requestId = options.requestId ?? null;
    this.retryAfter = options.retryAfter ?? null;
    this.resetAt = options.resetAt ?? null;
  }
}

/** A pipeline that cannot run, or a run that was cancelled. */
export class PipelineError extends GenyExecutorError {
  override name = "PipelineError";
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { code: "exec.pipeline.not_initialized", ...options });
  }
}

/** A manifest, option or config that is wrong: all findings at once. */
export class ConfigError extends PipelineError {
  override name = "ConfigError";
  readonly findings: readonly Finding[];
  constructor(findings: readonly Finding[]) {
    const lines = findings.filter((f) => f.severity === "error").map((f) => `  ${lineOf(f)}`);
    super(`The configuration has ${lines.length} error${lines.length === 1 ? "" : "s"}:\n${lines.join("\n")}`, {
      code: "exec.pipeline.invalid_manifest",
    });
    this.findings = findings;
  }
}

/** A stage's failure. It has the code of what was thrown inside, if that had one. */
export class StageError extends GenyExecutorError {
  override name = "StageError";
  readonly stage: string;
  readonly order: number;
  constructor(message: string, { stage, order, ...options }: ErrorOptions & { stage: string; order: number }) {
    super(message, { code: "exec.stage.failed", ...options });
    this.stage = stage;
    this.order = order;
  }
}

/** A guard refused the turn. Thrown before anything is spent. */
export class GuardRejectError extends StageError {
  override name = "GuardRejectError";
  readonly guard: string;
  constructor(message: string, { guard, ...options }: ErrorOptions & { guard: string }) {
    super(message, { code: "exec.stage.guard_rejected", ...options, stage: "guard", order: 4 });
    this.guard = guard;
  }
}

/** A tool's failure, as its author throws it or as the dispatcher found it. The model is told; the turn goes on. */
export class ToolExecutionError extends GenyExecutorError {
  override name = "ToolExecutionError";
  readonly tool: string;
  constructor(message: string, { tool, ...options }: ErrorOptions & { tool: string }) {
    super(message, { code: "exec.tool.crashed", ...options });
    this.tool = tool;
  }
}

/** A change of a live pipeline that cannot be made: nothing of it was. `details` has the `stage`, its `order` and the `slot`, where there are. */
export class MutationError extends GenyExecutorError {
  override name = "MutationError";
  /** What is wrong in the change, or would have been by it: paths in the one or in the document. Empty when the message says all. */
  readonly findings: readonly Finding[];
  constructor(message: string, { findings = [], ...options }: ErrorOptions & { findings?: readonly Finding[] } = {}) {
    super(message, { code: "exec.mutation.invalid", ...options });
    this.findings = findings;
  }
}

/** An MCP server's failure. */
export class MCPConnectionError extends GenyExecutorError {
  override name = "MCPConnectionError";
  readonly server: string;
  constructor(message: string, { server, ...options }: ErrorOptions & { server: string }) {
    super(message, { code: "exec.mcp.connect_failed", ...options });
    this.server = server;
  }
}

/** What was thrown, in words. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** Whatever was thrown, as an error of ours; its own code, if it has one. */
export const asError = (thrown: unknown): GenyExecutorError =>
  thrown instanceof GenyExecutorError ? thrown : new GenyExecutorError(messageOf(thrown), { code: "exec.unknown", cause: thrown });
