/** What a turn with a limit does, rule by rule, through the public door. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  APIError,
  capabilities,
  GenyExecutorError,
  GuardRejectError,
  type ModelEvent,
  type ModelRequest,
  noUsage,
  type Pipeline,
  PipelineBuilder,
  type PipelineEvent,
  type Price,
  type Provider,
  type RunResult,
} from "geny-executor";

const price = (input: number, output: number): Price => ({ input, output, cacheRead: null, cacheWrite: input });
const used = (input_tokens: number, output_tokens: number): ModelEvent => ({
  type: "usage",
  usage: { ...noUsage, input_tokens, output_tokens },
});
const said = (text: string, input = 10, output = 5): ModelEvent[] => [
  { type: "text", index: 0, text },
  used(input, output),
  { type: "finish", stopReason: "end_turn" },
];
type Answer = readonly (ModelEvent | Error)[];
const playing = (answers: readonly Answer[], more: Partial<Provider> = {}) => {
  const requests: ModelRequest[] = [];
  const budgets: (number | undefined)[] = [];
  const provider: Provider = {
    name: "mine",
    capabilities: capabilities({}),
    async *stream(request, { budgetUsd }) {
      budgets.push(budgetUsd);
      for (const event of answers[requests.push(request) - 1] ?? said("end")) {
        if (event instanceof Error) throw event;
        yield event;
      }
    },
    ...more,
  };
  return { provider, requests, budgets };
};
interface Given {
  readonly provider: Provider;
  readonly model?: Parameters<PipelineBuilder["withModel"]>[0];
  readonly prices?: { readonly [model: string]: Price };
  readonly api?: Parameters<typeof PipelineBuilder.prototype.withStage<"api">>[1];
  readonly token?: Parameters<typeof PipelineBuilder.prototype.withStage<"token">>[1];
  readonly guard?: Parameters<typeof PipelineBuilder.prototype.withStage<"guard">>[1];
}
const made = ({ provider, model = {}, prices = { m: price(10, 100) }, api = {}, token = {}, guard = {} }: Given): Pipeline =>
  new PipelineBuilder("p", { providers: { mine: provider }, prices })
    .withProvider("mine")
    .withModel({ model: "m", maxTokens: 1000, ...model })
    .withStage("api", { retry: { use: "exponential_backoff", base_delay: 0 }, ...api })
    .withStage("token", token)
    .withGuard(guard)
    .build();
const failing = async (pipeline: Pipeline, input = "hi"): Promise<GenyExecutorError & { result: RunResult }> => {
  const error = await pipeline.run(input).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof GenyExecutorError, "the run did not fail");
  return error as GenyExecutorError & { result: RunResult };
};
const noted = (pipeline: Pipeline, type: string): PipelineEvent["data"][] => {
  const all: PipelineEvent["data"][] = [];
  pipeline.on(type, ({ data }) => all.push(data));
  return all;
};

for (const [whose, given] of [
  ["the pipeline's", { model: { costBudgetUsd: 0.05 } }],
  ["a guard's", { guard: { guards: [{ use: "cost_budget", max_cost_usd: 0.05 }] } }],
] satisfies [string, Omit<Given, "provider">][])
  test(`${whose} limit is kept although stage 7 is switched off`, async () => {
    const { provider, requests } = playing([said("a", 10, 400), said("b")]);
    const pipeline = made({ provider, ...given });
    pipeline.mutator().setStageActive("token", false);
    const { state } = await pipeline.run("hi");
    assert.ok(Math.abs((state.totalCostUsd ?? 0) - 0.0401) < 1e-9, String(state.totalCostUsd));
    assert.equal(requests.length, 1);
  });

test("an answer that does not fit is asked for as long as the budget lasts", async () => {
  const { provider, requests } = playing([]);
  const pipeline = made({ provider, model: { costBudgetUsd: 0.05 } });
  const lowered = noted(pipeline, "api.max_tokens_lowered");
  await pipeline.run("hi");
  // 114 tokens of prompt at most, at 10 dollars a million; what is left buys tokens at 100.
  assert.equal(requests[0]?.maxTokens, 488);
  assert.deepEqual(lowered, [{ from: 1000, to: 488, remaining_usd: 0.05 }]);
});

test("a call that cannot be made short enough is refused before anything is spent", async () => {
  const { provider, requests } = playing([]);
  const error = await failing(made({ provider, model: { costBudgetUsd: 0.02 } }));
  assert.ok(error instanceof GuardRejectError);
  assert.equal(error.code, "exec.stage.guard_rejected");
  assert.match(error.message, /may cost up to \$0\.02674, and \$0\.02 of the turn's \$0\.02 is left/);
  assert.equal(requests.length, 0);
  assert.equal(error.result.totalCostUsd, 0);
  const short = playing([]);
  await made({ provider: short.provider, model: { costBudgetUsd: 0.02 }, api: { minOutputTokens: 100 } }).run("hi");
  assert.equal(short.requests.length, 1, "the floor is stage 6's min_output_tokens");
});

test("a shorter answer leaves the floor to the answer and the rest to thinking", async () => {
  const { provider, requests } = playing([]);
  const model = { costBudgetUsd: 0.2, maxTokens: 8000, thinkingEnabled: true, thinkingBudgetTokens: 4000 };
  await made({ provider, model }).run("hi");
  assert.equal(requests[0]?.maxTokens, 1988);
  assert.equal(requests[0]?.thinking?.budgetTokens, 1988 - 256);
});

test("without a limit nothing is reserved", async () => {
  const { provider, requests } = playing([]);
  await made({ provider, prices: {} }).run("hi");
  assert.equal(requests[0]?.maxTokens, 1000);
});

test("a model without a price is refused while there is a limit, and says what to do", async () => {
  const { provider, requests } = playing([]);
  const error = await failing(made({ provider, prices: {}, model: { costBudgetUsd: 5 } }));
  assert.match(error.message, /no price of "m" is known.*`prices`.*unknown_price/);
  assert.equal(error.code, "exec.stage.guard_rejected");
  assert.equal(requests.length, 0);
});

test("unknown_price: allow lets it pass; its cost is null, and is told once", async () => {
  const { provider, requests } = playing([]);
  const pipeline = made({ provider, prices: {}, model: { costBudgetUsd: 5, unknownPrice: "allow" } });
  const unknown = noted(pipeline, "token.price_unknown");
  const result = await pipeline.run("hi");
  assert.equal(requests.length, 1);
  assert.equal(result.totalCostUsd, null);
  assert.deepEqual(unknown, [{ model: "m", provider: "mine" }]);
});

test("prices that stage 7 has of its own are what is reserved by", async () => {
  const token = { calculator: { use: "unified_pricing", custom_pricing: { m: { input: 10, output: 100 } } } } as const;
  const listed = playing([]);
  await made({ provider: listed.provider, prices: {}, model: { costBudgetUsd: 0.05 }, token }).run("hi");
  assert.equal(listed.requests[0]?.maxTokens, 485, "a write is reckoned at 1.25 times the input");
  const flat = { calculator: { use: "custom_pricing", input_per_million: 10, output_per_million: 100 } } as const;
  const { provider, requests } = playing([]);
  const result = await made({ provider, prices: {}, model: { costBudgetUsd: 0.05 }, token: flat }).run("hi");
  assert.equal(requests[0]?.maxTokens, 488);
  assert.equal(result.totalCostUsd, (10 * 10 + 5 * 100) / 1e6);
});

test("a route is reserved by the dearest of its targets", async () => {
  const { provider, requests } = playing([], { hops: () => ["m", "dear"].map((model) => ({ provider: "mine", model, account: "" })) });
  const prices = { m: price(10, 100), dear: price(20, 150) };
  await made({ provider, prices, model: { costBudgetUsd: 0.05 } }).run("hi");
  assert.equal(requests[0]?.maxTokens, 318);
  const error = await failing(made({ provider, model: { costBudgetUsd: 0.05 } }));
  assert.match(error.message, /no price of "dear" is known/);
});

test("the dearest tier that the prompt may reach is reserved", async () => {
  const tier = { above: 50, ...price(20, 200) };
  const { provider, requests } = playing([]);
  await made({ provider, prices: { m: { ...price(10, 100), tiers: [tier] } }, model: { costBudgetUsd: 0.06 } }).run("hi");
  assert.equal(requests[0]?.maxTokens, 288);
});

test("a backend with a loop of its own is handed what is left, and what it says it cost is believed", async () => {
  const costing: Answer = [
    { type: "text", index: 0, text: "x" },
    { type: "usage", usage: { ...noUsage, cost_usd: 0.3 } },
  ];
  const broken = new APIError("late", { code: "exec.api.server_error" });
  const { provider, budgets } = playing(
    [
      [...costing, broken],
      [...costing, { type: "finish", stopReason: "end_turn" }],
    ],
    {
      capabilities: capabilities({ supports_budget_limit: true }),
    },
  );
  const result = await made({ provider, prices: {}, model: { costBudgetUsd: 1 } }).run("hi");
  assert.deepEqual(budgets, [1, 0.7]);
  assert.equal(result.totalCostUsd, 0.6);
});

test("once the vendor has counted a prompt, only what came since is counted in bytes", async () => {
  const text = "word ".repeat(4000);
  const paused: Answer = [{ type: "text", index: 0, text: "well" }, used(5000, 3), { type: "finish", stopReason: "pause_turn" }];
  const { provider, requests } = playing([paused]);
  const model = { costBudgetUsd: 0.29, maxTokens: 300 };
  await made({ provider, prices: { m: price(10, 100) }, model }).run(text);
  // The second call fits only because its 20,000 bytes are known to be 5000 tokens: 0.05 + 0.2 + 0.03 would be too much.
  assert.equal(requests.length, 2);
  assert.equal(requests[1]?.maxTokens, 300);
});

test("a document whose size nobody knows is bounded by the model's window, and refused without one", async () => {
  const input = { content: [{ type: "document", source: { type: "file", file_id: "f" } }], role: "user" } as const;
  const messages = [input];
  const { provider, requests } = playing([]);
  const model = { costBudgetUsd: 0.5 };
  await assert.rejects(made({ provider, model }).run("hi", { messages }), /a document of unknown size/);
  const { provider: sized, ...known } = playing([], { window: () => 10_000 });
  await made({ provider: sized, model }).run("hi", { messages });
  assert.deepEqual([requests.length, known.requests.length], [0, 1]);
});

test("a call that broke off is billed by what was heard, and the rest of what it may have cost is held", async () => {
  const words = "some words of an answer ".repeat(4);
  const broken: Answer = [
    { type: "start", model: "m", id: "1" },
    { type: "text", index: 0, text: words },
    new APIError("x", { code: "exec.api.network" }),
  ];
  const { provider, requests } = playing([broken, said("done")]);
  const pipeline = made({ provider, model: { costBudgetUsd: 0.3 } });
  const tracked = noted(pipeline, "token.tracked");
  const result = await pipeline.run("hi");
  assert.deepEqual(
    tracked.map((t) => t.estimated ?? false),
    [true, false],
  );
  assert.ok(Number(tracked[0]?.output_tokens) > 20 && Number(tracked[0]?.input_tokens) > 0);
  const worst = (114 * 10 + 1000 * 100) / 1e6;
  assert.ok(Math.abs(Number(tracked[0]?.cost_usd) + result.state.heldCostUsd - worst) < 1e-9);
  assert.equal(requests.length, 2);
});

test("a failure that means that no model was at work holds nothing; a retry that does not fit is not made", async () => {
  const turnedAway = new APIError("busy", { code: "exec.api.rate_limited", status: 429 });
  const free = playing([[turnedAway], said("done")]);
  const result = await made({ provider: free.provider, model: { costBudgetUsd: 0.12 } }).run("hi");
  assert.deepEqual([free.requests.length, result.state.heldCostUsd], [2, 0]);
  const silent = playing([[new APIError("late", { code: "exec.api.timeout" })]]);
  const error = await failing(made({ provider: silent.provider, model: { costBudgetUsd: 0.12 } }));
  assert.equal(error.code, "exec.api.timeout", "the failure stands");
  assert.equal(silent.requests.length, 1);
  assert.ok(error.result.state.heldCostUsd > 0.1);
});

test("a route's next target is asked only for what is left", async () => {
  const [from, to] = ["one", "two"].map((account) => ({ provider: "mine", model: "m", account }));
  assert.ok(from && to);
  const late: ModelEvent = { type: "failover", from, to, code: "exec.api.timeout", message: "late" };
  const hops = () => [from, to];
  const route = playing([[late, ...said("one")], said("two")], { hops });
  const pipeline = made({ provider: route.provider, model: { costBudgetUsd: 0.15 } });
  const retries = noted(pipeline, "api.retry");
  const result = await pipeline.run("hi");
  // The first may have spent 0.10114; what is left does not pay for as long an answer, so that the route is asked anew.
  assert.deepEqual([route.requests.map((r) => r.maxTokens), retries.length, result.text], [[1000, 477], 1, "two"]);
  const rich = playing([[late, ...said("one")]], { hops });
  assert.equal((await made({ provider: rich.provider, model: { costBudgetUsd: 0.3 } }).run("hi")).text, "one");
});

test("runs side by side on one pipeline have a budget each", async () => {
  const { provider, requests } = playing(Array.from({ length: 8 }, () => said("done", 10, 400)));
  const pipeline = made({ provider, model: { costBudgetUsd: 0.05 } });
  const results = await Promise.all(Array.from({ length: 8 }, (_, i) => pipeline.run("hi", { sessionId: `s${i}` })));
  assert.deepEqual(new Set(requests.map((r) => r.maxTokens)), new Set([488]));
  for (const { totalCostUsd } of results) assert.ok(Math.abs((totalCostUsd ?? 1) - 0.0401) < 1e-9);
});
