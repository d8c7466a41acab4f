/** `defineManifest`: what completes and compiles in TypeScript, and the document that comes of it. Its `@ts-expect-error`s are half of the test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, defineManifest, EnvironmentManifest, extend, fields, int, Pipeline, validateManifest } from "geny-executor";
import { context } from "geny-executor/stages";

test("a slot by name or with its config, a chain in order, a stage switched off: the wire's document", () => {
  const document = defineManifest({
    name: "mine",
    model: { model: "claude-opus-4-8", maxTokens: 100 },
    pipeline: { costBudgetUsd: 0.5 },
    stages: {
      context: { strategy: { use: "hybrid", max_recent_turns: 5 }, pruneOverTokens: 0 },
      guard: { guards: ["iteration", { use: "cost_budget", max_cost_usd: 1 }] },
      emit: false,
    },
    builtInTools: ["Read"],
  });
  assert.deepEqual(
    [document.version, document.model, document.pipeline],
    ["3.0", { model: "claude-opus-4-8", max_tokens: 100 }, { name: "mine", cost_budget_usd: 0.5 }],
  );
  const entry = (name: string) => document.stages.find((stage) => stage.name === name);
  assert.deepEqual(
    [entry("context")?.strategies, entry("context")?.strategy_configs, entry("context")?.config],
    [{ strategy: "hybrid" }, { strategy: { max_recent_turns: 5 } }, { prune_over_tokens: 0 }],
  );
  assert.deepEqual(entry("guard")?.chain_order, { guards: ["iteration", "cost_budget"] });
  assert.deepEqual(entry("guard")?.strategy_configs, { guards: { cost_budget: { max_cost_usd: 1 } } });
  assert.deepEqual([entry("emit")?.active, entry("api")?.config], [false, { provider: "anthropic" }]);
  assert.deepEqual(document.tools.built_in, ["Read"]);
  assert.deepEqual(new Pipeline({ manifest: document }).findings, []);
  assert.deepEqual(defineManifest(), defineManifest({}));
});

test("what does not compile is found at run time too", () => {
  assert.throws(
    // @ts-expect-error there is no such stage
    () => defineManifest({ stages: { contxt: {} } }),
    (e) => e instanceof ConfigError && /Did you mean "context"/.test(e.message),
  );
  // @ts-expect-error there is no such strategy
  const wrongName = defineManifest({ stages: { context: { strategy: "hybird" } } });
  // @ts-expect-error the config of another strategy
  const wrongConfig = defineManifest({ stages: { context: { strategy: { use: "hybrid", summary_threshold: 3 } } } });
  // @ts-expect-error no key of the stage's config
  const wrongKey = defineManifest({ stages: { context: { statles: true } } });
  for (const [document, path] of [
    [wrongName, "stages[1].strategies.strategy"],
    [wrongConfig, "stages[1].strategy_configs.strategy.summary_threshold"],
    [wrongKey, "stages[1].config.statles"],
  ] as const)
    assert.throws(
      () => new Pipeline({ manifest: document, unknownKeys: "error" }),
      (e) => e instanceof ConfigError && e.findings.some((finding) => finding.path === path),
      path,
    );
});

test("what stands around the stages: tools, agents, memory, selections; it validates and comes back", () => {
  const scout = defineManifest({ name: "scout", builtInTools: ["Read"] });
  const manifest = defineManifest({
    name: "lead",
    builtInTools: ["Read"],
    externalTools: ["search", { name: "mail", required: true }],
    mcpServers: [{ name: "files", command: "npx" }],
    coreOverrides: { "mcp__files__*": false },
    hostSelections: { skills: ["pdf"] },
    subagents: { scout: { description: "Looks.", manifest: scout, allowedTools: ["Read"] }, critic: {} },
    memory: { provider: "file", config: { root: "notes" } },
  });
  const { tools, host_selections, subagents, memory } = manifest;
  assert.deepEqual(tools, {
    ...{
      built_in: ["Read"],
      adhoc: [],
      mcp_servers: [{ name: "files", command: "npx" }],
      external: ["search", { name: "mail", required: true }],
    },
    ...{ scope: {}, core_overrides: { "mcp__files__*": false } },
  });
  assert.deepEqual(host_selections, { hooks: ["*"], skills: ["pdf"], permissions: ["*"] });
  assert.deepEqual(subagents, [
    { agent_type: "scout", description: "Looks.", manifest: scout, allowed_tools: ["Read"] },
    { agent_type: "critic" },
  ]);
  assert.deepEqual(memory, { provider: "file", config: { root: "notes" } });
  assert.deepEqual(validateManifest(manifest), []);
  assert.deepEqual(EnvironmentManifest.fromJSON(manifest).toJSON(), manifest);
});

test("a stage's own tools and model, and who wrote it", () => {
  const manifest = defineManifest({
    author: "me",
    stages: {
      tool: { executor: "partition", toolBinding: { allowed: ["Read"] } },
      context: { modelOverride: { model: "claude-haiku-4-5", maxTokens: 100 } },
    },
  });
  const entry = (name: string) => manifest.stages.find((stage) => stage.name === name);
  assert.deepEqual(entry("tool")?.tool_binding, { stage_order: 10, allowed: ["Read"], blocked: null, extra_context: {} });
  assert.deepEqual(entry("context")?.model_override, { model: "claude-haiku-4-5", max_tokens: 100 });
  assert.equal(manifest.metadata.author, "me");
  assert.deepEqual(validateManifest(manifest), []);
});

test("what has the wrong form is told with its path", () => {
  for (const [stages, told] of [
    [{ context: true }, "option.invalid stages.context"],
    [{ context: "hybrid" }, "option.invalid stages.context"],
    [{ context: null }, "option.invalid stages.context"],
    [{ guard: { guards: "token_budget" } }, "option.invalid stages.guard.guards"],
    [{ context: { strategy: 7 } }, "option.invalid stages.context.strategy"],
  ] as const)
    assert.throws(
      () => defineManifest({ stages } as object),
      (error) => error instanceof ConfigError && error.findings.map(({ code, path }) => `${code} ${path}`).join() === told,
      told,
    );
  for (const stages of [{ contxt: context }, { context: {} }])
    assert.throws(() => defineManifest.for(stages as { context: typeof context }), ConfigError);
});

test("a key that there is none of is told with the nearest, beside wrong stages", () => {
  // @ts-expect-error: there is no such key, and no such stage
  const wrong = () => defineManifest({ subagent: {}, stages: { cach: false } });
  assert.throws(wrong, (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(
      error.findings.map(({ code, path, suggestion }) => [code, path, suggestion]),
      [
        ["option.unknown", "manifest.subagent", "subagents"],
        ["stage.unknown_name", "stages.cach", "cache"],
      ],
    );
    return true;
  });
});

test("a host's own strategy is completed, checked, and runs", () => {
  const mine = extend(context, "strategy", {
    newest: {
      about: "the newest",
      config: fields({ n: int({ about: "messages", default: 3 }) }),
      create:
        ({ n }) =>
        (messages) =>
          messages.slice(-n),
    },
  });
  const define = defineManifest.for({ context: mine });
  const document = define({ stages: { context: { strategy: { use: "newest", n: 2 } }, loop: { maxTurns: 3 } } });
  // @ts-expect-error not a number
  define({ stages: { context: { strategy: { use: "newest", n: "2" } } } });
  const pipeline = new Pipeline({ manifest: document, stages: { context: mine } });
  assert.deepEqual(pipeline.describe()[1]?.strategies[0]?.names, ["newest"]);
});
