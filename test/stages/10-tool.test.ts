import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Broken, type JsonObject, type PendingToolCall, systemClock, type Tool, type ToolResult, textOf, toolResults } from "geny-executor";
import { createDispatcher, ToolRegistry } from "geny-executor/tools";
import { executors } from "../../src/stages/10-tool/executors.ts";
import { tool as stage } from "../../src/stages/10-tool.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const make = (name: string, run: Tool["run"], more: Partial<Tool> = {}): Tool => ({
  name,
  description: "",
  input: { type: "object" },
  effect: "once",
  run,
  ...more,
});
const asked = (...names: string[]): PendingToolCall[] =>
  names.map((tool_name, i) => ({ tool_use_id: `t${i}`, tool_name, tool_input: { i } }));
const pass = (tools: readonly Tool[], calls: readonly PendingToolCall[], { state = {}, ...more }: StageRun = {}) => {
  const registry = new ToolRegistry({ log });
  for (const tool of tools) registry.register(tool);
  const dispatcher = createDispatcher({ tools: registry, clock: systemClock, log });
  return runStage(stage, { state: { pendingToolCalls: calls, ...state }, services: { tools: registry, dispatcher, log }, ...more });
};
const binding = (more: object) => ({ tool_binding: { stage_order: 10, allowed: null, blocked: null, extra_context: {}, ...more } });

test("one pass: results as one message, calls moved from pending to executed, the pass marked as unread, the count going on", async () => {
  const { patch, events } = await pass(
    [make("add", () => "5"), make("bad", () => ({ content: "no", isError: true }))],
    asked("add", "bad"),
    {
      state: { iteration: 2, toolCallsTotal: 7, loopDecision: "complete" },
    },
  );
  const [message] = patch.messages ?? [];
  assert.deepEqual([patch.messages?.length, message?.role, message?.origin, message?.id], [1, "user", "tool", "m1"]);
  const blocks = [
    { type: "tool_result", tool_use_id: "t0", content: "5" },
    { type: "tool_result", tool_use_id: "t1", content: "no", is_error: true },
  ];
  assert.deepEqual([message?.content, patch.toolResults], [blocks, blocks]);
  assert.deepEqual([patch.pendingToolCalls, patch.executedToolCalls], [[], asked("add", "bad")]);
  assert.deepEqual([patch.toolIteration, patch.toolCallsTotal, patch.loopDecision], [2, 9, "continue"]);
  assert.deepEqual(
    events.map((e) => e.type),
    ["tool.execute_start", "tool.call_start", "tool.call_complete", "tool.call_start", "tool.call_complete", "tool.execute_complete"],
  );
  assert.deepEqual([events[2]?.data.result, events[4]?.data.error, events[5]?.data], ["5", "no", { count: 2, errors: 1 }]);
});

test("events carry the first 500 characters of a result and 2000 of an error", async () => {
  const { events } = await pass(
    [make("a", () => "r".repeat(900)), make("b", () => ({ content: "e".repeat(3000), isError: true }))],
    asked("a", "b"),
  );
  const [result, error] = events.filter((e) => e.type === "tool.call_complete").map((e) => e.data);
  assert.deepEqual([String(result?.result).length, String(error?.error).length], [500, 2000]);
});

test("there is nothing to do without calls", async () => {
  assert.equal((await pass([], [])).bypass, "no tool calls");
});

test("every call is a step of its own, named by tool and place in the turn, and its key is made of that place", async () => {
  const steps: string[] = [];
  const keys: string[] = [];
  const a = make("a", (_input, ctx) => String(keys.push(ctx.idempotencyKey)));
  const registry = new ToolRegistry({ log });
  registry.register(a);
  const dispatcher = createDispatcher({ tools: registry, clock: systemClock, log });
  const signal = new AbortController().signal;
  const call = {
    signal,
    emit() {},
    step: <T>(name: string, effect: (s: AbortSignal) => Promise<T>) => {
      steps.push(name);
      return effect(signal);
    },
  };
  const calls = [...asked("a"), ...asked("a")];
  const { config, slots } = {
    config: { max_concurrency: 10 },
    slots: { router: dispatcher, executor: executors.sequential.create({}, {} as never) },
  };
  const { state } = await runStage(stage, { state: { toolCallsTotal: 3 } });
  const more = {
    config,
    slots,
    call,
    ...call,
    chosen: { executor: "sequential", router: "registry" },
    toolBinding: null,
    modelOverride: null,
  } as const;
  await stage.run({ ...state, pendingToolCalls: calls }, { ...more, services: {} as never, messageId: () => "m" });
  assert.deepEqual(steps, ["tool:a#4", "tool:a#5"]);
  assert.equal(new Set(keys).size, 2);
});

test("one denied call ended the whole stage: now it is answered and the others run", async () => {
  const ran: string[] = [];
  const tools = ["a", "b", "c"].map((name) => make(name, () => String(ran.push(name))));
  const { patch } = await pass(tools, asked("a", "b", "c"), { entry: binding({ allowed: ["a", "b"], blocked: ["b"] }) });
  assert.deepEqual(ran, ["a"]);
  const [, blocked, other] = patch.toolResults ?? [];
  assert.match(String(blocked?.content), /^ERROR access_denied: [^\n]*blocks/);
  assert.deepEqual(JSON.parse(String(other?.content).split("\n")[1] ?? "").error.details, {
    tool_name: "c",
    reason: "the stage's tool_binding does not allow it",
  });
  assert.deepEqual(
    patch.executedToolCalls?.map((c) => c.tool_name),
    ["a"],
  );
});

test("extra_context of a binding was read by nobody: tools see it among the shared keys, the state does not keep it", async () => {
  const { patch } = await pass([make("a", (_input, ctx) => ({ content: ctx.shared }))], asked("a"), {
    state: { shared: { "plugin.x": 1 } },
    entry: binding({ extra_context: { tenant: "t1" } }),
  });
  assert.deepEqual(JSON.parse(String(patch.toolResults?.[0]?.content)), { "plugin.x": 1, tenant: "t1" });
  assert.deepEqual(patch.shared, { "plugin.x": 1 });
});

test("what a tool sets is seen by the calls after it, and written in the order of the calls", async () => {
  const set = (name: string, value: number, ms: number) =>
    make(name, async (_input, ctx) => {
      await wait(ms);
      return { content: ctx.shared, mutations: { "plugin.x": value } };
    });
  const tools = [set("slow", 1, 30), set("fast", 2, 1)];
  const sequential = await pass(tools, asked("slow", "fast"));
  assert.deepEqual(
    sequential.patch.toolResults?.map((r) => r.content),
    ["{}", '{"plugin.x": 1}'],
  );
  const parallel = await pass(tools, asked("slow", "fast"), { entry: { strategies: { executor: "parallel" } } });
  assert.deepEqual(parallel.patch.shared, { "plugin.x": 2 });
});

test("new messages of a tool were lost: they stand after the results", async () => {
  const result: ToolResult = { content: "ok", newMessages: [{ role: "user", content: "read this" }] };
  const { patch } = await pass([make("a", () => result)], asked("a"));
  assert.deepEqual(
    patch.messages?.map((m) => [m.id, m.origin, textOf(m.content)]),
    [
      ["m1", "tool", ""],
      ["m2", "tool", "read this"],
    ],
  );
});

test("in the last pass of a turn calls are answered, not run, for nobody would read their results; in a turn of one pass they run", async () => {
  let ran = 0;
  const a = make("a", () => String(++ran));
  const { patch, events } = await pass([a], asked("a", "a"), { state: { iteration: 4, maxIterations: 5 } });
  assert.equal(ran, 0);
  assert.deepEqual(
    patch.toolResults?.map((r) => [r.content, r.is_error]),
    [
      ["not run: step limit reached", true],
      ["not run: step limit reached", true],
    ],
  );
  assert.deepEqual(events, [{ type: "loop.step_limit", data: { limit: 5, iteration: 4 } }]);
  assert.deepEqual([patch.executedToolCalls, patch.toolCallsTotal, patch.pendingToolCalls], [[], 0, []]);
  await pass([a], asked("a"), { state: { iteration: 3, maxIterations: 5 } });
  await pass([a], asked("a"), { state: { iteration: 0, maxIterations: 1 } });
  assert.equal(ran, 2);
});

/** Runs calls whose names say what they are; gives when each began and ended. Of those that run at once the last one to begin ends first. */
const order = async (executor: string, names: readonly string[], more: JsonObject = {}, config: JsonObject = {}) => {
  const trace: string[] = [];
  const running: number[] = [];
  let peak = 0;
  const tool = (name: string) =>
    make(
      name,
      async (input: { i: number }) => {
        running.push(input.i);
        peak = Math.max(peak, running.length);
        trace.push(`${name}${input.i}`);
        do await wait(3);
        while (running.at(-1) !== input.i);
        running.pop();
        trace.push(`/${name}${input.i}`);
        return `${name}${input.i}`;
      },
      { concurrencySafe: name === "s" },
    );
  const { patch } = await pass([tool("s"), tool("u")], asked(...names), {
    entry: { strategies: { executor }, strategy_configs: { executor: more }, config },
  });
  assert.deepEqual(
    patch.toolResults?.map((r) => r.content),
    names.map((name, i) => `${name}${i}`),
  );
  return { trace: trace.join(" "), peak };
};

test("executors: partition moved reads before earlier writes, and now keeps the model's order", async () => {
  assert.equal((await order("sequential", ["s", "s"])).trace, "s0 /s0 s1 /s1");
  assert.equal((await order("parallel", ["u", "s", "u"])).trace.slice(0, 8), "u0 s1 u2");
  assert.equal((await order("partition", ["u", "s", "s", "u", "s"])).trace, "u0 /u0 s1 s2 /s2 /s1 u3 /u3 s4 /s4");
  assert.equal((await order("streaming", ["s", "s", "u", "s", "u"])).trace, "s0 s1 /s1 /s0 u2 /u2 u4 /u4 s3 /s3");
});

test("max_concurrency: the smaller of the stage's and the executor's own; 5 for parallel and 10 for the others if nothing is said", async () => {
  const many = Array(12).fill("s");
  assert.equal((await order("parallel", many)).peak, 5);
  assert.equal((await order("partition", many)).peak, 10);
  assert.equal((await order("streaming", many)).peak, 10);
  assert.equal((await order("parallel", many, { max_concurrency: 3 })).peak, 3);
  assert.equal((await order("partition", many, {}, { max_concurrency: 2 })).peak, 2);
  assert.equal((await order("partition", many, { max_concurrency: 12 }, { max_concurrency: 64 })).peak, 12);
  await assert.rejects(order("partition", many, {}, { max_concurrency: 65 }), /between 1 and 64/);
  await assert.rejects(order("parallel", many, { max_concurrency: 0 }), /at least 1/);
});

test("an abort keeps the results so far, answers every open call, and starts no more, whatever the executor", async () => {
  for (const executor of ["sequential", "parallel", "partition", "streaming"]) {
    const controller = new AbortController();
    const begun: number[] = [];
    const quick = make("quick", () => ({ content: "done", mutations: { "plugin.x": 1 } }), { concurrencySafe: true });
    const slow = make(
      "slow",
      ({ i }) => {
        begun.push(i);
        setTimeout(() => controller.abort(new Error("stop")), 5);
        return new Promise<string>(() => {});
      },
      { concurrencySafe: true },
    );
    const failed = await pass([quick, slow], asked("quick", "slow", "slow", "slow"), {
      entry: { strategies: { executor }, config: { max_concurrency: 2 } },
      signal: controller.signal,
    }).then(
      () => assert.fail("it went on"),
      (error: unknown) => error,
    );
    assert.ok(failed instanceof Broken, executor);
    assert.ok(begun.length <= 2, executor);
    await wait(20);
    assert.ok(begun.length <= 2, executor);
    const results = toolResults(failed.patch.messages?.[0]?.content ?? []);
    assert.deepEqual(
      results.map((r) => r.tool_use_id),
      ["t0", "t1", "t2", "t3"],
    );
    assert.deepEqual(
      results.map((r) => r.is_error ?? false),
      [false, true, true, true],
    );
    assert.deepEqual(
      [failed.patch.shared, failed.patch.executedToolCalls?.length, failed.patch.pendingToolCalls],
      [{ "plugin.x": 1 }, 1, []],
    );
  }
});

test("a router that breaks, not a tool, ends the stage, and no call is left open", async () => {
  const dispatcher = { concurrencySafe: () => false, dispatch: () => Promise.reject(new Error("the router is gone")) };
  const failed = await runStage(stage, { state: { pendingToolCalls: asked("a", "b") }, services: { dispatcher } }).catch(
    (error: unknown) => error,
  );
  assert.ok(failed instanceof Broken && failed.cause instanceof Error && failed.cause.message === "the router is gone");
  assert.equal(toolResults(failed.patch.messages?.[0]?.content ?? []).length, 2);
});

test("every key that the executors accept is read", () => {
  for (const strategy of Object.values(executors)) {
    const read = new Set<string>();
    const config = new Proxy(
      { max_concurrency: 1 },
      {
        get(target, key) {
          read.add(String(key));
          return Reflect.get(target, key);
        },
      },
    );
    strategy.create(config as never, {} as never);
    assert.deepEqual([...read], Object.keys(strategy.config.shape));
  }
});
