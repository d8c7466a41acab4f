/** When a change is taken up: between two passes and between two turns, never inside a pass. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import {
  defineStage,
  fields,
  int,
  type ModelRequest,
  Pipeline,
  type PipelineEvent,
  PipelinePresets,
  type PresetOptions,
  SessionManager,
} from "geny-executor";
import { callingProvider, expectError, noop } from "./scripted.ts";

const agent = (options: PresetOptions = {}) => PipelinePresets.agent({ tools: [noop], ...options });

test("a running turn takes a change up in its next pass, and says what it took up", async () => {
  const asked: ModelRequest[] = [];
  const told: unknown[] = [];
  await using pipeline = agent({ providers: { anthropic: callingProvider(3, (request) => asked.push(request)) } });
  pipeline.on("config.override_applied", ({ data, iteration }) => told.push([iteration, data.field, data.value, data.source]));
  pipeline.on("tool.execute_start", ({ iteration }) => {
    if (iteration === 0) pipeline.mutator().updateModelConfig({ model: "second", max_tokens: 5 });
  });
  const result = await pipeline.run("go");
  assert.equal(result.iterations, 3);
  assert.deepEqual(
    asked.map(({ model, maxTokens }) => [model, maxTokens]),
    [
      ["claude-sonnet-4-6", 8192],
      ["second", 5],
      ["second", 5],
    ],
  );
  assert.deepEqual(told, [
    [1, "model", "second", "mutation"],
    [1, "max_tokens", 5, "mutation"],
  ]);
  await pipeline.run("again");
  assert.equal(told.length, 4, "each turn says who won");
});

test("what a run overrides stays, whatever is changed meanwhile", async () => {
  const asked: ModelRequest[] = [];
  await using pipeline = agent({ providers: { anthropic: callingProvider(2, (request) => asked.push(request)) } });
  pipeline.on("tool.execute_start", () => void pipeline.mutator().updateModelConfig({ model: "second", max_tokens: 5 }));
  await pipeline.run("go", { overrides: { model: "mine" } });
  assert.deepEqual(
    asked.map(({ model, maxTokens }) => [model, maxTokens]),
    [
      ["mine", 8192],
      ["mine", 5],
    ],
  );
});

test("a stage that is executing answers locked; with defer its run goes on as it began", async () => {
  const answers: unknown[] = [];
  await using pipeline = agent({ providers: { anthropic: callingProvider(2) } });
  const swap = (whenExecuting: "refuse" | "defer") => () =>
    pipeline.mutator({ whenExecuting }).swapStrategy("parse", "parser", "structured_output");
  pipeline.on("stage.enter", ({ stage, iteration }) => {
    if (stage !== "parse" || iteration > 0) return;
    answers.push(expectError(swap("refuse"), "exec.mutation.locked").recoverable);
    pipeline.mutator().swapStrategy("cache", "strategy", "no_cache");
    swap("defer")();
  });
  pipeline.on("stage.exit", ({ stage, iteration }) => {
    if (stage === "parse" && iteration === 0) answers.push(swap("refuse")().success);
  });
  await pipeline.run("go");
  assert.deepEqual(answers, [true, true], "it is free again when it is left");
  assert.ok(swap("refuse")().success);
});

test("a snapshot that changes the stage that is executing answers locked, and so does taking it back", async () => {
  const answers: unknown[] = [];
  await using pipeline = agent({ providers: { anthropic: callingProvider(1) } });
  const before = pipeline.snapshot();
  pipeline.mutator().swapStrategy("api", "retry", "no_retry");
  pipeline.on("api.request", () => {
    const { recoverable } = expectError(() => pipeline.mutator().restore(before), "exec.mutation.locked");
    expectError(() => pipeline.mutator().undo(), "exec.mutation.locked");
    answers.push(recoverable, pipeline.mutator({ whenExecuting: "defer" }).restore(before).success);
  });
  await pipeline.run("go");
  assert.deepEqual(answers, [true, true]);
});

test("a stage is free again when its run failed, was left, or was cancelled", async () => {
  const stop = new AbortController();
  await using pipeline = agent({ providers: { anthropic: callingProvider(1, () => wait(5_000, undefined, { signal: stop.signal })) } });
  const swap = () => pipeline.mutator().swapStrategy("api", "retry", "no_retry");
  const run = pipeline.run("go", { signal: stop.signal });
  await wait(20);
  expectError(swap, "exec.mutation.locked");
  stop.abort();
  await assert.rejects(run, { code: "exec.pipeline.cancelled" });
  assert.ok(swap().success);
});

test("a stage that is put in or taken out mid-turn acts from the next pass on", async () => {
  const entered: string[] = [];
  const beside = defineStage({
    name: "beside",
    about: "is there",
    category: "execution",
    config: fields({}),
    reads: [],
    writes: [],
    slots: {},
    events: {},
    run: () => ({}),
  });
  await using pipeline = agent({ providers: { anthropic: callingProvider(3) } });
  pipeline.on("stage.enter", ({ stage, iteration }) => {
    if (["beside", "evaluate"].includes(stage)) entered.push(`${stage} ${iteration}`);
  });
  pipeline.on("tool.execute_start", ({ iteration }) => {
    pipeline.mutate((mutator) => {
      if (iteration === 0) mutator.registerStage(beside, { after: "api" });
      if (iteration === 0) mutator.setStageActive("evaluate", false);
      else mutator.removeStage("beside");
    });
  });
  await pipeline.run("go");
  assert.deepEqual(entered, ["evaluate 0", "beside 1"]);
});

test("a session goes by the new plan in its next turn", async () => {
  const asked: string[] = [];
  await using pipeline = PipelinePresets.chat({ providers: { anthropic: callingProvider(1, ({ model }) => asked.push(model)) } });
  const session = new SessionManager().create(pipeline);
  await session.run("one");
  pipeline.mutator().updateModelConfig({ model: "second" });
  await session.run("two");
  pipeline.mutator().undo();
  await session.run("three");
  assert.deepEqual(asked, ["claude-sonnet-4-6", "second", "claude-sonnet-4-6"]);
});

test("a stage that a change is not about stays the very same, with what its strategies remember", async () => {
  await using pipeline = agent({ providers: { anthropic: callingProvider(1) } });
  const evaluate = () => pipeline.describe().find((s) => s.name === "evaluate")?.config;
  const before = evaluate();
  pipeline.mutator().swapStrategy("cache", "strategy", "no_cache");
  pipeline.mutator().updateModelConfig({ top_k: 2 });
  assert.equal(evaluate(), before);
  pipeline.mutator().swapStrategy("evaluate", "strategy", "binary_classify");
  assert.notEqual(evaluate(), before);
});

/** Shows the version that its config has, in every way in which a stage is called. */
const marking = (name: string, category: "pre_flight" | "execution" | "egress") => {
  type Context = { config: { version: number }; emit(type: "mark.seen", data: { version: number }): void };
  const mark = async (_: object, { config, emit }: Context) => {
    await wait(1);
    emit("mark.seen", { version: config.version });
    return {};
  };
  return defineStage({
    name,
    about: "tells its version",
    category,
    config: fields({ version: int({ about: "the configuration", default: 0 }) }),
    reads: [],
    writes: [],
    slots: {},
    events: { "mark.seen": fields({ version: int({ about: "the configuration" }) }) },
    run: mark,
    ...(category === "pre_flight" ? { refresh: mark } : {}),
    ...(category === "execution" ? { prepare: mark } : {}),
  });
};

test("100 concurrent turns: no turn is lost, and no pass mixes two configurations", { timeout: 60_000 }, async () => {
  const TURNS = 100;
  const PASSES = 5;
  await using pipeline = new Pipeline({
    manifest: PipelinePresets.agent({}).snapshot(),
    tools: [noop],
    stages: { cache: marking("cache", "pre_flight"), think: marking("think", "execution"), persist: marking("persist", "egress") },
    providers: { anthropic: callingProvider(PASSES, undefined, { delayMs: 8 }) },
    strict: false,
  });
  /** What each run's passes showed. The refresh before a pass belongs to it, the surface to the last one. */
  const passes = new Map<string, { versions: Set<number>; strategies: Set<unknown> }>();
  const passOf = ({ run_id, iteration }: PipelineEvent) => {
    const key = `${run_id} ${iteration}`;
    const found = passes.get(key) ?? { versions: new Set(), strategies: new Set() };
    passes.set(key, found);
    return found;
  };
  pipeline.on("mark.seen", (e) => passOf(e).versions.add(Number(e.data.version)));
  pipeline.on("api.request", (e) => passOf(e).versions.add(Number(/^v(\d+)$/.exec(String(e.data.model))?.[1])));
  pipeline.on("evaluate.start", (e) => passOf(e).strategies.add(e.data.strategy));
  const strategyOf = (version: number) => (version % 2 ? "binary_classify" : "signal_based");
  let version = 0;
  const change = () => {
    version += 1;
    pipeline.mutate(
      (mutator) => {
        for (const stage of ["cache", "think", "persist"]) mutator.updateStageConfig(stage, { version });
        mutator.updateModelConfig({ model: `v${version}` });
        mutator.swapStrategy("evaluate", "strategy", strategyOf(version));
      },
      { whenExecuting: "defer" },
    );
  };
  change();
  let going = true;
  const changing = (async () => {
    for (; going && version < 10_000; await wait(1)) change();
  })();
  const results = await Promise.all(Array.from({ length: TURNS }, () => pipeline.run("go")));
  going = false;
  await changing;
  assert.equal(results.filter((r) => r.success && r.iterations === PASSES).length, TURNS);
  assert.equal(passes.size, TURNS * PASSES);
  for (const [pass, { versions, strategies }] of passes) {
    const [only = 0] = versions;
    assert.equal(versions.size, 1, `${pass} saw ${[...versions]}`);
    assert.deepEqual([...strategies], [strategyOf(only)], pass);
  }
  const seen = (runId: string) => new Set([...passes].filter(([pass]) => pass.startsWith(`${runId} `)).flatMap(([, p]) => [...p.versions]));
  assert.ok(
    results.every(({ runId }) => seen(runId).size > 1),
    "every turn took changes up while it ran",
  );
});

test("a swap that keeps being refused while its stage is busy is made as soon as it is free", async () => {
  await using pipeline = agent({ providers: { anthropic: callingProvider(2, undefined, { delayMs: 5 }) } });
  let refused = 0;
  const runs = Promise.all(Array.from({ length: 20 }, () => pipeline.run("go")));
  const deadline = Date.now() + 10_000;
  await wait(2);
  for (;;) {
    assert.ok(Date.now() < deadline);
    try {
      pipeline.mutator().swapStrategy("api", "router", "adaptive");
      break;
    } catch {
      refused += 1;
      await wait(1);
    }
  }
  assert.equal((await runs).filter(({ success }) => success).length, 20);
  assert.ok(refused > 0);
});
