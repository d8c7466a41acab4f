import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json, Message, State, TextBlock, ToolSpec } from "geny-executor";
import { cache } from "../../src/stages/05-cache.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const tools: readonly ToolSpec[] = [{ name: "add", description: "adds", input_schema: {} }];
const said = (n: number): Message[] =>
  Array.from({ length: n }, (_, i) => ({ id: `${i}`, origin: "user", role: i % 2 ? "assistant" : "user", content: `m${i}` }));
const using = (strategy: string, config: { [key: string]: Json } = {}, stage: { [key: string]: Json } = {}) => ({
  strategies: { strategy },
  strategy_configs: { strategy: config },
  config: stage,
});
const run = (state: Partial<State>, entry: StageRun["entry"] = using("aggressive_cache"), call: "run" | "refresh" = "run") =>
  runStage(cache, { state, entry: entry ?? {}, call });

test("no_cache is bypassed", async () => {
  assert.equal((await run({}, {})).bypass, "the strategy is no_cache");
});

test("system_cache marks the tools and the prompt", async () => {
  const { patch, events } = await run({ system: "S", tools, messages: said(6) }, using("system_cache"));
  assert.deepEqual(patch.cacheMarks, { tools: true, system: true, messages: [], ttl: "5m" });
  assert.deepEqual([events[0]?.type, events[0]?.data.strategy, events[0]?.data.system_is_blocks], ["cache.applied", "system_cache", true]);
});

test("nothing to mark: no mark, and the prompt does not become blocks", async () => {
  const { patch, events } = await run({ messages: said(1) }, using("system_cache"));
  assert.deepEqual(patch.cacheMarks, { tools: false, system: false, messages: [], ttl: "5m" });
  assert.equal(events[0]?.data.system_is_blocks, false);
});

test("aggressive_cache marks the stable point and the newest message", async () => {
  const marks = async (n: number, offset = 4) =>
    (await run({ system: "S", tools, messages: said(n) }, using("aggressive_cache", { stable_history_offset: offset }))).patch.cacheMarks
      ?.messages;
  assert.deepEqual([await marks(6), await marks(3), await marks(6, 0), await marks(1), await marks(0)], [[1, 5], [2], [5], [0], []]);
});

test("marks do not pile up over a tool loop, and stored messages are never touched", async () => {
  const entry = using("aggressive_cache", { stable_history_offset: 1 });
  let state: Partial<State> = { system: "S", tools, messages: said(1) };
  for (let pass = 0; pass < 6; pass++) {
    const { state: after } = await run(state, entry, pass ? "refresh" : "run");
    const { cacheMarks, messages } = after;
    assert.ok(Number(cacheMarks.tools) + Number(cacheMarks.system) + cacheMarks.messages.length <= 4);
    assert.equal(cacheMarks.messages.at(-1), messages.length - 1);
    assert.equal(JSON.stringify(messages).includes("cache_control"), false);
    state = { ...after, messages: said(messages.length + 2) };
  }
});

test("never more than four marks with those of the host", async () => {
  const block = fc.record({
    type: fc.constant("text" as const),
    text: fc.constant("b"),
    cache_control: fc.option(fc.constant({ type: "ephemeral" as const }), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(block, { maxLength: 6 }), fc.nat(8), async (given, n) => {
      const system = given.map(({ cache_control, ...b }): TextBlock => (cache_control ? { ...b, cache_control } : b));
      const { patch } = await run({ system, tools, messages: said(n) });
      const marks = patch.cacheMarks;
      assert.ok(marks);
      const hosts = system.filter((b) => b.cache_control).length;
      const onLast = marks.system && !system.at(-1)?.cache_control ? 1 : 0;
      const ours = Number(marks.tools) + onLast + marks.messages.length;
      assert.ok(ours === 0 || hosts + ours <= 4, JSON.stringify({ system, marks }));
    }),
  );
});

test("a message that cannot carry a mark gets none", async () => {
  const messages: Message[] = [
    { id: "0", origin: "user", role: "user", content: [] },
    { id: "1", origin: "model", role: "assistant", content: [{ type: "thinking", thinking: "t", signature: "s" }] },
    { id: "2", origin: "user", role: "user", content: "" },
  ];
  for (const n of [1, 2, 3]) assert.deepEqual((await run({ messages: messages.slice(0, n) })).patch.cacheMarks?.messages, []);
});

test("marks do not depend on the model's name", async () => {
  const { patch } = await run({ system: "S", model: "opus" }, using("system_cache"));
  assert.equal(patch.cacheMarks?.system, true);
});

test("cache_prefix is a namespace of the cache key", async () => {
  const key = async (state: Partial<State>, prefix = "") => {
    const { patch, events } = await run(state, using("system_cache", {}, { cache_prefix: prefix }));
    assert.equal(events[0]?.data.cache_key, patch.cacheKey);
    return patch.cacheKey;
  };
  const plain = await key({ system: "S", tools, messages: said(1) });
  assert.match(String(plain), /^[0-9a-f]{32}$/);
  assert.equal(await key({ system: "S", tools, messages: said(9), systemVolatile: "now" }), plain, "only the stable parts count");
  assert.notEqual(await key({ system: "S2", tools }), plain);
  assert.notEqual(await key({ system: "S" }), plain);
  assert.match(String(await key({ system: "S", tools }, "ns")), /^ns:[0-9a-f]{32}$/);
});
