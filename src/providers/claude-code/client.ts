/** The `claude` program as a provider. It runs its own tools and its own loop; a call is one process. */
import { APIError } from "../../contract/errors.ts";
import type { ClientNotice, ModelEvent, ModelRequest, Provider, StreamOptions } from "../../contract/provider.ts";
import type { JsonObject } from "../../contract/schema.ts";
import type { Logger } from "../../contract/services.ts";
import { capabilities } from "../capabilities.ts";
import type { ProviderCredentials } from "../credentials.ts";
import type { Environment } from "../lanes.ts";
import { lower } from "../lower.ts";
import { findBinary } from "./binary.ts";
import { call, type Setup } from "./call.ts";
import { environmentOf } from "./environment.ts";
import { conversationOf } from "./session.ts";
import { extrasOf, hintOf } from "./settings.ts";
import { spareOf } from "./spare.ts";
import { versionOf } from "./version.ts";

export interface ClaudeCodeOptions extends ProviderCredentials {
  /** Milliseconds that one call may take. Default: `extras.timeout_s`. */
  readonly timeoutMs?: number | undefined;
  readonly log?: Logger | undefined;
  /** Where variables and PATH are looked up. Default: `process.env`. */
  readonly env?: Environment | undefined;
}

const NAME = "claude_code_cli";
const CAPABILITIES = capabilities({
  supports_thinking: true,
  supports_structured_output: true,
  supports_session_continuity: true,
  supports_mcp_passthrough: true,
  supports_budget_limit: true,
  supports_cost_usage: true,
  supports_vision: true,
  supports_vision_tool_results: false,
  supports_documents: true,
  is_subprocess: true,
  requires_workspace: true,
  drops: ["tool_choice", "stop_sequences", "top_k", "temperature", "top_p", "max_tokens"],
});
/** Calls and results of a history stay: its prompt tells them in words of its own. */
const TARGET = { vendor: NAME, capabilities: { ...CAPABILITIES, supports_tools: true } };

/**
 * Its `extras` are those of settings.ts. The id of its `start` event is the CLI's session: hand it back as `extras.session_hint` to go on with
 * that conversation. Nothing is looked up before the first use; that throws `exec.cli.binary_not_found`, `exec.api.no_client` when `authMode`
 * wants a key that is not there, or `exec.api.bad_request` for wrong extras. A call that fails, is aborted or is left ends with all that it
 * started, 2 s later at the latest; `close` waits for that. `single`: the model's first message is the answer, also where the program would
 * go on by itself.
 */
export const claudeCodeCli = (options: ClaudeCodeOptions = {}, { single = false }: { readonly single?: boolean } = {}): Provider => {
  const told = new Set<string>();
  const ends = new Set<Promise<void>>();
  let made: Setup | undefined;
  const setup = (): Setup => {
    made ??= { ...setupOf(options, client.track), single };
    return made;
  };
  const client: Client = {
    setup,
    once: (key) => told.size !== told.add(key).size,
    track(end) {
      ends.add(end);
      end.then(
        () => ends.delete(end),
        (error: unknown) => {
          ends.delete(end);
          options.log?.warn(`${NAME}: clearing up after a call failed: ${String(error)}`);
        },
      );
    },
  };
  return {
    name: NAME,
    capabilities: CAPABILITIES,
    stream: (request, options) => ({ [Symbol.asyncIterator]: () => leavable(client, request, options) }),
    async warmup() {
      const version = await setup().version();
      if (version) options.log?.debug(`${NAME}: ${version}`);
      else options.log?.warn(`${NAME}: the program did not tell its version.`);
    },
    async close() {
      made?.spare?.close();
      while (ends.size) await Promise.allSettled(ends);
    },
  };
};

interface Client {
  setup(): Setup;
  /** True the first time. */
  once(key: string): boolean;
  track(end: Promise<void>): void;
}

const setupOf = (options: ClaudeCodeOptions, track: Client["track"]): Omit<Setup, "single"> => {
  const host = options.env ?? process.env;
  const extras = extrasOf(options.extras, (message) => options.log?.warn(message));
  const hint = hintOf(extras);
  const child = environmentOf(options, extras, host);
  const binary = remembered(() => findBinary(options.binaryPath, host));
  return {
    ...{ extras, host, child, binary },
    timeoutMs: options.timeoutMs || extras.timeout_s * 1000,
    conversation: hint && conversationOf(hint),
    spare: extras.warm_spare ? spareOf(track) : null,
    version: remembered(async () => versionOf(await binary(), child.env)),
  };
};

/** Asked once; and again after a failure, which may be mended meanwhile. */
const remembered = <T>(ask: () => Promise<T>): (() => Promise<T>) => {
  let known: Promise<T> | undefined;
  return () => {
    known ??= ask().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
};

/** The events for one reader. Leaving them ends the process at once, also while the next event is awaited. */
const leavable = (
  client: Client,
  request: ModelRequest,
  { signal, tools, budgetUsd }: StreamOptions,
): AsyncIterator<ModelEvent, undefined, undefined> => {
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal.reason);
  async function* events(): AsyncGenerator<ModelEvent, undefined> {
    signal.throwIfAborted();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const setup = { ...client.setup(), budgetUsd };
      const { sent, notices } = lowered(client, request, tools !== undefined);
      yield* notices;
      yield* call({ setup, request: sent, tools, stop, track: client.track });
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
  const running = events();
  return {
    next: () => running.next(),
    async return() {
      stop.abort(new APIError(`${NAME}: the stream is no longer read.`, { code: "exec.api.network" }));
      await running.return(undefined).catch(() => undefined);
      return { done: true, value: undefined };
    },
  };
};

/** What the CLI can be told of the request; what of it is lost is told once. `takesTools`: they come to it another way. */
const lowered = (
  { once }: Client,
  request: ModelRequest,
  takesTools: boolean,
): { readonly sent: ModelRequest; readonly notices: readonly ModelEvent[] } => {
  const notices: ModelEvent[] = [];
  const tell = (notice: ClientNotice, data: JsonObject & { readonly field: string }) => {
    if (once(`${notice} ${data.field}`)) notices.push({ type: "notice", notice, data: { provider: NAME, ...data } });
  };
  const unsupported = (field: string) => tell("feature_unsupported", { field });
  const sent = lower(request, TARGET, { dropped: (field, value) => tell("parameter_dropped", { field, value }), unsupported });
  if (request.tools.length && !takesTools) unsupported("tools");
  return { sent, notices };
};
