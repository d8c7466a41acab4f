/** A pipeline's manifest makes the same pipeline again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EnvironmentManifest, Pipeline, PipelineBuilder, PipelinePresets, type StageDescription, type StageEntry } from "geny-executor";
import { PIPELINE } from "geny-executor/stages";

const told = (pipeline: Pipeline): readonly StageDescription[] => pipeline.describe();
const same = (pipeline: Pipeline): void => {
  const snapshot = pipeline.snapshot();
  const text = JSON.stringify(snapshot);
  const loaded = EnvironmentManifest.fromJSON(JSON.parse(text));
  assert.equal(JSON.stringify(loaded), text);
  const again = new Pipeline({ manifest: loaded });
  assert.equal(JSON.stringify(again.snapshot()), text);
  assert.deepEqual(told(again), told(pipeline));
};

for (const [name, preset] of Object.entries(PipelinePresets))
  test(`the preset ${name} is made again by its snapshot`, () => {
    same(preset({ apiKey: "k" }));
    same(
      preset({
        apiKey: "k",
        model: "claude-haiku-4-5",
        maxTokens: 77,
        costBudgetUsd: 0.5,
        ...(name === "minimal" ? {} : { systemPrompt: "p" }),
        ...(name === "minimal" || name === "evaluator" ? {} : { maxTurns: 3, builtInTools: ["*"] }),
      }),
    );
  });

const STAGES = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface];
/** Strategies of a slot that can be made without a host and without a config. */
const choices = (stage: (typeof STAGES)[number]): readonly (readonly [slot: string, names: readonly string[], many: boolean])[] =>
  Object.entries(stage.slots).map(([slot, { kind, strategies }]) => [
    slot,
    Object.entries(strategies as { [name: string]: { config: { shape: object } } })
      .filter(([, { config }]) => Object.values(config.shape).every((field) => field.optional))
      .map(([name]) => name),
    kind === "many",
  ]);
const entry = (stage: (typeof STAGES)[number], order: number) => {
  const of = (many: boolean) => choices(stage).filter((choice) => choice[2] === many);
  return fc.record({
    order: fc.constant(order),
    name: fc.constant(stage.name),
    config: fc.constant(stage.name === "api" ? { provider: "anthropic" } : {}),
    active: stage.required ? fc.constant(true) : fc.boolean(),
    strategies: fc.record(Object.fromEntries(of(false).map(([slot, names]) => [slot, fc.constantFrom(...names)])), { requiredKeys: [] }),
    chain_order: fc.record(Object.fromEntries(of(true).map(([slot, names]) => [slot, fc.shuffledSubarray([...names])])), {
      requiredKeys: [],
    }),
  });
};

test("whatever stages and strategies were chosen, the snapshot makes the pipeline again, inactive entries and all", () => {
  const stages = fc.tuple(...STAGES.map((stage, i) => entry(stage, i + 1))).map((made): StageEntry[] => JSON.parse(JSON.stringify(made)));
  fc.assert(
    fc.property(stages, (entries) => {
      const pipeline = new Pipeline({ manifest: { ...new PipelineBuilder().manifest().toJSON(), stages: entries } });
      same(pipeline);
      assert.deepEqual(pipeline.snapshot().toJSON().stages, entries);
    }),
    { numRuns: 40 },
  );
});

test("what was built step by step is made again by its snapshot", () => {
  const built = new PipelineBuilder("mine", { apiKey: "k" })
    .withModel({ model: "m", temperature: 0.5, maxIterations: 4 })
    .withGuard({ costBudgetUsd: 1, guards: ["iteration", { use: "cost_budget", max_cost_usd: 0.5 }] })
    .withContext({ compactor: { use: "sliding_window", window_size: 7 } })
    .withCache({ strategy: { use: "aggressive_cache", stable_history_offset: 2 } })
    .withTools({ builtIn: ["Read"], maxConcurrency: 3, executor: "partition" })
    .build();
  same(built);
});
