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
const words = (args: readonly string[], input = "") => {
  const main = join(root, "src/cli/main.ts");
  const ran = spawnSync(process.execPath, ["--conditions=geny-executor-source", main, ...args], {
    encoding: "utf8",
    timeout: 20_000,
    input,
  });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
};
const geny = (...args: string[]) => words(["manifest", ...args]);
const fed = (input: string, ...args: string[]) => words(["manifest", ...args], input);
/** A file as a person writes it: what is left out is its default. */
const short = (name: string, stages: readonly object[] = []): string => {
  const all = [
    { name: "input" },
    { name: "guard" },
    { name: "api", config: { provider: "anthropic" } },
    { name: "parse" },
    { name: "yield" },
  ];
  writeFileSync(file(name), JSON.stringify({ version: "3.0", stages: [...all, ...stages] }));
  return file(name);
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
  assert.match(geny("describe", b).out, /^ 2 context +strategy=hybrid\(max_recent_turns=5\) .*\n[\s\S]*^17 emit +off$/m);
  const { stages }: { stages: { isActive: boolean }[] } = JSON.parse(geny("describe", b, "--json").out);
  assert.deepEqual([stages.length, stages[16]?.isActive], [21, false]);
});

test("new writes over no file that is there, unless told to, and makes every preset that it names", () => {
  const mine = file("mine.json");
  writeFileSync(mine, "mine");
  const kept = geny("new", mine);
  assert.equal(kept.code, 2);
  assert.match(kept.err, /mine\.json is not written: .*EEXIST.*--force/);
  assert.equal(readFileSync(mine, "utf8"), "mine");
  assert.equal(geny("new", mine, "--force").code, 0);
  assert.equal(read(mine).version, "3.0");
  const presets = /presets: (.+)/.exec(geny("--help").out)?.[1]?.split(", ") ?? [];
  assert.ok(["worker_adaptive", "agent", "geny_vtuber"].every((name) => presets.includes(name)));
  for (const preset of ["agent", "minimal"]) {
    const { code, out, err } = geny("new", "--preset", preset, "--provider", "openai", "--model", "m", "--name", "mine");
    assert.equal(code, 0, err);
    const { metadata, model, stages } = JSON.parse(out);
    assert.deepEqual([metadata.name, metadata.base_preset, model.model, stages[5].config.provider], ["mine", preset, "m", "openai"]);
  }
});

test("edit takes a chain as it is named, by name, old name or order, from the default on, and a config of one of its items", () => {
  const a = short("chains.json", [{ name: "s11_tool_review", order: 11 }]);
  const edit = (...args: string[]) => {
    const { code, out, err } = geny("edit", a, ...args);
    assert.equal(code, 0, err);
    const { stages }: { stages: { name: string; chain_order?: unknown; strategy_configs?: unknown }[] } = JSON.parse(out);
    return stages;
  };
  for (const [stage, items, order] of [
    ["tool_review", "size,schema", ["size", "schema"]],
    ["s11_tool_review", "", []],
    ["11", "size", ["size"]],
  ] as const) {
    const found = edit("--chain", `${stage}.reviewers=${items}`).filter(({ name }) => name.endsWith("tool_review"));
    assert.deepEqual(found, [
      { order: 11, name: "s11_tool_review", active: true, strategy_configs: {}, chain_order: { reviewers: order } },
    ]);
  }
  const set = ["--chain", "guard.guards=cost_budget", "--set", "guard.guards.cost_budget.max_cost_usd=2"];
  const guard = edit(...set, "--chain", "guard.guards=iteration,cost_budget")[1];
  assert.deepEqual(guard?.chain_order, { guards: ["iteration", "cost_budget"] });
  assert.deepEqual(guard?.strategy_configs, { guards: { cost_budget: { max_cost_usd: 2 } } });
});

test("edit refuses what it would make wrong, unknown keys too, and only that", () => {
  const a = short("odd.json", [{ name: "emit", active: false, config: { colour: 1 }, strategies: { odd: "x" } }]);
  for (const [set, said] of [
    ["model.max_token=4", /model\.max_token: .*Did you mean "max_tokens"/],
    ["api.providr=openai", /config\.providr: .*Did you mean "provider"/],
    ["tools.buit_in=Read", /tools\.buit_in: .*Did you mean "built_in"/],
    ["model.max_tokens=none", /model\.max_tokens: /],
  ] as const) {
    const before = readFileSync(a, "utf8");
    const { code, out, err } = geny("edit", a, "--set", set, "--write");
    assert.deepEqual([code, out, said.test(err), readFileSync(a, "utf8") === before], [1, "", true, true], `${set}: ${err}`);
  }
  const set = ["metadata.name=12", "metadata.tags=a,b", "tools.built_in=Read,Reed", "model.max_tokens=4"].flatMap((words) => [
    "--set",
    words,
  ]);
  const { code, out, err } = geny("edit", a, "--on", "context", ...set);
  assert.equal(code, 0, err);
  const { metadata, tools } = JSON.parse(out);
  assert.deepEqual([metadata, tools], [{ name: "12", tags: ["a", "b"] }, { built_in: ["Read", "Reed"] }]);
  assert.match(err, /^! tools\.built_in\[1\]: .*Did you mean "Read"/m);
  assert.doesNotMatch(err, /colour|odd/);
});

test("edit goes by the order written, and writes what was left out no more than it was", () => {
  const a = short("sparse.json");
  const before = read(a);
  const { stages } = JSON.parse(geny("edit", a, "--off", "emit", "--on", "emit").out);
  assert.deepEqual(stages.at(-1), { order: 17, name: "emit", active: true });
  const { code, err } = geny("edit", a, "--set", "pipeline.cost_budget_usd=1", "--write");
  assert.equal(code, 0, err);
  const { metadata, ...after } = read(a);
  assert.deepEqual(after, { ...before, pipeline: { cost_budget_usd: 1 } });
  assert.deepEqual(Object.keys(metadata), ["updated_at"]);
  assert.match(metadata.updated_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
});

test("describe shows what would run: head, configs, and the default where a strategy waits for the host", () => {
  const a = short("shown.json", [{ name: "context", strategies: { retriever: "memory_aware" }, config: { prune_over_tokens: 9 } }]);
  const set = ["tools.built_in=Read", 'tools.mcp_servers=[{"name":"files","command":"x"}]', "pipeline.cost_budget_usd=1"];
  writeFileSync(a, geny("edit", a, ...set.flatMap((words) => ["--set", words])).out);
  const { code, out, err } = geny("describe", a);
  assert.equal(code, 0, err);
  for (const line of [
    /^provider +anthropic$/m,
    /^model +claude-sonnet-4-6$/m,
    /^limits +\$1 a turn/m,
    /^tools +Read$/m,
    /^MCP servers +files$/m,
  ])
    assert.match(out, line);
  assert.match(out, /^ 2 context +.*retriever=null .*prune_over_tokens=9$/m);
  assert.match(err, /needs the host's "\w+".*\[strategy\.needs_host\]/);
  const shown = JSON.parse(geny("describe", a, "--json").out);
  assert.deepEqual([shown.provider, shown.model, shown.costBudgetUsd], ["anthropic", "claude-sonnet-4-6", 1]);
  assert.deepEqual([shown.tools, shown.mcpServers, shown.subagents], [["Read"], ["files"], []]);
  assert.deepEqual(
    shown.stages[1].strategies.map(({ slot, names }: { slot: string; names: string[] }) => [slot, ...names]),
    [
      ["strategy", "simple_load"],
      ["compactor", "truncate"],
      ["retriever", "null"],
      ["replay", "turn_window"],
    ],
  );
});

test("every command reads alike: a byte order mark, standard input, and what cannot be read, as text and as JSON", () => {
  const a = short("a-plain.json");
  const [bom, bad, none] = [file("bom.json"), file("bad.json"), file("none.json")];
  writeFileSync(bom, `\uFEFF${readFileSync(a, "utf8")}`);
  writeFileSync(bad, '{"secret": s3cr3t}');
  for (const args of [
    ["check", bom],
    ["migrate", bom],
  ])
    assert.equal(geny(...args).code, 0, args.join(" "));
  const text = readFileSync(bom, "utf8");
  for (const args of [
    ["check", "-"],
    ["diff", "-", a],
    ["edit", "-", "--on", "emit"],
  ])
    assert.equal(fed(text, ...args).code, 0, args.join(" "));
  for (const args of [
    ["migrate", bad],
    ["diff", bad, a],
    ["describe", none],
  ]) {
    const { code, out, err } = geny(...args);
    assert.deepEqual([code, out], [2, ""], args.join(" "));
    assert.match(err, /(bad\.json is not JSON|none\.json cannot be read: .*ENOENT)/);
    assert.doesNotMatch(err, /s3cr3t|\.ts:\d+/);
  }
  const { error } = JSON.parse(geny("diff", bad, a, "--json").out);
  assert.deepEqual([error.code, error.findings[0].code], ["exec.pipeline.invalid_manifest", "json.invalid"]);
  assert.equal(geny("check", bad).code, 1);
  const both = geny("check", none, a);
  assert.deepEqual([both.code, both.out.trim(), /none\.json cannot be read/.test(both.err)], [2, `${a}: right`, true]);
  const checked = JSON.parse(geny("check", none, a, "--json").out);
  assert.deepEqual([checked[0].error.code, checked[1].findings], ["ENOENT", []]);
  const lost = geny("new", file("nowhere/x.json"));
  assert.deepEqual([lost.code, lost.err.startsWith(`${file("nowhere/x.json")} is not written: `)], [2, true], lost.err);
});

test("--json says what was done; --strict fails for warnings; --for adds to our own findings", () => {
  const [a, b] = [short("said.json", [{ name: "s17_emit", order: 17 }]), file("said-new.json")];
  assert.deepEqual(JSON.parse(geny("new", b, "--json").out), { file: b, written: true, preset: "worker_adaptive" });
  const edited = JSON.parse(geny("edit", a, "--on", "context", "--write", "--json").out);
  assert.deepEqual([edited.file, edited.written, edited.changes[0].path], [a, true, "stages[context].active"]);
  const migrated = JSON.parse(geny("migrate", a, "--json").out);
  assert.deepEqual([migrated.written, migrated.steps, migrated.document.version], [false, [], "3.0"]);
  const refused = JSON.parse(geny("edit", a, "--set", "model.max_token=4", "--json").out);
  assert.deepEqual([refused.written, refused.findings[0].suggestion], [false, "max_tokens"]);
  assert.deepEqual([geny("check", a).code, geny("check", a, "--strict").code], [0, 1]);
  const codes = ({ out }: { out: string }) => JSON.parse(out)[0].findings.map(({ code }: { code: string }) => code);
  const ours = codes(geny("check", a, "--json"));
  assert.deepEqual(ours, ["stage.old_name"]);
  assert.deepEqual(codes(geny("check", a, "--for", "python-2.1", "--json")).slice(0, 1), ours);
});

test("a slip in the command's name starts no agent, and a task does", () => {
  const slip = words(["manifset", "check", "x"]);
  assert.deepEqual([slip.code, /Did you mean "geny manifest check"\?/.test(slip.err)], [2, true], slip.err);
  for (const task of [["manifset check x"], ["manifests", "everywhere"]])
    assert.doesNotMatch(words([...task, "--provider", "nobody"]).err, /Did you mean/, task.join(" "));
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
    [["check", a, "--write"], 2, /"check" has no option --write[\s\S]*geny manifest —/],
    [["chekc", a], 2, /Did you mean "check"/],
    [["edit", "-", "--on", "emit", "--write"], 2, /Standard input cannot be written/],
    [["edit", a, "--set", "metadata.id=x", "--write"], 2, /name, description, author, tags/],
    [["edit", a, "--set", "guard.guards.cost_budget.max_cost_usd=1", "--write"], 2, /has no "cost_budget" in its chain/],
    [["new", "--provider", "opnai"], 2, /Did you mean "openai"/],
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
