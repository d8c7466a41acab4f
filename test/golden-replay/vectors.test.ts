/** Every recorded call of a stage's strategies gives what was recorded, or is covered by a difference that says why not. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { Vector, VectorReplay } from "./types.ts";

const OWN = join(import.meta.dirname, "..", "golden");
const GOLDEN = process.env.GOLDEN ?? OWN;
const file = join(GOLDEN, "stages.json");
const HERE = join(import.meta.dirname, "vectors");

const WILD = /<(text|id|timestamp)>/;
/** Whether ours is what was recorded: floats to 1e-9, wildcards inside texts. */
const matches = (recorded: unknown, ours: unknown): boolean => {
  if (typeof recorded === "string" && WILD.test(recorded)) {
    if (recorded === "<text>") return typeof ours === "string" && ours !== "";
    const pattern = recorded.split(/<(?:text|id|timestamp)>/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return typeof ours === "string" && new RegExp(`^${pattern.join("[^]+")}$`).test(ours);
  }
  if (typeof recorded === "number" && typeof ours === "number") return Math.abs(recorded - ours) <= 1e-9 * Math.max(1, Math.abs(recorded));
  if (Array.isArray(recorded))
    return Array.isArray(ours) && recorded.length === ours.length && recorded.every((value, i) => matches(value, ours[i]));
  if (typeof recorded !== "object" || recorded === null || typeof ours !== "object" || ours === null || Array.isArray(ours))
    return Object.is(recorded, ours);
  const [left, right] = [recorded, ours].map((object) => Object.keys(object).sort());
  return (
    isDeepStrictEqual(left, right) &&
    Object.entries(recorded).every(([key, value]) => matches(value, (ours as Record<string, unknown>)[key]))
  );
};

const load = (): Vector[] =>
  (JSON.parse(readFileSync(file, "utf8")).vectors as ({ constructor?: Record<string, unknown> } & Vector)[]).map((vector) =>
    Object.hasOwn(vector, "constructor") ? { ...vector, constructor_: vector.constructor as Record<string, unknown> } : vector,
  );
const vectors = existsSync(file) ? load() : [];
const files = (await readdir(HERE)).filter((name) => name.endsWith(".ts")).sort();
const stageOf = (name: string): string => name.slice(3, -3).replaceAll("-", "_");

for (const name of files)
  test(`recorded strategies: ${stageOf(name)}`, async () => {
    const { replay, differences }: VectorReplay = await import(join(HERE, name));
    const mine = vectors.filter((vector) => vector.stage === stageOf(name));
    const wrong: string[] = [];
    const used = new Set<string>();
    for (const vector of mine) {
      const ours = await replay(vector);
      if (matches(vector.output, ours)) continue;
      const why = differences.filter((difference) => difference.covers(vector));
      for (const { rule } of why) used.add(rule);
      if (why.length) continue;
      const { slot, strategy, input, config, constructor_, output } = vector;
      wrong.push(
        `${slot} ${strategy} ${JSON.stringify({ config, constructor_, input })}\n  recorded ${JSON.stringify(output)}\n  ours     ${JSON.stringify(ours)}`,
      );
    }
    assert.deepEqual(wrong, [], wrong.join("\n"));
    if (GOLDEN !== OWN) return;
    assert.ok(mine.length, "the recordings hold no vector of this stage: is the file named as its stage?");
    for (const { rule } of differences) assert.ok(used.has(rule), `nothing differs by the difference "${rule}"`);
  });

test("no recorded stage is left out", () => {
  const known = new Set(files.map(stageOf));
  assert.deepEqual(
    [...new Set(vectors.map((vector) => vector.stage))].filter((stage) => !known.has(stage)),
    [],
  );
});
