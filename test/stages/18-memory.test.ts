import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Message } from "geny-executor";
import { memory } from "../../src/stages/18-memory.ts";
import { runStage, testServices } from "../../src/testing/run-stage.ts";

const messages: readonly Message[] = [
  {
    id: "m1",
    origin: "user",
    role: "user",
    content: [
      { type: "image", source: { type: "base64", media_type: "image/png", data: "QUJD" }, _meta: { name: "a.png" } },
      { type: "text", text: "look" },
    ],
  },
  { id: "m2", origin: "model", role: "assistant", content: [{ type: "text", text: "한" }] },
];
const typesOf = (run: { events: readonly { type: string }[] }) => run.events.map((e) => e.type);
const inFolder = async (work: (folder: string) => Promise<void>) => {
  const folder = await mkdtemp(join(tmpdir(), "geny-memory-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};

test("append_only keeps what is there and says that it ran", async () => {
  const run = await runStage(memory, { state: { messages } });
  assert.deepEqual([run.patch, run.events], [{}, [{ type: "memory.updated", data: { strategy: "append_only" } }]]);
});

test("it is left out when stateless or without memory, and runs for a broken turn", async () => {
  assert.equal((await runStage(memory, { entry: { config: { stateless: true } } })).bypass, "stateless");
  assert.equal((await runStage(memory, { entry: { strategies: { strategy: "no_memory" } } })).bypass, "no memory");
  assert.equal(memory.brokenTurn, "run");
});

test("reflective marks the turn", async () => {
  const run = await runStage(memory, { state: { messages }, entry: { strategies: { strategy: "reflective" } } });
  assert.deepEqual(run.patch, { needsReflection: true });
  assert.deepEqual(run.events[0], { type: "memory.reflection_queued", data: { message_count: 2, iteration: 0 } });
});

test("one bad insight does not lose the good ones", async () => {
  const pendingInsights = [
    { title: " A ", content: "b" },
    { title: "", content: "d" },
    "junk",
    { title: "C", content: "d", importance: "HIGH", tags: ["t", 1] },
  ];
  const run = await runStage(memory, { state: { pendingInsights }, entry: { strategies: { strategy: "structured_reflective" } } });
  assert.deepEqual(typesOf(run), [
    "memory.insight_invalid",
    "memory.insight_invalid",
    "memory.insight_recorded",
    "memory.insight_recorded",
    "memory.structured_reflection_done",
    "memory.updated",
  ]);
  assert.deepEqual(run.patch, {
    needsReflection: false,
    pendingInsights: [],
    insights: [
      { title: "A", content: "b", category: "general", tags: [], importance: "medium", ref: null, metadata: {} },
      { title: "C", content: "d", category: "general", tags: ["t", "1"], importance: "high", ref: null, metadata: {} },
    ],
  });
});

test("the file has the history, without the bytes of pictures, under a safe name", () =>
  inFolder(async (folder) => {
    const base_dir = join(folder, "memory");
    const entry = { strategies: { persistence: "file" }, strategy_configs: { persistence: { base_dir } } };
    const run = await runStage(memory, { state: { messages, sessionId: "a/b\\c" }, entry });
    assert.deepEqual(run.events[0], { type: "memory.persisted", data: { session_id: "a/b\\c", message_count: 2, persistence: "file" } });
    assert.deepEqual(await readdir(base_dir), ["a_b_c.json"]);
    assert.deepEqual(JSON.parse(await readFile(join(base_dir, "a_b_c.json"), "utf8")), [
      {
        role: "user",
        content: [
          { type: "image", source: { type: "base64", media_type: "image/png", data: null, _dehydrated: true }, _meta: { name: "a.png" } },
          { type: "text", text: "look" },
        ],
      },
      { role: "assistant", content: [{ type: "text", text: "한" }] },
    ]);
    await runStage(memory, { state: { messages, sessionId: ".." }, entry });
    assert.deepEqual((await readdir(base_dir)).sort(), ["__.json", "a_b_c.json"]);
    assert.deepEqual(await readdir(folder), ["memory"]);
  }));

test("the folder is made at the first write, not when the pipeline is built", () =>
  inFolder(async (folder) => {
    const base_dir = join(folder, "later");
    memory.slots.persistence.strategies.file.create({ base_dir }, testServices());
    assert.ok(!existsSync(base_dir));
  }));

test("a path in the stage's config writes files whatever the slot says", () =>
  inFolder(async (folder) => {
    const entry = { strategies: { persistence: "in_memory" }, config: { persistence_path: folder } };
    const run = await runStage(memory, { state: { messages, sessionId: "s" }, entry });
    assert.equal(run.events[0]?.data.persistence, "file");
    assert.deepEqual(await readdir(folder), ["s.json"]);
  }));

test("in_memory writes to the pipeline's store", async () => {
  const services = testServices();
  await runStage(memory, { state: { messages, sessionId: "s" }, entry: { strategies: { persistence: "in_memory" } }, services });
  assert.equal(((await services.store.get("memory.s")) as unknown[]).length, 2);
});

test("a run without a session id is not written, and says so", async () => {
  const warnings: unknown[] = [];
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, warn: (text: unknown) => void warnings.push(text), error: quiet };
  const run = await runStage(memory, { state: { messages }, entry: { strategies: { persistence: "in_memory" } }, services: { log } });
  assert.deepEqual(typesOf(run), ["memory.not_persisted", "memory.updated"]);
  assert.equal(warnings.length, 1);
});

test("a failed write leaves neither half a file nor a temporary one, fails the stage, and keeps what was learnt", () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, "file"), "in the way");
    const entry = { strategies: { strategy: "reflective" }, config: { persistence_path: join(folder, "file") } };
    await assert.rejects(runStage(memory, { state: { messages, sessionId: "s" }, entry }), (broken: { patch: object; cause: Error }) => {
      assert.deepEqual(broken.patch, { needsReflection: true });
      return /EEXIST|ENOTDIR/.test(broken.cause.message);
    });
    assert.deepEqual(await readdir(folder), ["file"]);
  }));

test("provider_driven hands the host every message and tells how many were new", async () => {
  const kept = new Set<string>();
  const recordTurns = async (all: readonly Message[]) => {
    const before = kept.size;
    for (const { id } of all) kept.add(id);
    return kept.size - before;
  };
  const entry = { strategies: { strategy: "provider_driven" } };
  const first = await runStage(memory, { state: { messages }, entry, services: { host: { recordTurns } } });
  assert.deepEqual(first.events, [
    { type: "memory.provider_recorded", data: { count: 2, total_messages: 2 } },
    { type: "memory.updated", data: { strategy: "provider_driven" } },
  ]);
  // After a compaction the list is shorter; what is new is still found.
  const compacted = [messages[1], { id: "m3", origin: "user", role: "user", content: "next" }] as Message[];
  const second = await runStage(memory, { state: { messages: compacted }, entry, services: { host: { recordTurns } } });
  assert.deepEqual(second.events[0]?.data, { count: 1, total_messages: 2 });
});

test("provider_driven without a host's memory gives way to the default", async () => {
  const run = await runStage(memory, { entry: { strategies: { strategy: "provider_driven" } } });
  assert.deepEqual(run.events, [{ type: "memory.updated", data: { strategy: "append_only" } }]);
});
