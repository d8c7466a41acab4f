/** What a manifest's tools need beside the process before a turn can run: providers that are started, MCP servers that are connected. */
import { orAbort } from "./contract/abort.ts";
import { ConfigError, PipelineError } from "./contract/errors.ts";
import { finding } from "./contract/findings.ts";
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
  /** Disconnects the servers, then stops the providers, the last one first. Never rejects: what fails is logged. */
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
  checkNames(providers);
  const manager = new MCPManager();
  const started: ToolProvider[] = [];
  const close = async () => {
    await manager.close();
    for (const provider of started.splice(0).reverse()) await stopped(provider, log);
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

const checkNames = (providers: readonly ToolProvider[]): void => {
  const names = providers.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  throw new ConfigError([finding("option.invalid", "options.toolProviders", `two providers are named "${twice}"`)]);
};

const begun = async (provider: ToolProvider, signal: AbortSignal): Promise<readonly Tool[]> => {
  try {
    await provider.start?.(signal);
    return await provider.list();
  } catch (cause) {
    signal.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError(`The tool provider "${provider.name}" could not be started: ${why}`, { cause });
  }
};

const stopped = async (provider: ToolProvider, log: Logger): Promise<void> => {
  try {
    await provider.stop?.();
  } catch (error) {
    log.warn(`The tool provider "${provider.name}" could not be stopped.`, error);
  }
};
