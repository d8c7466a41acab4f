/** Prices: exact, dated, never guessed. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createPricing } from "geny-executor/providers";

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
      assert.deepEqual(
        price && { ...price },
        { input: row.input, output: row.output, cacheRead: row.cache_read ?? null, cacheWrite: row.cache_write ?? null },
        model,
      );
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
    "claude-opus-5",
    "claude-fable-5-2",
    "gpt-5",
    "gpt-4.1-mega",
    "o1",
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
