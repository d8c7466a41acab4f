/** Anthropic's wire when it fails, is cut, or is odd; and what is said of a request that cannot go as it is. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { type APIError, collect, type Message, type ModelRequest, type Provider } from "geny-executor";
import { type AnthropicOptions, providers } from "geny-executor/providers";
import { type Fault, type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { plain as bare, drain, failing, never, notices, serve } from "./asking.ts";

const plain: ModelRequest = { ...bare, model: "claude-opus-5-5" };
const turn: Turn = {
  thinking: { text: "hm", signature: "s" },
  text: "Héllo, 日本 😀!",
  chunk_size: 3,
  tool_calls: [{ id: "c", name: "f", input: { a: "é" } }],
};
const whole = [
  { type: "thinking", thinking: "hm", signature: "s" },
  { type: "text", text: "Héllo, 日本 😀!" },
  { type: "tool_use", id: "c", name: "f", input: { a: "é" } },
];

const providerOf = (at: { url: string }, options: AnthropicOptions = {}): Promise<Provider> =>
  providers.anthropic({ apiKey: "sk-SECRET", baseUrl: at.url, ...options });
const ask = async (at: { url: string }, request: Partial<ModelRequest> = {}, options: AnthropicOptions = {}) => {
  const provider = await providerOf(at, options);
  return collect("anthropic", "m", provider.stream({ ...plain, ...request }, { signal: never }));
};
const scripted = (...script: Turn[]): Promise<OfflineModel> => startModel({ script });

test("what a client must bear changes nothing", async () => {
  const faults: Fault[] = [
    { kind: "split_utf8" },
    { kind: "drip", ms: 0 },
    { kind: "splice", with: ["comments", "crlf"] },
    { kind: "splice", with: ["unknown_events"] },
  ];
  await using model = await scripted(...faults.map((fault) => ({ ...turn, fault })));
  for (const fault of faults) assert.deepEqual((await ask(model)).content, whole, JSON.stringify(fault));
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
    [{ kind: "error_event", type: "rate_limit_error", message: "slow" }, "exec.api.rate_limited"],
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

test("a block's begin or end that comes twice is an error; so is a piece of a block that is not open", async () => {
  await using model = await startModel({ script: [] });
  const kinds = new Set<string>();
  for (let event = 0; event < 24; event++) {
    model.script([{ ...turn, fault: { kind: "duplicate", event } }]);
    const outcome = await ask(model).then(
      ({ content }) => JSON.stringify(content) === JSON.stringify(whole),
      (error: APIError) => error.code,
    );
    // A repeated delta looks like any other: nothing on the wire tells it from a repeated word.
    kinds.add(String(outcome));
  }
  assert(kinds.has("exec.api.network") && kinds.has("true"));
});

test("a truncation at any byte gives an error and keeps what was said; the whole gives the same for any pieces", async () => {
  const events = [
    { type: "message_start", message: { id: "m", model: "x", usage: { input_tokens: 1, output_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ...["Hé", 'l\\n"', "😀"].map((text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 5 } },
    { type: "message_stop" },
  ];
  const bytes = new TextEncoder().encode(events.map((e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`).join(""));
  const serving = (pieces: readonly Uint8Array[]) =>
    (async () => new Response(ReadableStream.from(pieces), { headers: { "content-type": "text/event-stream" } })) satisfies typeof fetch;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), fc.nat(bytes.length - 3), async (places, end) => {
      const ends = [...new Set(places)].sort((a, b) => a - b);
      const pieces = [...ends, bytes.length].map((to, i) => bytes.subarray(ends[i - 1] ?? 0, to));
      const answer = await ask({ url: "http://x.test" }, {}, { fetch: serving(pieces) });
      assert.deepEqual(answer.content, [{ type: "text", text: 'Hél\\n"😀' }]);
      assert.equal(answer.usage.output_tokens, 5);
      const error = await failing(ask({ url: "http://x.test" }, {}, { fetch: serving([bytes.subarray(0, end)]) }));
      assert.equal(error.code, "exec.api.stream_incomplete");
    }),
    { numRuns: 80 },
  );
});

test("an event of unknown type is reported once an instance, and once a type", async () => {
  const odd: Turn = { text: "a", fault: { kind: "splice", with: ["unknown_events"] } };
  await using model = await scripted(odd, odd);
  const provider = await providerOf(model);
  const seen = [...(await drain(provider.stream(plain, { signal: never }))), ...(await drain(provider.stream(plain, { signal: never })))];
  assert.deepEqual(notices(seen), [{ notice: "unknown_wire_shape", provider: "anthropic", unknown_type: "event_of_tomorrow", count: 1 }]);
});

test("arguments that are no JSON object come unparsed, with a notice; none at all are {}", async () => {
  const call = (json: string): Turn => ({ tool_calls: [{ id: "c", name: "f", input: { ignored: true }, json }] });
  const long = `{"a": "${"x".repeat(5000)}`;
  await using model = await scripted(call('{"a": '), call("[1]"), call(long), call(" "));
  for (const json of ['{"a": ', "[1]", long]) {
    const provider = await providerOf(model);
    const events = await drain(provider.stream(plain, { signal: never }));
    const called = events.find((e) => e.type === "tool_call");
    assert.deepEqual(called?.input, { __unparsed_arguments__: json.slice(0, 4000) });
    assert.equal(called?.unparsed, true);
    assert.deepEqual(notices(events), [
      { notice: "tool_args_repaired", provider: "anthropic", raw_length: json.length, tool: "f", repaired: false },
    ]);
  }
  const provider = await providerOf(model);
  const called = (await drain(provider.stream(plain, { signal: never }))).find((e) => e.type === "tool_call");
  assert.deepEqual(called?.input, {});
});

test("an abort closes the socket within 50 ms: before the head, within the stream, and when the reader leaves while waiting", async () => {
  const asked: (() => void)[] = [];
  const closed: ((at: number) => void)[] = [];
  using at = await serve((req, res) => {
    req.socket.once("close", () => closed.shift()?.(performance.now()));
    req.resume();
    asked.shift()?.();
    if (req.headers["x-when"] === "head") return;
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.write(`data: ${JSON.stringify({ type: "message_start", message: { id: "m", model: "x", usage: {} } })}\n\n`);
  });
  const attempt = async (when: string): Promise<number> => {
    const [arrived, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()];
    asked.push(arrived.resolve);
    closed.push(gone.resolve);
    const stop = new AbortController();
    const reason = new Error("enough");
    const provider = await providerOf(at, { defaultHeaders: { "x-when": when } });
    const events = provider.stream(plain, { signal: stop.signal })[Symbol.asyncIterator]();
    const running = (async () => {
      while (!(await events.next()).done);
    })();
    running.catch(() => undefined);
    await arrived.promise;
    await sleep(20);
    const from = performance.now();
    if (when === "leave") await events.return?.();
    else {
      stop.abort(reason);
      await assert.rejects(running, (error) => error === reason);
    }
    const left = performance.now();
    if (when === "leave") await running.catch(() => undefined);
    return Math.max(left, await gone.promise) - from;
  };
  for (const when of ["head", "stream", "leave"]) {
    // A busy machine may be late once; not ten times.
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 10 && best >= 50; i++) best = Math.min(best, await attempt(when));
    assert(best < 50, `${when}: ${best} ms`);
  }
});

test("leaving at `finish` keeps the connection; a server that does not close does not hold the turn", async () => {
  let sockets = 0;
  let cut = 0;
  const events = [
    { type: "message_start", message: { id: "m", model: "x", usage: {} } },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: {} },
    { type: "message_stop" },
  ];
  let requests = 0;
  let whole = 0;
  using at = await serve((req, res) => {
    req.resume();
    res.on("close", () => {
      if (!res.writableFinished) cut++;
      else whole++;
    });
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.write(events.map((e) => `data: ${JSON.stringify(e)}\n\n`).join(""));
    if (++requests < 3) setTimeout(() => res.end("data: ignored\n\n"), 20);
  });
  at.server.on("connection", () => sockets++);
  const provider = await providerOf(at);
  for (let i = 0; i < 3; i++) {
    const from = performance.now();
    for await (const event of provider.stream(plain, { signal: never })) if (event.type === "finish") break;
    assert(performance.now() - from < 1500, "it waited for the server");
    for (let n = 0; n < 100 && i < 2 && whole <= i; n++) await sleep(5);
    await sleep(60);
  }
  assert.equal(sockets, 1);
  assert.equal(cut, 0);
  for (let n = 0; n < 200 && cut === 0; n++) await sleep(10);
  assert.equal(cut, 1, "a body that does not end is closed after a moment");
});

const answers =
  (status: number, error: object | string, headers: { [name: string]: string } = {}): RequestListener =>
  (req, res) => {
    req.resume();
    res.writeHead(status, {
      "content-type": typeof error === "string" ? "text/html" : "application/json",
      "request-id": "req_9",
      ...headers,
    });
    res.end(typeof error === "string" ? error : JSON.stringify({ type: "error", error }));
  };

test("every failure has its category, status and request id", async () => {
  const rows: [number, object | string, string][] = [
    [400, { type: "invalid_request_error", message: "messages.0.context: bad token" }, "exec.api.bad_request"],
    [400, { type: "invalid_request_error", message: "prompt is too long: 210000 tokens > 200000 maximum" }, "exec.api.token_limit"],
    [
      400,
      { type: "invalid_request_error", message: "input length and `max_tokens` exceed context limit: 1 + 2 > 3" },
      "exec.api.token_limit",
    ],
    [400, { type: "invalid_request_error", message: 'your text says "prompt is too long"' }, "exec.api.bad_request"],
    [401, { type: "authentication_error", message: "invalid x-api-key" }, "exec.api.auth.invalid_key"],
    [401, { type: "authentication_error", message: "OAuth token has expired" }, "exec.api.auth.expired"],
    [402, { type: "billing_error", message: "no credit" }, "exec.api.auth.invalid_key"],
    [403, { type: "permission_error", message: "no" }, "exec.api.auth.invalid_key"],
    [404, { type: "not_found_error", message: "model: x" }, "exec.api.bad_request"],
    [408, "", "exec.api.timeout"],
    [409, {}, "exec.api.server_error"],
    [413, { type: "request_too_large", message: "big" }, "exec.api.token_limit"],
    [422, {}, "exec.api.bad_request"],
    [429, { type: "rate_limit_error", message: "slow" }, "exec.api.rate_limited"],
    [500, "<html><style>x{}</style><h1>oops</h1></html>", "exec.api.server_error"],
    [504, {}, "exec.api.server_error"],
    [529, { type: "overloaded_error", message: "Overloaded" }, "exec.api.server_error"],
  ];
  for (const [status, error, code] of rows)
    for (const stream of [true, false]) {
      using at = await serve(answers(status, error));
      const failure = await failing(ask(at, { stream }));
      assert.deepEqual([failure.code, failure.status, failure.requestId], [code, status, "req_9"], `${status} ${JSON.stringify(error)}`);
    }
  using page = await serve(answers(500, "<html><style>x{}</style><h1>oops</h1></html>"));
  assert.equal((await failing(ask(page))).message, "anthropic: oops");
});

test("the provider's waiting time: seconds, a date, milliseconds, and the limit that is used up", async () => {
  const wait = async (headers: { [name: string]: string }) => {
    using at = await serve(answers(429, { type: "rate_limit_error", message: "slow" }, headers));
    const { retryAfter, resetAt } = await failing(ask(at));
    return [retryAfter, resetAt];
  };
  assert.deepEqual(await wait({}), [null, null]);
  assert.deepEqual(await wait({ "retry-after": "7" }), [7, null]);
  assert.deepEqual(await wait({ "retry-after": "7", "retry-after-ms": "1500" }), [1.5, null]);
  assert.deepEqual(await wait({ "retry-after": "Tue, 24 Nov 2026 03:00:30 GMT", date: "Tue, 24 Nov 2026 03:00:00 GMT" }), [30, null]);
  const limits = {
    "anthropic-ratelimit-requests-remaining": "10",
    "anthropic-ratelimit-requests-reset": "2026-11-24T09:00:00Z",
    "anthropic-ratelimit-tokens-remaining": "0",
    "anthropic-ratelimit-tokens-reset": "2026-11-24T03:01:00Z",
  };
  assert.deepEqual(await wait(limits), [null, Date.parse("2026-11-24T03:01:00Z")]);
});

test("a 200 that is no message is an error that says where to look", async () => {
  await using model = await scripted({ text: "x", fault: { kind: "non_json_200" } }, { text: "x", fault: { kind: "non_json_200" } });
  for (const stream of [true, false]) {
    const error = await failing(ask(model, { stream }));
    assert.equal(error.code, "exec.api.unknown");
    assert.match(error.message, /baseUrl/);
  }
});

test("an answer that is not streamed although it was asked to be is read all the same", async () => {
  using at = await serve((req, res) => {
    req.resume();
    res.setHeader("content-type", "application/json");
    res.end(
      JSON.stringify({
        type: "message",
        id: "m",
        model: "x",
        content: [{ type: "text", text: "hi" }],
        stop_reason: "end_turn",
        usage: null,
      }),
    );
  });
  const answer = await ask(at);
  assert.deepEqual([answer.content, answer.usage.input_tokens], [[{ type: "text", text: "hi" }], 0]);
});

test("no key: a coded error at the first use, and none before", async () => {
  const provider = await providers.anthropic({ baseUrl: "http://127.0.0.1:9" });
  const error = await failing(drain(provider.stream(plain, { signal: never })));
  assert.equal(error.code, "exec.api.no_client");
  assert.match(error.message, /apiKey.*ANTHROPIC_API_KEY/);
});

test("no error shows the key, even when the server echoes it", async () => {
  using at = await serve((req, res) =>
    answers(401, { type: "authentication_error", message: `bad key ${req.headers.authorization}` })(req, res),
  );
  const error = await failing(ask(at));
  assert.match(error.message, /bad key Bearer \*\*\*/);
  assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /SECRET/);
  const forbidden = await failing(ask(at, {}, { apiKey: "sk-SECRET\u0000x" }));
  assert.doesNotMatch(forbidden.message + JSON.stringify(forbidden), /SECRET/);
});

test("sampling parameters go where they are taken, and are announced once where they are not", async () => {
  await using model = await startModel({ script: () => ({ text: "a" }) });
  const hot = { temperature: 0, topP: 0.9, topK: 4 };
  const old = { ...hot, model: "claude-sonnet-4-6" };
  const sampled = (index: number) => {
    const body = model.requests[index]?.body;
    assert(body && typeof body === "object" && !Array.isArray(body));
    return ["temperature", "top_p", "top_k"].filter((field) => field in body).length;
  };
  const legacy = await providerOf(model, { apiVersion: "2023-06-01" });
  const seen: unknown[][] = [];
  for (const request of [
    old,
    { ...old, thinking: { type: "adaptive" as const, budgetTokens: 0, display: null } },
    { ...hot, model: "opus" },
  ])
    seen.push(notices(await drain(legacy.stream({ ...plain, ...request }, { signal: never }))));
  assert.deepEqual([0, 1, 2].map(sampled), [3, 0, 0]);
  const dropped = (field: string, value: number) => ({ notice: "parameter_dropped", provider: "anthropic", field, value });
  const all = [dropped("temperature", 0), dropped("top_p", 0.9), dropped("top_k", 4)];
  assert.deepEqual(seen, [[], all, []]);
  const current = await providers.anthropic({ apiKey: "k", baseUrl: model.url });
  assert.deepEqual(notices(await drain(current.stream({ ...plain, ...old }, { signal: never }))), all);
  assert.equal(sampled(3), 0);
  assert.deepEqual([current.capabilities.supports_top_k, legacy.capabilities.supports_top_k], [false, true]);
});

test("a field that the model turns out not to take is left out, said once, and remembered", async () => {
  const bodies: { temperature?: number; top_p?: number }[] = [];
  using at = await serve(async (req, res) => {
    let text = "";
    for await (const piece of req) text += piece;
    const body = JSON.parse(text);
    bodies.push(body);
    const field = ["temperature", "top_p"].find((name) => name in body);
    res.writeHead(field ? 400 : 200, { "content-type": "application/json" });
    const error = { type: "invalid_request_error", message: `\`${field}\` is deprecated for this model.` };
    const answer = { type: "message", id: "m", model: "x", content: [], stop_reason: "end_turn", usage: {} };
    res.end(JSON.stringify(field ? { type: "error", error } : answer));
  });
  const provider = await providerOf(at, { apiVersion: "2023-06-01" });
  const request = { ...plain, model: "claude-sonnet-4-6", temperature: 1, topP: 1 };
  const first = await drain(provider.stream(request, { signal: never }));
  assert.equal(notices(first).filter((n) => n.notice === "drift_healed").length, 2);
  await drain(provider.stream(request, { signal: never }));
  assert.deepEqual(
    bodies.map((b) => ["temperature" in b, "top_p" in b]),
    [
      [true, true],
      [false, true],
      [false, false],
      [false, false],
    ],
  );
});

test("cache marks: at most four, the newest, where they were meant after repair; stale ones go", async () => {
  await using model = await startModel({ script: () => ({ text: "a" }) });
  const stale = { cache_control: { type: "ephemeral" } } as const;
  const say = (role: Message["role"], text: string): Message => ({
    id: "x",
    origin: "user",
    role,
    content: [{ type: "text", text, ...stale }],
  });
  const messages = ["user", "assistant", "user", "assistant", "user", "user", "assistant"].map((role, i) => say(role as "user", `m${i}`));
  const marks = (index: number): string[] =>
    [...JSON.stringify(model.requests[index]?.body).matchAll(/"text":"(\w+)","cache_control"/g)].map((m) => m[1] ?? "");
  await ask(model, {
    messages,
    system: [
      { type: "text", text: "one", ...stale },
      { type: "text", text: "two" },
    ],
    cache: { tools: true, system: true, messages: [0, 2, 4, 5], ttl: "5m" },
  });
  assert.deepEqual(marks(0), ["two", "m0", "m2", "m5"]);
  await ask(model, { messages });
  assert.deepEqual(marks(1), ["m3", "m4", "m5", "m6"], "a host's own marks stay when the request places none, the newest four");
  await ask(model, { messages, cache: { tools: false, system: false, messages: [], ttl: "5m" } });
  assert.deepEqual(marks(2), []);
});

test("`timeoutMs` limits silence, wherever it falls, and not an answer that takes its time", async () => {
  const silent = (after: "nothing" | "headers" | number): Turn => ({ text: "abc", fault: { kind: "silence", after } });
  for (const after of ["nothing", "headers", 1, 5] as const) {
    await using model = await scripted(silent(after));
    const from = performance.now();
    const error = await failing(ask(model, {}, { timeoutMs: 400 }));
    assert.equal(error.code, "exec.api.timeout", `${after}`);
    assert.ok(performance.now() - from < 10_000, "the limit is the given one");
  }
  const slow: Turn = { text: "abcdefghijklmnop", chunk_size: 1, delta_delay_ms: 40 };
  for (const turn of [slow, { text: "abc", fault: { kind: "drip", ms: 2 } } satisfies Turn]) {
    await using model = await scripted(turn);
    const from = performance.now();
    assert.deepEqual((await ask(model, {}, { timeoutMs: 400 })).content, [{ type: "text", text: turn.text }]);
    assert.ok(performance.now() - from > 400, "it took longer than the limit");
  }
});

test("`timeoutMs` also limits an answer that is not streamed, and a ping is a sign of life", async () => {
  await using model = await scripted({ text: "abc", delay_ms: 2000 });
  assert.equal((await failing(ask(model, { stream: false }, { timeoutMs: 150 }))).code, "exec.api.timeout");
  using at = await serve(async (req, res) => {
    req.resume();
    res.writeHead(200, { "content-type": "text/event-stream" });
    for (let i = 0; i < 8; i++) {
      res.write('event: ping\ndata: {"type":"ping"}\n\n');
      await sleep(50);
    }
    res.end();
  });
  assert.equal((await failing(ask(at, {}, { timeoutMs: 150 }))).code, "exec.api.stream_incomplete");
});

test("a long history costs little once it was sent", async () => {
  const messages = Array.from(
    { length: 400 },
    (_, i): Message => ({
      id: `${i}`,
      origin: "user",
      role: i % 2 ? "assistant" : "user",
      content: [{ type: "text", text: "word ".repeat(60) }],
    }),
  );
  const { bodyOf } = await import("../../src/providers/anthropic-body.ts");
  const options = { refused: new Set<string>(), dropped: () => undefined };
  const time = () => {
    const from = performance.now();
    bodyOf({ ...plain, messages: [...messages] }, options);
    return performance.now() - from;
  };
  const cold = time();
  for (let i = 0; i < 200; i++) time();
  const warm = Math.min(...Array.from({ length: 20 }, time));
  assert(warm < Math.max(0.5, cold / 2), `cold ${cold} ms, warm ${warm} ms`);
});
