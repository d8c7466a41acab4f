/** Nothing that comes from outside makes the fold or the compiler crash, hang or guess. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError, fold, type ModelEvent, Pipeline, PipelinePresets } from "geny-executor";

const index = fc.integer({ min: 0, max: 3 });
const event: fc.Arbitrary<ModelEvent> = fc.oneof(
  fc.record({ type: fc.constant("text" as const), index, text: fc.string() }),
  fc.record({ type: fc.constant("thinking" as const), index, text: fc.string() }),
  fc.record({ type: fc.constant("thinking" as const), index, text: fc.string(), signature: fc.string() }),
  fc.record({ type: fc.constant("tool_call_start" as const), index, id: fc.string(), name: fc.string() }),
  fc.record({ type: fc.constant("tool_call_delta" as const), index, json: fc.string() }),
  fc.record({ type: fc.constant("tool_call" as const), index, id: fc.string(), name: fc.string(), input: fc.constant({ a: 1 }) }),
  fc.record({
    type: fc.constant("block" as const),
    index,
    block: fc.record({ type: fc.constant("redacted_thinking" as const), data: fc.string() }),
  }),
  fc.record({ type: fc.constant("finish" as const), stopReason: fc.string() }),
);

test("the message fold keeps every character of text, in order, whatever comes between", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const answer = fold("p", "m");
      for (const e of events) answer.add(e);
      const { content } = answer.response();
      const said = content.map((b) => (b.type === "text" ? b.text : "")).join("");
      assert.equal(said, events.map((e) => (e.type === "text" ? e.text : "")).join(""));
      assert.equal(content.filter((b) => b.type === "tool_use").length, events.filter((e) => e.type === "tool_call").length);
      assert.ok(
        content.every((b) => b.type !== "text" || b.text !== ""),
        "no empty text block",
      );
      assert.equal(
        answer.finished,
        events.some((e) => e.type === "finish"),
      );
    }),
    { numRuns: 500 },
  );
});

test("the message fold can be read at any time without changing what it becomes", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const once = fold("p", "m");
      const often = fold("p", "m");
      for (const e of events) {
        once.add(e);
        often.add(e);
        often.response();
      }
      assert.deepEqual(often.response(), once.response());
    }),
    { numRuns: 200 },
  );
});

type Path = (string | number)[];
/** Every place in a document. */
const paths = (value: unknown, at: Path = []): Path[] =>
  typeof value === "object" && value !== null
    ? [at, ...Object.entries(value).flatMap(([k, v]) => paths(v, [...at, Array.isArray(value) ? Number(k) : k]))]
    : [at];
const put = (value: unknown, [key, ...rest]: Path, to: unknown): unknown => {
  if (key === undefined) return to;
  if (Array.isArray(value)) return value.map((v, i) => (i === key ? put(v, rest, to) : v));
  return Object.fromEntries(Object.entries(value as object).map(([k, v]) => [k, k === key ? put(v, rest, to) : v]));
};

test("a manifest with anything in any place loads, or is refused with findings that have a path", async () => {
  const document = PipelinePresets.agent().snapshot().toJSON();
  const places = paths(document);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...places),
      fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom("__proto__", "constructor", {}, [], -1, 0.5)),
      async (path, value) => {
        const changed = put(document, path, value);
        try {
          const pipeline = await Pipeline.fromManifest(changed as typeof document);
          await pipeline.close();
        } catch (error) {
          assert.ok(error instanceof ConfigError, String((error as Error).stack));
          assert.ok(error.findings.some((f) => f.severity === "error" && typeof f.path === "string" && f.message));
        }
        assert.equal(({} as Record<string, unknown>).polluted, undefined);
      },
    ),
    { numRuns: 400 },
  );
});
