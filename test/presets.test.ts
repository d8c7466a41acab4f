/** The registry of presets, and presets that packages bring. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { ConfigError, discoverPresets, PipelinePresets, PresetRegistry } from "geny-executor";
import { buildManifest, EnvironmentManager } from "geny-executor/manifest";
import { startModel } from "geny-executor/testing";

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});
const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "geny-presets-"));
  folders.push(folder);
  return folder;
};
type Files = { readonly [path: string]: string | object };
/** A project with these files in its node_modules. */
const project = async (files: Files): Promise<string> => {
  const folder = await newFolder();
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, "node_modules", path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
};
const described = (name: string, presets: unknown) => ({ name, version: "1.2.3", "geny-executor": { presets } });
const manifest = buildManifest("vtuber", { provider: "anthropic", name: "from a package" }).toJSON();
const paths = (findings: readonly { readonly path: string }[]) => findings.map((finding) => finding.path);
const codeOf = async (run: () => unknown): Promise<string | undefined> => {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.findings[0]?.code;
  }
  return undefined;
};

describe("PresetRegistry", () => {
  test("two registries know nothing of each other", () => {
    const [a, b] = [new PresetRegistry(), new PresetRegistry()];
    a.register("mine", () => PipelinePresets.minimal());
    assert.ok(a.get("mine"));
    assert.equal(b.get("mine"), undefined);
  });

  test("a name of ours, or none at all, is refused", async () => {
    const registry = new PresetRegistry();
    for (const name of ["chat", "geny_vtuber", "worker_adaptive", "default"])
      assert.equal(await codeOf(() => registry.register(name, manifest)), "preset.reserved", name);
    for (const name of ["", "user:x", "a b", "../x", "-x"])
      assert.equal(await codeOf(() => registry.register(name, manifest)), "preset.invalid", name);
    assert.equal(registry.get("toString"), undefined);
    assert.equal(await codeOf(() => registry.create("toString")), "preset.unknown");
  });

  test("a manifest is a preset: options lie over what it says, and it answers", async () => {
    await using model = await startModel({
      script: [{ text: "Hi.", expect: { model: "claude-haiku-4-5-20251001", max_tokens: 100 } }],
    });
    const registry = new PresetRegistry();
    registry.register("mine", manifest);
    await using pipeline = await registry.create("mine", {
      apiKey: "k",
      baseUrl: model.url,
      model: "claude-haiku-4-5-20251001",
      maxTokens: 100,
      systemPrompt: "Be brief.",
      maxTurns: 2,
      costBudgetUsd: 1,
    });
    const { pipeline: settings, stages } = pipeline.snapshot().toJSON();
    assert.equal(settings?.cost_budget_usd, 1);
    assert.equal(stages.find((stage) => stage.name === "loop")?.config?.max_turns, 2);
    assert.equal(stages.find((stage) => stage.name === "system")?.config?.prompt, "Be brief.");
    assert.equal((await pipeline.run("Hello")).text, "Hi.");
  });

  test("an option whose stage is off is refused, not dropped", async () => {
    const registry = new PresetRegistry();
    registry.register("short", PipelinePresets.minimal().snapshot());
    assert.equal(await codeOf(() => registry.create("short", { systemPrompt: "x" })), "option.invalid");
  });

  test("an environment is a preset while it has the tag", async () => {
    const environments = new EnvironmentManager(await newFolder());
    const registry = new PresetRegistry({ environments });
    const id = await environments.save(manifest);
    assert.equal(await codeOf(() => registry.create(`user:${id}`)), "preset.unknown");
    await registry.saveAsPreset(id);
    assert.deepEqual((await registry.list()).at(-1), {
      name: `user:${id}`,
      type: "user",
      description: "Made from the preset vtuber.",
      tags: ["preset"],
      package: null,
      environmentId: id,
    });
    await using pipeline = await registry.create(`user:${id}`, { apiKey: "k" });
    assert.equal(pipeline.snapshot().toJSON().metadata?.name, "from a package");
    await registry.removePresetFlag(id);
    assert.equal(await codeOf(() => registry.create(`user:${id}`)), "preset.unknown");
    assert.equal(await codeOf(() => new PresetRegistry().saveAsPreset(id)), "option.invalid");
  });
});

describe("discoverPresets", () => {
  const MODULE = `
    import { writeFileSync } from "node:fs";
    writeFileSync(new URL("./ran", import.meta.url), "");
    export default (options) => ({ made: true, options });
  `;
  test("finds what packages name, in JSON of their own or in place, and in scopes", async () => {
    const from = await project({
      "a/package.json": described("a", "./presets.json"),
      "a/presets.json": { researcher: { description: "Looks things up.", tags: ["web"], manifest: "./env/r.geny-env.json" } },
      "a/env/r.geny-env.json": manifest,
      "@s/b/package.json": described("@s/b", { inline: { manifest } }),
      "c/package.json": { name: "c" },
      "d/package.json": "not JSON, and not about us",
      ".bin/x": "",
      "loose.txt": "",
    });
    const { presets, findings } = await discoverPresets({ from });
    assert.deepEqual(findings, []);
    assert.deepEqual(
      presets.map(({ name, description, tags, package: by }) => [name, description, tags, by]),
      [
        ["inline", "", [], "@s/b@1.2.3"],
        ["researcher", "Looks things up.", ["web"], "a@1.2.3"],
      ],
    );
    await using pipeline = await presets[1]?.create({ apiKey: "k" });
    assert.equal(pipeline?.snapshot().toJSON().metadata?.name, "from a package");
  });

  test("runs no code of a package until its preset is made", async () => {
    const { access } = await import("node:fs/promises");
    const files = {
      "a/package.json": { ...described("a", { coder: { module: "./coder.mjs" } }), main: "./coder.mjs" },
      "a/coder.mjs": MODULE,
    };
    const from = await project(files);
    const ran = join(from, "node_modules/a/ran");
    const registry = new PresetRegistry();
    assert.deepEqual(await registry.discover(from), { count: 1, findings: [] });
    assert.equal((await registry.list()).find(({ name }) => name === "coder")?.package, "a@1.2.3");
    await assert.rejects(access(ran));
    assert.deepEqual(await registry.create("coder", { model: "m" }), { made: true, options: { model: "m" } });
    await access(ran);
  });

  test("a broken package is a finding and harms no other", async () => {
    const from = await project({
      "a/package.json": described("a", { good: { manifest } }),
      "b/package.json": '{"geny-executor": ',
      "c/package.json": described("c", "./absent.json"),
      "d/package.json": described("d", ["x"]),
      "e/package.json": described("e", {
        both: { manifest, module: "./x.js" },
        none: {},
        "no name": { manifest },
        tags: { manifest, tags: [1] },
        old: { manifest: { stages: 5 } },
        danger: { manifest: { ...manifest, tools: { mcp_servers: [{ name: "s", command: "rm" }] } } },
        fine: { manifest },
      }),
      "f/package.json": described("f", "./presets.js"),
      "f/presets.js": MODULE,
    });
    const { presets, findings } = await discoverPresets({ from });
    assert.deepEqual(
      presets.map(({ name }) => name),
      ["good", "fine"],
    );
    assert.ok(findings.every(({ severity }) => severity === "error"));
    const told = ["b: package.json", "c: ./absent.json", "d: presets", "e: presets.both", "e: presets.none", "e: presets.no name: name"];
    assert.deepEqual(paths(findings), [
      ...told,
      "e: presets.tags: tags",
      "e: presets.old: stages",
      "e: presets.danger: tools.mcp_servers[0].command",
      "f: ./presets.js",
    ]);
  });

  test("no path leads out of the package", async () => {
    const from = await project({
      "a/package.json": described("a", {
        up: { manifest: "./../../secret.json" },
        absolute: { manifest: "/etc/passwd" },
        link: { manifest: "./link.json" },
        module: { module: "./../b/x.js" },
        bare: { module: "b" },
        nul: { manifest: "./a\0.json" },
      }),
      "b/x.js": MODULE,
      "../secret.json": manifest,
    });
    await symlink(join(from, "secret.json"), join(from, "node_modules/a/link.json"));
    const { presets, findings } = await discoverPresets({ from });
    assert.deepEqual(presets, []);
    assert.equal(findings.length, 6);
  });

  test("a package that is linked in is read where it is", async () => {
    const from = await project({ "x/y": "" });
    const store = await project({ "a/package.json": described("a", { linked: { manifest: "./m.json" } }), "a/m.json": manifest });
    await symlink(join(store, "node_modules/a"), join(from, "node_modules/a"));
    assert.deepEqual(
      (await discoverPresets({ from })).presets.map(({ name }) => name),
      ["linked"],
    );
  });

  test("names of ours cannot be taken, nor those of another package, nor the host's", async () => {
    const from = await project({
      "a/package.json": described("a", { chat: { manifest }, vtuber: { manifest }, one: { manifest }, two: { manifest } }),
      "b/package.json": described("b", { one: { manifest } }),
    });
    const registry = new PresetRegistry();
    registry.register("two", () => PipelinePresets.minimal(), { description: "the host's" });
    const { count, findings } = await registry.discover(from);
    assert.equal(count, 1);
    assert.deepEqual(
      findings.map(({ path, code }) => [path, code]),
      [
        ["a: presets.chat: name", "preset.reserved"],
        ["a: presets.vtuber: name", "preset.reserved"],
        ["b: presets.one", "preset.duplicate"],
        ["a@1.2.3: presets.two", "preset.duplicate"],
      ],
    );
    assert.equal(registry.get("one")?.package, "a@1.2.3");
    assert.equal(registry.get("two")?.description, "the host's");
    assert.equal((await registry.discover(await newFolder())).count, 0);
    assert.equal(registry.get("one"), undefined);
    assert.ok(registry.get("two"));
  });
});
