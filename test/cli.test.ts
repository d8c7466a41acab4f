/** The command line, as a process: what it prints, where, and how it ends. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { VARIABLES } from "geny-executor/providers";
import { type LocalServer, startModel } from "geny-executor/testing";
import { fakeClaude, lines, saying } from "./providers/claude-code-fake.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");
const folder = async () => {
  const dir = await mkdtemp(join(tmpdir(), "geny-cli-"));
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
};
const start = (args: readonly string[], { cwd, env = {}, input }: { cwd?: string; env?: Record<string, string>; input?: string } = {}) => {
  // What this machine has of keys, programs and servers must not answer.
  const known = new Set(Object.values(VARIABLES).flatMap((fields) => Object.values(fields).flat()));
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !known.has(name)));
  const child = spawn(process.execPath, ["--conditions=geny-executor-source", main, ...args], {
    cwd,
    env: { ...rest, PATH: "/usr/bin:/bin", OLLAMA_HOST: "http://127.0.0.1:9", ...env },
    timeout: 20_000,
  });
  const seen = { out: "", err: "" };
  child.stdout.on("data", (d) => (seen.out += d));
  child.stderr.on("data", (d) => (seen.err += d));
  if (input === undefined) child.stdin.end();
  else child.stdin.end(input);
  const ended = new Promise<{ code: number | null; out: string; err: string }>((ok) => child.on("close", (code) => ok({ code, ...seen })));
  return { child, ended, seen };
};
const vendor = (url: string) => ({ ANTHROPIC_API_KEY: "sk-test", ANTHROPIC_BASE_URL: url });
const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !what(); i++) await new Promise((ok) => setTimeout(ok, 10));
  assert.ok(what(), "it never came");
};

test("without a key it says that no model answers, and really counts the files", async () => {
  await using place = await folder();
  for (const name of ["a.ts", "b.ts", "largest.ts"])
    await writeFile(join(place.dir, name), name === "largest.ts" ? "/** Adds. */\nexport const add = 1;\n".repeat(20) : "x\n");
  const { code, out, err } = await start(["How many TypeScript files are here, and what does the largest one do?"], { cwd: place.dir })
    .ended;
  assert.equal(code, 0, err);
  assert.match(
    err,
    /offline planner, which is no language model \(no key is set, `claude` is not logged in, and no local server answers\)/,
  );
  assert.match(out, /There are 3 TypeScript files/);
  assert.match(out, /largest\.ts/);
  assert.match(out, /not a language model/);
  assert.match(err, /✓ Glob/);
  assert.match(err, /tokens in, \d+ out · \$0 · \d+ iterations · /);
});

test("it counts right where there are more files than Glob shows", async () => {
  await using place = await folder();
  for (let i = 0; i < 520; i++) await writeFile(join(place.dir, `f${i}.ts`), "export {};\n");
  const { code, out, err } = await start(["How many TypeScript files are here?"], { cwd: place.dir }).ended;
  assert.equal(code, 0, err);
  assert.match(out, /There are 520 TypeScript files/);
});

test("it is right in a large folder too, where what tools said earlier is thinned out on the way", async () => {
  await using place = await folder();
  const deep = join(place.dir, "a".repeat(60), "b".repeat(60));
  await mkdir(deep, { recursive: true });
  for (let i = 0; i < 700; i++) await writeFile(join(deep, `${"file".repeat(10)}-${i}.ts`), "export {};\n");
  await writeFile(join(place.dir, "a".repeat(60), "the largest one.ts"), "/** Adds. */\nexport const add = 1;\n".repeat(20_000));
  const { code, out, err } = await start(["How many TypeScript files are here, and what does the largest one do?"], { cwd: place.dir })
    .ended;
  assert.equal(code, 0, err);
  assert.match(out, /There are 701 TypeScript files/);
  assert.match(out, /The largest is \S+\/the largest one\.ts, with 700000 bytes in 40000 lines/);
  const kinds = await start(["How many files of each kind are here?"], { cwd: place.dir }).ended;
  assert.match(kinds.out, /- \.ts: 701/, kinds.err);
  const list = await start(["List the TypeScript files."], { cwd: place.dir }).ended;
  assert.match(list.out, /There are 701 TypeScript files[\s\S]*and 641 more/, list.err);
});

test("with a key it asks the vendor, streams the answer to standard output, and counts the cost", async () => {
  await using model = await startModel({ script: [{ text: "Nothing to do.", usage: { input_tokens: 1000, output_tokens: 100 } }] });
  const { code, out, err } = await start(["Do nothing."], { env: vendor(model.url) }).ended;
  assert.equal(code, 0, err);
  assert.match(err, /Provider: anthropic, model claude-sonnet-4-6 \(ANTHROPIC_API_KEY is set, at http:/);
  assert.equal(out, "Nothing to do.\n");
  assert.match(err, /1000 tokens in, 100 out · \$0\.00450 · 1 iteration/);
  assert.ok(!(out + err).includes("sk-test"));
});

test("--json prints every event as one line and nothing else on standard output", async () => {
  await using model = await startModel({ script: [{ text: "Fine." }] });
  const { code, out } = await start(["--json", "Hello."], { env: vendor(model.url) }).ended;
  assert.equal(code, 0);
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(events[0].type, "pipeline.start");
  assert.deepEqual(events.at(-1).data.result, { text: "Fine.", output: "Fine." });
  assert.ok(events.every((e, i) => e.seq === i));
});

test("--trace shows all 21 stages, ran or bypassed and why", async () => {
  await using model = await startModel({ script: [{ text: "Fine." }] });
  const { err } = await start(["--trace", "Hello."], { env: vendor(model.url) }).ended;
  for (let i = 1; i <= 21; i++) assert.match(err, new RegExp(`^ +${i} [a-z_]+ +(ran +[\\d.]+ m?s|bypassed  \\S+)`, "m"), `stage ${i}`);
});

test("tools work on the folder, and only there", async () => {
  await using place = await folder();
  await using model = await startModel({
    script: [
      {
        tool_calls: [
          { name: "Write", input: { file_path: "new.txt", content: "made" } },
          { name: "Read", input: { file_path: "/etc/hostname" } },
        ],
      },
      { text: "Done." },
    ],
  });
  const { code, err } = await start(["Write."], { cwd: place.dir, env: vendor(model.url) }).ended;
  assert.equal(code, 0);
  assert.equal(await readFile(join(place.dir, "new.txt"), "utf8"), "made");
  assert.match(err, /✓ Write new\.txt/);
  assert.match(err, /✗ Read \/etc\/hostname/);
});

test("Ctrl-C stops at once, keeps what was said, tells what it cost, and leaves no process behind", async () => {
  await using place = await folder();
  await using model = await startModel({
    script: [
      {
        text: "I wait.",
        tool_calls: [{ name: "Bash", input: { command: "echo $$ > pid; sleep 300 & sleep 300" } }],
        usage: { input_tokens: 1000, output_tokens: 100 },
      },
    ],
  });
  const { child, ended, seen } = start(["Wait."], { cwd: place.dir, env: vendor(model.url) });
  const pidOf = () => readFile(join(place.dir, "pid"), "utf8").then(Number, () => 0);
  let pid = 0;
  for (let i = 0; i < 500 && !pid; i++) {
    await new Promise((ok) => setTimeout(ok, 10));
    pid = await pidOf();
  }
  assert.ok(pid, seen.err);
  const from = performance.now();
  child.kill("SIGINT");
  const { code, out, err } = await ended;
  assert.ok(performance.now() - from < 3500);
  assert.equal(code, 130);
  assert.match(out, /I wait\./);
  assert.match(err, /Stopped\./);
  assert.match(err, /1000 tokens in, 100 out · \$0\.00450/);
  assert.throws(() => process.kill(-pid, 0), { code: "ESRCH" }, "the whole group is gone");
});

test("Ctrl-C in the middle of an answer", async () => {
  await using model = await startModel({ script: [{ text: "one two three four five six", chunk_size: 4, delta_delay_ms: 100 }] });
  const { child, ended, seen } = start(["Count."], { env: vendor(model.url) });
  await until(() => seen.out.includes("one"));
  child.kill("SIGINT");
  const { code, out } = await ended;
  assert.equal(code, 130);
  assert.ok(out.startsWith("one") && !out.includes("six"));
});

test("a failure has its code on standard error and exit code 1", async () => {
  await using model = await startModel({ script: [{ fault: { kind: "status", status: 401 } }] });
  const { code, out, err } = await start(["Hi."], { env: vendor(model.url) }).ended;
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.match(err, /exec\.api\.auth\.invalid_key/);
});

test("wrong usage is told with the help, before anything runs", async () => {
  for (const args of [["--nope", "x"], [], ["--max-turns", "0", "x"], ["--budget", "-1", "x"]]) {
    const { code, err } = await start(args, { input: "" }).ended;
    assert.equal(code, 2, args.join(" "));
    assert.match(err, /--max-turns N/);
  }
  const { code, out } = await start(["--help"]).ended;
  assert.equal(code, 0);
  assert.match(out, /geny "TASK"/);
});

test("the task may come from standard input", async () => {
  await using model = await startModel({
    script: [{ text: "Read it." }],
  });
  const { code, out } = await start([], { env: vendor(model.url), input: "From the pipe.\n" }).ended;
  assert.equal(code, 0);
  assert.equal(out, "Read it.\n");
  assert.match(JSON.stringify(model.requests[0]?.body), /From the pipe\./);
});

test("each vendor's key is found, and --provider and --model choose among them", async () => {
  await using model = await startModel({ script: () => ({ text: "Fine." }) });
  const keys = {
    OPENAI_API_KEY: "sk-SECRET",
    OPENAI_BASE_URL: `${model.url}/v1`,
    GOOGLE_API_KEY: "SECRET",
    GOOGLE_GEMINI_BASE_URL: model.url,
    VLLM_BASE_URL: `${model.url}/v1`,
  };
  for (const [args, said] of [
    [[], /^Provider: openai, model gpt-\S+ \(OPENAI_API_KEY is set, at http:/],
    [["--provider", "google"], /^Provider: google, model gemini-\S+ \(GOOGLE_API_KEY is set, at http:/],
    [["--provider", "vllm", "--model", "qwen"], /^Provider: vllm, model qwen \(VLLM_BASE_URL is set, at http:/],
    [["--offline"], /offline planner, which is no language model \(--offline\)/],
  ] as const) {
    const { code, out, err } = await start(["Hello.", ...args], { env: keys }).ended;
    assert.equal(code, 0, err);
    assert.match(err, said);
    assert.doesNotMatch(out + err, /SECRET/);
  }
});

test("a logged-in claude is found, then a local server", async () => {
  await using fake = await fakeClaude({
    before: 'case "$*" in auth*) echo \'{"loggedIn":true,"authMethod":"oauth"}\'; exit 0;; --version) echo 9.9.9; exit 0;; esac',
    stdout: lines(saying("Fine."), { type: "result", subtype: "success", result: "Fine.", usage: {}, total_cost_usd: 0 }),
  });
  const claude = await start(["Hello."], { env: { CLAUDE_CODE_BINARY: fake.path } }).ended;
  assert.equal(claude.code, 0, claude.err);
  assert.match(claude.err, /^Provider: geny_claude_code, model claude-sonnet-4-6 \(`claude` is logged in, oauth\)/);
  const local: LocalServer = "ollama";
  await using server = await startModel({ local, models: ["qwen3:8b"], script: [{ text: "Fine." }] });
  const ollama = await start(["Hello."], { env: { OLLAMA_HOST: server.url } }).ended;
  assert.equal(ollama.code, 0, ollama.err);
  assert.match(ollama.err, /^Provider: ollama, model qwen3:8b \(a server answers at http:/);
  assert.match(ollama.err, / · \$0 · /);
});

test("what cannot be had is told, and nothing runs", async () => {
  for (const [args, said] of [
    [["--provider", "nobody"], /There is no provider "nobody" for this command: anthropic, /],
    [["--provider", "vllm"], /vllm has no model of its own: name one with --model/],
    [["--provider", "ollama"], /No ollama server answers/],
    [["--provider", "claude_code_cli"], /`claude` was not found/],
  ] as const) {
    const { code, err } = await start(["Hello.", ...args]).ended;
    assert.deepEqual([code, said.test(err)], [2, true], err);
  }
});

test("geny providers: what is configured, what answers, what it costs; --json", async () => {
  await using model = await startModel({ models: ["a", "b"], script: [] });
  const { code, out } = await start(["providers"], {
    env: { ...vendor(model.url), OPENAI_API_KEY: "SECRET", OPENAI_BASE_URL: "http://127.0.0.1:9/v1" },
  }).ended;
  assert.equal(code, 0);
  assert.match(out, /✓ anthropic +ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL +claude-sonnet-4-6 +\$3 in, \$15 out +tools, .* 2 models/);
  assert.match(out, /· openai .*exec\.api\.network/);
  assert.match(out, /· google +not configured .*set GOOGLE_API_KEY/);
  assert.doesNotMatch(out, /SECRET/);
  const none = await start(["providers", "--json"]).ended;
  assert.equal(none.code, 1);
  const rows: { provider: string; reachable: boolean; price: unknown }[] = JSON.parse(none.out);
  assert.ok(rows.length >= 8 && rows.every(({ reachable }) => !reachable));
  assert.deepEqual(rows.find(({ provider }) => provider === "anthropic")?.price, { input: 3, output: 15 });
});
