import assert from "node:assert/strict";
import { test } from "node:test";
import type { State } from "geny-executor";
import { yieldStage } from "../../src/stages/21-yield.ts";
import { runStage } from "../../src/testing/run-stage.ts";

const form = (formatter: string, state: Partial<State>, config = {}) =>
  runStage(yieldStage, { state, entry: { strategies: { formatter }, strategy_configs: { formatter: config } } });
const state = { finalText: "T", passes: 2, totalCostUsd: 0.12345, completionSignal: "complete" };

test("it is required, runs for a broken turn and leaves the output alone by default", async () => {
  assert.equal(yieldStage.required, true);
  assert.equal(yieldStage.brokenTurn, "run");
  const run = await form("default", state);
  assert.deepEqual(run.patch, {});
  assert.deepEqual(run.events, [{ type: "yield.complete", data: { text_length: 1, iterations: 2, total_cost_usd: 0.12345 } }]);
});

test("structured", async () => {
  const { patch } = await form("structured", state);
  assert.deepEqual(patch.finalOutput, {
    text: "T",
    model: "claude-sonnet-4-6",
    iterations: 2,
    total_cost_usd: 0.12345,
    token_usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
    completion_signal: "complete",
  });
});

test("streaming sums up in an event", async () => {
  const { patch, events } = await form("streaming", { ...state, finalText: "좋아 😊" });
  assert.deepEqual(patch, {});
  assert.deepEqual(events[0], { type: "yield.summary", data: { text_length: 4, iterations: 2, total_cost_usd: 0.12345 } });
});

test("a cost that nobody knows is unknown in every form", async () => {
  const { patch, events } = await form("multi_format", { ...state, totalCostUsd: null });
  assert.equal(events.at(-1)?.data.total_cost_usd, null);
  const { markdown, structured } = patch.finalOutput as { markdown: string; structured: { total_cost_usd: null } };
  assert.match(markdown, /cost unknown/);
  assert.equal(structured.total_cost_usd, null);
});

test("a form that is not known is refused", async () => {
  await assert.rejects(form("multi_format", state, { formats: ["pdf"] }), /formats\[0\].*text, structured, markdown/);
});
