/** npm run test:pkg: packs the package, judges it with publint and attw, and runs the tarball under the oldest and the newest supported Node. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const dir = mkdtempSync(join(tmpdir(), "geny-pack-"));
const run = (command: string, args: readonly string[], cwd = root): void => {
  console.log(`> ${command} ${args.join(" ")}`);
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} failed with ${status}`);
};

const USE = `
import assert from "node:assert/strict";
import { Pipeline, PipelinePresets, defineTool } from "geny-executor";
import { startModel } from "geny-executor/testing";
const model = await startModel({ script: [{ tool_calls: [{ name: "add", input: { a: 1, b: 2 } }] }, { text: "It is 3." }] });
const add = defineTool({ name: "add", description: "adds", input: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] }, effect: "read", run: ({ a, b }) => String(a + b) });
const pipeline = PipelinePresets.agent({ apiKey: "k", baseUrl: model.url, tools: [add] });
const result = await pipeline.run("What is 1 + 2?");
assert.equal(result.text, "It is 3.");
assert.equal(result.iterations, 2);
assert.ok(pipeline instanceof Pipeline);
await Promise.all(["providers", "tools", "mcp", "manifest", "sessions"].map((path) => import("geny-executor/" + path)));
const { default: schema } = await import("geny-executor/geny.schema.json", { with: { type: "json" } });
assert.ok(schema.definitions.stage_yield);
await pipeline.close();
await model.close();
console.log("the tarball runs on Node", process.version);
`;

try {
  run("npm", ["run", "-s", "build"]);
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", dir], { cwd: root, encoding: "utf8" }),
  ) as { filename: string; size: number }[];
  if (!packed) throw new Error("npm packed nothing");
  const tarball = join(dir, packed.filename);
  console.log(`packed: ${(packed.size / 1024).toFixed(0)} kB`);
  run("publint", ["--strict", tarball]);
  run("attw", [tarball, "--profile", "esm-only"]);
  for (const version of ["22.18.0", "24"]) {
    const home = join(dir, `node-${version}`);
    execFileSync("mkdir", [home]);
    writeFileSync(join(home, "package.json"), JSON.stringify({ private: true, type: "module", allowScripts: { node: true } }));
    writeFileSync(join(home, "use.mjs"), USE);
    run("npm", ["install", "--no-audit", "--no-fund", "--silent", `node@${version}`, tarball], home);
    run(join(home, "node_modules/.bin/node"), ["use.mjs"], home);
    run(join(home, "node_modules/.bin/node"), [join(home, "node_modules/.bin/geny"), "--help"], home);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
