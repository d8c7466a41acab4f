/** The tools of the servers that tests start. */
import { setTimeout as wait } from "node:timers/promises";
import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server";

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] });
const schema = <T>(properties: object, required: readonly string[] = []) =>
  fromJsonSchema<T>({ type: "object", properties, required: [...required] } as Parameters<typeof fromJsonSchema>[0]);
/** The smallest picture. */
export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** `headers`: what the request had. */
export const littleTools = ({ requestInfo }: { readonly requestInfo?: { readonly headers?: Headers } | undefined } = {}): McpServer => {
  const server = new McpServer({ name: "little", version: "1" });
  server.registerTool(
    "add",
    {
      description: "Adds two numbers.",
      inputSchema: schema<{ a: number; b: number }>({ a: { type: "number" }, b: { type: "number" } }, ["a", "b"]),
      annotations: { readOnlyHint: true },
    },
    ({ a, b }) => text(String(a + b)),
  );
  server.registerTool("refuse", { description: "Fails.", inputSchema: schema({}) }, () => ({ ...text("No such row."), isError: true }));
  server.registerTool("picture", { description: "Shows.", inputSchema: schema({}), annotations: { readOnlyHint: true } }, () => ({
    content: [
      { type: "text", text: "One pixel:" },
      { type: "image", data: PIXEL, mimeType: "image/png" },
      { type: "resource", resource: { uri: "note://1", mimeType: "text/plain", text: "A note." } },
      { type: "resource_link", uri: "note://2", name: "second" },
      { type: "audio", data: "AAAA", mimeType: "audio/wav" },
    ],
  }));
  server.registerTool(
    "measure",
    {
      description: "Measures.",
      inputSchema: schema({}),
      outputSchema: schema({ celsius: { type: "number" } }, ["celsius"]),
      annotations: { idempotentHint: true, destructiveHint: false },
    },
    () => ({ content: [], structuredContent: { celsius: 21 } }),
  );
  server.registerTool("drop.all", { description: "Drops.", annotations: { destructiveHint: true, idempotentHint: true } }, () =>
    text("gone"),
  );
  server.registerTool(
    "sleep",
    { description: "Sleeps.", inputSchema: schema<{ ms: number }>({ ms: { type: "number" } }) },
    async ({ ms }, ctx) => {
      await wait(ms, undefined, { signal: ctx.mcpReq.signal });
      return text("awake");
    },
  );
  server.registerTool("die", { description: "Ends the server.", inputSchema: schema({}) }, () => process.exit(1));
  server.registerTool("hush", { description: "Closes the server's output, and lives on.", inputSchema: schema({}) }, () => {
    setInterval(() => {}, 1000);
    process.stdout.end();
    return new Promise<never>(() => {});
  });
  server.registerTool("tell", { description: "Tells its secrets.", inputSchema: schema({}), annotations: { readOnlyHint: true } }, () =>
    text(JSON.stringify({ ...process.env, ...Object.fromEntries(requestInfo?.headers ?? []) })),
  );
  return server;
};
