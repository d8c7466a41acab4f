import assert from "node:assert/strict";
import { test } from "node:test";
import { defineStrategy, extend, fields, type PendingToolCall, type ToolResultRecord } from "geny-executor";
import { pattern } from "../../src/stages/11-tool-review/pattern.ts";
import { toolReview } from "../../src/stages/11-tool-review.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const call = (tool_use_id: string, tool_name: string, tool_input = {}): PendingToolCall => ({ tool_use_id, tool_name, tool_input });
const result = (tool_use_id: string, content = "ok"): ToolResultRecord => ({ type: "tool_result", tool_use_id, content });
/** A pass in which stage 10 ran the calls. */
const ran = (calls: PendingToolCall[], results = calls.map((c) => result(c.tool_use_id)), entry: StageRun["entry"] = {}) =>
  runStage(toolReview, { state: { executedToolCalls: calls, toolResults: results, toolIteration: 0 }, entry });
const only = (name: string, config: Record<string, never> | object = {}) =>
  ({ chain_order: { reviewers: [name] }, strategy_configs: { reviewers: { [name]: config } } }) as StageRun["entry"];

test("call-based reviewers see the calls that stage 10 ran, though none is pending any more", async () => {
  const { patch, events } = await ran([
    call("t1", "Write", { path: "/x", content: "api_key = abc" }),
    call("t2", "WebFetch", { url: "https://evil.example/x" }),
  ]);
  assert.deepEqual(
    patch.toolReviewFlags?.map((f) => [f.tool_call_id, f.reviewer, f.severity]),
    [
      ["t1", "sensitive", "warn"],
      ["t1", "destructive", "info"],
      ["t2", "network", "info"],
    ],
  );
  assert.deepEqual(events.at(-1), {
    type: "tool_review.completed",
    data: { reviewers: ["schema", "sensitive", "destructive", "network", "size"], flags: 3, tool_calls: 2, tool_results: 2 },
  });
  for (const { type, data } of events) if (type === "tool_review.flag") assert.equal(data.message, data.reason);
});

test("the secret itself is in no event and no flag", async () => {
  const { patch, events } = await ran([call("t1", "Send", { body: "password: hunter2-XYZZY" })]);
  assert.equal(patch.toolReviewFlags?.[0]?.details.pattern, "api_key_assignment");
  assert.ok(!JSON.stringify([patch, events]).includes("XYZZY"));
});

test("where no stage runs the calls, the pending ones are reviewed", async () => {
  const { patch } = await runStage(toolReview, { state: { pendingToolCalls: [call("t1", "Curl", { url: "https://a.example" })] } });
  assert.deepEqual(patch.toolReviewFlags?.[0]?.details, { tool: "Curl", host: "a.example" });
});

test("nothing to do without calls, and results of an earlier pass are not reviewed again", async () => {
  assert.match((await runStage(toolReview)).bypass ?? "", /no tool calls/);
  const stale = { executedToolCalls: [call("t1", "Write")], toolResults: [result("t1")], toolIteration: 0, iteration: 1 };
  assert.match((await runStage(toolReview, { state: stale })).bypass ?? "", /no tool calls/);
});

test("flags are those of this pass", async () => {
  const old = { tool_call_id: "t0", reviewer: "size", severity: "warn", reason: "old", details: {} } as const;
  const { patch } = await runStage(toolReview, {
    state: { toolReviewFlags: [old], executedToolCalls: [call("t1", "add")], toolResults: [result("t1")], toolIteration: 0 },
  });
  assert.deepEqual(patch.toolReviewFlags, []);
});

test("a reviewer that throws is told and skipped, the others go on", async () => {
  const bad = {
    about: "fails",
    config: fields({}),
    create: () => () => {
      throw new Error("scripted crash");
    },
  };
  const mine = extend(toolReview, "reviewers", { bad });
  const { events } = await runStage(mine, {
    state: { executedToolCalls: [call("t1", "Bash")], toolResults: [result("t1")], toolIteration: 0 },
    entry: { chain_order: { reviewers: ["bad", "destructive"] } },
  });
  assert.deepEqual(
    events.map((e) => e.type),
    ["tool_review.reviewer_error", "tool_review.flag", "tool_review.completed"],
  );
  assert.deepEqual(events[0]?.data, { reviewer: "bad", error: "scripted crash" });
});

test("schema, destructive, network and size obey their configs", async () => {
  const flags = async (name: string, config: object, calls: PendingToolCall[], results?: ToolResultRecord[]) =>
    (await ran(calls, results, only(name, config))).patch.toolReviewFlags?.map((f) => [f.tool_call_id, f.severity]);
  assert.deepEqual(await flags("schema", { required_fields: { W: ["path", "x"] } }, [call("1", "W", { path: 1 }), call("2", "Z")]), [
    ["1", "error"],
  ]);
  assert.deepEqual(await flags("destructive", { destructive_tools: ["Zap"], severity: "error" }, [call("1", "Zap"), call("2", "Bash")]), [
    ["1", "error"],
  ]);
  const http = (id: string, url: string) => call(id, "Http", { url });
  assert.deepEqual(
    await flags("network", { network_tools: ["Http"], allowed_hosts: ["OK.example"] }, [
      http("1", "https://ok.example:8/"),
      http("2", "https://no.example"),
    ]),
    [
      ["1", "info"],
      ["2", "error"],
    ],
  );
  assert.deepEqual(
    await flags("size", { warn_threshold_bytes: 2, error_threshold_bytes: 4 }, [], [result("1", "é"), result("2", "éé"), result("3", "a")]),
    [
      ["1", "warn"],
      ["2", "error"],
    ],
  );
});

test("bad configs are findings with their reason", async () => {
  await assert.rejects(ran([], [], only("size", { warn_threshold_bytes: 9, error_threshold_bytes: 5 })), /error_threshold_bytes \(5\)/);
  await assert.rejects(ran([], [], only("sensitive", { patterns: [["lab", "("]] })), /pattern "lab" is no regular expression/);
  await assert.rejects(ran([], [], only("sensitive", { patterns: [["lab"]] })), /length must be between 2 and 2/);
  await assert.rejects(ran([], [], only("sensitive", { pattern: [] })), /pattern/);
});

test("a pattern in Python's form works", () => {
  assert.ok(pattern("(?i)foo\\d+").test("FOO12"));
  assert.ok(!pattern("foo").test("FOO"));
  assert.ok(pattern("(?is)a.b").test("A\nB"));
  assert.ok(pattern("(?P<q>['\"])x(?P=q)").test("'x'"));
  assert.throws(() => pattern("(?x) a b"), /flag "x"/);
});

test("a reviewer of the host's may wait", async () => {
  const slow = defineStrategy<(calls: readonly PendingToolCall[]) => Promise<never[]>>()({
    about: "waits",
    config: fields({}),
    create: () => async () => [],
  });
  const mine = extend(toolReview, "reviewers", { slow });
  const { events } = await runStage(mine, {
    state: { pendingToolCalls: [call("t1", "a")] },
    entry: { chain_order: { reviewers: ["slow"] } },
  });
  assert.equal(events[0]?.data.flags, 0);
});
