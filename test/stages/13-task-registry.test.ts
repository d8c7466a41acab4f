import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Call, extend, fields, type Host, type Json, type JsonObject, type State } from "geny-executor";
import { printed } from "../../src/stages/13-task-registry/record.ts";
import { taskRegistry } from "../../src/stages/13-task-registry.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const run = (
  queue: readonly Json[],
  {
    policy = "fire_and_forget",
    config = {},
    registry = {},
    host = {},
    state = {},
    ...more
  }: {
    policy?: string;
    config?: object;
    registry?: object;
    host?: Host;
    state?: Partial<State>;
  } & StageRun = {},
) =>
  runStage(taskRegistry, {
    ...more,
    state: { ...state, tasksNewThisTurn: queue as JsonObject[] },
    services: { host, ...more.services },
    entry: { strategies: { policy }, strategy_configs: { policy: { ...config }, registry: { ...registry } } },
  });
const statuses = (state: State) =>
  Object.fromEntries(
    Object.entries(state.tasksByStatus).map(([status, tasks]) => [status, (tasks as { task_id: string }[]).map((t) => t.task_id)]),
  );
const types = (events: readonly { type: string }[]) => events.map((e) => e.type);

test("the recorded queues give the recorded records and events", async () => {
  const file = join(process.env.GOLDEN ?? join(import.meta.dirname, "../golden"), "tasks.json");
  const cases: { queue: Json[]; shared: { tasks_by_status: JsonObject }; events: [string, JsonObject][] }[] = JSON.parse(
    readFileSync(file, "utf8"),
  ).stage_13;
  assert.ok(cases.length);
  for (const { queue, shared, events } of cases) {
    const done = await run(queue);
    const timeless = JSON.parse(JSON.stringify(done.state.tasksByStatus), (key, value) => (key === "created_at" ? "<timestamp>" : value));
    assert.deepEqual(timeless, shared.tasks_by_status);
    assert.deepEqual(
      done.events.map((e) => [e.type, e.data]),
      events,
    );
    assert.deepEqual(done.state.tasksNewThisTurn, []);
  }
});

test("what is no task is told in the form that Python prints", () => {
  assert.equal(printed({ kind: "noid", a: [true, null, 1.5], b: "it's" }), `{'kind': 'noid', 'a': [True, None, 1.5], 'b': "it's"}`);
  assert.equal(printed("x".repeat(500)).length, 200);
});

test("tasks of earlier turns stay, as they were", async () => {
  const first = await run([{ task_id: "a", kind: "k" }], { state: { iteration: 4 } });
  const second = await run([{ task_id: "b" }], { state: { tasksByStatus: first.state.tasksByStatus } });
  assert.deepEqual(statuses(second.state), { pending: ["a", "b"] });
  const [a] = second.state.tasksByStatus.pending as JsonObject[];
  assert.deepEqual(a, (first.state.tasksByStatus.pending as JsonObject[])[0]);
  assert.equal(a?.iteration_seen, 4);
  assert.deepEqual(second.events.at(-1)?.data, { new: 1, by_status: { pending: 2 }, total: 2 });
});

test("the registry is bounded: finished tasks go first, and a waiting one that must go is told", async () => {
  const { state, events } = await run([{ task_id: "a" }, { task_id: "b", status: "done" }, { task_id: "c" }, { task_id: "d" }], {
    registry: { max_tasks: 2 },
  });
  assert.deepEqual(statuses(state), { pending: ["c", "d"] });
  assert.deepEqual(
    events.filter((e) => e.type === "task.failed").map((e) => e.data.task_id),
    ["a"],
  );
});

test("eager_wait does each task and keeps result or error", async () => {
  const host: Host = {
    executeTask: async (task) => {
      if (task.task_id === "k2") throw new Error("broken");
      return { ok: task.payload ?? null };
    },
  };
  const { state, events } = await run(
    [
      { task_id: "k1", kind: "agent", payload: { x: 1 } },
      { id: "k2", status: "running" },
      { id: "k3", status: "done" },
    ],
    {
      policy: "eager_wait",
      host,
    },
  );
  assert.deepEqual(statuses(state), { done: ["k1", "k3"], failed: ["k2"] });
  const [done] = state.tasksByStatus.done as JsonObject[];
  assert.deepEqual(done?.result, { ok: { x: 1 } });
  assert.ok(done?.started_at && done.completed_at);
  assert.deepEqual(types(events).slice(3), ["task.done", "task.failed", "task_registry.synced"]);
});

test("eager_wait without a host's executeTask leaves tasks pending and says so in the log", async () => {
  const warned: unknown[] = [];
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, error: quiet, warn: (...args: unknown[]) => void warned.push(args) };
  const { state } = await run([{ task_id: "k1" }], { policy: "eager_wait", services: { log } });
  assert.deepEqual(statuses(state), { pending: ["k1"] });
  assert.equal(warned.length, 1);
});

test("timed_wait really stops waiting, tells the task to stop, and goes on", { timeout: 5000 }, async () => {
  let told: unknown;
  const host: Host = {
    executeTask: (task, call: Call) =>
      task.task_id === "k2"
        ? Promise.resolve(2)
        : new Promise(() => {
            call.signal.addEventListener("abort", () => {
              told = true;
            });
          }),
  };
  const { state, events } = await run([{ task_id: "k1" }, { task_id: "k2" }], {
    policy: "timed_wait",
    config: { timeout_seconds: 0.02 },
    host,
  });
  assert.deepEqual(statuses(state), { running: ["k1"], done: ["k2"] });
  assert.equal(told, true);
  assert.deepEqual(events[2], { type: "task.timeout", data: { task_id: "k1", kind: "", timeout_seconds: 0.02 } });
  await assert.rejects(run([], { policy: "timed_wait", config: { timeout_seconds: 0 } }), /more than 0/);
});

test("an abort ends the wait at once and keeps what was registered and done", { timeout: 5000 }, async () => {
  const abort = new AbortController();
  const host: Host = {
    executeTask: async (task) => {
      if (task.task_id === "a") return 1;
      abort.abort(new Error("stop"));
      return new Promise(() => {});
    },
  };
  await assert.rejects(run([{ task_id: "a" }, { task_id: "b" }], { policy: "eager_wait", host, signal: abort.signal }), (broken) => {
    const { cause, patch } = broken as { cause: Error; patch: Partial<State> };
    assert.equal(cause.message, "stop");
    assert.deepEqual(statuses({ tasksByStatus: patch.tasksByStatus } as State), { running: ["b"], done: ["a"] });
    return true;
  });
});

test("a policy that throws is told; what it had done stays", async () => {
  const bad = {
    about: "fails",
    config: fields({}),
    create: () => async () => {
      throw new Error("policy gone");
    },
  };
  const { events, state } = await runStage(extend(taskRegistry, "policy", { bad }), {
    state: { tasksNewThisTurn: [{ task_id: "k1" }] },
    entry: { strategies: { policy: "bad" } },
  });
  assert.deepEqual(events[1], { type: "task_registry.policy_error", data: { policy: "bad", error: "policy gone" } });
  assert.deepEqual(statuses(state), { pending: ["k1"] });
});

test("a registry elsewhere is one more strategy", async () => {
  const lines: string[] = [];
  const outside = {
    about: "keeps lines",
    config: fields({}),
    create: () => ({
      load: async () => lines.map((line) => JSON.parse(line)),
      save: async (all: readonly object[], changed: readonly object[]) => {
        lines.push(...changed.map((task) => JSON.stringify(task)));
        return all as never;
      },
    }),
  };
  const mine = extend(taskRegistry, "registry", { outside });
  const entry = { strategies: { registry: "outside" } };
  await runStage(mine, { state: { tasksNewThisTurn: [{ task_id: "a" }] }, entry });
  const { state } = await runStage(mine, { state: { tasksNewThisTurn: [{ task_id: "b" }] }, entry });
  assert.deepEqual(statuses(state), { pending: ["a", "b"] });
  assert.equal(lines.length, 2);
});
