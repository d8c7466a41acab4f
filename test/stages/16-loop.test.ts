import assert from "node:assert/strict";
import { test } from "node:test";
import {
  beginTurn,
  type JsonObject,
  type Message,
  noUsage,
  type PendingToolCall,
  type State,
  type ToolResultRecord,
  textOf,
} from "geny-executor";
import { loop } from "../../src/stages/16-loop.ts";
import { runStage, type StageRun, testServices } from "../../src/testing/run-stage.ts";

type Options = { controller?: string; settings?: object; config?: object; services?: StageRun["services"] };
const run = (state: Partial<State>, { controller = "standard", settings = {}, config = {}, services = {} }: Options = {}) =>
  runStage(loop, {
    state,
    services,
    entry: { strategies: { controller }, strategy_configs: { controller: settings as JsonObject }, config: config as JsonObject },
  });
const usage = (input_tokens: number, output_tokens = 0) => ({ ...noUsage, input_tokens, output_tokens });
const say = (role: "user" | "assistant", content: Message["content"], origin: Message["origin"] = "model"): Message => ({
  id: "x",
  origin,
  role,
  content,
});
const call = (tool_use_id: string, tool_name: string, tool_input = {}): PendingToolCall => ({ tool_use_id, tool_name, tool_input });
const result = (tool_use_id: string, is_error = false, content = "r"): ToolResultRecord => ({
  type: "tool_result",
  tool_use_id,
  content,
  is_error,
});
/** A pass in which tools ran. */
const after = (iteration = 0, calls = [call("t", "add")], results = calls.map((c) => result(c.tool_use_id))): Partial<State> => ({
  iteration,
  toolIteration: iteration,
  executedToolCalls: calls,
  toolResults: results,
  messages: [
    say(
      "assistant",
      calls.map((c) => ({ type: "tool_use", id: c.tool_use_id, name: c.tool_name, input: {} })),
    ),
    say("user", results, "tool"),
  ],
});
const lastText = (state: State) => textOf(state.messages.at(-1)?.content ?? "");
const types = (events: readonly { type: string }[]) => events.map((e) => e.type);
const end = ({ loopDecision, completionSignal }: State) => [loopDecision, completionSignal];

test("tool results make the turn go on; they are read then", async () => {
  const { patch, events } = await run(after(2));
  assert.deepEqual([patch.loopDecision, patch.toolResults, patch.toolIteration], ["continue", [], -1]);
  assert.deepEqual(events, [
    {
      type: "loop.continue",
      data: { iteration: 2, signal: null, pending_tools: 0, has_tool_results: true, upstream_decision: "continue" },
    },
  ]);
});

test("a plain answer is the end; the signals end, escalate or fail", async () => {
  const decision = async (completionSignal: string | null) => (await run({ completionSignal })).patch.loopDecision;
  assert.deepEqual(await Promise.all([null, "complete", "blocked", "error", "delegate"].map(decision)), [
    "complete",
    "complete",
    "escalate",
    "error",
    "complete",
  ]);
});

test("an upstream complete does not leave results unread; error, escalate and a person's word stand", async () => {
  const decision = async (more: Partial<State>) => (await run({ ...after(), ...more })).patch.loopDecision;
  assert.equal(await decision({ loopDecision: "complete" }), "continue");
  assert.equal(await decision({ loopDecision: "error" }), "error");
  assert.equal(await decision({ loopDecision: "escalate" }), "escalate");
  assert.equal(await decision({ loopDecision: "complete", completionSignal: "HITL_REJECTED" }), "complete");
  assert.equal(await decision({ completionSignal: "complete" }), "continue");
});

test("answers of other agents and feedback are unread too", async () => {
  const { patch } = await run({ iteration: 1, toolIteration: 1, messages: [say("user", "Sub-agent results:", "note")] });
  assert.equal(patch.loopDecision, "continue");
});

test("early_stop_on ends the turn, even with results unread", async () => {
  const config = { early_stop_on: ["continue"] };
  assert.equal((await run({ ...after(), completionSignal: "continue" }, { config })).patch.loopDecision, "complete");
  assert.equal((await run({ completionSignal: "blocked" }, { config: { early_stop_on: ["blocked"] } })).patch.loopDecision, "complete");
});

test("the signal `continue` goes on without tools, and the next request ends with a user's word", async () => {
  const { state } = await run({ completionSignal: "continue", messages: [say("user", "q", "user"), say("assistant", "a [CONTINUE]")] });
  assert.deepEqual([state.loopDecision, state.messages.at(-1)?.role, state.messages.at(-1)?.origin], ["continue", "user", "note"]);
  assert.equal(lastText(state), "Continue.");
});

test("max_turns acts on tool loops; the smallest limit binds", async () => {
  const stop = async (iteration: number, options: Options, more: Partial<State> = {}) =>
    end((await run({ ...after(iteration), ...more }, options)).state);
  assert.deepEqual(await stop(1, { config: { max_turns: 3 } }), ["continue", null]);
  assert.deepEqual(await stop(2, { config: { max_turns: 3 } }), ["complete", "MAX_TURNS"]);
  assert.deepEqual(await stop(1, { config: { max_turns: 3 }, settings: { max_turns: 2 } }), ["complete", "MAX_TURNS"]);
  assert.deepEqual(await stop(1, { controller: "multi_dim_budget", settings: { max_turns: 2 } }), ["complete", "MAX_TURNS"]);
  // The run's own limit is the engine's to keep and to tell.
  assert.deepEqual(await stop(2, { config: { max_turns: 9 } }, { maxIterations: 3 }), ["continue", null]);
});

test("the step before the last tells the model to report; a short limit is not disturbed", async () => {
  const told = async (iteration: number, maxIterations: number, config = {}) => {
    const { events, state } = await run({ ...after(iteration), maxIterations }, { config });
    const [event] = events.filter((e) => e.type === "loop.step_limit");
    assert.equal(/last of this turn/.test(lastText(state)), event !== undefined);
    return event?.data;
  };
  assert.deepEqual(await told(1, 3), { limit: 3, iteration: 1 });
  assert.equal(await told(0, 3), undefined);
  assert.equal(await told(0, 2), undefined);
  assert.deepEqual(await told(2, 50, { max_turns: 4 }), { limit: 4, iteration: 2 });
});

test("notes ride on the newest tool results, which stay first", async () => {
  const { state } = await run({ ...after(1), maxIterations: 3 });
  assert.equal(state.messages.length, 2);
  const content = state.messages[1]?.content as readonly { type: string }[];
  assert.deepEqual(
    content.map((b) => b.type),
    ["tool_result", "text"],
  );
  assert.deepEqual(state.loopNotes, ["step_limit"]);
});

test("a turn that reads too much is told softly, told to answer, and ended", async () => {
  const config = { turn_soft_input_tokens: 100, turn_hard_input_tokens: 200 };
  const used = (...calls: number[]) => ({ turnTokenUsage: calls.map((n) => usage(n)) });
  const soft = await run({ ...after(1), ...used(60, 50) }, { config });
  assert.deepEqual(soft.events[0], { type: "loop.turn_budget", data: { phase: "soft", used: 110, soft: 100, hard: 200, calls: 2 } });
  const again = await run({ ...after(2), ...used(60, 60), loopNotes: soft.state.loopNotes }, { config });
  assert.deepEqual(types(again.events), ["loop.continue"]);
  const final = await run({ ...after(3), ...used(100, 100), loopNotes: again.state.loopNotes }, { config });
  assert.equal(final.events[0]?.data.phase, "final");
  assert.match(lastText(final.state), /answer now/);
  const stop = await run({ ...after(4), ...used(100, 110), loopNotes: final.state.loopNotes }, { config });
  assert.deepEqual([stop.events[0]?.data.phase, ...end(stop.state)], ["stop", "complete", "TURN_INPUT_BUDGET"]);
  const off = await run({ ...after(4), ...used(1e9) }, { config: { ...config, turn_hard_input_tokens: 0 } });
  assert.deepEqual(types(off.events), ["loop.continue"]);
});

/** One tool round after another, each with the state that the last one left. */
const rounds = async (all: readonly (readonly [string, JsonObject, boolean, string?])[], options: Options = {}) => {
  let state: Partial<State> = {};
  const phases: unknown[] = [];
  for (const [i, [name, input, fails, content]] of all.entries()) {
    const pass = after(i, [call(`t${i}`, name, input)], [result(`t${i}`, fails, content)]);
    const { failedCalls, loopNotes } = state;
    const done = await run({ ...pass, ...(failedCalls ? { failedCalls } : {}), ...(loopNotes ? { loopNotes } : {}) }, options);
    phases.push(done.events.find((e) => e.type === "loop.repeat_stop")?.data.phase ?? done.state.loopDecision);
    state = done.state;
  }
  return { phases, state: state as State };
};

test("a failed call that comes again and again is warned of, then ends the turn", async () => {
  const same = ["Fetch", { url: "u", n: 1 }, true] as const;
  const { phases, state } = await rounds([same, ["Fetch", { n: 1, url: "u" }, true], same, same, same]);
  assert.deepEqual(phases, ["continue", "continue", "continue", "final", "stop"]);
  assert.deepEqual(end(state), ["complete", "REPEAT_STOP"]);
});

test("other inputs are no repeats, and repeat_stop_after 0 is off", async () => {
  const other = await rounds([1, 2, 3, 4, 5, 6].map((n) => ["Fetch", { n }, true] as const));
  assert.ok(other.phases.every((phase) => phase === "continue"));
  const off = await rounds(Array(8).fill(["Fetch", {}, true]), { config: { repeat_stop_after: 0 } });
  assert.ok(off.phases.every((phase) => phase === "continue"));
});

test("a change of the world makes failures worth another try; a read does not", async () => {
  const tool = (effect: "read" | "once") => ({ name: "x", description: "", input: {}, effect, run: () => "" });
  const services = { tools: { ...testServices().tools, get: (name: string) => (name === "Read" ? tool("read") : tool("once")) } };
  const fails = ["Test", {}, true] as const;
  const edited = await rounds([fails, fails, fails, ["Edit", {}, false], fails, fails, fails], { services });
  assert.ok(edited.phases.every((phase) => phase === "continue"));
  const read = await rounds([fails, fails, fails, ["Read", {}, false], fails], { services });
  assert.equal(read.phases.at(-1), "final");
});

test("what a guard refused again counts, whatever its input", async () => {
  const refused = (n: number) => ["Pay", { n }, true, "ERROR user_denied_repeat: no"] as const;
  assert.deepEqual((await rounds([refused(1), refused(2), refused(3), refused(4)])).phases, ["continue", "continue", "final", "stop"]);
});

test("guards are per turn, never sticky: after a REPEAT_STOP the next turn starts clean", async () => {
  const { state } = await rounds(Array(5).fill(["Fetch", {}, true]));
  assert.equal(state.completionSignal, "REPEAT_STOP");
  const next = beginTurn({ ...state, turn: 1 });
  assert.deepEqual([next.failedCalls, next.loopNotes, next.startedAt, next.completionSignal], [{ refused: 0, calls: [] }, [], null, null]);
});

test("budgets end a turn that would go on, and say which one", async () => {
  const spent = async (state: Partial<State>, controller: string, settings: object) => {
    const { events, patch } = await run({ ...after(1), ...state }, { controller, settings });
    const [first] = events;
    return first?.type === "loop.budget_exceeded" ? [first.data.dimension, patch.loopDecision] : patch.loopDecision;
  };
  const many = (dimension: string, more: object) => ["multi_dim_budget", { dimensions: [dimension], ...more }] as const;
  assert.deepEqual(await spent({ costBudgetUsd: 1, totalCostUsd: 0.9 }, "budget_aware", {}), ["cost", "complete"]);
  assert.equal(await spent({ costBudgetUsd: 1, totalCostUsd: 0.9 }, "budget_aware", { cost_threshold_ratio: 1 }), "continue");
  assert.deepEqual(await spent({ costBudgetUsd: 1, totalCostUsd: null }, "budget_aware", {}), ["cost", "complete"]);
  assert.deepEqual(await spent({ totalCostUsd: 0.5 }, ...many("cost_usd", { max_cost_usd: 0.5 })), ["cost", "complete"]);
  assert.deepEqual(await spent({ turnTokenUsage: [usage(200, 50), usage(5)] }, ...many("token", { max_tokens: 300 })), [
    "tokens",
    "complete",
  ]);
  assert.deepEqual(await spent({}, ...many("iterations", { max_iterations: 1 })), ["iteration", "complete"]);
  assert.deepEqual(await spent({ toolCallsTotal: 3 }, ...many("tool_calls", { max_tool_calls: 3 })), ["tool_calls", "complete"]);
  assert.equal(await spent({ toolCallsTotal: 2 }, ...many("tool_calls", { max_tool_calls: 3 })), "continue");
});

test("the window is compared with the next request, not with all tokens of the session", async () => {
  const state = { ...after(1), contextWindowBudget: 1000, tokenUsage: usage(1e6), turnTokenUsage: [usage(900), usage(100, 20)] };
  assert.equal((await run(state, { controller: "budget_aware" })).patch.loopDecision, "continue");
  const full = { ...state, turnTokenUsage: [usage(100), usage(800, 60)] };
  assert.equal((await run(full, { controller: "budget_aware" })).patch.loopDecision, "complete");
  const grown = { ...state, messages: [say("user", "word ".repeat(2000), "user")] };
  assert.equal((await run(grown, { controller: "budget_aware" })).patch.loopDecision, "complete");
});

test("wall_clock counts from the start of the turn, which the first pass sets", async () => {
  let now = 1000;
  const services = { clock: { ...testServices().clock, now: () => now } };
  const options = { controller: "multi_dim_budget", settings: { dimensions: ["walltime_seconds"], max_seconds: 5 }, services };
  const { patch } = await runStage(loop, { services, call: "prepare" });
  assert.deepEqual(patch, { startedAt: 1000 });
  assert.deepEqual((await runStage(loop, { state: { startedAt: 7 }, services, call: "prepare" })).patch, {});
  now = 5999;
  assert.equal((await run({ ...after(), ...patch }, options)).patch.loopDecision, "continue");
  now = 6000;
  assert.equal((await run({ ...after(), ...patch }, options)).patch.loopDecision, "complete");
});

test("bad dimensions are findings that say what would be right", async () => {
  const bad = (settings: object) => run({}, { controller: "multi_dim_budget", settings });
  await assert.rejects(bad({ dimensions: ["itertion"] }), /did you mean "iteration"/);
  await assert.rejects(bad({ dimensions: ["wall_clock"] }), /needs "max_seconds"/);
  await assert.rejects(bad({ dimensions: ["tool_calls"] }), /needs "max_tool_calls"/);
});

test("where the run gives no other pass, results stay unread and no note is written", async () => {
  const { patch, state } = await run({ ...after(2), maxIterations: 3, turnTokenUsage: [usage(1e9)] });
  assert.deepEqual([patch.loopDecision, patch.toolIteration, patch.messages, state.loopNotes], ["continue", undefined, undefined, []]);
});

test("a call that nobody ran gets no word put between it and its answer", async () => {
  const { patch } = await run({
    pendingToolCalls: [call("t", "a")],
    messages: [say("assistant", [{ type: "tool_use", id: "t", name: "a", input: {} }])],
  });
  assert.deepEqual([patch.loopDecision, patch.messages], ["continue", undefined]);
});
