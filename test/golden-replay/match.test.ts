import assert from "node:assert/strict";
import { test } from "node:test";
import { differ, within } from "./match.ts";

const paths = (expected: unknown, got: unknown, open: readonly string[] = []): string[] =>
  differ(expected, got, "v", { open }).map((m) => m.path);

test("wild cards match what was replaced when it was recorded", () => {
  assert.deepEqual(
    paths(
      { a: "<text>", b: "<timestamp>", c: "ckpt_<id>", d: "<repr:object>", e: "<string:3>" },
      { a: "x", b: "y", c: "ckpt_1", d: 5, e: "abc" },
    ),
    [],
  );
  assert.deepEqual(paths({ c: "ckpt_<id>", e: "<string:3>" }, { c: "other_1", e: "ab" }), ["v.c", "v.e"]);
  assert.deepEqual(paths('ERROR <text>\n{"a": 1}', 'ERROR any words\n{"a":1}'), []);
});

test("JSON inside a text is compared as JSON", () => {
  assert.deepEqual(paths('{"a": [1, 2]}', '{"a":[1,2]}'), []);
  assert.deepEqual(paths('{"a": [1, 2]}', '{"a":[1,3]}'), ["v.a[1]"]);
  assert.deepEqual(paths("a b", "a  b"), ["v"]);
});

test("numbers agree to 1e-9, null is nothing, other types differ", () => {
  assert.deepEqual(paths([0.1 + 0.2, null], [0.3, undefined]), []);
  assert.deepEqual(paths([1, "1", true], [1.001, 1, 1]), ["v[0]", "v[1]", "v[2]"]);
});

test("lists have their length, objects their keys, unless they are open", () => {
  assert.deepEqual(paths([1], [1, 2]), ["v.length"]);
  assert.deepEqual(paths({ a: 1 }, { a: 1, b: 2 }), ["v.b"]);
  assert.deepEqual(paths({ a: 1 }, { a: 1, b: 2 }, ["v"]), []);
  assert.deepEqual(paths({ a: 1 }, {}, ["v"]), ["v.a"]);
});

test("a rule's path holds for every index below it, and for no longer name", () => {
  assert.ok(within("requests[0].messages[2].content", "requests.messages"));
  assert.ok(!within("requests[0].messages_count", "requests.messages"));
});
