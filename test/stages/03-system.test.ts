import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, Json, State, ToolSpec } from "geny-executor";
import { promptBlocks, system } from "../../src/stages/03-system.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const { persona, rules, datetime, memoryContext, toolInstructions, custom } = promptBlocks;
const add: ToolSpec = { name: "add", description: "adds", input_schema: {} };
const tools = (specs: readonly ToolSpec[], version = 1) => ({ tools: { get: () => undefined, specs: () => specs, version } });
const clock = { now: () => Date.UTC(2026, 10, 24, 3, 5), monotonic: () => 0, after: () => () => {}, sleep: async () => {} };
const run = (state: Partial<State> = {}, more: Omit<StageRun, "state"> = {}) => runStage(system, { ...more, state });
const builder = (name: string, config: { [key: string]: Json } = {}, stage: { [key: string]: Json } = {}) => ({
  strategies: { builder: name },
  strategy_configs: { builder: config },
  config: stage,
});
const composed = (blocks: NonNullable<Host["promptBlocks"]>["blocks"], more: Partial<NonNullable<Host["promptBlocks"]>> = {}): Host => ({
  promptBlocks: { blocks, ...more },
});

test("the default prompt", async () => {
  const { patch, events } = await run();
  assert.deepEqual(patch, { system: "You are a helpful assistant.", systemVolatile: "", tools: [], toolsVersion: 0 });
  assert.deepEqual(events, [
    {
      type: "system.built",
      data: { prompt_type: "string", prompt_length: 28, tools_count: 0, volatile_placement: "turn_context", turn_context_chars: 0 },
    },
  ]);
});

test("the stage's prompt wins over the builder's, which wins over the default", async () => {
  assert.equal((await run({}, { entry: builder("static", { prompt: "From slot" }) })).patch.system, "From slot");
  assert.equal((await run({}, { entry: builder("static", { prompt: "From slot" }, { prompt: "From stage" }) })).patch.system, "From stage");
});

test("template_vars are substituted, known names only, and once", async () => {
  const config = { prompt: `Hello {name} and ${"$"}{name}, {n} { name } {other} {{x}}`, template_vars: { name: "{n}", n: 7, x: "y" } };
  const { patch, events } = await run({}, { entry: { config } });
  assert.equal(patch.system, "Hello {n} and {n}, 7 {n} {other} {y}");
  assert.equal(events[0]?.data.prompt_length, "Hello {n} and {n}, 7 {n} {other} {y}".length);
});

test("tools are there before the prompt is built: tool_instructions says something on the first pass", async () => {
  const { patch, events } = await run(
    {},
    { entry: builder("composable"), services: { ...tools([add], 4), host: composed([persona("P"), toolInstructions()]) } },
  );
  assert.match(String(patch.system), /^P\n\n# Tool Usage\n./);
  assert.deepEqual([patch.tools, patch.toolsVersion, events[0]?.data.tools_count], [[add], 4, 1]);
});

test("tools that a host put into the state stay", async () => {
  const own = { ...add, name: "own" };
  assert.deepEqual((await run({ tools: [own] }, { services: tools([add]) })).patch.tools, [own]);
});

test("refresh offers tools that were activated meanwhile, and leaves the prompt alone", async () => {
  const state = { system: "P", tools: [], toolsVersion: 1 };
  assert.deepEqual((await run(state, { services: tools([add], 1), call: "refresh" })).patch, {});
  const { patch, events } = await run(state, { services: tools([add], 2), call: "refresh" });
  assert.deepEqual([patch, events], [{ tools: [add], toolsVersion: 2 }, []]);
});

test("clock and memory go apart from the part that can be cached", async () => {
  const host = composed([persona("P"), datetime(), memoryContext(), rules(["a"])]);
  const state = { memoryPinned: "p1", memoryContext: "- [v] k: c" };
  const { patch, events } = await run(state, { entry: builder("composable"), services: { clock, host } });
  assert.equal(patch.system, "P\n\n# Rules\n1. a");
  assert.equal(patch.systemVolatile, "Current date: 2026-11-24 03:05 UTC\n\n# Pinned Facts\np1\n\n# Relevant Knowledge\n- [v] k: c");
  assert.equal(events[0]?.data.turn_context_chars, patch.systemVolatile?.length);
});

test("volatile_placement system keeps every block in its place", async () => {
  const host = composed([persona("P"), datetime(), custom("c", ""), custom("d", "tail")], { separator: " | " });
  const { patch } = await run({}, { entry: builder("composable", {}, { volatile_placement: "system" }), services: { clock, host } });
  assert.deepEqual([patch.system, patch.systemVolatile], ["P | Current date: 2026-11-24 03:05 UTC | tail", ""]);
});

test("volatile text is not a template", async () => {
  const { patch } = await run(
    { memoryContext: "{x}" },
    { entry: builder("composable", {}, { template_vars: { x: "leak" } }), services: { host: composed([memoryContext()]) } },
  );
  assert.match(String(patch.systemVolatile), /\{x\}/);
});

test("composable as blocks keeps cache marks of the host's", async () => {
  const cached = { name: "k", render: () => ({ text: "stable", cache_control: { type: "ephemeral" as const } }) };
  const { patch, events } = await run(
    {},
    {
      entry: builder("composable", { use_content_blocks: true }),
      services: { host: composed([persona("P"), cached, custom("d", "tail")]) },
    },
  );
  assert.deepEqual(patch.system, [
    { type: "text", text: "P" },
    { type: "text", text: "stable", cache_control: { type: "ephemeral" } },
    { type: "text", text: "tail" },
  ]);
  assert.deepEqual([events[0]?.data.prompt_type, events[0]?.data.prompt_length], ["content_blocks", 11]);
});

test("composable without blocks is the stage's prompt, or nothing", async () => {
  assert.equal((await run({}, { entry: builder("composable") })).patch.system, "");
  assert.equal((await run({}, { entry: builder("composable", {}, { prompt: "Mine" }) })).patch.system, "Mine");
});

test("dynamic_persona can be chosen by name; it is asked once a turn", async () => {
  const seen: Json[] = [];
  const host: Host = {
    persona: (state) => {
      seen.push(state.metadata);
      return { blocks: [persona("calm")], tail: "mood 1" };
    },
    promptBlocks: { blocks: [], tail: [custom("t", "tailblock"), custom("u", "other")] },
  };
  const entry = builder("dynamic_persona", { session_meta_keys: ["character"], tail_block_names: ["t"] });
  const { patch, state } = await run({ metadata: { character: "c", secret: 1 } }, { entry, services: { host } });
  await run(state, { entry, services: { host }, call: "refresh" });
  assert.equal(patch.system, "calm\n\ntailblock\n\nmood 1");
  assert.deepEqual(seen, [{ character: "c" }]);
});

test("dynamic_persona without a host: the default builder acts", async () => {
  assert.equal((await run({}, { entry: builder("dynamic_persona") })).patch.system, "You are a helpful assistant.");
});

test("mutable: a text and named sections", async () => {
  const { patch } = await run(
    {},
    { entry: builder("mutable", { prompt: "Base.", sections: { style: "Be brief.", gone: "", facts: "A." } }) },
  );
  assert.equal(patch.system, "Base.\n\n# style\nBe brief.\n\n# facts\nA.");
});
