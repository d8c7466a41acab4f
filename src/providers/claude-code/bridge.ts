/** The session's tools at a loopback address, for a CLI that reaches them no other way: MCP's Streamable HTTP, with JSON answers only. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { JsonObject } from "../../contract/schema.ts";
import { parsed } from "../json.ts";
import { type McpServer, unreadable } from "./mcp.ts";

export interface Bridge {
  readonly url: string;
  /** Whoever has it may call the tools. */
  readonly token: string;
  /** Ends what runs, and every connection. */
  close(): Promise<void>;
}

const PATH = "/mcp";
/** Bytes of one message. */
const LIMIT = 16 << 20;
const CONNECTIONS = 64;

/** `clean` strikes out of a message what no tool may see. */
export const openBridge = async (answer: McpServer, clean: (message: string) => string): Promise<Bridge> => {
  const token = randomBytes(32).toString("hex");
  let host = "";
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refused = refusal(request, host, token);
    if (refused) return refuse(response, refused);
    const body = await bodyOf(request);
    if (body === null) return refuse(response, 413);
    const message = parsed(clean(body));
    if (message === undefined) return reply(response, 400, unreadable);
    const gone = new AbortController();
    response.once("close", () => gone.abort(new Error("The caller is gone.")));
    const said = await answer(message, gone.signal);
    if (said) reply(response, 200, said);
    else response.writeHead(202).end();
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy()); // the caller broke off in the middle of its message
  });
  server.maxConnections = CONNECTIONS;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  host = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  return {
    url: `http://${host}${PATH}`,
    token,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};

/** The status of a request that is not served. Who it is comes before what it wants. */
const refusal = ({ headers, method, url }: IncomingMessage, host: string, token: string): number | undefined => {
  if (headers.host !== host) return 403;
  if (headers.origin !== undefined && headers.origin !== `http://${host}`) return 403;
  if (!same(headers.authorization ?? "", `Bearer ${token}`)) return 401;
  if (url !== PATH) return 404;
  if (method !== "POST") return 405;
  if (!/^application\/json\s*(?:;|$)/i.test(headers["content-type"] ?? "")) return 415;
  return Number(headers["content-length"] ?? 0) > LIMIT ? 413 : undefined;
};

/** Takes as long whatever is wrong. */
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
const digest = (words: string): Uint8Array => createHash("sha256").update(words).digest();

const refuse = (response: ServerResponse, status: number): void => {
  response.writeHead(status, { connection: "close", ...(status === 405 ? { allow: "POST" } : {}) }).end();
};

const reply = (response: ServerResponse, status: number, message: JsonObject): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(message));
};

/** Null when it is too long. */
const bodyOf = async (request: IncomingMessage): Promise<string | null> => {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > LIMIT) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
};
