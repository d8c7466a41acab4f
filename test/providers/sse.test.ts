/** The event reader: bytes in any pieces, the same events out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { APIError } from "geny-executor";
import { sseReader } from "../../src/providers/sse.ts";

const read = (pieces: readonly Uint8Array[], limit?: number): string[] => {
  const said: string[] = [];
  const reader = sseReader((data) => void said.push(data), limit);
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return said;
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const cutAt = (whole: Uint8Array, places: readonly number[]): Uint8Array[] => {
  const ends = [...new Set(places.map((n) => n % (whole.length + 1)))].sort((a, b) => a - b);
  return [...ends, whole.length].map((end, i) => whole.subarray(ends[i - 1] ?? 0, end));
};

test("names, comments, several data lines, BOM, and every kind of line end", () => {
  for (const eol of ["\n", "\r\n", "\r"]) {
    const text = [
      "\uFEFF: hello",
      "event: a",
      "data: one",
      "data:two",
      "id: 7",
      "",
      "",
      "data",
      "",
      "nonsense",
      "data: é日😀",
      "",
      "",
    ].join(eol);
    assert.deepEqual(read([bytes(text)]), ["one\ntwo", "", "é日😀"], JSON.stringify(eol));
  }
});

test("an event whose empty line is missing is said, one that is broken off is not", () => {
  assert.deepEqual(read([bytes("data: whole\n")]), ["whole"]);
  assert.deepEqual(read([bytes("data: whole\r")]), ["whole"]);
  assert.deepEqual(read([bytes("data: who")]), []);
});

test("any split of the bytes gives the same events", () => {
  const word = fc.constantFrom("data: ", "event: x", "data", ":", "\n", "\r", "\r\n", "\n\n", "é", "日本", "😀", "{}", " ", "\uFEFF");
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), fc.array(fc.nat(), { maxLength: 12 }), (words, places) => {
      const whole = bytes(words.join(""));
      assert.deepEqual(read(cutAt(whole, places)), read([whole]));
    }),
    { numRuns: 400 },
  );
});

test("any bytes at all are read without an error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(), { maxLength: 6 }), (whole, places) => {
      assert.deepEqual(read(cutAt(whole, places)), read([whole]));
    }),
    { numRuns: 300 },
  );
});

test("a line without an end is an error at the limit, however it comes", () => {
  const endless = bytes(`data: ${"x".repeat(5000)}`);
  for (const pieces of [[endless], [...endless].map((byte) => new Uint8Array([byte]))])
    assert.throws(
      () => read(pieces, 1000),
      (error) => error instanceof APIError && error.code === "exec.api.unknown" && error.details.limit === 1000,
    );
  assert.throws(() => read([bytes("data: 123456789\n".repeat(200))], 1000), APIError);
});

test("a long line in small pieces takes linear time", () => {
  const piece = bytes("x".repeat(64));
  const pieces = [bytes("data: "), ...Array.from({ length: 60_000 }, () => piece), bytes("\n\n")];
  const before = performance.now();
  assert.equal(read(pieces)[0]?.length, 64 * 60_000);
  assert(performance.now() - before < 2000);
});
