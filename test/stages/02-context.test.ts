import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import {
  APIError,
  Broken,
  type ContentBlock,
  type Host,
  type MemoryChunk,
  type Message,
  type MessageInput,
  type ModelRequest,
  noUsage,
  type Origin,
  type Provider,
  type State,
  toolResults,
  toolUses,
} from "geny-executor";
import { context } from "../../src/stages/02-context.ts";
import { runStage, type StageRun, testServices } from "../../src/testing/run-stage.ts";

let next = 0;
const message = (role: Message["role"], content: Message["content"], origin: Origin = role === "user" ? "user" : "model"): Message => ({
  id: `h${next++}`,
  role,
  origin,
  content,
});
const said = (n: number): Message[] => Array.from({ length: n }, (_, i) => message(i % 2 ? "assistant" : "user", `message ${i}`));
const round = (id: string, output = "5"): Message[] => [
  message("assistant", [{ type: "tool_use", id, name: "add", input: {} }]),
  message("user", [{ type: "tool_result", tool_use_id: id, content: output }], "tool"),
];
const run = (state: Partial<State>, more: Omit<StageRun, "state"> = {}) => runStage(context, { ...more, state });
const compactor = (name: string, config = {}) => ({ strategies: { compactor: name }, strategy_configs: { compactor: config } });
const texts = (messages: readonly Message[] | undefined) =>
  messages?.map((m) => (typeof m.content === "string" ? m.content : m.content.map((b) => b.type).join("+")));
/** One token a message, so that a window is a number of messages. */
const byCount = {
  tokens: { text: () => 0, message: () => 1, request: ({ messages }: { messages: readonly Message[] }) => messages.length },
};

test("nothing to do: no patch, one context.built", async () => {
  const { patch, events } = await run({ messages: said(3) });
  assert.deepEqual(patch, {});
  assert.deepEqual(
    events.map((e) => e.type),
    ["context.built"],
  );
  assert.deepEqual([events[0]?.data.message_count, events[0]?.data.memory_refs], [3, 0]);
});

test("stateless: the stage is bypassed", async () => {
  assert.equal((await run({ messages: said(3) }, { entry: { config: { stateless: true } } })).bypass, "stateless");
});

test("a window never opens on a result, and keeps the newest instruction", async () => {
  const messages = [...said(4), message("user", "do it"), ...round("a"), ...round("b"), ...round("c")];
  const { patch } = await run(
    { messages },
    { entry: { strategies: { strategy: "hybrid" }, strategy_configs: { strategy: { max_recent_turns: 1 } } } },
  );
  assert.deepEqual(texts(patch.messages), ["do it", "tool_use", "tool_result"]);
});

test("keep_last 1 after a tool round keeps the question, the call and the result", async () => {
  const messages = [message("user", "y"), ...round("a")];
  const { patch, events } = await run(
    { messages, contextWindowBudget: 3 },
    { entry: compactor("truncate", { keep_last: 1 }), services: byCount, call: "refresh" },
  );
  assert.deepEqual(patch, {});
  assert.deepEqual(events, [], "nothing could go, so nothing is said to have gone");
});

test("any shortened history can be sent: calls and results stay together, the newest instruction stands", async () => {
  const part = fc.constantFrom("ask", "say", "round", "two");
  const names = fc.constantFrom("truncate", "sliding_window", "summary");
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 20 }), names, fc.integer({ min: 1, max: 5 }), async (parts, name, keep) => {
      const messages = [
        message("user", "first"),
        ...parts.flatMap((p, i) =>
          p === "ask"
            ? [message("user", `ask ${i}`)]
            : p === "say"
              ? [message("assistant", `say ${i}`)]
              : p === "round"
                ? round(`t${i}`)
                : [...round(`t${i}`), ...round(`u${i}`)],
        ),
      ];
      const config = name === "truncate" ? { keep_last: keep } : name === "summary" ? { keep_recent: keep } : { window_size: keep };
      const { state } = await run({ messages, contextWindowBudget: 1 }, { entry: compactor(name, config), services: byCount });
      const asked = messages.findLast((m) => m.origin === "user");
      assert.ok(asked && state.messages.includes(asked));
      const calls = state.messages.flatMap((m) => toolUses(m.content).map((c) => c.id));
      const answers = state.messages.flatMap((m) => toolResults(m.content).map((r) => r.tool_use_id));
      assert.deepEqual(calls, answers);
    }),
    { numRuns: 300 },
  );
});

test("progressive_disclosure counts what it left out before, and does not fold its own marker", async () => {
  const entry = { strategies: { strategy: "progressive_disclosure" }, strategy_configs: { strategy: { summary_threshold: 2 } } };
  const first = await run({ messages: said(11) }, { entry });
  assert.deepEqual(texts(first.patch.messages)?.slice(0, 2), ["message 0", "[6 earlier messages left out.]"]);
  const second = await run({ messages: [...first.state.messages, message("assistant", "x"), message("user", "w")] }, { entry });
  assert.deepEqual(texts(second.patch.messages), ["message 0", "[8 earlier messages left out.]", "message 9", "message 10", "x", "w"]);
});

test("compaction begins above four fifths of the window, strictly", async () => {
  const at = async (n: number) =>
    (
      await run({ messages: said(n), contextWindowBudget: 10 }, { entry: compactor("truncate", { keep_last: 2 }), services: byCount })
    ).events.map((e) => e.type);
  assert.deepEqual(await at(8), ["context.built"]);
  assert.deepEqual(await at(9), ["context.compacted", "context.built"]);
});

test("compaction tells by registry name what it saved", async () => {
  const { events, patch } = await run(
    { messages: said(30), contextWindowBudget: 10 },
    { entry: compactor("summary", { keep_recent: 4, keep_recent_ratio: 0 }), services: byCount },
  );
  assert.deepEqual(events[0]?.data, {
    strategy: "summary",
    trigger: "proactive",
    messages_before: 30,
    messages_after: 6,
    saved_tokens_estimate: 24,
  });
  assert.deepEqual(
    patch.messages?.slice(0, 2).map((m) => [m.role, m.origin]),
    [
      ["user", "summary"],
      ["assistant", "summary"],
    ],
  );
});

test("the kept tail is bounded by tokens too", async () => {
  const { patch } = await run(
    { messages: said(31), contextWindowBudget: 12 },
    { entry: compactor("summary", { keep_recent: 10 }), services: byCount },
  );
  assert.deepEqual(texts(patch.messages)?.slice(-3), ["message 28", "message 29", "message 30"]);
  assert.equal(patch.messages?.length, 2 + 3);
});

test("a second compaction with nothing new leaves the history alone", async () => {
  const entry = compactor("summary", { keep_recent: 4, keep_recent_ratio: 0, summary_text: "Sum." });
  const first = await run({ messages: said(31), contextWindowBudget: 5 }, { entry, services: byCount });
  const again = await run(first.state, { entry, services: byCount, call: "refresh" });
  assert.deepEqual([again.patch, again.events], [{}, []]);
});

test("compacting moves memory's mark with the messages, so that recording goes on", async () => {
  const messages = said(31);
  const entry = compactor("truncate", { keep_last: 5 });
  const mark = async (lastRecordedIdx: number) =>
    (await run({ messages, lastRecordedIdx, contextWindowBudget: 5 }, { entry, services: byCount })).state.lastRecordedIdx;
  assert.deepEqual([await mark(28), await mark(31), await mark(10)], [2, 5, 0]);
});

test("a compactor that throws leaves the history and says so", async () => {
  const provider = () => {
    throw new Error("no such provider");
  };
  const state = { messages: said(31), contextWindowBudget: 5 };
  const broken = {
    ...context,
    slots: {
      ...context.slots,
      compactor: {
        ...context.slots.compactor,
        default: "broken",
        strategies: { broken: { about: "", config: { shape: {} }, create: () => provider } },
      },
    },
  };
  const { patch, events } = await runStage(broken, { state, services: byCount });
  assert.deepEqual(patch, {});
  assert.deepEqual(events[0], {
    type: "context.compaction_failed",
    data: { compactor: "broken", trigger: "proactive", error: "no such provider" },
  });
});

const usage = { ...noUsage, input_tokens: 1000, output_tokens: 100 };
const summarizer = (requests: ModelRequest[], fail = false): Provider => ({
  name: "scripted",
  capabilities: {} as Provider["capabilities"],
  async *stream(request) {
    requests.push(request);
    yield { type: "usage", usage };
    if (fail) throw new APIError("scripted failure", { category: "server_error" });
    yield { type: "text", index: 0, text: "They counted." };
    yield { type: "finish", stopReason: "end_turn" };
  },
});
const llm = { ...compactor("llm_summary", { keep_recent: 4 }), model_override: { model: "claude-haiku-4-5", max_tokens: 500 } };
const price = { price: () => ({ input: 1, output: 5, cacheRead: null, cacheWrite: null }) };

test("llm_summary asks the override's model through a step and puts the call on the bill", async () => {
  const requests: ModelRequest[] = [];
  const names: string[] = [];
  const provider = (name: string) => {
    names.push(name);
    return summarizer(requests);
  };
  const state = { messages: said(31), contextWindowBudget: 20, primaryProvider: "vllm", totalCostUsd: 1 };
  const { patch, events } = await run(state, { entry: llm, services: { ...byCount, provider, pricing: price } });
  const [request] = requests;
  assert.deepEqual(
    [names, request?.model, request?.maxTokens, request?.purpose, request?.stream],
    [["vllm"], "claude-haiku-4-5", 500, "s02.compact", false],
  );
  assert.match(String(request?.messages[0]?.content), /user: message 0\n\nassistant: message 1/);
  assert.deepEqual(events[0], {
    type: "memory.compaction.summarized",
    data: { model: "claude-haiku-4-5", provider: "vllm", old_count: 27, summary_chars: 13 },
  });
  assert.deepEqual(texts(patch.messages), [
    "They counted.",
    "Understood: I go on from there.",
    "message 27",
    "message 28",
    "message 29",
    "message 30",
  ]);
  assert.ok(Math.abs((patch.totalCostUsd ?? 0) - 1.0015) < 1e-9);
  assert.deepEqual([patch.tokenUsage?.input_tokens, patch.turnTokenUsage], [1000, [usage]]);
});

test("llm_summary that fails: a placeholder stands in, and what it cost is on the bill", async () => {
  const { patch, events } = await run(
    { messages: said(31), contextWindowBudget: 20 },
    { entry: llm, services: { ...byCount, provider: () => summarizer([], true) } },
  );
  assert.deepEqual(events[0], { type: "memory.compaction.llm_failed", data: { error: "scripted failure", compactor: "llm_summary" } });
  assert.equal(patch.messages?.[0]?.content, "[27 earlier messages left out.]");
  assert.deepEqual(
    [patch.tokenUsage?.output_tokens, patch.totalCostUsd],
    [100, null],
    "a model without a known price makes the total unknown",
  );
});

test("llm_summary that the turn's budget does not cover asks nobody; an unknown price is not covered", async () => {
  const requests: ModelRequest[] = [];
  const state = { messages: said(31), contextWindowBudget: 20, totalCostUsd: 1 };
  const services = { ...byCount, provider: () => summarizer(requests), pricing: price };
  const poor = await run({ ...state, costBudgetUsd: 1.001 }, { entry: llm, services });
  const unpriced = await run({ ...state, costBudgetUsd: 9 }, { entry: llm, services: { ...services, pricing: { price: () => null } } });
  assert.equal(requests.length, 0);
  assert.match(String(poor.events[0]?.data.error), /may cost up to .* of the turn's \$1.001 is left/);
  assert.match(String(unpriced.events[0]?.data.error), /no price of "claude-haiku-4-5" is known/);
  assert.deepEqual([poor.patch.messages?.[0]?.content, poor.patch.totalCostUsd], ["[27 earlier messages left out.]", undefined]);
  await run({ ...state, costBudgetUsd: 1.1 }, { entry: llm, services });
  assert.equal(requests.length, 1);
});

test("llm_summary that is aborted is on the bill", async () => {
  const abort = new AbortController();
  const provider: Provider = {
    ...summarizer([]),
    async *stream() {
      yield { type: "usage", usage };
      abort.abort(new Error("enough"));
      throw abort.signal.reason;
    },
  };
  const given = { entry: llm, services: { ...byCount, provider: () => provider, pricing: price }, signal: abort.signal };
  const broken = await run({ messages: said(31), contextWindowBudget: 20 }, given).catch((thrown: unknown) => thrown);
  assert.ok(broken instanceof Broken);
  assert.equal((broken.patch.totalCostUsd ?? 0).toFixed(6), "0.001500");
});

test("llm_summary without model_override asks nobody", async () => {
  const { patch } = await run(
    { messages: said(31), contextWindowBudget: 20 },
    { entry: compactor("llm_summary", { keep_recent: 4 }), services: byCount },
  );
  assert.equal(patch.messages?.[0]?.content, "[27 earlier messages left out.]");
});

test("llm_summary is not asked again and again for a few messages", async () => {
  const requests: ModelRequest[] = [];
  const messages = [message("user", "sum", "summary"), message("assistant", "ok", "summary"), ...said(11)];
  const services = { ...byCount, provider: () => summarizer(requests), tokens: { ...byCount.tokens, request: () => 90 } };
  const { patch } = await run({ messages, contextWindowBudget: 100 }, { entry: compactor("llm_summary"), services });
  assert.deepEqual([patch, requests], [{}, []]);
});

const output = (text: string, images = 0): ContentBlock => ({
  type: "tool_result",
  tool_use_id: "x",
  content: images
    ? [
        { type: "text", text },
        { type: "image", source: { type: "base64", media_type: "image/png", data: "A".repeat(1000) } },
      ]
    : text,
});
test("pruning: the newest copy of equal outputs stays, old images go, long outputs keep their head, the last six and the instruction stay", async () => {
  const same = "s".repeat(600);
  const long = "l".repeat(5000);
  const user = (...content: ContentBlock[]) => message("user", content, content.some((b) => b.type === "tool_result") ? "tool" : "user");
  const image: ContentBlock = { type: "image", source: { type: "base64", media_type: "image/png", data: "B".repeat(1000) } };
  const instruction = user({ type: "text", text: "look" }, image);
  const messages = [
    user(output(same)),
    user(output(long)),
    user(output("see", 1)),
    instruction,
    user(output("short")),
    ...said(4).map((m) => ({ ...m, role: "assistant" as const, origin: "model" as const })),
    user(output(same)),
    user(output(long, 1)),
  ];
  const { patch, events } = await run({ messages }, { entry: { config: { prune_over_tokens: 10 } }, call: "refresh" });
  assert.deepEqual(events[0]?.type, "context.pruned");
  const { chars_saved, ...counts } = events[0]?.data ?? {};
  assert.deepEqual(counts, { deduped: 2, images_stripped: 1, trimmed: 0, trigger: "cost", threshold_tokens: 10 });
  assert.ok(Number(chars_saved) > 5000);
  assert.equal(patch.messages?.length, messages.length);
  assert.equal(patch.messages?.[3], instruction);
  assert.deepEqual(patch.messages?.slice(-6), messages.slice(-6));
  assert.equal(JSON.stringify(patch.messages?.slice(0, 3)).includes("image/png"), false);
});

test("pruning trims a long output once, and is off at 0", async () => {
  const messages = [message("user", [output("l".repeat(5000))], "tool"), ...said(6)];
  const once = await run({ messages }, { entry: { config: { prune_over_tokens: 10 } } });
  assert.equal(once.events[0]?.data.trimmed, 1);
  assert.match(JSON.stringify(once.patch.messages?.[0]), /4400 characters left out/);
  assert.deepEqual((await run(once.state, { entry: { config: { prune_over_tokens: 10 } } })).patch, {});
  assert.deepEqual((await run({ messages }, { entry: { config: { prune_over_tokens: 0 } } })).patch, {});
});

const chunk = (key: string, content: string, source = "vector", metadata = {}): MemoryChunk => ({
  key,
  content,
  source,
  relevance_score: 0.5,
  metadata,
});
test("recall: pinned and other chunks, each key once, in memory_context too", async () => {
  const host: Host = {
    chunks: [
      chunk("k1", "fact one"),
      chunk("k2", "pinned fact", "pinned"),
      chunk("k3", "layered", "file", { layer: "pinned" }),
      chunk("k1", "again"),
    ],
  };
  const known = { key: "k3", source: "file", content_length: 7, relevance: 0 };
  const { patch, events } = await run(
    { messages: said(1), memoryRefs: [known] },
    { entry: { strategies: { retriever: "static" } }, services: { host } },
  );
  assert.equal(patch.memoryContext, "- [vector] k1: fact one");
  assert.equal(patch.memoryPinned, "pinned fact\n\nlayered");
  assert.deepEqual(
    patch.memoryRefs?.map((ref) => ref.key),
    ["k3", "k1", "k2"],
  );
  assert.equal(events.at(-1)?.data.memory_refs, 3);
});

test("the query is the newest instruction, and recall happens on the first pass only", async () => {
  const queries: string[] = [];
  const host: Host = {
    retrieve: async (query) => {
      queries.push(query);
      return [];
    },
  };
  const entry = { strategies: { retriever: "memory_aware" } };
  const messages = [message("user", "what is it"), ...round("a")];
  await run({ messages }, { entry, services: { host } });
  await run({ messages }, { entry, services: { host }, call: "refresh" });
  assert.deepEqual(queries, ["what is it"]);
});

test("a slow retriever is given up after retrieval_timeout_s, and its signal aborts", async () => {
  let aborted = false;
  const host: Host = {
    retrieve: async (_query, _state, { signal }) => {
      await wait(10_000, undefined, { signal }).catch(() => {
        aborted = true;
      });
      return [];
    },
  };
  const { patch, events } = await run(
    { messages: said(1) },
    { entry: { strategies: { retriever: "memory_aware" }, config: { retrieval_timeout_s: 0.01 } }, services: { host } },
  );
  await wait(1);
  assert.deepEqual([patch, events[0], aborted], [{}, { type: "context.retrieval_timeout", data: { timeout_s: 0.01 } }, true]);
});

test("aborting the run ends retrieval at once", async () => {
  const stop = new AbortController();
  const host: Host = { retrieve: () => new Promise(() => {}) };
  const done = run(
    { messages: said(1) },
    { entry: { strategies: { retriever: "memory_aware" } }, services: { host }, signal: stop.signal },
  );
  stop.abort(new Error("stopped"));
  await assert.rejects(done, /stopped/);
});

const turn = (n: number, tool: boolean, answer = `answer ${n}`): MessageInput[] => [
  { role: "user", content: `question ${n}` },
  ...(tool
    ? [
        { role: "assistant" as const, content: [{ type: "tool_use", id: `t${n}`, name: "add", input: {} }] as ContentBlock[] },
        { role: "user" as const, content: [output("big ".repeat(50))].map((b) => ({ ...b, tool_use_id: `t${n}` })) as ContentBlock[] },
      ]
    : []),
  { role: "assistant", content: answer },
];
const replayRun = (rows: MessageInput[], config = {}, state: Partial<State> = {}) =>
  run(
    { messages: said(1), sessionId: "s", ...state },
    { entry: { strategy_configs: { replay: config } }, services: { host: { history: async () => rows } } },
  );

test("replay: the newest turns whole, those before as dialogue, silent ones not at all", async () => {
  const rows = [...turn(0, true).slice(1), ...turn(1, true), ...turn(2, false, "[SILENT]"), ...turn(3, true), ...turn(4, false)];
  const { patch, events } = await replayRun(rows);
  assert.deepEqual(texts(patch.messages), [
    "question 1",
    "answer 1\n[Used tools: add]",
    "question 3",
    "tool_use",
    "tool_result",
    "answer 3",
    "question 4",
    "answer 4",
    "message 0",
  ]);
  assert.equal(patch.lastRecordedIdx, 8, "what memory gave is not recorded again");
  assert.ok(patch.messages?.slice(0, -1).every((m) => m.origin === "replay"));
  const { tokens, ...data } = events[0]?.data ?? {};
  assert.deepEqual(data, { turns: 3, full: 2, dialogue: 1, budget: Math.floor(0.15 * (200000 - 8192)), degraded: false, messages: 8 });
});

test("replay sheds results first, then the oldest turns, never the newest", async () => {
  const { events, patch } = await replayRun(
    [...turn(1, true), ...turn(2, true, "a ".repeat(9000))],
    { window_share: 0.02 },
    { contextWindowBudget: 10000 },
  );
  assert.deepEqual([events[0]?.data.degraded, events[0]?.data.turns, events[0]?.data.full], [true, 1, 0]);
  assert.deepEqual(texts(patch.messages)?.[0], "question 2");
});

test("replay leaves a state with a history alone, and does nothing without a memory", async () => {
  assert.deepEqual((await replayRun(turn(1, false), {}, { messages: said(3) })).patch, {});
  assert.deepEqual((await replayRun(turn(1, false), { full_turns: 0, dialogue_turns: 0 })).patch, {});
  const none = { strategies: { replay: "none" } };
  assert.deepEqual(
    (await run({ messages: said(1) }, { entry: none, services: { host: { history: async () => turn(1, false) } } })).patch,
    {},
  );
  assert.deepEqual((await run({ messages: said(1) })).patch, {});
});

test("an unanswered instruction is closed by a note", async () => {
  const { patch } = await replayRun([{ role: "user", content: "lost" }]);
  assert.deepEqual(texts(patch.messages), ["lost", "[This was not answered.]", "message 0"]);
});

test("memory_aware without its host falls back, with a finding and not with an error", async () => {
  assert.deepEqual((await run({ messages: said(1) }, { entry: { strategies: { retriever: "memory_aware" } } })).patch, {});
  assert.ok(testServices().host);
});
