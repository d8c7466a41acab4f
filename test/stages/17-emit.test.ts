import assert from "node:assert/strict";
import { test } from "node:test";
import { extend, type Host, type StageEntry } from "geny-executor";
import { ORDERING } from "../../src/stages/17-emit/emitters.ts";
import { emit } from "../../src/stages/17-emit.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

type Emitters = NonNullable<Host["emitters"]>;
const speak = (
  emitters: Emitters,
  names: string[],
  configs: NonNullable<StageEntry["strategy_configs"]>[string] = {},
  more: Partial<StageRun> = {},
) =>
  runStage(emit, {
    state: { finalText: "plain" },
    entry: { chain_order: { emitters: names }, strategy_configs: { emitters: configs } },
    services: { host: { emitters } },
    ...more,
  });
const eventOf = (run: Awaited<ReturnType<typeof speak>>, type: string) => run.events.find((e) => e.type === type)?.data;
const boom = () => {
  throw new Error("no voice");
};

test("nothing to do without emitters, and a broken turn is not emitted", async () => {
  assert.equal((await runStage(emit)).bypass, "no emitters");
  assert.equal(emit.brokenTurn, undefined);
});

test("text, callback, vtuber and tts get what they are for", async () => {
  const got: unknown[] = [];
  const run = await speak(
    {
      text: (text) => got.push(text),
      callback: (state) => got.push(state.finalText),
      vtuber: (text, emotion) => got.push([text, emotion.primary]),
      tts: (text) => got.push(text),
    },
    ["text", "callback", "vtuber", "tts"],
    {},
    { state: { finalText: "Wow, this is awesome!! hmm" } },
  );
  const said = "Wow, this is awesome!! hmm";
  assert.deepEqual(got, [said, said, [said, "happy"], said]);
  assert.deepEqual(run.events[0], { type: "emit.start", data: { emitter_count: 4, channels: ["text", "callback", "vtuber", "tts"] } });
  assert.equal(eventOf(run, "emit.complete")?.all_emitted, true);
  assert.deepEqual(run.patch, {
    lastEmotion: { primary: "happy", confidence: 2 / 3, scores: { happy: 2, sad: 0, excited: 1, thinking: 1, neutral: 0 } },
  });
});

test("without a receiver text, vtuber and tts are in order; callback has not emitted", async () => {
  const complete = eventOf(await speak({}, ["text", "callback", "vtuber", "tts"]), "emit.complete");
  assert.deepEqual(complete?.channels_emitted, ["text", "vtuber", "tts"]);
  assert.equal(complete?.all_emitted, false);
});

test("an empty answer is not spoken; the avatar still gets its mood", async () => {
  const got: unknown[] = [];
  const note = (text: string) => got.push(text);
  const run = await speak({ text: note, tts: note, vtuber: note }, ["text", "vtuber", "tts"], {}, { state: { finalText: "" } });
  assert.deepEqual(got, [""]);
  assert.deepEqual(eventOf(run, "emit.complete")?.channels_emitted, ["vtuber"]);
});

test("one failing emitter does not break the chain, and is not listed as emitted", async () => {
  const got: string[] = [];
  const run = await speak({ text: boom, tts: (text) => got.push(text) }, ["text", "tts"]);
  assert.deepEqual(got, ["plain"]);
  const complete = eventOf(run, "emit.complete");
  assert.deepEqual([complete?.channels_emitted, complete?.all_emitted], [["tts"], false]);
  assert.deepEqual((complete?.results as { error: string }[] | undefined)?.[0]?.error, "no voice");
});

test("an emitter that requires a failed one is left out", async () => {
  const run = await speak({ text: boom, tts: boom }, ["tts", "text"], { tts: { requires: ["text"] } });
  assert.deepEqual(eventOf(run, "emit.skipped_dep_failed"), { emitter: "tts", deps: ["text"] });
});

test("an emitter that is too slow three times in a row is left out for the rest of the session, as the state says", async () => {
  let aborted = 0;
  const slow = extend(emit, "emitters", {
    slow: {
      about: "never ends by itself",
      config: ORDERING,
      create: ({ requires, timeout_seconds }) => ({
        requires,
        timeoutSeconds: timeout_seconds,
        emit: (_state, { signal }) =>
          new Promise((_, no) => {
            signal.addEventListener("abort", () => {
              aborted += 1;
              no(signal.reason);
            });
          }),
      }),
    },
  });
  const entry = { chain_order: { emitters: ["slow"] }, strategy_configs: { emitters: { slow: { timeout_seconds: 0.005 } } } };
  let state: StageRun["state"] = { finalText: "x" };
  const types: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    const run = await runStage(slow, { state, entry });
    types.push(...run.events.map((e) => e.type).filter((type) => !["emit.start", "emit.complete"].includes(type)));
    state = { finalText: "x", emitTimeouts: run.state.emitTimeouts };
  }
  assert.deepEqual(types, ["emit.timeout", "emit.timeout", "emit.timeout", "emit.skipped_backpressure"]);
  assert.deepEqual(state?.emitTimeouts, { slow: 3 });
  assert.equal(aborted, 3);
});

test("an emitter that is quick again starts with a clean record", async () => {
  const { patch } = await speak(
    { tts: () => {} },
    ["tts"],
    { tts: { timeout_seconds: 5 } },
    { state: { finalText: "x", emitTimeouts: { tts: 2 } } },
  );
  assert.deepEqual(patch, { emitTimeouts: {} });
});

test("an abort ends the chain", async () => {
  const stop = new AbortController();
  const got: string[] = [];
  const run = speak(
    { text: () => stop.abort(new Error("enough")), tts: (text) => got.push(text) },
    ["text", "tts"],
    {},
    { signal: stop.signal },
  );
  await assert.rejects(run, /enough/);
  assert.deepEqual(got, []);
});

test("a misspelt key is refused", async () => {
  await assert.rejects(speak({}, ["text"], { text: { timeout_second: 1 } }), /timeout_second/);
});
