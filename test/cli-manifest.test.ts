/** `geny manifest` as a process, and the manifests of examples/, each run. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { Validator } from "@cfworker/json-schema";
import { EnvironmentManifest, type Json, type JsonObject, Pipeline, type Provider } from "geny-executor";
import { capabilities } from "geny-executor/providers";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "geny-manifest-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const geny = (...args: string[]) => {
  const main = join(root, "src/cli/main.ts");
  const ran = spawnSync(process.execPath, ["--conditions=geny-executor-source", main, "manifest", ...args], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
};
const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));

test("new, check, edit, diff, describe: a manifest's way", () => {
  const [a, b] = [file("a.json"), file("b.json")];
  assert.equal(geny("new", a, "--provider", "openai", "--model", "gpt-5.4-mini", "--name", "mine").code, 0);
  assert.deepEqual([read(a).metadata.name, read(a).model.model, read(a).stages[5].config.provider], ["mine", "gpt-5.4-mini", "openai"]);
  assert.equal(geny("check", a).code, 0);
  const edit = [
    "--use",
    "context.strategy=hybrid",
    "--set",
    "context.strategy.max_recent_turns=5",
    "--set",
    "model.max_tokens=100",
    "--off",
    "emit",
  ];
  const edited = geny("edit", a, ...edit, "--chain", "guard.guards=iteration");
  assert.equal(edited.code, 0, edited.err);
  assert.match(edited.err, /^- stage 17 emit is switched off$/m);
  writeFileSync(b, edited.out);
  assert.deepEqual(read(b).stages[1].strategy_configs.strategy, { max_recent_turns: 5 });
  assert.deepEqual(read(b).stages[3].chain_order.guards, ["iteration"]);
  const words = geny("diff", a, b);
  assert.equal(words.code, 1);
  assert.match(words.out, /max_tokens .* is 100 instead of 8192/);
  assert.match(geny("diff", a, b, "--entries").out, /^\+ model\.max_tokens: 100$/m);
  assert.deepEqual([geny("diff", a, a).code, geny("diff", a, a).out], [0, "Nothing differs.\n"]);
  assert.match(geny("describe", b).out, /^ 2 context +strategy=hybrid .*\n[\s\S]*^17 emit +off$/m);
  const rows: { order: number; active: boolean }[] = JSON.parse(geny("describe", b, "--json").out);
  assert.deepEqual([rows.length, rows[16]?.active], [21, false]);
});

test("check says all that is wrong, with paths, for people and as JSON, and what another release would refuse", () => {
  const wrong = file("wrong.json");
  const manifest = read(join(root, "examples/manifests/researcher.geny-env.json"));
  manifest.stages[1].strategies.strategy = "hybird";
  manifest.model.max_tokens = 0;
  writeFileSync(wrong, JSON.stringify(manifest));
  const told = geny("check", wrong);
  assert.equal(told.code, 1);
  assert.match(told.out, /✗ stages\[1\]\.strategies\.strategy: .*Did you mean "hybrid"\? \[strategy\.unknown_impl\]/);
  assert.match(told.out, /✗ model\.max_tokens: .*\[config\.invalid\]/);
  const [report]: { findings: { path: string }[] }[] = JSON.parse(geny("check", wrong, "--json").out);
  assert.deepEqual(report?.findings.map(({ path }) => path).sort(), ["model.max_tokens", "stages[1].strategies.strategy"]);
  const hosted = join(root, "examples/manifests/cli-hosted.geny-env.json");
  assert.equal(geny("check", hosted, "--for", "python-2.79").code, 0);
  const old = geny("check", hosted, "--for", "python-2.1");
  assert.deepEqual([old.code, /config\.provider/.test(old.out)], [1, true], old.out);
});

test("migrate brings an old file into the newest form, and says what it did", () => {
  const old = file("old.json");
  writeFileSync(old, JSON.stringify({ version: "1.0", metadata: { name: "old" }, stages: [{ order: 1, name: "input" }] }));
  const { code, err } = geny("migrate", old, "--write");
  assert.deepEqual([code, read(old).version], [0, "3.0"]);
  assert.match(err, /version\.migrated/);
});

test("what does not fit is told with the help or in one line, and nothing is written", () => {
  const a = file("untouched.json");
  writeFileSync(a, readFileSync(join(root, "examples/manifests/evaluator.geny-env.json")));
  const before = readFileSync(a, "utf8");
  for (const [args, code, said] of [
    [["nothing"], 2, /There is no command "nothing"[\s\S]*geny manifest —/],
    [["check"], 2, /Which file\?/],
    [["check", file("none")], 2, /ENOENT/],
    [["check", a, "--for", "python-9"], 2, /--for knows python-2\.1 and python-2\.79/],
    [["edit", a, "--write"], 2, /What is to be changed\?/],
    [["edit", a, "--use", "contxt.strategy=hybrid", "--write"], 2, /Did you mean "context"|contxt/],
    [["edit", a, "--use", "context.strategy=hybird", "--write"], 1, /Did you mean "hybrid"/],
    [["new", "--preset", "nobody"], 2, /There is no preset "nobody": worker_adaptive/],
  ] as const) {
    const { code: exit, err } = geny(...args);
    assert.deepEqual([exit, said.test(err)], [code, true], `${args.join(" ")}: ${err}`);
  }
  assert.equal(readFileSync(a, "utf8"), before);
});

const answers = (text: string): Provider => ({
  name: "scripted",
  capabilities: capabilities({ supports_tools: true }),
  async *stream() {
    yield { type: "text", index: 0, text };
    yield { type: "finish", stopReason: "end_turn" };
  },
});
for (const path of globSync("examples/manifests/*.json", { cwd: root }))
  test(`${basename(path)} is right by validation and by the schema, loads to itself, and runs`, async () => {
    const document = read(join(root, path)) as JsonObject;
    const schema = read(join(root, "geny.schema.json")) as JsonObject;
    const { valid, errors } = new Validator(structuredClone(schema) as object, "2020-12").validate(document);
    assert.ok(valid, JSON.stringify(errors.slice(0, 3)));
    const manifest = await EnvironmentManifest.load(join(root, path));
    const provider = String((document.stages as readonly { name: string; config: { provider: Json } }[])[5]?.config.provider);
    await using pipeline = await Pipeline.fromManifest(manifest, { providers: { [provider]: answers('{"score":1,"reason":"fine"}') } });
    assert.deepEqual(pipeline.findings, []);
    assert.deepEqual(pipeline.snapshot().toJSON(), document);
    const result = await pipeline.run("Hello.", { overrides: {}, sessionId: "s" }).catch((error: Error) => error);
    assert.ok(!(result instanceof Error), String(result));
    assert.equal(result.success, true);
  });
