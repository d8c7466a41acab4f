/** Prices: exact, dated, never guessed. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { contextWindow, createPricing, maxOutput, modelFacts } from "geny-executor/providers";

const pricing = createPricing();
const folder = process.env.GOLDEN ?? join(import.meta.dirname, "../golden");
type Row = { input: number; output: number; cache_write?: number; cache_read?: number };
const golden: { tables_per_million: { [vendor: string]: { [model: string]: Row } } } = JSON.parse(
  await readFile(join(folder, "pricing.json"), "utf8"),
);

test("every recorded price is ours", () => {
  for (const table of Object.values(golden.tables_per_million))
    for (const [model, row] of Object.entries(table)) {
      const price = pricing.price(model);
      const { input, output, cacheRead, cacheWrite } = price ?? {};
      assert.deepEqual([input, output], [row.input, row.output], model);
      // Wanted differences: the recorded table has no cached rates for two of the vendors, no rate for an hour and no tiers.
      if (row.cache_read !== undefined) assert.deepEqual([cacheRead, cacheWrite], [row.cache_read, row.cache_write], model);
    }
});

test("a dated or latest form has its model's price", () => {
  for (const id of ["claude-haiku-4-5-20251001", "claude-haiku-4-5-latest", "claude-haiku-4-5"])
    assert.equal(pricing.price(id)?.input, 1, id);
  assert.equal(pricing.price("gpt-4o-2024-08-06")?.input, 2.5);
  assert.equal(pricing.price("claude-opus-5-5-20261001")?.output, 20);
});

test("a newer or longer name is never priced as the one that it begins with", () => {
  for (const id of [
    "claude-sonnet-5-5",
    "claude-opus-6",
    "claude-fable-5-2",
    "gpt-5.7",
    "gpt-4.1-mega",
    "o9",
    "gemini-3-pro",
    "claude-opus",
    "",
    "constructor",
  ])
    assert.equal(pricing.price(id), null, id);
});

test("an alias has the price of its model", () => assert.deepEqual(pricing.price("sonnet"), pricing.price("claude-sonnet-4-6")));

test("overrides win, and add", () => {
  const own = createPricing({
    overrides: {
      "my-model": { input: 1, output: 2, cacheRead: null, cacheWrite: null },
      o3: { input: 9, output: 9, cacheRead: 0, cacheWrite: 0 },
    },
  });
  assert.equal(own.price("my-model-20260101")?.output, 2);
  assert.equal(own.price("o3")?.input, 9);
  assert.equal(own.price("gpt-4o")?.input, 2.5);
});

test("a price that is stated to change does so on its day", () => {
  const at = (day: string) => createPricing({ now: () => Date.parse(day) }).price("gemini-3.8-flash");
  const [before, after] = [at("2026-12-31T23:59:59Z"), at("2027-01-01")];
  assert.deepEqual([before?.input, after?.input], [0.75, 1.5]);
});

test("what a model reads and how long it answers is stated beside its price, and unknown for a model that is not there", () => {
  assert.deepEqual(modelFacts("claude-haiku-4-5-20251001"), { contextWindow: 200_000, maxOutput: 64_000 });
  assert.equal(contextWindow("opus"), contextWindow("claude-opus-4-7"));
  assert.equal(maxOutput("gemini-2.5-pro"), 65_536);
  assert.deepEqual(modelFacts("my-model"), { contextWindow: null, maxOutput: null });
});

test("long prompts have their tiers", () => {
  assert.deepEqual(
    pricing.price("gemini-2.5-pro")?.tiers?.map(({ above, input, output }) => [above, input, output]),
    [[200_000, 2.5, 15]],
  );
});
