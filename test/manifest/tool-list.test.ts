/** The tools of a manifest: `tools.built_in`, `tools.external` by the host's providers, `tools.core_overrides`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AdhocToolProvider, ConfigError, defineManifest, defineTool, type JsonObject, Pipeline, type Tool } from "geny-executor";

const tool = (name: string, description = "from the host"): Tool =>
  defineTool({ name, description, input: { type: "object" }, effect: "read", run: () => description });
const provider = (name: string, tools: { readonly [name: string]: Tool }, listed = false): AdhocToolProvider => ({
  name,
  get: (wanted) => tools[wanted],
  ...(listed ? { list: () => Object.keys(tools) } : {}),
});
const manifestWith = (tools: JsonObject) => {
  const manifest = defineManifest({ name: "m" });
  return { ...manifest, tools: { ...manifest.tools, ...tools } };
};
const pipelineWith = (tools: JsonObject, options: Partial<ConstructorParameters<typeof Pipeline>[0]> = {}) =>
  new Pipeline({ manifest: manifestWith(tools), apiKey: "k", ...options });

test("the first provider that knows a name wins, also over a built-in tool; the report says what became of each name", async () => {
  const first = provider("first", { a: tool("a", "of the first"), Read: tool("Read", "a better one") });
  const second = provider("second", { a: tool("a", "of the second"), b: tool("b") });
  await using pipeline = pipelineWith(
    { built_in: ["Read", "Glob"], external: ["a", { name: "b", required: true }, "Read", "gone"] },
    { adhocProviders: [first, second] },
  );
  assert.deepEqual(pipeline.toolReport, {
    resolved: ["a", "b", "Read"],
    unresolved: ["gone"],
    shadowed: ["Read"],
    requiredUnresolved: [],
  });
  assert.deepEqual(
    ["a", "b", "Read"].map((name) => pipeline.tools.get(name)?.description),
    ["of the first", "from the host", "a better one"],
  );
  assert.deepEqual([...pipeline.tools.names()].sort(), ["Glob", "Read", "a", "b"]);
  assert.deepEqual(
    pipeline.findings.map(({ severity, code, path }) => [severity, code, path]),
    [["warning", "tools.external_unresolved", "tools.external[3]"]],
  );
});

test("a required name that nobody knows refuses the manifest, with the nearest name that somebody knows", async () => {
  const tools = { external: [{ name: "serch", required: true }, "other"] };
  const adhocProviders = [provider("p", { search: tool("search") }, true)];
  try {
    pipelineWith(tools, { adhocProviders });
    assert.fail("it was made");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(
      error.findings.map(({ severity, path, suggestion }) => [severity, path, suggestion]),
      [
        ["error", "tools.external[0]", "search"],
        ["warning", "tools.external[1]", undefined],
      ],
    );
  }
  await using lenient = pipelineWith(tools, { adhocProviders, strict: false });
  assert.deepEqual(lenient.toolReport.requiredUnresolved, ["serch"]);
});

test("a tool that the host gives by itself is there, whatever a provider knows", async () => {
  await using pipeline = pipelineWith(
    { external: ["a"] },
    { tools: [tool("a", "mine")], adhocProviders: [provider("p", { a: tool("a", "theirs") })] },
  );
  assert.equal(pipeline.tools.get("a")?.description, "mine");
  assert.deepEqual([pipeline.toolReport.resolved, pipeline.findings], [["a"], []]);
});

test("a provider that fails, or gives another tool than was asked for, is an error that names it", () => {
  const failing: AdhocToolProvider = {
    name: "moody",
    get() {
      throw new Error("not today");
    },
  };
  const wrong: AdhocToolProvider = { get: () => tool("b") };
  assert.throws(
    () => pipelineWith({ external: ["a"] }, { adhocProviders: [failing, wrong] }),
    (error) =>
      error instanceof ConfigError &&
      error.findings.some(({ message }) => /"moody" failed at "a": not today/.test(message)) &&
      error.findings.some(({ message }) => /adhocProviders\[1\] gave "b" for "a"/.test(message)),
  );
});

test("core_overrides: the exact name counts before the longest prefix; what is not offered can still be called", async () => {
  const names = ["db_read", "db_write", "db_admin_drop", "mail"];
  await using pipeline = pipelineWith(
    { built_in: ["Read"], core_overrides: { "db_*": false, "db_admin_*": true, db_read: true, Read: false, "*": true } },
    { tools: names.map((name) => tool(name)) },
  );
  assert.deepEqual(
    pipeline.tools.specs().map(({ name }) => name),
    ["db_read", "db_admin_drop", "mail"],
  );
  assert.ok(pipeline.tools.get("db_write"));
});
