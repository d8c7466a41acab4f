import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, State } from "geny-executor";
import { extend, fields } from "geny-executor";
import { evaluate } from "../../src/stages/14-evaluate.ts";
import { runStage } from "../../src/testing/run-stage.ts";

type Options = { host?: Host; config?: object; scorer?: string; weights?: object };
const run = (strategy: string, state: Partial<State>, { host = {}, config = {}, scorer = "no_scorer", weights }: Options = {}) =>
  runStage(evaluate, {
    state,
    services: { host },
    entry: {
      strategies: { strategy, scorer },
      strategy_configs: { strategy: { ...config }, ...(weights ? { scorer: { weights: { ...weights } } } : {}) },
    },
  });
const unread = { iteration: 2, toolIteration: 2 };
const worth = (...scores: number[]): Host => ({ criteria: scores.map((score, i) => ({ name: `c${i}`, check: () => score })) });

test("the model's signal decides, and its detail is the feedback", async () => {
  const { patch, events } = await run("signal_based", { completionSignal: "complete", completionDetail: "fine" });
  assert.deepEqual(patch, { evaluationScore: 1, evaluationFeedback: "fine", loopDecision: "complete" });
  assert.deepEqual(
    events.map((e) => [e.type, e.data]),
    [
      ["evaluate.start", { strategy: "signal_based" }],
      ["evaluate.complete", { passed: true, score: 1, decision: "complete", loop_decision: "complete", feedback: "fine" }],
    ],
  );
  assert.equal((await run("signal_based", { completionSignal: "blocked" })).patch.loopDecision, "escalate");
  assert.equal((await run("signal_based", { completionSignal: "error" })).patch.loopDecision, "error");
});

test("unread results win over a done marker, but not over error and escalate", async () => {
  assert.equal((await run("signal_based", { ...unread, completionSignal: "complete" })).patch.loopDecision, "continue");
  assert.equal((await run("signal_based", { ...unread, completionSignal: "blocked" })).patch.loopDecision, "escalate");
  assert.equal((await run("signal_based", { ...unread, completionSignal: "error" })).patch.loopDecision, "error");
  assert.equal((await run("criteria_based", unread)).patch.loopDecision, "continue");
  assert.equal(
    (await run("signal_based", { iteration: 3, toolIteration: 2, completionSignal: "complete" })).patch.loopDecision,
    "complete",
  );
});

test("an earlier stage's error or escalation stands", async () => {
  assert.equal((await run("signal_based", { loopDecision: "escalate", completionSignal: "complete" })).patch.loopDecision, "escalate");
});

test("binary_classify sees that tools ran: the turn is not easy and their results are read", async () => {
  const { patch } = await run("binary_classify", {
    toolIteration: 0,
    toolResults: [{ type: "tool_result", tool_use_id: "t", content: "5" }],
  });
  assert.deepEqual([patch.loopDecision, patch.taskClass, patch.maxIterations], ["continue", "not_easy", 30]);
  const later = await run("binary_classify", {
    ...unread,
    taskClass: "not_easy",
    finalText: "I call one more",
    completionSignal: "complete",
  });
  assert.equal(later.patch.loopDecision, "continue");
});

test("an evaluator lowers the turn cap and never raises it", async () => {
  const busy = { completionSignal: "continue", maxIterations: 5 } as const;
  assert.equal((await run("binary_classify", busy)).state.maxIterations, 5);
  assert.equal((await run("binary_classify", busy, { config: { not_easy_max_turns: 3 } })).state.maxIterations, 3);
  const chain = { evaluators: ["signal_based", "binary_classify"], not_easy_max_turns: 4 };
  assert.equal((await run("evaluation_chain", busy, { config: chain })).state.maxIterations, 4);
});

test("retry really retries: the feedback goes to the model and is unread", async () => {
  const { patch, events } = await run(
    "criteria_based",
    { iteration: 1, finalText: "x" },
    { host: worth(0.2, 0.9), config: { pass_threshold: 0.8 } },
  );
  const [message] = patch.messages ?? [];
  assert.deepEqual([message?.role, message?.origin, patch.toolIteration, patch.loopDecision], ["user", "note", 1, "continue"]);
  assert.match(JSON.stringify(message?.content), /0\.55; 0\.8 is needed\. Not met: c0/);
  assert.equal(events[1]?.data.decision, "retry");
  assert.deepEqual(events[1]?.data.criteria, [
    { name: "c0", score: 0.2, weight: 1, passed: false },
    { name: "c1", score: 0.9, weight: 1, passed: true },
  ]);
});

test("retry is bounded, and waits while the model is at work", async () => {
  const none = async (state: Partial<State>) => (await run("criteria_based", state, { host: worth(0) })).patch.messages;
  assert.equal(await none({ iteration: 4, maxIterations: 5 }), undefined);
  assert.equal(await none({ singleTurn: true }), undefined);
  assert.equal(await none(unread), undefined);
  assert.equal((await none({ iteration: 3, maxIterations: 5 }))?.length, 1);
});

test("the scorer does not override the strategy's score", async () => {
  const weights = { clarity: 3, depth: 1, absent: 5 };
  const metadata = { clarity: 0.5, depth: "1.0", absent: "no number" };
  const judged = await run("signal_based", { metadata, completionSignal: "error" }, { scorer: "weighted", weights });
  assert.equal(judged.patch.evaluationScore, 0);
  assert.equal((await run("signal_based", { metadata }, { scorer: "weighted", weights })).patch.evaluationScore, 0.625);
  assert.equal((await run("signal_based", {})).patch.evaluationScore, 1);
});

test("evaluation_chain from a manifest: the first that does not continue decides, one that throws is skipped", async () => {
  const config = { evaluators: ["criteria_based", "agent_evaluation"] };
  const evaluationInput = { evaluator_success: true, evaluator_response: "Score: 20/100" };
  assert.equal((await run("evaluation_chain", { evaluationInput }, { config, host: worth(1) })).events[1]?.data.decision, "complete");
  const broken = {
    get criteria(): never {
      throw new Error("broken");
    },
  } as unknown as Host;
  assert.equal((await run("evaluation_chain", { evaluationInput }, { config, host: broken })).events[1]?.data.decision, "retry");
  assert.equal((await run("evaluation_chain", { completionSignal: "continue" })).events[1]?.data.decision, "complete");
});

test("an unknown evaluator of a chain is a finding that names the known ones", async () => {
  await assert.rejects(run("evaluation_chain", {}, { config: { evaluators: ["nope"] } }), /"nope" \(known: signal_based, /);
  await assert.rejects(run("evaluation_chain", {}, { config: { evaluators: ["evaluation_chain"] } }), /no evaluator/);
});

test("feedback in the event is cut, in the state it is whole", async () => {
  const { patch, events } = await run("signal_based", { completionSignal: "complete", completionDetail: "x".repeat(300) });
  assert.equal(patch.evaluationFeedback?.length, 300);
  assert.equal(String(events[1]?.data.feedback).length, 200);
});

test("a criterion that throws counts as 0", async () => {
  const host: Host = {
    criteria: [
      { name: "a", check: () => Promise.reject(new Error("x")) },
      { name: "b", weight: 3, check: async () => 1 },
    ],
  };
  assert.equal((await run("criteria_based", {}, { host })).patch.evaluationScore, 0.75);
});

test("a host's own strategy is one function", async () => {
  const never = {
    about: "never content",
    config: fields({}),
    create: () => () => ({ passed: false, score: 0.1, decision: "retry", feedback: "more" }) as const,
  };
  const { patch } = await runStage(extend(evaluate, "strategy", { never }), { entry: { strategies: { strategy: "never" } } });
  assert.match(JSON.stringify(patch.messages), /more/);
});
