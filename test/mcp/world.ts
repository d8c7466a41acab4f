/** Servers for tests: processes whose pids are known, and one at a loopback address whose connections are counted. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { littleTools } from "./little-tools.ts";

export const EVERYTHING = join(import.meta.dirname, "../../node_modules/@modelcontextprotocol/server-everything/dist/index.js");

/** Running, and not only waiting to be forgotten by its parent. */
const alive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

export interface Processes extends AsyncDisposable {
  /** The config of a little server that tells its pid here. */
  little(...words: readonly string[]): { readonly command: string; readonly args: readonly string[] };
  /** All that were started, in the order in which they came up. */
  pids(): readonly number[];
  /** Resolves when so many have come up; throws after five seconds. */
  up(count: number): Promise<void>;
  left(): readonly number[];
}

export const processes = async (): Promise<Processes> => {
  const folder = await mkdtemp(join(tmpdir(), "geny-mcp-"));
  const file = join(folder, "pids");
  const pids = (): number[] => {
    try {
      return readFileSync(file, "utf8").trim().split("\n").map(Number);
    } catch {
      return [];
    }
  };
  return {
    little: (...words) => ({ command: process.execPath, args: [join(import.meta.dirname, "little-server.ts"), file, ...words] }),
    pids,
    left: () => pids().filter(alive),
    up: (count) => until(() => pids().length >= count, "the servers start"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
};

export interface Site extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly Pick<IncomingMessage, "headers" | "method">[];
  /** Requests that are not answered yet. */
  open(): number;
}

/** `answer`: a status in place of a server. Under `/moved` requests are sent on to the server, or to `elsewhere`. */
export const site = async (answer?: number, elsewhere = "/mcp"): Promise<Site> => {
  const requests: IncomingMessage[] = [];
  const open = new Set<IncomingMessage>();
  const mcp = toNodeHandler(createMcpHandler(littleTools));
  const server = createServer((request, response) => {
    requests.push(request);
    open.add(request);
    response.on("close", () => open.delete(request));
    if (request.url === "/moved") response.writeHead(307, { location: elsewhere }).end();
    else if (answer) response.writeHead(answer).end(`you sent ${JSON.stringify(request.headers)}`);
    // Its types want a method that is a text where Node says that it may be undefined.
    else void mcp(request as Parameters<typeof mcp>[0], response);
  });
  await new Promise<void>((ok) => server.listen(0, "127.0.0.1", ok));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/mcp`,
    requests,
    open: () => open.size,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((ok) => server.close(ok));
    },
  };
};

interface Asked {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly arguments?: { readonly [name: string]: unknown } };
}
export interface Plain extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** Calls whose request is not answered yet. */
  open(): number;
}
type Answer = { readonly result: object } | { readonly error: object };

/**
 * A server of the protocol of 2025 that says what it is told to say: `tools` as they are, and to a call what `call` gives, which may write its answer itself and
 * then gives nothing.
 */
export const plainSite = async (
  tools: readonly object[] | { readonly error: object },
  call: (response: ServerResponse, input: { readonly [name: string]: unknown }, id: number | undefined) => Answer | undefined = () => ({
    result: { content: [{ type: "text", text: "done" }] },
  }),
): Promise<Plain> => {
  const asked: Asked[] = [];
  const open = new Set<ServerResponse>();
  const info = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "plain", version: "1" } };
  const answer = (response: ServerResponse, question: Asked): Answer | undefined => {
    if (question.method === "initialize") return { result: info };
    if (question.method === "tools/list") return "error" in tools ? { error: tools.error } : { result: { tools } };
    if (question.method !== "tools/call") return { error: { code: -32601, message: "no such method" } };
    open.add(response);
    response.on("close", () => open.delete(response));
    return call(response, question.params?.arguments ?? {}, question.id);
  };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const question: Asked = JSON.parse(body || "{}");
    asked.push(question);
    if (question.id === undefined) return void response.writeHead(request.method === "POST" ? 202 : 405).end();
    const said = answer(response, question);
    if (said)
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id: question.id, ...said }));
  });
  await new Promise<void>((ok) => server.listen(0, "127.0.0.1", ok));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/mcp`,
    asked,
    open: () => open.size,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((ok) => server.close(ok));
    },
  };
};

/** Resolves when it holds; throws after five seconds. */
export const until = async (holds: () => boolean, what: string): Promise<void> => {
  for (let waited = 0; !holds(); waited += 20) {
    if (waited > 5000) throw new Error(`not within 5 s: ${what}`);
    await wait(20);
  }
};

/** A port at which nobody listens. */
export const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((ok) => server.listen(0, "127.0.0.1", ok));
  const address = server.address();
  await new Promise((ok) => server.close(ok));
  return typeof address === "object" && address ? address.port : 0;
};

/** The everything server at a loopback address, by one of its transports. */
export const everythingAt = async (transport: "sse" | "streamableHttp"): Promise<{ readonly url: string } & AsyncDisposable> => {
  const port = await freePort();
  const child = spawn(process.execPath, [EVERYTHING, transport], { env: { ...process.env, PORT: String(port) }, stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  for (let waited = 0; !(await fetch(url).catch(() => undefined)); waited += 50) {
    if (waited > 10_000) throw new Error("the everything server did not start");
    await wait(50);
  }
  return {
    url: `${url}/${transport === "sse" ? "sse" : "mcp"}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
};
