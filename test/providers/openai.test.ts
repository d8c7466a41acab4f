/** The Responses wire when it fails, is cut, or is odd; and what is said of a request that cannot go as it is. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { APIError, collect, defineTool, type Message, type ModelRequest, PipelinePresets, type Provider } from "geny-executor";
import { CredentialBundle, type OpenAIOptions, providers } from "geny-executor/providers";
import { type Fault, type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { plain as bare, drain, failing, never, notices, said, serve } from "./asking.ts";

const plain: ModelRequest = { ...bare, model: "gpt-6-astra" };
const turn: Turn = { thinking: "hm", text: 'Héllo, "日本" 😀!', chunk_size: 3, tool_calls: [{ id: "c", name: "f", input: { a: "é" } }] };
const providerOf = (at: { url: string }, options: OpenAIOptions = {}): Promise<Provider> =>
  providers.openai({ apiKey: "sk-SECRET", baseUrl: `${at.url}/v1`, ...options });
const ask = async (at: { url: string }, request: Partial<ModelRequest> = {}, options: OpenAIOptions = {}) => {
  const provider = await providerOf(at, options);
  return collect("openai", "m", provider.stream({ ...plain, ...request }, { signal: never }));
};
const scripted = (...script: Turn[]): Promise<OfflineModel> => startModel({ script });

type Data = { readonly type: string; readonly [key: string]: unknown };
const sse = (events: readonly object[]): string => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
/** A server without sockets that streams these bytes, in these pieces. */
const serving = (pieces: readonly Uint8Array[]) =>
  (async () => new Response(ReadableStream.from(pieces), { headers: { "content-type": "text/event-stream" } })) satisfies typeof fetch;
const streaming = (...events: readonly object[]) => ask({ url: "http://x.test" }, {}, { fetch: serving([Buffer.from(sse(events))]) });
const whole = (body: object) =>
  ask({ url: "http://x.test" }, { stream: false }, { fetch: async () => Response.json({ id: "resp_1", model: "m", ...body }) });

const created = { type: "response.created", response: { id: "resp_1", model: "m" } };
const added = (output_index: number, item: object): Data => ({ type: "response.output_item.added", output_index, item });
const done = (output_index: number, item: object): Data => ({ type: "response.output_item.done", output_index, item });
const completed = (response: object = {}): Data => ({ type: "response.completed", response: { status: "completed", ...response } });
const message = (...texts: string[]) => ({ type: "message", content: texts.map((text) => ({ type: "output_text", text })) });
const delta = (output_index: number, text: string, content_index = 0): Data => ({
  type: "response.output_text.delta",
  output_index,
  content_index,
  delta: text,
});
const call = (call_id: string, json: string) => ({ type: "function_call", call_id, name: "f", arguments: json });

test("what a client must bear changes nothing", async () => {
  const faults: Fault[] = [
    { kind: "split_utf8" },
    { kind: "drip", ms: 0 },
    { kind: "splice", with: ["comments", "crlf"] },
    { kind: "splice", with: ["unknown_events"] },
    { kind: "slow_close", ms: 20 },
  ];
  await using model = await scripted(turn, ...faults.map((fault) => ({ ...turn, fault })));
  const { content } = await ask(model);
  assert.deepEqual(
    content.map(({ type }) => type),
    ["thinking", "opaque", "text", "tool_use"],
  );
  const shown = (blocks: typeof content) => blocks.filter(({ type }) => type !== "opaque");
  for (const fault of faults) assert.deepEqual(shown((await ask(model)).content), shown(content), JSON.stringify(fault));
});

test("a broken stream is a typed error that may be tried again, never a wrong answer", async () => {
  const faults: [Fault, string][] = [
    [{ kind: "cut" }, "exec.api.network"],
    [{ kind: "cut_before_headers" }, "exec.api.network"],
    [{ kind: "no_stop" }, "exec.api.stream_incomplete"],
    [{ kind: "malformed_json" }, "exec.api.network"],
    [{ kind: "splice", with: ["other_message"] }, "exec.api.network"],
    [{ kind: "duplicate", event: 0 }, "exec.api.network"],
    [{ kind: "duplicate" }, "exec.api.network"],
    [{ kind: "error_event" }, "exec.api.server_error"],
    [{ kind: "error_event", type: "rate_limit_exceeded", message: "slow" }, "exec.api.rate_limited"],
    [{ kind: "failed" }, "exec.api.server_error"],
    [{ kind: "failed", code: "rate_limit_exceeded", message: "slow" }, "exec.api.rate_limited"],
    [{ kind: "silence", after: "nothing", limit_ms: 2000 }, "exec.api.timeout"],
    [{ kind: "silence", after: "headers", limit_ms: 2000 }, "exec.api.timeout"],
    [{ kind: "silence", after: 4, limit_ms: 2000 }, "exec.api.timeout"],
  ];
  await using model = await scripted(...faults.map(([fault]) => ({ ...turn, fault })));
  for (const [fault, code] of faults) {
    const error = await failing(ask(model, {}, { timeouts: { firstByteMs: 100, idleMs: 100 } }));
    assert.equal(error.code, code, JSON.stringify(fault));
    assert.equal(error.recoverable, true);
  }
});

test("a failed answer that was not streamed is an error too, and one that is not whole is none", async () => {
  await using model = await scripted({ ...turn, fault: { kind: "failed", code: "invalid_image", message: "no image" } });
  const error = await failing(ask(model, { stream: false }));
  assert.deepEqual([error.code, error.message, error.requestId], ["exec.api.bad_request", "openai: no image", "req_000001"]);
  const silent = await failing(streaming(created, { type: "response.failed", response: { status: "failed" } }));
  assert.deepEqual([silent.code, silent.recoverable], ["exec.api.server_error", true]);
  assert.equal((await failing(whole({ status: "in_progress", output: [] }))).code, "exec.api.stream_incomplete");
  assert.equal((await failing(whole({ object: "page" }))).code, "exec.api.unknown");
});

test("a truncation before the end is an error and keeps what was said; the whole is the same for any pieces", async () => {
  const events = [
    created,
    added(0, message()),
    ...["Hé", 'l\n"', "\\", "😀", "", "}"].map((text) => delta(0, text)),
    done(0, message('Hél\n"\\😀}')),
    completed({ usage: { input_tokens: 2, output_tokens: 5 } }),
  ];
  const bytes = new TextEncoder().encode(sse(events));
  const at = { url: "http://x.test" };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), fc.nat(bytes.length - 3), async (places, end) => {
      const ends = [...new Set(places)].sort((a, b) => a - b);
      const pieces = [...ends, bytes.length].map((to, i) => bytes.subarray(ends[i - 1] ?? 0, to));
      const answer = await ask(at, {}, { fetch: serving(pieces) });
      assert.deepEqual(answer.content, [{ type: "text", text: 'Hél\n"\\😀}' }]);
      assert.equal(answer.usage.output_tokens, 5);
      const error = await failing(ask(at, {}, { fetch: serving([bytes.subarray(0, end)]) }));
      assert.equal(error.code, "exec.api.stream_incomplete");
    }),
    { numRuns: 80 },
  );
});

test("any order of keys gives the same words", async () => {
  const keys = fc.shuffledSubarray(
    ["type", "sequence_number", "item_id", "output_index", "content_index", "delta", "logprobs", "obfuscation"],
    {
      minLength: 8,
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string({ unit: "grapheme" }), keys, async (noise, words, order) => {
      const event: { [key: string]: unknown } = {
        ...delta(0, words),
        sequence_number: 3,
        item_id: noise,
        logprobs: [],
        obfuscation: noise,
      };
      const shuffled = Object.fromEntries(order.map((key) => [key, event[key]]));
      const answer = await streaming(created, added(0, message()), delta(0, "<"), shuffled, done(0, message(`<${words}`)), completed());
      assert.deepEqual(answer.content, [{ type: "text", text: `<${words}` }]);
    }),
    { numRuns: 100 },
  );
});

test("whatever the events are, the stream ends with an answer or a typed error", async () => {
  const place = fc.constantFrom(0, 1, 2, -1, "0", null);
  const value = fc.oneof(fc.string(), fc.constant(null), fc.constant([{}]), fc.constant({ text: 1 }));
  const item = fc.oneof(
    value,
    fc.record({
      type: fc.constantFrom("message", "reasoning", "function_call", "web_search_call", 3),
      call_id: value,
      name: value,
      arguments: fc.oneof(value, fc.constant("{}")),
      summary: value,
      encrypted_content: value,
      content: fc.oneof(value, fc.array(fc.record({ type: fc.constantFrom("output_text", "refusal", "x"), text: value }))),
      phase: value,
    }),
  );
  const types = ["output_item.added", "output_item.done", "output_text.delta", "refusal.delta", "reasoning_summary_text.delta"];
  const more = ["function_call_arguments.delta", "completed", "incomplete", "created", "of_tomorrow", "reasoning_text.delta"];
  const event = fc.record({
    type: fc.constantFrom(...[...types, ...more].map((type) => `response.${type}`), "error", 7),
    output_index: place,
    content_index: place,
    summary_index: place,
    delta: value,
    item,
    response: fc.oneof(
      value,
      fc.record({
        id: value,
        output: fc.oneof(value, fc.array(item, { maxLength: 2 })),
        usage: fc.oneof(value, fc.record({ input_tokens: fc.oneof(value, fc.integer()) })),
        incomplete_details: value,
        error: fc.constantFrom(null, undefined),
      }),
    ),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.oneof({ weight: 9, arbitrary: event }, { weight: 1, arbitrary: value }), { maxLength: 12 }),
      async (begun, events) => {
        const all = [...(begun ? [created, added(0, message())] : []), ...events.map((one) => one ?? 1)];
        const lines = all.map((one) => `data: ${JSON.stringify(one)}\n\n`).join("");
        const provider = await providerOf({ url: "http://x.test" }, { fetch: serving([Buffer.from(lines)]) });
        const seen: string[] = [];
        try {
          for await (const told of provider.stream(plain, { signal: never })) seen.push(told.type);
          assert.equal(seen.at(-1), "finish");
        } catch (error) {
          assert(error instanceof APIError, String(error));
          assert(!seen.includes("finish"));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("an unknown event, part or reason to stop is reported once an instance", async () => {
  const odd: Turn = { text: "a", native_stop: "steered", fault: { kind: "splice", with: ["unknown_events"] } };
  await using model = await scripted(odd, odd);
  const provider = await providerOf(model);
  const seen = [...(await drain(provider.stream(plain, { signal: never }))), ...(await drain(provider.stream(plain, { signal: never })))];
  const unknown = (unknown_type: string) => ({ notice: "unknown_wire_shape", provider: "openai", unknown_type, count: 1 });
  assert.deepEqual(notices(seen), [unknown("response.event_of_tomorrow"), unknown("incomplete: steered")]);
  assert.deepEqual(seen.at(-1), { type: "finish", stopReason: "max_tokens" });
});

test("items of other kinds, and a message's phase, are kept as they are and sent back", async () => {
  const search = { id: "ws_1", type: "web_search_call", status: "completed", action: { type: "search", query: "q" } };
  const thought = { id: "rs_1", type: "reasoning", summary: [], encrypted_content: "c2ln" };
  const comment = { ...message("let me"), phase: "commentary" };
  const output = [thought, search, comment, call("c1", '{"a":1}'), { ...message("one", "two"), phase: "final_answer" }];
  const streamed = await streaming(created, ...output.flatMap((item, i) => [added(i, item), done(i, item)]), completed({ output }));
  assert.deepEqual((await whole({ status: "completed", output })).content, streamed.content);
  await using model = await scripted({ text: "ok" });
  const result = { type: "tool_result", tool_use_id: "c1", content: "r" } as const;
  await ask(model, { messages: [...plain.messages, said("assistant", streamed.content), said("user", [result])] });
  const body: { input: object[] } = JSON.parse(JSON.stringify(model.requests[0]?.body));
  const words = (phase: string, ...texts: string[]) => ({
    role: "assistant",
    content: texts.map((text) => ({ type: "output_text", text })),
    phase,
  });
  assert.deepEqual(body.input.slice(1, -1), [
    thought,
    search,
    words("commentary", "let me"),
    call("c1", '{"a":1}'),
    words("final_answer", "one", "two"),
  ]);
});

test("reasoning: a summary's parts are paragraphs; without its encrypted form it is shown and not sent back", async () => {
  const summary = ["one", "two"].map((text) => ({ type: "summary_text", text }));
  const item = { id: "rs_1", type: "reasoning", summary };
  const piece = (summary_index: number, text: string) => ({
    type: "response.reasoning_summary_text.delta",
    output_index: 0,
    summary_index,
    delta: text,
  });
  const ends = [done(0, item), added(1, message()), delta(1, "so"), done(1, message("so")), completed()];
  const shown = [
    { type: "thinking", thinking: "one\n\ntwo" },
    { type: "text", text: "so" },
  ];
  const open = [created, added(0, { ...item, summary: [] })];
  assert.deepEqual((await streaming(...open, piece(0, "on"), piece(0, "e"), piece(1, "two"), ...ends)).content, shown);
  assert.deepEqual((await streaming(...open, ...ends)).content, shown);
  assert.deepEqual((await whole({ status: "completed", output: [item, message("so")] })).content, shown);
});

test("what the end tells and no piece told is said: texts, items, arguments", async () => {
  const output = [message("a", "b"), call("c1", '{"a":1}')];
  const answer = [
    { type: "text", text: "a" },
    { type: "text", text: "b" },
    { type: "tool_use", id: "c1", name: "f", input: { a: 1 } },
  ];
  assert.deepEqual((await streaming(created, completed({ output }))).content, answer);
  const silent = [created, added(0, message()), done(0, message("a", "b")), added(1, call("c1", "")), done(1, call("c1", '{"a":1}'))];
  assert.deepEqual((await streaming(...silent, completed())).content, answer);
  const piece = { type: "response.function_call_arguments.delta", output_index: 1, delta: '{"a":1}' };
  const bare = [created, added(0, message()), done(0, message("a", "b")), added(1, call("c1", "")), piece, done(1, {})];
  assert.deepEqual((await streaming(...bare, completed({ output }))).content, answer);
});

test("calls whose pieces come in turns are told apart", async () => {
  const piece = (output_index: number, json: string) => ({ type: "response.function_call_arguments.delta", output_index, delta: json });
  const events = [added(0, call("c1", "")), added(1, call("c2", "")), piece(1, '{"b"'), piece(0, '{"a":1}'), piece(1, ":2}")];
  const { content } = await streaming(created, ...events, done(0, {}), done(1, {}), completed());
  assert.deepEqual(
    content.map((block) => (block.type === "tool_use" ? block.input : null)),
    [{ a: 1 }, { b: 2 }],
  );
});

test("a call without arguments has {}; arguments that are no object come unparsed, with a notice", async () => {
  const called = async (json: string, status = "completed") => {
    const body = { id: "r", model: "m", status, incomplete_details: { reason: "max_output_tokens" }, output: [call("c", json)] };
    const provider = await providerOf({ url: "http://x.test" }, { fetch: async () => Response.json(body) });
    const events = await drain(provider.stream({ ...plain, stream: false }, { signal: never }));
    const made = events.find((event) => event.type === "tool_call");
    return { input: made?.input, unparsed: made?.unparsed, told: notices(events).length };
  };
  assert.deepEqual(await called(""), { input: {}, unparsed: undefined, told: 0 });
  assert.deepEqual(await called("[1]"), { input: { __unparsed_arguments__: "[1]" }, unparsed: true, told: 1 });
  assert.deepEqual(await called('{"a":', "incomplete"), { input: { __unparsed_arguments__: '{"a":' }, unparsed: true, told: 1 });
});

const answers =
  (status: number, error: object | string, headers: { [name: string]: string } = {}): RequestListener =>
  (req, res) => {
    req.resume();
    res.writeHead(status, {
      "content-type": typeof error === "string" ? "text/html" : "application/json",
      "x-request-id": "r9",
      ...headers,
    });
    res.end(typeof error === "string" ? error : JSON.stringify({ error }));
  };

test("every failure has its category, status and request id", async () => {
  const invalid = "invalid_request_error";
  const rows: [number, object | string, string][] = [
    [400, { type: invalid, message: "bad context token" }, "exec.api.bad_request"],
    [400, { type: invalid, code: "context_length_exceeded", message: "x" }, "exec.api.token_limit"],
    [400, { type: invalid, message: "Your input exceeds the context window of this model." }, "exec.api.token_limit"],
    [400, { type: invalid, message: "say 'Your input exceeds the context window'" }, "exec.api.bad_request"],
    [401, { type: invalid, code: "invalid_api_key", message: "Incorrect API key provided." }, "exec.api.auth.invalid_key"],
    [401, { type: invalid, message: "You didn't provide an API key." }, "exec.api.auth.invalid_key"],
    [401, { type: invalid, code: "invalid_api_key", message: "Your key has expired." }, "exec.api.auth.expired"],
    [403, { type: invalid, code: "unsupported_country_region_territory", message: "no" }, "exec.api.auth.invalid_key"],
    [404, { type: invalid, code: "model_not_found", message: "no" }, "exec.api.bad_request"],
    [408, "", "exec.api.timeout"],
    [409, { message: "x" }, "exec.api.server_error"],
    [413, "big", "exec.api.token_limit"],
    [422, {}, "exec.api.bad_request"],
    [429, { type: "requests", code: "rate_limit_exceeded", message: "slow" }, "exec.api.rate_limited"],
    [429, { type: "tokens", message: "slow" }, "exec.api.rate_limited"],
    [429, { type: "tokens", code: "rate_limit_exceeded", message: "Request too large for gpt-6-astra" }, "exec.api.token_limit"],
    [429, { type: "insufficient_quota", code: "insufficient_quota", message: "pay" }, "exec.api.auth.invalid_key"],
    [429, "slow", "exec.api.rate_limited"],
    [500, "<html><style>x{}</style><h1>oops</h1></html>", "exec.api.server_error"],
    [500, { type: "server_error", message: "x" }, "exec.api.server_error"],
    [503, { message: "The engine is currently overloaded" }, "exec.api.server_error"],
  ];
  for (const [status, error, code] of rows)
    for (const stream of [true, false]) {
      using at = await serve(answers(status, error));
      const failure = await failing(ask(at, { stream }));
      assert.deepEqual([failure.code, failure.status, failure.requestId], [code, status, "r9"], `${status} ${JSON.stringify(error)}`);
    }
  using page = await serve(answers(500, "<html><style>x{}</style><h1>oops</h1></html>"));
  assert.equal((await failing(ask(page))).message, "openai: oops");
});

test("the provider's waiting time: retry-after, and the reset of the limit that is used up", async () => {
  const limited = { type: "requests", code: "rate_limit_exceeded", message: "slow" };
  const reset = (requests: string, tokens: string, left = "9") => ({
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-remaining-tokens": left,
    "x-ratelimit-reset-requests": requests,
    "x-ratelimit-reset-tokens": tokens,
  });
  const failed = async (headers: { [name: string]: string }, status = 429) => {
    using at = await serve(answers(status, status === 429 ? limited : {}, headers));
    const error = await failing(ask(at));
    return { after: error.retryAfter, in: error.resetAt === null ? null : Math.round((error.resetAt - Date.now()) / 1000) };
  };
  assert.deepEqual(await failed({ "retry-after": "7", ...reset("1m30s", "6h0m0s") }), { after: 7, in: 90 });
  assert.deepEqual(await failed(reset("900ms", "2m0.2s", "0")), { after: null, in: 120 });
  assert.deepEqual(await failed(reset("soon", "")), { after: null, in: null });
  assert.deepEqual(await failed(reset("1m0s", "1m0s"), 500), { after: null, in: null });
});

test("a 200 that is no answer is an error that says where to look", async () => {
  await using model = await scripted({ text: "x", fault: { kind: "non_json_200" } }, { text: "x", fault: { kind: "non_json_200" } });
  for (const stream of [true, false]) {
    const error = await failing(ask(model, { stream }));
    assert.equal(error.code, "exec.api.unknown");
    assert.match(error.message, /baseUrl/);
  }
});

test("no key: a coded error at the first use, and none before; the environment comes by the credentials", async () => {
  const provider = await providers.openai();
  const error = await failing(drain(provider.stream(plain, { signal: never })));
  assert.equal(error.code, "exec.api.no_client");
  assert.match(error.message, /apiKey.*OPENAI_API_KEY/);
  await using model = await scripted({ text: "a" });
  const env = { OPENAI_API_KEY: " sk-env\n", OPENAI_BASE_URL: `${model.url}/v1` };
  await drain((await providers.openai(CredentialBundle.fromEnvironment(env).get("openai"))).stream(plain, { signal: never }));
  model.expectDone();
});

test("the key never stands in an error, even when the server echoes it; a model list's failure is typed too", async () => {
  using at = await serve((req, res) => answers(401, { code: "invalid_api_key", message: `bad ${req.headers.authorization}` })(req, res));
  const provider = await providerOf(at);
  for (const error of [await failing(ask(at)), await failing(Promise.resolve(provider.models?.({ signal: never })))]) {
    assert.equal(error.code, "exec.api.auth.invalid_key");
    assert.match(error.message, /bad Bearer \*\*\*/);
    assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /SECRET/);
  }
});

test("Chat Completions are spoken by option, with the same credentials", async () => {
  await using model = await scripted({ text: "a" }, { text: "a" });
  const asked = { system: "Be brief.", cacheKey: `long-prefix-of-a-host:${"k".repeat(64)}`, topK: 3 };
  const at = { url: model.url };
  for (const options of [{ api: "chat" }, { extras: { api: "chat", organization: "org-1" } }] as const) {
    const provider = await providerOf(at, options);
    const events = await drain(provider.stream({ ...plain, ...asked }, { signal: never }));
    assert.deepEqual(notices(events), [{ notice: "parameter_dropped", provider: "openai", field: "top_k", value: 3 }]);
    assert.equal(provider.window?.("gpt-4.1"), 1_047_576);
  }
  const [first, second] = model.requests;
  const body: { messages: object[]; prompt_cache_key: string } = JSON.parse(JSON.stringify(first?.body));
  assert.deepEqual(body.messages[0], { role: "developer", content: "Be brief." });
  assert.equal(body.prompt_cache_key, "k".repeat(64));
  assert.deepEqual([first?.path, second?.headers["openai-organization"]], ["/v1/chat/completions", "org-1"]);
});

test("an api that there is none of is refused at once, wherever it is named", async () => {
  for (const options of [{ extras: { api: "interactions" } }, { extras: { api: "completions" } }])
    assert.match((await failing(providers.openai(options))).message, /interactions|completions/);
});

test("a window is known by the exact name, dated or not, and never by a similar one", async () => {
  const { window } = await providers.openai();
  const names = ["gpt-5-mini", "gpt-5-mini-2025-08-07", "openai/gpt-4.1", "ft:gpt-4o:acme::1", "gpt-5-maxi", "toString"];
  assert.deepEqual(
    names.map((name) => window?.(name)),
    [400_000, 400_000, 1_047_576, 128_000, null, null],
  );
});

/** Refuses a request that holds this as the vendor does, then answers. */
const without = (sign: string, error: object) => {
  const bodies: string[] = [];
  return serve(async (req, res) => {
    let text = "";
    for await (const part of req) text += part;
    bodies.push(text);
    const refused = text.includes(sign);
    res.writeHead(refused ? 400 : 200, { "content-type": "application/json" });
    const answer = { id: "r", model: "m", status: "completed", output: [message("a")] };
    res.end(JSON.stringify(refused ? { error: { type: "invalid_request_error", ...error } } : answer));
  }).then((at) => Object.assign(at, { bodies, last: () => JSON.parse(bodies.at(-1) ?? "") }));
};
const unsupported = (param: string, code: string | null = "unsupported_parameter") => ({
  message: `Unsupported parameter: '${param}' is not supported with this model.`,
  param,
  code,
});

test("a field that a model turns out not to take is left out, found out once, and announced", async () => {
  const model = "a-new-model";
  const thinking = { type: "enabled", budgetTokens: 6000, display: null } as const;
  const closed = { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false };
  const thought = {
    type: "opaque",
    block: { provider: "openai", item: { type: "reasoning", summary: [], encrypted_content: "x" } },
  } as const;
  const rows: [string, object, Partial<ModelRequest>, string | null][] = [
    ['"temperature"', unsupported("temperature", null), { temperature: 0.5 }, "temperature"],
    ['"top_p"', { ...unsupported("top_p"), param: null }, { topP: 0.5 }, "top_p"],
    [
      '"effort":"medium"',
      { message: "Unsupported value: 'medium' is not supported with the 'x' model.", param: "reasoning.effort" },
      { thinking },
      "thinking.budget_tokens",
    ],
    [
      '"summary"',
      { message: "Your organization must be verified to generate reasoning summaries.", param: "reasoning.summary" },
      { thinking },
      "thinking.display",
    ],
    ['"reasoning":', unsupported("reasoning.effort"), { thinking }, "thinking"],
    ['"include"', { message: "Encrypted content is not supported with this model.", param: "include" }, {}, null],
    [
      '"parallel_tool_calls"',
      unsupported("parallel_tool_calls"),
      { toolChoice: { type: "auto", disable_parallel_tool_use: true } },
      "tool_choice.disable_parallel_tool_use",
    ],
    ['"max_output_tokens"', { message: "Unsupported parameter: max_output_tokens" }, {}, "max_tokens"],
    ['"prompt_cache_key"', { message: "Unknown parameter: 'prompt_cache_key'.", param: "prompt_cache_key" }, { cacheKey: "k" }, null],
    [
      '"strict":true',
      { message: "Invalid schema for response_format 'answer': x", param: "text.format.schema", code: "invalid_json_schema" },
      { outputSchema: closed },
      null,
    ],
    [
      '"encrypted_content"',
      { message: "The encrypted content for item rs_1 could not be verified.", code: "invalid_encrypted_content" },
      { messages: [...plain.messages, said("assistant", [thought, { type: "text", text: "so" }]), said("user", "go on")] },
      null,
    ],
  ];
  for (const [sign, error, request, dropped] of rows) {
    using at = await without(sign, error);
    const provider = await providerOf(at);
    const all = { ...plain, model, tools: [{ name: "f", description: "", input_schema: { type: "object" } }], ...request, stream: false };
    const first = notices(await drain(provider.stream(all, { signal: never })));
    assert.equal(first[0]?.notice, "drift_healed", sign);
    assert.deepEqual(
      first.slice(1).map((one) => ("field" in one ? one.field : "")),
      dropped === null ? [] : [dropped],
      sign,
    );
    assert.equal(notices(await drain(provider.stream(all, { signal: never }))).length, 0, sign);
    assert.equal(at.bodies.length, 3, sign);
  }
});

test("an error that names no field that can be left out is not asked again", async () => {
  using at = await without('"input"', { message: "Unsupported value: 'input'", param: "input", code: "unsupported_value" });
  assert.equal((await failing(ask(at))).code, "exec.api.bad_request");
  assert.equal(at.bodies.length, 1);
});

test("what cannot be said on this wire is announced once", async () => {
  await using model = await startModel({ script: () => ({ text: "a" }) });
  const provider = await providerOf(model);
  const request: ModelRequest = {
    ...plain,
    maxTokens: 10,
    temperature: 0.5,
    topP: 0.9,
    topK: 4,
    stopSequences: ["END"],
    outputSchema: { type: "array" },
  };
  const dropped = (field: string, value: unknown) => ({ notice: "parameter_dropped", provider: "openai", field, value });
  assert.deepEqual(notices(await drain(provider.stream(request, { signal: never }))), [
    dropped("top_k", 4),
    dropped("stop_sequences", ["END"]),
    dropped("max_tokens", 10),
    dropped("temperature", 0.5),
    dropped("top_p", 0.9),
    { notice: "feature_unsupported", provider: "openai", field: "output_schema" },
  ]);
  const dull = { ...request, model: "gpt-4.1", thinking: { type: "adaptive", budgetTokens: 0, display: null } } as const;
  assert.deepEqual(notices(await drain(provider.stream(dull, { signal: never }))), [dropped("thinking", "adaptive")]);
  model.expectDone();
});

test("reasoning goes back to models that reason, and to no other", async () => {
  const thought = {
    type: "opaque",
    block: { provider: "openai", item: { type: "reasoning", summary: [], encrypted_content: "x" } },
  } as const;
  const messages = [...plain.messages, said("assistant", [thought, { type: "text", text: "so" }]), said("user", "go on")];
  await using model = await scripted({ text: "a" }, { text: "a" });
  await ask(model, { messages });
  await ask(model, { messages, model: "gpt-4.1" });
  const lengths = model.requests.map(({ body }) => (JSON.parse(JSON.stringify(body)) as { input: unknown[] }).input.length);
  assert.deepEqual(lengths, [4, 3]);
  model.expectDone();
});

test("a tool loop sends the reasoning back between its passes, and on from a checkpoint", async () => {
  const thinking = { text: "hm", signature: "c2ln" };
  await using model = await scripted({ thinking, tool_calls: [{ name: "now", input: {} }] }, { thinking, text: "noon" }, { text: "bye" });
  const tools = [
    defineTool<object>({ name: "now", description: "", input: { type: "object", properties: {} }, effect: "read", run: () => "noon" }),
  ];
  await using pipeline = PipelinePresets.agent({ apiKey: "k", baseUrl: `${model.url}/v1`, model: "gpt-6-astra", tools });
  const { text, state } = await pipeline.run("When is it?");
  assert.equal(text, "noon");
  await pipeline.run("Thanks", { state: JSON.parse(JSON.stringify(state)) });
  model.expectDone();
  const kinds = model.requests.map(({ body }) => {
    const { input }: { input: { type?: string; role?: string }[] } = JSON.parse(JSON.stringify(body));
    return input.map(({ type, role }) => type ?? role).join(" ");
  });
  const pass = "user reasoning function_call function_call_output";
  assert.deepEqual(kinds, ["user", pass, `${pass} reasoning assistant user`]);
});

test("any JSON Schema is sent in a form that the server takes", async () => {
  await using model = await startModel({ script: () => ({ text: "{}" }) });
  const type = fc.constantFrom("string", "integer", "object", "array", "null", ["integer", "null"]);
  const { schema } = fc.letrec((tie) => {
    const inner = fc.oneof(
      { maxDepth: 2 },
      fc.record({ type, format: fc.constantFrom("date", "uri") }, { requiredKeys: [] }),
      tie("schema"),
    );
    return {
      schema: fc.record(
        {
          type,
          $ref: fc.constantFrom("#", "#/$defs/A"),
          properties: fc.dictionary(fc.constantFrom("a", "b"), inner, { maxKeys: 2 }),
          required: fc.constantFrom([], ["a"], ["a", "b"], ["b", "a"]),
          additionalProperties: fc.constantFrom(false, true),
          items: inner,
          anyOf: fc.array(inner, { maxLength: 2 }),
          default: fc.constant(1),
        },
        { requiredKeys: [] },
      ),
    };
  });
  const provider = await providerOf(model);
  await fc.assert(
    fc.asyncProperty(schema, schema, async (given, A) => {
      const outputSchema = JSON.parse(JSON.stringify({ ...(given as object), type: "object", $defs: { A } }));
      const seen = await drain(provider.stream({ ...plain, outputSchema }, { signal: never }));
      assert.deepEqual(notices(seen), []);
    }),
    { numRuns: 150 },
  );
});

test("an abort closes the socket within 50 ms", async () => {
  const closed = Promise.withResolvers<number>();
  using at = await serve((req, res) => {
    req.socket.once("close", () => closed.resolve(performance.now()));
    req.resume();
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.write(sse([created, added(0, message()), delta(0, "a")]));
  });
  const controller = new AbortController();
  const reason = new Error("enough");
  const provider = await providerOf(at);
  let from = Number.POSITIVE_INFINITY;
  await assert.rejects(
    async () => {
      for await (const event of provider.stream(plain, { signal: controller.signal }))
        if (event.type === "text") {
          from = performance.now();
          controller.abort(reason);
        }
    },
    (error) => error === reason,
  );
  assert((await closed.promise) - from < 50);
});

test("a long history costs little once it was sent, reasoning included", async () => {
  const messages = Array.from(
    { length: 400 },
    (_, i): Message =>
      said(i % 2 ? "assistant" : "user", [
        ...(i % 2 ? [{ type: "thinking", thinking: "hm ".repeat(40) } as const] : []),
        ...(i % 2
          ? [{ type: "opaque", block: { provider: "openai", item: { type: "reasoning", encrypted_content: "c2ln" } } } as const]
          : []),
        { type: "text", text: "word ".repeat(60) },
      ]),
  );
  const { bodyOf } = await import("../../src/providers/openai-body.ts");
  const telling = { refused: new Set<string>(), dropped: () => undefined, unsupported: () => undefined };
  const time = () => {
    const from = performance.now();
    bodyOf({ ...plain, messages: [...messages] }, telling);
    return performance.now() - from;
  };
  const cold = time();
  for (let i = 0; i < 200; i++) time();
  const warm = Math.min(...Array.from({ length: 20 }, time));
  assert(warm < Math.max(0.5, cold / 2), `cold ${cold} ms, warm ${warm} ms`);
});
