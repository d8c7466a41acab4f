/** A pipeline is one JSON document: take it from one, save it, load it again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CredentialBundle, EnvironmentManifest, Pipeline, PipelinePresets } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

const folder = await mkdtemp(join(tmpdir(), "geny-"));
const path = join(folder, "my_env.geny-env.json");
await using pipeline = PipelinePresets.chat({ model: "claude-sonnet-4-6", maxTurns: 5 });
await pipeline.snapshot().save(path);

const manifest = await EnvironmentManifest.load(path, { strict: true });
const credentials = new CredentialBundle({ anthropic: { apiKey, baseUrl } });
await using same = await Pipeline.fromManifest(manifest, { credentials });
console.log((await same.run("Say hello.")).text);
await rm(folder, { recursive: true });
