import assert from "node:assert/strict";
import { matchesGlob } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { matches, parsePattern } from "../../src/tools/builtin/pattern.ts";

const fits = (pattern: string, path: string) => matches(parsePattern(pattern), path.split("/"));

test("file patterns", () => {
  const yes = [
    ["*.ts", "a.ts"],
    ["*.ts", "deep/a.ts"],
    ["src/**/*.ts", "src/a.ts"],
    ["src/**/*.ts", "src/x/y/a.ts"],
    ["**", "a/b"],
    ["a/**", "a/b/c"],
    ["{a,b}/*.{ts,md}", "b/x.md"],
    ["{a,{b,c}d}", "cd"],
    ["[!a-c]?", "dx"],
    ["\\*", "*"],
    ["{x}", "{x}"],
    ["[", "["],
    ["./a/./b", "a/b"],
    ["*", ".hidden"],
  ] as const;
  for (const [pattern, path] of yes) assert.ok(fits(pattern, path), `${pattern} ${path}`);
  const no = [
    ["src/*.ts", "src/x/a.ts"],
    ["a/**", "a"],
    ["*.ts", "a.tsx"],
    ["[!a-c]", "b"],
    ["a?", "a"],
    ["{a,b}", "c"],
  ] as const;
  for (const [pattern, path] of no) assert.ok(!fits(pattern, path), `${pattern} ${path}`);
  for (const pattern of ["", "/abs", "a/../b"]) assert.throws(() => parsePattern(pattern), { name: "Refused" });
  assert.equal(parsePattern("../../x").up, 2);
  assert.throws(() => parsePattern("{a,b}".repeat(20)), { name: "Refused" });
});

test("patterns agree with the platform's own on random ones", () => {
  const segment = fc
    .array(fc.constantFrom("a", "b", "*", "?", "[ab]", "[!b]"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("").replace(/\*+/g, "*"));
  const pattern = fc.array(fc.oneof(segment, fc.constant("**")), { minLength: 2, maxLength: 4 }).map((parts) => [...parts, "a*"].join("/"));
  const name = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 });
  const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(pattern, path, (p, q) => fits(p, q) === matchesGlob(q, p)),
    { numRuns: 500 },
  );
});

test("a pattern of many stars takes no long time", () => {
  const from = performance.now();
  assert.ok(!fits(`${"*a".repeat(40)}b`, "a".repeat(5000)));
  assert.ok(performance.now() - from < 1000);
});
