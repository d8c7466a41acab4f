/** The recorded exchanges with providers' HTTP APIs: the same requests, the same answers, or a difference that is listed. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { differences } from "./rules-wires.ts";
import { compare, type Recording } from "./wires.ts";

const folder = process.env.GOLDEN ?? join(import.meta.dirname, "../golden");
const recordings = async (wire: string): Promise<readonly Recording[]> =>
  (await readFile(join(folder, `wires/${wire}.jsonl`), "utf8"))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

const occurred = new Set<string>();
for (const wire of ["anthropic", "openai", "google", "vllm"])
  for (const recording of await recordings(wire))
    test(`${wire} wire: ${recording.name}`, async () => {
      for (const mismatch of await compare(recording)) {
        const found = differences.filter((difference) => difference.covers(mismatch));
        const { part, key, wanted, got } = mismatch;
        assert(found.length, `${part} ${key}: recorded ${JSON.stringify(wanted)}, ours ${JSON.stringify(got)}`);
        for (const { rule } of found) occurred.add(rule);
      }
    });

test("every listed difference occurs", { skip: process.env.GOLDEN !== undefined }, () => {
  assert.deepEqual(
    differences.filter(({ rule }) => !occurred.has(rule)).map(({ rule }) => rule),
    [],
  );
});
