/** What a host gives after a pipeline was made: attached, refreshed, taken back; and who decides what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import {
  CHANNELS,
  ConfigError,
  CredentialBundle,
  defineTool,
  type Finding,
  type ModelOverrides,
  type Parts,
  PipelineBuilder,
  PipelinePresets,
  type Provider,
} from "geny-executor";
import { startModel } from "geny-executor/testing";
import { layersOf, resolve } from "../../src/channels.ts";
import { systemClock } from "../../src/engine/host.ts";
import { providerPool } from "../../src/pool.ts";
import { runtimeOf } from "../../src/runtime.ts";
import { callingProvider, noop } from "./scripted.ts";

/** The keys that reached the wire, as they were sent. */
const wiretap = () => {
  const keys: (string | null)[] = [];
  const tapped: typeof fetch = (url, init) => {
    keys.push(new Headers(init?.headers).get("authorization")?.replace("Bearer ", "") ?? null);
    return fetch(url, init);
  };
  return { keys, fetch: tapped };
};
const bundle = (apiKey: string, baseUrl: string) => new CredentialBundle({ anthropic: { apiKey, baseUrl } });
const findingsOf = (act: () => unknown): readonly Finding[] => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.findings;
  }
  assert.fail("it was not refused");
};

test("rotated credentials reach the next request, also of a turn that runs", async () => {
  await using model = await startModel({
    script: [{ text: "one" }, { text: "two" }, { tool_calls: [{ name: "rotate", input: {} }] }, { text: "three" }],
  });
  const rotate = defineTool({
    name: "rotate",
    description: "gives new credentials",
    input: { type: "object" },
    effect: "read",
    run() {
      pipeline.refresh({ credentials: bundle("third", model.url) });
      return "rotated";
    },
  });
  const tap = wiretap();
  await using pipeline = PipelinePresets.agent({ credentials: bundle("first", model.url), tools: [rotate], fetch: tap.fetch });
  await pipeline.run("hi");
  pipeline.refresh({ credentials: bundle("second", model.url) });
  await pipeline.run("hi");
  await pipeline.run("hi");
  assert.deepEqual(tap.keys, ["first", "second", "second", "third"]);
});

test("a refresh is taken back by giving undefined; what was attached acts again", async () => {
  await using model = await startModel({ script: [{ text: "a" }, { text: "b" }, { text: "c" }] });
  const tap = wiretap();
  await using pipeline = PipelinePresets.minimal({ apiKey: "attached", baseUrl: model.url, fetch: tap.fetch });
  pipeline.refresh({ apiKey: "refreshed" });
  await pipeline.run("hi");
  pipeline.refresh({ apiKey: undefined });
  await pipeline.run("hi");
  pipeline.attach({ apiKey: "again" });
  await pipeline.run("hi");
  assert.deepEqual(tap.keys, ["refreshed", "attached", "again"]);
});

test("a key goes to the provider that it was given for, whatever the manifest is changed to", async () => {
  const made: unknown[] = [];
  const source = (name: string) => (options: { apiKey?: string | undefined }) => {
    made.push([name, options.apiKey ?? null]);
    return callingProvider(1, undefined, { name });
  };
  await using pipeline = PipelinePresets.minimal({
    apiKey: "secret of anthropic",
    credentials: new CredentialBundle({}),
    providers: { anthropic: source("anthropic"), openai: source("openai") },
  });
  await pipeline.run("hi");
  pipeline.mutator().updateStageConfig("api", { provider: "openai" });
  const { state } = await pipeline.run("hi");
  assert.deepEqual(made, [
    ["anthropic", "secret of anthropic"],
    ["openai", null],
  ]);
  assert.equal(state.primaryProvider, "openai");
  pipeline.refresh({ apiKey: "secret of openai" });
  await pipeline.run("hi");
  assert.deepEqual(made.at(-1), ["openai", "secret of openai"]);
});

test("a key and an address serve the provider that each was given for, by layer, also after a change of provider", async () => {
  const made: unknown[] = [];
  const source =
    (name: string) =>
    ({ apiKey = "none", baseUrl = "none" }: { apiKey?: string | undefined; baseUrl?: string | undefined }) => {
      made.push(`${name}: ${apiKey} at ${baseUrl}`);
      return callingProvider(1, undefined, { name });
    };
  const begin = () => {
    const pipeline = PipelinePresets.minimal({
      apiKey: "A",
      baseUrl: "https://a",
      credentials: new CredentialBundle({ openai: { apiKey: "bundle" } }),
      providers: { anthropic: source("anthropic"), openai: source("openai") },
    });
    pipeline.mutator().updateStageConfig("api", { provider: "openai" });
    return pipeline;
  };
  const gave = async (pipeline: ReturnType<typeof begin>): Promise<unknown> => {
    await pipeline.run("hi");
    return made.at(-1);
  };
  {
    await using pipeline = begin();
    pipeline.refresh({ baseUrl: "https://o" });
    assert.equal(await gave(pipeline), "openai: bundle at https://o");
  }
  {
    await using pipeline = begin();
    pipeline.attach({ baseUrl: "https://o" });
    assert.equal(await gave(pipeline), "openai: bundle at https://o");
  }
  await using pipeline = begin();
  pipeline.refresh({ apiKey: "O" });
  assert.equal(await gave(pipeline), "openai: O at none");
  pipeline.refresh({ apiKey: undefined });
  assert.equal(await gave(pipeline), "openai: bundle at none");
  pipeline.refresh({ apiKey: "O" });
  pipeline.mutator().updateStageConfig("api", { provider: "anthropic" });
  assert.equal(await gave(pipeline), "anthropic: A at https://a");
});

test("parts of the host are given member by member, and a strategy that waited for one acts", async () => {
  const said: string[] = [];
  await using pipeline = new PipelineBuilder("emits", { providers: { anthropic: callingProvider(1) }, host: { chunks: [] } })
    .withContext({ strategy: "simple_load" })
    .withEmit({ emitters: ["text"] })
    .build();
  pipeline.attach({ host: { emitters: { text: (text) => said.push(text) } } });
  await pipeline.run("hi");
  pipeline.refresh({ host: { emitters: { text: (text) => said.push(text.toUpperCase()) } } });
  await pipeline.run("hi");
  pipeline.refresh({ host: { emitters: undefined } });
  await pipeline.run("hi");
  assert.deepEqual(said, ["done after 1", "DONE AFTER 1", "done after 1"]);
});

test("a strategy that needs the host is a finding until its part is there", async () => {
  await using pipeline = new PipelineBuilder("waits", { providers: { anthropic: callingProvider(1) } })
    .withContext({ retriever: "memory_aware" })
    .build();
  const waits = () => pipeline.findings.some(({ code }) => code === "strategy.needs_host");
  assert.ok(waits());
  pipeline.attach({ host: { retrieve: async () => [] } });
  assert.ok(!waits());
});

test("tools that a running turn is given are offered in its next pass; without new ones the registry stays the same", async () => {
  const offered: string[][] = [];
  const first = defineTool({ ...noop, name: "first", run: () => "ok" });
  const provider = callingProvider(3, (request) => {
    offered.push(request.tools.map((tool) => tool.name));
    if (offered.length === 1) pipeline.refresh({ tools: [noop] });
  });
  await using pipeline = PipelinePresets.agent({ providers: { anthropic: provider }, tools: [first] });
  const before = pipeline.tools;
  pipeline.refresh({ prices: { any: { input: 1, output: 1, cacheRead: null, cacheWrite: null } } });
  assert.equal(pipeline.tools, before);
  await pipeline.run("go");
  assert.deepEqual(offered, [["first"], ["noop"], ["noop"]]);
  assert.deepEqual(pipeline.tools.names(), ["noop"]);
});

test("attach waits for turns to be over; refresh does not", async () => {
  await using pipeline = PipelinePresets.minimal({ providers: { anthropic: callingProvider(1, () => wait(30)) } });
  const run = pipeline.run("hi");
  await wait(5);
  assert.throws(() => pipeline.attach({ env: {} }), { code: "exec.pipeline.busy", recoverable: true });
  pipeline.refresh({ env: {} });
  await run;
  pipeline.attach({ env: {} });
  const circle: { inside?: unknown } = {};
  circle.inside = circle;
  await assert.rejects(pipeline.run(circle), { code: "exec.stage.failed" });
  pipeline.attach({ env: {} });
});

test("providers that were made are closed when the last turn has left them; the host's own are left open", async () => {
  const closed: string[] = [];
  const closing = (name: string, heard?: () => unknown): Provider => ({
    ...callingProvider(1, heard),
    close: async () => void closed.push(name),
  });
  let during: readonly string[] | undefined;
  const refresh = async () => {
    pipeline.refresh({ providers: { anthropic: closing("given") } });
    await new Promise((ok) => setImmediate(ok));
    during = [...closed];
  };
  await using pipeline = PipelinePresets.minimal({ providers: { anthropic: () => closing("made", refresh) } });
  await pipeline.run("hi");
  assert.deepEqual(during, [], "a turn goes by it");
  assert.deepEqual(closed, ["made"]);
  await pipeline.run("hi");
  pipeline.refresh({ providers: { anthropic: () => closing("made again") } });
  await pipeline.run("hi");
  assert.deepEqual(closed, ["made"]);
  await pipeline.close();
  assert.deepEqual(closed, ["made", "made again"]);
});

test("providers that are asked for after the end are not made: nobody would close them", async () => {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const env = { providers: { mine: () => assert.fail("it was made") } };
  const pool = providerPool(runtimeOf(env, "mine"), systemClock, log);
  await pool.close();
  assert.throws(() => pool.provider("mine", {}), { code: "exec.api.no_client" });
});

test("a provider that contradicts its name is refused unless it shall; then each turn says so", async () => {
  const told: unknown[] = [];
  await using pipeline = PipelinePresets.minimal({ apiKey: "k" });
  pipeline.on("runtime.llm_client_override", ({ data }) => told.push(data));
  const parts: Parts = { providers: { anthropic: callingProvider(1, undefined, { name: "other" }) } };
  for (const give of [pipeline.attach.bind(pipeline), pipeline.refresh.bind(pipeline)]) {
    const [finding] = findingsOf(() => give(parts));
    assert.equal(finding?.code, "provider.contradicts");
    assert.match(finding?.path ?? "", /^(attach|refresh)\.providers\.anthropic$/);
  }
  pipeline.refresh({ ...parts, overrideManifest: true });
  assert.equal((await pipeline.run("hi")).text, "done after 1");
  assert.deepEqual(told, [{ manifest_provider: "anthropic", client_provider: "other" }]);
  pipeline.refresh({ providers: { anthropic: callingProvider(1) } });
  await pipeline.run("hi");
  assert.equal(told.length, 1);
});

test("a provider under a name of the host's own may be attached, and then be chosen", async () => {
  await using pipeline = PipelinePresets.minimal({ apiKey: "k" });
  assert.throws(() => pipeline.mutator().updateStageConfig("api", { provider: "house" }), { code: "exec.mutation.invalid" });
  pipeline.attach({ providers: { house: callingProvider(1, undefined, { name: "house" }) } });
  pipeline.mutator().updateStageConfig("api", { provider: "house" });
  assert.equal((await pipeline.run("hi")).text, "done after 1");
});

test("a provider that cannot be closed is logged, and keeps no other one open", async () => {
  const closed: string[] = [];
  const logged: unknown[] = [];
  const providers = {
    anthropic: () => ({ ...callingProvider(1), close: () => Promise.reject(new Error("stuck")) }),
    openai: () => ({ ...callingProvider(1, undefined, { name: "openai" }), close: async () => void closed.push("openai") }),
  };
  const pipeline = PipelinePresets.minimal({ providers, logger: { warn: (...words) => void logged.push(words) } });
  await pipeline.run("hi");
  pipeline.mutator().updateStageConfig("api", { provider: "openai" });
  await pipeline.run("hi");
  await pipeline.close();
  assert.deepEqual([closed, logged.length], [["openai"], 1]);
});

test("what is no part is refused by name, and nothing of the rest is taken", async () => {
  await using model = await startModel({ script: [{ text: "a" }] });
  const tap = wiretap();
  await using pipeline = PipelinePresets.minimal({ apiKey: "first", baseUrl: model.url, fetch: tap.fetch });
  const findings = findingsOf(() => pipeline.refresh({ apiKey: "second", credential: {} } as Parts));
  assert.deepEqual(
    findings.map(({ code, path, suggestion }) => [code, path, suggestion]),
    [["option.unknown", "refresh.credential", "credentials"]],
  );
  await pipeline.run("hi");
  assert.deepEqual(tap.keys, ["first"]);
  assert.throws(() => pipeline.mutate(() => pipeline.refresh({ apiKey: "second" })), { code: "exec.mutation.invalid" });
});

test("every setting says its value and who decided it; a secret is not told", async () => {
  const told: unknown[] = [];
  await using pipeline = PipelinePresets.minimal({
    model: "from-manifest",
    apiKey: "sk-secret",
    providers: { anthropic: callingProvider(1) },
  });
  pipeline.on("config.override_applied", ({ data }) => told.push(`${data.field} ${data.source}`));
  pipeline.mutator().updateModelConfig({ max_tokens: 7, top_k: 3 });
  pipeline.attach({ workingDir: "/", prices: undefined });
  pipeline.refresh({ host: { retrieve: async () => [] }, env: {} });
  const overrides: ModelOverrides = { maxTokens: 5 };
  const settings = pipeline.settings(overrides);
  assert.deepEqual(
    ["model", "max_tokens", "top_k", "temperature", "host", "apiKey", "prices"].map((field) => settings[field] && { ...settings[field] }),
    [
      { value: "from-manifest", source: "manifest" },
      { value: 5, source: "per_run" },
      { value: 3, source: "mutation" },
      { value: null, source: "default" },
      { value: null, source: "refresh" },
      { value: null, source: "attached" },
      undefined,
    ],
  );
  assert.doesNotMatch(JSON.stringify(settings), /sk-secret/);
  const { state } = await pipeline.run("hi", { overrides });
  assert.deepEqual([state.model, state.maxTokens, state.topK], ["from-manifest", 5, 3]);
  assert.deepEqual(told.toSorted(), ["host refresh", "max_tokens per_run", "top_k mutation", "workingDir attached"]);
  assert.throws(() => pipeline.settings({ maxTokens: 0 }), ConfigError);
});

test("the strongest channel that gives a field decides it", () => {
  const layer = fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__"), fc.integer(), { noNullPrototype: true });
  fc.assert(
    fc.property(fc.tuple(layer, layer, layer, layer, layer, layer), (given) => {
      const layers = Object.fromEntries(CHANNELS.map((channel, i) => [channel, given[i] ?? {}]));
      const resolved = resolve(layers);
      for (const field of ["a", "b", "c"]) {
        const first = CHANNELS.find((channel) => Object.hasOwn(layers[channel] ?? {}, field));
        assert.deepEqual(resolved[field], first && { value: layers[first]?.[field], source: first });
      }
    }),
  );
});

test("a setting that a mutation takes out is left to its default", () => {
  const manifest = PipelinePresets.minimal({ temperature: 0.5 }).snapshot().toJSON();
  const { temperature: _, ...model } = manifest.model;
  const runtime = runtimeOf({}, "anthropic");
  assert.deepEqual(resolve(layersOf({ manifest, document: manifest, runtime })).temperature, { value: 0.5, source: "manifest" });
  assert.deepEqual(resolve(layersOf({ manifest, document: { ...manifest, model }, runtime })).temperature, {
    value: null,
    source: "default",
  });
});
