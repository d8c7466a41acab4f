/** The MCP servers that a host is connected to, and their tools. */
import { MCPConnectionError } from "../contract/errors.ts";
import { type MCPServerConfig, serverOf } from "../contract/mcp.ts";
import type { Tool } from "../contract/tool.ts";
import { type Connection, connect } from "./connection.ts";

export interface ConnectOptions {
  /** Ends the attempt; it rejects with the signal's reason then. */
  readonly signal?: AbortSignal | undefined;
  /** Values that no error and no result may show, beside headers and variables named like a key, which are struck out in any case. */
  readonly secrets?: readonly string[];
}

export class MCPManager implements AsyncDisposable {
  readonly #open = new Map<string, Connection>();
  readonly #coming = new Map<string, Promise<Connection>>();
  /** Those that are ending. */
  readonly #going = new Set<Promise<void>>();
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  /**
   * Connects to a server and gives its tools. Throws `ConfigError` for a config that is wrong, and `MCPConnectionError` when there is a server of
   * that name, or when this one does not come up; then nothing of it is left.
   */
  async connect(name: string, config: MCPServerConfig, { signal, secrets = [] }: ConnectOptions = {}): Promise<readonly Tool[]> {
    const server = serverOf(name, config, secrets);
    if (this.#open.has(name) || this.#coming.has(name)) throw taken(name);
    const stop = signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal;
    stop.throwIfAborted();
    const coming = connect(server, stop);
    this.#coming.set(name, coming);
    try {
      const connection = await coming;
      this.#open.set(name, connection);
      return connection.tools;
    } finally {
      this.#coming.delete(name);
    }
  }

  /** Connects to all at once, or to none: when one fails the others are disconnected, and its error is thrown. */
  async connectAll(
    configs: { readonly [name: string]: MCPServerConfig },
    { signal, ...options }: ConnectOptions = {},
  ): Promise<readonly Tool[]> {
    const failed = new AbortController();
    const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
    const all = Object.entries(configs).map(([name, config]) => this.connect(name, config, { ...options, signal: stop }));
    for (const one of all) one.catch((reason: unknown) => failed.abort(reason));
    const settled = await Promise.allSettled(all);
    if (!failed.signal.aborted) return settled.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    const names = Object.keys(configs).filter((_, i) => settled[i]?.status === "fulfilled");
    await Promise.all(names.map((name) => this.disconnect(name)));
    throw failed.signal.reason;
  }

  /** Resolves when the server's process and streams are gone. False: there is no such server. */
  async disconnect(name: string): Promise<boolean> {
    const connection = this.#open.get(name);
    if (!connection) return false;
    this.#open.delete(name);
    const going = connection.close();
    this.#going.add(going);
    await going;
    this.#going.delete(going);
    return true;
  }

  /** The names of the servers, in the order in which they came. */
  listServers(): readonly string[] {
    return [...this.#open.keys()];
  }

  /**
   * The tools of all servers, or of one, as `mcp__server__tool`. Those of a server that has died stay, and answer that they cannot reach it.
   */
  listTools(server?: string): readonly Tool[] {
    return [...this.#open].flatMap(([name, { tools }]) => (server === undefined || server === name ? tools : []));
  }

  /** Disconnects from all, also from those that are just coming. No other can be connected then. Whoever calls it again waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }
  async #end(): Promise<void> {
    this.#closed.abort(new Error("The MCP manager is closed: make a new one."));
    await Promise.allSettled(this.#coming.values());
    for (const name of this.listServers()) void this.disconnect(name);
    await Promise.all(this.#going);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const taken = (name: string) =>
  new MCPConnectionError(`There is an MCP server "${name}" already. Disconnect it first, or give this one another name.`, { server: name });
