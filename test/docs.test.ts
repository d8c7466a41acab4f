/** What the docs say is what the code does. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import * as door from "geny-executor";
import { PIPELINE } from "geny-executor/stages";
import { SCENARIOS } from "geny-executor/testing";
import type { Results } from "../scripts/conformance-page.ts";
import { reference } from "../scripts/reference-pages.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

for (const [name, text] of Object.entries(reference()))
  test(`docs/reference/${name} is current (npm run docs)`, () => {
    assert.ok(read(`docs/reference/${name}`) === text, "run npm run docs");
  });

test("the conformance table names the five providers and exactly the scenarios that exist, and none failed (npm run conformance)", () => {
  const results = JSON.parse(read("docs/reference/conformance.json")) as Results;
  const scenarios = Object.values(SCENARIOS).flatMap((all) => all.map(({ name }) => name));
  assert.deepEqual(Object.keys(results), ["anthropic", "openai", "google", "vllm", "claude_code_cli"]);
  for (const [provider, { cases }] of Object.entries(results)) {
    assert.deepEqual(Object.keys(cases).sort(), scenarios.toSorted(), provider);
    for (const [name, { outcome, reasons }] of Object.entries(cases))
      assert(outcome === "passed" || (outcome === "skipped" && reasons.length === 1), `${provider}: ${name} ${outcome}`);
  }
});

test("every manifest that the docs show loads", () => {
  const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: root })];
  const shown = pages.flatMap((page) => [...read(page).matchAll(/```json\n([\s\S]*?)```/g)].map((m) => ({ page, text: m[1] ?? "" })));
  const manifests = shown.filter(({ text }) => text.includes('"stages"'));
  assert.ok(manifests.length > 0);
  for (const { page, text } of manifests) assert.deepEqual(door.validateManifest(JSON.parse(text)), [], page);
});

test("every link of the docs leads somewhere", () => {
  const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: root })];
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
      .map((m) => join(dirname(page), m[1] ?? ""))
      .filter((target) => !existsSync(join(root, target)))
      .map((target) => `${page} → ${target}`),
  );
  assert.deepEqual(broken, []);
});

test("every code and every stage that the guide names exists", () => {
  const stages = new Set<string>([...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface].map((s) => s.name));
  for (const page of ["README.md", ...globSync("docs/guide/*.md", { cwd: root })]) {
    for (const [code] of read(page).matchAll(/\bexec(?:\.[a-z_]+){2,3}\b/g))
      assert.ok(code in door.ERRORS, `${page} names the code ${code}`);
    for (const [, name] of read(page).matchAll(/\bstage \*\*([a-z_]+)\*\*/g))
      assert.ok(stages.has(name ?? ""), `${page} names the stage ${name}`);
  }
});

test("every name that README imports from the package is exported", () => {
  for (const [, names] of read("README.md").matchAll(/import \{([^}]+)\} from "geny-executor";/g))
    for (const name of (names ?? "")
      .split(",")
      .map((n) => n.trim())
      .filter((n) => n && !n.startsWith("type ")))
      assert.ok(name in door, `README imports ${name}`);
});

test("the README's commands are scripts of the package", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  for (const [, name] of read("README.md").matchAll(/\bnpm run ([a-z:]+)/g)) assert.ok(scripts[name ?? ""], `README runs ${name}`);
});
