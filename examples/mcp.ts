/** Tools of an MCP server, by a manifest and by hand. The server is the small program examples/_mcp-server.ts. */
import { join } from "node:path";
import { defineManifest, MCPConnectionError, MCPManager, Pipeline } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

const cities = { command: process.execPath, args: [join(import.meta.dirname, "_mcp-server.ts")] };

// In a manifest: connected with the pipeline, and gone with it.
const manifest = defineManifest({ name: "geographer", mcpServers: [{ name: "cities", ...cities }] });
{
  await using pipeline = await Pipeline.fromManifest(manifest, { apiKey, baseUrl });
  console.log("offered:", pipeline.tools.names().join(", "));
  pipeline.on("tool.call_complete", ({ data }) => console.log(data.name, "→", data.result ?? data.error));
  console.log((await pipeline.run("How many people live in Seoul?")).text);
}

// By hand, for tools that go into a registry of your own.
await using manager = new MCPManager();
for (const { name, effect } of await manager.connect("cities", cities)) console.log(name, effect);

// A server that does not come up is named, and says what to do.
try {
  await manager.connect("lost", { command: "no-such-program" });
} catch (error) {
  if (error instanceof MCPConnectionError) console.log(error.code, error.message);
}
