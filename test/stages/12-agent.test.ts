import assert from "node:assert/strict";
import { test } from "node:test";
import type { DelegateRequest, Host, State, SubagentMetadata } from "geny-executor";
import { agent } from "../../src/stages/12-agent.ts";
import { runStage } from "../../src/testing/run-stage.ts";

const delegate: NonNullable<Host["delegate"]> = async ({ agent_type, task }) => {
  if (agent_type === "broken") throw new Error("own run");
  return { success: true, text: `R:${task}`, error: null };
};
const request = (agent_type: string, task: string): DelegateRequest => ({ agent_type, task });
const run = (orchestrator: string, state: Partial<State>, { host = { delegate }, config = {} }: { host?: Host; config?: object } = {}) =>
  runStage(agent, { state, services: { host }, entry: { strategies: { orchestrator }, config: { ...config } } });
const textOf = (state: State) => JSON.stringify(state.messages.at(-1)?.content);

test("without requests, the single agent has nothing to do, and its requests stay", async () => {
  assert.equal((await run("single_agent", {})).bypass, "nothing is delegated");
  const { patch, events } = await run("single_agent", { delegateRequests: [request("w", "t")] });
  assert.deepEqual(patch, {});
  assert.deepEqual(
    events.map((e) => [e.type, e.data]),
    [
      ["agent.orchestrate_start", { orchestrator: "single_agent", delegate_count: 1 }],
      ["agent.orchestrate_complete", { delegated: false, sub_result_count: 0 }],
    ],
  );
});

test("answers of sub-agents reach the model: they are told and marked unread", async () => {
  const { state, events } = await run("delegate", {
    iteration: 3,
    delegateRequests: [request("w", "t"), request("broken", "u"), request("", "no type")],
  });
  assert.deepEqual(state.agentResults, [
    { agent_type: "w", task: "t", success: true, text: "R:t", error: null },
    { agent_type: "broken", task: "u", success: false, text: "", error: "own run" },
    { agent_type: "default", task: "no type", success: true, text: "R:no type", error: null },
  ]);
  assert.deepEqual(state.delegateRequests, []);
  assert.equal(state.toolIteration, 3);
  assert.equal(state.messages.at(-1)?.origin, "note");
  assert.match(textOf(state), /Sub-agent results:\\n\[Agent:w\] \(success\) R:t\\n\[Agent:broken\] \(failed\) own run/);
  assert.deepEqual(events.at(-1)?.data, { delegated: true, sub_result_count: 3 });
});

test("a long answer reaches the model, not only its first 200 characters", async () => {
  const host: Host = { delegate: async () => ({ success: true, text: "y".repeat(900), error: null }) };
  const { state } = await run("delegate", { delegateRequests: [request("w", "t")] }, { host });
  assert.ok(textOf(state).includes("y".repeat(900)));
  const short = await run("delegate", { delegateRequests: [request("w", "t")] }, { host, config: { result_chars: 5 } });
  assert.match(textOf(short.state), /\(success\) yyyyy"/);
});

test("max_delegations is enforced, and the model is told of what was left out", async () => {
  const asked: string[] = [];
  const host: Host = {
    delegate: async ({ task }) => {
      asked.push(task);
      return { success: true, text: "s", error: null };
    },
  };
  const { state, events } = await run(
    "delegate",
    { delegateRequests: [request("h", "1"), request("h", "2")] },
    { host, config: { max_delegations: 1 } },
  );
  assert.deepEqual(asked, ["1"]);
  assert.deepEqual(events[1], { type: "agent.delegations_capped", data: { requested: 2, cap: 1 } });
  assert.match(textOf(state), /\[Agent:h\] \(not run[^)]*\) 2/);
});

test("a [DELEGATE] signal becomes a request", async () => {
  const tasks = async (completionDetail: string | null, finalText: string) =>
    (await run("delegate", { completionSignal: "delegate", completionDetail, finalText })).state.agentResults.map((r) => [
      r.agent_type,
      r.task,
    ]);
  assert.deepEqual(await tasks("helper count the files", "x"), [["helper", "count the files"]]);
  assert.deepEqual(await tasks("helper: count", "x"), [["helper", "count"]]);
  assert.deepEqual(await tasks("helper", "Count the files. [DELEGATE: helper]"), [["helper", "Count the files."]]);
  assert.deepEqual(await tasks(null, "do it [DELEGATE]"), [["default", "do it"]]);
  assert.deepEqual(await tasks("helper", "[DELEGATE: helper]"), []);
});

test("subagent_type: serial ones in order, then the parallel ones together, with what is known of them", async () => {
  const known = (more: Partial<SubagentMetadata> = {}): SubagentMetadata => ({
    description: "",
    allowed_tools: [],
    provider: null,
    model_override: null,
    parallel: false,
    max_concurrent: 1,
    extras: {},
    ...more,
  });
  const types: Record<string, SubagentMetadata> = {
    a: known({ description: "first" }),
    p: known({ parallel: true, max_concurrent: 2 }),
    broken: known(),
  };
  let running = 0;
  let most = 0;
  const host: Host = {
    agentType: (name) => types[name] ?? null,
    delegate: async (r, state, call) => {
      most = Math.max(most, ++running);
      await new Promise((ok) => setTimeout(ok, 5));
      running--;
      return delegate(r, state, call);
    },
  };
  const { state } = await run(
    "subagent_type",
    { delegateRequests: ["a", "p", "zz", "p", "broken", "p"].map((type, i) => request(type, `t${i}`)) },
    { host, config: { max_delegations: 9 } },
  );
  assert.equal(most, 2);
  assert.deepEqual(
    state.agentResults.map((r) => [r.agent_type, r.success, r.text, r.error, r.subagent_metadata?.parallel]),
    [
      ["a", true, "R:t0", null, false],
      ["zz", false, "", "unknown_agent_type: zz", undefined],
      ["broken", false, "", "run_error: own run", false],
      ["p", true, "R:t1", null, true],
      ["p", true, "R:t3", null, true],
      ["p", true, "R:t5", null, true],
    ],
  );
  assert.equal(state.agentResults[1]?.subagent_metadata, null);
});

test("evaluator scores an answer, not a text beside tool calls", async () => {
  const host: Host = {
    delegate: async ({ agent_type, task }) => ({
      success: true,
      text: `Score: 45/100 ${agent_type} ${task.includes("draft")}`,
      error: null,
    }),
  };
  const judged = await run("evaluator", { finalText: "draft" }, { host });
  assert.deepEqual(judged.patch, { evaluationInput: { evaluator_response: "Score: 45/100 evaluator true", evaluator_success: true } });
  assert.deepEqual(judged.events.at(-1)?.data, { delegated: true, sub_result_count: 0 });
  const unread = await run("evaluator", { finalText: "draft", iteration: 1, toolIteration: 1, evaluationInput: { old: true } }, { host });
  assert.deepEqual(unread.patch, { evaluationInput: null });
  const none = await run("evaluator", { finalText: "draft" }, { host: { delegate: () => Promise.reject(new Error("no such type")) } });
  assert.deepEqual(none.patch.evaluationInput, { evaluator_response: "", evaluator_success: false, evaluator_error: "no such type" });
});

test("an abort ends the stage; it is not an agent's failure", async () => {
  const abort = new AbortController();
  const host: Host = {
    delegate: () => {
      abort.abort(new Error("stop"));
      return Promise.reject(new Error("late"));
    },
  };
  const going = runStage(agent, {
    state: { delegateRequests: [request("w", "t")] },
    services: { host },
    entry: { strategies: { orchestrator: "delegate" } },
    signal: abort.signal,
  });
  await assert.rejects(going, /stop/);
});
