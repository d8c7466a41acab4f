/** The window of the model that answers bounds what a turn may send, when it is known and smaller than the pipeline's budget. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineManifest, type Message, Pipeline, PipelineBuilder, type PipelineEvent, type Provider, type RunOptions } from "geny-executor";
import { capabilities, failover } from "geny-executor/providers";
import { startModel } from "geny-executor/testing";

const answering = (window?: (model: string) => number | null): Provider => ({
  name: "mine",
  capabilities: capabilities(),
  async *stream() {
    yield { type: "text", index: 0, text: "Done." };
    yield { type: "finish", stopReason: "end_turn" };
  },
  ...(window ? { window } : {}),
});
const built = (provider: Provider | (() => Promise<Provider>), override?: string) => {
  const builder = new PipelineBuilder("window", { providers: { mine: provider } })
    .withModel({ model: "small", contextWindowBudget: 100_000, maxTokens: 100 })
    .withProvider("mine")
    .withContext({ compactor: { use: "truncate", keep_last: 4 } })
    .withGuard({ guards: [{ use: "token_budget", min_remaining_tokens: 100 }] });
  const manifest = builder.manifest().toJSON();
  for (const stage of manifest.stages) if (stage.name === "api" && override) Object.assign(stage, { model_override: { model: override } });
  return { builder, manifest };
};
const history = (count: number, size: number): Message[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ id: `h${i}`, origin: i % 2 ? "model" : "user", role: i % 2 ? "assistant" : "user" },
    content: "word ".repeat(size),
  })) as Message[];
const turn = async (provider: Provider | (() => Promise<Provider>), messages: Message[], options: RunOptions = {}, override?: string) => {
  const { builder, manifest } = built(provider, override);
  await using pipeline = override ? await Pipeline.fromManifest(manifest, { providers: { mine: provider } }) : builder.build();
  const types: string[] = [];
  pipeline.on("*", (event: PipelineEvent) => types.push(event.type));
  const outcome = await pipeline.run("And now?", { messages, ...options }).then(
    ({ state }) => ({ budget: state.contextWindowBudget, code: "" }),
    (error) => ({ budget: error.result.state.contextWindowBudget, code: error.code }),
  );
  return { ...outcome, compacted: types.includes("context.compacted") };
};

test("the budget is the window where that is known and smaller, and as it is set elsewhere", async () => {
  const budget = async (window?: (model: string) => number | null) => (await turn(answering(window), [])).budget;
  assert.deepEqual(
    [await budget(() => 8000), await budget(() => 1_000_000), await budget(() => null), await budget()],
    [8000, 100_000, 100_000, 100_000],
  );
  assert.equal(
    (
      await turn(
        answering((model) => (model === "small" ? 4000 : 9000)),
        [],
      )
    ).budget,
    4000,
    "asked for the turn's model",
  );
  const overridden = await turn(
    answering((model) => (model === "small" ? 4000 : 9000)),
    [],
    { overrides: { model: "other" } },
  );
  assert.equal(overridden.budget, 9000);
  assert.equal(
    (
      await turn(
        answering((model) => (model === "other" ? 4000 : 9000)),
        [],
        {},
        "other",
      )
    ).budget,
    4000,
    "stage 6's own model",
  );
});

test("a small window compacts the history, and a guard refuses what still does not fit", async () => {
  const long = history(40, 100);
  assert.deepEqual(await turn(answering(), long), { budget: 100_000, code: "", compacted: false });
  assert.deepEqual(
    await turn(
      answering(() => 3000),
      long,
    ),
    { budget: 3000, code: "", compacted: true },
  );
  assert.equal(
    (
      await turn(
        answering(() => 300),
        history(4, 400),
      )
    ).code,
    "exec.stage.guard_rejected",
  );
});

test("a route has the smallest window of its targets", async () => {
  const route = failover([{ provider: answering(() => 9000) }, { provider: answering(() => 5000) }, { provider: answering() }], {
    name: "mine",
  });
  assert.equal((await turn(route, [])).budget, 5000);
});

test("a provider that cannot be had is told by stage 6, and one that never comes does not hold an abort", async () => {
  const failing = () => Promise.reject(new Error("no such thing"));
  assert.equal((await turn(failing, [])).code, "exec.api.no_client");
  const { code } = await turn(() => new Promise<Provider>(() => {}), [], { signal: AbortSignal.timeout(50) });
  assert.equal(code, "exec.pipeline.cancelled");
});

test("the window of a local server is known after warmup, which no missing server holds", async () => {
  await using model = await startModel({ models: [{ id: "small", context: 4096 }], local: "vllm", script: [{ text: "a" }, { text: "b" }] });
  const manifest = defineManifest({ model: { model: "small" }, stages: { api: { provider: "vllm" } } });
  const budget = async (warm: boolean): Promise<number> => {
    await using pipeline = new Pipeline({ manifest, baseUrl: `${model.url}/v1` });
    if (warm) await pipeline.warmup();
    return (await pipeline.run("hi")).state.contextWindowBudget;
  };
  assert.deepEqual([await budget(false), await budget(true)], [200_000, 4096]);
  await using lost = new Pipeline({ manifest, baseUrl: "http://127.0.0.1:1/v1" });
  await lost.warmup();
});
