/** A manifest's `subagents` and the option of that name: who does what stage 12 hands on, with which tools, and who pays. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConfigError,
  CredentialBundle,
  defineManifest,
  defineTool,
  type JsonObject,
  type ManifestDocument,
  newState,
  Pipeline,
  type PipelineOptions,
  type Provider,
  validateManifest,
} from "geny-executor";
import { providers } from "geny-executor/providers";
import { type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { site } from "./mcp/world.ts";

const tool = (name: string) => defineTool({ name, description: name, input: { type: "object" }, effect: "read", run: () => `${name} ran` });
const TOOLS = [tool("look"), tool("dig"), tool("blow_up")];
const child = (tools: JsonObject = {}, more: Partial<ManifestDocument> = {}): JsonObject => {
  const manifest = defineManifest({ name: "child", stages: { persist: false } });
  return { ...manifest, ...more, tools: { ...manifest.tools, ...tools } } as JsonObject;
};
/** Its stage 12 delegates to the roster. */
const parent = (subagents: readonly JsonObject[], more: Partial<ManifestDocument> = {}): ManifestDocument => ({
  ...defineManifest({ name: "parent", stages: { agent: { orchestrator: "delegate" }, persist: false } }),
  ...more,
  subagents,
});
/** The parent hands on, the agent answers, the parent ends. */
const script = (...between: readonly Turn[]): Turn[] => [
  { text: "[DELEGATE: scout: find the gold]" },
  ...between,
  { text: "It is found." },
];
const offered = (model: OfflineModel): string[][] =>
  model.requests.map(({ body }) => ((body as { tools?: { name: string }[] }).tools ?? []).map(({ name }) => name));
const make = (manifest: ManifestDocument, model: OfflineModel, options: Omit<PipelineOptions, "manifest"> = {}) =>
  new Pipeline({ manifest, apiKey: "k", baseUrl: model.url, tools: TOOLS, ...options });

test("an agent with a manifest does the task in a pipeline of its own, and the model reads its answer", async () => {
  await using model = await startModel({ script: script({ text: "Under the oak." }) });
  await using pipeline = make(parent([{ agent_type: "scout", description: "finds", manifest: child() }]), model);
  assert.deepEqual(pipeline.findings, []);
  const result = await pipeline.run("Find it.");
  assert.equal(result.text, "It is found.");
  const [answer] = result.state.agentResults;
  assert.deepEqual([answer?.agent_type, answer?.success, answer?.text], ["scout", true, "Under the oak."]);
  const [, asked, told] = model.requests.map(({ body }) => JSON.stringify(body));
  assert.match(asked ?? "", /find the gold/);
  assert.doesNotMatch(asked ?? "", /Find it\./, "it knows the task alone");
  assert.match(told ?? "", /\[Agent:scout\] \(success\) Under the oak\./);
  model.expectDone();
});

for (const [what, entry, blocked, expected] of [
  ["its manifest names", { manifest: child({ external: ["look", { name: "dig" }], built_in: ["Bash"] }) }, [], ["look", "dig"]],
  ["allowed_tools leaves of them", { manifest: child({ built_in: ["*"] }), allowed_tools: ["dig", "Write"] }, [], ["dig"]],
  ["its parent's binding lets it have", { manifest: child({ built_in: ["*"] }) }, ["blow_up"], ["look", "dig"]],
  ["no manifest names: none", { manifest: child() }, [], []],
] as const)
  test(`an agent is offered of its parent's tools what ${what}`, async () => {
    await using model = await startModel({ script: script({ text: "Here." }) });
    const manifest = parent([{ agent_type: "scout", ...entry }]);
    const stages = manifest.stages.map((stage) =>
      stage.name === "tool" ? { ...stage, tool_binding: { stage_order: 10, allowed: null, blocked, extra_context: {} } } : stage,
    );
    await using pipeline = make({ ...manifest, stages }, model);
    await pipeline.run("Find it.");
    assert.deepEqual(offered(model)[1], expected);
  });

test("an agent shares the connection of its parent's MCP server by its name, and opens none", async () => {
  await using at = await site();
  await using model = await startModel({
    script: script({ tool_calls: [{ name: "mcp__web__add", input: { a: 1, b: 2 } }] }, { text: "Three." }),
  });
  const entry = {
    agent_type: "scout",
    manifest: child({
      mcp_servers: [
        { name: "web", url: at.url },
        { name: "other", command: "no-such" },
      ],
    }),
  };
  const manifest = parent([entry]);
  const servers = { ...manifest.tools, mcp_servers: [{ name: "web", url: at.url }] };
  await using pipeline = await Pipeline.fromManifest({ ...manifest, tools: servers }, { apiKey: "k", baseUrl: model.url });
  const before = at.requests.length;
  const result = await pipeline.run("Find it.");
  assert.equal(result.state.agentResults[0]?.text, "Three.");
  assert.ok(offered(model)[1]?.every((name) => name.startsWith("mcp__web__")));
  assert.equal(at.requests.length, before + 1, "one call, no handshake");
});

test("a server's tools are an agent's by the server's own name, at any depth, and by no name that begins like it", async () => {
  await using at = await site();
  await using model = await startModel({
    script: [{ text: "[DELEGATE: scout: go]" }, { text: "[DELEGATE: helper: go]" }, { text: "a" }, { text: "b" }, { text: "c" }],
  });
  const named = { mcp_servers: [{ name: "web", url: at.url }] };
  const scout = parent([{ agent_type: "helper", manifest: child(named) }]);
  const manifest = parent([{ agent_type: "scout", manifest: { ...scout, tools: { ...scout.tools, ...named } } as JsonObject }]);
  const mcp_servers = ["web", "web__admin", "web_"].map((name) => ({ name, url: at.url }));
  await using pipeline = await Pipeline.fromManifest(
    { ...manifest, tools: { ...manifest.tools, mcp_servers } },
    { apiKey: "k", baseUrl: model.url },
  );
  await pipeline.run("Find it.");
  const adding = offered(model).map((names) => names.filter((name) => name.endsWith("__add")));
  const all = ["mcp__web__add", "mcp__web__admin__add", "mcp__web___add"];
  assert.deepEqual(adding, [all, ["mcp__web__add"], ["mcp__web__add"], ["mcp__web__add"], all]);
});

test("what an agent spends is on its parent's books, and its parent's limit is its own", async () => {
  const usage = { input_tokens: 1000, output_tokens: 1000 };
  const prices = { "claude-sonnet-4-6": { input: 100, output: 100, cacheRead: null, cacheWrite: null } };
  await using model = await startModel({
    script: [
      { text: "[DELEGATE: scout: find the gold]", usage },
      { text: "Under the oak.", usage },
      { text: "It is found.", usage },
    ],
  });
  const limited = { pipeline: { name: "parent", cost_budget_usd: 1 }, model: { max_tokens: 100 } };
  const agent = { agent_type: "scout", manifest: child({}, { model: { max_tokens: 100_000 } }) };
  await using pipeline = make(parent([agent], limited), model, { prices });
  const result = await pipeline.run("Find it.");
  assert.equal(result.usage.calls, 3);
  assert.ok(Math.abs((result.totalCostUsd ?? 0) - 0.6) < 1e-9, String(result.totalCostUsd));
  assert.equal(result.state.tokenUsage.output_tokens, 3000);
  const [, asked] = model.requests.map(({ body }) => (body as { max_tokens: number }).max_tokens);
  assert.ok(asked !== undefined && asked <= 8000, `its answer was limited to what 0.8 dollars buy: ${asked}`);
});

for (const [what, change] of [
  ["switches it off", (stages: ManifestDocument["stages"]) => stages.map((s) => (s.name === "token" ? { ...s, active: false } : s))],
  ["has none", (stages: ManifestDocument["stages"]) => stages.filter((s) => s.name !== "token")],
] as const)
  test(`an agent books by stage 7 although its manifest ${what}`, async () => {
    const usage = { input_tokens: 1000, output_tokens: 1000 };
    const prices = { "claude-sonnet-4-6": { input: 100, output: 100, cacheRead: null, cacheWrite: null } };
    const looks = Array.from({ length: 9 }, () => ({ tool_calls: [{ name: "look", input: {} }], usage }));
    for (const limit of [1, null]) {
      await using model = await startModel({ script: [{ text: "[DELEGATE: scout: go]", usage }, ...looks, { text: "a" }, { text: "b" }] });
      const manifest = child({ external: ["look"] }) as ManifestDocument;
      const scout = { agent_type: "scout", manifest: { ...manifest, stages: change(manifest.stages) } as JsonObject };
      const limited = { pipeline: { name: "parent", cost_budget_usd: limit }, model: { max_tokens: 100 } };
      await using pipeline = make(parent([scout], limited), model, { prices });
      const { totalCostUsd } = await pipeline.run("Find it.").catch((error) => error.result);
      assert.ok(limit === null ? totalCostUsd > 2 : totalCostUsd > 0.8 && totalCostUsd <= 1, `${limit}: ${totalCostUsd}`);
    }
  });

test("a host's pipeline that is an agent is held to what is left of its parent's limit, or to its own", async () => {
  const usage = { input_tokens: 1000, output_tokens: 1000 };
  const prices = { "claude-sonnet-4-6": { input: 100, output: 100, cacheRead: null, cacheWrite: null } };
  const asked: number[] = [];
  for (const own of [null, 0.5, 5]) {
    await using model = await startModel({
      script: [
        { text: "[DELEGATE: scout: go]", usage },
        { text: "a", usage },
        { text: "b", usage },
      ],
    });
    const manifest = child({}, { model: { max_tokens: 100_000 }, pipeline: { name: "scout", cost_budget_usd: own } }) as ManifestDocument;
    await using scout = make(manifest, model, { prices });
    const limited = { pipeline: { name: "parent", cost_budget_usd: 1 }, model: { max_tokens: 100 } };
    await using pipeline = make(parent([], limited), model, { prices, subagents: { scout } });
    assert.ok(((await pipeline.run("Find it.")).totalCostUsd ?? 0) > 0.5);
    asked.push(...model.requests.slice(1, 2).map(({ body }) => (body as { max_tokens: number }).max_tokens));
  }
  const [left = 0, less = 0, more = 0] = asked;
  assert.ok(left > 5000 && left <= 8000, String(left));
  assert.ok(less > 2000 && less <= 5000, String(less));
  assert.equal(more, left);
});

test("a parent without money left asks no agent", async () => {
  const usage = { input_tokens: 1000, output_tokens: 4000 };
  const prices = { "claude-sonnet-4-6": { input: 100, output: 100, cacheRead: null, cacheWrite: null } };
  await using model = await startModel({ script: [{ text: "[DELEGATE: scout: find the gold]", usage }] });
  const limited = { pipeline: { name: "parent", cost_budget_usd: 0.5 } };
  await using pipeline = make(parent([{ agent_type: "scout", manifest: child() }], limited), model, { prices });
  const state = await pipeline.run("Find it.").then(
    (r) => r.state,
    (error) => error.result.state,
  );
  assert.match(state.agentResults[0]?.error ?? "", /Nothing is left of the \$0\.5/);
  assert.equal(model.requests.length, 1);
});

test("an abort ends the agent's turn, and what it had cost is not lost", async () => {
  const usage = { input_tokens: 1000, output_tokens: 10 };
  await using model = await startModel({
    script: [
      { text: "[DELEGATE: scout: find the gold]", usage },
      { tool_calls: [{ name: "wait", input: {} }], usage },
    ],
  });
  const controller = new AbortController();
  const waiting = defineTool({
    name: "wait",
    description: "waits",
    input: { type: "object" },
    effect: "read",
    run: (_input, { signal }) =>
      new Promise<string>((_, no) => {
        signal.addEventListener("abort", () => no(signal.reason), { once: true });
        controller.abort();
      }),
  });
  const manifest = parent([{ agent_type: "scout", manifest: child({ external: ["wait"] }) }]);
  await using pipeline = make(manifest, model, { tools: [waiting] });
  const error = await pipeline.run("Find it.", { signal: controller.signal }).then(
    () => assert.fail(),
    (thrown) => thrown,
  );
  assert.equal(error.code, "exec.pipeline.cancelled");
  assert.equal(error.result.state.tokenUsage.input_tokens, 2000);
});

test("what agents that work side by side have spent is not lost on an abort, and no other one is begun", async () => {
  await using model = await startModel({ script: [{ text: "go" }] });
  const controller = new AbortController();
  const begun: string[] = [];
  const tokens = { input_tokens: 100, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const spent = { usage: { ...tokens, cost_usd: null, duration_ms: null }, cost: 1, held: 0 };
  const type = { description: "", allowed_tools: [], provider: null, model_override: null, parallel: true, max_concurrent: 2, extras: {} };
  const manifest = defineManifest({ name: "p", stages: { agent: { orchestrator: "subagent_type" }, persist: false } });
  await using pipeline = make(manifest, model, {
    host: {
      agentType: () => type,
      async delegate({ agent_type }) {
        begun.push(agent_type);
        if (agent_type === "b") {
          // The other one has failed by the time at which this one answers.
          controller.abort();
          await new Promise((ok) => setImmediate(ok));
        }
        return { success: false, text: "", error: "stopped", spent };
      },
    },
  });
  const delegateRequests = ["a", "b", "c", "d"].map((agent_type) => ({ agent_type, task: "go" }));
  const error = await pipeline.run("Go.", { signal: controller.signal, state: newState({ delegateRequests }) }).then(
    () => assert.fail(),
    (thrown) => thrown,
  );
  assert.equal(error.code, "exec.pipeline.cancelled");
  assert.deepEqual(begun, ["a", "b"]);
  assert.ok(error.result.state.totalCostUsd >= 2, String(error.result.state.totalCostUsd));
});

test("the option's agents win over the roster's: a function, a pipeline that stays open, a manifest", async () => {
  await using model = await startModel({
    script: [...script(), ...script({ text: "By a pipeline." }), ...script({ text: "By a manifest." })],
  });
  const roster = [{ agent_type: "scout", manifest: child({}, { model: { model: "never-asked" } }) }];
  await using other = new Pipeline({ manifest: child() as ManifestDocument, apiKey: "k", baseUrl: model.url });
  const agents: NonNullable<PipelineOptions["subagents"]>[] = [
    { scout: async ({ task }) => ({ success: true, text: `A function: ${task}`, error: null }) },
    { scout: other },
    { scout: child() as ManifestDocument },
  ];
  const texts: unknown[] = [];
  for (const subagents of agents) {
    await using pipeline = make(parent(roster), model, { subagents });
    texts.push((await pipeline.run("Find it.")).state.agentResults[0]?.text);
  }
  assert.deepEqual(texts, ["A function: find the gold", "By a pipeline.", "By a manifest."]);
  model.expectDone();
});

test("an agent that fails, and one that nobody knows, are answers", async () => {
  await using model = await startModel({
    script: [...script({ fault: { kind: "status", status: 400 } }), { text: "[DELEGATE: nobody: hello]" }, { text: "Fine." }],
  });
  await using pipeline = make(parent([{ agent_type: "scout", manifest: child() }]), model);
  const [failed] = (await pipeline.run("Find it.")).state.agentResults;
  assert.deepEqual([failed?.success, failed?.text], [false, ""]);
  assert.match(failed?.error ?? "", /400|invalid/i);
  const [unknown] = (await pipeline.run("Find it.")).state.agentResults;
  assert.equal(unknown?.error, "unknown_agent_type: nobody");
});

test("an agent's key is its parent's only where the provider is the same; a provider object of the host's stays open", async () => {
  await using model = await startModel({
    script: [{ text: "[DELEGATE: scout: go]" }, { text: "Done." }, { text: "[DELEGATE: scout: go]" }, { text: "Done." }],
  });
  const real = await providers.anthropic({ apiKey: "k", baseUrl: model.url });
  let closed = 0;
  const mine: Provider = {
    name: "mine",
    capabilities: real.capabilities,
    stream: (r, o) => real.stream(r, o),
    close: async () => void closed++,
  };
  const stages = (manifest: ManifestDocument) =>
    manifest.stages.map((s) => (s.name === "api" ? { ...s, config: { ...s.config, provider: "openai" } } : s));
  const foreign = { agent_type: "scout", manifest: { ...child(), stages: stages(child() as ManifestDocument) } as JsonObject };
  {
    await using pipeline = new Pipeline({
      manifest: parent([foreign]),
      apiKey: "anthropic-key",
      baseUrl: model.url,
      credentials: new CredentialBundle({}),
    });
    const [answer] = (await pipeline.run("Go.")).state.agentResults;
    assert.equal(answer?.success, false);
    assert.match(answer?.error ?? "", /openai/);
  }
  const manifest = parent([foreign]);
  await using pipeline = new Pipeline({ manifest, apiKey: "k", baseUrl: model.url, providers: { openai: mine } });
  const [answer] = (await pipeline.run("Go.")).state.agentResults;
  assert.equal(answer?.success, true);
  assert.equal(closed, 0);
});

test("an agent may name its parent's MCP server by nothing but its name", () => {
  const named = child({ mcp_servers: [{ name: "web" }] });
  const manifest = parent([{ agent_type: "scout", manifest: named }]);
  assert.deepEqual(new Pipeline({ manifest, apiKey: "k" }).findings, []);
  const option = { scout: named as ManifestDocument };
  assert.deepEqual(new Pipeline({ manifest: parent([]), apiKey: "k", subagents: option }).findings, []);
  assert.throws(
    () => new Pipeline({ manifest: named as ManifestDocument, apiKey: "k" }),
    ConfigError,
    "alone it has to say how it is reached",
  );
});

test("what is wrong with an agent's manifest is found when its parent is made, at its place", () => {
  const bad = child({}, { model: { max_tokens: 0 } });
  const nested = child({}, { subagents: [{ agent_type: "deep", manifest: bad }] });
  assert.throws(
    () =>
      new Pipeline({
        manifest: parent([
          { agent_type: "scout", manifest: nested },
          { agent_type: "b", manifest: { stages: 7 } },
        ]),
        apiKey: "k",
      }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const paths = error.findings.filter(({ severity }) => severity === "error").map(({ path }) => path);
      assert.deepEqual(paths, ["subagents[0].manifest.subagents[0].manifest.model.max_tokens", "subagents[1].manifest.stages"]);
      return true;
    },
  );
});

test("what is wrong with a manifest that the host gives as an agent is found when the pipeline is made, at its place", async () => {
  const errorsOf = (agent: unknown): readonly string[] => {
    try {
      new Pipeline({ manifest: parent([]), apiKey: "k", subagents: { scout: agent as ManifestDocument } });
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.findings.filter(({ severity }) => severity === "error").map(({ path }) => path);
    }
    return [];
  };
  assert.deepEqual(errorsOf({ stages: 7 }), ["options.subagents.scout.stages"]);
  assert.deepEqual(errorsOf(child({}, { model: { max_tokens: 0 } })), ["options.subagents.scout.model.max_tokens"]);
  assert.ok(errorsOf({}).every((path) => path.startsWith("options.subagents.scout")) && errorsOf({}).length);
  assert.deepEqual(errorsOf(7), ["options.subagents.scout"]);
  await using pipeline = new Pipeline({
    manifest: parent([]),
    apiKey: "k",
    subagents: { scout: child({}, { pipeline: { name: "child", colour: "red" } }) as ManifestDocument },
  });
  assert.deepEqual(
    pipeline.findings.map(({ severity, path }) => `${severity} ${path}`),
    ["warning options.subagents.scout.pipeline.colour"],
  );
});

test("a roster's agent without a manifest, and a memory, wait for the host: they load, are kept, and are findings", async () => {
  const manifest: ManifestDocument = { ...parent([{ agent_type: "scout", env_id: "env_1" }]), memory: { provider: "file", config: {} } };
  const codes = (pipeline: Pipeline) => pipeline.findings.map(({ severity, code, path }) => `${severity} ${code} ${path}`).sort();
  await using waiting = new Pipeline({ manifest, apiKey: "k" });
  assert.deepEqual(codes(waiting), [
    "warning memory.needs_host memory",
    "warning strategy.needs_host stages[11].strategies.orchestrator",
    "warning subagent.needs_host subagents[0]",
  ]);
  assert.deepEqual(waiting.snapshot().toJSON().memory, manifest.memory);
  assert.deepEqual(waiting.snapshot().toJSON().subagents, manifest.subagents);
  const scout = async () => ({ success: true, text: "", error: null });
  await using served = new Pipeline({ manifest, apiKey: "k", subagents: { scout }, memory: { retrieve: async () => [] } });
  assert.deepEqual(codes(served), []);
});

test("what the host attaches later joins the roster's agents, and answers the findings", async () => {
  await using model = await startModel({
    script: [{ text: "[DELEGATE: scout: go]" }, { text: "Under the oak." }, { text: "[DELEGATE: guide: lead]" }, { text: "Done." }],
  });
  const roster = [
    { agent_type: "scout", manifest: child() },
    { agent_type: "guide", env_id: "env_1" },
  ];
  await using pipeline = make({ ...parent(roster), memory: { provider: "file", config: {} } }, model);
  const codes = () => pipeline.findings.map(({ code }) => code).sort();
  assert.deepEqual(codes(), ["memory.needs_host", "subagent.needs_host"]);
  pipeline.attach({
    host: { delegate: async ({ task }) => ({ success: true, text: `I ${task}.`, error: null }), retrieve: async () => [] },
  });
  assert.deepEqual(codes(), []);
  const { state } = await pipeline.run("Find it.");
  assert.deepEqual(
    state.agentResults.map(({ agent_type, text }) => [agent_type, text]),
    [
      ["scout", "Under the oak."],
      ["guide", "I lead."],
    ],
  );
  pipeline.attach({ host: { delegate: undefined, retrieve: undefined } });
  assert.deepEqual(codes(), ["memory.needs_host", "subagent.needs_host"]);
});

class Memory {
  readonly folder = "/memory";
  #asked = 0;
  #recorded = 0;
  async retrieve() {
    this.#asked += 1;
    return [];
  }
  async recordTurns(messages: readonly unknown[]) {
    this.#recorded += messages.length;
    return messages.length;
  }
  told() {
    return [this.#asked, this.#recorded];
  }
}

test("a host and a memory may be instances of classes: beside agents, as a memory, when they are attached", async () => {
  const manifest: ManifestDocument = {
    ...defineManifest({
      name: "m",
      stages: { context: { retriever: "memory_aware" }, memory: { strategy: "provider_driven" }, persist: false },
    }),
    memory: { provider: "file", config: {} },
  };
  const scout = async () => ({ success: true, text: "", error: null });
  const given: ((memory: Memory) => Omit<PipelineOptions, "manifest">)[] = [
    (memory) => ({ memory }),
    (host) => ({ host }),
    (host) => ({ host, subagents: { scout } }),
    (host) => ({ host, memory: { recordTurns: async () => 0 } }),
    () => ({}),
  ];
  for (const [i, options] of given.entries()) {
    await using model = await startModel({ script: [{ text: "Blue." }] });
    const memory = new Memory();
    await using pipeline = make(manifest, model, options(memory));
    if (i === 4) pipeline.attach({ host: memory });
    assert.deepEqual(pipeline.findings, []);
    await pipeline.run("Which colour is the sky?");
    assert.deepEqual(memory.told(), i === 3 ? [1, 0] : [1, 2], String(i));
  }
  assert.deepEqual(validateManifest(manifest, { host: new Memory() }), []);
});

test("the option memory is what stages 2, 18 and 19 work with", async () => {
  await using model = await startModel({ script: [{ text: "Blue.", expect: {} }] });
  const manifest = defineManifest({
    name: "m",
    stages: { context: { retriever: "memory_aware" }, memory: { strategy: "provider_driven" }, persist: false },
  });
  const asked: string[] = [];
  const recorded: string[] = [];
  await using pipeline = make({ ...manifest, memory: { provider: "file", config: {} } }, model, {
    memory: {
      async retrieve(query) {
        asked.push(query);
        return [];
      },
      recordTurns: async (messages) => recorded.push(...messages.map(({ role }) => role)),
    },
  });
  assert.deepEqual(pipeline.findings, []);
  await pipeline.run("Which colour is the sky?");
  assert.deepEqual(asked, ["Which colour is the sky?"]);
  assert.deepEqual(recorded, ["user", "assistant"]);
});
