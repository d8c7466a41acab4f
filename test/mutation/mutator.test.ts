/** What each operation of the mutator makes of the manifest, the plan and the log, and what it refuses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, defineStage, fields, Pipeline, PipelineMutator, PipelinePresets } from "geny-executor";
import { mutate } from "geny-executor/manifest";
import { callingProvider, expectError, noop } from "./scripted.ts";

const agent = (options: object = {}) => PipelinePresets.agent({ apiKey: "k", tools: [noop], ...options });
const entryOf = (pipeline: Pipeline, name: string) => {
  const found = pipeline
    .snapshot()
    .toJSON()
    .stages.find((entry) => entry.name === name);
  assert.ok(found);
  return found;
};
const describedAs = (pipeline: Pipeline, name: string) => pipeline.describe().find((stage) => stage.name === name);
const mine = (name: string, more: object = {}) =>
  defineStage({
    name,
    about: name,
    category: "execution",
    config: fields({}),
    reads: ["shared"],
    writes: ["shared"],
    slots: {},
    events: {},
    run: () => ({}),
    ...more,
  });

test("a swapped strategy stands in the snapshot, in describe() and in the log, and a stage is named or numbered", async () => {
  await using pipeline = agent();
  const mutator = new PipelineMutator(pipeline);
  const { success, message, record } = mutator.swapStrategy(2, "strategy", "hybrid", { max_recent_turns: 5 });
  assert.ok(success);
  assert.equal(message, "");
  assert.match(record.timestamp, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.deepEqual(
    { ...record, timestamp: "" },
    {
      kind: "swap_strategy",
      target: "stage:2.strategy",
      oldValue: "simple_load",
      newValue: "hybrid",
      timestamp: "",
    },
  );
  assert.equal(entryOf(pipeline, "context").strategies?.strategy, "hybrid");
  assert.deepEqual(entryOf(pipeline, "context").strategy_configs?.strategy, { max_recent_turns: 5 });
  assert.deepEqual(describedAs(pipeline, "context")?.strategies.find((s) => s.slot === "strategy")?.names, ["hybrid"]);
  mutator.swapStrategy("context", "strategy", "progressive_disclosure");
  assert.equal(entryOf(pipeline, "context").strategy_configs?.strategy, undefined, "the config of the strategy before does not stay");
  assert.deepEqual(
    mutator.getChangeLog().map(({ oldValue, newValue }) => [oldValue, newValue]),
    [
      ["simple_load", "hybrid"],
      ["hybrid", "progressive_disclosure"],
    ],
  );
});

test("what is wrong is refused whole, with every finding and the nearest names", async () => {
  await using pipeline = agent();
  const mutator = pipeline.mutator();
  const before = pipeline.snapshot().toJSON();
  const told: [() => unknown, RegExp][] = [
    [() => mutator.swapStrategy("contxt", "strategy", "hybrid"), /Did you mean "context"/],
    [() => mutator.swapStrategy(99, "strategy", "hybrid"), /no stage 99/],
    [() => mutator.swapStrategy(2, "strategi", "hybrid"), /Did you mean "strategy"/],
    [() => mutator.swapStrategy(2, "strategy", "hybird"), /stages\[1\]\.strategies\.strategy.*Did you mean "hybrid"/s],
    [() => mutator.swapStrategy(4, "guards", "iteration"), /it is a chain/],
    [() => mutator.swapStrategy(20, "frequency", "every_n_turns", { n: 0 }), /must be at least 1/],
    [() => mutator.updateStageConfig(16, { max_turn: 3 }), /Did you mean "max_turns"/],
    [() => mutator.updateStageConfig(16, { max_turns: "x", early_stop_on: 3 }), /2 errors/],
    [() => mutator.updateStrategyConfig(2, "compactor", { keep_last: "x" }), /keep_last/],
    [() => mutator.updateModelConfig({ max_tokens: 55, nope: 1 }), /nope/],
    [() => mutator.updatePipelineConfig({ max_iterations: 5, api_key: "sk-secret" }), /api_key/],
    [() => mutator.addToChain(4, "guards", "iterations"), /Did you mean "iteration"/],
    [() => mutator.reorderChain(11, "reviewers", ["schema"]), /exactly these/],
    [() => mutator.removeFromChain(11, "reviewers", "nope"), /has no "nope"/],
    [() => mutator.setStageActive(6, false), /must be active/],
    [() => mutator.setStageModel(6, { max_tokens: 0 }), /max_tokens/],
    [() => mutator.registerHook(6, "on_entry" as never, () => {}), /on_enter, on_exit, on_error/],
    [() => mutator.unregisterHook(6, "on_enter", "hook_0"), /no hook "hook_0"/],
    [() => mutator.updateModelConfig({ temperature: 1n as never }), /changes\.temperature: must be JSON, not a bigint/],
  ];
  for (const [act, message] of told) assert.match(expectError(act).message, message);
  assert.equal(expectError(() => mutator.updateStageConfig(16, { max_turns: "x", early_stop_on: 3 })).findings.length, 2);
  assert.doesNotMatch(expectError(() => mutator.updatePipelineConfig({ api_key: "sk-secret" })).message, /sk-secret/);
  assert.deepEqual(pipeline.snapshot().toJSON(), before);
  assert.deepEqual(mutator.getChangeLog(), []);
});

test("a change has the form of its kind, or is refused with the path and the nearest right key", async () => {
  await using pipeline = agent();
  const m = pipeline.mutator();
  const before = pipeline.snapshot().toJSON();
  const no = undefined as never;
  const told: [() => unknown, ...[path: string, suggestion?: string][]][] = [
    [() => m.setStageActive("evaluate", "false" as never), ["active"]],
    [() => m.setStageActive("evaluate", no), ["active"]],
    [() => m.bindToolToStage("tool", no), ["tool"]],
    [() => m.setStageToolScope("tool", { allowed: "Read" as never }), ["allowed"]],
    [() => m.setStageToolScope("tool", { allow: ["Read"] } as never), ["allow", "allowed"]],
    [() => m.setStageToolScope("tool", null as never), ["scope"]],
    [() => m.setStageModel("api", no), ["model"]],
    [() => m.setStageModel("api", { max_token: 5, top_k: -1 } as never), ["model.max_token", "max_tokens"], ["model.top_k"]],
    [() => m.swapStrategy("context", "strategy", no), ["to"]],
    [() => m.swapStrategy(2, no, no), ["slot"], ["to"]],
    [() => m.updateModelConfig(null as never), ["changes"]],
    [() => m.reorderChain("guard", "guards", "iteration" as never), ["order"]],
    [() => m.registerHook("api", "on_enter", no), ["call"]],
    [() => m.registerHook("api", "on_entry" as never, () => {}), ["event"]],
    [() => m.registerStage(no, { after: "api" }), ["own"]],
    [() => m.registerStage({} as never, { after: "api" }), ["own"]],
    [() => m.registerStage(mine("beside"), no), ["where"]],
    [() => m.registerStage(mine("beside"), { behind: "yield" } as never), ["where"]],
    [() => m.registerStage(mine("beside"), { after: "api", before: "yield" }), ["where"]],
    [() => m.replaceStage(no, no), ["stage"], ["own"]],
    [() => m.apply({ kind: "nope", stage: "context" } as never), ["kind"]],
    [() => m.apply({ kind: "swap_strategi", stage: "context" } as never), ["kind", "swap_strategy"]],
    [() => m.apply({ kind: "bind_tool", stage: ["tool"], tol: "Read" } as never), ["tol", "tool"], ["stage"], ["tool"]],
    [() => m.apply(JSON.parse('{ "kind": "update_stage_config", "stage": 16, "changes": { "__proto__": {} } }')), ["changes.__proto__"]],
    [() => mutate(before, { kind: "nope", stage: 2 } as never), ["kind"]],
    [() => mutate(before, { kind: "register_hook", stage: 2 } as never), ["kind"]],
  ];
  for (const [act, ...expected] of told)
    assert.deepEqual(
      expectError(act).findings.map(({ path, suggestion }) => (suggestion === undefined ? [path] : [path, suggestion])),
      expected,
      String(act),
    );
  for (const nothing of [undefined, null, "swap_strategy", []]) expectError(() => m.apply(nothing as never));
  const deep = (levels: number): object => (levels ? { a: deep(levels - 1) } : {});
  const { findings } = expectError(() => m.updatePipelineConfig({ metadata: deep(62) as never }));
  assert.deepEqual(
    findings.map(({ code }) => code),
    ["form.too_deep"],
    "what would make the document too deep is refused too",
  );
  assert.match(expectError(() => m.registerStage(mine("beside"), { after: "yeld" })).message, /Did you mean "yield"/);
  assert.match(expectError(() => pipeline.mutate(no)).message, /is a function/);
  assert.deepEqual(pipeline.snapshot().toJSON(), before);
  assert.deepEqual(m.getChangeLog(), []);
});

test("options of a mutator that there are none of are refused by name", async () => {
  await using pipeline = agent();
  const pathsOf = (options: object) => {
    try {
      pipeline.mutator(options);
    } catch (error) {
      return error instanceof ConfigError ? error.findings.map(({ path, suggestion }) => [path, suggestion]) : error;
    }
    return [];
  };
  assert.deepEqual(pathsOf({ whenExecutng: "defer" }), [["options.whenExecutng", "whenExecuting"]]);
  assert.deepEqual(pathsOf({ whenExecuting: "defr" }), [["options.whenExecuting", undefined]]);
  assert.deepEqual(pathsOf({ whenExecuting: "defer" }), []);
});

test("a closed pipeline is not changed any more", async () => {
  const pipeline = agent();
  const mutator = pipeline.mutator();
  mutator.updateModelConfig({ top_k: 1 });
  await pipeline.close();
  for (const act of [
    () => mutator.updateModelConfig({ top_k: 2 }),
    () => mutator.undo(),
    () => pipeline.mutate(() => {}),
    () => pipeline.attach({ apiKey: "other" }),
    () => pipeline.refresh({ apiKey: "other" }),
  ])
    assert.throws(act, { name: "PipelineError", code: "exec.pipeline.not_initialized", message: /make a new one/ });
  assert.equal(mutator.snapshot().toJSON().model.top_k, 1);
});

test("a stage that is not active is activated before it is changed", async () => {
  await using pipeline = PipelinePresets.minimal({ apiKey: "k" });
  const mutator = pipeline.mutator();
  assert.match(expectError(() => mutator.swapStrategy("cache", "strategy", "system_cache")).message, /activate it first/);
  mutator.batch(() => {
    mutator.setStageActive("cache", true);
    mutator.swapStrategy("cache", "strategy", "system_cache");
  });
  assert.deepEqual(describedAs(pipeline, "cache")?.strategies[0]?.names, ["system_cache"]);
  assert.equal(mutator.setStageActive("cache", true).record.oldValue, true, "the old value is the true one");
});

test("chains are reordered, lengthened and shortened; items of one name share a config", async () => {
  await using pipeline = agent();
  const mutator = pipeline.mutator();
  mutator.addToChain("guard", "guards", "token_budget", { min_remaining_tokens: 5 });
  mutator.addToChain("guard", "guards", "permission");
  mutator.addToChain("guard", "guards", "token_budget", { min_remaining_tokens: 5 });
  expectError(() => mutator.addToChain("guard", "guards", "token_budget", { min_remaining_tokens: 6 }));
  expectError(() => mutator.reorderChain("guard", "guards", ["token_budget", "permission", "permission"]));
  mutator.reorderChain("guard", "guards", ["permission", "token_budget", "token_budget"]);
  mutator.removeFromChain("guard", "guards", "token_budget");
  assert.deepEqual(entryOf(pipeline, "guard").chain_order?.guards, ["permission", "token_budget"]);
  assert.deepEqual(entryOf(pipeline, "guard").strategy_configs?.guards, { token_budget: { min_remaining_tokens: 5 } });
  mutator.removeFromChain("guard", "guards", "token_budget");
  assert.equal(entryOf(pipeline, "guard").strategy_configs?.guards, undefined, "the last of a name takes its config along");
});

test("the configs of a chain's items are changed item by item, checked, told and taken back", async () => {
  await using pipeline = agent();
  const mutator = pipeline.mutator();
  assert.match(expectError(() => mutator.updateStrategyConfig("guard", "guards", { cost_budget: {} })).message, /add an item first/);
  mutator.addToChain("guard", "guards", "cost_budget");
  mutator.addToChain("guard", "guards", "token_budget", { min_remaining_tokens: 5 });
  const first = pipeline.snapshot().toJSON();
  const { record } = mutator.updateStrategyConfig("guard", "guards", { cost_budget: { max_cost_usd: 2 } });
  assert.deepEqual(
    [record.kind, record.target, record.oldValue, record.newValue],
    ["update_strategy_config", "stage:4.guards", { cost_budget: { max_cost_usd: null } }, { cost_budget: { max_cost_usd: 2 } }],
  );
  assert.deepEqual(describedAs(pipeline, "guard")?.strategies[0]?.configs.cost_budget, { max_cost_usd: 2 });
  assert.deepEqual(entryOf(pipeline, "guard").strategy_configs?.guards?.token_budget, { min_remaining_tokens: 5 }, "the other one stays");
  mutator.updateStrategyConfig("guard", "guards", { cost_budget: {} });
  mutator.undo();
  const told: [object, string, string?][] = [
    [{ cost_budgt: {} }, "changes.cost_budgt", "cost_budget"],
    [{ cost_budget: 2 }, "changes.cost_budget"],
    [{ cost_budget: { max_cost_us: 2 } }, "stages[3].strategy_configs.guards.cost_budget.max_cost_us", "max_cost_usd"],
    [{ cost_budget: { max_cost_usd: "2" } }, "stages[3].strategy_configs.guards.cost_budget.max_cost_usd"],
  ];
  for (const [changes, path, suggestion] of told) {
    const { findings } = expectError(() => mutator.updateStrategyConfig("guard", "guards", changes as never));
    assert.deepEqual(
      findings.map((found) => [found.path, found.suggestion]),
      [[path, suggestion]],
    );
  }
  expectError(() => mutator.updateStrategyConfig("guard", "guards", {}));
  assert.match(expectError(() => mutator.updateStrategyConfig("guard", "guard", {})).message, /no slot or chain.*Did you mean "guards"\?$/);
  mutator.undo();
  assert.deepEqual(pipeline.snapshot().toJSON(), first);
});

test("tools are bound, unbound and scoped, and a stage that runs none says so", async () => {
  await using pipeline = agent();
  const mutator = pipeline.mutator();
  mutator.bindToolToStage("tool", "Read");
  mutator.bindToolToStage("tool", "Grep");
  assert.deepEqual(entryOf(pipeline, "tool").tool_binding, {
    stage_order: 10,
    allowed: ["Grep", "Read"],
    blocked: null,
    extra_context: {},
  });
  mutator.unbindToolFromStage("tool", "Read");
  assert.deepEqual(entryOf(pipeline, "tool").tool_binding?.allowed, ["Grep"]);
  assert.deepEqual(entryOf(pipeline, "tool").tool_binding?.blocked, ["Read"]);
  const { record } = mutator.setStageToolScope("tool", { blocked: ["Bash"] });
  assert.deepEqual(
    [record.oldValue, record.newValue],
    [
      { allowed: ["Grep"], blocked: ["Read"] },
      { allowed: null, blocked: ["Bash"] },
    ],
  );
  assert.match(mutator.bindToolToStage("context", "Read").message, /runs no tools/);
});

test("a tool that is taken from the stage is not run any more", async () => {
  const results: unknown[] = [];
  await using pipeline = agent({ providers: { anthropic: callingProvider(2) } });
  pipeline.on("tool.call_complete", ({ data }) => results.push(data.is_error));
  await pipeline.run("go");
  pipeline.mutator().setStageToolScope("tool", { blocked: ["noop"] });
  await pipeline.run("go");
  pipeline.mutator().undo();
  await pipeline.run("go");
  assert.deepEqual(results.filter((failed) => failed === false).length, 2);
});

test("settings of the model and the pipeline reach the next request", async () => {
  const asked: (readonly [string, number])[] = [];
  await using pipeline = PipelinePresets.minimal({
    providers: { anthropic: callingProvider(1, (r) => asked.push([r.model, r.maxTokens])) },
  });
  const mutator = pipeline.mutator();
  await pipeline.run("one");
  assert.deepEqual(mutator.updateModelConfig({ model: "claude-haiku-4-5", max_tokens: 7 }).record.oldValue, {
    model: "claude-sonnet-4-6",
    max_tokens: 8192,
  });
  await pipeline.run("two");
  mutator.setStageModel("api", { max_tokens: 9 });
  await pipeline.run("three");
  assert.deepEqual(asked, [
    ["claude-sonnet-4-6", 8192],
    ["claude-haiku-4-5", 7],
    ["claude-haiku-4-5", 9],
  ]);
  assert.equal(mutator.updatePipelineConfig({ name: "other" }).record.oldValue && pipeline.snapshot().toJSON().pipeline.name, "other");
});

test("hooks are called around a stage, in order, and no more when they are taken away", async () => {
  const calls: string[] = [];
  await using pipeline = PipelinePresets.minimal({ providers: { anthropic: callingProvider(1) } });
  const mutator = pipeline.mutator();
  const { message: id } = mutator.registerHook("parse", "on_enter", ({ stage, state }) =>
    calls.push(`enter ${stage} ${state.messages.length}`),
  );
  mutator.registerHook("parse", "on_exit", async ({ patch }) => calls.push(`exit ${Object.keys(patch ?? {}).length > 0}`));
  assert.match(id, /^hook_0_/);
  await pipeline.run("hi");
  assert.deepEqual(calls, ["enter parse 2", "exit true"]);
  mutator.unregisterHook("parse", "on_enter", id);
  await pipeline.run("hi");
  assert.deepEqual(calls.slice(2), ["exit true"]);
  mutator.undo();
  mutator.undo();
  mutator.undo();
  await pipeline.run("hi");
  assert.equal(calls.length, 3, "undo takes hooks away");
});

test("a hook that throws fails its stage; what on_error throws hides nothing", async () => {
  await using pipeline = PipelinePresets.minimal({ providers: { anthropic: callingProvider(1) } });
  const mutator = pipeline.mutator();
  const errors: unknown[] = [];
  mutator.registerHook("parse", "on_error", ({ error }) => {
    errors.push((error as Error).message);
    throw new Error("second");
  });
  mutator.registerHook("parse", "on_enter", () => {
    throw new Error("vetoed");
  });
  await assert.rejects(pipeline.run("hi"), { code: "exec.stage.failed", message: /vetoed/ });
  assert.deepEqual(errors, ["vetoed"]);
});

test("stages of the host's come and go; one that replaces ours takes its place, its entry and its hooks", async () => {
  const calls: string[] = [];
  await using pipeline = PipelinePresets.minimal({ providers: { anthropic: callingProvider(1) } });
  const mutator = pipeline.mutator();
  const names = () =>
    pipeline
      .describe()
      .filter((s) => s.isActive)
      .map((s) => s.name);
  const before = names();
  mutator.registerHook("token", "on_enter", ({ stage }) => calls.push(stage));
  mutator.registerStage(mine("beside"), { after: "api" });
  const { record } = mutator.replaceStage("token", mine("counts"));
  assert.deepEqual([record.target, record.oldValue, record.newValue], ["stage:7", "token", "counts"]);
  await pipeline.run("hi");
  assert.deepEqual(calls, ["counts"]);
  assert.match(expectError(() => mutator.updateStageConfig("beside", {})).message, /is the host's/);
  expectError(() => mutator.registerStage(mine("beside"), { after: "parse" }));
  mutator.removeStage("beside");
  mutator.removeStage("counts");
  assert.deepEqual(
    names(),
    before.filter((name) => name !== "token"),
    "the place is inactive, with our stage in it",
  );
  mutator.replaceStage("cache", mine("cache"));
  assert.ok(names().includes("cache"), "a place that is replaced is active");
  for (let left = mutator.getChangeLog().length; left > 0; left--) assert.equal(mutator.undo().length, 1);
  assert.deepEqual(names(), before);
});

test("a snapshot is restored whole", async () => {
  await using pipeline = agent();
  const mutator = pipeline.mutator();
  const snapshot = mutator.snapshot("before");
  assert.equal(snapshot.toJSON().metadata.description, "before");
  const first = pipeline.snapshot().toJSON();
  mutator.batch(() => {
    mutator.setStageActive("think", false);
    mutator.addToChain("guard", "guards", "iteration");
    mutator.updateModelConfig({ top_k: 3 });
    mutator.bindToolToStage("tool", "Read");
  });
  const { record } = mutator.restore(snapshot);
  assert.deepEqual([record.kind, record.target, record.newValue], ["restore_snapshot", "pipeline", "agent"]);
  assert.deepEqual(pipeline.snapshot().toJSON(), first);
  const bad = { ...first, stages: first.stages.map((s) => (s.name === "persist" ? { ...s, strategies: { frequency: "never" } } : s)) };
  expectError(() => mutator.restore({ ...bad, model: { temperature: 0.4 } }));
  assert.deepEqual(pipeline.snapshot().toJSON(), first, "nothing of a snapshot that is wrong is taken");
  const { findings } = expectError(() => mutator.restore({ ...first, stages: "none" as never }));
  assert.deepEqual(
    findings.map(({ path }) => path),
    ["snapshot.stages"],
  );
});

test("a batch that throws leaves everything as it was; one that does not is one step to undo", async () => {
  const calls: string[] = [];
  await using pipeline = agent({ providers: { anthropic: callingProvider(1) } });
  const mutator = pipeline.mutator();
  const told: { type: string; run: string }[] = [];
  pipeline.on("mutation.*", ({ type, run_id }) => told.push({ type, run: run_id }));
  mutator.updateModelConfig({ top_k: 1 });
  const first = pipeline.snapshot().toJSON();
  const described = pipeline.describe();
  const act = () => {
    mutator.setStageActive("think", false);
    mutator.addToChain("guard", "guards", "iteration");
    mutator.removeFromChain("tool_review", "reviewers", "size");
    mutator.bindToolToStage("tool", "Read");
    mutator.setStageModel("api", { model: "other" });
    mutator.registerHook("parse", "on_enter", () => calls.push("called"));
    mutator.registerStage(mine("beside"), { after: "api" });
  };
  const failure = new Error("no");
  assert.throws(
    () =>
      pipeline.mutate(() => {
        act();
        mutator.lockStage("cache");
        assert.equal(mutator.getChangeLog().length, 8, "inside, the log has what was done");
        assert.deepEqual(pipeline.snapshot().toJSON(), first, "outside, nothing is seen of it");
        throw failure;
      }),
    failure,
  );
  assert.deepEqual(pipeline.snapshot().toJSON(), first);
  assert.deepEqual(pipeline.describe(), described);
  assert.equal(mutator.getChangeLog().length, 1);
  mutator.swapStrategy("cache", "strategy", "no_cache");
  await pipeline.run("hi");
  assert.deepEqual(calls, []);

  pipeline.mutate(act);
  await pipeline.run("hi");
  assert.deepEqual(calls, ["called"]);
  assert.equal(mutator.undo().length, 7, "one batch, one step");
  assert.equal(mutator.undo()[0]?.kind, "swap_strategy");
  assert.deepEqual(pipeline.snapshot().toJSON(), first);
  assert.equal(told.filter(({ type }) => type === "mutation.applied").length, 1 + 1 + 7);
  assert.equal(told.filter(({ type }) => type === "mutation.undone").length, 8);
  assert.ok(
    told.every(({ run }) => run === ""),
    "a change belongs to no run",
  );
});

test("an inner batch that is caught takes nothing of the outer one with it", async () => {
  await using pipeline = agent();
  pipeline.mutate((mutator) => {
    mutator.updateModelConfig({ top_k: 1 });
    assert.throws(() =>
      mutator.batch(() => {
        mutator.updateModelConfig({ top_k: 2, max_tokens: 5 });
        mutator.swapStrategy("cache", "nope", "x");
      }),
    );
    expectError(() => mutator.undo());
  });
  const { model } = pipeline.snapshot().toJSON();
  assert.deepEqual([model.top_k, model.max_tokens], [1, undefined]);
});

test("a batch is not asynchronous", async () => {
  await using pipeline = agent();
  assert.match(expectError(() => pipeline.mutate(async (mutator) => mutator.updateModelConfig({ top_k: 1 }))).message, /without await/);
  assert.equal(pipeline.snapshot().toJSON().model.top_k, undefined);
});

test("a locked stage is not changed; its model, tools and hooks are", async () => {
  await using pipeline = agent();
  const mutator = pipeline.mutator();
  const locked = "exec.mutation.locked";
  mutator.lockStage("api");
  mutator.lockStage(11);
  for (const act of [
    () => mutator.swapStrategy(6, "retry", "no_retry"),
    () => mutator.updateStageConfig(6, { stream: false }),
    () => mutator.updateStrategyConfig(6, "retry", {}),
    () => mutator.setStageActive("api", false),
    () => mutator.replaceStage(6, mine("mine")),
    () => mutator.reorderChain(11, "reviewers", ["schema"]),
    () => mutator.addToChain(11, "reviewers", "size"),
    () => mutator.removeFromChain(11, "reviewers", "size"),
    () => mutator.removeStage(11),
  ])
    assert.ok(expectError(act, locked).recoverable);
  expectError(() => mutator.lockStage(77));
  expectError(() => mutator.swapStrategy(77, "a", "b"));
  mutator.setStageModel(6, { model: "ok" });
  mutator.bindToolToStage(6, "Read");
  mutator.registerHook(6, "on_enter", () => {});
  mutator.updateModelConfig({ temperature: 0.1 });
  mutator.unlockStage(6);
  mutator.swapStrategy(6, "retry", "no_retry");
  mutator.lockStage(6);
  expectError(() => mutator.undo(), locked);
  assert.equal(entryOf(pipeline, "api").strategies?.retry, "no_retry");
  expectError(() => pipeline.mutator({ whenExecuting: "defer" }).swapStrategy(6, "retry", "no_retry"), locked);
});

test("a snapshot is refused whole when a locked stage would work otherwise by it", async () => {
  await using pipeline = agent();
  const mutator = pipeline.mutator();
  const first = pipeline.snapshot().toJSON();
  const withContext = (more: object) => ({
    ...first,
    model: { ...first.model, top_k: 1 },
    stages: first.stages.map((entry) => (entry.name === "context" ? { ...entry, ...more } : entry)),
  });
  mutator.lockStage("context");
  for (const more of [
    { strategies: { strategy: "hybrid" } },
    { config: { stateless: true } },
    { strategy_configs: { compactor: { keep_last: 3 } } },
    { active: false },
  ])
    expectError(() => mutator.restore(withContext(more)), "exec.mutation.locked");
  assert.deepEqual(pipeline.snapshot().toJSON(), first);
  mutator.restore(withContext({ model_override: { model: "other" } }));
  assert.equal(pipeline.snapshot().toJSON().model.top_k, 1, "what leaves the stage as it is may come");
  mutator.unlockStage("context");
  mutator.restore(withContext({ strategies: { strategy: "hybrid" } }));
  mutator.lockStage("context");
  expectError(() => mutator.undo(), "exec.mutation.locked");
  expectError(() => mutator.apply({ kind: "register_stage", own: mine("mine"), where: { at: "context" } }), "exec.mutation.locked");
  assert.equal(entryOf(pipeline, "context").strategies?.strategy, "hybrid");
});

test("a change is refused for what it makes wrong, not for what was wrong before", async () => {
  const { stages, ...rest } = PipelinePresets.agent().snapshot().toJSON();
  const manifest = { ...rest, stages: stages.map((s) => (s.name === "loop" ? { ...s, config: { max_turns: "x", odd: 1 } } : s)) };
  await using pipeline = new Pipeline({ manifest, strict: false });
  pipeline.mutator().swapStrategy("cache", "strategy", "no_cache");
  expectError(() => pipeline.mutator().updateStageConfig("loop", { odder: 1 }));
  pipeline.mutator().updateStageConfig("loop", { max_turns: 3 });
  assert.equal(describedAs(pipeline, "loop")?.config.max_turns, 3);
  assert.deepEqual(entryOf(pipeline, "loop").config, { max_turns: 3, odd: 1 }, "an unknown key of a file is kept");
});

test("the log can be cleared; then nothing is left to undo", async () => {
  await using pipeline = agent();
  const mutator = pipeline.mutator();
  mutator.updateModelConfig({ top_k: 1 });
  mutator.clearChangeLog();
  assert.deepEqual(new PipelineMutator(pipeline).getChangeLog(), []);
  assert.deepEqual(mutator.undo(), []);
  assert.equal(pipeline.snapshot().toJSON().model.top_k, 1);
});

test("a document is changed without a pipeline, and the one that was given stays as it was", () => {
  const document = PipelinePresets.agent().snapshot().toJSON();
  const copy = structuredClone(document);
  const config = { max_recent_turns: 5 };
  const change = mutate(document, { kind: "swap_strategy", stage: "context", slot: "strategy", to: "hybrid", config });
  config.max_recent_turns = 6;
  assert.deepEqual(document, copy);
  assert.equal(change.document.stages[1]?.strategies?.strategy, "hybrid");
  assert.deepEqual(
    change.document.stages[1]?.strategy_configs?.strategy,
    { max_recent_turns: 5 },
    "nothing that is given is kept by reference",
  );
  const sparse = { ...document, stages: document.stages.filter((s) => s.name !== "cache") };
  const { document: grown } = mutate(sparse, { kind: "set_stage_active", stage: 5, active: true });
  assert.deepEqual(
    grown.stages.map((s) => s.order),
    document.stages.map((s) => s.order),
    "an entry that was not there stands at its place",
  );
  const { document: both } = mutate(PipelinePresets.agent().snapshot(), { kind: "set_stage_active", stage: 5, active: false });
  assert.equal(both.stages[4]?.active, false, "a manifest is a document too");
  const old = { ...document, stages: document.stages.map((s) => (s.name === "cache" ? { ...s, name: "s05_cache" } : s)) };
  assert.equal(mutate(old, { kind: "set_stage_active", stage: "cache", active: false }).document.stages.length, 21);
  for (const wrong of [null, [], { stages: [null] }])
    assert.throws(() => mutate(wrong as never, { kind: "set_stage_active", stage: 5, active: false }), ConfigError);
});
