/** How an MCP server is reached, as a manifest's `tools.mcp_servers` writes it. */
import { fields, list, number, object, record, text } from "./schema.ts";

const line = (about: string) => text({ about, default: "" });

export const MCP_SERVER = fields({
  name: line("names the server and, as mcp__name__tool, its tools"),
  command: line("program to start, for stdio; without a path it is looked for in PATH"),
  args: list(text({ about: "an argument" }), { about: "its arguments", default: [] }),
  env: record(text({ about: "a value" }), { about: "added to its environment, of which it gets but a harmless part", default: {} }),
  transport: text({ about: "stdio, http (Streamable HTTP, also streamable-http and streamable_http) or sse", default: "stdio" }),
  url: line("address, for http and sse"),
  headers: object({ about: "texts that are sent with every request", default: {} }),
  call_timeout_s: number({ about: "seconds until a call has failed; 0: no limit", min: 0, default: 300 }),
  connect_timeout_s: number({ about: "seconds until connecting and listing the tools have failed", min: 0.001, default: 30 }),
});
