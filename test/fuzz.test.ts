/** Nothing that comes from outside makes the fold crash, hang or guess. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fold, type ModelEvent } from "geny-executor";

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
