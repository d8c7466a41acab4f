/** A budget is kept, whatever the model, its prices and its failures: the model's own bill is what is looked at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defineTool, GenyExecutorError, Pipeline, PipelineBuilder, type Price, type RunResult, systemClock } from "geny-executor";
import { type Deed, type Honest, honest, type World } from "./honest.ts";

/** Hundredths, so that they are spread evenly. */
const upTo = (most: number) => fc.integer({ min: 0, max: Math.round(most * 100) }).map((n) => n / 100);
const share = upTo(1);
const often = fc.oneof(fc.constant(0), share);
const rate = fc.oneof(upTo(5), upTo(80));
const rates = fc.record({
  input: rate,
  output: rate,
  cacheRead: fc.option(rate),
  cacheWrite: fc.option(rate),
  cacheWrite1h: fc.option(rate),
});
const price: fc.Arbitrary<Price> = fc
  .tuple(rates, fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 20_000 }), rates), { maxLength: 2, selector: ([above]) => above }))
  .map(([base, tiers]) => ({ ...base, ...(tiers.length ? { tiers: tiers.map(([above, at]) => ({ above, ...at })) } : {}) }));

const deed: fc.Arbitrary<Deed> = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom<Deed["kind"]>("answer", "tool", "tool", "tool", "pause") },
    { weight: 3, arbitrary: fc.constantFrom<Deed["kind"]>("status", "network", "error_event", "gone") },
    { weight: 1, arbitrary: fc.constantFrom<Deed["kind"]>("abort", "tool", "tool", "tool", "tool") },
  ),
  output: fc.oneof(fc.constant(1), share),
  read: often,
  written: often,
  hour: often,
  early: fc.boolean(),
  reached: fc.oneof(fc.constant(1), share),
  arrived: fc.boolean(),
  who: fc.nat(3),
  switched: fc.boolean(),
});

const CASE = fc.record({
  prices: fc.tuple(price, price, price),
  budget: fc.oneof(upTo(0.3), upTo(5)),
  guard: fc.option(upTo(2), { freq: 2 }),
  density: fc.oneof(fc.constant(1), share),
  deeds: fc.array(deed, { minLength: 1, maxLength: 8 }),
  routed: fc.boolean(),
  maxTokens: fc.integer({ min: 1, max: 9000 }),
  thinking: fc.boolean(),
  internal: fc.boolean(),
  cache: fc.constantFrom<"no_cache" | "system_cache" | "aggressive_cache">("no_cache", "system_cache", "aggressive_cache"),
  result: fc.integer({ min: 0, max: 4000 }),
  summed: fc.boolean(),
  retries: fc.nat(3),
  turns: fc.integer({ min: 1, max: 2 }),
});
type Case = typeof CASE extends fc.Arbitrary<infer T> ? T : never;

const clock = { ...systemClock, sleep: async (_ms: number, signal: AbortSignal) => signal.throwIfAborted() };

const pipelineOf = (c: Case, provider: Honest) => {
  const look = defineTool<{ at: string }>({
    ...{ name: "look", description: "Looks somewhere.", effect: "read" },
    input: { type: "object", properties: { at: { type: "string" } } },
    run: async () => "한글 text 12 ".repeat(Math.ceil(c.result / 12)).slice(0, c.result),
  });
  const [a, b, s] = c.prices;
  const document = new PipelineBuilder("p")
    .withProvider("honest")
    .withModel({
      ...{ model: "a", maxTokens: c.maxTokens, costBudgetUsd: c.budget, maxIterations: 6 },
      ...(c.thinking ? { thinkingEnabled: true, thinkingBudgetTokens: 2000 } : {}),
      contextWindowBudget: c.summed ? 2000 : 200_000,
    })
    .withContext(c.summed ? { compactor: { use: "llm_summary", keep_recent: 2 } } : {})
    .withGuard(c.guard === null ? {} : { guards: [{ use: "cost_budget", max_cost_usd: c.guard }] })
    .withCache({ strategy: c.cache })
    .withStage("api", {
      retry: { use: "exponential_backoff", max_retries: c.retries, base_delay: 0 },
      tool_loop: c.internal ? "internal" : "pipeline",
      minOutputTokens: 64,
    })
    .withTools()
    .withLoop({ maxTurns: 6 })
    .manifest()
    .toJSON();
  const stages = document.stages.map((stage) =>
    stage.name === "context" ? { ...stage, model_override: { model: "s", max_tokens: 300 } } : stage,
  );
  const given = { providers: { honest: provider }, prices: { a, b, s }, tools: [look], clock, random: () => 0.5 };
  return new Pipeline({ manifest: { ...document, stages }, ...given });
};

/** One turn: its result, however it ended. */
const turn = async (run: () => Promise<RunResult>): Promise<RunResult> => {
  try {
    return await run();
  } catch (error) {
    if (error instanceof GenyExecutorError) return error.result as RunResult;
    throw error;
  }
};

const TINY = 1e-9;
const judged = async (c: Case): Promise<void> => {
  const [a, b, s] = c.prices;
  const world: World = {
    ...{ prices: { a, b, s }, density: c.density, deeds: c.deeds, abort: new AbortController() },
    route: c.routed ? ["a", "b"] : null,
  };
  // A summary is asked of a model of its own.
  const provider = honest(c.summed ? { ...world, route: null } : world);
  await using pipeline = pipelineOf(c, provider);
  // A summary is paid for before the guards are asked.
  const limit = c.guard === null || c.summed ? c.budget : Math.min(c.budget, c.guard);
  let before = { ...provider.bill };
  let state: RunResult["state"] | undefined;
  for (let n = 0; n < c.turns; n++) {
    const signal = world.abort.signal;
    const result = await turn(() => pipeline.run("Look around, please. ".repeat(1 + n), { signal, ...(state ? { state } : {}) }));
    const spent = provider.bill.all - before.all;
    assert.ok(spent <= limit + TINY, `spent $${spent} of $${limit}`);
    const { totalCostUsd, heldCostUsd } = result.state;
    assert.ok(
      totalCostUsd !== null && spent <= totalCostUsd + heldCostUsd + TINY,
      `the model says ${spent}, we ${totalCostUsd} + ${heldCostUsd}`,
    );
    if (provider.bill.broken === before.broken)
      assert.ok(Math.abs(totalCostUsd - spent) <= TINY, `the model says ${spent}, we ${totalCostUsd}`);
    before = { ...provider.bill };
    ({ state } = result);
  }
};

test("over 10,000 random turns no budget is ever exceeded, and the ledger is the model's own bill", { timeout: 300_000 }, async () => {
  await fc.assert(fc.asyncProperty(CASE, judged), { numRuns: 10_000 });
});
