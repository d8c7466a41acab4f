/** Environments in a folder: made from a preset, kept, compared in plain words, taken out without secrets and in again, and run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pipeline } from "geny-executor";
import { buildManifestFor, describeChanges, EnvironmentManager } from "geny-executor/manifest";
import { apiKey, baseUrl } from "./_key.ts";

const folder = await mkdtemp(join(tmpdir(), "geny-"));
const environments = new EnvironmentManager(join(folder, "environments"));
const program = { command: process.execPath, args: [join(import.meta.dirname, "_mcp-server.ts")] };
const server = { name: "files", ...program, env: { FILES_TOKEN: "t-1234" } };
const id = await environments.save(buildManifestFor("worker_adaptive", { provider: "anthropic", name: "worker", mcpServers: [server] }));

const frugal = await environments.clone(id, { name: "frugal worker" });
await environments.update(frugal, { model: { model: "claude-haiku-4-5-20251001" }, pipeline: { cost_budget_usd: 0.5 } });
await environments.tag(frugal, "cheap");
for (const { text } of describeChanges(await environments.load(id), await environments.load(frugal))) console.log("-", text);

const text = await environments.exportJson(frugal);
const imported = await environments.importJson(text, { name: "imported" });
console.log("asks for:", (await environments.requiredVariables(imported)).join(", "));
for (const { name, tags, model } of (await environments.list()).environments) console.log("*", name, model, tags.join(" "));

const manifest = await environments.resolveAndLoad(imported, { FILES_TOKEN: "t-1234" });
await using pipeline = await Pipeline.fromManifest(manifest, { apiKey, baseUrl });
console.log((await pipeline.run("Say hello.")).text);
await rm(folder, { recursive: true });
