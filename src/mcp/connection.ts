/** One server, from the handshake to the end of its process or stream. */
import type { Client, Transport } from "@modelcontextprotocol/client";
import { orAbort } from "../contract/abort.ts";
import type { HttpServer, Server } from "../contract/mcp.ts";
import type { Tool } from "../contract/tool.ts";
import { connectionFailure, sdkMissing, tooSlow } from "./failures.ts";
import { endingWithCalls, fetchFrom } from "./http.ts";
import { StdioTransport } from "./stdio.ts";
import { toolOf } from "./tools.ts";

export interface Connection {
  readonly tools: readonly Tool[];
  /** Settles when its process and streams are gone. Never rejects. */
  close(): Promise<void>;
}

/** Milliseconds after which a process that is silent at the newest greeting is given the older one. At most a third of its time to connect. */
const SILENCE = 10_000;
/** Milliseconds that a server may take to forget a session that is over. */
const FAREWELL = 1000;
const OVER = new Error("It took too long.");

/**
 * Rejects with `MCPConnectionError` when the server does not come up, list its tools, or is too slow, and with the signal's reason when that
 * aborts. Then nothing of it is left.
 */
export const connect = async (server: Server, signal: AbortSignal): Promise<Connection> => {
  const sdk = await sdkFor(server);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(OVER), server.connectMs);
  const stop = AbortSignal.any([signal, late.signal]);
  let phase: "initialize" | "list_tools" = "initialize";
  let open = opened(sdk, server);
  try {
    try {
      stop.throwIfAborted();
      await orAbort(open.client.connect(open.transport, { timeout: server.connectMs, signal: stop }), stop);
    } catch (thrown) {
      // Some servers end at the first message that they do not know. Such a one is from before that message.
      if (stop.aborted || !endedInTheProbe(sdk, open, thrown)) throw thrown;
      await open.close();
      stop.throwIfAborted();
      open = opened(sdk, server);
      await orAbort(open.client.connect(open.transport, { timeout: server.connectMs, signal: stop, prior: { kind: "legacy" } }), stop);
    }
    phase = "list_tools";
    const { tools } = open.client.getServerCapabilities()?.tools
      ? await orAbort(open.client.listTools(undefined, { timeout: server.connectMs, signal: stop }), stop)
      : { tools: [] };
    const { client, close } = open;
    return { tools: tools.map((tool) => toolOf(server, client, tool)), close };
  } catch (thrown) {
    const said = open.words();
    await open.close();
    signal.throwIfAborted();
    throw late.signal.aborted ? tooSlow(server, phase, said) : connectionFailure(server, phase, thrown, said);
  } finally {
    clearTimeout(timer);
  }
};

/** The SDK is loaded with the first server. */
const sdkFor = async (server: Server) => {
  try {
    const [client, { CfWorkerJsonSchemaValidator }] = await Promise.all([
      import("@modelcontextprotocol/client"),
      import("@modelcontextprotocol/client/validators/cf-worker"),
    ]);
    return { ...client, CfWorkerJsonSchemaValidator };
  } catch (cause) {
    throw sdkMissing(server, cause);
  }
};
type Sdk = Awaited<ReturnType<typeof sdkFor>>;

interface Open {
  readonly client: Client;
  readonly transport: Transport;
  /** What its process said on its error output. */
  words(): string;
  close(): Promise<void>;
}

const opened = (sdk: Sdk, server: Server): Open => {
  const timeoutMs = server.kind === "stdio" ? Math.min(SILENCE, server.connectMs / 3) : server.connectMs;
  const client = new sdk.Client(
    { name: "geny-executor", version: "1" },
    { versionNegotiation: { mode: "auto", probe: { timeoutMs } }, jsonSchemaValidator: new sdk.CfWorkerJsonSchemaValidator() },
  );
  if (server.kind === "stdio") {
    const transport = new StdioTransport(server, sdk);
    return { client, transport, words: () => transport.stderr, close: () => transport.close() };
  }
  return { client, words: () => "", ...overHttp(sdk, server, client) };
};

const overHttp = (sdk: Sdk, { kind, url, headers }: HttpServer, client: Client): Pick<Open, "transport" | "close"> => {
  const requestInit = { headers };
  if (kind === "sse") {
    // All answers come in one stream: without it there is none.
    const transport = new sdk.SSEClientTransport(url, { requestInit, fetch: fetchFrom(() => void client.close()) });
    return { transport, close: async () => void (await Promise.allSettled([client.close(), transport.close()])) };
  }
  const transport = endingWithCalls(new sdk.StreamableHTTPClientTransport(url, { requestInit, fetch: fetchFrom() }));
  const leave = async () => {
    if (transport.sessionId === undefined) return;
    const over = AbortSignal.timeout(FAREWELL);
    await orAbort(transport.terminateSession(), over);
  };
  return {
    transport,
    async close() {
      await leave().catch(() => {}); // a server that is gone forgets by itself
      await Promise.allSettled([client.close(), transport.close()]);
    },
  };
};

const endedInTheProbe = (sdk: Sdk, { transport }: Open, thrown: unknown): boolean =>
  transport instanceof StdioTransport && thrown instanceof sdk.SdkError && thrown.code === sdk.SdkErrorCode.EraNegotiationFailed;
