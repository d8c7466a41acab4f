/** Which folder may import which, and what a stage's file is called. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { PIPELINE } from "../src/stages/index.ts";

const src = join(import.meta.dirname, "../src");
const files = globSync("**/*.ts", { cwd: src }).map((f) => f.replaceAll("\\", "/"));
const ROOT = "(root)";
const room = (file: string): string => (file.includes("/") ? (file.split("/")[0] ?? ROOT) : ROOT);

/** Beside its own folder. Types of contract/ are open to all. */
const MAY: Record<string, readonly string[]> = {
  contract: [],
  engine: ["contract"],
  stages: ["contract"],
  providers: ["contract"],
  tools: ["contract"],
  mcp: ["contract"],
  policy: ["contract"],
  memory: ["contract"],
  sessions: ["contract"],
  manifest: ["contract", "engine", "stages"],
  agents: ["contract", "engine"],
  durable: ["contract", "engine"],
  telemetry: ["contract", "engine"],
};
/** Without its comments. */
const code = (file: string): string =>
  readFileSync(join(src, file), "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\/\/.*/g, "");
const numberOf = (file: string): string | undefined => /^stages\/(\d\d)-/.exec(file)?.[1];
/** These know the rest of the library as a stranger does. */
const STRANGERS = ["cli", "inspector", "testing"];
const DOORS = /^(index|[a-z]+\/index)\.ts$/;

const imports = (file: string) =>
  [
    ...readFileSync(join(src, file), "utf8").matchAll(
      /(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"(\.[^"]+)"|import\("(\.[^"]+)"\)/g,
    ),
  ].map((m) => ({
    target: relative(src, join(src, dirname(file), m[2] ?? m[3] ?? "")).replaceAll("\\", "/"),
    typeOnly: m[1] !== undefined,
  }));

test("every folder imports only what the house allows", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const own = room(file);
    for (const { target, typeOnly } of imports(file)) {
      const to = room(target);
      if (to === own || own === ROOT) continue;
      const allowed = STRANGERS.includes(own) ? DOORS.test(target) || (typeOnly && to === "contract") : (MAY[own] ?? []).includes(to);
      if (!allowed) wrong.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("every folder is one that the house knows", () => {
  const rooms = new Set(files.map(room));
  rooms.delete(ROOT);
  assert.deepEqual(
    [...rooms].filter((r) => !(r in MAY) && !STRANGERS.includes(r)),
    [],
  );
});

test("no stage imports another; what several share imports no stage", () => {
  const wrong = files
    .filter((f) => f.startsWith("stages/") && f !== "stages/index.ts")
    .flatMap((file) => {
      const stage = numberOf(file);
      return imports(file)
        .filter(({ target }) => numberOf(target) !== undefined && numberOf(target) !== stage)
        .map(({ target }) => `${file} imports ${target}`);
    });
  assert.deepEqual(wrong, []);
});

test("the number in a stage's file name is its place", () => {
  const names = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface].map(
    (s, i) => `${String(i + 1).padStart(2, "0")}-${s.name.replaceAll("_", "-")}.ts`,
  );
  assert.deepEqual(
    files
      .filter((f) => /^stages\/\d/.test(f) && f.split("/").length === 2)
      .map((f) => f.slice(7))
      .sort(),
    names,
  );
});

test("outside contract/ nothing is any", () => {
  const wrong = files.filter((f) => !f.startsWith("contract/") && /\bas any\b|: any\b|<any>|@ts-ignore|@ts-expect-error/.test(code(f)));
  assert.deepEqual(wrong, []);
});

test("importing a module does nothing but define", () => {
  const wrong = files.filter((f) => f !== "cli/main.ts" && /^(?:process\.|await |console\.)/m.test(readFileSync(join(src, f), "utf8")));
  assert.deepEqual(wrong, []);
});
