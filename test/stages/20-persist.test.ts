import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { beginTurn, fromWire, type Message, newState, noUsage, type State, toWire } from "geny-executor";
import { CheckpointError, CheckpointNotFound, payloadOf, restoreState } from "../../src/stages/20-persist/checkpoint.ts";
import { listCheckpoints, loadCheckpoint } from "../../src/stages/20-persist/files.ts";
import { frequencies } from "../../src/stages/20-persist/strategies.ts";
import { persist } from "../../src/stages/20-persist.ts";
import { runStage, testServices } from "../../src/testing/run-stage.ts";

const inFolder = async (work: (folder: string) => Promise<void>) => {
  const folder = await mkdtemp(join(tmpdir(), "geny-persist-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};
let second = 0;
const clock = { now: () => Date.UTC(2030, 0, 1, 0, 0, second++), monotonic: () => 0, after: () => () => {}, sleep: async () => {} };
let last = 0;
const services = testServices({ clock, id: (prefix = "") => `${prefix}${++last}` });
const save = (base_dir: string, state: Partial<State>, frequency = "every_turn", config = {}) =>
  runStage(persist, {
    state,
    entry: { strategies: { persister: "file", frequency }, strategy_configs: { persister: { base_dir }, frequency: config } },
    services,
  });
const messages: readonly Message[] = [
  { id: "r.1", origin: "user", role: "user", content: [{ type: "text", text: "한" }] },
  { id: "r.2", origin: "summary", role: "assistant", content: "so far" },
];

test("without a persister there is nothing to do; a broken turn is always due", async () => {
  assert.equal((await runStage(persist)).bypass, "no persister");
  assert.equal(persist.brokenTurn, "run");
  await inFolder(async (base) => {
    const interrupted = { reason: "failed", error: "exec.api.timeout" } as const;
    const run = await save(base, { turn: 2, interrupted }, "every_n_turns");
    assert.equal(run.events[0]?.type, "checkpoint.written");
  });
});

test("a checkpoint: one line, sorted keys, the payload in the Python program's places, and nothing is lost", () =>
  inFolder(async (base) => {
    const state: State = newState({
      sessionId: "sess",
      turn: 3,
      iteration: 4,
      messages,
      shared: { "plugin.x.y": [1, { b: 2, a: 1 }] },
      metadata: { k: 1 },
      insights: [{ title: "T" }],
      totalCostUsd: 0.5,
      sessionCostUsd: null,
      tokenUsage: { ...noUsage, input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 7, cache_creation_1h_input_tokens: 2 },
      completionSignal: "complete",
      finalText: "fin",
    });
    const run = await save(base, state);
    const id = String(run.patch.lastCheckpoint);
    assert.match(id, /^ckpt_/);
    assert.deepEqual(run.events, [
      { type: "checkpoint.written", data: { checkpoint_id: id, session_id: "sess", iteration: 4, persister: "file" } },
    ]);
    assert.deepEqual(
      run.patch.checkpointHistory?.map((entry) => Object.keys(entry).sort()),
      [["checkpoint_id", "created_at", "iteration", "session_id"]],
    );
    const text = await readFile(join(base, "sess", `${id}.json`), "utf8");
    assert.ok(!text.includes("\n"));
    const keys = (value: unknown): boolean =>
      typeof value !== "object" ||
      value === null ||
      ((Array.isArray(value) || String(Object.keys(value)) === String(Object.keys(value).sort())) && Object.values(value).every(keys));
    assert.ok(keys(JSON.parse(text)));
    const { payload } = await loadCheckpoint(base, "sess", id);
    assert.deepEqual(payload.messages, [
      { role: "user", content: [{ type: "text", text: "한" }] },
      { role: "assistant", content: "so far" },
    ]);
    assert.deepEqual(
      [payload.session_id, payload.iteration, payload.model, payload.loop_decision, payload.completion_signal, payload.final_text],
      ["sess", 4, "claude-sonnet-4-6", "continue", "complete", "fin"],
    );
    assert.deepEqual(payload.metadata, { k: 1, "memory.insights": [{ title: "T" }] });
    assert.deepEqual([payload.total_cost_usd, (payload.token_usage as { total_tokens: number }).total_tokens], [0.5, 15]);
    const restored = restoreState(payload);
    assert.deepEqual(toWire(restored), toWire(state));
    assert.deepEqual(restored.messages, messages);
    assert.equal(beginTurn(restored).turn, 4);
  }));

test("a session id cannot leave the folder, and a checkpoint id cannot either", () =>
  inFolder(async (base) => {
    const inside = join(base, "in");
    for (const sessionId of ["../x", "..", "/etc", "a\u0000b"]) {
      const { patch } = await save(inside, { sessionId });
      assert.equal((await loadCheckpoint(inside, sessionId, String(patch.lastCheckpoint))).session_id, sessionId);
    }
    assert.deepEqual(await readdir(base), ["in"]);
    await writeFile(join(base, "secret.json"), "{}");
    await assert.rejects(loadCheckpoint(inside, "s", "../../secret"), CheckpointNotFound);
  }));

test("sessions whose names fall together do not see each other's checkpoints", () =>
  inFolder(async (base) => {
    const { patch } = await save(base, { sessionId: "a/b" });
    assert.deepEqual(await listCheckpoints(base, "a_b"), []);
    await assert.rejects(loadCheckpoint(base, "a_b", String(patch.lastCheckpoint)), CheckpointNotFound);
  }));

test("a run without a session id goes to _unknown", () =>
  inFolder(async (base) => {
    await save(base, {});
    assert.deepEqual(await readdir(base), ["_unknown"]);
    assert.equal((await listCheckpoints(base, "")).length, 1);
  }));

test("the list is newest first; damaged files are left out of it and refused when loaded", () =>
  inFolder(async (base) => {
    for (const iteration of [0, 1, 2]) await save(base, { sessionId: "s", iteration });
    await writeFile(join(base, "s", "ckpt_bad.json"), "{bad");
    await writeFile(join(base, "s", "ckpt_other.json"), '{"a":1}');
    const listed = await listCheckpoints(base, "s");
    assert.deepEqual(
      listed.map((c) => c.iteration),
      [2, 1, 0],
    );
    assert.ok(listed.every((c) => !("payload" in c)));
    for (const id of ["ckpt_bad", "ckpt_other"]) await assert.rejects(loadCheckpoint(base, "s", id), CheckpointError);
    await assert.rejects(loadCheckpoint(base, "s", "ckpt_none"), CheckpointNotFound);
    assert.deepEqual(await listCheckpoints(base, "nobody"), []);
  }));

test("a session keeps its newest 100 checkpoints, on disk and in the state", () =>
  inFolder(async (base) => {
    const folder = join(base, "s");
    await mkdir(folder);
    const names = Array.from({ length: 102 }, (_, i) => `ckpt_old${i}`);
    for (const [i, name] of names.entries()) {
      await writeFile(join(folder, `${name}.json`), "{}");
      await utimes(join(folder, `${name}.json`), i, i);
    }
    const checkpointHistory = names.slice(2).map((checkpoint_id) => ({ checkpoint_id }));
    const { patch } = await save(base, { sessionId: "s", checkpointHistory });
    const left = await readdir(folder);
    assert.equal(left.length, 100);
    assert.deepEqual(
      names.filter((name) => !left.includes(`${name}.json`)),
      names.slice(0, 3),
    );
    assert.deepEqual(
      patch.checkpointHistory?.map((c) => c.checkpoint_id),
      [...names.slice(3), patch.lastCheckpoint],
    );
  }));

test("a failure to write is told and does not fail the turn; the folder is not made when the pipeline is built", () =>
  inFolder(async (folder) => {
    const base = join(folder, "file");
    persist.slots.persister.strategies.file.create({ base_dir: base }, services);
    assert.ok(!existsSync(base));
    await writeFile(base, "in the way");
    const { patch, events } = await save(base, { sessionId: "s" });
    assert.deepEqual([patch, events.length, events[0]?.type, events[0]?.data.persister], [{}, 1, "checkpoint.persister_error", "file"]);
  }));

test("every_n_turns counts turns: the first, and every n-th from there", () => {
  const due = frequencies.every_n_turns.create({ n: 3 }, services);
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7].filter((turn) => due(newState({ turn, iteration: 9 }))),
    [1, 4, 7],
  );
});

test("a turn that is not due is skipped", () =>
  inFolder(async (base) => {
    const { patch, events } = await save(base, { turn: 2 }, "on_significant");
    assert.deepEqual([patch, events], [{}, [{ type: "checkpoint.skipped", data: { frequency: "on_significant", iteration: 0 } }]]);
    assert.deepEqual(await readdir(base), []);
    await assert.rejects(save(base, {}, "every_n_turns", { n: 0 }), /\bn\b/);
  }));

test("any payload gives a state, or is refused by name", () => {
  const keys = [
    "session_id",
    "iteration",
    "model",
    "messages",
    "message_meta",
    "shared",
    "metadata",
    "total_cost_usd",
    "token_usage",
    "insights",
  ];
  const content = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(fc.jsonValue(), fc.record({ type: fc.constantFrom("text", "tool_result") }))),
    fc.jsonValue(),
  );
  const history = fc.array(fc.record({ role: fc.constantFrom("user", "assistant"), content }));
  const payloads = fc
    .tuple(fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()), fc.option(history, { nil: undefined }))
    .map(([payload, messages]): Record<string, unknown> => (messages ? { ...payload, messages } : payload));
  fc.assert(
    fc.property(payloads, (payload) => {
      try {
        const state = restoreState(payload);
        assert.deepEqual(restoreState(payloadOf(state)), state);
      } catch (error) {
        assert.ok(error instanceof CheckpointError, String(error));
      }
    }),
  );
});

test("ids and origins come back; a history from elsewhere gets some", () => {
  assert.deepEqual(restoreState(payloadOf(newState({ messages }))).messages, messages);
  const foreign = [
    { role: "user", content: "q" },
    { role: "assistant", content: [{ type: "tool_use", id: "t", name: "x", input: {} }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "r" }] },
  ];
  assert.deepEqual(
    restoreState({ messages: foreign }).messages.map((m) => [m.id, m.origin]),
    [
      ["restored.0", "user"],
      ["restored.1", "model"],
      ["restored.2", "tool"],
    ],
  );
});

describe("recorded checkpoints", () => {
  const file = join(process.env.GOLDEN ?? join(import.meta.dirname, "../golden"), "checkpoints.json");
  if (!existsSync(file)) return;
  const golden = JSON.parse(readFileSync(file, "utf8"));

  test("a checkpoint of the Python program is read", () =>
    inFolder(async (base) => {
      const record = { ...golden.json, checkpoint_id: "ckpt_1", created_at: "2026-01-01T00:00:00+00:00" };
      await mkdir(join(base, record.session_id));
      await writeFile(join(base, record.session_id, "ckpt_1.json"), JSON.stringify(record));
      const state = restoreState((await loadCheckpoint(base, record.session_id, "ckpt_1")).payload);
      const wire = toWire(state);
      for (const [key, value] of Object.entries(golden.restored)) if (key !== "messages") assert.deepEqual(wire[key], value, key);
      // Better on purpose: a message without content is one with empty text, so that it can be sent.
      assert.deepEqual(
        state.messages.map(({ role, content }) => ({ role, content })),
        golden.restored.messages.map((m: Message) => ({ ...m, content: m.content ?? "" })),
      );
      assert.deepEqual(
        state.messages.map((m) => m.origin),
        ["user", "model"],
      );
    }));

  /** Where ours knowingly differs. */
  const better = (payload: Record<string, unknown>, key: string): boolean =>
    // A cost that nobody knows stays unknown.
    (key === "total_cost_usd" && payload.total_cost_usd === null) ||
    // Cached tokens are kept.
    (key === "token_usage" && Object.keys(payload.token_usage ?? {}).some((name) => name.startsWith("cache_")));

  for (const { payload, state, raises } of golden.payload_vectors)
    test(`payload ${JSON.stringify(payload).slice(0, 60)}`, () => {
      // A text in place of the messages is refused, not taken apart into letters.
      if (raises || typeof payload.messages === "string") {
        assert.throws(() => restoreState(payload), CheckpointError);
        return;
      }
      const restored = restoreState(payload);
      const { model_default, ...rest } = state;
      assert.equal(restored.model === newState().model, model_default);
      const wire = toWire(restored);
      for (const [key, value] of Object.entries(rest)) if (!better(payload, key)) assert.deepEqual(wire[key], value, key);
    });

  test("when one is due", () => {
    for (const { policy, config, state, persist: due } of golden.frequency) {
      const { event, old, iteration = 0, ...wire } = state;
      const given = newState({ ...fromWire(wire), turn: iteration + 1, recentEvents: event && !old ? [event] : [] });
      const defaults = Object.fromEntries(
        Object.entries(frequencies[policy as keyof typeof frequencies].config.shape as Record<string, { default: unknown }>).map(
          ([k, f]) => [k, f.default],
        ),
      );
      const decide = frequencies[policy as keyof typeof frequencies].create({ ...defaults, ...config } as never, services);
      assert.equal(decide(given), due, JSON.stringify({ policy, config, state }));
    }
  });
});
