/** What a manifest's tools need beside the process before a turn can run: providers that are started, MCP servers that are connected. */
import { orAbort } from "./contract/abort.ts";
import { ConfigError, messageOf, PipelineError } from "./contract/errors.ts";
import { type Finding, finding } from "./contract/findings.ts";
import type { Logger } from "./contract/services.ts";
import type { Tool } from "./contract/tool.ts";
import { MCPManager } from "./mcp/manager.ts";
import type { Servers } from "./servers.ts";
import type { OutsideTool } from "./tool-list.ts";

/** Gives tools that live as long as the pipeline. */
export interface ToolProvider {
  readonly name: string;
  /** Before its tools are asked for. */
  start?(signal: AbortSignal): Promise<void> | void;
  list(): Promise<readonly Tool[]> | readonly Tool[];
  /** When the pipeline is closed, or could not be made; then it may come while `start` has not ended. */
  stop?(): Promise<void> | void;
}

export interface OutsideOptions {
  /** Their tools are offered; they are started and stopped with the pipeline. */
  readonly toolProviders?: readonly ToolProvider[];
  /** Ends the making of the pipeline. */
  readonly signal?: AbortSignal;
}

export interface Outside {
  readonly tools: readonly OutsideTool[];
  /**
   * Disconnects the servers, then stops the providers, the last one first. Never rejects: what fails, or takes a provider more than 10 s, is
   * logged. Whoever calls it again waits for the same end.
   */
  close(): Promise<void>;
}

/**
 * Starts the providers one after another, then connects to all servers at once. When something fails, or the signal aborts, all of it is
 * taken back, and the failure is thrown: `ConfigError`, `MCPConnectionError`, a `PipelineError` that names the provider, the signal's reason.
 */
export const reachOutside = async (
  providers: readonly ToolProvider[],
  { configs, secrets }: Servers,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): Promise<Outside> => {
  check(providers, signal);
  const manager = new MCPManager();
  const started: ToolProvider[] = [];
  const end = async () => {
    await manager.close();
    for (const provider of started.splice(0).reverse()) await stopped(provider, log);
  };
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= end();
    return closing;
  };
  try {
    const tools: OutsideTool[] = [];
    signal.throwIfAborted();
    for (const provider of providers) {
      started.push(provider);
      const listed = await orAbort(begun(provider, signal), signal);
      tools.push(...listed.map((tool) => ({ tool, server: null })));
    }
    await manager.connectAll(configs, { signal, secrets });
    for (const server of Object.keys(configs)) tools.push(...manager.listTools(server).map((tool) => ({ tool, server })));
    return { tools, close };
  } catch (error) {
    await close();
    throw error;
  }
};

/** Throws `ConfigError` for options that are wrong. */
const check = (providers: unknown, signal: unknown): void => {
  const findings = [...providerFindings(providers)];
  if (!(signal instanceof AbortSignal)) findings.push(wrong("signal", "must be an AbortSignal"));
  if (findings.length) throw new ConfigError(findings);
};
const wrong = (path: string, message: string): Finding => finding("option.invalid", `options.${path}`, message);

const providerFindings = (providers: unknown): readonly Finding[] => {
  if (!Array.isArray(providers)) return [wrong("toolProviders", "must be a list")];
  const names = providers.map((provider) => (isObject(provider) ? provider.name : undefined));
  const twice = names.find((name, i) => typeof name === "string" && names.indexOf(name) < i);
  return [
    ...providers.flatMap((provider, i) => faultsOf(provider, `toolProviders[${i}]`)),
    ...(twice === undefined ? [] : [wrong("toolProviders", `two providers are named "${twice}"`)]),
  ];
};
const faultsOf = (provider: unknown, path: string): readonly Finding[] => {
  if (!isObject(provider)) return [wrong(path, "must be a provider: { name, list, start, stop }")];
  const parts = ["list", "start", "stop"].filter((part) => part === "list" || provider[part] !== undefined);
  return [
    ...(typeof provider.name === "string" && provider.name ? [] : [wrong(`${path}.name`, "must be text, by which errors call it")]),
    ...parts.filter((part) => typeof provider[part] !== "function").map((part) => wrong(`${path}.${part}`, "must be a function")),
  ];
};
const isObject = (value: unknown): value is { readonly [key: string]: unknown } => typeof value === "object" && value !== null;

const begun = async (provider: ToolProvider, signal: AbortSignal): Promise<readonly Tool[]> => {
  try {
    await provider.start?.(signal);
    signal.throwIfAborted();
    return toolsIn(await provider.list());
  } catch (cause) {
    signal.throwIfAborted();
    const why = messageOf(cause);
    throw new PipelineError(`The tool provider "${provider.name}" could not be started: ${why}`, { cause });
  }
};

const toolsIn = (list: unknown): readonly Tool[] => {
  if (!Array.isArray(list)) throw new Error("`list` must give a list of tools");
  const at = list.findIndex((tool) => !isTool(tool));
  if (at >= 0) throw new Error(`\`list\` must give tools, as \`defineTool\` makes them: [${at}] is none`);
  return list;
};
const isTool = (tool: unknown): tool is Tool =>
  isObject(tool) &&
  typeof tool.name === "string" &&
  tool.name !== "" &&
  typeof tool.description === "string" &&
  (isObject(tool.input) || typeof tool.input === "function") &&
  typeof tool.run === "function";

/** Milliseconds that a provider may take to stop. */
const PATIENCE = 10_000;

const stopped = async (provider: ToolProvider, log: Logger): Promise<void> => {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`it did not stop within ${PATIENCE / 1000} s`)), PATIENCE);
  try {
    await orAbort(Promise.resolve(provider.stop?.()), late.signal);
  } catch (error) {
    log.warn(`The tool provider "${provider.name}" could not be stopped.`, error);
  } finally {
    clearTimeout(timer);
  }
};
