import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { type ContentBlock, type Json, type Message, type MessageInput, StageError, toolResults, toolUses } from "geny-executor";
import { input } from "../../src/stages/01-input.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const run = (given: Json, more: Partial<StageRun> = {}) => runStage(input, { ...more, state: { ...more.state, input: given } });
/** A history as a host hands it in: without ids and origins. */
const history = (...messages: MessageInput[]) => ({ state: { messages: messages as readonly Message[] } });
const call = (id: string): ContentBlock => ({ type: "tool_use", id, name: "add", input: {} });
const result = (id: string): ContentBlock => ({ type: "tool_result", tool_use_id: id, content: "5" });

test("text becomes the newest user message", async () => {
  const { patch, events } = await run("  hi ");
  assert.deepEqual(patch.messages, [{ id: "m1", origin: "user", role: "user", content: "hi" }]);
  assert.deepEqual(events, [{ type: "input.normalized", data: { text_length: 2, images: 0, files: 0 } }]);
});

test("unfit input ends the turn with the reason", async () => {
  await assert.rejects(run("   "), (error) => {
    assert.ok(error instanceof StageError);
    assert.match(error.message, /^Input validation failed: /);
    assert.deepEqual([error.code, error.stage, error.order], ["exec.stage.failed", "input", 1]);
    return true;
  });
});

test("length is counted in characters, not in UTF-16 units", async () => {
  const entry = { strategy_configs: { validator: { max_length: 2 } } };
  const { events } = await run("😀😀", { entry });
  assert.equal(events[0]?.data.text_length, 2);
  await assert.rejects(run("😀😀😀", { entry }), /more than the 2/);
});

test("an input that looks normalized already is validated all the same", async () => {
  const entry = { strategies: { validator: "strict" }, strategy_configs: { validator: { blocked_patterns: ["secret"] } } };
  await assert.rejects(run({ text: "the SECRET", images: [], files: [] }, { entry }), /blocked text "secret"/);
});

test("a bad validator config is a finding, not silently the default", async () => {
  const strict = (config: { [key: string]: Json }) =>
    run("x", { entry: { strategies: { validator: "strict" }, strategy_configs: { validator: config } } });
  await assert.rejects(strict({ blocked_patterns: "no list" }), /blocked_patterns: must be a list/);
  await assert.rejects(strict({ max_length: -1 }), /max_length: must be at least 1/);
  const schema = { strategies: { validator: "schema" }, strategy_configs: { validator: { schema: { required: "a" } } } };
  await assert.rejects(run({ a: 1 }, { entry: schema }), /schema\.required/);
});

test("local images are read, with and without file://", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "input-")), "a.png");
  await writeFile(path, "ABC");
  const { patch } = await run({ text: "see", images: [{ url: path, mime_type: "image/webp" }, { url: pathToFileURL(path).href }] });
  const source = (media_type: string) => ({ type: "image", source: { type: "base64", media_type, data: "QUJD" } });
  assert.deepEqual(patch.messages?.[0]?.content, [source("image/webp"), source("image/png"), { type: "text", text: "see" }]);
});

test("a local image that cannot be read keeps its address, and the log says so", async () => {
  const warned: unknown[] = [];
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, error: quiet, warn: (...args: unknown[]) => void warned.push(args) };
  const { patch } = await run({ text: "x", images: [{ url: "/nonexistent.png" }] }, { services: { log } });
  assert.deepEqual(patch.messages?.[0]?.content, [
    { type: "image", source: { type: "url", url: "/nonexistent.png" } },
    { type: "text", text: "x" },
  ]);
  assert.equal(warned.length, 1);
});

test("an image without data is refused here, not by the vendor", async () => {
  await assert.rejects(
    run({ text: "x", images: [{ name: "n.png" }] }),
    /Input validation failed: the image "n.png" has neither data nor url/,
  );
});

test("no empty text block stands beside an image", async () => {
  const { patch } = await run({ images: [{ data: "QQ==" }] });
  assert.deepEqual(patch.messages?.[0]?.content, [{ type: "image", source: { type: "base64", media_type: "image/png", data: "QQ==" } }]);
});

test("a host's history gets ids and origins", async () => {
  const { patch, events } = await run(
    "next",
    history({ role: "user", content: "a" }, { role: "assistant", content: [call("t1")] }, { role: "user", content: [result("t1")] }),
  );
  assert.deepEqual(
    patch.messages?.map((m) => [m.id, m.origin]),
    [
      ["m1", "user"],
      ["m2", "model"],
      ["m3", "tool"],
      ["m4", "user"],
    ],
  );
  assert.deepEqual(
    events.map((e) => e.type),
    ["input.normalized"],
  );
});

test("a stored call without a result is answered before the next request", async () => {
  const { patch, events } = await run(
    "next",
    history(
      { role: "user", content: "a" },
      { role: "assistant", content: [call("t1"), call("t2")] },
      { role: "user", content: [result("t2")] },
    ),
  );
  assert.deepEqual(events[0], { type: "input.tool_calls_repaired", data: { count: 1 } });
  const answers = toolResults(patch.messages?.[2]?.content ?? "");
  assert.deepEqual(
    answers.map((r) => [r.tool_use_id, r.is_error ?? false]),
    [
      ["t1", true],
      ["t2", false],
    ],
  );
});

test("a result that stands too late is pulled to its call; one without a call becomes text", async () => {
  const { patch } = await run(
    "next",
    history(
      { role: "assistant", content: [call("t1")] },
      { role: "user", content: "wait" },
      { role: "user", content: [result("t1")] },
      { role: "user", content: [result("t9")] },
    ),
  );
  const contents = patch.messages?.map((m) => m.content);
  assert.deepEqual(contents?.slice(0, 3), [[call("t1")], [result("t1")], "wait"]);
  assert.match(JSON.stringify(contents?.[3]), /"type":"text".*no longer holds/);
});

test("any history is whole after stage 1, and mending it twice changes nothing", async () => {
  const id = fc.constantFrom("a", "b", "c");
  const block = fc.oneof(id.map(call), id.map(result), fc.constant<ContentBlock>({ type: "text", text: "t" }));
  const message = fc.oneof(
    fc.record({
      role: fc.constant("user" as const),
      content: fc.array(
        block.filter((b) => b.type !== "tool_use"),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    fc.record({
      role: fc.constant("assistant" as const),
      content: fc.uniqueArray(
        block.filter((b) => b.type !== "tool_result"),
        { minLength: 1, maxLength: 3, selector: (b) => (b.type === "tool_use" ? b.id : b) },
      ),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 8 }), async (messages) => {
      const once = (await run("end", history(...messages))).state.messages;
      for (const [i, { role, content }] of once.entries()) {
        const asked = role === "assistant" ? toolUses(content).map((c) => c.id) : [];
        assert.deepEqual(
          toolResults(once[i + 1]?.content ?? "")
            .map((r) => r.tool_use_id)
            .sort(),
          asked.sort(),
        );
      }
      assert.deepEqual(toolResults(once[0]?.content ?? ""), []);
      const twice = await run("end", { state: { messages: once } });
      assert.deepEqual(twice.state.messages.slice(0, -1), once);
    }),
    { numRuns: 300 },
  );
});
