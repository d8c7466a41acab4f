import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { extend, fields, type Host, type Message } from "geny-executor";
import { namesOf, sentencesOf } from "../../src/stages/19-summarize/extract.ts";
import { summarize } from "../../src/stages/19-summarize.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const TEXT =
  "Alice met Bob in Paris. They signed the deal. It costs ten. The deadline is Friday. Carol-Ann agreed. They signed the deal. End.";
const said = (content: Message["content"], origin: Message["origin"] = "model"): Message => ({
  id: "m",
  origin,
  role: "assistant",
  content,
});
const clock = { now: () => Date.UTC(2030, 0, 2), monotonic: () => 0, after: () => () => {}, sleep: async () => {} };
const rule = (state: StageRun["state"], entry: StageRun["entry"] = {}, host: Host = {}) =>
  runStage(summarize, {
    state: { turn: 1, messages: [said(TEXT)], ...state },
    entry: { ...entry, strategies: { summarizer: "rule_based", ...entry?.strategies } },
    services: { clock, host },
  });

test("without a summarizer there is nothing to do", async () => {
  assert.equal((await runStage(summarize)).bypass, "no summarizer");
});

test("a turn's summary", async () => {
  const { patch, events } = await rule({ sessionId: "z1" });
  const summary = {
    turn_id: "z1:0",
    abstract: "Alice met Bob in Paris. They signed the deal. It costs ten.",
    key_facts: ["The deadline is Friday.", "Carol-Ann agreed.", "They signed the deal.", "End."],
    entities: ["Alice", "Bob", "Paris", "They", "It", "The", "Friday", "Carol-Ann"],
    tags: ["rule_based"],
    importance: "medium",
    created_at: "2030-01-02T00:00:00.000Z",
  };
  assert.deepEqual(patch, { turnSummary: summary, summaryHistory: [summary] });
  assert.deepEqual(events, [{ type: "summary.written", data: summary }]);
});

test("the turn's id does not repeat when a session goes on", async () => {
  const ids = [];
  for (const turn of [1, 2, 3]) ids.push((await rule({ sessionId: "s", turn })).patch.turnSummary?.turn_id);
  assert.deepEqual(ids, ["s:0", "s:1", "s:2"]);
});

test("capitals of every script make names, and full stops without a space end sentences", () => {
  assert.deepEqual(namesOf("Ünïcode Ärger. Zoë met Élan in Москва; Ἀθήνα iPhone"), ["Ünïcode Ärger", "Zoë", "Élan", "Москва", "Ἀθήνα"]);
  assert.deepEqual(sentencesOf("今日は雨。「行こう。」と言った！はい"), ["今日は雨。", "「行こう。」", "と言った！", "はい"]);
});

test("no sentence is lost", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "B", ".", "!", "。", "」", " ", "\n") }), (text) => {
      const squeezed = (s: string) => s.replace(/\s+/g, "");
      assert.equal(squeezed(sentencesOf(text).join("")), squeezed(text));
    }),
  );
});

test("an answer in several blocks is summarized whole; a note of the engine's is no answer", async () => {
  const blocks = said([
    { type: "text", text: "First." },
    { type: "tool_use", id: "t", name: "x", input: {} },
    { type: "text", text: "Second." },
  ]);
  const { patch } = await rule({ messages: [blocks, said("[Ended early]", "note")] });
  assert.equal(patch.turnSummary?.abstract, "First. Second.");
});

test("an answer without words is skipped", async () => {
  const { patch, events } = await rule({ messages: [said([])] });
  assert.deepEqual([patch, events[0]?.type, events.length], [{}, "summary.skipped", 1]);
});

test("importance: heuristic grades, a failing one leaves what the summarizer said", async () => {
  const { patch } = await rule({}, { strategies: { importance: "heuristic" } });
  assert.equal(patch.turnSummary?.importance, "high");
  const broken = extend(summarize, "importance", {
    broken: {
      about: "throws",
      config: fields({}),
      create: () => () => {
        throw new Error("no grade today");
      },
    },
  });
  const run = await runStage(broken, {
    state: { messages: [said(TEXT)] },
    entry: { strategies: { summarizer: "rule_based", importance: "broken" } },
  });
  assert.deepEqual(run.events[0], { type: "summary.importance_error", data: { importance: "broken", error: "no grade today" } });
  assert.equal(run.patch.turnSummary?.importance, "medium");
});

test("a failing summarizer does not fail the turn", async () => {
  const broken = extend(summarize, "summarizer", {
    broken: { about: "throws", config: fields({}), create: () => () => Promise.reject(new Error("no summary today")) },
  });
  const run = await runStage(broken, { entry: { strategies: { summarizer: "broken" } } });
  assert.deepEqual(run.patch, {});
  assert.deepEqual(run.events, [{ type: "summary.summarizer_error", data: { summarizer: "broken", error: "no summary today" } }]);
});

test("a bad config is refused", async () => {
  for (const [slot, name, config] of [
    ["summarizer", "rule_based", { max_sentences: 0 }],
    ["importance", "fixed", { grade: "huge" }],
    ["importance", "heuristic", { baseline: "nope" }],
    ["importance", "heuristic", { many_facts_threshold: 0 }],
  ] as const)
    await assert.rejects(
      rule({}, { strategies: { [slot]: name }, strategy_configs: { [slot]: config } }),
      new RegExp(Object.keys(config)[0] ?? ""),
    );
});

test("the host gets each summary, and the session's when it is closing", async () => {
  const got: unknown[] = [];
  const summaries: Host["summaries"] = {
    record: async (summary, { sessionId }) => got.push([sessionId, summary.turn_id]),
    session: async (markdown) => got.push(markdown),
  };
  const first = await rule({ sessionId: "s", messages: [said("One is done. Two waits.")] }, {}, { summaries });
  assert.deepEqual(got.splice(0), [["s", "s:0"]]);
  assert.deepEqual(
    first.events.map((e) => e.type),
    ["summary.written", "summary.provider_recorded"],
  );
  const last = await rule(
    {
      sessionId: "s",
      turn: 2,
      messages: [said("Two is done too.")],
      summaryHistory: first.state.summaryHistory,
      metadata: { "session.closing": true },
      loopDecision: "complete",
    },
    {},
    { summaries },
  );
  const text =
    "## Session Summary\n\n### Turn s:0 (medium)\n\nOne is done. Two waits.\n\n_Tags: `rule_based`_\n\n### Turn s:1 (medium)\n\nTwo is done too.\n\n_Tags: `rule_based`_\n";
  assert.deepEqual(got, [["s", "s:1"], text]);
  assert.deepEqual(last.events.at(-1), { type: "summary.session_closed", data: { chars: text.length, turns: 2, decision: "complete" } });
});

test("session_summary: every_turn and off", async () => {
  const texts: string[] = [];
  const summaries = { session: async (markdown: string) => void texts.push(markdown) };
  await rule({}, { config: { session_summary: "every_turn" } }, { summaries });
  await rule({ metadata: { "session.closing": true } }, { config: { session_summary: "off" } }, { summaries });
  assert.equal(texts.length, 1);
});

test("a host's memory that fails does not fail the turn", async () => {
  const fail = (what: string) => async () => {
    throw new Error(what);
  };
  const { patch, events } = await rule(
    {},
    { config: { session_summary: "every_turn" } },
    { summaries: { record: fail("no record"), session: fail("no text") } },
  );
  assert.deepEqual(events.slice(1), [
    { type: "summary.provider_error", data: { error: "no record" } },
    { type: "summary.session_close_error", data: { error: "no text" } },
  ]);
  assert.ok(patch.turnSummary);
});

test("the history of summaries is bounded", async () => {
  const summaryHistory = Array.from({ length: 2000 }, (_, i) => ({ turn_id: `s:${i}` }));
  const { patch } = await rule({ summaryHistory });
  assert.equal(patch.summaryHistory?.length, 2000);
  assert.equal(patch.summaryHistory?.[0]?.turn_id, "s:1");
});
