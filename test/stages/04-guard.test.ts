import assert from "node:assert/strict";
import { test } from "node:test";
import { defineStrategy, extend, fields, GuardRejectError, type Json, StageError, type State, type ToolSpec } from "geny-executor";
import type { Guard } from "../../src/stages/04-guard/guards.ts";
import { guard } from "../../src/stages/04-guard.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const chain = (guards: { [name: string]: { [key: string]: Json } }, config: { [key: string]: Json } = {}) => ({
  chain_order: { guards: Object.keys(guards) },
  strategy_configs: { guards },
  config,
});
const run = (state: Partial<State>, entry: ReturnType<typeof chain>, more: Omit<StageRun, "state" | "entry"> = {}) =>
  runStage(guard, { state, entry, ...more });
const tool = (name: string): ToolSpec => ({ name, description: "", input_schema: {} });
const rejection = (guardName: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GuardRejectError);
  assert.deepEqual([error.guard, error.code, error.stage, error.order], [guardName, "exec.stage.guard_rejected", "guard", 4]);
  assert.match(error.message, message);
  return true;
};

test("an empty chain passes", async () => {
  const { events, patch } = await run({}, chain({}));
  assert.deepEqual(patch, {});
  assert.deepEqual(events, [
    { type: "guard.check", data: { passed: true, guard_name: "chain", message: "Every guard passed.", violations: [], recheck: false } },
  ]);
});

test("the first guard that rejects ends the turn", async () => {
  const entry = chain({ iteration: { max_iterations: 2 }, cost_budget: { max_cost_usd: 1 } });
  await assert.rejects(run({ iteration: 2, totalCostUsd: 5 }, entry), rejection("iteration", /2 of the 2 passes/));
});

test("fail_fast off: all guards are asked and every violation is told", async () => {
  const entry = chain({ iteration: { max_iterations: 2 }, cost_budget: { max_cost_usd: 1 } }, { fail_fast: false });
  await assert.rejects(run({ iteration: 3, totalCostUsd: 2 }, entry), (error: GuardRejectError) => {
    assert.deepEqual(
      (error.details.violations as { guard: string }[]).map((v) => v.guard),
      ["iteration", "cost_budget"],
    );
    return error.guard === "iteration";
  });
});

test("fail_fast on: later guards are not asked", async () => {
  let asked = 0;
  const counting = extend(guard, "guards", {
    counting: {
      about: "Counts.",
      config: fields({}),
      create: () => () => {
        asked += 1;
        return { passed: true, message: "", action: "reject" as const };
      },
    },
  });
  const go = (fail_fast: boolean) =>
    runStage(counting, { state: { iteration: 9 }, entry: chain({ iteration: { max_iterations: 1 }, counting: {} }, { fail_fast }) });
  await assert.rejects(go(true));
  assert.equal(asked, 0);
  await assert.rejects(go(false));
  assert.equal(asked, 1);
});

test("a chain longer than max_chain_length is refused, not cut", async () => {
  const entry = chain({ iteration: {}, permission: {} }, { max_chain_length: 1 });
  await assert.rejects(run({}, entry), (error) => error instanceof StageError && /2 guards and max_chain_length is 1/.test(error.message));
});

test("a guard that warns does not stop the turn, nor the guards behind it", async () => {
  const careful = defineStrategy<Guard>()({
    about: "Warns.",
    config: fields({}),
    create: () => () => ({ passed: false, message: "careful", action: "warn" }),
  });
  const stage = { ...guard, slots: { guards: { ...guard.slots.guards, strategies: { ...guard.slots.guards.strategies, careful } } } };
  const warned = await runStage(stage, { state: {}, entry: chain({ careful: {}, iteration: {} }) });
  assert.deepEqual(
    warned.events.map(({ type, data }) => [type, data.guard_name ?? "", data.message]),
    [
      ["guard.check", "careful", "careful"],
      ["guard.warn", "", "careful"],
    ],
  );
  await assert.rejects(
    runStage(stage, { state: { iteration: 1 }, entry: chain({ careful: {}, iteration: { max_iterations: 1 } }) }),
    rejection("iteration", /1 of the 1/),
  );
});

test("guards are asked again between two passes", async () => {
  const entry = chain({ cost_budget: { max_cost_usd: 1 } });
  const { events } = await run({ totalCostUsd: 0.5 }, entry, { call: "refresh" });
  assert.equal(events[0]?.data.recheck, true);
  await assert.rejects(run({ totalCostUsd: 1 }, entry, { call: "refresh" }), rejection("cost_budget", /\$1 of the \$1/));
});

test("a cost limit of 0 is a limit", async () => {
  await assert.rejects(run({}, chain({ cost_budget: { max_cost_usd: 0 } })), rejection("cost_budget", /\$0 of the \$0/));
});

test("a cost that nobody knows does not pass a limit", async () => {
  await assert.rejects(
    run({ totalCostUsd: null }, chain({ cost_budget: { max_cost_usd: 9 } })),
    rejection("cost_budget", /without a known price/),
  );
  await assert.rejects(
    run({ totalCostUsd: null, costBudgetUsd: 9 }, chain({ cost_budget: {} })),
    rejection("cost_budget", /\$9 cannot be kept/),
  );
  assert.deepEqual((await run({ totalCostUsd: null }, chain({ cost_budget: {} }))).patch, {});
});

test("token_budget measures the next request, not what the session has used", async () => {
  const used = {
    tokenUsage: {
      input_tokens: 9_000_000,
      output_tokens: 0,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      cost_usd: null,
      duration_ms: null,
    },
  };
  assert.deepEqual((await run(used, chain({ token_budget: {} }))).patch, {});
  const full: Partial<State> = { contextWindowBudget: 12000, systemVolatile: "word ".repeat(1500) };
  await assert.rejects(run(full, chain({ token_budget: {} })), rejection("token_budget", /must stay free.*compactor/));
});

const offered = [tool("add"), tool("rm"), tool("ls")];
test("a blocked tool is no longer offered, and stage 10 is told not to run it", async () => {
  const { patch } = await run({ tools: offered }, chain({ permission: { blocked_tools: ["rm"] } }));
  assert.deepEqual([patch.tools?.map((t) => t.name), patch.toolGuard], [["add", "ls"], { allowed: null, blocked: ["rm"] }]);
});

test("an allow-list offers nothing else; blocked wins; tools activated later are narrowed too", async () => {
  const entry = chain({ permission: { allowed_tools: ["add", "rm"], blocked_tools: ["rm"] } });
  const { state } = await run({ tools: offered }, entry);
  assert.deepEqual(
    state.tools.map((t) => t.name),
    ["add"],
  );
  const { patch } = await run({ ...state, tools: offered }, entry, { call: "refresh" });
  assert.deepEqual(
    patch.tools?.map((t) => t.name),
    ["add"],
  );
});

test("a pending call of a blocked tool ends the turn", async () => {
  const pendingToolCalls = [{ tool_use_id: "p", tool_name: "rm", tool_input: {} }];
  const entry = chain({ permission: { blocked_tools: ["rm"] } });
  await assert.rejects(run({ pendingToolCalls }, entry, { call: "refresh" }), rejection("permission", /"rm" is not permitted/));
});

test("a bad guard config is a finding", async () => {
  await assert.rejects(run({}, chain({ cost_budget: { max_cost_usd: -1 } })), /max_cost_usd: must be at least 0/);
  await assert.rejects(run({}, chain({ iteration: { max_iteration: 1 } })), /max_iteration/);
});
