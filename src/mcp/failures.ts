/** What went wrong with a server, in words that say what to do, without the secrets of its config. */
import { type ErrorCode, MCPConnectionError, messageOf, ToolExecutionError } from "../contract/errors.ts";
import { redacted, type Server } from "../contract/mcp.ts";

/** What was being done. */
export type Phase = "connect" | "initialize" | "list_tools";
const CODES: { readonly [P in Phase]: ErrorCode } = {
  connect: "exec.mcp.connect_failed",
  initialize: "exec.mcp.initialize_failed",
  list_tools: "exec.mcp.list_tools_failed",
};

const failedToConnect = (server: Server, phase: Phase, why: string, advice: string): MCPConnectionError =>
  new MCPConnectionError(redacted(`The MCP server "${server.name}" ${why} ${advice}`.trim(), server.secrets), {
    server: server.name,
    code: CODES[phase],
    details: { server: server.name, phase },
  });

/** The failure of a handshake or a list, as what the SDK threw tells it. `words`: what the server's process said on its error output. */
export const connectionFailure = (
  server: Server,
  phase: "initialize" | "list_tools",
  thrown: unknown,
  words: string,
): MCPConnectionError => {
  const { message, code, status } = told(thrown, server);
  const said = words.trim() ? `\nIt said:\n${words.trim()}` : "";
  if (code === "ENOENT" || code === "EACCES")
    return failedToConnect(
      server,
      "connect",
      `could not be started (${code}).`,
      `Is \`command\` installed, in PATH, and a program?${said}`,
    );
  if (status === 401 || status === 403)
    return failedToConnect(
      server,
      "connect",
      `refused the request with status ${status}.`,
      "It wants a key, or another one, in `headers`.",
    );
  if (status !== undefined && status >= 300 && status < 400)
    return failedToConnect(server, "connect", `sends requests elsewhere (status ${status}).`, "Give the address where it is now as `url`.");
  if (status !== undefined)
    return failedToConnect(server, "connect", `answered with status ${status}.`, "Is `url` the address of its MCP endpoint?");
  if (code === "CONNECTION_CLOSED" || code === "NOT_CONNECTED")
    return failedToConnect(
      server,
      phase === "initialize" ? "connect" : phase,
      "ended before it was ready.",
      `Start it by hand to see why.${said}`,
    );
  const unreached = unreachable(thrown);
  if (unreached) return failedToConnect(server, "connect", `could not be reached: ${unreached}.`, "Does it run, and is `url` right?");
  const what = phase === "initialize" ? "did not agree on the protocol" : "did not list its tools";
  return failedToConnect(server, phase, `${what}: ${message}`, `Is it an MCP server?${said}`);
};

export const sdkMissing = ({ name }: Server, cause: unknown): MCPConnectionError =>
  new MCPConnectionError(`The MCP server "${name}" needs the package @modelcontextprotocol/client, which cannot be loaded. Install it.`, {
    server: name,
    code: "exec.mcp.sdk_missing",
    details: { server: name, phase: "sdk_missing" },
    cause,
  });

export const tooSlow = (server: Server, phase: Phase, words: string): MCPConnectionError =>
  failedToConnect(
    server,
    phase,
    `was not ready within ${server.connectMs / 1000} s.`,
    `Raise \`connect_timeout_s\`, or start it by hand to see what it waits for.${words.trim() ? `\nIt said:\n${words.trim()}` : ""}`,
  );

/** The failure of a call: the server said no, or it could not be asked. */
export const callFailure = (server: Server, tool: string, name: string, thrown: unknown): ToolExecutionError => {
  const { message: reason } = told(thrown, server);
  const answered = thrown instanceof Error && thrown.name === "ProtocolError";
  return new ToolExecutionError(
    answered ? `The MCP server "${server.name}" refused the call: ${reason}` : `MCP transport error on '${server.name}': ${reason}`,
    {
      tool: name,
      code: answered ? "exec.tool.crashed" : "exec.tool.transport",
      details: {
        server: server.name,
        tool,
        exception_type: thrown instanceof Error ? thrown.name : typeof thrown,
        exception_message: reason,
      },
    },
  );
};

/** What is cut has no secret any more: the rest of one could not be told from other words. */
const told = (
  thrown: unknown,
  { secrets }: Server,
): { readonly message: string; readonly code?: unknown; readonly status?: number | undefined } => {
  const message = redacted(messageOf(thrown), secrets).slice(0, MOST);
  if (!(thrown instanceof Error)) return { message };
  const code = "code" in thrown ? thrown.code : undefined;
  const status = "status" in thrown && typeof thrown.status === "number" ? thrown.status : undefined;
  return { message, code, status };
};
/** Characters of what a server says that are told on. */
const MOST = 1000;

/** Fetch says so with a `TypeError`, which the SDK may have wrapped: what it is about stands innermost. */
const unreachable = (thrown: unknown, inFetch = false): string | undefined => {
  if (!(thrown instanceof Error)) return undefined;
  const fetching = inFetch || thrown instanceof TypeError;
  return unreachable(thrown.cause, fetching) ?? (fetching ? thrown.message : undefined);
};
