/** How the session's tools reach the CLI: over its own input and output where its version can, else at a loopback address. */
import type { SessionTools } from "../../contract/provider.ts";
import type { JsonObject } from "../../contract/schema.ts";
import { openBridge } from "./bridge.ts";
import { type Control, controlOf, greeting } from "./control.ts";
import { mcpServer, SERVER } from "./mcp.ts";

export interface Channel {
  /** What `--mcp-config` says of the tools; null when there is none. */
  readonly server: JsonObject | null;
  /** Comes before the first message; empty when the CLI asks nothing over its output. */
  readonly greeting: string;
  /** Answers what the CLI asks, once its input can be written to. */
  control(send: (line: string) => void): Control;
  /** Values that are shown nowhere. */
  readonly secrets: readonly string[];
  /** The session's name of a tool, for one that the CLI gave its own. */
  nameOf(name: string): string;
  /** Ends what runs and is asked. */
  close(): Promise<void>;
}

/** No tools are given: the CLI asks nothing. */
export const noChannel: Channel = {
  ...{ server: null, greeting: "", secrets: [] },
  control: () => ({ take() {} }),
  nameOf: (name) => name,
  async close() {},
};

/** The CLI must know the tools before it begins, and leave their time to the dispatcher. Milliseconds: a day. */
const TERMS = { alwaysLoad: true, timeout: 86_400_000 };

export const openChannel = async (tools: SessionTools, stdio: boolean, clean: (message: string) => string): Promise<Channel> => {
  const over = new AbortController();
  const names = new Map(tools.specs.map(({ name }) => [`mcp__${SERVER}__${name.replace(/[^\w-]/g, "_")}`, name]));
  const server = tools.specs.length ? mcpServer(tools) : null;
  const bridge = server && !stdio ? await openBridge(server, clean) : null;
  const http = bridge && { type: "http", url: bridge.url, headers: { Authorization: `Bearer ${bridge.token}` }, ...TERMS };
  return {
    server: http ?? (server && { type: "sdk", name: SERVER, ...TERMS }),
    greeting: stdio ? greeting(server !== null) : "",
    control: (send) => controlOf({ tools, server, own: (name) => names.has(name), send, signal: over.signal }),
    secrets: bridge ? [bridge.token] : [],
    nameOf: (name) => names.get(name) ?? name,
    async close() {
      over.abort(new Error("The call is over."));
      await bridge?.close();
    },
  };
};
