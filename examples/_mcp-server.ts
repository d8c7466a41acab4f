/** A small MCP server over its input and output, for examples/mcp.ts: no package, 40 lines of the protocol. */
import { createInterface } from "node:readline";

const TOOLS = [
  {
    name: "population",
    description: "How many people live in a city, in millions.",
    inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    annotations: { readOnlyHint: true },
  },
];
const MILLIONS: { readonly [city: string]: number } = { Seoul: 9.6, Paris: 2.1, Busan: 3.3 };

const population = (city: string) => {
  const found = MILLIONS[city];
  const text = found === undefined ? `I do not know ${city}. I know: ${Object.keys(MILLIONS).join(", ")}.` : String(found);
  return { content: [{ type: "text", text }], isError: found === undefined };
};

const answer = (
  method: string,
  params: { protocolVersion?: string; name?: string; arguments?: { city?: string } } = {},
): object | undefined => {
  switch (method) {
    case "initialize":
      return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "cities", version: "1.0" } };
    case "ping":
      return {};
    case "tools/list":
      return { tools: TOOLS };
    case "tools/call":
      return params.name === "population" ? population(params.arguments?.city ?? "") : undefined;
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue; // a notification
  const result = answer(method, params);
  const said = result ? { result } : { error: { code: -32601, message: `I do not know ${method}.` } };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, ...said }));
}
