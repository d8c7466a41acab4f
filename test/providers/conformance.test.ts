/** Every provider passes the conformance suite, and a pipeline cannot tell their wires apart. `npm run conformance` writes the table. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, type TestContext, test } from "node:test";
import { collect, defineTool, modelRequest, PipelineBuilder } from "geny-executor";
import { HANDOVERS, providerSuite, SCENARIOS, type Scenario, startModel, type Turn } from "geny-executor/testing";
import { FILE, type Outcome, type Results, writtenDown } from "../../scripts/conformance-page.ts";
import { type Conforming, program, WIRES } from "./conformance-wires.ts";

const results: Results = {};
after(() => {
  if (process.env.CONFORMANCE === "write") writeFileSync(FILE, writtenDown(results));
});

/** One case after another, or as many at a time as the test may. */
const passes = async (t: TestContext, provider: string, played: string, { make, ...options }: Conforming): Promise<void> => {
  const cases: { [name: string]: Outcome } = {};
  let closedMs = 0;
  const all = providerSuite(make, options).map(({ name, skip, differs, run }) => {
    cases[name] = skip === null ? { outcome: "failed", reasons: differs } : { outcome: "skipped", reasons: [skip] };
    return t.test(name, { skip: skip ?? false }, async (s) => {
      const ms = await run();
      if (ms !== null) s.diagnostic(`closed ${ms.toFixed(1)} ms after the reader turned away`);
      closedMs = Math.max(closedMs, ms ?? 0);
      cases[name] = { outcome: "passed", reasons: differs };
    });
  });
  await Promise.all(all);
  results[provider] = { played, closed_ms: Number(closedMs.toFixed(1)), cases };
};

for (const [provider, wire] of Object.entries(WIRES)) test(`${provider} passes the suite`, (t) => passes(t, provider, "", wire));

test("claude_code_cli passes the suite", { concurrency: 3 }, async (t) => {
  await using played = await program();
  if (!played.real) t.diagnostic("`claude` is not here: a stand-in plays it");
  await passes(t, "claude_code_cli", played.version, played.conforming);
});

test("the suite has more than 40 scenarios, each with a name of its own", () => {
  const names = Object.values(SCENARIOS).flatMap((scenarios) => scenarios.map(({ name }) => name));
  assert(names.length > 40);
  assert.equal(new Set(names).size, names.length);
});

/** Each wire, and the program. */
const everywhere = async (act: (provider: string, conforming: Conforming) => Promise<void>): Promise<void> => {
  await using played = await program();
  for (const [provider, wire] of Object.entries({ ...WIRES, claude_code_cli: played.conforming })) await act(provider, wire);
};

test("the answers that the hand-overs begin with are those that the wires give", () =>
  everywhere(async (provider, { make, model }) => {
    const said: Turn = { thinking: { text: "Let me think.", signature: "c2lnbmVk" }, text: "I look." };
    const tool_calls = ["home", "sea"].map((at) => ({ id: at, name: "look", input: { at } }));
    await using peer = await startModel({ script: [provider === "claude_code_cli" ? said : { ...said, tool_calls }] });
    const asking = await make(peer.url, {});
    const request = modelRequest({ model, maxTokens: 4096, messages: [{ id: "", origin: "user", role: "user", content: "Where is it?" }] });
    const { content } = await collect(provider, model, asking.stream(request, { signal: AbortSignal.timeout(20_000) }));
    assert.deepEqual(content, HANDOVERS[provider], provider);
    await asking.close?.();
  }));

const scenario = (wanted: string): Scenario => {
  const found = Object.values(SCENARIOS)
    .flat()
    .find(({ name }) => name === wanted);
  return found ?? assert.fail(`there is no scenario "${wanted}"`);
};
const look = defineTool({
  name: "look",
  description: "Looks at a place.",
  input: { type: "object", properties: { at: { type: "string" } }, required: ["at"] },
  effect: "read",
  run: ({ at }) => `Nothing at ${String(at)}.`,
});

/** These depend on how a wire cuts its arguments, on a model's price, and on what a provider cannot take. */
const OWN = /^(?:api\.input_json_delta|token\.price_unknown|llm_client\..*)$/;
/** Types of a turn's events; what is told many times in a row is told once. */
const typesOf = async ({ make, model }: Conforming, script: readonly Turn[]): Promise<readonly string[]> => {
  await using peer = await startModel({ script });
  await using pipeline = new PipelineBuilder("same", { providers: { mine: await make(peer.url, {}) } })
    .withProvider("mine")
    .withModel({ model })
    .withThink({ enabled: true, budgetTokens: 2048 })
    .withTools({ registry: [look] })
    .withStage("api", { retry: "no_retry" })
    .build();
  const types: string[] = [];
  pipeline.on("*", ({ type }) => void (types.at(-1) !== type && !OWN.test(type) && types.push(type)));
  await pipeline.run("Where is it?").catch((error: { code?: string }) => types.push(String(error.code)));
  return types;
};

for (const [name, more] of Object.entries({
  text: [],
  "thinking that is shown": [],
  "words, then a call": [{ text: "Nothing." }],
  "calls side by side, and their results": [],
  "stops at max_tokens": [],
  refuses: [],
  "500: the server failed": [],
} satisfies { readonly [name: string]: readonly Turn[] }))
  test(`through the pipeline, the events are the same on every wire: ${name}`, () =>
    everywhere(async (provider, conforming) => {
      const { script, not } = scenario(name);
      if (not?.some((trait) => conforming.traits?.[trait] !== undefined)) return;
      const expected = await typesOf(WIRES.anthropic, [...script, ...more]);
      assert.deepEqual(await typesOf(conforming, [...script, ...more]), expected, provider);
    }));
