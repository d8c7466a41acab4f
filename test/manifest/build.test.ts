/** Manifests from presets, by name. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError, Pipeline } from "geny-executor";
import { type BuildManifestOptions, buildManifest, buildManifestFor, describePreset, presetCatalog } from "geny-executor/manifest";
import { startModel } from "geny-executor/testing";

const found = (run: () => unknown): readonly string[] => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.findings.map(({ path, code, suggestion }) => [path, code, suggestion].filter(Boolean).join(" "));
  }
  return [];
};

describe("buildManifest", () => {
  test("worker_adaptive is as it is documented; default is the same", () => {
    const { stages, metadata } = buildManifest("worker_adaptive", { provider: "openai" }).toJSON();
    assert.deepEqual(
      stages.map((stage) => [stage.order, stage.active !== false]),
      Array.from({ length: 21 }, (_, i) => [i + 1, true]),
    );
    const of = (name: string) => stages.find((stage) => stage.name === name);
    assert.deepEqual(of("guard")?.chain_order, { guards: ["token_budget", "cost_budget", "iteration", "permission"] });
    assert.deepEqual(of("api")?.config, { provider: "openai" });
    assert.deepEqual(of("evaluate")?.strategy_configs?.strategy, {
      evaluators: ["binary_classify", "signal_based"],
      easy_max_turns: 1,
      not_easy_max_turns: 30,
    });
    assert.deepEqual([metadata?.name, metadata?.base_preset], ["preset:worker_adaptive", "worker_adaptive"]);
    assert.deepEqual(buildManifest("default", { provider: "openai" }).toJSON().stages, stages);
  });

  test("vtuber has no guards and no thinking, and fewer of the rest", () => {
    const { stages } = buildManifest("vtuber", { provider: "anthropic" }).toJSON();
    const off = stages.filter((stage) => stage.active === false).map((stage) => stage.name);
    assert.deepEqual(off, ["think", "task_registry", "hitl"]);
    const of = (name: string) => stages.find((stage) => stage.name === name);
    assert.deepEqual(of("guard")?.chain_order, {});
    assert.deepEqual(of("tool_review")?.chain_order, { reviewers: ["schema", "sensitive"] });
    assert.deepEqual(of("loop")?.config, { max_turns: 10 });
  });

  test("puts in what is given, and each manifest has an id of its own", () => {
    const servers = [{ name: "fs", command: "npx" }];
    const options = {
      provider: "anthropic",
      model: "m",
      builtInTools: ["Read"],
      externalTools: ["x"],
      mcpServers: servers,
      name: "n",
      description: "d",
    };
    const [a, b] = [buildManifest("vtuber", options).toJSON(), buildManifest("vtuber", options).toJSON()];
    assert.notEqual(a.metadata?.id, b.metadata?.id);
    assert.deepEqual([a.metadata?.name, a.metadata?.description, a.model?.model], ["n", "d", "m"]);
    assert.deepEqual([a.tools?.built_in, a.tools?.external, a.tools?.mcp_servers], [["Read"], ["x"], servers]);
  });

  test("everything that is wrong is found at once, with the nearest right name", () => {
    const wrong = { provider: "anthropc", mcpServers: [{ command: "npx" }], nme: "x" } as unknown as BuildManifestOptions;
    assert.deepEqual(
      found(() => buildManifest("worker_adaptiv" as "default", wrong)),
      [
        "preset preset.unknown worker_adaptive",
        "options.provider provider.unknown anthropic",
        "options.nme option.unknown name",
        "options.mcpServers[0].name form.invalid",
      ],
    );
    assert.deepEqual(
      found(() => buildManifest("constructor" as "default", { provider: "openai" })),
      ["preset preset.unknown"],
    );
    assert.deepEqual(
      found(() => buildManifest("default", {} as BuildManifestOptions)),
      ["options.provider provider.unknown"],
    );
    for (const none of [undefined, null, "anthropic"] as unknown as BuildManifestOptions[])
      assert.deepEqual(
        found(() => buildManifest("default", none)),
        ["options option.invalid"],
      );
    for (const servers of ["fs", {}, [null], ["fs"]])
      assert.equal(found(() => buildManifest("default", { provider: "openai", mcpServers: servers } as BuildManifestOptions)).length, 1);
    assert.deepEqual(
      found(() => buildManifest(undefined as unknown as "default", { provider: 5 } as unknown as BuildManifestOptions)),
      ["preset preset.unknown", "options.provider provider.unknown"],
    );
  });
});

describe("the catalogue", () => {
  test("has the four presets, each with what a list needs", () => {
    assert.deepEqual(
      presetCatalog().map(({ key, basePreset, provider }) => [key, basePreset, provider]),
      [
        ["worker_adaptive", "worker_adaptive", null],
        ["vtuber", "vtuber", null],
        ["claude_code_worker", "worker_adaptive", "claude_code_cli"],
        ["claude_code_vtuber", "vtuber", "claude_code_cli"],
      ],
    );
    for (const { name, description, tags } of presetCatalog()) assert.ok(name && description && tags.length);
  });
  test("an unknown key is told with the nearest; a preset without a provider asks for one", () => {
    assert.deepEqual(
      found(() => describePreset("claude_code_workr")),
      ["preset preset.unknown claude_code_worker"],
    );
    for (const none of [undefined, {}])
      assert.deepEqual(
        found(() => buildManifestFor("vtuber", none)),
        ["options.provider provider.unknown"],
      );
    assert.deepEqual(
      found(() => buildManifestFor("vtuber", null as unknown as BuildManifestOptions)),
      ["options option.invalid"],
    );
    assert.deepEqual(buildManifestFor("default", { provider: "openai" }).toJSON().metadata?.base_preset, "worker_adaptive");
    const { stages } = buildManifestFor("claude_code_vtuber", { provider: "anthropic" }).toJSON();
    assert.equal(stages.find((stage) => stage.name === "api")?.config?.provider, "anthropic");
  });
  for (const { key } of presetCatalog())
    test(`${key} builds without an error and answers`, async () => {
      await using model = await startModel({ script: [{ text: "Done." }] });
      const manifest = buildManifestFor(key, { provider: "anthropic", builtInTools: ["*"] });
      await using pipeline = await Pipeline.fromManifest(manifest, { apiKey: "k", baseUrl: model.url });
      assert.equal((await pipeline.run("Hello")).text, "Done.");
      await using asMeant = await Pipeline.fromManifest(buildManifestFor(key, { provider: describePreset(key).provider ?? "openai" }));
      assert.equal(asMeant.describe().length, 21);
    });
});
