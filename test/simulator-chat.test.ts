/** The offline model on OpenAI's Chat Completions wire, with OpenAI's SDK as the judge. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Fault, type ModelOptions, type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import OpenAI, { APIError, AuthenticationError, InternalServerError, RateLimitError } from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";

const client = (model: OfflineModel): OpenAI => new OpenAI({ apiKey: "sk-test", baseURL: `${model.url}/v1`, maxRetries: 0 });
const ask = { model: "gpt-6-astra", messages: [{ role: "user" as const, content: "hi" }] };
const counted = { ...ask, stream_options: { include_usage: true } };
const post = (
  model: OfflineModel,
  body: unknown,
  headers: Record<string, string> = { authorization: "Bearer sk-test" },
): Promise<Response> =>
  fetch(`${model.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
/** As on the wire: without what the SDK adds to it. */
const plain = (value: unknown): Record<string, unknown> =>
  JSON.parse(JSON.stringify(value), (key, v: unknown) =>
    /^(_request_id|parsed|parsed_arguments|index|logprobs|annotations)$/.test(key) ? undefined : v,
  );

const usage = { input_tokens: 7, output_tokens: 9 };
const details = { cached_tokens: 0, cache_write_tokens: 0, audio_tokens: 0 };
const spent = { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 };
const usageBody = {
  prompt_tokens: 7,
  completion_tokens: 9,
  total_tokens: 16,
  prompt_tokens_details: details,
  completion_tokens_details: spent,
};
const call = (id: string, name: string, args: string) => ({ id, type: "function", function: { name, arguments: args } });
const deep = { file_path: "가나다/é.ts", deep: { list: [1, null, '"\\\n'] } };

interface Case {
  readonly turn: Turn;
  readonly message: object;
  readonly finish?: string;
  readonly more?: object;
  readonly options?: ModelOptions;
}
const cases: { readonly [name: string]: Case } = {
  text: {
    turn: { text: "hello there, this is longer than a piece 🎈" },
    message: { content: "hello there, this is longer than a piece 🎈" },
  },
  "empty text": { turn: { text: "" }, message: { content: "" } },
  "no content": { turn: {}, message: { content: null } },
  "several text blocks are one text": { turn: { text: ["one ", "two 🎈", " 세 번째"] }, message: { content: "one two 🎈 세 번째" } },
  chunks: { turn: { chunks: ["a", "bc", "", "d"] }, message: { content: "abcd" } },
  "another model": { turn: { text: "x", model: "gpt-6.1-sol" }, message: { content: "x" }, more: { model: "gpt-6.1-sol" } },
  "thinking as vLLM sends it": {
    turn: { thinking: "I wonder", text: "so" },
    message: { content: "so", reasoning_content: "I wonder" },
  },
  "thinking as newer vLLM sends it": {
    turn: { thinking: "I wonder", text: "so" },
    message: { content: "so", reasoning: "I wonder" },
    options: { chat_reasoning: "reasoning" },
  },
  "thinking that OpenAI does not show": {
    turn: { thinking: "I wonder", text: "so" },
    message: { content: "so" },
    options: { chat_reasoning: "none" },
  },
  "parallel calls": {
    turn: {
      text: "look",
      tool_calls: [
        { name: "Read", input: deep },
        { id: "call_x", name: "Now", input: {} },
      ],
    },
    message: { content: "look", tool_calls: [call("call_000001", "Read", JSON.stringify(deep)), call("call_x", "Now", "{}")] },
    finish: "tool_calls",
  },
  "a call and no text": {
    turn: { tool_calls: [{ name: "t", input: {} }] },
    message: { content: null, tool_calls: [call("call_000001", "t", "{}")] },
    finish: "tool_calls",
  },
  "broken arguments": {
    turn: { tool_calls: [{ id: "call_a", name: "t", input: {}, json: '{"a": "b' }], stop_reason: "max_tokens" },
    message: { content: null, tool_calls: [call("call_a", "t", '{"a": "b')] },
    finish: "length",
  },
  max_tokens: { turn: { text: "cut of", stop_reason: "max_tokens" }, message: { content: "cut of" }, finish: "length" },
  "context window": { turn: { text: "x", stop_reason: "model_context_window_exceeded" }, message: { content: "x" }, finish: "length" },
  stop_sequence: { turn: { text: "x", stop_sequence: "END" }, message: { content: "x" } },
  pause_turn: { turn: { text: "x", stop_reason: "pause_turn" }, message: { content: "x" } },
  content_filter: { turn: { text: "x", stop_reason: "content_filter" }, message: { content: "x" }, finish: "content_filter" },
  prompt_blocked: { turn: { text: "x", stop_reason: "prompt_blocked" }, message: { content: null }, finish: "content_filter" },
  "the wire's own word": { turn: { text: "x", native_stop: "function_call" }, message: { content: "x" }, finish: "function_call" },
  refusal: {
    turn: { text: "I will not help with that", stop_reason: "refusal" },
    message: { content: null, refusal: "I will not help with that" },
  },
  "cached and reasoning tokens": {
    turn: { text: "x", usage: { ...usage, cache_read_input_tokens: 30, cache_creation_input_tokens: 5, thinking_tokens: 4 } },
    message: { content: "x" },
    more: {
      usage: {
        prompt_tokens: 42,
        completion_tokens: 9,
        total_tokens: 51,
        prompt_tokens_details: { ...details, cached_tokens: 30, cache_write_tokens: 5 },
        completion_tokens_details: { ...spent, reasoning_tokens: 4 },
      },
    },
  },
};

describe("OpenAI's SDK assembles exactly what was scripted", () => {
  for (const [name, { turn, message, finish, more, options }] of Object.entries(cases)) {
    for (const mode of ["streamed", "whole"] as const) {
      test(`${name}, ${mode}`, async () => {
        await using model = await startModel({ script: [turn], defaults: { usage }, ...options });
        const got = plain(
          mode === "streamed"
            ? await client(model).chat.completions.stream(counted).finalChatCompletion()
            : await client(model).chat.completions.create(ask),
        );
        const { id, object, model: answered, choices, usage: tokens } = got;
        assert.deepEqual(
          { id, object, model: answered, choices, usage: tokens },
          {
            id: "chatcmpl-000001",
            object: "chat.completion",
            model: "gpt-6-astra",
            choices: [{ message: { role: "assistant", refusal: null, ...message }, finish_reason: finish ?? "stop" }],
            usage: usageBody,
            ...more,
          },
        );
        model.expectDone();
      });
    }
  }

  test("any text and any arguments, however the stream is split, and whatever it may be laced with", async () => {
    await using model = await startModel({ script: [] });
    const faults: readonly (Fault | undefined)[] = [
      undefined,
      { kind: "split_utf8" },
      { kind: "splice", with: ["comments", "unknown_events", "crlf"] },
    ];
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
          let words = "";
          let args = "";
          for await (const chunk of await client(model).chat.completions.create({ ...ask, stream: true })) {
            words += chunk.choices[0]?.delta.content ?? "";
            args += chunk.choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? "";
          }
          assert.deepEqual([words, JSON.parse(args)], [text, JSON.parse(JSON.stringify(input))]);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("thinking is streamed in pieces, before the text", async () => {
    await using model = await startModel({ script: [{ thinking: "I wonder about that for a while", text: "so" }] });
    const pieces: unknown[] = [];
    for await (const { choices } of await client(model).chat.completions.create({ ...ask, stream: true })) {
      const delta: Record<string, unknown> = { ...choices[0]?.delta };
      pieces.push(delta.reasoning_content ?? delta.content);
    }
    assert.deepEqual(pieces, ["", "I wonder about t", "hat for a while", "so", undefined]);
  });

  test("a stream counts its tokens only where it is asked to, and ends with [DONE]", async () => {
    await using model = await startModel({ script: () => ({ text: "x" }) });
    const without = await (await post(model, { ...ask, stream: true })).text();
    const withUsage = await (await post(model, { ...counted, stream: true })).text();
    assert.equal(without.includes("usage"), false);
    assert.match(withUsage, /"choices":\[\],"usage":\{"prompt_tokens"/);
    assert.match(without, /data: \[DONE\]\n\n$/);
    assert.equal(/^event:/m.test(without), false);
  });
});

describe("what the vendor refuses is refused", () => {
  const user = { role: "user", content: "hi" };
  const asked = { role: "assistant", content: null, tool_calls: [call("c", "t", "{}")] };
  const result = { role: "tool", tool_call_id: "c", content: "x" };
  const tool = { type: "function", function: { name: "t", parameters: { type: "object" } } };
  const long = "x".repeat(41);
  const bad: readonly [object, string | null, RegExp][] = [
    [{ model: "" }, null, /must provide a model parameter/],
    [{ messages: undefined }, "messages", /Missing required parameter/],
    [{ messages: [] }, "messages", /empty array/],
    [{ messages: [{ role: "model", content: "x" }] }, "messages[0].role", /Invalid value: 'model'/],
    [{ messages: [user, result] }, "messages.[1].role", /must be a response to a preceeding message with 'tool_calls'/],
    [{ messages: [user, asked] }, "messages.[1].role", /did not have response messages: c$/],
    [{ messages: [user, asked, user] }, "messages.[1].role", /did not have response messages: c$/],
    [{ messages: [user, asked, result, { ...result, tool_call_id: "d" }] }, "messages.[3].tool_call_id", /'d' not found in 'tool_calls'/],
    [{ messages: [user, { role: "assistant", content: null }] }, "messages.[1].content", /expected a string, got null/],
    [{ messages: [{ role: "assistant" }] }, "messages.[0].content", /expected a string, got null/],
    [{ messages: [user, { ...asked, tool_calls: [] }] }, "messages.[1].content", /expected a string/],
    [{ messages: [user, { ...asked, content: "x", tool_calls: [] }] }, "messages[1].tool_calls", /empty array/],
    [
      { messages: [user, { ...asked, tool_calls: [{ ...call("c", "t", ""), function: { name: "t", arguments: {} } }] }, result] },
      "messages[1].tool_calls[0].function.arguments",
      /expected a string, but got an object/,
    ],
    [{ messages: [{ role: "user", content: [{ type: "input_text", text: "x" }] }] }, "messages[0].content[0].type", /'input_text'/],
    [{ tools: [] }, "tools", /empty array/],
    [
      { messages: [user, { ...asked, tool_calls: [call(long, "t", "{}")] }, { ...result, tool_call_id: long }] },
      "messages[1].tool_calls[0].id",
      /maximum length 40/,
    ],
    [
      { messages: [user, { ...asked, tool_calls: [call("c", "a b", "{}")] }, result] },
      "messages[1].tool_calls[0].function.name",
      /pattern/,
    ],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "file_1" } }] }] },
      "messages[0].content[0].image_url.url",
      /image MIME type/,
    ],
    [{ tools: [{ type: "function", name: "t" }] }, "tools[0].function", /Missing required parameter/],
    [{ tools: [{ ...tool, function: { name: "a.b" } }] }, "tools[0].function.name", /pattern/],
    [{ tools: [tool], tool_choice: { type: "function", function: { name: "u" } } }, "tool_choice", /not found/],
    [{ tool_choice: "auto" }, "tool_choice", /only allowed when 'tools'/],
    [{ parallel_tool_calls: true }, "parallel_tool_calls", /only allowed when 'tools'/],
    [{ stream_options: { include_usage: true } }, "stream_options", /only allowed when 'stream'/],
    [{ stop: ["a", "b", "c", "d", "e"] }, "stop", /maximum length 4/],
    [{ max_tokens: 5, max_completion_tokens: 5 }, "max_tokens", /same time/],
    [{ max_output_tokens: 5 }, "max_output_tokens", /moved to 'max_completion_tokens'/],
    [{ top_k: 5 }, "top_k", /Unknown parameter/],
  ];
  for (const [change, param, pattern] of bad) {
    test(`${param}: ${pattern.source}`, async () => {
      await using model = await startModel({ script: [] });
      const res = await post(model, { ...ask, ...change });
      const { error } = (await res.json()) as { error: { type: string; message: string; param: string | null } };
      assert.deepEqual([res.status, error.type, error.param], [400, "invalid_request_error", param]);
      assert.match(error.message, pattern);
    });
  }

  test("a missing key", async () => {
    await using model = await startModel({ script: [] });
    assert.equal((await post(model, ask, {})).status, 401);
    await assert.rejects(
      new OpenAI({
        apiKey: "x",
        baseURL: `${model.url}/v1`,
        defaultHeaders: { authorization: null },
        maxRetries: 0,
      }).chat.completions.create(ask),
      AuthenticationError,
    );
  });
});

describe("faults", () => {
  const streamFault = async (fault: Fault): Promise<unknown> => {
    await using model = await startModel({ script: [{ text: "hello", fault }] });
    return await client(model).chat.completions.stream(ask).finalChatCompletion();
  };

  test("statuses are the vendor's errors", async () => {
    await using model = await startModel({
      script: [{ fault: { kind: "status", status: 429, retry_after: 3 } }, { fault: { kind: "failed" } }, { text: "x" }],
    });
    await assert.rejects(
      client(model).chat.completions.create(ask),
      (e) => e instanceof RateLimitError && e.code === "rate_limit_exceeded" && e.headers.get("retry-after") === "3",
    );
    await assert.rejects(client(model).chat.completions.create(ask), InternalServerError);
    assert.equal((await client(model).chat.completions.create(ask)).choices[0]?.message.content, "x");
    model.expectDone();
  });

  test("an error in the stream, a stream that ends too early, broken JSON", async () => {
    await assert.rejects(
      streamFault({ kind: "error_event", message: "busy" }),
      (e) => e instanceof APIError && e.message === "busy" && e.type === "overloaded_error",
    );
    await assert.rejects(streamFault({ kind: "failed", message: "broke" }), (e) => e instanceof APIError && e.message === "broke");
    await assert.rejects(streamFault({ kind: "malformed_json" }), /malformed server-sent event JSON/);
    await assert.rejects(streamFault({ kind: "no_stop" }), /missing finish_reason/);
    await assert.rejects(streamFault({ kind: "cut", after: 1 }));
    await assert.rejects(streamFault({ kind: "non_json_200" }));
  });
});

test("the planner works on this wire", async () => {
  await using model = await startModel();
  const tools = [{ type: "function" as const, function: { name: "Bash", parameters: { type: "object" } } }];
  const messages: ChatCompletionMessageParam[] = [
    { role: "developer", content: "be brief" },
    { role: "user", content: [{ type: "text", text: "Run `ls` and tell me" }] },
  ];
  const [first] = (await client(model).chat.completions.create({ ...ask, messages, tools, reasoning_effort: "low" })).choices;
  assert.ok(first && "reasoning_content" in first.message);
  assert.equal(first.finish_reason, "tool_calls");
  messages.push(first.message, { role: "tool", tool_call_id: "call_000001", content: "a.txt" });
  const [second] = (await client(model).chat.completions.create({ ...ask, messages, tools })).choices;
  assert.match(second?.message.content ?? "", /`ls` ran\. It printed:\n```\na\.txt/);
  model.expectDone();
});
