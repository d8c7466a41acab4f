/** A route over several accounts and providers: when it switches, what it says of it, and whom it leaves alone for a while. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  APIError,
  type Clock,
  ConfigError,
  CredentialBundle,
  collect,
  type ModelEvent,
  type ModelRequest,
  noUsage,
  type Pipeline,
  PipelineBuilder,
  type PipelineEvent,
  type Provider,
  type RunOptions,
  type RunResult,
  systemClock,
} from "geny-executor";
import { capabilities, type FailoverTarget, failover, providers } from "geny-executor/providers";
import { type Fault, type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { modelRequest } from "../../src/contract/provider.ts";

const KEY = "sk-canary-";
const never = new AbortController().signal;
type BuilderOptions = ConstructorParameters<typeof PipelineBuilder>[1];
type Target = { provider: string; model?: string; account?: string; kind?: "plan" | "metered"; max_tokens?: number; thinking?: boolean };

/** A pipeline whose route asks account a, then b, then c, each at its own address. */
const routed = (at: readonly string[], targets?: readonly Target[], { api = {}, ...options }: BuilderOptions & { api?: object } = {}) => {
  const names = ["a", "b", "c"].slice(0, at.length);
  const credentials = new CredentialBundle(
    Object.fromEntries(names.map((name, i) => [`anthropic:${name}`, { apiKey: KEY + name, baseUrl: at[i] ?? "" }])),
  );
  return new PipelineBuilder("route", { credentials, ...options })
    .withModel({ model: "claude-sonnet-4-6" })
    .withProvider("geny_router")
    .withStage("api", { retry: "no_retry", targets: targets ?? names.map((account) => ({ provider: "anthropic", account })), ...api })
    .build();
};
const turnOf = async (pipeline: Pipeline, options: RunOptions = {}) => {
  const events: PipelineEvent[] = [];
  const stop = pipeline.on("*", (event) => events.push(event));
  const outcome = await pipeline.run("Who are you?", options).then(
    (result) => ({ result, error: undefined }),
    (error: APIError) => ({ result: error.result as RunResult, error }),
  );
  stop();
  const of = (type: string) => events.filter((event) => event.type === type).map(({ data }) => data);
  return { ...outcome, events, of };
};
const models = async (...scripts: Turn[][]): Promise<OfflineModel[] & AsyncDisposable> => {
  const started = await Promise.all(scripts.map((script) => startModel({ script })));
  return Object.assign(started, { [Symbol.asyncDispose]: async () => void (await Promise.all(started.map((model) => model.close()))) });
};
const urls = (all: readonly OfflineModel[]) => all.map(({ url }) => url);
const status = (code: number, more: Partial<Extract<Fault, { kind: "status" }>> = {}): Turn => ({
  fault: { kind: "status", status: code, ...more },
});
const hop = (account: string, model = "claude-sonnet-4-6", provider = "anthropic") => ({ provider, model, account });
/** A clock whose hour hand is moved by hand. */
const handMoved = () => {
  const time = { now: Date.UTC(2030, 0, 1) };
  const clock: Clock = { ...systemClock, now: () => time.now };
  return { time, clock };
};
/** An address where nobody listens. */
const deadUrl = async (): Promise<string> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(address && typeof address === "object");
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${address.port}`;
};

const MENDED: { readonly [what: string]: { readonly first: Turn; readonly code: string } } = {
  "a refused key": { first: status(401), code: "exec.api.auth.invalid_key" },
  "a rate limit": { first: status(429, { retry_after: 30 }), code: "exec.api.rate_limited" },
  "an overload": { first: status(529), code: "exec.api.server_error" },
  "a failed server": { first: status(500), code: "exec.api.server_error" },
  "a stall before the head": { first: { fault: { kind: "silence", after: "nothing" } }, code: "exec.api.timeout" },
  "a stall after the head": { first: { text: "no", fault: { kind: "silence", after: "headers" } }, code: "exec.api.timeout" },
  "a stall before the first token": { first: { text: "no", fault: { kind: "silence", after: 1 } }, code: "exec.api.timeout" },
  "a cut before the head": { first: { fault: { kind: "cut_before_headers" } }, code: "exec.api.network" },
  "a cut before the first token": { first: { text: "no", fault: { kind: "cut", after: 1 } }, code: "exec.api.network" },
  "an error event before the first token": {
    first: { text: "no", fault: { kind: "error_event", after: 1 } },
    code: "exec.api.server_error",
  },
};
for (const [what, { first, code }] of Object.entries(MENDED))
  test(`${what}: the next account answers, in the same attempt, and everybody is told`, async () => {
    await using both = await models([first], [{ text: "I am b." }]);
    await using pipeline = routed(urls(both), undefined, { api: { timeoutMs: 300, retry: "exponential_backoff" } });
    const from = performance.now();
    const { result, error, of, events } = await turnOf(pipeline);
    assert.equal(error, undefined);
    assert.equal(result.text, "I am b.");
    assert.ok(performance.now() - from < 2000);
    const [told, ...more] = of("api.failover");
    assert.deepEqual({ ...told, message: "" }, { from: hop("a"), to: hop("b"), code, message: "" });
    assert.equal(more.length, 0);
    assert.deepEqual(result.failovers, [told]);
    assert.deepEqual([result.provider, result.model], ["anthropic", "claude-sonnet-4-6"]);
    assert.deepEqual(
      [of("api.retry").length, of("api.ttft")[0]?.provider, of("api.request")[0]?.provider],
      [0, "anthropic", "geny_router"],
    );
    for (const model of both) model.expectDone();
    assert.ok(!JSON.stringify([events, result]).includes(KEY), "a key was shown");
  });

test("a refused connection switches too", async () => {
  await using both = await models([{ text: "I am b." }]);
  await using pipeline = routed([await deadUrl(), ...urls(both)]);
  const { result, of } = await turnOf(pipeline);
  assert.deepEqual([result.text, of("api.failover")[0]?.code], ["I am b.", "exec.api.network"]);
});

test("a missing program and missing credentials are another account's chance", async () => {
  await using both = await models([{ text: "I am b." }]);
  const credentials = new CredentialBundle({
    claude_code_cli: { binaryPath: "/nowhere/claude" },
    "anthropic:b": { apiKey: "k", baseUrl: both[0]?.url ?? "" },
  });
  const targets = [{ provider: "claude_code_cli" }, { provider: "google" }, { provider: "anthropic", account: "b" }];
  await using pipeline = routed([], targets, { credentials });
  const { result, of } = await turnOf(pipeline);
  assert.equal(result.text, "I am b.");
  assert.deepEqual(
    of("api.failover").map(({ code }) => code),
    ["exec.cli.binary_not_found", "exec.api.no_client"],
  );
});

const KEPT: { readonly [what: string]: { readonly first: Turn; readonly code: string | undefined } } = {
  "a bad request": { first: status(400), code: "exec.api.bad_request" },
  "a request that is too long": { first: status(400, { message: "prompt is too long: 9 > 8" }), code: "exec.api.token_limit" },
  "a refusal": { first: { stop_reason: "refusal", text: "No." }, code: undefined },
  "an empty answer": { first: { content: [], stop_reason: "end_turn" }, code: undefined },
  "a cut after the first token": { first: { text: "Half an answer", fault: { kind: "cut", after: 4 } }, code: "exec.api.network" },
  "a stall after the first token": { first: { text: "Half an answer", fault: { kind: "silence", after: 4 } }, code: "exec.api.timeout" },
};
for (const [what, { first, code }] of Object.entries(KEPT))
  test(`${what} is nobody else's chance`, async () => {
    await using both = await models([first], []);
    await using pipeline = routed(urls(both), undefined, { api: { timeoutMs: 300 } });
    const { error, of, result } = await turnOf(pipeline);
    assert.equal(error?.code, code);
    assert.deepEqual([of("api.failover"), result.failovers, both[1]?.requests.length], [[], [], 0]);
  });

test("after words were shown stage 6 asks again, says so, and begins with the first account", async () => {
  await using both = await models([{ text: "Half an answer", fault: { kind: "cut", after: 4 } }, { text: "Whole." }], []);
  await using pipeline = routed(urls(both), undefined, {
    api: { retry: { use: "exponential_backoff", base_delay: 0 } },
  });
  const { result, of } = await turnOf(pipeline);
  assert.deepEqual([result.text, of("api.stream_restart").length, of("api.failover").length], ["Whole.", 1, 0]);
});

test("who failed is left alone until the provider's own time is over, and is not asked in between", async () => {
  await using both = await models([status(429, { retry_after: 120 }), { text: "a again" }], [{ text: "b1" }, { text: "b2" }]);
  const { time, clock } = handMoved();
  await using pipeline = routed(urls(both), undefined, { clock });
  const texts: string[] = [];
  const switches: number[] = [];
  for (const seconds of [0, 119, 2]) {
    time.now += seconds * 1000;
    const { result } = await turnOf(pipeline);
    texts.push(result.text);
    switches.push(result.failovers.length);
  }
  assert.deepEqual(
    [texts, switches],
    [
      ["b1", "b2", "a again"],
      [1, 0, 0],
    ],
  );
});

test("metered: a limit benches one model of the account; a plan: all of them", async () => {
  for (const [kind, expected] of [
    ["metered", ["m2 on a", "m2 on a"]],
    ["plan", ["on b", "on b"]],
  ] as const) {
    await using both = await models(
      [status(429), ...(kind === "metered" ? [{ text: "m2 on a" }, { text: "m2 on a" }] : [])],
      [{ text: "on b" }, { text: "on b" }],
    );
    const targets = ["m1", "m2"].map((model) => ({ provider: "anthropic", account: "a", model, kind }));
    const asked = kind === "metered" ? targets : [...targets.slice(0, 1), { provider: "anthropic", account: "b" }, ...targets.slice(1)];
    await using pipeline = routed(urls(both), asked);
    assert.deepEqual([(await turnOf(pipeline)).result.text, (await turnOf(pipeline)).result.text], expected, kind);
  }
});

test("all are left alone: they are asked all the same, the one that is free first before", async () => {
  const limits = [status(429, { retry_after: 300 }), status(429, { retry_after: 60 })] as const;
  await using both = await models([limits[0]], [limits[1], { text: "b, on its bench" }]);
  const { time, clock } = handMoved();
  await using pipeline = routed(urls(both), undefined, { clock });
  const { error } = await turnOf(pipeline);
  assert.equal(error?.code, "exec.api.terminal");
  assert.equal(error instanceof APIError && error.retryAfter, 60);
  time.now += 1000;
  assert.equal((await turnOf(pipeline)).result.text, "b, on its bench");
});

test("a worn-out route is terminal, names every failure, and is not tried again", async () => {
  await using both = await models([status(401)], [status(429)]);
  await using pipeline = routed(urls(both), undefined, { api: { retry: "exponential_backoff" } });
  const { error, of, events } = await turnOf(pipeline);
  assert.deepEqual([error?.code, error?.category, error?.recoverable, of("api.retry").length], ["exec.api.terminal", "terminal", false, 0]);
  const failures = error?.details.failures as { account: string; code: string }[];
  assert.deepEqual(
    failures.map(({ account, code }) => [account, code]),
    [
      ["a", "exec.api.auth.invalid_key"],
      ["b", "exec.api.rate_limited"],
    ],
  );
  assert.ok(!JSON.stringify([events, error?.details, error?.message]).includes(KEY));
});

test("a route that time may mend is tried again as a whole", async () => {
  await using both = await models([status(401), status(401)], [status(503), { text: "b is back" }]);
  await using pipeline = routed(urls(both), undefined, { api: { retry: { use: "exponential_backoff", base_delay: 0 } } });
  const { result, of } = await turnOf(pipeline);
  assert.deepEqual([result.text, of("api.retry").map(({ code }) => code)], ["b is back", ["exec.api.server_error"]]);
});

test("a route of one target fails as the target does", async () => {
  await using one = await models([status(429, { retry_after: 0 }), { text: "there" }]);
  await using pipeline = routed(urls(one), undefined, { api: { retry: { use: "exponential_backoff", base_delay: 0 } } });
  assert.equal((await turnOf(pipeline)).result.text, "there");
});

test("an abort while the second target is asked closes its socket", async () => {
  await using both = await models([status(529)], [{ fault: { kind: "silence", after: "nothing" } }]);
  await using pipeline = routed(urls(both));
  const stop = new AbortController();
  const running = turnOf(pipeline, { signal: stop.signal });
  while (!both[1]?.requests.length) await sleep(5);
  const from = performance.now();
  stop.abort();
  assert.equal((await running).error?.code, "exec.pipeline.cancelled");
  await both[1]?.idle();
  assert.ok(performance.now() - from < 200);
  assert.equal(both[1]?.requests[0]?.aborted, true);
});

test("what the target that failed has used is on the bill, under its own model", async () => {
  const first: Turn = { text: "no", usage: { input_tokens: 100, output_tokens: 1 }, fault: { kind: "cut", after: 1 } };
  await using both = await models([first], [{ text: "yes", usage: { input_tokens: 7, output_tokens: 2 } }]);
  const targets = [
    { provider: "anthropic", account: "a", model: "claude-opus-4-7" },
    { provider: "anthropic", account: "b", model: "claude-haiku-4-5-20251001" },
  ];
  await using pipeline = routed(urls(both), targets);
  const { result } = await turnOf(pipeline);
  assert.deepEqual([result.usage.calls, result.usage.inputTokens, result.model], [2, 107, "claude-haiku-4-5-20251001"]);
});

test("a conversation goes on with another provider, its model and its limits", async () => {
  await using both = await models(
    [{ tool_calls: [{ id: "toolu_1", name: "Glob", input: { pattern: "*" } }] }, status(529)],
    [{ text: "Found." }],
  );
  const [first, second] = urls(both);
  const credentials = new CredentialBundle({
    anthropic: { apiKey: "k", baseUrl: first ?? "" },
    google: { apiKey: "k", baseUrl: second ?? "" },
  });
  const targets = [{ provider: "anthropic" }, { provider: "google", model: "gemini-2.5-flash", max_tokens: 77, thinking: false }];
  await using pipeline = new PipelineBuilder("route", { credentials })
    .withModel({ model: "claude-sonnet-4-6", maxTokens: 5000, thinkingEnabled: true, thinkingBudgetTokens: 1024 })
    .withProvider("geny_router")
    .withTools({ builtIn: ["Glob"] })
    .withStage("api", { retry: "no_retry", targets })
    .build();
  const { result, error } = await turnOf(pipeline);
  assert.equal(error, undefined);
  assert.deepEqual([result.text, result.provider, result.model], ["Found.", "google", "gemini-2.5-flash"]);
  assert.deepEqual(result.failovers[0]?.to, hop("", "gemini-2.5-flash", "google"));
  const body = both[1]?.requests[0]?.body as {
    generationConfig: { maxOutputTokens: number; thinkingConfig?: { includeThoughts?: boolean } };
  };
  assert.equal(body.generationConfig.maxOutputTokens, 77);
  assert.notEqual(body.generationConfig.thinkingConfig?.includeThoughts, true);
});

test("balance: accounts of one kind take turns", async () => {
  await using both = await models([{ text: "a1" }, { text: "a2" }], [{ text: "b1" }, { text: "b2" }]);
  await using pipeline = routed(urls(both), undefined, { api: { balance: true } });
  const texts: string[] = [];
  for (let i = 0; i < 4; i++) texts.push((await turnOf(pipeline)).result.text);
  assert.deepEqual(texts, ["a1", "b1", "a2", "b2"]);
});

test("targets of the Python program's credentials, with their secrets", async () => {
  await using both = await models([status(401, { message: `no such key ${KEY}first` })], [{ text: "second" }]);
  const [first, second] = urls(both);
  const target = (accountId: string, baseUrl = "") => ({
    ...{ engineProvider: "anthropic", model: "claude-opus-4-7", label: accountId, kind: "api", accountId, apiKey: KEY + accountId },
    ...{ baseUrl, headers: { "x-team": KEY }, options: { betas: ["b1"] }, maxTokens: 64, thinking: false },
  });
  const extras = { targets: [target("first", first), target("second", second)], balance: false, session_id: "s", timeout_s: 5 };
  const credentials = new CredentialBundle({ geny_router: { extras } });
  await using pipeline = routed([], [], { credentials });
  const { result, events } = await turnOf(pipeline);
  assert.equal(result.text, "second");
  const { headers, body } = both[1]?.requests[0] ?? {};
  assert.deepEqual([headers?.["anthropic-beta"], headers?.["x-team"], (body as { max_tokens: number }).max_tokens], ["b1", KEY, 64]);
  assert.ok(!JSON.stringify([events, result, credentials, pipeline.snapshot()]).includes(KEY));
});

test("what is wrong with a route is said before anything is asked", async () => {
  const findings = (targets: readonly object[]) => {
    try {
      routed([], targets as readonly Target[]);
    } catch (error) {
      assert(error instanceof ConfigError);
      return error.findings.map(({ path, message }) => `${path} ${message}`).join("\n");
    }
    return "";
  };
  assert.match(findings([{ provider: "anthropc" }]), /targets\.?\[0\]\.provider must be one of/);
  assert.match(findings([{ provider: "geny_router" }]), /provider must be one of/, "no route in a route");
  assert.match(findings([{ provider: "anthropic", acount: "a" }]), /targets\.?\[0\]\.acount is not a known key \(known: .*account/);
  assert.match(findings([{ model: "m" }]), /targets\.?\[0\]\.provider is required/);

  const failing = async (options: Parameters<typeof routed>[2], targets?: readonly Target[]) => {
    await using pipeline = routed([], targets ?? [], options);
    const { error } = await turnOf(pipeline);
    return `${error?.code}: ${error?.message}`;
  };
  const none = new CredentialBundle({});
  assert.match(await failing({ credentials: none }), /no_client: geny_router has no targets/);
  assert.match(await failing({ credentials: none }, [{ provider: "anthropic", account: "team" }]), /no_client: .*"anthropic:team"/);
  assert.match(
    await failing({ credentials: none, apiKey: "sk-something" }, [{ provider: "anthropic" }]),
    /bad_request: geny_router has no key/,
  );
  assert.match(
    await failing({ credentials: none, api: { provider: "anthropic" } }, [{ provider: "anthropic" }]),
    /bad_request: .*`targets`/,
  );
  const extras = { targets: [{ engineProvider: 5, apiKey: "sk-secret" }] };
  const wrong = await failing({ credentials: new CredentialBundle({ geny_router: { extras } }) });
  assert.match(wrong, /bad_request: .*extras\.targets\[0\]\.engineProvider must be text; .*model is required/);
  assert.ok(!wrong.includes("sk-secret"));
  const unknown = { targets: [{ engineProvider: "nobody", model: "m" }] };
  assert.match(
    await failing({ credentials: new CredentialBundle({ geny_router: { extras: unknown } }) }),
    /no_client: There is no provider "nobody"/,
  );
});

/** A provider that plays steps: an error is thrown, a text is said. */
const playing = (name: string, steps: (APIError | string)[], more: Partial<Provider> = {}) => {
  const requests: ModelRequest[] = [];
  const provider: Provider = {
    name,
    capabilities: capabilities({ supports_tools: true }),
    async *stream(request) {
      requests.push(request);
      const step = steps.shift() ?? "end";
      if (step instanceof Error) throw step;
      yield { type: "start", model: request.model, id: name };
      yield { type: "text", index: 0, text: step };
      yield { type: "usage", usage: { ...noUsage, input_tokens: 1 } };
      yield { type: "finish", stopReason: "end_turn" };
    },
    ...more,
  };
  return { provider, requests };
};
const limit = () => new APIError("slow down", { code: "exec.api.rate_limited" });
const asked = modelRequest({ model: "m", maxTokens: 100, messages: [{ id: "1", origin: "user", role: "user", content: "Hi" }] });
const heard = async (route: Provider, request = asked) => {
  const events: ModelEvent[] = [];
  for await (const event of route.stream(request, { signal: never })) events.push(event);
  return events;
};

test("in code: providers as they are, one after the other; unlabelled accounts have numbers", async () => {
  const route = failover([
    playing("p", [limit()]).provider,
    playing("p", [limit()]).provider,
    { provider: playing("q", ["yes"]).provider, account: "mine" },
  ]);
  const events = await heard(route);
  assert.deepEqual(
    events.flatMap((e) => (e.type === "failover" ? [[e.from.account, e.to.account]] : [])),
    [
      ["1", "2"],
      ["2", "mine"],
    ],
  );
  assert.deepEqual(
    events.flatMap((e) => (e.type === "start" ? [e.provider] : [])),
    ["q"],
  );
  assert.equal((await collect(route.name, "m", route.stream(asked, { signal: never }))).provider, "q", "the limited ones are left alone");
});

test("a route among a route's targets: the failure of the inner one is another's chance", async () => {
  const inner = failover([playing("p", [limit()]).provider, playing("p", [limit()]).provider], { name: "inner" });
  const events = await heard(failover([inner, playing("q", ["yes"]).provider]));
  assert.deepEqual(
    events.flatMap((e) => (e.type === "failover" ? [e.from.provider] : [])),
    ["p", "inner"],
  );
});

test("a host's route under the manifest's name, in a pipeline", async () => {
  const route = failover([playing("p", [limit()]).provider, { provider: playing("q", ["yes"]).provider, model: "q1" }]);
  await using pipeline = routed([], [], { providers: { geny_router: route } });
  const { result } = await turnOf(pipeline);
  assert.deepEqual([result.text, result.provider, result.model], ["yes", "q", "q1"]);
});

test("a route can do what all its targets can, has the smallest window that is known, and knows its hops", async () => {
  const one = playing("p", [], {
    capabilities: capabilities({ supports_tools: true, supports_vision: true, drops: ["top_k"] }),
    window: (model) => (model === "big" ? 900 : null),
  });
  const two = playing("q", [], {
    capabilities: capabilities({ supports_tools: true, is_subprocess: true, streaming_granularity: "message", drops: ["temperature"] }),
    window: () => 300,
  });
  const route = failover([{ provider: one.provider, model: "big" }, two.provider]);
  const { supports_tools, supports_vision, is_subprocess, streaming_granularity, drops } = route.capabilities;
  assert.deepEqual(
    [supports_tools, supports_vision, is_subprocess, streaming_granularity, drops],
    [true, false, true, "message", ["top_k", "temperature"]],
  );
  Object.assign(two.provider, { capabilities: capabilities({ supports_vision: true }) });
  assert.deepEqual(
    [route.capabilities.supports_vision, route.capabilities.supports_tools],
    [true, false],
    "what a target has learned counts",
  );
  assert.deepEqual([route.window?.("m"), failover([one.provider]).window?.("m")], [300, null]);
  assert.deepEqual(route.hops?.("m"), [hop("1", "big", "p"), hop("2", "m", "q")]);
  assert.deepEqual(failover([route, one.provider]).hops?.("n"), [hop("1", "big", "p"), hop("2", "n", "q"), hop("2", "n", "p")]);
});

test("a route is closed and warmed up with all its targets, each once, whatever one of them does", async () => {
  const done: string[] = [];
  const life = (name: string): Partial<Provider> => ({
    warmup: async () => void done.push(`warm ${name}`),
    close: async () => {
      done.push(`close ${name}`);
      if (name === "p") throw new Error("will not close");
    },
  });
  const [p, q] = [playing("p", [], life("p")).provider, playing("q", [], life("q")).provider];
  const route = failover([p, q, { provider: p, model: "other" }]);
  await route.warmup?.();
  await assert.rejects(route.close?.() ?? Promise.resolve(), /will not close/);
  assert.deepEqual(done, ["warm p", "warm q", "close p", "close q"]);
});

test("leaving the stream ends the target that is asked, and asks no other", async () => {
  let ended = 0;
  const waiting = playing("p", []);
  const silent: Provider = {
    ...waiting.provider,
    stream: (_, { signal }) => ({
      [Symbol.asyncIterator]: () => {
        const gone = Promise.withResolvers<IteratorResult<ModelEvent>>();
        signal.addEventListener("abort", () => gone.reject(signal.reason));
        return {
          next: () => gone.promise,
          return: async () => {
            ended++;
            gone.reject(new APIError("left", { code: "exec.api.network" }));
            return { done: true, value: undefined };
          },
        };
      },
    }),
  };
  const other = playing("q", ["no"]);
  const events = failover([silent, other.provider]).stream(asked, { signal: never })[Symbol.asyncIterator]();
  const next = events.next();
  await events.return?.();
  await assert.rejects(next, /left/);
  assert.deepEqual([ended, other.requests.length], [1, 0]);
});

test("a provider's own bug, and an end without a finish", async () => {
  const buggy: Provider = {
    ...playing("p", []).provider,
    stream: () => {
      throw new TypeError("bug");
    },
  };
  await assert.rejects(heard(failover([buggy, playing("q", ["no"]).provider])), TypeError);
  const mute: Provider = { ...playing("p", []).provider, async *stream() {} };
  const events = await heard(failover([mute, playing("q", ["yes"]).provider]));
  assert.deepEqual(
    events.flatMap((e) => (e.type === "failover" ? [e.code] : [])),
    ["exec.api.stream_incomplete"],
  );
});

test("no targets at all are refused at once", () => {
  assert.throws(
    () => failover([] as FailoverTarget[]),
    (error) => error instanceof APIError && error.code === "exec.api.no_client",
  );
});

test("the table of providers makes a route too", async () => {
  await using both = await models([status(529)], [{ text: "b" }]);
  const targets = urls(both).map((baseUrl, i) => ({ engineProvider: "anthropic", model: "m", accountId: `${i}`, apiKey: "k", baseUrl }));
  const route = await providers.geny_router({ extras: { targets } });
  const answer = await collect(route.name, "m", route.stream(asked, { signal: never }));
  assert.deepEqual(answer.content, [{ type: "text", text: "b" }]);
});
