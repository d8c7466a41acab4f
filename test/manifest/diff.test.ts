// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what references look like
/** What differs between two documents: value by value, and in sentences. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { EnvironmentManifest, extend, fields, type JsonObject, type ManifestDocument, PipelinePresets, text } from "geny-executor";
import { buildManifest, describeChanges, EnvironmentDiff, fromSnapshot, toSnapshot } from "geny-executor/manifest";
import { context, PIPELINE } from "geny-executor/stages";

const json = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
const nested = fc.letrec<{ node: JsonObject }>((tie) => ({
  node: fc.dictionary(
    fc.constantFrom("a", "b", "c", "__proto__", "metadata"),
    fc.oneof(fc.integer({ min: 0, max: 2 }), fc.boolean(), fc.constant(null), tie("node"), fc.array(tie("node"), { maxLength: 3 })),
    { maxKeys: 3, depthIdentifier: "node" },
  ) as fc.Arbitrary<JsonObject>,
})).node;
/** Without the names that JSON gives no place to. */
const plain = (value: JsonObject): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;

describe("EnvironmentDiff", () => {
  test("has no entries exactly when the data are equal", () => {
    fc.assert(
      fc.property(fc.oneof(json, nested), fc.oneof(json, nested), (a, b) => {
        assert.equal(EnvironmentDiff.compute(a, b, { ignore: [] }).identical, isDeepStrictEqual(plain(a), plain(b)));
        assert.equal(EnvironmentDiff.compute(a, structuredClone(a)).identical, true);
      }),
      { numRuns: 2000 },
    );
  });

  test("read backwards, what was added is removed", () => {
    fc.assert(
      fc.property(nested, nested, (a, b) => {
        const [there, back] = [EnvironmentDiff.compute(a, b), EnvironmentDiff.compute(b, a)];
        const { added, removed, changed } = there.summary;
        assert.deepEqual(back.summary, { added: removed, removed: added, changed });
        assert.deepEqual(back.pathsChanged, there.pathsChanged);
        assert.equal(there.lines().length, there.entries.length);
      }),
    );
  });

  const whole = buildManifest("worker_adaptive", { provider: "anthropic" }).toJSON();
  test("stages by name: one that is gone is one entry, and order says nothing", () => {
    const less = { ...whole, stages: whole.stages.filter((stage) => stage.name !== "guard").toReversed() };
    const diff = EnvironmentDiff.compute(whole, less, { stages: "name" });
    assert.deepEqual(
      diff.entries.map(({ path, changeType }) => [path, changeType]),
      [["stages[guard]", "removed"]],
    );
    assert.deepEqual(EnvironmentDiff.compute(whole, less).pathsChanged, ["stages"]);
  });

  test("stages by name: the path says which", () => {
    const stages = whole.stages.map((stage) => (stage.name === "loop" ? { ...stage, config: { max_turns: 3 } } : stage));
    const diff = EnvironmentDiff.compute(whole, { ...whole, stages: stages.slice(1) }, { stages: "name" });
    assert.deepEqual(diff.pathsChanged, ["stages[input]", "stages[loop].config.max_turns"]);
    assert.deepEqual(diff.filterByPrefix("stages[loop]")[0]?.newValue, 3);
  });

  test("lines hide the texts of secrets, at any depth", () => {
    const diff = EnvironmentDiff.compute({ api_key: "sk-1", list: 1 }, { api_key: "${API_KEY}", list: [{ env: { TOKEN: "sk-2" } }] });
    assert.deepEqual(diff.lines(), ["~ api_key: (hidden) → ${API_KEY}", '~ list: 1 → [{"env":{"TOKEN":"(hidden)"}}]']);
  });
});

describe("describeChanges", () => {
  const base = buildManifest("worker_adaptive", { provider: "anthropic" }).toJSON();
  const texts = (b: Partial<ManifestDocument>, a = base) => describeChanges(a, { ...base, ...b }).map((change) => change.text);
  /** The base with one stage changed. */
  const withStage = (name: string, change: object): Partial<ManifestDocument> => ({
    stages: base.stages.map((stage) => (stage.name === name ? { ...stage, ...change } : stage)),
  });

  test("says in a sentence what the stage does by which strategy", () => {
    assert.deepEqual(texts(withStage("context", { strategies: { strategy: "progressive_disclosure" } })), [
      "stage 2 context loads by progressive_disclosure instead of simple_load",
    ]);
  });

  test("tells what a new strategy is set to, and nothing of its defaults", () => {
    const configs = { strategy: { max_recent_turns: 5 } };
    assert.deepEqual(texts(withStage("context", { strategies: { strategy: "hybrid" }, strategy_configs: configs })), [
      "stage 2 context loads by hybrid (max_recent_turns 5) instead of simple_load",
    ]);
  });

  test("of a chain: what came, what went, and another order", () => {
    assert.deepEqual(texts(withStage("guard", { chain_order: { guards: ["permission", "iteration", "token_budget"] } })), [
      "stage 4 guard: its guards (asked in order before every request) no longer have cost_budget",
      "stage 4 guard: its guards (asked in order before every request) stand in another order: permission, iteration, token_budget",
    ]);
    const before = { ...base, ...withStage("guard", { chain_order: { guards: ["iteration"] } }) };
    const now = withStage("guard", {
      chain_order: { guards: ["cost_budget", "iteration"] },
      strategy_configs: { guards: { cost_budget: { max_cost_usd: 2 } } },
    });
    assert.deepEqual(texts(now, before), [
      "stage 4 guard: its guards (asked in order before every request) also have cost_budget (max_cost_usd 2), before iteration",
    ]);
  });

  test("switching, settings, tools, and what stands elsewhere", () => {
    assert.deepEqual(texts(withStage("emit", { active: false })), ["stage 17 emit is switched off"]);
    assert.deepEqual(texts({ model: { model: "claude-haiku-4-5-20251001" } }), [
      "the model is claude-haiku-4-5-20251001 instead of claude-sonnet-4-6",
    ]);
    assert.deepEqual(texts({ pipeline: { cost_budget_usd: 2 } }), ["cost_budget_usd (most US dollars of one turn) is 2 instead of none"]);
    assert.deepEqual(texts(withStage("loop", { config: { max_turns: 5 } })), [
      "stage 16 loop: max_turns (passes of a turn at most) is 5 instead of 30",
    ]);
    assert.deepEqual(texts({ tools: { ...base.tools, built_in: ["Read"], mcp_servers: [{ name: "fs", command: "npx" }] } }), [
      "the tool Read is added",
      "the MCP server fs is added",
    ]);
    assert.deepEqual(texts({ host_selections: { hooks: [], skills: ["*"], permissions: ["*"] } }), [
      "host_selections.hooks is none instead of *",
    ]);
    assert.deepEqual(texts(withStage("tool", { tool_binding: { stage_order: 10, allowed: ["Read"], blocked: null, extra_context: {} } })), [
      'stage 10 tool: tool_binding is {"stage_order":10,"allowed":["Read"],"blocked":null,"extra_context":{}} instead of none',
    ]);
  });

  test("what acts alike is no change: absent keys are their defaults, and ids and times say nothing", () => {
    const sparse: ManifestDocument = {
      ...base,
      metadata: { ...base.metadata, id: "env_other", updated_at: "later" },
      stages: base.stages.map(({ order, name, strategies = {}, strategy_configs = {}, chain_order = {}, config = {} }) => {
        const stage = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface].find((s) => s.name === name);
        const slots: { readonly [slot: string]: { readonly default: unknown } } = stage?.slots ?? {};
        const chosen = Object.entries(strategies).filter(([slot, use]) => slots[slot]?.default !== use);
        return { order, name, strategies: Object.fromEntries(chosen), strategy_configs, chain_order, config };
      }),
    };
    assert.deepEqual(describeChanges(base, sparse), []);
    const { chat } = PipelinePresets;
    assert.deepEqual(describeChanges(chat().snapshot(), chat().snapshot()), []);
    assert.deepEqual(describeChanges(base, EnvironmentManifest.fromJSON(base)), []);
  });

  test("a stage under its older name is the same stage", () => {
    assert.deepEqual(texts(withStage("context", { name: "s02_context" })), []);
    assert.deepEqual(texts(withStage("emit", { name: "17", active: false })), ["stage 17 emit is switched off"]);
  });

  test("any one choice of any slot is told in one sentence that names both", () => {
    for (const stage of [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface])
      for (const [slot, { kind, default: chosen, strategies }] of Object.entries(stage.slots)) {
        if (kind !== "one") continue;
        const of = (strategy: string) => ({
          ...base,
          ...withStage(stage.name, { strategies: { [slot]: strategy }, strategy_configs: {} }),
        });
        for (const name of Object.keys(strategies).filter((other) => other !== chosen)) {
          const [change, ...more] = describeChanges(of(String(chosen)), of(name));
          assert.deepEqual(more, []);
          assert.deepEqual([change?.kind, change?.before, change?.after, change?.stage?.name], ["strategy", chosen, name, stage.name]);
          assert.match(change?.text ?? "", new RegExp(`^stage \\d+ ${stage.name} [a-z' ]+ by ${name} instead of ${chosen}$`));
        }
      }
  });

  test("no sentence and no value holds a secret", () => {
    const server = (key: string) => ({ tools: { mcp_servers: [{ name: "fs", env: { API_KEY: key }, args: ["--token", key] }] } });
    const a = { ...base, ...server("sk-before"), pipeline: { metadata: { password: "sk-before" } } };
    const b = { ...base, ...server("sk-after"), pipeline: { metadata: { password: "sk-after" } } };
    const changes = describeChanges(a, b);
    assert.equal(changes.length, 3);
    assert.doesNotMatch(JSON.stringify(changes), /sk-/);
  });

  test("a host's own strategy is told by its own definition", () => {
    const mine = {
      about: "mine",
      config: fields({ tone: text({ about: "how it sounds", default: "calm" }) }),
      create: () => null as never,
    };
    const layout = {
      ...PIPELINE,
      setup: PIPELINE.setup.map((s) => (s.name === "context" ? extend(context, "strategy", { mine }) : s)),
    } as never;
    const of = (tone: string) => ({
      ...base,
      ...withStage("context", { strategies: { strategy: "mine" }, strategy_configs: { strategy: { tone } } }),
    });
    assert.deepEqual(
      describeChanges(of("calm"), of("loud"), layout).map((change) => change.text),
      ["stage 2 context: for mine, tone (how it sounds) is loud instead of calm"],
    );
    const { verb: _, ...unsaid } = context.slots.compactor;
    const silent = { setup: [{ ...context, slots: { compactor: unsaid } }], loop: [], surface: [] } as never;
    const by = (compactor: string) => ({ ...base, ...withStage("context", { strategies: { compactor } }) });
    assert.equal(
      describeChanges(by("truncate"), by("summary"), silent).find(({ kind }) => kind === "strategy")?.text,
      "stage 1 context: its compactor (makes a history short that fills the window) is summary instead of truncate",
    );
  });

  test("a stage that nobody knows is told key by key", () => {
    const own = { order: 22, name: "own", config: { a: 1 } };
    assert.deepEqual(texts({ stages: [...base.stages, own] }), ["stage 22 own is switched on", "stage 22 own: a is 1 instead of none"]);
  });
});

describe("snapshots", () => {
  test("a manifest and its snapshot act alike", () => {
    for (const preset of Object.values(PipelinePresets)) {
      const manifest = preset().snapshot();
      const { tools } = manifest.toJSON();
      const back = fromSnapshot(JSON.parse(JSON.stringify(toSnapshot(manifest))), { name: "x", tools: tools as JsonObject });
      const kinds = new Set(describeChanges(manifest, back).map((change) => change.kind));
      kinds.delete("metadata");
      assert.deepEqual([...kinds], []);
    }
  });
  test("what is wrong is told with its path, all at once", () => {
    assert.throws(
      () => fromSnapshot({ stages: [{ name: "a", order: 1 }, 5], model_config: [] }),
      (error: { findings: { path: string }[] }) => {
        assert.deepEqual(
          error.findings.map((f) => f.path),
          ["model_config", "stages[0].is_active", "stages[1]"],
        );
        return true;
      },
    );
  });
});
