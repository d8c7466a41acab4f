// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what references look like
/** The registry of presets, and presets that packages bring. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import {
  ConfigError,
  defineTool,
  discoverPresets,
  extend,
  fields,
  type Message,
  type Pipeline,
  PipelinePresets,
  type PresetFactory,
  type PresetOptions,
  PresetRegistry,
} from "geny-executor";
import { buildManifest, EnvironmentManager, presetCatalog } from "geny-executor/manifest";
import { context } from "geny-executor/stages";
import { startModel } from "geny-executor/testing";
import { processes } from "./mcp/world.ts";

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
const withStrategy = (strategy: string) =>
  manifest.stages.map((stage) => (stage.name === "context" ? { ...stage, strategies: { strategy } } : stage));
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
  test("an option that a preset has no stage for is refused, and not dropped", () => {
    for (const [make, options, told] of [
      [PipelinePresets.minimal, { tools: [], systemPrompt: "x" }, ["options.systemPrompt", "options.tools"]],
      [PipelinePresets.evaluator, { builtInTools: ["*"], maxTurns: 3, systemPrompt: "x" }, ["options.builtInTools", "options.maxTurns"]],
    ] as const)
      assert.throws(
        () => make(options as object),
        (error) => {
          assert.ok(error instanceof ConfigError);
          assert.deepEqual(error.findings.map(({ path }) => path).sort(), [...told].sort());
          return true;
        },
      );
  });

  test("two registries know nothing of each other", async () => {
    const [a, b] = [new PresetRegistry(), new PresetRegistry()];
    a.register("mine", () => PipelinePresets.minimal());
    assert.ok(await a.get("mine"));
    assert.equal(await b.get("mine"), undefined);
  });

  test("a name of ours, or none at all, is refused", async () => {
    const registry = new PresetRegistry();
    for (const name of ["chat", "geny_vtuber", "worker_adaptive", "claude_code_vtuber", "default"])
      assert.equal(await codeOf(() => registry.register(name, manifest)), "preset.reserved", name);
    for (const name of ["", "user:x", "a b", "../x", "-x", undefined as unknown as string])
      assert.equal(await codeOf(() => registry.register(name, manifest)), "preset.invalid", name);
    assert.equal(await registry.get("toString"), undefined);
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

  test("what is no preset is refused at once, and what gives no pipeline when it is made", async () => {
    const registry = new PresetRegistry();
    for (const wrong of [undefined, null, 3, "chat"])
      assert.equal(await codeOf(() => registry.register("x", wrong as unknown as PresetFactory)), "preset.invalid", String(wrong));
    assert.equal(await codeOf(() => registry.register("x", {} as unknown as PresetFactory)), "stage.required_inactive");
    assert.equal(await codeOf(() => registry.register("x", manifest, { descripton: "x" } as object)), "option.unknown");
    assert.equal(await codeOf(() => new PresetRegistry({ environment: "x" } as object)), "option.unknown");
    assert.equal(await registry.get("x"), undefined);
    for (const made of [3, undefined, {}]) {
      registry.register("x", () => made as unknown as Pipeline);
      await assert.rejects(registry.create("x"), (error) => error instanceof ConfigError && error.findings[0]?.path === "x");
    }
  });

  test("a manifest may name what options of `create` bring", async () => {
    const registry = new PresetRegistry();
    registry.register("x", { ...manifest, stages: withStrategy("mine") });
    assert.equal(await codeOf(() => registry.create("x")), "strategy.unknown_impl");
    const mine = { about: "All messages.", config: fields({}), create: () => (messages: readonly Message[]) => messages };
    await using pipeline = await registry.create("x", { stages: { context: extend(context, "strategy", { mine }) } });
    assert.deepEqual(pipeline.describe()[1]?.strategies[0]?.names, ["mine"]);
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
    assert.deepEqual(await registry.get(`user:${id}`), (await registry.list()).at(-1));
    await registry.removePresetFlag(id);
    assert.equal(await registry.get(`user:${id}`), undefined);
    assert.equal(await codeOf(() => registry.create(`user:${id}`)), "preset.unknown");
    assert.equal(await codeOf(() => new PresetRegistry().saveAsPreset(id)), "option.invalid");
  });
});

describe("a preset that is awaited", () => {
  const toolProviders = [
    {
      name: "host",
      list: () => [defineTool({ name: "weather", description: "w", input: { type: "object" }, effect: "read", run: () => "" })],
    },
  ];
  test("has the MCP servers of its manifest, whose secrets stay out of its snapshot, and is gone with its signal", async () => {
    await using world = await processes();
    const environments = new EnvironmentManager(await newFolder());
    const registry = new PresetRegistry({ environments });
    const server = { name: "sums", ...world.little(), env: { SUMS_TOKEN: "${SUMS_TOKEN}" } };
    const id = await environments.save(buildManifest("vtuber", { provider: "anthropic", mcpServers: [server] }));
    await registry.saveAsPreset(id);
    const env = { SUMS_TOKEN: "sk-live-1" };
    await using pipeline = await registry.create(`user:${id}`, { apiKey: "k", env, toolProviders });
    assert.ok(pipeline.tools.names().includes("mcp__sums__add"));
    assert.ok(pipeline.tools.names().includes("weather"));
    assert.deepEqual(
      pipeline.findings.filter(({ code }) => code.startsWith("tools.")),
      [],
    );
    assert.doesNotMatch(JSON.stringify(pipeline.snapshot()), /sk-live/);
    await assert.rejects(registry.create(`user:${id}`, { env, signal: AbortSignal.abort() }), { code: "exec.pipeline.cancelled" });
  });

  test("takes tool providers whatever it is made of", async () => {
    const registry = new PresetRegistry();
    registry.register("mine", manifest);
    for (const name of ["mine", "chat", "worker_adaptive"]) {
      await using pipeline = await registry.create(name, { apiKey: "k", toolProviders });
      assert.deepEqual(pipeline.tools.names(), ["weather"], name);
    }
  });
});

describe("the presets that are always there", () => {
  test("are of one list, with those that are manifests", async () => {
    const registry = new PresetRegistry();
    const names = ["minimal", "chat", "agent", "evaluator", "geny_vtuber"];
    const catalogue = presetCatalog().map(({ key }) => key);
    assert.deepEqual(
      (await registry.list()).map(({ name, type }) => [name, type]),
      [...names, ...catalogue].map((name) => [name, "built_in"]),
    );
    for (const { key, description, tags } of presetCatalog())
      assert.deepEqual(await registry.get(key), { name: key, type: "built_in", description, tags, package: null, environmentId: null });
    assert.equal((await registry.get("default"))?.name, "worker_adaptive");
  });

  test("ask who is given, else the preset's own provider, else the one that the model's name says", async () => {
    const registry = new PresetRegistry();
    const askedBy = async (name: string, options: PresetOptions = {}) => {
      await using pipeline = await registry.create(name, options);
      return pipeline
        .snapshot()
        .toJSON()
        .stages.find((stage) => stage.name === "api")?.config?.provider;
    };
    assert.equal(await askedBy("worker_adaptive"), "anthropic");
    assert.equal(await askedBy("default", { model: "gpt-5" }), "openai");
    assert.equal(await askedBy("claude_code_worker"), "claude_code_cli");
    assert.equal(await askedBy("claude_code_worker", { provider: "google" }), "google");
  });
});

describe("discoverPresets", () => {
  const MODULE = `
    import { writeFileSync } from "node:fs";
    writeFileSync(new URL("./ran", import.meta.url), "");
    export default (options) => ({ options, run() {}, close() {} });
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
    const made: object = await registry.create("coder", { model: "m" });
    assert.deepEqual(Reflect.get(made, "options"), { model: "m" });
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
        unknown: { manifest: { ...manifest, stages: withStrategy("hybird") } },
        danger: { manifest: { ...manifest, tools: { mcp_servers: [{ name: "s", command: "rm" }] } } },
        fine: { manifest, descripton: "x" },
      }),
      "f/package.json": described("f", "./presets.js"),
      "f/presets.js": MODULE,
    });
    const { presets, findings } = await discoverPresets({ from });
    assert.deepEqual(
      presets.map(({ name }) => name),
      ["good", "fine"],
    );
    const warnings = findings.filter(({ severity }) => severity === "warning");
    assert.deepEqual(
      warnings.map(({ code, path, suggestion }) => [code, path, suggestion]),
      [["preset.unknown_key", "e: presets.fine.descripton", "description"]],
    );
    const told = ["b: package.json", "c: ./absent.json", "d: presets", "e: presets.both", "e: presets.none", "e: presets.no name: name"];
    assert.deepEqual(paths(findings), [
      ...told,
      "e: presets.tags: tags",
      "e: presets.old: stages",
      "e: presets.unknown: stages[1].strategies.strategy",
      "e: presets.danger: tools.mcp_servers[0].command",
      "e: presets.fine.descripton",
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
    assert.equal((await registry.get("one"))?.package, "a@1.2.3");
    assert.equal((await registry.get("two"))?.description, "the host's");
    assert.equal((await registry.discover(await newFolder())).count, 0);
    assert.equal(await registry.get("one"), undefined);
    assert.ok(await registry.get("two"));
  });
});
