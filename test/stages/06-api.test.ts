import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  APIError,
  Broken,
  type Clock,
  capabilities,
  type Dispatcher,
  type ErrorCategory,
  type Message,
  type ModelEvent,
  type ModelRequest,
  noUsage,
  type PendingToolCall,
  type Provider,
  type Services,
  type State,
  systemClock,
} from "geny-executor";
import { api } from "../../src/stages/06-api.ts";
import { runStage, type StageOutcome, type StageRun } from "../../src/testing/run-stage.ts";

type Step = readonly (ModelEvent | Error | "hang")[] | Error;
const used = (input_tokens: number, output_tokens: number): ModelEvent => ({
  type: "usage",
  usage: { ...noUsage, input_tokens, output_tokens },
});
const say = (...texts: string[]): ModelEvent[] => [
  ...texts.map((text, i) => ({ type: "text", index: i, text }) as const),
  used(10, 5),
  { type: "finish", stopReason: "end_turn" },
];
const toolCall = (id: string, name = "add", input = {}): ModelEvent => ({ type: "tool_call", index: 1, id, name, input });
const calling = (...ids: string[]): ModelEvent[] => [
  ...ids.map((id) => toolCall(id)),
  used(10, 5),
  { type: "finish", stopReason: "tool_use" },
];
const failure = (category: ErrorCategory, more = {}) => new APIError("scripted failure", { category, ...more });
const user = (content: string): Message => ({ id: "u", origin: "user", role: "user", content });

/** A provider that plays steps in order and ignores the signal while it hangs. */
const scripted = (steps: readonly Step[]) => {
  const requests: ModelRequest[] = [];
  const left = { returned: 0 };
  const provider = {
    name: "scripted",
    capabilities: capabilities({}),
    async *stream(request: ModelRequest) {
      requests.push(request);
      const step = steps[requests.length - 1] ?? say("end of script");
      try {
        if (step instanceof Error) throw step;
        for (const event of step) {
          if (event instanceof Error) throw event;
          if (event === "hang") await new Promise(() => {});
          else yield event;
        }
      } finally {
        left.returned++;
      }
    },
  } as unknown as Provider;
  return { provider, requests, left };
};

const waits = () => {
  const slept: number[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    after: () => () => {},
    sleep: async (ms, signal) => {
      signal.throwIfAborted();
      slept.push(ms / 1000);
    },
  };
  return { slept, clock };
};

const run = async (steps: readonly Step[], { state, services, ...more }: StageRun = {}) => {
  const script = scripted(steps);
  const { slept, clock } = waits();
  const opened: unknown[] = [];
  const provider: Services["provider"] = (name, options) => {
    opened.push([name, options]);
    return Promise.resolve(script.provider);
  };
  const events: StageOutcome["events"][number][] = [];
  const given = { state: { messages: [user("hi")], ...state }, services: { clock, provider, ...services }, ...more };
  const outcome = await runStage(watched(events), given).catch((thrown: unknown) => thrown);
  const broken = outcome instanceof Broken ? outcome : undefined;
  if (outcome instanceof Error) throw outcome;
  const patch = broken ? broken.patch : (outcome as StageOutcome).patch;
  return {
    ...script,
    slept,
    opened,
    events,
    types: events.map((e) => e.type),
    patch: patch as Partial<State>,
    error: broken?.cause as APIError,
  };
};
/** The stage, with its events noted also when it breaks. */
const watched = (events: StageOutcome["events"][number][]) =>
  ({
    ...api,
    run: (state: never, ctx: { emit: unknown; call: { emit(type: string, data: object): void } }) => {
      const emit = (type: string, data: object) => void events.push({ type, data: data as Record<string, unknown> });
      return api.run(state, { ...ctx, emit, call: { ...ctx.call, emit } } as never);
    },
  }) as unknown as typeof api;
const of = (events: StageOutcome["events"], type: string) => events.filter((e) => e.type === type).map((e) => e.data);
const added = (patch: Partial<State>) => (patch.messages ?? []).slice(1).map(({ role, origin, content }) => ({ role, origin, content }));

describe("stage 6, a plain answer", () => {
  test("asks with the state's settings and appends what was said", async () => {
    const state = {
      model: "m",
      maxTokens: 9,
      temperature: 0.5,
      stopSequences: ["Z"],
      systemVolatile: "now",
      cacheMarks: { tools: true, system: true, messages: [0], ttl: "5m" },
    } as const;
    const { requests, patch, types, events } = await run([say("Hel", "lo")], { state });
    const { model, maxTokens, temperature, stopSequences, systemVolatile, cache, thinking, purpose } = requests[0] as ModelRequest;
    assert.deepEqual(
      { model, maxTokens, temperature, stopSequences, systemVolatile, thinking, purpose },
      { model: "m", maxTokens: 9, temperature: 0.5, stopSequences: ["Z"], systemVolatile: "now", thinking: null, purpose: "api" },
    );
    assert.deepEqual(cache?.messages, [0]);
    assert.deepEqual(added(patch), [
      {
        role: "assistant",
        origin: "model",
        content: [
          { type: "text", text: "Hel" },
          { type: "text", text: "lo" },
        ],
      },
    ]);
    assert.equal(patch.modelCalls?.length, 1);
    assert.deepEqual(types, [
      "api.request",
      "api.ttft",
      "text.delta",
      "api.content_block_stop",
      "text.delta",
      "api.content_block_stop",
      "api.response",
    ]);
    assert.deepEqual(of(events, "api.response")[0], {
      stop_reason: "end_turn",
      text_length: 6,
      tool_calls: 0,
      input_tokens: 10,
      output_tokens: 5,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
    });
  });
  test("every event it emits is declared", async () => {
    const { types } = await run([[...say("a").slice(0, 1), failure("network")], say("b")]);
    for (const type of types) assert.ok(Object.hasOwn(api.events, type), type);
  });
  test("thinking keeps its signature, and opaque blocks stay as they are", async () => {
    const opaque = { type: "opaque", block: { type: "server_tool_use", id: "s" } } as const;
    const { patch } = await run([
      [
        { type: "thinking", index: 0, text: "hm" },
        { type: "thinking", index: 0, text: "", signature: "sig" },
        { type: "block", index: 1, block: opaque },
        ...say("x"),
      ],
    ]);
    assert.deepEqual(added(patch)[0]?.content, [
      { type: "thinking", thinking: "hm", signature: "sig" },
      opaque,
      { type: "text", text: "x" },
    ]);
  });
  test("the override of the entry wins over the state, for what it sets", async () => {
    const { requests } = await run([say("x")], {
      entry: { model_override: { model: "other", thinking_enabled: true } },
      state: { maxTokens: 77 },
    });
    assert.equal(requests[0]?.model, "other");
    assert.equal(requests[0]?.maxTokens, 77);
    assert.equal(requests[0]?.thinking?.type, "enabled");
  });
  test("an answer without words leaves no message that a vendor would refuse", async () => {
    for (const step of [say(), say(" \n")]) {
      const { patch } = await run([step]);
      assert.equal("messages" in patch, false);
      assert.ok(patch.lastApiResponse);
    }
  });
  test("not streamed: no pieces are told", async () => {
    const { types, requests } = await run([say("x")], { state: { stream: false } });
    assert.equal(requests[0]?.stream, false);
    assert.deepEqual(types, ["api.request", "api.ttft", "api.response"]);
  });
  test("the stage's `stream` acts (it was overruled by the pipeline)", async () => {
    const { requests } = await run([say("x")], { state: { stream: true }, entry: { config: { stream: false } } });
    assert.equal(requests[0]?.stream, false);
  });
  test("`base_url` and `timeout_ms` reach the provider (they reached no client)", async () => {
    const { opened } = await run([say("x")], { entry: { config: { base_url: "http://127.0.0.1:9", timeout_ms: 5 } } });
    assert.deepEqual(opened, [["anthropic", { baseUrl: "http://127.0.0.1:9", timeoutMs: 5 }]]);
  });
  test("what the client noticed becomes an event, tools that the backend ran are only told", async () => {
    const { events, patch } = await run([
      [
        { type: "notice", notice: "parameter_dropped", data: { provider: "scripted", field: "top_k", value: 3 } },
        { type: "cli_tool", id: "c", name: "Bash", input: { command: "ls" } },
        { type: "cli_tool", id: "c", name: "Bash", result: { content: "a", is_error: false } },
        ...say("done"),
      ],
    ]);
    assert.equal(of(events, "llm_client.parameter_dropped").length, 1);
    assert.deepEqual(of(events, "api.tool_use"), [{ id: "c", name: "Bash", input: { command: "ls" }, source: "cli" }]);
    assert.deepEqual(of(events, "api.tool_result"), [{ tool_use_id: "c", content: "a", is_error: false, source: "cli" }]);
    assert.deepEqual(added(patch)[0]?.content, [{ type: "text", text: "done" }]);
  });
});

describe("stage 6, ids of tool calls", () => {
  test("an empty id and one that the history holds become new ones, in event, message and response", async () => {
    const history: Message[] = [
      user("hi"),
      { id: "a", origin: "model", role: "assistant", content: [{ type: "tool_use", id: "call_0", name: "add", input: {} }] },
    ];
    const { patch, events } = await run([calling("call_0", "", "fine", "fine")], { state: { messages: history } });
    const ids = of(events, "api.tool_use").map((d) => d.id);
    assert.equal(new Set([...ids, "call_0", ""]).size, 6);
    assert.equal(ids[2], "fine");
    const content = patch.messages?.at(-1)?.content;
    assert.deepEqual(Array.isArray(content) && content.map((b) => b.id), ids);
    assert.deepEqual(
      patch.lastApiResponse?.content.map((b) => b.type === "tool_use" && b.id),
      ids,
    );
  });
  test("a history is looked through once, and again when it was rewritten", async () => {
    const call = (id: string): Message => ({
      id: `m${id}`,
      origin: "model",
      role: "assistant",
      content: [{ type: "tool_use", id, name: "add", input: {} }],
    });
    const base = [user("hi"), call("x")];
    const idAfter = async (messages: Message[], id: string) =>
      of((await run([calling(id)], { state: { messages } })).events, "api.tool_use")[0]?.id;
    assert.notEqual(await idAfter(base, "x"), "x");
    assert.notEqual(await idAfter([...base, call("y")], "y"), "y");
    assert.equal(await idAfter([base[0] as Message, call("z")], "y"), "y");
  });
});

describe("stage 6, retries", () => {
  test("waits longer each time and tells each retry", async () => {
    const { slept, events, requests } = await run([failure("rate_limited"), failure("server_error"), say("x")]);
    assert.deepEqual(slept, [1, 2]);
    assert.equal(requests.length, 3);
    assert.deepEqual(of(events, "api.retry"), [
      { attempt: 1, category: "rate_limited", code: "exec.api.rate_limited", delay: 1, stream: true },
      { attempt: 2, category: "server_error", code: "exec.api.server_error", delay: 2, stream: true },
    ]);
  });
  test("each attempt and each wait is a step of its own", async () => {
    const names: string[] = [];
    const stepped = {
      ...api,
      run: (s: never, ctx: { call: object }) =>
        api.run(s, {
          ...ctx,
          call: {
            ...ctx.call,
            step: (name: string, effect: (signal: AbortSignal) => unknown) => {
              names.push(name);
              return effect(new AbortController().signal);
            },
          },
        } as never),
    };
    const { provider } = scripted([failure("network"), say("x")]);
    await runStage(stepped as never, { services: { provider: () => provider, clock: waits().clock } });
    assert.deepEqual(names, ["model#1", "wait#1", "model#2"]);
  });
  test("never earlier than the provider asks for", async () => {
    assert.deepEqual((await run([failure("rate_limited", { retryAfter: 90 }), say("x")])).slept, [90]);
    const entry = { strategies: { retry: "rate_limit_aware" } };
    assert.deepEqual((await run([failure("rate_limited", { retryAfter: 0.5 }), failure("timeout"), say("x")], { entry })).slept, [0.5, 5]);
  });
  test("used up: the last failure is thrown as it is, and told", async () => {
    const { error, events, requests, slept } = await run([1, 2, 3, 4, 5].map(() => failure("server_error")));
    assert.equal(error.code, "exec.api.server_error");
    assert.equal(requests.length, 4);
    assert.deepEqual(slept, [1, 2, 4]);
    assert.deepEqual(of(events, "api.error"), [
      { code: "exec.api.server_error", category: "server_error", provider: "scripted", message: "scripted failure" },
    ]);
  });
  test("retry strategies read their config (they took none)", async () => {
    const entry = { strategy_configs: { retry: { max_retries: 1, base_delay: 9, max_delay: 8, jitter: 1 } } };
    assert.deepEqual((await run([failure("network"), failure("network"), say("x")], { entry, services: { random: () => 0 } })).slept, [0]);
    assert.equal((await run([failure("network")], { entry: { strategies: { retry: "no_retry" } } })).error.code, "exec.api.network");
  });
  test("what the client throws untyped is not tried again", async () => {
    const { error, requests } = await run([new TypeError("client bug")]);
    assert.deepEqual([error.name, error.code, error.message, requests.length], ["APIError", "exec.api.unknown", "client bug", 1]);
  });
  test("a retry after words were shown is announced, so that they are not painted twice", async () => {
    const { types, patch } = await run([[{ type: "text", index: 0, text: "Hel" }, failure("network")], say("Hello")]);
    assert.ok(types.indexOf("api.stream_restart") > types.indexOf("api.retry"));
    assert.ok(types.indexOf("api.stream_restart") < types.lastIndexOf("text.delta"));
    assert.deepEqual(
      added(patch).map((m) => m.content),
      [[{ type: "text", text: "Hello" }]],
    );
    assert.equal((await run([failure("network"), say("x")])).types.includes("api.stream_restart"), false);
  });
  test("a stream without an end is a network failure and tried again", async () => {
    const { events, patch } = await run([[{ type: "text", index: 0, text: "half" }], say("whole")]);
    assert.equal(of(events, "api.retry")[0]?.code, "exec.api.stream_incomplete");
    assert.equal(of(events, "api.retry")[0]?.category, "network");
    assert.ok(patch.messages);
  });
  test("attempts that broke off are billed too", async () => {
    const { patch } = await run([[used(100, 1), { type: "text", index: 0, text: "x" }, failure("network")], failure("network"), say("y")]);
    assert.deepEqual(
      patch.modelCalls?.map((c) => c.usage.input_tokens),
      [100, 10],
    );
  });
});

describe("stage 6, a broken answer", () => {
  const half: ModelEvent[] = [
    { type: "thinking", index: 0, text: "signed", signature: "s" },
    { type: "thinking", index: 1, text: "unsigned" },
    { type: "text", index: 2, text: "I was say" },
    toolCall("t1"),
    used(7, 3),
  ];
  test("its words and its bill are kept, its calls are not made", async () => {
    const { error, patch } = await run([[...half, failure("auth")]]);
    assert.equal(error.code, "exec.api.auth.invalid_key");
    assert.deepEqual(added(patch)[0]?.content, [
      { type: "thinking", thinking: "signed", signature: "s" },
      { type: "text", text: "I was say" },
    ]);
    assert.equal(patch.finalText, "I was say");
    assert.equal(patch.lastApiResponse?.usage.input_tokens, 7);
    assert.deepEqual(patch.modelCalls, [
      { model: "claude-sonnet-4-6", provider: "scripted", usage: { ...noUsage, input_tokens: 7, output_tokens: 3 } },
    ]);
  });
  test("a failure before any word leaves the last response of an earlier pass to nobody", async () => {
    const { patch } = await run([failure("auth")], {
      state: {
        lastApiResponse: { content: [], stop_reason: "x", stop_sequence: null, usage: noUsage, model: "m", message_id: "", provider: "p" },
      },
    });
    assert.equal(patch.lastApiResponse, null);
    assert.deepEqual(patch.modelCalls, []);
    assert.equal("messages" in patch || "finalText" in patch, false);
  });
  test("an abort ends it at once, though the provider hangs", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("stopped")), 20);
    const from = performance.now();
    const { error, patch, types } = await run([[{ type: "text", index: 0, text: "so far" }, used(4, 2), "hang"]], { signal: abort.signal });
    assert.ok(performance.now() - from < 150);
    assert.equal(error.message, "stopped");
    assert.equal(patch.finalText, "so far");
    assert.equal(patch.modelCalls?.[0]?.usage.output_tokens, 2);
    assert.equal(types.includes("api.error"), false);
  });
  test("an abort closes a provider that goes on talking, and nothing more is told", async () => {
    const abort = new AbortController();
    let readings = 0;
    const monotonic = () => {
      if (++readings === 2) abort.abort(new Error("now")); // the first piece has come
      return 0;
    };
    const { left, types } = await run([[{ type: "text", index: 0, text: "a" }, { type: "text", index: 0, text: "b" }, ...say("c")]], {
      signal: abort.signal,
      services: { clock: { ...systemClock, monotonic } },
    });
    await new Promise((ok) => setImmediate(ok));
    assert.equal(left.returned, 1);
    assert.equal(types.filter((t) => t === "text.delta").length, 1);
  });
  test("an abort ends the wait before a retry, and the words of the failed attempt stay", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("stopped")), 10);
    const steps = [[{ type: "text", index: 0, text: "first try" }, failure("network")] as const];
    const { error, patch } = await run(steps, { signal: abort.signal, services: { clock: systemClock } });
    assert.equal(error.message, "stopped");
    assert.equal(patch.finalText, "first try");
  });
  test("an unknown provider is `exec.api.no_client`", async () => {
    const provider = () => {
      throw new APIError("There is no such provider.", { code: "exec.api.no_client" });
    };
    const { error, types } = await run([], { services: { provider } });
    assert.equal(error.code, "exec.api.no_client");
    assert.deepEqual(types, ["api.error"]);
  });
});

describe("stage 6, stop reasons", () => {
  const ended = (stopReason: string, ...events: ModelEvent[]): ModelEvent[] => [...events, used(1, 1), { type: "finish", stopReason }];
  const words = (text: string): ModelEvent => ({ type: "text", index: 0, text });
  test("a paused answer is gone on with: two messages, one response, both billed", async () => {
    const { requests, patch } = await run([ended("pause_turn", words("searching")), ended("end_turn", words("found"))]);
    assert.equal(requests[1]?.messages.length, 2);
    assert.deepEqual(
      added(patch).map((m) => m.content),
      [[{ type: "text", text: "searching" }], [{ type: "text", text: "found" }]],
    );
    assert.deepEqual(patch.lastApiResponse?.content, [
      { type: "text", text: "searching" },
      { type: "text", text: "found" },
    ]);
    assert.equal(patch.lastApiResponse?.stop_reason, "end_turn");
    assert.equal(patch.modelCalls?.length, 2);
  });
  test("an answer that pauses for ever is left as it stands", async () => {
    const { requests, patch } = await run(Array.from({ length: 30 }, () => ended("pause_turn", words("."))));
    assert.equal(requests.length, 11);
    assert.equal(patch.lastApiResponse?.stop_reason, "pause_turn");
  });
  test("a refusal is an answer; a full context is one if anything was said, else a coded failure", async () => {
    assert.equal((await run([ended("refusal", words("no"))])).patch.lastApiResponse?.stop_reason, "refusal");
    assert.ok((await run([ended("model_context_window_exceeded", words("cut"))])).patch.messages);
    assert.equal((await run([ended("model_context_window_exceeded")])).error.code, "exec.api.token_limit");
  });
});

describe("stage 6, router", () => {
  const adaptive = (config = {}) => ({ strategies: { router: "adaptive" }, strategy_configs: { router: config } });
  test("changes the model, and says so", async () => {
    const { events, requests } = await run([say("x")], { entry: adaptive({ light_model: "L" }) });
    assert.equal(requests[0]?.model, "L");
    assert.deepEqual(of(events, "api.model_routed"), [{ router: "adaptive", from: "claude-sonnet-4-6", to: "L" }]);
    assert.equal(
      (await run([say("x")], { entry: adaptive({ light_model: "claude-sonnet-4-6" }) })).types.includes("api.model_routed"),
      false,
    );
  });
  test("thresholds that cross are refused", async () => {
    await assert.rejects(
      run([say("x")], { entry: adaptive({ light_threshold_chars: 10, heavy_threshold_chars: 5 }) }),
      /heavy_threshold_chars/,
    );
  });
  test("what a router throws is told and changes nothing", async () => {
    const stage = {
      ...api,
      run: (s: never, ctx: { slots: object }) =>
        api.run(s, {
          ...ctx,
          slots: {
            ...ctx.slots,
            router: () => {
              throw new Error("crash");
            },
          },
        } as never),
    };
    const { provider, requests } = scripted([say("x")]);
    const { events } = await runStage(stage as never, { services: { provider: () => provider } });
    assert.deepEqual(of(events, "api.router.error"), [{ router: "passthrough", error: "crash" }]);
    assert.equal(requests[0]?.model, "claude-sonnet-4-6");
  });
});

describe("stage 6, internal tool loop", () => {
  const internal = (config = {}) => ({ strategies: { tool_loop: "internal" }, strategy_configs: { tool_loop: config } });
  const dispatching = (answer: (call: PendingToolCall) => Promise<string> | string, safe = false) => {
    const seen: PendingToolCall[] = [];
    const shareds: unknown[] = [];
    const dispatcher: Dispatcher = {
      async dispatch(call, state) {
        seen.push(call);
        shareds.push(state.shared);
        const content = await answer(call);
        return {
          block: { type: "tool_result", tool_use_id: call.tool_use_id, content },
          isError: false,
          mutations: { [`plugin.t.${call.tool_use_id}`]: 1 },
          newMessages: [],
          durationMs: 1,
        };
      },
      concurrencySafe: () => safe,
    };
    return { dispatcher, seen, shareds };
  };
  test("answers calls inside the stage; every call of the model is billed", async () => {
    const { dispatcher, shareds } = dispatching(() => "5");
    const { patch, events, requests } = await run([calling("a", "b"), say("done")], { entry: internal(), services: { dispatcher } });
    assert.deepEqual(
      added(patch).map((m) => [m.role, m.origin]),
      [
        ["assistant", "model"],
        ["user", "tool"],
        ["assistant", "model"],
      ],
    );
    assert.equal(requests[1]?.messages.length, 3);
    assert.equal(patch.modelCalls?.length, 2);
    assert.equal(patch.toolCallsTotal, 2);
    assert.deepEqual(shareds, [{}, { "plugin.t.a": 1 }]);
    assert.deepEqual(patch.shared, { "plugin.t.a": 1, "plugin.t.b": 1 });
    assert.deepEqual(
      of(events, "api.tool_use").map((d) => d.source),
      ["internal", "internal"],
    );
    assert.deepEqual(of(events, "api.tool_result")[1], { tool_use_id: "b", content: "5", is_error: false, source: "internal" });
  });
  test("beyond its limit calls are left to the next stages", async () => {
    const { dispatcher, seen } = dispatching(() => "5");
    const { patch, events } = await run([calling("a"), calling("b")], {
      entry: internal({ max_inner_turns: 1 }),
      services: { dispatcher },
    });
    assert.equal(seen.length, 1);
    assert.deepEqual(of(events, "api.internal_loop_capped"), [{ turns: 1, reason: "max_inner_turns" }]);
    assert.deepEqual(patch.lastApiResponse?.content, [{ type: "tool_use", id: "b", name: "add", input: {} }]);
    assert.deepEqual(
      of(events, "api.tool_use").map((d) => d.source),
      ["internal", "api"],
    );
  });
  test("a call that may not fit the budget is left to the guards", async () => {
    const { dispatcher, seen } = dispatching(() => "5");
    const pricing = { price: () => ({ input: 1, output: 1, cacheRead: null, cacheWrite: null }) };
    const state = { costBudgetUsd: 0.02 };
    const capped = await run([[toolCall("a"), used(10, 19_900), { type: "finish", stopReason: "tool_use" }]], {
      entry: internal(),
      services: { dispatcher, pricing },
      state: { ...state, maxTokens: 50_000 },
    });
    assert.deepEqual(of(capped.events, "api.internal_loop_capped"), [{ turns: 0, reason: "cost_budget" }]);
    assert.equal(seen.length, 0);
    const fits = await run([calling("a"), say("x")], {
      entry: internal(),
      services: { dispatcher, pricing },
      state: { ...state, maxTokens: 100 },
    });
    assert.equal(of(fits.events, "api.internal_loop_capped").length, 0);
  });
  test("a route's call must fit with the dearest of its models", async () => {
    const prices: { readonly [model: string]: number } = { cheap: 1, dear: 100 };
    const price = (model: string) => {
      const input = prices[model];
      return input === undefined ? null : { input, output: input, cacheRead: null, cacheWrite: null };
    };
    const asked = async (models: readonly string[]) => {
      const { dispatcher } = dispatching(() => "5");
      const { provider, requests } = scripted([calling("a"), say("x")]);
      const hops = () => models.map((model) => ({ provider: "p", model, account: "" }));
      const { error } = await run([], {
        entry: internal(),
        services: { dispatcher, pricing: { price }, provider: () => ({ ...provider, hops }) },
        state: { model: "cheap", costBudgetUsd: 0.002, maxTokens: 100 },
      });
      return [requests.length, error?.code];
    };
    assert.deepEqual(await asked(["cheap"]), [2, undefined]);
    for (const other of ["dear", "unknown"]) assert.deepEqual(await asked(["cheap", other]), [0, "exec.stage.guard_rejected"]);
  });
  test("a tool that the guard does not let run never runs here", async () => {
    const { dispatcher, seen } = dispatching(() => "5");
    const { events } = await run([calling("a")], {
      entry: internal(),
      services: { dispatcher },
      state: { toolGuard: { allowed: null, blocked: ["add"] } },
    });
    assert.equal(seen.length, 0);
    assert.deepEqual(of(events, "api.internal_loop_capped"), [{ turns: 0, reason: "tool_guard" }]);
  });
  test("parallel_tools runs side by side what allows it, in the model's order", async () => {
    const most = async (entry: object, safe: boolean) => {
      let open = 0;
      let peak = 0;
      const { dispatcher } = dispatching(async () => {
        peak = Math.max(peak, ++open);
        await new Promise((ok) => setImmediate(ok));
        open--;
        return "x";
      }, safe);
      const { patch } = await run([calling("a", "b", "c"), say("x")], { entry, services: { dispatcher } });
      const results = patch.messages?.[2]?.content;
      assert.deepEqual(Array.isArray(results) && results.map((r) => r.tool_use_id), ["a", "b", "c"]);
      return peak;
    };
    assert.deepEqual(
      [
        await most(internal({ parallel_tools: true }), true),
        await most(internal({ parallel_tools: true }), false),
        await most(internal(), true),
      ],
      [3, 1, 1],
    );
  });
  test("an abort among the tools keeps the results that were there", async () => {
    const abort = new AbortController();
    const { dispatcher } = dispatching((call) => {
      if (call.tool_use_id === "b") {
        abort.abort(new Error("stopped"));
        throw abort.signal.reason;
      }
      return "5";
    });
    const { error, patch } = await run([calling("a", "b", "c")], { entry: internal(), services: { dispatcher }, signal: abort.signal });
    assert.equal(error.message, "stopped");
    const results = patch.messages?.at(-1)?.content;
    assert.deepEqual(Array.isArray(results) && results.map((r) => [r.tool_use_id, r.is_error ?? false]), [
      ["a", false],
      ["b", true],
      ["c", true],
    ]);
    assert.equal(patch.modelCalls?.length, 1);
  });
});
