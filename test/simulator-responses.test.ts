/** The offline model on OpenAI's Responses wire, with OpenAI's SDK as the judge. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Fault, type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import OpenAI, { APIError, APIUserAbortError, AuthenticationError, RateLimitError } from "openai";
import type { ResponseCreateParamsNonStreaming, ResponseInputItem } from "openai/resources/responses/responses";

const client = (model: OfflineModel): OpenAI => new OpenAI({ apiKey: "sk-test", baseURL: `${model.url}/v1`, maxRetries: 0 });
const ask = { model: "gpt-6-astra", input: "hi", store: false, include: ["reasoning.encrypted_content" as const] };
const post = (
  model: OfflineModel,
  body: unknown,
  headers: Record<string, string> = { authorization: "Bearer sk-test" },
): Promise<Response> =>
  fetch(`${model.url}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
/** As on the wire: without what the SDK adds to it. */
const plain = (value: unknown): Record<string, unknown> =>
  JSON.parse(JSON.stringify(value), (key, v: unknown) =>
    /^(_request_id|output_parsed|parsed|parsed_arguments|output_text)$/.test(key) ? undefined : v,
  );

const usage = { input_tokens: 7, output_tokens: 9 };
const usageBody = {
  input_tokens: 7,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: 9,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 16,
};
const words = (...texts: string[]) => texts.map((text) => ({ type: "output_text", text, annotations: [], logprobs: [] }));
const message = (at: number, content: unknown[], status = "completed") => ({
  id: `msg_0000010${at}`,
  type: "message",
  role: "assistant",
  status,
  content,
});
const call = (at: number, call_id: string, name: string, args: string, status = "completed") => ({
  id: `fc_0000010${at}`,
  type: "function_call",
  call_id,
  name,
  arguments: args,
  status,
});
const thought = (at: number, text: string, encrypted_content: string) => ({
  id: `rs_0000010${at}`,
  type: "reasoning",
  summary: text ? [{ type: "summary_text", text }] : [],
  encrypted_content,
});
const deep = { file_path: "가나다/é.ts", deep: { list: [1, null, '"\\\n'] } };

interface Case {
  readonly turn: Turn;
  readonly output: readonly unknown[];
  readonly more?: object;
}
const incomplete = (reason: string) => ({ status: "incomplete", incomplete_details: { reason } });
const cases: { readonly [name: string]: Case } = {
  text: {
    turn: { text: "hello there, this is longer than a piece 🎈" },
    output: [message(0, words("hello there, this is longer than a piece 🎈"))],
  },
  "empty text": { turn: { text: "" }, output: [message(0, words(""))] },
  "no content": { turn: {}, output: [] },
  "several text blocks": { turn: { text: ["one", "two 🎈", "세 번째"] }, output: [message(0, words("one", "two 🎈", "세 번째"))] },
  chunks: { turn: { chunks: ["a", "bc", "", "d"] }, output: [message(0, words("abcd"))] },
  "another model": { turn: { text: "x", model: "gpt-6.1-sol" }, output: [message(0, words("x"))], more: { model: "gpt-6.1-sol" } },
  reasoning: {
    turn: { thinking: { text: "I wonder about that for a while", signature: "Z0FBQQ==" }, text: "so" },
    output: [thought(0, "I wonder about that for a while", "Z0FBQQ=="), message(1, words("so"))],
  },
  "reasoning without a summary": {
    turn: { redacted_thinking: "b3BhcXVl", text: "so" },
    output: [thought(0, "", "b3BhcXVl"), message(1, words("so"))],
  },
  "parallel calls": {
    turn: {
      thinking: { text: "which?", signature: "cw==" },
      text: "look",
      tool_calls: [
        { name: "Read", input: deep },
        { id: "call_x", name: "Now", input: {} },
      ],
    },
    output: [
      thought(0, "which?", "cw=="),
      message(1, words("look")),
      call(2, "call_000001", "Read", JSON.stringify(deep)),
      call(3, "call_x", "Now", "{}"),
    ],
  },
  "text after a call": {
    turn: {
      content: [
        { type: "text", text: "before" },
        { type: "tool_use", id: "call_a", name: "t", input: {} },
        { type: "text", text: "after" },
      ],
    },
    output: [message(0, words("before")), call(1, "call_a", "t", "{}"), message(2, words("after"))],
  },
  "broken arguments": {
    turn: { tool_calls: [{ id: "call_a", name: "t", input: {}, json: '{"a": "b' }], stop_reason: "max_tokens" },
    output: [call(0, "call_a", "t", '{"a": "b', "incomplete")],
    more: incomplete("max_output_tokens"),
  },
  max_tokens: {
    turn: { text: "cut of", stop_reason: "max_tokens" },
    output: [message(0, words("cut of"), "incomplete")],
    more: incomplete("max_output_tokens"),
  },
  "context window": {
    turn: { text: "x", stop_reason: "model_context_window_exceeded" },
    output: [message(0, words("x"), "incomplete")],
    more: incomplete("max_output_tokens"),
  },
  content_filter: {
    turn: { text: "x", stop_reason: "content_filter" },
    output: [message(0, words("x"), "incomplete")],
    more: incomplete("content_filter"),
  },
  prompt_blocked: { turn: { text: "x", stop_reason: "prompt_blocked" }, output: [], more: incomplete("content_filter") },
  "the wire's own word": {
    turn: { text: "x", native_stop: "steered" },
    output: [message(0, words("x"), "incomplete")],
    more: incomplete("steered"),
  },
  stop_sequence: { turn: { text: "x", stop_sequence: "END" }, output: [message(0, words("x"))] },
  pause_turn: { turn: { text: "x", stop_reason: "pause_turn" }, output: [message(0, words("x"))] },
  refusal: {
    turn: { stop_reason: "refusal", stop_details: { explanation: "I will not help with that." } },
    output: [message(0, [{ type: "refusal", refusal: "I will not help with that." }])],
  },
  "refusal in the turn's words": {
    turn: { text: "no", stop_reason: "refusal" },
    output: [message(0, [{ type: "refusal", refusal: "no" }])],
  },
  "cached and reasoning tokens": {
    turn: { text: "x", usage: { ...usage, cache_read_input_tokens: 30, cache_creation_input_tokens: 5, thinking_tokens: 4 } },
    output: [message(0, words("x"))],
    more: {
      usage: {
        input_tokens: 42,
        input_tokens_details: { cached_tokens: 30, cache_write_tokens: 5 },
        output_tokens: 9,
        output_tokens_details: { reasoning_tokens: 4 },
        total_tokens: 51,
      },
    },
  },
  failed: {
    turn: { text: "x", fault: { kind: "failed", code: "rate_limit_exceeded", message: "slow" } },
    output: [message(0, words("x"), "incomplete")],
    more: { status: "failed", error: { code: "rate_limit_exceeded", message: "slow" }, usage: null },
  },
};

describe("OpenAI's SDK assembles exactly what was scripted", () => {
  for (const [name, { turn, output, more }] of Object.entries(cases)) {
    for (const mode of ["streamed", "whole"] as const) {
      test(`${name}, ${mode}`, async () => {
        await using model = await startModel({ script: [turn], defaults: { usage } });
        const got = plain(
          mode === "streamed" ? await client(model).responses.stream(ask).finalResponse() : await client(model).responses.create(ask),
        );
        const { id, object, model: answered, status, error, incomplete_details, output: said, usage: counted } = got;
        assert.deepEqual(
          { id, object, model: answered, status, error, incomplete_details, output: said, usage: counted },
          {
            id: "resp_000001",
            object: "response",
            model: "gpt-6-astra",
            status: "completed",
            error: null,
            incomplete_details: null,
            output,
            usage: usageBody,
            ...more,
          },
        );
        model.expectDone();
      });
    }
  }

  test("any text and any arguments, however the stream is split", async () => {
    await using model = await startModel({ script: [] });
    const faults: readonly (Fault | undefined)[] = [undefined, { kind: "split_utf8" }, { kind: "splice", with: ["comments", "crlf"] }];
    const inputs = fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: "grapheme" }), fc.integer(), fc.boolean()), {
      noNullPrototype: true,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme" }),
        inputs,
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(...faults),
        async (text, input, size, fault) => {
          model.script([{ text, tool_calls: [{ name: "t", input }], chunk_size: size, ...(fault && { fault }) }]);
          const got = await client(model).responses.stream(ask).finalResponse();
          const made = got.output.find((item) => item.type === "function_call");
          assert.deepEqual([got.output_text, JSON.parse(made?.arguments ?? "")], [text, JSON.parse(JSON.stringify(input))]);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("encrypted reasoning comes only where it is asked for", async () => {
    await using model = await startModel({ script: [{ thinking: "hm", text: "x" }] });
    const { include, ...without } = ask;
    const got = await client(model).responses.create(without);
    assert.equal(got.output[0]?.type === "reasoning" && "encrypted_content" in got.output[0], false);
  });

  test("the events come in the vendor's order, numbered", async () => {
    await using model = await startModel({ script: [{ thinking: "hm", text: "x", tool_calls: [{ name: "t", input: {} }] }] });
    const types: string[] = [];
    for await (const event of await client(model).responses.create({ ...ask, stream: true })) {
      assert.equal(event.sequence_number, types.length);
      types.push(event.type.replace("response.", ""));
    }
    assert.deepEqual(types, [
      "created",
      "in_progress",
      "output_item.added",
      "reasoning_summary_part.added",
      "reasoning_summary_text.delta",
      "reasoning_summary_text.done",
      "reasoning_summary_part.done",
      "output_item.done",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]);
  });

  test("what was said goes back as it came, and a script may use what only Anthropic's wire has", async () => {
    await using model = await startModel({
      script: [{ thinking: "hm", tool_calls: [{ name: "t", input: {} }] }, { text: "done" }, { content: [{ type: "server_tool_use" }] }],
    });
    const first = await client(model).responses.create(ask);
    const back = (plain(first).output as ResponseInputItem[]).concat({
      type: "function_call_output",
      call_id: "call_000001",
      output: "ok",
    });
    const again: ResponseCreateParamsNonStreaming = { ...ask, input: [{ role: "user", content: "hi" }, ...back] };
    assert.equal((await client(model).responses.create(again)).output_text, "done");
    await assert.rejects(client(model).responses.create(ask), /turn 2 cannot be said on the wire openai-responses/);
  });
});

describe("what the vendor refuses is refused", () => {
  const user = { role: "user", content: "hi" };
  const made = { type: "function_call", call_id: "c", name: "t", arguments: "{}" };
  const result = { type: "function_call_output", call_id: "c", output: "x" };
  const tool = { type: "function", name: "t", parameters: { type: "object" } };
  const long = "x".repeat(65);
  const shows = (part: object) => ({ input: [{ role: "user", content: [part] }] });
  const kept = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" };
  const told = { role: "assistant", content: "x" };
  const closed = { type: "object", properties: {}, required: [], additionalProperties: false };
  const format = (schema: object) => ({ format: { type: "json_schema", name: "answer", schema, strict: true } });
  const bad: readonly [object, string | null, RegExp][] = [
    [{ model: "" }, "model", /Missing required parameter/],
    [{ input: undefined }, "input", /Missing required parameter/],
    [{ input: [user, result] }, "input", /^No tool call found for function call output with call_id c\.$/],
    [{ input: [user, made] }, "input", /^No tool output found for function call c\.$/],
    [{ input: [user, made, result, result] }, "input", /No tool call found/],
    [{ input: [{ role: "tool", content: "x" }] }, "input[0].role", /Invalid value: 'tool'/],
    [{ input: [{ role: "user", content: [{ type: "text", text: "x" }] }] }, "input[0].content[0]", /'input_text'/],
    [{ input: [user, { role: "assistant", content: [{ type: "input_text", text: "x" }] }] }, "input[1].content[0]", /'output_text'/],
    [{ input: [user, { ...made, arguments: {} }, result] }, "input[1].arguments", /expected a string, but got an object/],
    [{ input: [user, { ...made, call_id: long }, { ...result, call_id: long }] }, "input[1].call_id", /maximum length 64/],
    [{ input: [user, { ...made, name: "a.b" }, result] }, "input[1].name", /pattern/],
    [{ input: [{ ...user, origin: "user" }] }, "input[0].origin", /Unknown parameter/],
    [shows({ type: "input_text", text: "x", cache_control: {} }), "input[0].content[0].cache_control", /Unknown parameter/],
    [shows({ type: "input_image", image_url: "data:image/heic;base64,AAAA" }), "input[0].content[0].image_url", /image MIME type/],
    [shows({ type: "input_file", file_id: "file_1" }), "input[0].content[0].file_id", /'file_1'/],
    [
      { input: [user, { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" }] },
      "input",
      /without its required following item/,
    ],
    [{ max_output_tokens: 5 }, "max_output_tokens", />= 16/],
    [{ max_tokens: 50 }, "max_tokens", /moved to 'max_output_tokens'/],
    [{ top_k: 5 }, "top_k", /Unknown parameter/],
    [{ previous_response_id: "resp_9" }, "previous_response_id", /not found/],
    [{ tools: [{ type: "function", function: tool }] }, "tools[0].name", /Missing required parameter/],
    [{ tools: [{ ...tool, name: "a b" }] }, "tools[0].name", /pattern/],
    [{ tools: [{ ...tool, strict: true }] }, "tools[0].parameters", /additionalProperties/],
    [{ tools: [tool], tool_choice: { type: "function", name: "u" } }, "tool_choice", /not found in 'tools'/],
    [{ input: [user, made, { ...result, output: [{ type: "output_text", text: "x" }] }] }, "input[2].output[0]", /'input_text'/],
    [{ input: [{ role: "user", content: [{ type: "input_file", filename: "x" }] }] }, "input[0].content[0].file_data", /Missing/],
    [{ prompt_cache_key: "k".repeat(65) }, "prompt_cache_key", /string too long/],
    [{ temperature: 0.5 }, "temperature", /^Unsupported parameter: 'temperature' is not supported with this model\.$/],
    [{ model: "o3", reasoning: { effort: "none" } }, "reasoning.effort", /Supported values are: 'low', 'medium', and 'high'\.$/],
    [{ reasoning: { effort: "much" } }, "reasoning.effort", /^Invalid value: 'much'/],
    [{ model: "gpt-4.1" }, "include", /^Encrypted content is not supported/],
    [{ model: "gpt-4.1", include: [], reasoning: { effort: "low" } }, "reasoning.effort", /not supported with this model/],
    [{ model: "gpt-5-chat-latest", include: [], input: [user, kept, told] }, "input", /^Reasoning input items can only be provided/],
    [{ text: format({ type: "array" }) }, "text.format.schema", /'type: "object"', got 'type: "array"'/],
    [{ text: format({ type: "object" }) }, "text.format.schema", /'additionalProperties' is required/],
    [{ text: format({ ...closed, properties: { a: { type: "string" } } }) }, "text.format.schema", /Missing 'a'/],
    [{ text: format({ ...closed, $defs: { A: { type: "string", default: "" } } }) }, "text.format.schema", /'default' is not permitted/],
    [{ text: { format: { type: "json_schema", schema: closed } } }, "text.format.name", /Missing required parameter/],
  ];
  for (const [change, param, pattern] of bad) {
    test(`${param}: ${pattern.source}`, async () => {
      await using model = await startModel({ script: [] });
      const res = await post(model, { ...ask, ...change });
      const { error } = (await res.json()) as { error: { type: string; message: string; param: string | null } };
      assert.deepEqual([res.status, error.type, error.param], [400, "invalid_request_error", param]);
      assert.match(error.message, pattern);
      assert.throws(() => model.expectDone(), /refused with 400/);
    });
  }

  test("a reasoning item that was not kept is not found", async () => {
    await using model = await startModel({ script: [] });
    const res = await post(model, {
      ...ask,
      input: [user, { type: "reasoning", id: "rs_1", summary: [] }, { role: "assistant", content: "x" }],
    });
    assert.equal(res.status, 404);
    assert.match(await res.text(), /Items are not persisted/);
  });

  test("a missing key, and one of another vendor", async () => {
    await using model = await startModel({ script: [] });
    assert.equal((await post(model, ask, {})).status, 401);
    assert.equal((await post(model, ask, { "x-api-key": "sk" })).status, 401);
    assert.equal((await post(model, ask, { authorization: "Bearer " })).status, 401);
  });
});

describe("faults", () => {
  const streamFault = async (fault: Fault): Promise<unknown> => {
    await using model = await startModel({ script: [{ text: "hello", fault }] });
    return await client(model).responses.stream(ask).finalResponse();
  };

  test("statuses are the vendor's errors", async () => {
    await using model = await startModel({
      script: [
        { fault: { kind: "status", status: 429, retry_after: 3, type: "insufficient_quota", code: "insufficient_quota", message: "pay" } },
        { fault: { kind: "status", status: 401 } },
        { fault: { kind: "status", status: 400, param: "max_output_tokens", code: "unsupported_parameter", message: "no" } },
      ],
    });
    await assert.rejects(
      client(model).responses.create(ask),
      (e) =>
        e instanceof RateLimitError &&
        e.code === "insufficient_quota" &&
        e.headers.get("retry-after") === "3" &&
        e.requestID === "req_000001",
    );
    await assert.rejects(client(model).responses.create(ask), (e) => e instanceof AuthenticationError && e.code === "invalid_api_key");
    await assert.rejects(
      client(model).responses.create(ask),
      (e) => e instanceof APIError && e.status === 400 && e.param === "max_output_tokens",
    );
    model.expectDone();
  });

  test("an error event, a stream that ends too early, broken JSON", async () => {
    await assert.rejects(
      streamFault({ kind: "error_event", message: "busy" }),
      (e) => e instanceof APIError && e.message === "busy" && e.code === "overloaded_error",
    );
    await assert.rejects(streamFault({ kind: "malformed_json" }), /malformed server-sent event JSON/);
    await assert.rejects(streamFault({ kind: "cut" }));
    await assert.rejects(streamFault({ kind: "splice", with: ["other_message"] }));
    const cut = plain(await streamFault({ kind: "no_stop" }));
    assert.equal(cut.status, "in_progress");
  });

  test("an unknown event is passed on, and harms nothing else", async () => {
    await using model = await startModel({ script: [{ text: "hello", fault: { kind: "splice", with: ["unknown_events"] } }] });
    let text = "";
    let unknown = 0;
    for await (const event of await client(model).responses.create({ ...ask, stream: true })) {
      if (event.type === "response.output_text.delta") text += event.delta;
      if (String(event.type) === "response.event_of_tomorrow") unknown++;
    }
    assert.deepEqual([text, unknown > 3], ["hello", true]);
  });

  test("a client that goes away is noticed", async () => {
    await using model = await startModel({ script: [{ text: "x", delay_ms: 5000 }] });
    const stream = client(model).responses.stream(ask);
    setTimeout(() => stream.abort(), 40);
    await assert.rejects(stream.finalResponse(), APIUserAbortError);
    await model.idle();
    assert.deepEqual([model.requests[0]?.aborted, model.requests[0]?.wire], [true, "openai-responses"]);
  });
});

test("the planner works on this wire", async () => {
  await using model = await startModel();
  const tools = [{ type: "function" as const, name: "Bash", parameters: { type: "object" }, strict: false }];
  const input: ResponseInputItem[] = [{ role: "user", content: [{ type: "input_text", text: "Run `ls` and tell me" }] }];
  const first = await client(model).responses.create({ ...ask, input, tools, reasoning: { effort: "low", summary: "auto" } });
  assert.deepEqual(
    first.output.map((item) => item.type),
    ["reasoning", "function_call"],
  );
  input.push(...(plain(first).output as ResponseInputItem[]), { type: "function_call_output", call_id: "call_000001", output: "a.txt" });
  const second = await client(model).responses.create({ ...ask, input, tools });
  assert.match(second.output_text, /`ls` ran\. It printed:\n```\na\.txt/);
  input.splice(-1, 1, { type: "function_call_output", call_id: "call_000001", output: "Error: denied" });
  assert.match((await client(model).responses.create({ ...ask, input, tools })).output_text, /`ls` failed.*Error: denied/s);
  model.expectDone();
});
