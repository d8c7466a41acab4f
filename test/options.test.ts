/** What is given in code: every option is looked at by name and by form before anything is made, and nothing else is said first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConfigError,
  defineManifest,
  extend,
  fields,
  Pipeline,
  type PipelineOptions,
  PipelinePresets,
  type RunOptions,
} from "geny-executor";
import { context } from "geny-executor/stages";
import { startModel } from "geny-executor/testing";

const manifest = defineManifest({ name: "m" });
const findingsOf = (act: () => unknown): readonly string[] => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.findings.map(({ code, path, suggestion }) => [code, path, suggestion].filter(Boolean).join(" "));
  }
  return assert.fail("it was taken");
};
const WRONG: readonly (readonly [options: object, ...told: readonly string[]])[] = [
  [{ host: { approv: async () => null } }, "option.unknown options.host.approv approve"],
  [{ host: 7 }, "option.invalid options.host"],
  [{ memory: { retreive: async () => [] } }, "option.unknown options.memory.retreive retrieve"],
  [{ memory: "file" }, "option.invalid options.memory"],
  [{ offers: { hook: [], skills: ["a", 1] } }, "option.invalid options.offers.skills[1]", "option.unknown options.offers.hook hooks"],
  [{ subagents: { scout: 3, guide: null } }, "option.invalid options.subagents.scout", "option.invalid options.subagents.guide"],
  [{ providers: { mine: 3 } }, "option.invalid options.providers.mine"],
  [{ credentials: { anthropic: { apiKey: "k" } } }, "option.invalid options.credentials"],
  [{ adhocProviders: {} }, "option.invalid options.adhocProviders"],
  [{ adhocProviders: [{}] }, "option.invalid options.adhocProviders[0]"],
  [{ tools: {} }, "option.invalid options.tools"],
  [{ env: { A: 1 } }, "option.invalid options.env.A"],
  [{ unknownKeys: "eror", strict: "no" }, "option.invalid options.unknownKeys", "option.invalid options.strict"],
  [{ maxTurnMs: 0, fetch: "x" }, "option.invalid options.maxTurnMs", "option.invalid options.fetch"],
  [{ workinDir: "/" }, "option.unknown options.workinDir workingDir"],
];
for (const [options, ...told] of WRONG)
  test(`options ${JSON.stringify(options)} are refused, strictly or not`, () => {
    for (const strict of "strict" in options ? [{}] : [{}, { strict: false }])
      assert.deepEqual(
        findingsOf(() => new Pipeline({ manifest, ...options, ...strict } as PipelineOptions)),
        told,
      );
  });

test("what is wrong with the manifest stands beside", () => {
  const both = { manifest: { ...manifest, model: { max_tokens: 0 } }, adhocProvider: [] } as PipelineOptions;
  assert.deepEqual(
    findingsOf(() => new Pipeline(both)),
    ["option.unknown options.adhocProvider adhocProviders", "config.invalid model.max_tokens"],
  );
});

test("beside a wrong option a host's own strategies and providers are known", () => {
  const calm = { about: "mine", config: fields({}), create: () => () => assert.fail("nothing runs") };
  const mine = extend(context, "strategy", { calm });
  const own = defineManifest.for({ context: mine })({ stages: { context: { strategy: "calm" } } });
  const stages = own.stages.map((stage) => (stage.name === "api" ? { ...stage, config: { provider: "house" } } : stage));
  const options = { manifest: { ...own, stages }, stages: { context: mine }, providers: { house: () => assert.fail("nothing runs") } };
  assert.deepEqual(new Pipeline(options).findings, []);
  assert.deepEqual(
    findingsOf(() => new Pipeline({ ...options, offer: {} } as PipelineOptions)),
    ["option.unknown options.offer offers"],
  );
});

test("an option that is undefined is not given: also an override, a part of the host, and a run's own", async () => {
  await using model = await startModel({ script: [{ text: "a" }, { text: "b" }] });
  const { apiKey, ...none }: { [key: string]: undefined } = { apiKey: undefined, tools: undefined, host: undefined, maxTurnMs: undefined };
  await using pipeline = PipelinePresets.minimal({ ...none, apiKey: apiKey ?? "k", baseUrl: model.url, model: "from-manifest" } as object);
  const overrides = { model: undefined, maxTokens: undefined, temperature: 0.5 } as unknown as RunOptions["overrides"];
  const { state } = await pipeline.run("hi", { overrides, signal: undefined, state: undefined } as unknown as RunOptions);
  assert.deepEqual([state.model, state.maxTokens, state.temperature], ["from-manifest", 8192, 0.5]);
  assert.deepEqual(pipeline.settings(overrides).model, { value: "from-manifest", source: "manifest" });
});

test("options of a run are looked at, too", async () => {
  await using pipeline = PipelinePresets.minimal({ apiKey: "k" });
  for (const [options, path] of [
    [{ overrides: null }, "options.overrides"],
    [{ overrides: { maxTokens: "x" } }, "options.overrides.max_tokens"],
    [{ signal: 3 }, "options.signal"],
    [{ messages: "hi" }, "options.messages"],
    [{ sesionId: "s" }, "options.sesionId"],
  ] as const)
    await assert.rejects(
      pipeline.run("hi", options as unknown as RunOptions),
      (error) => error instanceof ConfigError && error.findings[0]?.path === path,
      path,
    );
});

test("a manifest that is no JSON says what it is: a promise is to be awaited", () => {
  for (const [given, message] of [
    [Promise.resolve(manifest), /must be JSON, not a Promise: await it/],
    [new Map(), /must be JSON, not a Map/],
    [undefined, /must be JSON, not undefined/],
    [() => manifest, /must be JSON, not a function/],
  ] as const)
    assert.throws(
      () => new Pipeline({ manifest: given as never }),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
});
