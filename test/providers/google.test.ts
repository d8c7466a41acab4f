/** Gemini's wire when it fails, is cut, or is odd; and what is said of a request that cannot go as it is. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { collect, type Message, type ModelRequest, type Provider } from "geny-executor";
import { type GoogleOptions, lower, providers } from "geny-executor/providers";
import { type Fault, type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { plain as bare, drain, failing, never, notices, serve } from "./asking.ts";

const plain: ModelRequest = { ...bare, model: "gemini-3.1-pro" };
const turn: Turn = { thinking: "hm", text: "Héllo, 日本 😀!", chunk_size: 3, tool_calls: [{ id: "c", name: "f", input: { a: "é" } }] };
const providerOf = (at: { url: string }, options: GoogleOptions = {}): Promise<Provider> =>
  providers.google({ apiKey: "AI-SECRET", baseUrl: at.url, ...options });
const ask = async (at: { url: string }, request: Partial<ModelRequest> = {}, options: GoogleOptions = {}) => {
  const provider = await providerOf(at, options);
  return collect("google", "m", provider.stream({ ...plain, ...request }, { signal: never }));
};
const scripted = (...script: Turn[]): Promise<OfflineModel> => startModel({ script });
/** Answers every request with these pieces, streamed or not as it was asked. */
const saying = (...pieces: object[]) =>
  serve((req, res) => {
    req.resume();
    const streamed = req.url?.includes(":streamGenerateContent") ?? false;
    res.setHeader("content-type", streamed ? "text/event-stream" : "application/json");
    res.end(streamed ? pieces.map((piece) => `data: ${JSON.stringify(piece)}\r\n\r\n`).join("") : JSON.stringify(pieces));
  });
const piece = (parts: object[] | null, more: object = {}, of: object = {}) => ({
  candidates: [{ ...(parts ? { content: { parts, role: "model" } } : {}), index: 0, ...more }],
  responseId: "r-1",
  modelVersion: "gemini",
  ...of,
});
const stop = { finishReason: "STOP" };

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
    ["thinking", "text", "tool_use", "opaque"],
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
    [{ kind: "error_event", type: "RESOURCE_EXHAUSTED", message: "slow" }, "exec.api.rate_limited"],
    [{ kind: "failed" }, "exec.api.server_error"],
    [{ kind: "silence", after: "nothing", limit_ms: 2000 }, "exec.api.timeout"],
    [{ kind: "silence", after: 4, limit_ms: 2000 }, "exec.api.timeout"],
  ];
  await using model = await scripted(...faults.map(([fault]) => ({ ...turn, fault })));
  for (const [fault, code] of faults) {
    const error = await failing(ask(model, {}, { timeouts: { firstByteMs: 100, idleMs: 100 } }));
    assert.equal(error.code, code, JSON.stringify(fault));
    assert.equal(error.recoverable, true);
  }
});

test("a truncation before the reason to stop is an error; the whole is the same for any pieces", async () => {
  const events = [
    piece([{ text: "Hé" }]),
    piece([{ text: 'l\n"' }]),
    piece([{ text: "😀" }], stop, { usageMetadata: { promptTokenCount: 2, candidatesTokenCount: 5 } }),
  ];
  const bytes = new TextEncoder().encode(events.map((e) => `data: ${JSON.stringify(e)}\r\n\r\n`).join(""));
  const serving = (pieces: readonly Uint8Array[]) =>
    (async () => new Response(ReadableStream.from(pieces), { headers: { "content-type": "text/event-stream" } })) satisfies typeof fetch;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), fc.nat(bytes.length - 5), async (places, end) => {
      const ends = [...new Set(places)].sort((a, b) => a - b);
      const pieces = [...ends, bytes.length].map((to, i) => bytes.subarray(ends[i - 1] ?? 0, to));
      const answer = await ask({ url: "http://x.test" }, {}, { fetch: serving(pieces) });
      assert.deepEqual(answer.content, [{ type: "text", text: 'Hél\n"😀' }]);
      assert.equal(answer.usage.output_tokens, 5);
      const error = await failing(ask({ url: "http://x.test" }, {}, { fetch: serving([bytes.subarray(0, end)]) }));
      assert.equal(error.code, "exec.api.stream_incomplete");
    }),
    { numRuns: 80 },
  );
});

test("a reason to stop in every piece ends nothing: there is no end mark but the stream's end", async () => {
  using at = await saying(
    piece([{ text: "a" }], stop),
    piece([{ text: "b" }], stop),
    piece(null, {}, { usageMetadata: { promptTokenCount: 3 } }),
  );
  for (const stream of [true, false]) {
    const answer = await ask(at, { stream });
    assert.deepEqual([answer.content, answer.usage.input_tokens], [[{ type: "text", text: "ab" }], 3]);
  }
});

test("only the first candidate is read", async () => {
  const both = {
    candidates: [
      { index: 1, content: { parts: [{ text: "no" }] } },
      { content: { parts: [{ text: "yes" }] }, ...stop },
    ],
  };
  using at = await saying(both);
  assert.deepEqual((await ask(at)).content, [{ type: "text", text: "yes" }]);
});

test("an unknown name in a piece is reported once an instance", async () => {
  const odd: Turn = { text: "a", fault: { kind: "splice", with: ["unknown_events"] } };
  await using model = await scripted(odd, odd);
  const provider = await providerOf(model);
  const seen = [...(await drain(provider.stream(plain, { signal: never }))), ...(await drain(provider.stream(plain, { signal: never })))];
  assert.deepEqual(notices(seen), [{ notice: "unknown_wire_shape", provider: "google", unknown_type: "wordOfTomorrow", count: 1 }]);
});

test("parts of other kinds are kept as they are and sent back", async () => {
  const parts = [
    { executableCode: { language: "PYTHON", code: "1" } },
    { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1" }, thoughtSignature: "c2ln" },
    { inlineData: { mimeType: "image/png", data: "AA==" } },
  ];
  using at = await saying(piece([...parts, { text: "one" }], stop));
  const { content } = await ask(at);
  await using model = await scripted({ text: "ok" });
  const said = (role: Message["role"], of: Message["content"]): Message => ({ id: "x", origin: "user", role, content: of });
  await ask(model, { messages: [...plain.messages, said("assistant", content), said("user", "so?")] });
  const body: { contents: { parts: object[] }[] } = JSON.parse(JSON.stringify(model.requests[0]?.body));
  assert.deepEqual(body.contents[1]?.parts, [...parts, { text: "one" }]);
});

test("a call without arguments has {}; arguments that are no object come unparsed, with a notice", async () => {
  const called = async (args?: unknown) => {
    using at = await saying(piece([{ functionCall: { name: "f", ...(args === undefined ? {} : { args }) } }], stop));
    const provider = await providerOf(at);
    const events = await drain(provider.stream(plain, { signal: never }));
    const call = events.find((event) => event.type === "tool_call");
    return { input: call?.input, unparsed: call?.unparsed, told: notices(events).length };
  };
  assert.deepEqual(await called(), { input: {}, unparsed: undefined, told: 0 });
  assert.deepEqual(await called('{"a":1}'), { input: { a: 1 }, unparsed: undefined, told: 0 });
  assert.deepEqual(await called([1]), { input: { __unparsed_arguments__: "[1]" }, unparsed: true, told: 1 });
  assert.deepEqual(await called('{"a":'), { input: { __unparsed_arguments__: '{"a":' }, unparsed: true, told: 1 });
});

test("calls without ids get ids of their own, in one answer and over many", async () => {
  const call: Turn = { tool_calls: [1, 2].map((a) => ({ id: "", name: "f", input: { a } })) };
  await using model = await scripted(call, call);
  const ids: string[] = [];
  for (let i = 0; i < 2; i++) for (const block of (await ask(model)).content) if (block.type === "tool_use") ids.push(block.id);
  assert.equal(new Set(ids).size, 4);
  for (const id of ids) assert.match(id, /^[a-zA-Z0-9_-]+$/);
});

test("an answer that the model made a mess of is an error that may be tried again", async () => {
  for (const reason of ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"])
    for (const stream of [true, false]) {
      using at = await saying(piece([{ text: "x" }], { finishReason: reason, finishMessage: "call:f{" }));
      const error = await failing(ask(at, { stream }));
      const mine = reason === "MISSING_THOUGHT_SIGNATURE";
      assert.equal(error.code, mine ? "exec.api.bad_request" : "exec.api.server_error");
      assert.equal(error.recoverable, !mine);
      assert.match(error.message, new RegExp(`${reason}.*call:f{`));
      assert.equal(error.details.finish_reason, reason);
    }
});

test("a prompt that was blocked is a refusal; an answer without candidates is none", async () => {
  for (const stream of [true, false]) {
    using blocked = await saying({ promptFeedback: { blockReason: "SAFETY" }, usageMetadata: { promptTokenCount: 5 } });
    const { content, stop_reason, usage } = await ask(blocked, { stream });
    assert.deepEqual([content, stop_reason, usage.input_tokens], [[], "refusal", 5]);
    using silent = await saying({ usageMetadata: { promptTokenCount: 5 } });
    assert.equal((await failing(ask(silent, { stream }))).code, "exec.api.stream_incomplete");
    using empty = await saying(piece(null, stop));
    assert.equal((await ask(empty, { stream })).stop_reason, "end_turn");
  }
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
    res.end(typeof error === "string" ? error : JSON.stringify({ error: { code: status, ...error } }));
  };

test("every failure has its category, status and request id", async () => {
  const info = (reason: string) => ({
    details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "googleapis.com" }],
  });
  const rows: [number, object | string, string][] = [
    [400, { status: "INVALID_ARGUMENT", message: "bad context token" }, "exec.api.bad_request"],
    [400, { status: "INVALID_ARGUMENT", message: "API key not valid. Please pass a valid API key." }, "exec.api.auth.invalid_key"],
    [400, { status: "INVALID_ARGUMENT", message: "x", ...info("API_KEY_INVALID") }, "exec.api.auth.invalid_key"],
    [400, { status: "INVALID_ARGUMENT", message: "API key expired. Please renew the API key." }, "exec.api.auth.expired"],
    [
      400,
      { status: "INVALID_ARGUMENT", message: "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)." },
      "exec.api.token_limit",
    ],
    [
      400,
      { status: "INVALID_ARGUMENT", message: "say 'The input token count exceeds the maximum number of tokens'" },
      "exec.api.bad_request",
    ],
    [400, { status: "FAILED_PRECONDITION", message: "User location is not supported" }, "exec.api.bad_request"],
    [401, { status: "UNAUTHENTICATED", message: "no" }, "exec.api.auth.invalid_key"],
    [403, { status: "PERMISSION_DENIED", message: "no" }, "exec.api.auth.invalid_key"],
    [404, { status: "NOT_FOUND", message: "no model" }, "exec.api.bad_request"],
    [408, "", "exec.api.timeout"],
    [409, { status: "ABORTED" }, "exec.api.server_error"],
    [413, "big", "exec.api.token_limit"],
    [422, {}, "exec.api.bad_request"],
    [429, { status: "RESOURCE_EXHAUSTED", message: "slow" }, "exec.api.rate_limited"],
    [499, { status: "CANCELLED" }, "exec.api.server_error"],
    [500, "<html><style>x{}</style><h1>oops</h1></html>", "exec.api.server_error"],
    [501, { status: "UNIMPLEMENTED" }, "exec.api.bad_request"],
    [503, { status: "UNAVAILABLE", message: "overloaded" }, "exec.api.server_error"],
    [504, { status: "DEADLINE_EXCEEDED" }, "exec.api.timeout"],
  ];
  for (const [status, error, code] of rows)
    for (const stream of [true, false]) {
      using at = await serve(answers(status, error));
      const failure = await failing(ask(at, { stream }));
      assert.deepEqual([failure.code, failure.status, failure.requestId], [code, status, "r9"], `${status} ${JSON.stringify(error)}`);
    }
  using page = await serve(answers(500, "<html><style>x{}</style><h1>oops</h1></html>"));
  assert.equal((await failing(ask(page))).message, "google: oops");
});

test("the provider's waiting time and request id stand in the error's details", async () => {
  const details = [
    { "@type": "type.googleapis.com/google.rpc.QuotaFailure" },
    { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "17.5s" },
    { "@type": "type.googleapis.com/google.rpc.RequestInfo", requestId: "q1" },
  ];
  using at = await serve((req, res) => {
    req.resume();
    res
      .writeHead(429, { "content-type": "application/json" })
      .end(JSON.stringify({ error: { code: 429, status: "RESOURCE_EXHAUSTED", details } }));
  });
  const error = await failing(ask(at));
  assert.deepEqual([error.retryAfter, error.requestId], [17.5, "q1"]);
  using header = await serve(answers(429, { status: "RESOURCE_EXHAUSTED" }, { "retry-after": "7" }));
  assert.equal((await failing(ask(header))).retryAfter, 7);
});

test("a 200 that is no answer is an error that says where to look", async () => {
  await using model = await scripted({ text: "x", fault: { kind: "non_json_200" } }, { text: "x", fault: { kind: "non_json_200" } });
  for (const stream of [true, false]) {
    const error = await failing(ask(model, { stream }));
    assert.equal(error.code, "exec.api.unknown");
    assert.match(error.message, /baseUrl/);
  }
});

test("no key: a coded error at the first use, and none before; the environment is not looked at", async () => {
  process.env.GOOGLE_API_KEY ??= "";
  const kept = process.env.GOOGLE_API_KEY;
  process.env.GOOGLE_API_KEY = "from-the-environment";
  try {
    const provider = await providers.google({ baseUrl: "http://127.0.0.1:9" });
    const error = await failing(drain(provider.stream(plain, { signal: never })));
    assert.equal(error.code, "exec.api.no_client");
    assert.match(error.message, /apiKey.*GOOGLE_API_KEY/);
  } finally {
    process.env.GOOGLE_API_KEY = kept;
  }
});

test("the key is in a header, never in the address or an error, even when the server echoes it", async () => {
  const urls: unknown[] = [];
  using at = await serve((req, res) => {
    urls.push(req.url);
    answers(401, { status: "UNAUTHENTICATED", message: `bad key ${req.headers["x-goog-api-key"]}` })(req, res);
  });
  const error = await failing(ask(at));
  assert.match(error.message, /bad key \*\*\*/);
  assert.doesNotMatch(JSON.stringify({ ...error, message: error.message, urls }), /SECRET/);
});

test("a model's name cannot lead elsewhere; a tuned one stands with its collection", async () => {
  const urls: unknown[] = [];
  using at = await serve((req, res) => {
    urls.push(req.url);
    res.setHeader("content-type", "application/json");
    res.end(JSON.stringify(piece([{ text: "a" }], stop)));
  });
  for (const model of ["gemini-3-flash", "tunedModels/mine", "a?b#c"]) await ask(at, { model, stream: false });
  assert.deepEqual(urls, [
    "/v1beta/models/gemini-3-flash:generateContent",
    "/v1beta/tunedModels/mine:generateContent",
    "/v1beta/models/a%3Fb%23c:generateContent",
  ]);
});

/** Refuses a field as the vendor does a name that it does not know, then answers. */
const without = (field: string, message: string) => {
  const bodies: string[] = [];
  return serve(async (req, res) => {
    let text = "";
    for await (const part of req) text += part;
    bodies.push(text);
    const refused = text.includes(`"${field}"`);
    res.writeHead(refused ? 400 : 200, { "content-type": "application/json" });
    res.end(JSON.stringify(refused ? { error: { code: 400, status: "INVALID_ARGUMENT", message } } : piece([{ text: "a" }], stop)));
  }).then((at) => Object.assign(at, { bodies, last: () => JSON.parse(bodies.at(-1) ?? "") }));
};
const unknown = (field: string) => `Invalid JSON payload received. Unknown name "${field}" at 'x': Cannot find field.`;

test("an API without JSON Schema for tools and answers gets its own form of it, found out once", async () => {
  const input_schema = {
    type: "object",
    additionalProperties: false,
    properties: {
      kind: { type: "string", enum: ["a", "b"], default: "a" },
      n: { type: ["integer", "null"], exclusiveMinimum: 0 },
      either: { type: ["integer", "string"] },
      list: { type: "array", items: { $ref: "#/$defs/X" } },
      loop: { $ref: "#/$defs/Loop" },
      any: { oneOf: [{ type: "string" }, { type: "null" }], description: "d" },
      one: { const: "x" },
      level: { type: "integer", enum: [1, 2] },
    },
    $defs: { X: { type: "number", minimum: 1 }, Loop: { type: "object", properties: { again: { $ref: "#/$defs/Loop" } } } },
    required: ["kind"],
  };
  const tools = [
    { name: "rich", description: "d", input_schema },
    { name: "bare", description: "", input_schema: { type: "object", properties: {} } },
  ];
  using at = await without("parametersJsonSchema", unknown("parametersJsonSchema"));
  const provider = await providerOf(at);
  const request = { ...plain, tools };
  const first = await drain(provider.stream(request, { signal: never }));
  assert.deepEqual(
    notices(first).map(({ notice }) => notice),
    ["drift_healed"],
  );
  assert.equal(notices(await drain(provider.stream(request, { signal: never }))).length, 0);
  assert.equal(at.bodies.length, 3);
  const [rich, bare] = at.last().tools[0].functionDeclarations;
  assert.deepEqual(bare, { name: "bare", description: "" });
  const { loop, ...properties } = rich.parameters.properties;
  assert.deepEqual(properties, {
    kind: { type: "STRING", enum: ["a", "b"], default: "a" },
    n: { type: "INTEGER", nullable: true },
    either: { anyOf: [{ type: "INTEGER" }, { type: "STRING" }] },
    list: { type: "ARRAY", items: { type: "NUMBER", minimum: 1 } },
    any: { description: "d", anyOf: [{ type: "STRING" }], nullable: true },
    one: { type: "STRING", enum: ["x"] },
    level: { type: "INTEGER" },
  });
  assert.deepEqual(loop, { type: "OBJECT", properties: { again: {} } });
  assert.deepEqual([rich.parameters.type, rich.parameters.required], ["OBJECT", ["kind"]]);
  using old = await without("responseJsonSchema", unknown("responseJsonSchema"));
  await ask(old, { outputSchema: { type: "object", properties: { a: { type: "string" } } } });
  assert.deepEqual(old.last().generationConfig.responseSchema, { type: "OBJECT", properties: { a: { type: "STRING" } } });
});

test("any JSON Schema becomes one that the wire's own form takes", async () => {
  await using model = await startModel({ script: () => ({ text: "a" }) });
  const { parametersOf } = await import("../../src/providers/google-schema.ts");
  const type = fc.constantFrom("string", "integer", "object", "array", "null", ["integer", "null"], ["string", "number"]);
  const $ref = fc.constantFrom("#/$defs/A", "#/$defs/B", "#", "#/nowhere", "https://x.test");
  const options = fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 2 });
  const leaf = fc.record({ type, $ref, enum: options, patternProperties: fc.constant({}) }, { requiredKeys: [] });
  const { schema } = fc.letrec((tie) => {
    const inner = fc.oneof({ maxDepth: 2 }, leaf, tie("schema"));
    return {
      schema: fc.record(
        {
          type,
          $ref,
          properties: fc.dictionary(fc.constantFrom("a", "$ref", "type"), inner, { maxKeys: 2 }),
          items: fc.oneof(inner, fc.constant(true)),
          anyOf: fc.array(inner, { maxLength: 2 }),
        },
        { requiredKeys: [] },
      ),
    };
  });
  await fc.assert(
    fc.asyncProperty(schema, schema, schema, async (given, A, B) => {
      const parameters = parametersOf(JSON.parse(JSON.stringify({ type: "object", properties: { given }, $defs: { A, B } })));
      const body = { contents: [{ parts: [{ text: "x" }] }], tools: [{ functionDeclarations: [{ name: "f", parameters }] }] };
      const answer = await fetch(`${model.url}/v1beta/models/gemini-2.5-flash:generateContent`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-goog-api-key": "k" },
        body: JSON.stringify(body),
      });
      assert.equal(answer.status, 200, JSON.stringify(parameters));
    }),
    { numRuns: 60 },
  );
});

test("a model that knows no levels of thinking is asked in tokens; one that cannot think is not asked", async () => {
  const thinking = { type: "enabled", budgetTokens: 6000, display: null } as const;
  using tokens = await without("thinkingLevel", "Thinking level is not supported for this model.");
  await ask(tokens, { thinking, model: "a-new-model" });
  assert.deepEqual(tokens.last().generationConfig.thinkingConfig, { includeThoughts: true, thinkingBudget: 6000 });
  using dull = await without("thinkingConfig", "Thinking is not enabled for models/a-new-model");
  const provider = await providerOf(dull);
  const events = await drain(provider.stream({ ...plain, thinking }, { signal: never }));
  assert.deepEqual(
    notices(events).map(({ notice }) => notice),
    ["drift_healed", "parameter_dropped"],
  );
  assert.equal(dull.last().generationConfig.thinkingConfig, undefined);
});

test("what cannot be said on this wire is announced once", async () => {
  await using model = await startModel({ script: () => ({ text: "a" }) });
  const provider = await providerOf(model);
  const request: ModelRequest = {
    ...plain,
    model: "gemini-2.0-flash",
    tools: [{ name: "f", description: "", input_schema: { type: "object" } }],
    toolChoice: { type: "auto", disable_parallel_tool_use: true },
    thinking: { type: "enabled", budgetTokens: 9, display: null },
  };
  const dropped = (field: string, value: unknown) => ({ notice: "parameter_dropped", provider: "google", field, value });
  assert.deepEqual(notices(await drain(provider.stream(request, { signal: never }))), [
    dropped("thinking", "enabled"),
    dropped("tool_choice.disable_parallel_tool_use", true),
  ]);
  assert.deepEqual(notices(await drain(provider.stream(request, { signal: never }))), []);
});

test("an abort closes the socket within 50 ms", async () => {
  const closed = Promise.withResolvers<number>();
  using at = await serve((req, res) => {
    req.socket.once("close", () => closed.resolve(performance.now()));
    req.resume();
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.write(`data: ${JSON.stringify(piece([{ text: "a" }], stop))}\n\n`);
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

test("a long history costs little once it was sent, thoughts and signatures included", async () => {
  const messages = Array.from(
    { length: 400 },
    (_, i): Message => ({
      id: `${i}`,
      origin: "user",
      role: i % 2 ? "assistant" : "user",
      content: [
        ...(i % 2 ? [{ type: "thinking", thinking: "hm ".repeat(40) } as const] : []),
        { type: "text", text: "word ".repeat(60) },
        ...(i % 2 ? [{ type: "opaque", block: { provider: "google", thoughtSignature: "c2ln" } } as const] : []),
      ],
    }),
  );
  const { bodyOf } = await import("../../src/providers/google-body.ts");
  const telling = { refused: new Set<string>(), dropped: () => undefined, unsupported: () => undefined };
  const target = { vendor: "google", capabilities: (await providers.google()).capabilities };
  const time = () => {
    const from = performance.now();
    bodyOf(lower({ ...plain, messages: [...messages] }, target, telling), telling);
    return performance.now() - from;
  };
  const cold = time();
  for (let i = 0; i < 200; i++) time();
  const warm = Math.min(...Array.from({ length: 20 }, time));
  assert(warm < Math.max(0.5, cold / 2), `cold ${cold} ms, warm ${warm} ms`);
});
