/** The Chat Completions wire when it fails, is cut, or is odd, as the many servers that speak it are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { collect, type Message, type ModelEvent, type ModelRequest } from "geny-executor";
import { providers, type VllmOptions, type VllmProvider } from "geny-executor/providers";
import { type Fault, type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { mended } from "../../src/providers/mend.ts";
import { drain, failing, never, notices, plain, said, serve } from "./asking.ts";

type At = { readonly url: string };
const able = { supports_thinking: true, supports_tools: true, supports_tool_choice: true, supports_structured_output: true };
const providerOf = (at: At, options: VllmOptions = {}): Promise<VllmProvider> =>
  providers.vllm({ apiKey: "sk-SECRET", baseUrl: `${at.url}/v1`, capabilities: able, ...options });
const ask = async (at: At, request: Partial<ModelRequest> = {}, options: VllmOptions = {}) => {
  const provider = await providerOf(at, options);
  return collect("vllm", "m", provider.stream({ ...plain, ...request }, { signal: never }));
};
const events = async (at: At, request: Partial<ModelRequest> = {}) =>
  drain((await providerOf(at)).stream({ ...plain, ...request }, { signal: never }));
const scripted = (...script: Turn[]): Promise<OfflineModel> => startModel({ script });
const turn: Turn = { thinking: "hm", text: "Héllo, 日本 😀!", chunk_size: 3, tool_calls: [{ id: "c", name: "f", input: { a: "é" } }] };

const head = { id: "r-1", object: "chat.completion.chunk", created: 1, model: "m" };
const chunk = (delta: object, more: object = {}, of: object = {}) => ({
  ...head,
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
  ...of,
});
const stop = (reason = "stop", more: object = {}) => chunk({}, { finish_reason: reason, ...more });
const usage = { ...head, choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } };
const calling = (...calls: object[]) => chunk({ tool_calls: calls });
const sse = (...chunks: (object | string)[]) =>
  chunks.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join("");
/** Streams these chunks, whatever it is asked. */
const saying = (...chunks: (object | string)[]) =>
  serve((req, res) => {
    req.resume();
    res.setHeader("content-type", "text/event-stream");
    res.end(sse(...chunks));
  });
/** One whole answer with this message. */
const answering = (message: object, more: object = {}, of: object = {}) =>
  serve((req, res) => {
    req.resume();
    res.setHeader("content-type", "application/json");
    res.end(JSON.stringify({ ...head, choices: [{ index: 0, message, finish_reason: "stop", ...more }], usage: usage.usage, ...of }));
  });
const serving = (pieces: readonly Uint8Array[]) =>
  (async () => new Response(ReadableStream.from(pieces), { headers: { "content-type": "text/event-stream" } })) satisfies typeof fetch;
const callsIn = (all: readonly ModelEvent[]) =>
  all.flatMap((e) =>
    e.type === "tool_call" ? [{ id: e.id, name: e.name, input: e.input, ...(e.unparsed ? { unparsed: true } : {}) }] : [],
  );
/** Blocks come one after another, each begun before it goes on, and a call's pieces are its arguments. */
const wellFormed = (all: readonly ModelEvent[]) => {
  const pieces = new Map<number, string>();
  let highest = -1;
  for (const e of all) {
    if (!("index" in e)) continue;
    assert(e.index >= highest && e.index <= highest + 1, "blocks in order");
    if (e.type === "tool_call_start") assert(!pieces.has(e.index) && pieces.set(e.index, ""));
    if (e.type === "tool_call_delta") pieces.set(e.index, `${pieces.get(e.index)}${e.json}`);
    if (e.type === "tool_call" && !e.unparsed && !notices(all).length)
      assert.deepEqual(JSON.parse(pieces.get(e.index)?.trim() || "{}"), e.input);
    highest = e.index;
  }
  assert.equal(
    all.findIndex(({ type }) => type === "finish"),
    all.length - 1,
  );
};

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
    ["thinking", "text", "tool_use"],
  );
  for (const fault of faults) assert.deepEqual((await ask(model)).content, content, JSON.stringify(fault));
});

test("a broken stream is a typed error that may be tried again, never a wrong answer", async () => {
  const faults: [Fault, string][] = [
    [{ kind: "cut" }, "exec.api.network"],
    [{ kind: "cut_before_headers" }, "exec.api.network"],
    [{ kind: "no_stop" }, "exec.api.stream_incomplete"],
    [{ kind: "malformed_json" }, "exec.api.network"],
    [{ kind: "splice", with: ["other_message"] }, "exec.api.network"],
    [{ kind: "error_event" }, "exec.api.server_error"],
    [{ kind: "error_event", type: "rate_limit_error", message: "slow" }, "exec.api.rate_limited"],
    [{ kind: "failed" }, "exec.api.server_error"],
    [{ kind: "silence", after: "nothing", limit_ms: 2000 }, "exec.api.timeout"],
    [{ kind: "silence", after: 4, limit_ms: 2000 }, "exec.api.timeout"],
  ];
  await using model = await scripted(...faults.map(([fault]) => ({ ...turn, fault })));
  for (const [fault, code] of faults) {
    const ms = fault.kind === "silence" ? 100 : 1500;
    const error = await failing(ask(model, {}, { timeouts: { firstByteMs: ms, idleMs: ms } }));
    assert.equal(error.code, code, JSON.stringify(fault));
    assert.equal(error.recoverable, true);
  }
});

test("a stream without its end is an error wherever it is cut; the whole is the same for any pieces", async () => {
  const chunks = [
    chunk({ role: "assistant", content: "" }),
    chunk({ content: "Hé" }),
    chunk({ content: 'l\n"' }),
    chunk({ content: "😀" }),
  ];
  const begun = new TextEncoder().encode(sse(...chunks));
  const bytes = new TextEncoder().encode(sse(...chunks, stop(), usage, "[DONE]"));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), fc.nat(begun.length), async (places, end) => {
      const ends = [...new Set(places)].sort((a, b) => a - b);
      const pieces = [...ends, bytes.length].map((to, i) => bytes.subarray(ends[i - 1] ?? 0, to));
      const answer = await ask({ url: "http://x.test" }, {}, { fetch: serving(pieces) });
      assert.deepEqual(answer.content, [{ type: "text", text: 'Hél\n"😀' }]);
      assert.equal(answer.usage.output_tokens, 2);
      const error = await failing(ask({ url: "http://x.test" }, {}, { fetch: serving([bytes.subarray(0, end)]) }));
      assert.equal(error.code, "exec.api.stream_incomplete");
    }),
    { numRuns: 80 },
  );
});

test("an end mark without a reason to stop is no end; a reason without an end mark is one", async () => {
  using torn = await saying(chunk({ content: "a" }), "[DONE]");
  assert.equal((await failing(ask(torn))).code, "exec.api.stream_incomplete");
  using silent = await saying({ ...head, choices: [] }, "[DONE]");
  assert.equal((await failing(ask(silent))).code, "exec.api.stream_incomplete");
  using plainEnd = await saying(chunk({ content: "a" }), stop());
  assert.deepEqual((await ask(plainEnd)).content, [{ type: "text", text: "a" }]);
});

test("calls are told apart although servers leave out ids and indices, repeat them, or make up new ones", async () => {
  const f = (args: unknown, more: object = {}) => ({ function: { name: "f", arguments: args }, ...more });
  const rest = (args: string, more: object = {}) => ({ function: { arguments: args }, ...more });
  const one = { name: "f", input: { a: 1 } };
  const two = { name: "f", input: { a: 2 } };
  const rows: [string, object[], object[]][] = [
    ["in order", [calling(f("", { index: 0, id: "x" })), calling(rest('{"a":', { index: 0 })), calling(rest("1}", { index: 0 }))], [one]],
    ["no ids", [calling(f('{"a":1}', { index: 0 }), f('{"a":2}', { index: 1 }))], [one, two]],
    ["no indices", [calling(f('{"a":1}', { id: "x" })), calling(f('{"a":', { id: "y" })), calling(rest("2}"))], [one, two]],
    ["neither", [calling(f('{"a":1}')), calling(f('{"a":2}'))], [one, two]],
    ["one index for all", [calling(f('{"a":1}', { index: 0, id: "x" })), calling(f('{"a":2}', { index: 0, id: "y" }))], [one, two]],
    ["one index and no ids", [calling(f('{"a":1}', { index: 0 })), calling(f('{"a":2}', { index: 0 }))], [one, two]],
    ["a new id with every piece", [calling(f('{"a":', { index: 0, id: "x" })), calling(rest("1}", { index: 0, id: "y" }))], [one]],
    ["the name with every piece", [calling(f('{"a":', { index: 0, id: "x" })), calling(f("1}", { index: 0, id: "x" }))], [one]],
    ["the id after the name", [calling(f("", { index: 0 })), calling(f('{"a":1}', { index: 0, id: "x" }))], [one]],
    ["arguments as an object", [calling(f({ a: 1 }, { index: 0 }))], [one]],
    [
      "interwoven",
      [
        calling(f('{"a":', { index: 0, id: "x" }), f('{"a"', { index: 1, id: "y" })),
        calling(rest(":2}", { index: 1 }), rest("1}", { index: 0 })),
      ],
      [one, two],
    ],
    [
      "no arguments",
      [calling(f("", { index: 0, id: "x" })), calling(f(null, { index: 1, id: "y" }))],
      [0, 1].map(() => ({ name: "f", input: {} })),
    ],
  ];
  for (const [name, chunks, wanted] of rows) {
    using at = await saying(...chunks, stop("tool_calls"), usage, "[DONE]");
    const all = await events(at);
    wellFormed(all);
    const found = callsIn(all);
    assert.deepEqual(
      found.map(({ id: _, ...call }) => call),
      wanted,
      name,
    );
    assert.equal(new Set(found.map(({ id }) => id)).size, wanted.length, `${name}: each call has an id`);
    assert.deepEqual(all.at(-1), { type: "finish", stopReason: "tool_use", stopSequence: null }, name);
  }
});

test("ids that are made up differ from one answer to the next", async () => {
  const ids: string[] = [];
  for (const id of ["r-1", "r-2"]) {
    using at = await saying(
      { ...calling({ index: 0, function: { name: "f", arguments: "{}" } }), id },
      { ...stop("tool_calls"), id },
      "[DONE]",
    );
    ids.push(...callsIn(await events(at)).map((call) => call.id));
  }
  assert.equal(new Set(ids).size, 2);
  for (const id of ids) assert.match(id, /^[a-zA-Z0-9_-]{1,40}$/);
});

test("arguments that are almost JSON are repaired, and that is told; others come unparsed", async () => {
  const called = async (json: string, reason = "tool_calls") => {
    using at = await saying(calling({ index: 0, id: "x", function: { name: "f", arguments: json } }), stop(reason), usage, "[DONE]");
    const all = await events(at);
    return { call: callsIn(all)[0], told: notices(all) };
  };
  const told = (json: string, repaired: boolean) => [
    { notice: "tool_args_repaired", provider: "vllm", raw_length: json.length, tool: "f", repaired },
  ];
  const broken = "{'a': [1, 2,], b: True,";
  assert.deepEqual(await called(broken), { call: { id: "x", name: "f", input: { a: [1, 2], b: true } }, told: told(broken, true) });
  const hopeless = '{"path": "a.t';
  const unparsed = { id: "x", name: "f", input: { __unparsed_arguments__: hopeless }, unparsed: true };
  assert.deepEqual(await called(hopeless), { call: unparsed, told: told(hopeless, false) });
  assert.deepEqual(await called('{"a":1}'), { call: { id: "x", name: "f", input: { a: 1 } }, told: [] });
  const cut = '{"lines": ["one"';
  assert.equal((await called(cut, "length")).call?.unparsed, true, "what was cut at the limit is not guessed");
});

test("what a model meant to be JSON", () => {
  const rows: [string, unknown][] = [
    ['```json\n{"a": 1}\n```', { a: 1 }],
    ['```\n{"a": [1, {"b": 2\n```', { a: [1, { b: 2 }] }],
    ["{'a': 'it\\'s', \"b\": 'say \"x\"'}", { a: "it's", b: 'say "x"' }],
    ['{"a": "line\nbreak", "u": "\\u00e9\\n"}', { a: "line\nbreak", u: "é\n" }],
    ['{a: None, $b: False, "c": -1.5e3,}', { a: null, $b: false, c: -1500 }],
    ['{"a": {"b": [1, 2', { a: { b: [1, 2] } }],
    ['{"a": 1}}', { a: 1 }],
    ['"{\\"a\\": 1}"', { a: 1 }],
    ['{"__proto__": 1}', JSON.parse('{"__proto__": 1}')],
    ['{"a": "open', undefined],
    ['{"a": 1 "b": 2}', undefined],
    ['{"a": nope}', undefined],
    ['{"a":', undefined],
    ['{"a": 1} and then', undefined],
    ['{"a": 01}', undefined],
    ["", undefined],
  ];
  for (const [text, wanted] of rows) assert.deepEqual(mended(text), wanted, text);
});

test("mending leaves JSON as it is, closes what is open, never throws, and takes time in proportion", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), fc.nat(3), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.deepEqual(mended(text), JSON.parse(text));
      assert.deepEqual(mended(text.replace(/[\s\]}]+$/, "") || "{"), JSON.parse(text));
    }),
  );
  fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[[\]{}"':,\\a1 -]*$/)), (text) => void mended(text)));
  const time = (text: string) => {
    const from = performance.now();
    mended(text);
    return performance.now() - from;
  };
  for (const text of ['{"a":"\\n', "[".repeat(10), '{"a":', "'x',", "  ", "```", "[1,", "\\"]) {
    const long = text.repeat(200_000);
    assert(time(long) < 500, `${text}: ${time(long)} ms`);
  }
});

test("thinking is read where servers put it; tags in a text are left alone", async () => {
  const thoughts = [{ type: "thinking", thinking: "hm" }];
  for (const delta of [
    { reasoning_content: "hm" },
    { reasoning: "hm" },
    { content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] },
  ]) {
    using at = await saying(chunk(delta), chunk({ content: [{ type: "text", text: "so" }] }), stop(), usage, "[DONE]");
    assert.deepEqual((await ask(at)).content, [...thoughts, { type: "text", text: "so" }]);
    using whole = await answering({ role: "assistant", content: "so", ...("content" in delta ? { reasoning: "hm" } : delta) });
    assert.deepEqual((await ask(whole, { stream: false })).content, [...thoughts, { type: "text", text: "so" }]);
  }
  using tagged = await saying(chunk({ content: "<think>hm</think>so" }), stop(), usage, "[DONE]");
  assert.deepEqual((await ask(tagged)).content, [{ type: "text", text: "<think>hm</think>so" }]);
});

test("usage comes with any chunk, the last one counts; where none comes that is told once, and nothing is estimated", async () => {
  const counted = { prompt_tokens: 3, completion_tokens: 2 };
  for (const chunks of [
    [chunk({ content: "a" }), stop(), usage],
    [chunk({ content: "a" }), { ...stop(), usage: counted }],
    [chunk({ content: "a" }, {}, { usage: { prompt_tokens: 3, completion_tokens: 1 } }), { ...stop(), usage: counted }],
    [usage, chunk({ content: "a" }), stop()],
  ]) {
    using at = await saying(...chunks, "[DONE]");
    const answer = await ask(at);
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [3, 2]);
  }
  const bodies: string[] = [];
  using at = await serve(async (req, res) => {
    let body = "";
    for await (const part of req) body += part;
    bodies.push(body);
    res.writeHead(200, { "content-type": "text/event-stream" }).end(sse(chunk({ content: "a" }), stop(), "[DONE]"));
  });
  const provider = await providerOf(at);
  assert.equal(provider.capabilities.supports_token_usage, true);
  const all = [...(await drain(provider.stream(plain, { signal: never }))), ...(await drain(provider.stream(plain, { signal: never })))];
  assert.deepEqual(notices(all), [{ notice: "feature_unsupported", provider: "vllm", field: "usage" }]);
  assert(!all.some(({ type }) => type === "usage"));
  assert.equal(provider.capabilities.supports_token_usage, false);
  for (const body of bodies) assert.match(body, /"include_usage":true/);
});

test("each reason to stop has its meaning; a server's own failure is an error that may be tried again", async () => {
  const call = calling({ index: 0, id: "x", function: { name: "f", arguments: "{}" } });
  const rows: [object[], string][] = [
    [[stop("stop")], "end_turn"],
    [[stop("eos_token")], "end_turn"],
    [[call, stop("stop")], "tool_use"],
    [[call, stop("tool_calls")], "tool_use"],
    [[stop("tool_calls")], "end_turn"],
    [[stop("length")], "max_tokens"],
    [[stop("model_length")], "model_context_window_exceeded"],
    [[stop("content_filter")], "content_filter"],
    [[chunk({ refusal: "I will not" }), stop()], "refusal"],
  ];
  for (const [chunks, wanted] of rows) {
    using at = await saying(...chunks, usage, "[DONE]");
    assert.equal((await ask(at)).stop_reason, wanted, JSON.stringify(chunks));
  }
  using sequence = await saying(chunk({ content: "a" }), stop("stop", { stop_reason: "END" }), usage, "[DONE]");
  const { stop_reason, stop_sequence } = await ask(sequence);
  assert.deepEqual([stop_reason, stop_sequence], ["stop_sequence", "END"]);
  for (const reason of ["error", "abort", "insufficient_system_resource"]) {
    using at = await saying(chunk({ content: "a" }), stop(reason), "[DONE]");
    const error = await failing(ask(at));
    assert.deepEqual([error.code, error.recoverable], ["exec.api.server_error", true]);
  }
});

test("only the first choice is read; chunks that are none are reported once an instance", async () => {
  const both = { ...head, choices: [{ index: 1, delta: { content: "no" } }, { delta: { content: "yes" } }] };
  using at = await saying({ object: "word.of.tomorrow" }, both, { object: "word.of.tomorrow" }, stop(), usage, "[DONE]");
  const provider = await providerOf(at);
  const twice = [...(await drain(provider.stream(plain, { signal: never }))), ...(await drain(provider.stream(plain, { signal: never })))];
  assert.deepEqual(
    twice.flatMap((event) => (event.type === "text" ? [event.text] : [])),
    ["yes", "yes"],
  );
  assert.deepEqual(notices(twice), [{ notice: "unknown_wire_shape", provider: "vllm", unknown_type: "word.of.tomorrow", count: 1 }]);
});

test("a 200 that is no answer is an error that says where to look; an error in a 200 is that error", async () => {
  await using model = await scripted({ text: "x", fault: { kind: "non_json_200" } }, { text: "x", fault: { kind: "non_json_200" } });
  for (const stream of [true, false]) {
    const error = await failing(ask(model, { stream }));
    assert.equal(error.code, "exec.api.unknown");
    assert.match(error.message, /baseUrl/);
    using empty = await answering({}, {}, { choices: [] });
    assert.equal((await failing(ask(empty, { stream }))).code, "exec.api.unknown");
  }
  const errors: [object, string][] = [
    [{ error: { message: "boom", type: "server_error", code: 500 } }, "exec.api.server_error"],
    [{ error: { message: "no", code: 400, type: "BadRequestError" } }, "exec.api.bad_request"],
    [
      { object: "error", message: "This model's maximum context length is 10 tokens.", type: "BadRequestError", code: 400 },
      "exec.api.token_limit",
    ],
    [{ error: "something" }, "exec.api.unknown"],
  ];
  for (const [error, code] of errors) {
    using at = await saying(chunk({ content: "a" }), error);
    const failure = await failing(ask(at));
    assert.deepEqual([failure.code, failure.message.startsWith("vllm: ")], [code, true], JSON.stringify(error));
  }
});

test("every failure has its category, status and request id, in whatever form the server tells it", async () => {
  const rows: [number, object | string, string][] = [
    [400, { error: { message: "bad context token", type: "invalid_request_error" } }, "exec.api.bad_request"],
    [400, { error: { message: "x", code: "context_length_exceeded" } }, "exec.api.token_limit"],
    [
      400,
      { object: "error", message: "This model's maximum context length is 4096 tokens. However, …", code: 400 },
      "exec.api.token_limit",
    ],
    [400, { error: { message: "say 'prompt is too long'" } }, "exec.api.bad_request"],
    [
      400,
      { error: { code: 400, message: "the request exceeds the available context size", type: "exceed_context_size_error" } },
      "exec.api.token_limit",
    ],
    [400, { error: "Trying to keep the first 9000 tokens when context the overflows." }, "exec.api.token_limit"],
    [401, { error: { message: "no", code: "invalid_api_key" } }, "exec.api.auth.invalid_key"],
    [401, { error: { message: "the token expired" } }, "exec.api.auth.expired"],
    [403, { error: "no" }, "exec.api.auth.invalid_key"],
    [404, { error: { message: "model 'x' not found", type: "not_found_error" } }, "exec.api.bad_request"],
    [408, "", "exec.api.timeout"],
    [409, {}, "exec.api.server_error"],
    [413, "big", "exec.api.token_limit"],
    [422, { detail: [{ type: "missing", loc: ["body", "messages"], msg: "Field required" }] }, "exec.api.bad_request"],
    [429, { error: { message: "slow", code: "rate_limit_exceeded" } }, "exec.api.rate_limited"],
    [429, { error: { message: "You exceeded your current quota", code: "insufficient_quota" } }, "exec.api.auth.invalid_key"],
    [500, "<html><style>x{}</style><h1>oops</h1></html>", "exec.api.server_error"],
    [503, { error: { message: "Loading model", type: "unavailable_error", code: 503 } }, "exec.api.server_error"],
    [529, {}, "exec.api.server_error"],
  ];
  for (const [status, body, code] of rows)
    for (const stream of [true, false]) {
      using at = await serve((req, res) => {
        req.resume();
        res.writeHead(status, { "content-type": "application/json", "x-request-id": "r9" });
        res.end(typeof body === "string" ? body : JSON.stringify(body));
      });
      const failure = await failing(ask(at, { stream }));
      assert.deepEqual([failure.code, failure.status, failure.requestId], [code, status, "r9"], `${status} ${JSON.stringify(body)}`);
    }
  using listed = await serve((req, res) => {
    req.resume();
    res
      .writeHead(422, { "content-type": "application/json" })
      .end(JSON.stringify({ detail: [{ loc: ["body", "messages"], msg: "Field required" }] }));
  });
  assert.equal((await failing(ask(listed))).message, "vllm: body.messages: Field required");
});

test("the server's waiting time stands in the error", async () => {
  using at = await serve((req, res) => {
    req.resume();
    const headers = { "retry-after": "7", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s" };
    res.writeHead(429, headers).end("{}");
  });
  const from = Date.now();
  const { retryAfter, resetAt } = await failing(ask(at));
  assert.equal(retryAfter, 7);
  assert(resetAt && resetAt >= from + 62_000 && resetAt < from + 72_000);
});

test("the key is never in an error, even when the server echoes it", async () => {
  using at = await serve((req, res) => {
    req.resume();
    res.writeHead(401, { "content-type": "application/json" });
    res.end(JSON.stringify({ error: { message: `bad key ${req.headers.authorization}` } }));
  });
  const error = await failing(ask(at));
  assert.match(error.message, /bad key Bearer \*\*\*/);
  assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /SECRET/);
});

/** Refuses a field with this answer, then answers without it. */
const without = async (field: string, status: number, refusal: object) => {
  const bodies: { readonly [key: string]: unknown }[] = [];
  const at = await serve(async (req, res) => {
    let body = "";
    for await (const part of req) body += part;
    bodies.push(JSON.parse(body));
    const refused = bodies.at(-1)?.[field] !== undefined;
    res.writeHead(refused ? status : 200, { "content-type": refused ? "application/json" : "text/event-stream" });
    res.end(refused ? JSON.stringify(refusal) : sse(chunk({ content: "a" }), stop(), usage, "[DONE]"));
  });
  return Object.assign(at, { bodies });
};

test("a field that the model does not take is left out, found out once, and told", async () => {
  const rows: [string, number, object, object | null][] = [
    [
      "stream_options",
      422,
      { detail: [{ type: "extra_forbidden", loc: ["body", "stream_options"], msg: "Extra inputs are not permitted" }] },
      null,
    ],
    ["stream_options", 400, { error: { message: "Unknown parameter: 'stream_options'." } }, null],
    [
      "temperature",
      400,
      { error: { message: "Unsupported value: 'temperature' does not support 0.7 with this model." } },
      { field: "temperature", value: 0.7 },
    ],
    ["reasoning_effort", 400, { error: { message: '"gemma" does not support thinking' } }, { field: "reasoning_effort", value: "medium" }],
  ];
  for (const [field, status, refusal, dropped] of rows) {
    using at = await without(field, status, refusal);
    const provider = await providerOf(at);
    const request = { ...plain, temperature: 0.7, thinking: { type: "adaptive", budgetTokens: 0, display: null } } as const;
    const first = notices(await drain(provider.stream(request, { signal: never })));
    assert.deepEqual(first[0]?.notice, "drift_healed", field);
    assert.deepEqual(first.slice(1), dropped ? [{ notice: "parameter_dropped", provider: "vllm", ...dropped }] : [], field);
    assert.deepEqual(notices(await drain(provider.stream(request, { signal: never }))), []);
    assert.equal(at.bodies.length, 3);
  }
});

test("a limit that is refused by its name goes under its other name", async () => {
  const message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
  using at = await without("max_tokens", 400, { error: { message, param: "max_tokens", code: "unsupported_parameter" } });
  const told = notices(await events(at));
  assert.deepEqual([at.bodies.length, at.bodies[1]?.max_completion_tokens, at.bodies[1]?.max_tokens], [2, 1024, undefined]);
  assert.deepEqual(
    told.map(({ notice }) => notice),
    ["drift_healed"],
  );
});

test("a refusal that only names a field is not healed", async () => {
  using at = await without("max_tokens", 400, { error: { message: "max_tokens is too large: 1024. This model takes at most 100." } });
  assert.equal((await failing(ask(at))).code, "exec.api.bad_request");
  assert.equal(at.bodies.length, 1);
});

/** How a server may say a text: whole objects around pieces that it escapes as it likes. */
const deltas = fc.array(
  fc.oneof(
    fc.record({ text: fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: "grapheme", minLength: 1 })) }),
    fc.record({ thought: fc.string({ minLength: 1 }) }),
  ),
  { maxLength: 12 },
);

test("short ways through the reader lead where the long one does, streamed and not", async () => {
  await fc.assert(
    fc.asyncProperty(deltas, fc.constantFrom("reasoning", "reasoning_content"), fc.boolean(), async (parts, key, varies) => {
      const chunks = parts.map((part, i) =>
        chunk(
          "text" in part ? { content: part.text } : { [key]: part.thought },
          {},
          varies ? { obfuscation: "x".repeat(i % 3), timings: { i } } : {},
        ),
      );
      const wanted: { type: string; said: string }[] = [];
      for (const part of parts) {
        const type = "text" in part ? "text" : "thinking";
        const said = "text" in part ? part.text : part.thought;
        const last = wanted.at(-1);
        if (last?.type === type) last.said += said;
        else wanted.push({ type, said });
      }
      const body = new TextEncoder().encode(sse(...chunks, stop(), usage, "[DONE]"));
      const { content } = await ask({ url: "http://x.test" }, {}, { fetch: serving([body]) });
      assert.deepEqual(
        content.map((b) => ({ type: b.type, said: b.type === "text" ? b.text : b.type === "thinking" ? b.thinking : "" })),
        wanted,
      );
    }),
    { numRuns: 200 },
  );
});

test("whatever a server says, the answer is well formed or an error of ours", async () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.constant({}), fc.constant([]), fc.boolean());
  const call = fc.record(
    {
      index: fc.oneof(fc.nat(2), value),
      id: fc.oneof(fc.constantFrom("x", "y"), value),
      function: fc.oneof(
        value,
        fc.record(
          { name: fc.oneof(fc.constant("f"), value), arguments: fc.oneof(fc.constantFrom("{", '{"a":', "1}", "{}"), value) },
          { requiredKeys: [] },
        ),
      ),
    },
    { requiredKeys: [] },
  );
  const delta = fc.record(
    { content: value, reasoning: value, refusal: value, tool_calls: fc.oneof(value, fc.array(call, { maxLength: 3 })) },
    { requiredKeys: [] },
  );
  const choice = fc.record(
    { index: fc.constantFrom(0, 1), delta: fc.oneof(delta, value), finish_reason: fc.constantFrom(null, "stop", "length") },
    { requiredKeys: [] },
  );
  const piece = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record(
        { id: fc.constant("r"), choices: fc.array(choice, { maxLength: 2 }), usage: value },
        { requiredKeys: ["choices"] },
      ),
    },
    fc.jsonValue(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const texts = [...pieces.map((one) => JSON.stringify(one)), JSON.stringify(stop()).replace("r-1", "r"), "[DONE]"];
      const provider = await providerOf({ url: "http://x.test" }, { fetch: serving([new TextEncoder().encode(sse(...texts))]) });
      const all: ModelEvent[] = [];
      try {
        for await (const event of provider.stream(plain, { signal: never })) all.push(event);
      } catch (error) {
        assert.equal((error as Error).name, "APIError", String(error));
        return;
      }
      wellFormed(all);
    }),
    { numRuns: 400 },
  );
});

test("long arguments in small pieces take time in proportion", async () => {
  const time = async (pieces: number) => {
    const rest = Array.from({ length: pieces }, () => calling({ index: 0, function: { arguments: "aaaaaaaa" } }));
    const start = calling({ index: 0, id: "x", function: { name: "f", arguments: '{"a":"' } });
    const body = new TextEncoder().encode(
      sse(start, ...rest, calling({ index: 0, function: { arguments: '"}' } }), stop(), usage, "[DONE]"),
    );
    const from = performance.now();
    const { content } = await ask({ url: "http://x.test" }, {}, { fetch: serving([body]) });
    assert.equal(JSON.stringify(content).length > pieces * 8, true);
    return performance.now() - from;
  };
  await time(2000);
  const small = await time(4000);
  const large = await time(40_000);
  assert(large < Math.max(60, small * 30), `${small} ms, ${large} ms`);
});

test("an abort closes the socket within 50 ms", async () => {
  const closed = Promise.withResolvers<number>();
  using at = await serve((req, res) => {
    req.socket.once("close", () => closed.resolve(performance.now()));
    req.resume();
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.write(sse(chunk({ content: "a" }), stop()));
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

test("a long history costs little once it was sent, thoughts included", async () => {
  const messages = Array.from(
    { length: 400 },
    (_, i): Message =>
      said(i % 2 ? "assistant" : "user", [
        ...(i % 2 ? [{ type: "thinking", thinking: "hm ".repeat(40) } as const] : []),
        { type: "text", text: "word ".repeat(60) },
      ]),
  );
  const { messagesText } = await import("../../src/providers/chat-messages.ts");
  const time = () => {
    const from = performance.now();
    messagesText({ ...plain, messages: [...messages] }, "system");
    return performance.now() - from;
  };
  const cold = time();
  for (let i = 0; i < 200; i++) time();
  const warm = Math.min(...Array.from({ length: 20 }, time));
  assert(warm < Math.max(0.5, cold / 2), `cold ${cold} ms, warm ${warm} ms`);
});
