/** Everything between a model's call and its result: find, validate, authorize, run, render, keep what is large. */

import { ToolExecutionError } from "../contract/errors.ts";
import { didYouMean, nearest } from "../contract/nearest.ts";
import type { Clock, Dispatcher, Logger, Tools } from "../contract/services.ts";
import type { PendingToolCall, State } from "../contract/state.ts";
import { after, type Call } from "../contract/strategy.ts";
import type { Tool, ToolContext, ToolOutcome, ToolResult } from "../contract/tool.ts";
import { idempotencyKey } from "./key.ts";
import { shorten } from "./persist.ts";
import { allowedMutations, failure, fromThrown, render } from "./result.ts";
import { validate } from "./validate.ts";

export type Verdict = { readonly allow: true } | { readonly allow: false; readonly reason: string };

export interface DispatcherOptions {
  readonly tools: Tools;
  readonly clock: Clock;
  readonly log: Logger;
  /** Absolute folder that relative paths are taken from. Default: the process's. */
  readonly workingDir?: string;
  /** Folders that file tools may touch. Null, the default: anywhere. An empty list: nowhere. */
  readonly allowedPaths?: readonly string[] | null;
  /** Folder for results that are too large for a message. Null, the default: they are cut. */
  readonly storagePath?: string | null;
  /** Added to the environment that subprocesses of tools get. */
  readonly env?: { readonly [name: string]: string };
  /** Asked once a call, after its input was found right and before it runs. Default: everything is allowed. */
  readonly authorize?: (call: PendingToolCall, tool: Tool, door: Call) => Verdict | Promise<Verdict>;
}

/** `toolCallsTotal`: calls of this turn before this one. */
type DispatchState = Pick<State, "sessionId" | "shared" | "turn" | "toolCallsTotal">;

const RESULT_LIMIT = 100_000;
const LONGEST_MS = 600_000;
const UNPARSED = "__unparsed_arguments__";

export const createDispatcher = (options: DispatcherOptions): Dispatcher => {
  const { tools, clock, log, authorize } = options;
  const place = {
    workingDir: options.workingDir ?? process.cwd(),
    allowedPaths: options.allowedPaths ?? null,
    storagePath: options.storagePath ?? null,
    env: options.env ?? {},
  };

  const answer = async (call: PendingToolCall, state: DispatchState, door: Call): Promise<ToolResult> => {
    const { tool_name: name, tool_input: given } = call;
    const tool = tools.get(name);
    if (!tool) return unknown(name, tools);
    if (given && typeof given === "object" && Object.hasOwn(given, UNPARSED)) return unreadable(name, String(given[UNPARSED]));
    const checking = validate(tool, given);
    const checked = checking instanceof Promise ? await checking : checking;
    if (!checked.ok) return invalid(name, checked.reason, checked.path);
    if (authorize) {
      const verdict = await authorize(call, tool, door);
      if (!verdict.allow)
        return failure("access_denied", `"${name}" may not run: ${verdict.reason}`, { tool_name: name, reason: verdict.reason });
    }
    door.signal.throwIfAborted();
    const context = (signal: AbortSignal): ToolContext => ({
      ...place,
      emit: door.emit,
      step: door.step,
      signal,
      sessionId: state.sessionId,
      toolUseId: call.tool_use_id,
      shared: state.shared,
      idempotencyKey: idempotencyKey({ sessionId: state.sessionId, turn: state.turn, ordinal: state.toolCallsTotal, name, input: given }),
    });
    const running = bounded((signal) => tool.run(checked.input, context(signal)), tool, door.signal, clock);
    const result = running instanceof Promise ? await running : running;
    if (typeof result === "string") return { content: result };
    if (typeof result === "object" && result !== null && result.content !== undefined) return result;
    throw new TypeError("its run gave no result; it must return text or { content }");
  };

  const outcome = (call: PendingToolCall, result: ToolResult, from: number): ToolOutcome | Promise<ToolOutcome> => {
    const isError = result.isError ?? false;
    const refused = (keys: readonly string[]) => log.warn(`"${call.tool_name}" may not set the shared keys ${keys.join(", ")}.`);
    const content = shorten({
      toolUseId: call.tool_use_id,
      toolName: call.tool_name,
      result,
      rendered: render(result.content),
      limit: tools.get(call.tool_name)?.resultLimit ?? RESULT_LIMIT,
      storagePath: place.storagePath,
      warn: (message, error) => log.warn(message, error),
    });
    return after(content, (shown) => ({
      block: { type: "tool_result", tool_use_id: call.tool_use_id, content: shown, ...(isError ? { is_error: true } : {}) },
      isError,
      mutations: result.mutations && !isError ? allowedMutations(result.mutations, refused) : {},
      newMessages: result.newMessages ?? [],
      durationMs: clock.monotonic() - from,
    }));
  };

  return {
    async dispatch(call, state, door) {
      door.signal.throwIfAborted();
      const from = clock.monotonic();
      try {
        return await outcome(call, await answer(call, state, door), from);
      } catch (thrown) {
        if (door.signal.aborted) throw door.signal.reason;
        return outcome(call, fromThrown(call.tool_name, thrown), from);
      }
    },
    concurrencySafe({ tool_name, tool_input }) {
      const tool = tools.get(tool_name);
      if (!tool) return false;
      const safe = tool.concurrencySafe ?? tool.effect === "read";
      if (typeof safe === "boolean") return safe;
      try {
        return safe(tool_input);
      } catch (error) {
        log.warn(`"${tool_name}" could not say whether it may run beside others; it runs alone.`, error);
        return false;
      }
    },
  };
};

const unknown = (name: string, tools: Tools): ToolResult => {
  const known = tools
    .specs()
    .map((spec) => spec.name)
    .sort();
  return failure("unknown_tool", `No tool is named "${name}".${didYouMean(nearest(name, known))}`, { tool_name: name, known_tools: known });
};

const invalid = (name: string, reason: string, path: string): ToolResult =>
  failure("invalid_input", `The input of "${name}" is not right: ${reason}`, { tool_name: name, reason, path });

const unreadable = (name: string, raw: string): ToolResult => {
  const start = raw.length > 200 ? `${raw.slice(0, 200)}…` : raw;
  return invalid(name, `the arguments were not JSON. They began: ${start}`, "<root>");
};

/**
 * The work's result; or, as soon as the signal aborts or the tool's time is over, a rejection. Work that does not listen to its signal goes
 * on unheard.
 */
const bounded = <T>(work: (signal: AbortSignal) => T | Promise<T>, tool: Tool, signal: AbortSignal, clock: Clock): T | Promise<T> => {
  const { timeoutMs = LONGEST_MS } = tool;
  const own = new AbortController();
  const result = work(own.signal);
  if (!(result instanceof Promise)) return result;
  return new Promise((ok, no) => {
    const stop = (reason: unknown) => {
      end();
      own.abort(reason);
      no(reason);
    };
    const onAbort = () => stop(signal.reason);
    const inTime = timeoutMs ? clock.after(timeoutMs, () => stop(late(tool.name, timeoutMs))) : undefined;
    const end = () => {
      inTime?.();
      signal.removeEventListener("abort", onAbort);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    result.then(ok, no).then(end);
  });
};

const late = (name: string, ms: number) =>
  new ToolExecutionError(`"${name}" did not end within ${ms} ms.`, {
    tool: name,
    code: "exec.tool.timeout",
    details: { tool_name: name, timeout_ms: ms },
  });
