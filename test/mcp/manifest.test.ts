/** `tools.mcp_servers` of a manifest, and tool providers with a life of their own: connected, used in a turn, and gone afterwards. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { inspect } from "node:util";
import {
  ConfigError,
  defineManifest,
  defineTool,
  type JsonObject,
  type ManifestDocument,
  MCPConnectionError,
  Pipeline,
  PipelineError,
  type ToolProvider,
} from "geny-executor";
import { startModel, type Turn } from "geny-executor/testing";
import { dispatcherOf, textOfOutcome } from "../tools/making.ts";
import { PIXEL } from "./little-tools.ts";
import { plainSite, processes, site } from "./world.ts";

const withServers = (...mcpServers: readonly JsonObject[]): ManifestDocument => defineManifest({ name: "m", mcpServers });
const calls = (...names: readonly [string, JsonObject?][]): Turn => ({ tool_calls: names.map(([name, input = {}]) => ({ name, input })) });

const reference = (name: string): string => `\${${name}}`;

/** A provider that writes down what becomes of it. */
const recorded = (name: string, diary: string[], more: Partial<ToolProvider> = {}): ToolProvider => ({
  name,
  start: () => void diary.push(`${name} starts`),
  list: () => [defineTool({ name: `${name}_tool`, description: "x", input: { type: "object" }, effect: "read", run: () => name })],
  stop: () => void diary.push(`${name} stops`),
  ...more,
});

test("a turn calls the tools of the manifest's servers; their results, pictures and errors reach the model", async () => {
  await using world = await processes();
  await using at = await site();
  await using model = await startModel({
    script: [
      calls(["mcp__sums__add", { a: 1, b: 2 }], ["mcp__web__picture"], ["mcp__web__refuse"], ["mcp__sums__add", { a: "x" }]),
      {
        text: "Three.",
        expect: {
          messages: {
            $contains: {
              role: "user",
              content: {
                $contains: {
                  type: "tool_result",
                  content: { $contains: { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } } },
                },
              },
            },
          },
        },
      },
    ],
  });
  const manifest = withServers({ name: "sums", ...world.little() }, { name: "web", transport: "http", url: at.url });
  const pipeline = await Pipeline.fromManifest(manifest, { apiKey: "k", baseUrl: model.url });
  assert.deepEqual(pipeline.findings, []);
  assert.ok(pipeline.tools.names().includes("mcp__web__drop_all"));
  const told: unknown[] = [];
  pipeline.on("tool.call_complete", ({ data }) => void told.push([data.name, data.is_error, data.result ?? data.error]));
  const result = await pipeline.run("What is 1 + 2?");
  assert.equal(result.text, "Three.");
  const [sum, picture, refused, invalid] = told as [string, boolean, string][];
  assert.deepEqual(sum, ["mcp__sums__add", false, "3"]);
  assert.deepEqual(picture?.slice(0, 2), ["mcp__web__picture", false]);
  assert.deepEqual(refused, ["mcp__web__refuse", true, "No such row."]);
  assert.match(String(invalid?.[2]), /ERROR invalid_input/);
  model.expectDone();
  await pipeline.close();
  await pipeline.close();
  assert.deepEqual([world.left(), at.open()], [[], 0]);
});

test("one server of three fails: the two others are gone, providers too, and the error names it", async () => {
  await using world = await processes();
  await using at = await site();
  const diary: string[] = [];
  const manifest = withServers(
    { name: "a", ...world.little("orphan") },
    { name: "bad", ...world.little("refuse") },
    { name: "c", url: at.url },
  );
  const making = Pipeline.fromManifest(manifest, { apiKey: "k", toolProviders: [recorded("one", diary), recorded("two", diary)] });
  await assert.rejects(
    making,
    (error) => error instanceof MCPConnectionError && error.server === "bad" && error.code === "exec.mcp.connect_failed",
  );
  assert.deepEqual([world.left(), at.open()], [[], 0]);
  assert.deepEqual(diary, ["one starts", "two starts", "two stops", "one stops"]);
});

test("an abort while servers connect gives exec.pipeline.cancelled and leaves nothing", async () => {
  await using world = await processes();
  const controller = new AbortController();
  const making = Pipeline.fromManifest(withServers({ name: "a", ...world.little() }, { name: "b", ...world.little("silent") }), {
    apiKey: "k",
    signal: controller.signal,
  });
  making.catch(() => {});
  await world.up(2);
  controller.abort(new Error("never mind"));
  await assert.rejects(making, (error) => error instanceof PipelineError && error.code === "exec.pipeline.cancelled");
  assert.deepEqual(world.left(), []);
  await assert.rejects(Pipeline.fromManifest(withServers(), { apiKey: "k", signal: AbortSignal.abort() }), /cancelled/);
});

test("a call that is too slow is an error for the model, and the turn goes on", async () => {
  await using world = await processes();
  await using model = await startModel({ script: [calls(["mcp__s__sleep", { ms: 60_000 }]), { text: "It slept." }] });
  const manifest = withServers({ name: "s", ...world.little(), call_timeout_s: 0.2 });
  await using pipeline = await Pipeline.fromManifest(manifest, { apiKey: "k", baseUrl: model.url });
  const errors: unknown[] = [];
  pipeline.on("tool.call_complete", ({ data }) => void errors.push(data.error));
  assert.equal((await pipeline.run("Sleep.")).text, "It slept.");
  assert.match(String(errors), /ERROR timeout: .*200 ms/);
});

test("an abort of the run ends a call that a server works on", async () => {
  await using world = await processes();
  await using model = await startModel({ script: [calls(["mcp__s__sleep", { ms: 60_000 }])] });
  await using pipeline = await Pipeline.fromManifest(withServers({ name: "s", ...world.little() }), { apiKey: "k", baseUrl: model.url });
  const controller = new AbortController();
  pipeline.on("tool.call_start", () => controller.abort());
  await assert.rejects(pipeline.run("Sleep.", { signal: controller.signal }), { code: "exec.pipeline.cancelled" });
  assert.equal(world.left().length, 1, "the server serves on");
});

test("all that is wrong with servers is found, beside all else, before anything is started", async () => {
  await using world = await processes();
  const diary: string[] = [];
  const manifest = withServers(
    { name: "good", ...world.little() },
    { name: "bare" },
    { name: "good", url: "http://127.0.0.1:1" },
    { name: "refers", url: "http://127.0.0.1:1", headers: { authorization: reference("NOBODY_SET_THIS") } },
    { command: "nameless" },
    { name: "odd", command: "x", transport: "pigeon" },
  );
  const given = { ...manifest, model: { max_tokens: 0 } };
  const error = await Pipeline.fromManifest(given, { apiKey: "k", toolProviders: [recorded("one", diary)] }).catch(
    (thrown: ConfigError) => thrown,
  );
  assert.ok(error instanceof ConfigError);
  const errors = error.findings.filter(({ severity }) => severity === "error").map(({ code, path }) => `${code} ${path}`);
  assert.deepEqual(errors.sort(), [
    "config.invalid model.max_tokens",
    "tools.mcp_invalid tools.mcp_servers[1].command",
    "tools.mcp_invalid tools.mcp_servers[2].name",
    "tools.mcp_invalid tools.mcp_servers[5].transport",
    "tools.mcp_unresolved tools.mcp_servers[3]",
  ]);
  assert.match(error.message, /NOBODY_SET_THIS/);
  assert.deepEqual([world.pids(), diary], [[], []]);
});

test("new Pipeline connects nothing and says so", async () => {
  await using world = await processes();
  await using pipeline = new Pipeline({ manifest: withServers({ name: "s", ...world.little() }), apiKey: "k" });
  assert.deepEqual(
    pipeline.findings.map(({ severity, code, path }) => [severity, code, path]),
    [["warning", "tools.mcp_not_connected", "tools.mcp_servers"]],
  );
  assert.match(pipeline.findings[0]?.message ?? "", /fromManifest/);
  assert.deepEqual([world.pids(), pipeline.tools.names()], [[], []]);
});

test("secrets by reference reach the server, and nothing else: no event, log, finding, result, error or snapshot", async () => {
  await using world = await processes();
  await using at = await site();
  await using model = await startModel({ script: [calls(["mcp__p__tell"], ["mcp__h__tell"]), { text: "Done." }] });
  const entry = { name: "p", ...world.little(), env: { LITTLE_KEY: reference("CANARY_KEY") } };
  const manifest = withServers(entry, { name: "h", url: at.url, headers: { authorization: `Bearer ${reference("CANARY_TOKEN")}` } });
  const logged: unknown[] = [];
  const log = (...args: unknown[]) => void logged.push(args);
  const env = { CANARY_KEY: "CANARY/first", CANARY_TOKEN: "CANARY/second" };
  const options = { apiKey: "k", baseUrl: model.url, env, logger: { debug: log, info: log, warn: log, error: log } };
  await using pipeline = await Pipeline.fromManifest(manifest, options);
  const events: unknown[] = [];
  pipeline.on("*", (event) => void events.push(event));
  const result = await pipeline.run("Tell.");
  assert.ok(at.requests.some(({ headers }) => headers.authorization === "Bearer CANARY/second"));
  const failed = await Pipeline.fromManifest(
    withServers({ ...entry, ...world.little("refuse", `--token=${reference("CANARY_TOKEN")}`) }),
    options,
  ).catch((error) => error);
  assert.ok(failed instanceof MCPConnectionError);
  const out = inspect([events, logged, result, pipeline, pipeline.findings, failed, pipeline.snapshot().toJSON()], {
    depth: 30,
    maxStringLength: null,
  });
  assert.match(out, /\$\{CANARY_KEY\}/);
  assert.match(out, /\*\*\*/);
  assert.doesNotMatch(out, /CANARY\//);
});

test("a tool whose name is taken is left out with a finding; core_overrides say what requests offer", async () => {
  await using at = await site();
  await using model = await startModel({ script: [{ text: "Hi." }] });
  const own = defineTool({ name: "mcp__s__add", description: "mine", input: { type: "object" }, effect: "read", run: () => "mine" });
  const manifest = withServers({ name: "s", url: at.url });
  const tools = { ...manifest.tools, core_overrides: { "mcp__*": false, "mcp__s__*": false, mcp__s__sleep: true, mcp__s__add: true } };
  await using pipeline = await Pipeline.fromManifest({ ...manifest, tools }, { apiKey: "k", baseUrl: model.url, tools: [own] });
  assert.deepEqual(
    pipeline.findings.map(({ code, message }) => [code, message]),
    [["tools.name_taken", 'a tool is named "mcp__s__add" already: the other one is left out']],
  );
  assert.deepEqual(
    pipeline.tools.specs().map(({ name }) => name),
    ["mcp__s__add", "mcp__s__sleep"],
  );
  await pipeline.run("Hi.");
  // Tools of the host's that are given anew leave those of the servers where they are.
  pipeline.refresh({ tools: [] });
  assert.equal(pipeline.tools.get("mcp__s__add")?.description, "Adds two numbers.");
});

test("providers are started, give their tools, and are stopped with the pipeline, the last one first", async () => {
  const diary: string[] = [];
  const warnings: unknown[] = [];
  const sulking = recorded("two", diary, {
    stop: () => {
      throw new Error("no");
    },
  });
  const pipeline = await Pipeline.fromManifest(withServers(), {
    apiKey: "k",
    toolProviders: [recorded("one", diary), sulking, recorded("three", diary)],
    logger: { warn: (...args) => void warnings.push(args) },
  });
  assert.deepEqual(pipeline.tools.names(), ["one_tool", "two_tool", "three_tool"]);
  await pipeline.close();
  await pipeline.close();
  assert.deepEqual(diary, ["one starts", "two starts", "three starts", "three stops", "one stops"]);
  assert.match(String(warnings), /"two" could not be stopped/);
});

test("a provider that cannot start is named, and those before it are stopped", async () => {
  const diary: string[] = [];
  const broken = recorded("two", diary, { start: () => Promise.reject(new Error("no database")) });
  const making = (toolProviders: readonly ToolProvider[]) => Pipeline.fromManifest(withServers(), { apiKey: "k", toolProviders });
  await assert.rejects(making([recorded("one", diary), broken]), /tool provider "two" could not be started: no database/);
  assert.deepEqual(diary, ["one starts", "two stops", "one stops"]);
  await assert.rejects(making([recorded("one", diary), recorded("one", diary)]), /two providers are named "one"/);
});

test("what is no provider, and a list that gives no tools, is said with its place or name before anything else happens", async () => {
  const making = (options: object) => Pipeline.fromManifest(withServers(), { apiKey: "k", ...options });
  const diary: string[] = [];
  const cases: readonly [object, RegExp][] = [
    [{ toolProviders: 7 }, /options\.toolProviders: must be a list/],
    [{ toolProviders: null }, /options\.toolProviders: must be a list/],
    [{ toolProviders: [recorded("one", diary), null] }, /options\.toolProviders\[1\]: must be/],
    [{ toolProviders: [{}] }, /options\.toolProviders\[0\]\.name: must be/],
    [{ toolProviders: [{ name: "x" }] }, /options\.toolProviders\[0\]\.list: must be a function/],
    [{ toolProviders: [{ name: "x", list: () => [], stop: 7 }] }, /options\.toolProviders\[0\]\.stop: must be a function/],
    [{ signal: 7 }, /options\.signal: must be an AbortSignal/],
    [{ signal: null }, /options\.signal: must be an AbortSignal/],
  ];
  for (const [options, message] of cases) {
    const error = await making(options).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.findings[0]?.code, "option.invalid");
    assert.match(error.message, message);
  }
  assert.deepEqual(diary, []);
  const tool = { name: "a", description: "a", input: {}, effect: "read", run: () => "x" };
  const lists = [
    undefined,
    7,
    [null],
    ["x"],
    [{ name: "a" }],
    [{ ...tool, input: 7 }],
    [{ ...tool, run: 7 }],
    [tool, { ...tool, name: "" }],
  ];
  for (const list of lists) {
    const error = await making({ toolProviders: [recorded("one", diary), { name: "prov", list: () => list }] }).catch(
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof PipelineError, `${JSON.stringify(list)}: ${error}`);
    assert.match(error.message, /The tool provider "prov" could not be started: `list`/);
    assert.deepEqual(diary.splice(0), ["one starts", "one stops"]);
  }
});

test("a provider is not asked for its tools when the abort came while it started", async () => {
  const diary: string[] = [];
  const controller = new AbortController();
  const starting = Promise.withResolvers<void>();
  const list = () => {
    diary.push("list");
    return [];
  };
  const slow = recorded("slow", diary, { start: () => starting.promise, list });
  const making = Pipeline.fromManifest(withServers(), { apiKey: "k", signal: controller.signal, toolProviders: [slow] });
  making.catch(() => {});
  controller.abort();
  await assert.rejects(making, { code: "exec.pipeline.cancelled" });
  starting.resolve();
  await new Promise((ok) => setImmediate(ok));
  assert.deepEqual(diary, ["slow stops"]);
});

test("a provider that does not stop is waited for no longer than 10 s", async () => {
  const warnings: unknown[] = [];
  const diary: string[] = [];
  const stuck = recorded("stuck", diary, { stop: () => new Promise(() => {}) });
  const pipeline = await Pipeline.fromManifest(withServers(), {
    apiKey: "k",
    toolProviders: [recorded("one", diary), stuck],
    logger: { warn: (...args) => void warnings.push(args) },
  });
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const closing = pipeline.close();
    for (let i = 0; i < 3; i++) await new Promise((ok) => setImmediate(ok));
    mock.timers.tick(10_000);
    await closing;
  } finally {
    mock.timers.reset();
  }
  assert.match(String(warnings), /"stuck" could not be stopped.*10 s/);
  assert.deepEqual(diary, ["one starts", "stuck starts", "one stops"]);
});

test("a tool whose schema cannot be compiled is a finding, and works", async () => {
  await using at = await plainSite([
    { name: "good", inputSchema: { type: "object", properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: { type: "string" } } } },
    { name: "odd", inputSchema: { type: "object", properties: { a: { type: "string", pattern: "(" } } } },
    { name: "lost", inputSchema: { type: "object", properties: { a: { $ref: "#/$defs/b" } } } },
    { name: "false", inputSchema: { type: "object", "~standard": 7 } },
  ]);
  await using model = await startModel({ script: [calls(["mcp__s__odd", { a: "x" }], ["mcp__s__lost", { a: "x" }]), { text: "Done." }] });
  await using pipeline = await Pipeline.fromManifest(withServers({ name: "s", url: at.url }), { apiKey: "k", baseUrl: model.url });
  assert.deepEqual(
    pipeline.findings.map(({ severity, code, path, message }) => [severity, code, path, message]),
    [
      [
        "warning",
        "tools.schema_unchecked",
        "tools.mcp__s__odd",
        "input_schema.properties.a.pattern is no regular expression: inputs are not checked",
      ],
      [
        "warning",
        "tools.schema_unchecked",
        "tools.mcp__s__lost",
        'input_schema.properties.a.$ref: nothing stands at "#/$defs/b": inputs are not checked',
      ],
    ],
  );
  const told: unknown[] = [];
  pipeline.on("tool.call_complete", ({ data }) => void told.push(data.result));
  assert.equal((await pipeline.run("Go.")).text, "Done.");
  assert.deepEqual(told, ["done", "done"]);
});

test("the value of every reference is struck out, but for a path and an address without a password", async () => {
  await using world = await processes();
  const names = ["MOTTO", "FOLDER", "PLACE", "PLACE_WITH_PASSWORD", "FOLDER_KEY"];
  const manifest = withServers({
    name: "s",
    ...world.little(),
    env: Object.fromEntries(names.map((name) => [`X_${name}`, reference(name)])),
  });
  const env = {
    MOTTO: "CANARY/motto",
    FOLDER: "/srv/files",
    PLACE: "https://tickets.example/a",
    PLACE_WITH_PASSWORD: "https://me:CANARY@tickets.example/a",
    FOLDER_KEY: "/CANARY/key",
  };
  await using pipeline = await Pipeline.fromManifest(manifest, { apiKey: "k", env });
  const { ask } = dispatcherOf(pipeline.tools.list());
  const seen = JSON.parse(textOfOutcome(await ask("mcp__s__tell")));
  assert.deepEqual(
    names.map((name) => seen[`X_${name}`]),
    ["***", "/srv/files", "https://tickets.example/a", "***", "***"],
  );
});
