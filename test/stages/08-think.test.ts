import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ContentBlock, type ModelResponse, noUsage, type State } from "geny-executor";
import { think } from "../../src/stages/08-think.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const answered = (...content: ContentBlock[]): ModelResponse => ({
  ...{ stop_reason: "end_turn", stop_sequence: null, message_id: "", provider: "p", model: "m", usage: noUsage },
  content,
});
const thought = (thinking: string): ContentBlock => ({ type: "thinking", thinking });
const words: ContentBlock = { type: "text", text: "answer" };
const run = (state: Partial<State>, entry: StageRun["entry"] = {}, call: StageRun["call"] = "run") =>
  runStage(think, { state: { thinkingEnabled: true, lastApiResponse: answered(thought("let me see"), words), ...state }, entry, call });

describe("stage 8, what was thought", () => {
  test("is bypassed without thinking to take care of", async () => {
    for (const state of [{ thinkingEnabled: false }, { lastApiResponse: null }, { lastApiResponse: answered(words) }])
      assert.ok((await run(state)).bypass);
  });
  test("the text itself is written down, with its tokens (it was null and 0)", async () => {
    const { patch, events } = await run({ iteration: 2 });
    const tokens = patch.thinkingHistory?.[0]?.tokens ?? 0;
    assert.ok(tokens > 0);
    assert.deepEqual(patch, { thinkingHistory: [{ iteration: 2, text: "let me see", tokens }] });
    assert.deepEqual(events, [{ type: "think.processed", data: { thinking_block_count: 1, total_thinking_tokens: tokens } }]);
  });
  test("passthrough leaves it to stage 9", async () => {
    assert.deepEqual((await run({}, { strategies: { processor: "passthrough" } })).patch, {});
  });
  test("filter drops what holds a pattern, without a crash; the sum counts it all the same", async () => {
    const entry = { strategies: { processor: "filter" }, strategy_configs: { processor: { exclude_patterns: ["secret"] } } };
    const both = { lastApiResponse: answered(thought("a secret plan"), words, thought("a plan")) };
    const { patch, events } = await run(both, entry);
    assert.deepEqual(patch.lastApiResponse?.content, [words, thought("a plan")]);
    const all = await run(both, { strategies: { processor: "passthrough" } });
    assert.deepEqual(events, all.events);
    assert.deepEqual((await run(both, { strategies: { processor: "filter" } })).patch, {});
  });
});

describe("stage 8, the budget", () => {
  const plan = (state: Partial<State>, planner?: string, config = {}) =>
    run(
      { maxTokens: 50_000, ...state },
      { strategies: planner ? { budget_planner: planner } : {}, strategy_configs: { budget_planner: config } },
      "prepare",
    );
  test("is set before the model is asked (nothing ever called the planner)", async () => {
    const { patch, events } = await plan(
      { thinkingBudgetTokens: 2048, tools: [{ name: "x", description: "", input_schema: {} }], needsReflection: true },
      "adaptive",
    );
    assert.deepEqual(patch, { thinkingBudgetTokens: 12_000 });
    assert.deepEqual(events, [{ type: "think.budget_applied", data: { planner: "adaptive", from: 2048, to: 12_000 } }]);
  });
  test("static sets its constant; at its default the model's own setting stands", async () => {
    assert.deepEqual((await plan({ thinkingBudgetTokens: 2048 }, "static", { budget_tokens: 3000 })).patch, { thinkingBudgetTokens: 3000 });
    for (const config of [{}, { budget_tokens: 10_000 }])
      assert.deepEqual((await plan({ thinkingBudgetTokens: 2048 }, "static", config)).patch, {});
  });
  test("a budget that is there already is no event", async () => {
    assert.deepEqual((await plan({ thinkingBudgetTokens: 4000 }, "adaptive")).events, []);
  });
  test("every knob of adaptive acts", async () => {
    const messages = [{ id: "u", origin: "user", role: "user", content: "x".repeat(100) }] as const;
    const config = { base_budget: 10, min_budget: 0, tools_bonus: 100, reflection_bonus: 1000, size_step_chars: 50, size_step_bonus: 3 };
    assert.equal((await plan({ messages, needsReflection: true, maxTokens: 5000 }, "adaptive", config)).patch.thinkingBudgetTokens, 1016);
    assert.equal((await plan({ messages }, "adaptive", { ...config, min_budget: 500, max_budget: 400 })).patch.thinkingBudgetTokens, 500);
  });
  test("leaves room for the answer, and never touches what cannot fit", async () => {
    assert.equal((await plan({ maxTokens: 4096 }, "adaptive")).patch.thinkingBudgetTokens, 3072);
    assert.equal((await plan({ maxTokens: 8192 })).patch.thinkingBudgetTokens, 7168);
    assert.deepEqual((await plan({ maxTokens: 8192, thinkingBudgetTokens: 8000 })).patch, {});
    assert.deepEqual((await plan({ maxTokens: 2000 }, "adaptive")).patch, {});
  });
  test("thinking that is off or adaptive has none", async () => {
    assert.deepEqual((await plan({ thinkingType: "adaptive" }, "adaptive")).patch, {});
    assert.deepEqual(await think.prepare?.({ thinkingEnabled: false } as never, {} as never), {});
  });
});
