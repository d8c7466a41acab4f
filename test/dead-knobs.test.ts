/** Every config key that is accepted is read: configs are handed out through proxies that write down what is looked at. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Fields, noUsage, type Provider, type Stage, type State, type Strategy } from "geny-executor";
import { PIPELINE } from "geny-executor/stages";
import { runStage, testServices } from "geny-executor/testing";

/** Strategies that write files write them where the process is. */
const home = process.cwd();
let place = "";
before(async () => {
  place = await mkdtemp(join(tmpdir(), "geny-knobs-"));
  process.chdir(place);
});
after(async () => {
  process.chdir(home);
  await rm(place, { recursive: true });
});

const provider: Provider = {
  name: "p",
  capabilities: {} as Provider["capabilities"],
  async *stream() {
    yield { type: "text", index: 0, text: "Done." };
    yield { type: "finish", stopReason: "end_turn" };
  },
};
const services = testServices({
  provider: () => provider,
  dispatcher: {
    concurrencySafe: () => true,
    dispatch: async ({ tool_use_id }) => ({
      block: { type: "tool_result", tool_use_id, content: "ok" },
      isError: false,
      mutations: {},
      newMessages: [],
      durationMs: 1,
    }),
  },
  host: {
    delegate: async () => ({ success: true, text: "done", error: null }),
    retrieve: async () => [],
    executeTask: async () => null,
  },
});

/** States in which one branch or another looks at its settings. */
const STATES: Partial<State>[] = [
  { input: "hi" },
  {
    outputSchema: {},
    lastApiResponse: {
      ...{ content: [{ type: "text", text: "no JSON" }], stop_reason: "end_turn", stop_sequence: null, message_id: "" },
      ...{ model: "m", provider: "p", usage: noUsage },
    },
  },
  { messages: [{ id: "1", origin: "user", role: "user", content: "x".repeat(20_000) }] },
  { thinkingEnabled: true, needsReflection: true, tools: [{ name: "t", description: "", input_schema: {} }] },
  { tools: [{ name: "t", description: "", input_schema: {} }] },
  { pendingToolCalls: [{ tool_use_id: "a", tool_name: "t", tool_input: {} }], delegateRequests: [{ agent_type: "a", task: "t" }] },
  {
    sessionId: "s",
    finalText: "Said.",
    turnSummary: { abstract: "x" },
    loopDecision: "complete",
    messages: [{ id: "1", origin: "model", role: "assistant", content: "Said." }],
  },
];
const call = {
  emit: () => {},
  signal: new AbortController().signal,
  step: <T>(_: string, effect: (s: AbortSignal) => Promise<T>) => effect(call.signal),
};

const sample = ({ shape }: Fields): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(shape as Record<string, { default?: unknown; kind: string }>).map(([key, field]) => [
      key,
      field.default ?? { array: [], object: {}, string: "x", integer: 1, number: 1, boolean: true }[field.kind] ?? null,
    ]),
  );
const watched = (config: object, seen: Set<string>): never =>
  new Proxy(config, {
    get(target, key) {
      seen.add(String(key));
      return Reflect.get(target, key);
    },
  }) as never;
const tried = async (work: () => unknown): Promise<void> => {
  try {
    await work();
  } catch {
    // What it makes of a state that is not whole does not matter here, only what it looked at.
  }
};

for (const stage of [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface] as Stage[]) {
  test(`stage ${stage.name} reads every key of its config`, async () => {
    const seen = new Set<string>();
    const watching: Stage = {
      ...stage,
      bypass: (state, ctx) => stage.bypass?.(state, { ...ctx, config: watched(ctx.config, seen) }),
      run: (state, ctx) => stage.run(state, { ...ctx, config: watched(ctx.config, seen) }),
    };
    const choices = Object.entries(stage.slots as Record<string, { kind: string; strategies: object }>).flatMap(
      ([slot, { kind, strategies }]) =>
        Object.keys(strategies).map((name) => (kind === "one" ? { strategies: { [slot]: name } } : { chain_order: { [slot]: [name] } })),
    );
    for (const entry of [{}, ...choices]) for (const state of STATES) await tried(() => runStage(watching, { state, services, entry }));
    assert.deepEqual(
      Object.keys(stage.config.shape).filter((key) => !seen.has(key)),
      [],
    );
  });

  for (const [slot, { strategies }] of Object.entries(stage.slots as Record<string, { strategies: Record<string, Strategy> }>))
    test(`stage ${stage.name}: every strategy of "${slot}" reads every key of its config`, async () => {
      for (const [name, strategy] of Object.entries(strategies)) {
        const seen = new Set<string>();
        const made: unknown = strategy.create(watched(sample(strategy.config), seen), services);
        const unread = () => Object.keys(strategy.config.shape).filter((key) => !seen.has(key));
        if (unread().length && typeof made === "function") for (const state of STATES) await tried(() => made({ ...state }, call));
        assert.deepEqual(unread(), [], name);
      }
    });
}
