import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type Clock, ConfigError, defineTool, type Json, systemClock, type Tool, ToolExecutionError, type ToolResult } from "geny-executor";
import { builtinTools, type StandardSchema, ToolRegistry } from "geny-executor/tools";
import { render, spaced } from "../../src/tools/result.ts";
import { dispatcherOf, errorOf, textOfOutcome } from "./making.ts";
import { temporary } from "./recording.ts";

const tool = (run: Tool["run"], more: Partial<Tool> = {}): Tool => ({
  name: "t",
  description: "",
  input: { type: "object" },
  effect: "once",
  run,
  ...more,
});

test("a Standard Schema is asked before the tool runs, and what it makes of the input is what the tool gets", async () => {
  const schema: StandardSchema<{ n: number }> = {
    "~standard": {
      version: 1,
      vendor: "own",
      validate: async (value) => {
        const n = typeof value === "object" && value !== null && "n" in value ? Number(value.n) : Number.NaN;
        return Number.isNaN(n) ? { issues: [{ message: "no number", path: [{ key: "n" }] }] } : { value: { n } };
      },
    },
  };
  const { ask } = dispatcherOf([
    defineTool({
      name: "t",
      description: "",
      input: schema,
      jsonSchema: { type: "object" },
      effect: "read",
      run: ({ n }) => String(n + 1),
    }),
  ]);
  assert.equal(textOfOutcome(await ask("t", { input: { n: "41" } })), "42");
  const refused = await ask("t", { input: { n: "x" } });
  assert.deepEqual(errorOf(refused).details, { tool_name: "t", reason: "n: no number", path: "n" });
  assert.throws(() => new ToolRegistry().register({ ...tool(() => ""), input: schema }), ConfigError);
});

test("arguments that were no JSON come back with how they began", async () => {
  let ran = 0;
  const { ask } = dispatcherOf([tool(() => String(++ran))]);
  const outcome = await ask("t", { input: { __unparsed_arguments__: '{"a": [1, 2' } });
  assert.equal(errorOf(outcome).code, "invalid_input");
  assert.match(textOfOutcome(outcome), /\{"a": \[1, 2/);
  assert.equal(ran, 0);
});

test("an unknown tool is answered with the names there are and the nearest one", async () => {
  const { ask } = dispatcherOf([tool(() => "", { name: "search_files" })]);
  const outcome = await ask("serch_files");
  assert.match(textOfOutcome(outcome), /Did you mean "search_files"/);
  assert.deepEqual(errorOf(outcome).details, { tool_name: "serch_files", known_tools: ["search_files"] });
});

test("what a tool throws is an outcome: its own code and details, or that it crashed; a tool that gives nothing has crashed too", async () => {
  const thrown = new ToolExecutionError("closed on Sundays", { tool: "t", code: "exec.tool.access_denied", details: { day: 7 } });
  const runs: [Tool["run"], object][] = [
    [() => Promise.reject(thrown), { code: "access_denied", message: "closed on Sundays", details: { day: 7 } }],
    [
      () => {
        throw new RangeError("too far");
      },
      {
        code: "tool_crashed",
        message: '"t" failed: RangeError: too far',
        details: { tool_name: "t", exception_type: "RangeError", exception_message: "too far" },
      },
    ],
  ];
  for (const [run, error] of runs) assert.deepEqual(errorOf(await dispatcherOf([tool(run)]).ask("t")), error);
  const nothing = JSON.parse('{"no": "content"}');
  assert.equal(errorOf(await dispatcherOf([tool(() => nothing)]).ask("t")).code, "tool_crashed");
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const looped: ToolResult = Object.assign({ content: "" }, { content: cycle });
  assert.equal(errorOf(await dispatcherOf([tool(() => looped)]).ask("t")).code, "tool_crashed");
});

test("a call that is not authorized does not run, and says why; one that is wrong is not asked about", async () => {
  const asked: string[] = [];
  let ran = 0;
  const { ask } = dispatcherOf([tool(() => String(++ran), { input: { type: "object", required: ["a"] } })], {
    authorize: async ({ tool_use_id }) => {
      asked.push(tool_use_id);
      return tool_use_id === "good" ? { allow: true } : { allow: false, reason: "not here" };
    },
  });
  await ask("t", { id: "wrong" });
  const denied = await ask("t", { id: "bad", input: { a: 1 } });
  await ask("t", { id: "good", input: { a: 1 } });
  assert.deepEqual(asked, ["bad", "good"]);
  assert.deepEqual(errorOf(denied).details, { tool_name: "t", reason: "not here" });
  assert.equal(ran, 1);
});

test("an abort rejects at once though the tool does not listen; before the call it does not even begin", async () => {
  const controller = new AbortController();
  let ran = 0;
  const { ask } = dispatcherOf([
    tool(() => {
      ran += 1;
      return new Promise<string>(() => {});
    }),
  ]);
  const waiting = ask("t", { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 5);
  await assert.rejects(waiting, /enough/);
  await assert.rejects(ask("t", { signal: controller.signal }), /enough/);
  assert.equal(ran, 1);
});

test("a tool's time limit ends the call as an outcome, and the tool hears of it", async () => {
  const heard: unknown[] = [];
  const slow = tool((_input, { signal }) => new Promise<string>(() => signal.addEventListener("abort", () => heard.push(signal.reason))), {
    timeoutMs: 5000,
  });
  const waits: number[] = [];
  const after: Clock["after"] = (ms, act) => {
    waits.push(ms);
    return systemClock.after(1, act);
  };
  const clock: Clock = { ...systemClock, after };
  const outcome = await dispatcherOf([slow], { clock }).ask("t");
  assert.deepEqual(waits, [5000]);
  assert.deepEqual(errorOf(outcome), {
    code: "timeout",
    message: '"t" did not end within 5000 ms.',
    details: { tool_name: "t", timeout_ms: 5000 },
  });
  assert.ok(heard[0] instanceof ToolExecutionError);
});

test("the key of an effect: the same for the same call, another for another place in the turn, whatever the order of keys", async () => {
  const keys: string[] = [];
  const { ask } = dispatcherOf([tool((_input, ctx) => String(keys.push(ctx.idempotencyKey)))]);
  await ask("t", { input: { a: 1, b: { c: 2, d: 3 } }, ordinal: 4, id: "x" });
  await ask("t", { input: { b: { d: 3, c: 2 }, a: 1 }, ordinal: 4, id: "y" });
  await ask("t", { input: { a: 1, b: { c: 2, d: 3 } }, ordinal: 5, id: "x" });
  await ask("t", { input: { a: 1, b: { c: 2, d: 3 } }, ordinal: 4, session: "other" });
  const [first, second, ...others] = keys;
  assert.match(String(first), /^[0-9a-f]{64}$/);
  assert.equal(first, second);
  assert.equal(new Set([first, ...others]).size, 3);
});

test("large results: kept in a file and shown in part; cut where there is no place; never over another result; pictures stay", async () => {
  const storagePath = await temporary();
  const big = `${"a".repeat(500)}${"z".repeat(500)}`;
  const large = tool(() => big, { resultLimit: 100 });
  const kept = dispatcherOf([large], { storagePath });
  const shown = textOfOutcome(await kept.ask("t", { id: "../up/1" }));
  const path = join(storagePath, "tool-results", "___up_1.json");
  assert.ok(shown.includes(path) && shown.includes("1000") && shown.endsWith(`${"a".repeat(480)}…`));
  assert.equal(JSON.parse(await readFile(path, "utf8")).content, big);
  await kept.ask("t", { id: "../up/1" });
  assert.deepEqual((await readdir(join(storagePath, "tool-results"))).sort(), ["___up_1-2.json", "___up_1.json"]);

  const cut = textOfOutcome(await dispatcherOf([large]).ask("t"));
  assert.ok(cut.startsWith("a".repeat(40)) && cut.endsWith("z".repeat(60)) && cut.includes("900") && cut.length < 200);
  assert.equal(textOfOutcome(await dispatcherOf([tool(() => big, { resultLimit: 0 })]).ask("t")), big);

  await writeFile(join(storagePath, "file"), "");
  const nowhere = dispatcherOf([large], { storagePath: join(storagePath, "file") });
  assert.match(textOfOutcome(await nowhere.ask("t")), /900 characters left out/);
  assert.equal(nowhere.warnings.length, 1);

  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "A".repeat(5000) } } as const;
  const pictures = tool(() => ({ content: [{ type: "text", text: "b".repeat(300) }, image] }), { resultLimit: 100 });
  const { block } = await dispatcherOf([pictures]).ask("t");
  assert.ok(Array.isArray(block.content) && block.content.length === 2);
  assert.deepEqual(block.content[1], image);
});

test("tools set shared keys under their prefixes only, never the harness's own, and none when they fail", async () => {
  const mutations = { "executor.a": 1, "plugin.x.y": 2, budget: 3, "executor.tool_calls_total": 0, "Executor.b": 4 };
  const { ask, warnings } = dispatcherOf([
    tool(() => ({ content: "", mutations })),
    tool(() => ({ content: "", isError: true, mutations }), { name: "bad" }),
  ]);
  assert.deepEqual((await ask("t")).mutations, { "executor.a": 1, "plugin.x.y": 2 });
  assert.match(String(warnings), /budget, executor\.tool_calls_total, Executor\.b/);
  assert.deepEqual((await ask("bad")).mutations, {});
});

test("which calls may run beside others: what the tool says, may be by the input; by default those that only read", () => {
  const throwing = () => {
    throw new Error("no idea");
  };
  const { dispatcher, warnings } = dispatcherOf([
    tool(() => "", { name: "read", effect: "read" }),
    tool(() => "", { name: "once" }),
    tool(() => "", { name: "depends", concurrencySafe: (input) => input.dry === true }),
    tool(() => "", { name: "breaks", concurrencySafe: throwing }),
  ]);
  const safe = (tool_name: string, tool_input = {}) => dispatcher.concurrencySafe({ tool_use_id: "t", tool_name, tool_input });
  assert.deepEqual(
    [safe("read"), safe("once"), safe("depends", { dry: true }), safe("depends"), safe("breaks"), safe("nobody")],
    [true, false, true, false, false, false],
  );
  assert.equal(warnings.length, 1);
});

test("JSON before the model parses back to the same value, and text is text", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepEqual(JSON.parse(spaced(value as Json)), JSON.parse(JSON.stringify(value)))));
  assert.equal(render("plain"), "plain");
  assert.equal(render(null), "null");
  assert.equal(render(["a", 1]), '["a", 1]');
});

test("the registry: in the order of registration, replaced in place with a warning, deferred tools not offered, a version that rises", () => {
  const warnings: unknown[] = [];
  const tools = new ToolRegistry({ log: { warn: (...args) => void warnings.push(args) } });
  tools.register(tool(() => "", { name: "a" }));
  tools.register(tool(() => "", { name: "b", core: false }));
  tools.register(
    tool(() => "", { name: "c" }),
    { core: false },
  );
  const specs = tools.specs();
  assert.equal(tools.specs(), specs);
  assert.deepEqual([tools.names(), specs.map((s) => s.name)], [["a", "b", "c"], ["a"]]);
  const { version } = tools;
  tools.register(tool(() => "", { name: "a", description: "new" }));
  assert.deepEqual([tools.names(), tools.specs()[0]?.description, warnings.length], [["a", "b", "c"], "new", 1]);
  assert.ok(tools.version > version);
  assert.deepEqual([tools.unregister("a"), tools.unregister("a"), tools.get("a"), tools.list().length], [true, false, undefined, 2]);
  assert.throws(() => tools.register(tool(() => "", { name: "" })), ConfigError);
});

test("built-in tools by name, in that order; a name that there is not is told with the nearest", () => {
  assert.deepEqual(
    builtinTools({ names: ["Grep", "Read"] }).map((t) => t.name),
    ["Grep", "Read"],
  );
  assert.throws(
    () => builtinTools({ names: ["Gerp"] }),
    (error) => error instanceof ConfigError && error.findings[0]?.suggestion === "Grep",
  );
});
