/** Whoever connects to no server pays for no SDK. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("importing the package loads the MCP SDK no more than making a pipeline does; connecting does", () => {
  const program = `
    import { registerHooks } from "node:module";
    let loaded = 0;
    registerHooks({ resolve: (name, context, next) => ((loaded += name.startsWith("@modelcontextprotocol/") ? 1 : 0), next(name, context)) });
    const { MCPManager, Pipeline, defineManifest } = await import("geny-executor");
    await using pipeline = await Pipeline.fromManifest(defineManifest({ name: "m" }), { apiKey: "k" });
    const before = loaded;
    await new MCPManager().connect("s", { command: "no-such-program" }).catch(() => {});
    console.log(before, loaded > 0);
  `;
  const args = ["--conditions=geny-executor-source", "--input-type=module", "-e", program];
  assert.equal(execFileSync(process.execPath, args, { encoding: "utf8", cwd: import.meta.dirname }).trim(), "0 true");
});
