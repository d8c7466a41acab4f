import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { GenyExecutorError, newState, PipelineError, type PipelineEvent, PipelinePresets, type State } from "geny-executor";
import { adviceOf, FRESHNESS, type Freshness, freshnessOf, type Runs, SessionManager, type TurnOptions } from "geny-executor/sessions";
import { startModel } from "geny-executor/testing";

interface Result {
  readonly state: State;
  readonly text: string;
}
/** The smallest thing that runs turns: it echoes, fails on "fail", and holds "slow" until it is let go. */
const echo = () => {
  let let_go = () => {};
  const held = new Promise<void>((ok) => {
    let_go = ok;
  });
  const seen: string[] = [];
  const turn = async (input: unknown, { state = newState(), onResult, signal }: TurnOptions = {}): Promise<Result> => {
    seen.push(`begin ${input}`);
    if (input === "slow") await held;
    const at = state.messages.length;
    const added = [
      { id: `m${at}`, origin: "user", role: "user", content: String(input) } as const,
      { id: `m${at + 1}`, origin: "model", role: "assistant", content: `re ${input}` } as const,
    ];
    const next = {
      ...state,
      turn: state.turn + 1,
      messages: [...state.messages, ...added],
      sessionCostUsd: (state.sessionCostUsd ?? 0) + 0.5,
    };
    const result = { state: next, text: `re ${input}` };
    seen.push(`end ${input}`);
    onResult?.(result);
    if (input === "fail" || signal?.aborted) {
      const error = new GenyExecutorError("broken", { code: "exec.stage.failed" });
      error.result = result;
      throw error;
    }
    return result;
  };
  const event = (type: string): PipelineEvent => ({
    type,
    stage: "",
    iteration: 0,
    seq: 0,
    run_id: "r",
    session_id: "s",
    timestamp: "",
    data: {},
  });
  const pipeline: Runs<Result> = {
    run: turn,
    async *runStream(input, options = {}) {
      yield event("pipeline.start");
      await turn(input, options);
      yield event("pipeline.complete");
    },
  };
  return { pipeline, seen, let_go: () => let_go() };
};
const coded = (code: string) => (error: unknown) => error instanceof PipelineError && error.code === code;

test("the conversation goes on from turn to turn", async () => {
  const session = new SessionManager().create(echo().pipeline, { sessionId: "s1" });
  assert.equal((await session.run("a")).text, "re a");
  await session.run("b");
  assert.deepEqual(
    session.state.messages.map((m) => m.content),
    ["a", "re a", "b", "re b"],
  );
  assert.equal(session.state.sessionId, "s1");
  assert.equal(session.state.turn, 2);
});

test("a second turn waits for the first, in order, and a failed one does not poison the queue", async () => {
  const { pipeline, seen, let_go } = echo();
  const session = new SessionManager().create(pipeline);
  const turns = ["slow", "fail", "last"].map((input) => session.run(input));
  await new Promise(setImmediate);
  assert.deepEqual(seen, ["begin slow"]);
  let_go();
  const ends = await Promise.allSettled(turns);
  assert.deepEqual(
    ends.map((e) => e.status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(seen, ["begin slow", "end slow", "begin fail", "end fail", "begin last", "end last"]);
});

test("a broken turn's state is kept", async () => {
  const session = new SessionManager().create(echo().pipeline);
  await assert.rejects(session.run("fail"), { code: "exec.stage.failed" });
  assert.equal(session.state.messages.length, 2);
  assert.equal(session.state.sessionCostUsd, 0.5);
});

test("whenBusy: reject does not wait", async () => {
  const { pipeline, let_go } = echo();
  const session = new SessionManager().create(pipeline);
  const first = session.run("slow");
  await assert.rejects(session.run("b", { whenBusy: "reject" }), coded("exec.pipeline.busy"));
  assert.throws(() => session.reset(), coded("exec.pipeline.busy"));
  let_go();
  await first;
  await session.run("b", { whenBusy: "reject" });
  assert.equal(session.state.turn, 2);
});

test("a signal ends the wait in the queue, and those behind still wait for the running turn", async () => {
  const { pipeline, seen, let_go } = echo();
  const session = new SessionManager().create(pipeline);
  const first = session.run("slow");
  const stop = new AbortController();
  const second = session.run("b", { signal: stop.signal });
  const third = session.run("c");
  stop.abort(new Error("enough"));
  await assert.rejects(second, coded("exec.pipeline.cancelled"));
  await new Promise(setImmediate);
  assert.deepEqual(seen, ["begin slow"]);
  let_go();
  await Promise.all([first, third]);
  assert.deepEqual(seen, ["begin slow", "end slow", "begin c", "end c"]);
});

test("a stream takes its turn, gives its events and keeps its state; one that is left lets the next in", async () => {
  const session = new SessionManager().create(echo().pipeline);
  const types: string[] = [];
  for await (const event of session.runStream("a")) types.push(event.type);
  assert.deepEqual(types, ["pipeline.start", "pipeline.complete"]);
  assert.equal(session.state.turn, 1);
  for await (const _ of session.runStream("b")) break;
  await session.run("c");
  assert.equal(session.state.messages.at(-1)?.content, "re c");
  await assert.rejects(async () => {
    for await (const _ of session.runStream("fail"));
  });
  assert.equal(session.state.messages.at(-1)?.content, "re fail");
});

test("what the pipeline is given: the session's state, id and the host's own options, no queueing", async () => {
  const given: object[] = [];
  const pipeline: Runs<{ state: State }, TurnOptions & { overrides?: { model: string } }> = {
    async run(_input, options = {}) {
      given.push(options);
      const result = { state: options.state ?? newState() };
      options.onResult?.(result);
      return result;
    },
    async *runStream() {},
  };
  const told: unknown[] = [];
  const session = new SessionManager().create(pipeline, { sessionId: "s" });
  await session.run("x", { overrides: { model: "m" }, whenBusy: "wait", onResult: (result) => void told.push(result) });
  assert.deepEqual(Object.keys(given[0] ?? {}).sort(), ["onResult", "overrides", "sessionId", "state"]);
  assert.equal(told.length, 1);
});

test("a session begins with a state that is given", async () => {
  const session = new SessionManager().create(echo().pipeline, { sessionId: "new", state: newState({ sessionId: "old", turn: 7 }) });
  await session.run("x");
  assert.deepEqual([session.state.sessionId, session.state.turn], ["new", 8]);
});

test("reset forgets all but the id, and the age begins anew", async () => {
  let now = 0;
  const session = new SessionManager({ clock: { now: () => now } }).create(echo().pipeline, { sessionId: "x" });
  await session.run("a");
  now = 14_400_001;
  assert.equal(session.freshness, "stale_reset");
  session.reset();
  assert.deepEqual([session.state.sessionId, session.state.messages.length, session.freshness], ["x", 0, "fresh"]);
});

test("a closed session takes no turn, and closing waits for the running one", async () => {
  const { pipeline, let_go, seen } = echo();
  const session = new SessionManager().create(pipeline);
  const first = session.run("slow");
  const second = session.run("b");
  const closing = session.close();
  let_go();
  await Promise.all([first, closing, assert.rejects(second, coded("exec.pipeline.not_initialized"))]);
  assert.deepEqual(seen, ["begin slow", "end slow"]);
  await assert.rejects(session.run("c"), coded("exec.pipeline.not_initialized"));
});

test("a manager lists, replaces and forgets", async () => {
  const { pipeline } = echo();
  const manager = new SessionManager();
  const one = manager.create(pipeline, { sessionId: "a" });
  assert.notEqual(manager.create(pipeline, { sessionId: "a" }), one);
  const other = manager.create(pipeline);
  assert.match(other.id, /^[0-9a-f]{12}$/);
  assert.equal(other.state.sessionId, other.id);
  assert.equal(manager.size, 2);
  await manager.get("a")?.run("x");
  assert.deepEqual(manager.listSessions()[0], { sessionId: "a", freshness: "fresh", messageCount: 2, iteration: 0, totalCostUsd: 0.5 });
  assert.equal(manager.get("nobody"), undefined);
  assert.deepEqual([manager.delete("a"), manager.delete("a")], [true, false]);
});

test("a session of 100 messages costs next to nothing over its messages", async () => {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  const bytes = (make: () => unknown) => {
    const kept: unknown[] = [];
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 50; i++) kept.push(make());
    gc();
    return [process.memoryUsage().heapUsed - before, kept] as const;
  };
  const history = () =>
    Array.from(
      { length: 100 },
      (_, i) => ({ id: `m${i}`, origin: "user", role: "user", content: `${i} ${"word ".repeat(100)}`.concat(`${i}`).normalize() }) as const,
    );
  const manager = new SessionManager();
  const { pipeline } = echo();
  const [plain] = bytes(history);
  const [whole] = bytes(() => manager.create(pipeline, { state: newState({ messages: history() }) }));
  assert.ok(plain > 1_000_000, `${plain} bytes were measured for messages`);
  assert.ok(whole <= plain * 1.1, `${whole} bytes for sessions, ${plain} for their messages`);
});

describe("recorded freshness", () => {
  const file = join(process.env.GOLDEN ?? join(import.meta.dirname, "golden"), "sessions.json");
  if (!existsSync(file)) return;
  const { freshness, info_fields } = JSON.parse(readFileSync(file, "utf8"));
  const ours = (policy: { readonly [key: string]: number }) => ({
    idleTimeoutMs: 1000 * (policy.idle_timeout ?? policy.idle_timeout_s ?? Number.NaN),
    warnThresholdMs: 1000 * (policy.warn_threshold ?? policy.warn_threshold_s ?? Number.NaN),
    maxAgeMs: 1000 * (policy.max_age ?? policy.max_age_s ?? Number.NaN),
    compactMessageCount: policy.compact_message_count ?? Number.NaN,
    resetMessageCount: policy.reset_message_count ?? Number.NaN,
  });
  const given = (policy: { readonly [key: string]: number }) =>
    Object.fromEntries(Object.entries(ours(policy)).filter(([, n]) => !Number.isNaN(n)));

  test("defaults", () => assert.deepEqual(FRESHNESS, ours(freshness.policy_defaults)));
  test("decisions", () => {
    for (const { policy = {}, age_s, idle_s, messages, status } of freshness.decisions)
      assert.equal(
        freshnessOf({ ageMs: age_s * 1000, idleMs: idle_s * 1000, messages }, { ...FRESHNESS, ...given(policy) }),
        status,
        JSON.stringify({ policy, age_s, idle_s, messages }),
      );
  });
  test("advice", () => {
    for (const { value, should_revive, should_compact, should_reset } of freshness.statuses)
      assert.deepEqual(adviceOf(value as Freshness), {
        shouldRevive: should_revive,
        shouldCompact: should_compact,
        shouldReset: should_reset,
      });
  });
  test("what a manager tells of a session", () => {
    const manager = new SessionManager();
    manager.create(echo().pipeline);
    const snake = (key: string) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
    assert.deepEqual(Object.keys(manager.listSessions()[0] ?? {}).map(snake), info_fields);
  });
});

test("a session goes on from a history that the host kept", async () => {
  await using model = await startModel({
    script: [{ text: "Alice.", expect: { messages: { $contains: { role: "user", content: "I am Alice." } } } }],
  });
  await using pipeline = PipelinePresets.chat({ apiKey: "k", baseUrl: model.url });
  const history = [
    { role: "user", content: "I am Alice." },
    { role: "assistant", content: "Hello." },
  ] as const;
  const session = new SessionManager().create(pipeline, { messages: history });
  const { state } = await session.run("Who am I?");
  assert.equal(state.messages.length, 4);
  assert.ok(state.messages.every((m) => m.id && m.origin));
  model.expectDone();
});
