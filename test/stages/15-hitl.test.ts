import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, State } from "geny-executor";
import { pendingApprovals } from "../../src/policy/approvals.ts";
import { hitl } from "../../src/stages/15-hitl.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const hitlRequest = { token: "tok-1", reason: "danger", severity: "error", tool_call_id: "t9", payload: { a: 1 } };
type Options = StageRun & { requester?: string; timeout?: string; seconds?: number; approve?: Host["approve"] };
const run = ({ requester = "callback", timeout = "indefinite", seconds, approve, services, state, ...more }: Options = {}) =>
  runStage(hitl, {
    ...more,
    state: { hitlRequest, ...state },
    services: { ...services, host: approve ? { approve } : {} },
    entry: { strategies: { requester, timeout }, strategy_configs: seconds === undefined ? {} : { timeout: { timeout_seconds: seconds } } },
  });
const told = (events: readonly { type: string; data: Record<string, unknown> }[]) =>
  events.slice(1).map(({ type, data: { via: _via, ...data } }) => [type, data]);
const end = ({ loopDecision, completionSignal }: State) => [loopDecision, completionSignal];
const hang: Host["approve"] = () => new Promise(() => {});

test("without a request there is nothing to do", async () => {
  assert.equal((await run({ state: { hitlRequest: null } })).bypass, "nobody asks for a decision");
});

test("null approves: the request is told, the decision kept, the loop's decision left alone", async () => {
  const { patch, events } = await run({ requester: "null" });
  assert.deepEqual(Object.keys(patch).sort(), ["hitlHistory", "hitlLastDecision", "hitlRequest"]);
  const { created_at, ...request } = events[0]?.data ?? {};
  assert.deepEqual(request, hitlRequest);
  assert.match(String(created_at), /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(told(events), [["hitl.decision", { token: "tok-1", decision: "approve" }]]);
  const [entry] = patch.hitlHistory ?? [];
  assert.deepEqual([entry?.decision, entry?.note, entry?.request], ["approve", "", events[0]?.data]);
});

test("reject ends the turn, cancel escalates; results of tools stay as they are", async () => {
  const rejected = await run({ approve: async () => "reject", state: { toolIteration: 0 } });
  assert.deepEqual(end(rejected.state), ["complete", "HITL_REJECTED"]);
  assert.deepEqual([rejected.state.toolIteration, rejected.state.completionDetail], [0, "danger"]);
  const cancelled = await run({ approve: async () => "cancel" });
  assert.deepEqual(end(cancelled.state), ["escalate", "HITL_CANCELLED"]);
  assert.equal(cancelled.state.hitlLastDecision, "cancel");
});

test("no decision gives the timeout's verdict", async () => {
  const none = await run({ approve: async () => null });
  assert.deepEqual(told(none.events), [
    ["hitl.no_decision", { token: "tok-1", verdict: "cancel" }],
    ["hitl.decision", { token: "tok-1", decision: "cancel" }],
  ]);
  assert.equal((await run({ approve: async () => null, timeout: "auto_approve" })).state.hitlLastDecision, "approve");
});

test("callback without a host's approve does not approve", async () => {
  assert.deepEqual(end((await run()).state), ["escalate", "HITL_CANCELLED"]);
});

test("a late answer gives the timeout's verdict, and the requester is told to stop", { timeout: 5000 }, async () => {
  let stopped = false;
  const approve: Host["approve"] = (_request, { signal }) =>
    new Promise(() => {
      signal.addEventListener("abort", () => {
        stopped = true;
      });
    });
  const { events, state } = await run({ approve, timeout: "auto_reject", seconds: 0.02 });
  assert.deepEqual(told(events), [
    ["hitl.timeout", { token: "tok-1", timeout_seconds: 0.02, verdict: "reject" }],
    ["hitl.decision", { token: "tok-1", decision: "reject" }],
  ]);
  assert.deepEqual([end(state), stopped], [["complete", "HITL_REJECTED"], true]);
});

test("a requester that throws cancels", async () => {
  const { events, state } = await run({ approve: () => Promise.reject(new Error("ui gone")), timeout: "auto_approve" });
  assert.deepEqual(told(events), [
    ["hitl.requester_error", { requester: "callback", error: "ui gone" }],
    ["hitl.decision", { token: "tok-1", decision: "cancel" }],
  ]);
  assert.deepEqual(end(state), ["escalate", "HITL_CANCELLED"]);
});

test("pipeline_resume is chosen by name and answered from outside, even from a handler of the event", async () => {
  const approvals = pendingApprovals();
  const going = run({ requester: "pipeline_resume", services: { approvals } });
  // The wait has begun when the request is told.
  assert.deepEqual(
    approvals.list().map((r) => r.token),
    ["tok-1"],
  );
  approvals.resume("tok-1", "approve");
  assert.equal((await going).state.hitlLastDecision, "approve");
  assert.deepEqual(approvals.list(), []);
});

test("an abort ends the wait at once, even with a requester that does not listen", { timeout: 5000 }, async () => {
  for (const requester of ["callback", "pipeline_resume"]) {
    const abort = new AbortController();
    const approvals = pendingApprovals();
    const going = run({ requester, approve: hang, services: { approvals }, signal: abort.signal });
    abort.abort(new Error("stop"));
    await assert.rejects(going, /stop/);
    assert.deepEqual(approvals.list(), []);
  }
});

test("a request without a token gets one from the services", async () => {
  const { events } = await run({ requester: "null", state: { hitlRequest: { severity: "LOUD" } }, services: { id: () => "made-1" } });
  assert.deepEqual([events[0]?.data.token, events[0]?.data.severity], ["made-1", "warn"]);
});

test("what is no request is not approved", async () => {
  const { state, events } = await run({ requester: "null", state: { hitlRequest: "please" as never } });
  assert.deepEqual(end(state), ["escalate", "HITL_CANCELLED"]);
  assert.equal(events[1]?.type, "hitl.requester_error");
});

test("the history is bounded", async () => {
  const hitlHistory = Array.from({ length: 600 }, (_, n) => ({ n }));
  assert.equal((await run({ requester: "null", state: { hitlHistory } })).state.hitlHistory.length, 500);
});

test("a timeout must be more than 0", async () => {
  await assert.rejects(run({ timeout: "auto_reject", seconds: 0 }), /more than 0/);
});
