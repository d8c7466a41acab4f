/** Every example runs, as a user would run it, against a scripted model. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { startModel, type Turn } from "geny-executor/testing";

const folder = join(import.meta.dirname, "../examples");
/** What the model says, and what the example must then print. */
const CASES: Record<string, { script: Turn[]; prints: RegExp[]; env?: NodeJS.ProcessEnv }> = {
  minimal: { script: [{ text: "Paris." }], prints: [/^Paris\.$/m, /1 pass/] },
  chat: {
    script: [
      { text: "Hello Alice." },
      { text: "Alice.", expect: { messages: { $contains: { role: "user", content: "My name is Alice." } } } },
    ],
    prints: [/^Hello Alice\.$/m, /^Alice\.$/m, / 4 /],
  },
  agent: {
    script: [{ tool_calls: [{ name: "weather", input: { city: "Seoul" } }] }, { text: "Clear, 21 °C." }],
    prints: [/weather ok/, /21 °C/],
  },
  builder: {
    script: [{ tool_calls: [{ name: "now", input: {} }] }, { text: "It is late." }],
    prints: [/ 5 cache +strategy=aggressive_cache/, /It is late/],
  },
  environments: {
    script: [{ text: "Hello." }],
    prints: [
      /^- the model is claude-haiku-4-5-20251001 instead of claude-sonnet-4-6$/m,
      /^- cost_budget_usd \(most US dollars of one turn\) is 0\.5 instead of none$/m,
      /^asks for: FILES_TOKEN$/m,
      /^\* imported claude-haiku-4-5-20251001 cheap$/m,
      /^Hello\.$/m,
    ],
  },
  manifest: { script: [{ text: "Hello." }], prints: [/^Hello\.$/m] },
  costs: {
    script: [{ text: "Nobody knows.", usage: { input_tokens: 10, output_tokens: 4 } }],
    prints: [
      /reads 1000000 tokens/,
      /an answer of \d+ tokens in place of 8192/,
      /10 tokens in, 4 out: \$0\.00009$/m,
      /^Nobody knows\.$/m,
      /refused before/,
    ],
  },
  mutation: {
    script: [{ text: "Paris." }, { text: "Madrid." }],
    prints: [
      /^asks claude-sonnet-4-6$/m,
      /^mutation\.applied swap_strategy stage:2\.strategy$/m,
      /^asks claude-haiku-4-5$/m,
      /^exec\.mutation\.invalid: hybrid$/m,
      /^taken back: 2 changes$/m,
      /^claude-sonnet-4-6, says the manifest$/m,
    ],
  },
  mcp: {
    script: [{ tool_calls: [{ name: "mcp__cities__population", input: { city: "Seoul" } }] }, { text: "9.6 million." }],
    prints: [
      /^offered: mcp__cities__population$/m,
      /^mcp__cities__population → 9\.6$/m,
      /^9\.6 million\.$/m,
      /^mcp__cities__population read$/m,
      /^exec\.mcp\.connect_failed The MCP server "lost" could not be started/m,
    ],
  },
  subagents: {
    script: [
      { text: "[DELEGATE: scout: Which Node does package.json ask for?]" },
      { tool_calls: [{ name: "Grep", input: { pattern: '"node": ".*"', path: "package.json" } }] },
      { text: "22.18 or newer (package.json)." },
      { text: "Node 22.18." },
    ],
    prints: [
      /^scout \(success\): Which Node does package\.json ask for\?\n {2}22\.18 or newer/m,
      /^Node 22\.18\.$/m,
      /^3 calls, \$0\.\d{4} in all$/m,
    ],
  },
  errors: { script: [], prints: [/exec\.stage\.guard_rejected: cost_budget/] },
  failover: {
    script: [{ fault: { kind: "status", status: 429, retry_after: 60 } }, { text: "Paris." }],
    prints: [
      /switched .*"team".* → .*"mine".* exec\.api\.rate_limited/,
      /^Paris\.$/m,
      /^claude-haiku-4-5-20251001 of anthropic answered, after 1 /m,
    ],
  },
  events: { script: [{ text: "Hi." }], prints: [/enter api/, /api\.request/, /again 0 pipeline\.start/, /again \d+ pipeline\.complete/] },
  streaming: { script: [{ text: "144" }], prints: [/144/, /total_cost_usd/] },
  "structured-output": {
    script: [{ text: "Paris has 2.1 million." }, { text: '{"city":"Paris","inhabitants":2100000}' }],
    prints: [/asked again: no JSON/, /city: 'Paris', inhabitants: 2100000/],
  },
  // The real program plays it in test/providers/claude-code-tools-real.test.ts.
  "claude-code": { script: [], prints: [/`claude` was not found/], env: { PATH: "", CLAUDE_CODE_BINARY: "" } },
  "custom-stage": { script: [{ text: "One two three." }], prints: [/^3 words$/m, /^3$/m] },
  "custom-provider": {
    script: [{ text: "Paris." }],
    prints: [/^mine: Paris\.$/m, /^\d\d cases passed, \d\d cannot be played on this wire\.$/m],
  },
  "custom-strategy": { script: [{ text: "Fine." }], prints: [/^Fine\.$/m] },
};

test("there is a case for every example", () => {
  assert.deepEqual(
    globSync("[a-z]*.ts", { cwd: folder })
      .map((f) => basename(f, ".ts"))
      .sort(),
    Object.keys(CASES).sort(),
  );
});

for (const [name, { script, prints, env: own }] of Object.entries(CASES))
  test(`examples/${name}.ts`, { concurrency: true }, async () => {
    await using model = await startModel({ script });
    const env = { ...process.env, ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: model.url, ...own };
    const child = spawn(process.execPath, ["--conditions=geny-executor-source", join(folder, `${name}.ts`)], { env, timeout: 20_000 });
    let out = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (out += data));
    const code = await new Promise((ok) => child.on("close", ok));
    assert.equal(code, 0, out);
    for (const line of prints) assert.match(out, line);
    model.expectDone();
  });
