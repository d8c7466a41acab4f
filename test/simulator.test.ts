import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { request as httpRequest } from "node:http";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import Anthropic, { APIUserAbortError } from "@anthropic-ai/sdk";
import fc from "fast-check";
import {
  type Fault,
  ModelMismatch,
  mismatch,
  type OfflineModel,
  type RecordedRequest,
  ScriptError,
  scripted,
  startModel,
  type Turn,
} from "geny-executor/testing";

const client = (model: OfflineModel): Anthropic => new Anthropic({ apiKey: "sk-test", baseURL: model.url, maxRetries: 0 });
const ask = { model: "claude-opus-5", max_tokens: 1000, messages: [{ role: "user" as const, content: "hi" }] };
const auth = { "content-type": "application/json", "x-api-key": "sk-test", "anthropic-version": "2023-06-01" };
const post = (model: OfflineModel, body: unknown, headers: Record<string, string> = auth, signal?: AbortSignal): Promise<Response> =>
  fetch(`${model.url}/v1/messages`, { method: "POST", headers, body: JSON.stringify(body), ...(signal && { signal }) });
const streamed = { ...ask, stream: true };
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const usage = { input_tokens: 7, output_tokens: 9 };
const usageBody = {
  ...usage,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens_details: { thinking_tokens: 0 },
  server_tool_use: null,
  service_tier: "standard",
};
const text = (words: string) => ({ type: "text", text: words, citations: null });
const call = (id: string, name: string, input: unknown) => ({ type: "tool_use", id, name, input, caller: { type: "direct" } });
const citation = {
  type: "char_location",
  cited_text: "x",
  document_index: 0,
  document_title: null,
  start_char_index: 0,
  end_char_index: 1,
  file_id: null,
};

interface Case {
  readonly turn: Turn;
  readonly content: readonly unknown[];
  readonly stop?: string;
  readonly more?: object;
}
const cases: { readonly [name: string]: Case } = {
  text: { turn: { text: "hello there, this is longer than a piece" }, content: [text("hello there, this is longer than a piece")] },
  "empty text": { turn: { text: "" }, content: [text("")] },
  "no content": { turn: {}, content: [] },
  "several text blocks": { turn: { text: ["one", "two 🎈", "세 번째"] }, content: [text("one"), text("two 🎈"), text("세 번째")] },
  chunks: { turn: { chunks: ["a", "bc", "", "d"] }, content: [text("abcd")] },
  thinking: {
    turn: { thinking: { text: "I wonder about that for a while", signature: "c2ln" }, text: "so" },
    content: [{ type: "thinking", thinking: "I wonder about that for a while", signature: "c2ln" }, text("so")],
  },
  "omitted thinking": {
    turn: { thinking: { text: "", signature: "c2ln" } },
    content: [{ type: "thinking", thinking: "", signature: "c2ln" }],
  },
  "redacted thinking": {
    turn: { redacted_thinking: "b3BhcXVl", text: "so" },
    content: [{ type: "redacted_thinking", data: "b3BhcXVl" }, text("so")],
  },
  "tool calls": {
    turn: {
      text: "look",
      tool_calls: [
        { name: "Read", input: { file_path: "가나다/é.ts", deep: { list: [1, null, '"\\\n'] } } },
        { id: "toolu_x", name: "Now", input: {} },
      ],
    },
    content: [
      text("look"),
      call("toolu_000001", "Read", { file_path: "가나다/é.ts", deep: { list: [1, null, '"\\\n'] } }),
      call("toolu_x", "Now", {}),
    ],
    stop: "tool_use",
  },
  "raw blocks": {
    turn: {
      content: [
        { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" }, caller: { type: "direct" } },
        { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [], caller: { type: "direct" } },
        { type: "text", text: "cited", citations: [citation] },
      ],
      stop_reason: "pause_turn",
    },
    content: [
      { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" }, caller: { type: "direct" } },
      { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [], caller: { type: "direct" } },
      { type: "text", text: "cited", citations: [citation] },
    ],
    stop: "pause_turn",
  },
  max_tokens: { turn: { text: "cut of", stop_reason: "max_tokens" }, content: [text("cut of")], stop: "max_tokens" },
  refusal: {
    turn: { stop_reason: "refusal", stop_details: { type: "refusal", category: "cyber", explanation: "no" } },
    content: [],
    stop: "refusal",
    more: { stop_details: { type: "refusal", category: "cyber", explanation: "no" } },
  },
  model_context_window_exceeded: {
    turn: { text: "x", stop_reason: "model_context_window_exceeded" },
    content: [text("x")],
    stop: "model_context_window_exceeded",
  },
  stop_sequence: { turn: { text: "x", stop_sequence: "END" }, content: [text("x")], stop: "stop_sequence", more: { stop_sequence: "END" } },
  "another model": { turn: { text: "x", model: "claude-haiku-5-5" }, content: [text("x")], more: { model: "claude-haiku-5-5" } },
  "cache usage": {
    turn: {
      text: "x",
      usage: {
        ...usage,
        cache_read_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 5 },
        thinking_tokens: 2,
      },
    },
    content: [text("x")],
    more: {
      usage: {
        ...usageBody,
        cache_read_input_tokens: 30,
        cache_creation_input_tokens: 9,
        cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 5 },
        output_tokens_details: { thinking_tokens: 2 },
      },
    },
  },
};

describe("the vendor's SDK assembles exactly what was scripted", () => {
  for (const [name, { turn, content, stop, more }] of Object.entries(cases)) {
    for (const mode of ["streamed", "whole"] as const) {
      test(`${name}, ${mode}`, async () => {
        await using model = await startModel({ script: [turn], defaults: { usage } });
        const got =
          mode === "streamed" ? await client(model).messages.stream(ask).finalMessage() : await client(model).messages.create(ask);
        const { _request_id, parsed_output, ...message } = plain(got) as Record<string, unknown>;
        assert.deepEqual(message, {
          id: "msg_000001",
          type: "message",
          role: "assistant",
          model: "claude-opus-5",
          content,
          stop_reason: stop ?? "end_turn",
          stop_sequence: null,
          stop_details: null,
          container: null,
          usage: usageBody,
          ...more,
        });
        model.expectDone();
      });
    }
  }

  test("any text, however it is split, and whatever a stream may be laced with", async () => {
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
        fc.string({ unit: "grapheme", minLength: 1 }),
        inputs,
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(...faults),
        async (words, input, size, fault) => {
          model.script([{ text: words, tool_calls: [{ name: "t", input }], chunk_size: size, ...(fault && { fault }) }]);
          const { content } = await client(model).messages.stream(ask).finalMessage();
          assert.deepEqual(
            plain(content.map((block) => (block.type === "text" ? block.text : block.type === "tool_use" ? block.input : null))),
            plain([words, input]),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test("both kinds of credentials and versions are taken, and no other", async () => {
    await using model = await startModel({ script: () => ({ text: "yes" }) });
    const version = { "anthropic-version": "2026-10-21" };
    assert.equal((await post(model, ask)).status, 200);
    assert.equal((await post(model, ask, { ...version, authorization: "Bearer sk-test" })).status, 200);
    assert.equal((await post(model, ask, version)).status, 401);
    assert.equal((await post(model, ask, { "x-api-key": "k" })).status, 400);
    assert.equal((await post(model, ask, { "x-api-key": "k", "anthropic-version": "2020-01-01" })).status, 400);
    await client(model).messages.create(ask);
    assert.deepEqual(
      [model.requests[0]?.headers["x-api-key"], model.requests[1]?.headers.authorization],
      ["[redacted]", "Bearer [redacted]"],
    );
    assert.equal(model.requests.at(-1)?.headers["anthropic-version"], "2026-10-21");
  });

  test("usage that is not scripted is estimated from the lengths", async () => {
    await using model = await startModel({ script: () => ({ text: "x".repeat(400) }) });
    const short = await client(model).messages.create(ask);
    const long = await client(model).messages.create({ ...ask, system: "y".repeat(4000) });
    assert.equal(short.usage.output_tokens, 100);
    assert.ok(long.usage.input_tokens - short.usage.input_tokens >= 1000);
  });
});

describe("what the vendor refuses is refused", () => {
  const toolUse = { role: "assistant", content: [{ type: "tool_use", id: "a", name: "t", input: {} }] };
  const result = (id: string) => ({ role: "user", content: [{ type: "tool_result", tool_use_id: id, content: "x" }] });
  const user = { role: "user", content: "hi" };
  const media = (type: string, media_type: string) => ({ type, source: { type: "base64", media_type, data: "AAAA" } });
  const thought = { type: "thinking", thinking: "x", signature: "s" };
  const mark = { cache_control: { type: "ephemeral" } };
  const bad: readonly [object, RegExp][] = [
    [{ model: "" }, /^model/],
    [{ max_tokens: 0 }, /^max_tokens/],
    [{ messages: [] }, /^messages/],
    [{ messages: [{ role: "assistant", content: "x" }] }, /first message/],
    [{ messages: [{ role: "tool", content: "x" }] }, /^messages.0.role/],
    [{ messages: [user, toolUse, user] }, /^messages.1: `tool_use` ids.*: a/],
    [{ messages: [user, toolUse] }, /^messages.1: `tool_use`/],
    [{ messages: [user, toolUse, result("a"), result("b")] }, /unexpected `tool_use_id`.*: b/],
    [{ messages: [{ role: "user", content: [{ type: "text", text: "" }] }] }, /non-empty/],
    [{ messages: [user, { role: "assistant", content: [{ type: "thinking", thinking: "x" }] }] }, /signature: Field required/],
    [{ thinking: { type: "enabled", budget_tokens: 5 } }, /budget_tokens/],
    [{ tools: [{ name: "t" }, { name: "t" }] }, /unique/],
    [{ messages: [{ role: "user", content: [{ type: "text", text: " " }] }] }, /non-whitespace/],
    [{ messages: [{ role: "user", content: [{ type: "text", text: "x", _meta: {} }] }] }, /^messages.0.content.0.text._meta: Extra inputs/],
    [{ messages: [{ role: "user", content: [{ type: "thinking", thinking: "x", signature: "s" }] }] }, /only permitted in assistant/],
    [{ messages: [user, { role: "assistant", content: [media("image", "image/png")] }] }, /only permitted in user/],
    [{ messages: [{ role: "user", content: [media("image", "image/heic")] }] }, /image.source.base64.media_type: Input should be 'image/],
    [{ messages: [{ role: "user", content: [media("document", "text/csv")] }] }, /media_type: Input should be 'application\/pdf'/],
    [{ messages: [{ role: "user", content: [{ type: "image", source: { type: "file", file_id: "file-1" } }] }] }, /File not found: file-1/],
    [{ messages: [user, { role: "assistant", content: [{ ...toolUse.content[0], id: "a.b" }] }, result("a.b")] }, /tool_use.id: .*pattern/],
    [
      { messages: [user, { role: "assistant", content: [{ ...toolUse.content[0], name: "a.b" }] }, result("a")] },
      /tool_use.name: .*pattern/,
    ],
    [{ messages: [user, toolUse, result("a"), toolUse, result("a")] }, /ids must be unique: a/],
    [{ messages: [user, toolUse, { role: "user", content: [{ type: "text", text: "x" }, ...result("a").content] }] }, /must come first/],
    [
      { messages: [user, toolUse, { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: toolUse.content }] }] },
      /^messages.2.content.0.tool_result.content.0: Input tag 'tool_use'/,
    ],
    [{ messages: [user, { role: "assistant", content: [thought] }, user] }, /cannot be `thinking`/],
    [{ messages: [user, { role: "assistant", content: "x " }] }, /trailing whitespace/],
    [
      { thinking: { type: "enabled", budget_tokens: 1024 }, messages: [user, toolUse, result("a")] },
      /^messages.1.content.0.type: Expected `thinking`/,
    ],
    [{ messages: Array.from({ length: 5 }, () => ({ role: "user", content: [{ type: "text", text: "x", ...mark }] })) }, /maximum of 4/],
  ];
  test("with a 400 that names the place", async () => {
    await using model = await startModel({ script: [] });
    for (const [change, message] of bad) {
      const res = await post(model, { ...ask, ...change });
      const { error } = (await res.json()) as { error: { type: string; message: string } };
      assert.equal(res.status, 400);
      assert.equal(error.type, "invalid_request_error");
      assert.match(error.message, message);
    }
    assert.equal((await fetch(`${model.url}/v1/nothing`)).status, 404);
    assert.equal(model.requests.length, bad.length + 1);
  });
  test("results of one turn may come in two messages of the same role", async () => {
    await using model = await startModel({ script: [{ text: "fine" }] });
    const two = { role: "assistant", content: [...toolUse.content, { type: "tool_use", id: "b", name: "t", input: {} }] };
    assert.equal((await post(model, { ...ask, messages: [user, two, result("a"), result("b")] })).status, 200);
  });
});

/** What a client with no manners sees: each chunk's bytes, and how it ended. */
function raw(
  model: OfflineModel,
  body: unknown,
): Promise<{ status: number | null; headers: NodeJS.Dict<string | string[]>; chunks: Buffer[]; end: string; ms: number }> {
  return new Promise((resolve) => {
    const since = performance.now();
    const chunks: Buffer[] = [];
    const done = (status: number | null, headers: NodeJS.Dict<string | string[]>, end: string) =>
      resolve({ status, headers, chunks, end, ms: performance.now() - since });
    const req = httpRequest(`${model.url}/v1/messages`, { method: "POST", headers: auth, agent: false }, (res) => {
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("end", () => done(res.statusCode ?? null, res.headers, "end"));
      res.on("error", (error: NodeJS.ErrnoException) => done(res.statusCode ?? null, res.headers, error.code ?? "error"));
    });
    req.on("error", (error: NodeJS.ErrnoException) => done(null, {}, error.code ?? "error"));
    req.end(JSON.stringify(body));
  });
}
const bytes = (answer: { chunks: Buffer[] }): string => Buffer.concat(answer.chunks).toString("utf8");
const names = (stream: string): string[] => [...stream.matchAll(/^event: (.*?)\r?$/gm)].map((m) => m[1] ?? "");
const whole = [
  "message_start",
  "content_block_start",
  "ping",
  "content_block_delta",
  "content_block_stop",
  "message_delta",
  "message_stop",
];

describe("faults", () => {
  const faulty = async (fault: Fault, body: unknown = streamed): Promise<Awaited<ReturnType<typeof raw>> & { record: RecordedRequest }> => {
    await using model = await startModel({ script: [{ text: "héllo 가나", fault }] });
    const answer = await raw(model, body);
    await model.idle();
    model.expectDone();
    const [record] = model.requests;
    assert.ok(record);
    assert.equal(record.aborted, false);
    return { ...answer, record };
  };

  test("none: all events, in order, in one write", async () => {
    await using model = await startModel({ script: [{ text: "héllo" }] });
    const answer = await raw(model, streamed);
    assert.deepEqual(names(bytes(answer)), whole);
    assert.equal(answer.chunks.length, 1);
    assert.equal(answer.headers["content-type"], "text/event-stream; charset=utf-8");
  });

  const types: readonly [number, string][] = [
    [400, "invalid_request_error"],
    [401, "authentication_error"],
    [403, "permission_error"],
    [413, "request_too_large"],
    [429, "rate_limit_error"],
    [500, "api_error"],
    [503, "api_error"],
    [529, "overloaded_error"],
  ];
  for (const [status, type] of types) {
    test(`status ${status}`, async () => {
      const answer = await faulty({ kind: "status", status, ...(status === 429 && { retry_after: 2 }) });
      assert.equal(answer.status, status);
      assert.equal(answer.record.status, status);
      assert.equal(answer.headers["retry-after"], status === 429 ? "2" : undefined);
      const body = JSON.parse(bytes(answer));
      assert.deepEqual({ ...body, error: body.error.type }, { type: "error", error: type, request_id: "req_000001" });
      assert.equal(answer.headers["request-id"], "req_000001");
    });
  }

  test("the SDK raises its own error for a status, and tries again after a 529", async () => {
    await using model = await startModel({
      script: [
        { fault: { kind: "status", status: 401, type: "authentication_error", message: "no such key" } },
        { fault: { kind: "status", status: 529, headers: { "retry-after-ms": "1" } } },
        { text: "now" },
      ],
    });
    await assert.rejects(
      client(model).messages.create(ask),
      (e) => e instanceof Anthropic.AuthenticationError && e.apiMessage === "no such key",
    );
    const again = await new Anthropic({ apiKey: "sk", baseURL: model.url, maxRetries: 1 }).messages.create(ask);
    assert.deepEqual(plain(again.content), [text("now")]);
    model.expectDone();
  });

  test("cut: the socket dies after n events", async () => {
    const answer = await faulty({ kind: "cut", after: 2 });
    assert.deepEqual(names(bytes(answer)), whole.slice(0, 2));
    assert.equal(answer.end, "ECONNRESET");
    assert.deepEqual(names(bytes(await faulty({ kind: "cut", after: 0 }))), []);
    const half = await faulty({ kind: "cut" }, ask);
    assert.throws(() => JSON.parse(bytes(half)));
    assert.equal(half.end, "ECONNRESET");
  });

  test("cut_before_headers", async () => {
    const answer = await faulty({ kind: "cut_before_headers" });
    assert.deepEqual([answer.status, answer.end, answer.record.status], [null, "ECONNRESET", null]);
  });

  test("split_utf8: every character beyond ASCII is split, and the bytes are all there", async () => {
    const answer = await faulty({ kind: "split_utf8" });
    assert.ok(answer.chunks.every((chunk) => chunk.length <= 3));
    assert.ok(answer.chunks.every((chunk) => chunk.length === 1 || chunk.every((byte) => byte < 0x80)));
    assert.ok(bytes(answer).includes("héllo 가나"));
    assert.deepEqual(names(bytes(answer)), whole);
  });

  test("malformed_json: one event's, or the body's", async () => {
    const lines = bytes(await faulty({ kind: "malformed_json", event: 1 })).match(/^data: .*$/gm) ?? [];
    const broken = lines.map((line) => {
      try {
        JSON.parse(line.slice(6));
        return false;
      } catch {
        return true;
      }
    });
    assert.deepEqual(broken, [false, true, false, false, false, false, false]);
    const body = bytes(await faulty({ kind: "malformed_json" }, ask));
    assert.throws(() => JSON.parse(body), SyntaxError);
  });

  test("silence: nothing, only headers, or a few events, and bounded", async () => {
    const nothing = await faulty({ kind: "silence", after: "nothing", limit_ms: 30 });
    assert.deepEqual([nothing.status, nothing.record.status, nothing.ms >= 29], [null, null, true]);
    const headers = await faulty({ kind: "silence", after: "headers", limit_ms: 30 });
    assert.deepEqual([headers.status, headers.chunks.length, headers.end], [200, 0, "ECONNRESET"]);
    const some = await faulty({ kind: "silence", after: 2, limit_ms: 30 });
    assert.deepEqual(names(bytes(some)), whole.slice(0, 2));
  });

  test("drip: one byte at a time, in both modes", async () => {
    await using model = await startModel({ script: () => ({ text: "x", fault: { kind: "drip", ms: 2 } }) });
    for (const body of [ask, streamed]) {
      const since = performance.now();
      const reader = (await post(model, body)).body?.getReader();
      const got: number[] = [];
      while (reader && got.length < 12) got.push(...((await reader.read()).value ?? []));
      assert.equal(String.fromCharCode(...got), body === ask ? '{"id":"msg_0' : "event: messa");
      assert.ok(performance.now() - since >= 20);
      await reader?.cancel();
    }
    await model.idle();
    assert.deepEqual(
      model.requests.map((r) => r.aborted),
      [true, true],
    );
  });

  test("duplicate: all events, or one", async () => {
    assert.deepEqual(
      names(bytes(await faulty({ kind: "duplicate" }))),
      whole.flatMap((name) => [name, name]),
    );
    assert.equal(names(bytes(await faulty({ kind: "duplicate", event: 3 }))).filter((name) => name === "content_block_delta").length, 2);
  });

  test("splice: comments, unknown events, CRLF, and another message's events", async () => {
    const laced = bytes(await faulty({ kind: "splice", with: ["comments", "unknown_events", "crlf"] }));
    assert.match(laced, /^: a comment\r\n/m);
    assert.equal(laced.replaceAll("\r\n", "").includes("\n"), false);
    assert.equal(names(laced).filter((name) => name === "event_of_tomorrow").length, whole.length);
    const mixed = bytes(await faulty({ kind: "splice", with: ["other_message"] }));
    assert.deepEqual(names(mixed).slice(0, 4), ["message_start", "message_start", "content_block_start", "content_block_start"]);
    assert.match(mixed, /msg_000000/);
  });

  test("error_event: the stream ends with an error", async () => {
    const answer = await faulty({ kind: "error_event", after: 2 });
    assert.deepEqual(names(bytes(answer)), ["message_start", "content_block_start", "error"]);
    assert.match(bytes(answer), /overloaded_error/);
    assert.equal(answer.end, "end");
    await using model = await startModel({ script: [{ text: "x", fault: { kind: "error_event", type: "api_error", message: "oops" } }] });
    await assert.rejects(
      client(model).messages.stream(ask).finalMessage(),
      (e) => e instanceof Anthropic.APIError && e.type === "api_error",
    );
  });

  test("no_stop: a proper end of the stream without the end of the message", async () => {
    const answer = await faulty({ kind: "no_stop" });
    assert.deepEqual(names(bytes(answer)), whole.slice(0, -2));
    assert.equal(answer.end, "end");
  });

  test("non_json_200", async () => {
    const answer = await faulty({ kind: "non_json_200" });
    assert.deepEqual([answer.status, answer.headers["content-type"]], [200, "text/html"]);
    assert.match(bytes(answer), /^<html>/);
  });

  test("slow_close: everything at once, then a wait", async () => {
    const answer = await faulty({ kind: "slow_close", ms: 40 });
    assert.deepEqual(names(bytes(answer)), whole);
    assert.ok(answer.ms >= 39);
  });

  test("delays come before the first byte, and between the events", async () => {
    await using model = await startModel({
      script: [
        { text: "x", delay_ms: 30 },
        { text: "x", delta_delay_ms: 5 },
      ],
    });
    assert.ok((await raw(model, streamed)).ms >= 29);
    const slow = await raw(model, streamed);
    assert.deepEqual([slow.chunks.length, slow.ms >= 29], [whole.length, true]);
  });

  test("a stream's fault asked of an answer that is not streamed is a mistake of the script", async () => {
    await using model = await startModel({ script: [{ text: "x", fault: { kind: "no_stop" } }] });
    assert.equal((await raw(model, ask)).status, 500);
    assert.throws(() => model.expectDone(), /needs a streamed answer/);
  });
});

describe("aborts and ends", () => {
  const abortOf = async (turn: Turn, ms: number): Promise<RecordedRequest | undefined> => {
    await using model = await startModel({ script: [turn] });
    const stream = client(model).messages.stream(ask);
    void (async () => {
      while (model.requests.length === 0) await sleep(1);
      await sleep(ms);
      stream.abort();
    })();
    await assert.rejects(stream.finalMessage(), APIUserAbortError);
    await model.idle();
    return model.requests[0];
  };

  test("a client that goes away is noticed, with the time it took", async () => {
    const waiting = await abortOf({ text: "x", delay_ms: 5000 }, 40);
    assert.deepEqual([waiting?.aborted, waiting?.status], [true, null]);
    assert.ok((waiting?.duration_ms ?? 0) > 5 && (waiting?.duration_ms ?? 0) < 2000);
    const midway = await abortOf({ text: "x".repeat(400), delta_delay_ms: 20 }, 60);
    assert.deepEqual([midway?.aborted, midway?.status], [true, 200]);
    assert.equal((await abortOf({ fault: { kind: "silence", after: "nothing" } }, 40))?.aborted, true);
  });

  test("a request that breaks off is an abort, not a request", async () => {
    await using model = await startModel({ script: [] });
    const req = httpRequest(`${model.url}/v1/messages`, { method: "POST", headers: { ...auth, "content-length": 1000 }, agent: false });
    req.on("error", () => {});
    req.write("half");
    setTimeout(() => req.destroy(), 20);
    while (!model.requests.length) await new Promise((resolve) => setTimeout(resolve, 1));
    await model.idle();
    assert.deepEqual([model.requests[0]?.aborted, model.requests[0]?.problem, model.requests[0]?.status], [true, null, null]);
  });

  test("a script function sees the abort on its signal", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using model = await startModel({
      script: (request) =>
        new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => {
            resolve("aborted");
            reject(new Error("gone"));
          });
        }),
    });
    const control = new AbortController();
    const asking = post(model, streamed, auth, control.signal);
    setTimeout(() => control.abort(), 30);
    await assert.rejects(asking);
    assert.equal(await promise, "aborted");
    await model.idle();
    assert.deepEqual([model.requests[0]?.aborted, model.requests[0]?.problem], [true, null]);
  });

  test("an answer that came whole is not an abort", async () => {
    await using model = await startModel({ script: [{ text: "x" }] });
    await client(model).messages.stream(ask).finalMessage();
    await model.idle();
    assert.deepEqual([model.requests[0]?.aborted, model.requests[0]?.status, model.requests[0]?.turn], [false, 200, 0]);
  });

  test("close ends open answers at once, and twice is once", async () => {
    const model = await startModel({ script: [{ fault: { kind: "silence", after: "headers" } }] });
    const asking = raw(model, streamed);
    while (!model.requests.length) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 10));
    const since = performance.now();
    await model.close();
    await model.close();
    assert.ok(performance.now() - since < 500);
    assert.notEqual((await asking).end, "end");
    assert.equal(model.requests[0]?.aborted, false);
    await assert.rejects(fetch(model.url));
  });

  test("close leaves nothing that keeps a process alive", async () => {
    const program = `
      import { startModel } from "geny-executor/testing";
      const model = await startModel({ script: [{ delay_ms: 60000 }, { fault: { kind: "silence", after: "nothing" } }] });
      const ask = () => fetch(model.url + "/v1/messages", { method: "POST", headers: ${JSON.stringify(auth)}, body: ${JSON.stringify(JSON.stringify(ask))} }).catch(() => "ended");
      const both = [ask(), ask()];
      while (model.requests.length < 2) await new Promise((r) => setTimeout(r, 1));
      await model.close();
      console.log(...await Promise.all(both));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=geny-executor-source", "--input-type=module", "-e", program],
      { timeout: 60_000 },
    );
    assert.equal(stdout, "ended ended\n");
  });
});

describe("the script", () => {
  test("used up: it says so, and expectDone throws", async () => {
    await using model = await startModel({ script: [{ text: "only" }, { text: "left" }] });
    await client(model).messages.create(ask);
    assert.throws(
      () => model.expectDone(),
      (e) => e instanceof ModelMismatch && e.problems.join() === "turn 1 was not asked for",
    );
    await client(model).messages.create(ask);
    model.expectDone();
    assert.deepEqual(plain((await client(model).messages.create(ask)).content), [text("end of script")]);
    assert.throws(() => model.expectDone(), /request 2 .*no turn/);
  });

  test("can be replaced and lengthened", async () => {
    await using model = await startModel({ script: [{ text: "never" }], defaults: { model: "m" } });
    model.script(scripted([{ text: "one" }]));
    model.push({ text: "two" });
    const said = [await client(model).messages.create(ask), await client(model).messages.create(ask)];
    assert.deepEqual(
      said.map((m) => [m.content[0]?.type === "text" && m.content[0].text, m.model]),
      [
        ["one", "m"],
        ["two", "m"],
      ],
    );
    model.expectDone();
    model.script(() => ({ text: "f" }));
    assert.throws(() => model.push({ text: "x" }), ScriptError);
  });

  test("a function answers from the request, and its failure is told, not retried", async () => {
    await using model = await startModel({
      script: (request, index) => {
        if (index === 1) throw new TypeError("bad luck");
        return {
          text: `${index} ${request.messages
            .at(-1)
            ?.parts.map((p) => (p.type === "text" ? p.text : ""))
            .join()} ${request.wire} ${request.tools}`,
        };
      },
    });
    const body = { ...ask, tools: [{ name: "Read", input_schema: { type: "object" as const } }] };
    assert.deepEqual(plain((await client(model).messages.create(body)).content), [text("0 hi anthropic Read")]);
    const eager = new Anthropic({ apiKey: "sk", baseURL: model.url, maxRetries: 2 });
    await assert.rejects(eager.messages.create(ask), /the script failed: TypeError: bad luck/);
    assert.equal(model.requests.length, 2);
  });

  test("expect: a request that differs gets a 400 that says where", async () => {
    await using model = await startModel({
      script: [{ text: "x", expect: { model: "claude-opus-5", messages: [{ content: { $contains: "bye" } }] } }],
    });
    const res = await post(model, ask);
    assert.equal(res.status, 400);
    assert.match(await res.text(), /body.messages.0.content: .*bye.* is not in .*hi/);
    assert.throws(() => model.expectDone(), /body.messages.0.content/);
  });

  test("partial matches", () => {
    const body = { a: { b: [1, { c: "deep word" }], d: null } };
    assert.equal(mismatch({ a: { b: [1, { c: "deep word" }] } }, body), null);
    assert.equal(mismatch({ a: { b: { $contains: { c: { $contains: "word" } } }, x: { $absent: true } } }, body), null);
    assert.match(mismatch({ a: { b: [1] } }, body) ?? "", /^body.a.b: expected 1 elements, got 2/);
    assert.match(mismatch({ a: { d: { $absent: true } } }, body) ?? "", /^body.a.d: expected nothing, got null/);
    assert.match(mismatch({ a: { d: 1 } }, body) ?? "", /^body.a.d: expected 1, got null/);
    assert.match(mismatch(() => false, body) ?? "", /returned false/);
    assert.match(mismatch(() => assert.fail("my words"), body) ?? "", /my words/);
  });

  test("mistakes are named with their place", async () => {
    const wrong: readonly [unknown, string][] = [
      [[{ txt: "x" }], "turns.0.txt"],
      [[{}, { fault: { kind: "explode" } }], "turns.1.fault.kind"],
      [[{ text: ["a", "b"], chunks: ["a"] }], "turns.0.chunks"],
      [[{ text: "ab", chunks: ["a"] }], "turns.0.chunks"],
      [{ text: "x" }, "turns"],
    ];
    for (const [script, path] of wrong) {
      assert.throws(
        () => scripted(script as Turn[]),
        (e) => e instanceof ScriptError && e.path === path,
      );
      await assert.rejects(startModel({ script: script as Turn[] }), ScriptError);
    }
  });

  test("an id of a call is never one that the conversation holds", async () => {
    await using model = await startModel({ script: [{ tool_calls: [{ name: "t", input: {} }] }] });
    const held = [
      { role: "user" as const, content: "hi" },
      { role: "assistant" as const, content: [{ type: "tool_use" as const, id: "toolu_000041", name: "t", input: {} }] },
      { role: "user" as const, content: [{ type: "tool_result" as const, tool_use_id: "toolu_000041", content: "x" }] },
    ];
    const { content } = await client(model).messages.create({ ...ask, messages: held });
    assert.equal(content[0]?.type === "tool_use" && content[0].id, "toolu_000042");
  });

  test("streamed JSON of a call may be broken on purpose", async () => {
    await using model = await startModel({
      script: [{ tool_calls: [{ name: "t", input: { a: "b" }, json: '{"a": "b' }], stop_reason: "max_tokens" }],
    });
    const joined = [...bytes(await raw(model, streamed)).matchAll(/"partial_json":("(?:[^"\\]|\\.)*")/g)]
      .map((m) => JSON.parse(m[1] ?? ""))
      .join("");
    assert.equal(joined, '{"a": "b');
  });
});

type FakeTool = (input: Record<string, unknown>) => string | { error: string };
const signature = /offline planner: fixed rules, not a language model\.\)$/;

/** Drives the planner through the SDK, with tools that answer from a table. Answers with the calls it made and its last words. */
async function converse(
  question: string,
  tools: { readonly [name: string]: FakeTool },
  more: object = {},
): Promise<{ calls: [string, Record<string, unknown>][]; answer: string; turns: number }> {
  await using model = await startModel();
  const messages: Anthropic.MessageParam[] = [{ role: "user", content: question }];
  const offered = Object.keys(tools).map((name) => ({ name, input_schema: { type: "object" as const } }));
  const calls: [string, Record<string, unknown>][] = [];
  for (let turns = 1; turns < 12; turns++) {
    const message = await client(model)
      .messages.stream({ ...ask, ...more, messages, tools: offered })
      .finalMessage();
    messages.push({ role: "assistant", content: message.content });
    const asked = message.content.filter((block) => block.type === "tool_use");
    if (message.stop_reason !== "tool_use") {
      model.expectDone();
      return { calls, turns, answer: message.content.map((block) => (block.type === "text" ? block.text : "")).join("") };
    }
    const results = asked.map((block): Anthropic.ToolResultBlockParam => {
      calls.push([block.name, block.input as Record<string, unknown>]);
      const result = tools[block.name]?.(block.input as Record<string, unknown>) ?? { error: "no such tool" };
      const failed = typeof result !== "string";
      return {
        type: "tool_result",
        tool_use_id: block.id,
        is_error: failed,
        content: [{ type: "text", text: failed ? result.error : result }],
      };
    });
    messages.push({ role: "user", content: results });
  }
  return assert.fail("the planner did not come to an end");
}

const numbered = (words: string): string =>
  words
    .split("\n")
    .map((line, i) => `${i + 1}\t${line}`)
    .join("\n");
const big =
  '/** Adds numbers. */\nimport { x } from "./x.ts";\nexport function add(a: number) {\n  return a;\n}\nexport const ZERO = 0;\nexport class Sum {}';
const listing = (input: Record<string, unknown>): string =>
  input.pattern === "**/*.ts"
    ? "/w/src/a.ts\n/w/src/big file.ts\n/w/node_modules/x/index.ts\n/w/dist/a.d.ts"
    : input.pattern === "**/*.tsx"
      ? "/w/src/page.tsx"
      : "No files match";
const largest = "How many TypeScript files are here, and what does the largest one do?";

describe("the offline planner", () => {
  test("counts files and describes the largest, by the shell", async () => {
    const { calls, answer, turns } = await converse(largest, {
      Glob: listing,
      Bash: () => "   1   10 /w/src/a.ts\n   7  150 /w/src/big file.ts\n   2   20 /w/src/page.tsx\n  10  180 total\n",
      Read: (input) => (input.file_path === "/w/src/big file.ts" ? numbered(big) : { error: "wrong file" }),
    });
    assert.deepEqual(
      calls.map(([name]) => name),
      ["Glob", "Glob", "Bash", "Read"],
    );
    assert.equal(turns, 4);
    assert.equal(calls[2]?.[1].command, "wc -lc -- /w/src/a.ts '/w/src/big file.ts' /w/src/page.tsx");
    assert.match(answer, /There are 3 TypeScript files here .*leaving out 2 in node_modules/);
    assert.match(answer, /largest is \/w\/src\/big file\.ts, with 150 bytes in 7 lines/);
    assert.match(answer, /"Adds numbers\."/);
    assert.match(answer, /1 function \(add\), 1 constant \(ZERO\) and 1 class \(Sum\)/);
    assert.match(answer, /imports from \.\/x\.ts/);
    assert.match(answer, signature);
  });

  test("does the same by reading when there is no shell, or it fails", async () => {
    const Read: FakeTool = (input) => numbered(input.file_path === "/w/src/big file.ts" ? big : "export {};");
    for (const tools of [
      { Glob: listing, Read },
      { Glob: listing, Read, Bash: () => ({ error: "denied by policy" }) },
    ]) {
      const { answer } = await converse(largest, tools);
      assert.match(answer, /largest is \/w\/src\/big file\.ts/);
      assert.match(answer, /"Adds numbers\."/);
      assert.equal(/Bash failed: denied by policy/.test(answer), "Bash" in tools);
    }
  });

  test("takes neither a notice nor a folder for a file", async () => {
    const Glob: FakeTool = ({ pattern }) =>
      pattern === "**/*.ts" ? "No files match **/*.ts" : pattern === "**/*" ? "src\nsrc/a.ts\n(1 more hidden)" : "none";
    assert.match((await converse("How many TypeScript files are here?", { Glob })).answer, /^There are 0 TypeScript files/);
    assert.match(
      (await converse("List all files", { Glob })).answer,
      /^There is 1 file here .*Glob added: \(1 more hidden\)\n- src\/a\.ts\n\n/,
    );
  });

  test("sums up a tool's failure instead of guessing", async () => {
    const { answer } = await converse(largest, { Glob: () => ({ error: '{"error":{"code":"x","message":"no such folder"}}' }) });
    assert.match(answer, /^Glob failed: no such folder/);
    assert.match(answer, signature);
    const head = await converse(largest, { Glob: listing, Bash: () => "7 150 /w/src/a.ts", Read: () => ({ error: "gone" }) });
    assert.match(head.answer, /I know the size of 1 of the 3/);
    assert.match(head.answer, /Read failed: gone/);
  });

  test("says what it is when a question fits no rule or a tool is missing", async () => {
    assert.match((await converse("Why is the sky blue?", { Glob: listing })).answer, /offline stand-in for a model.*no rule/s);
    assert.match((await converse(largest, {})).answer, /I need the tool Glob/);
    assert.match((await converse("Run the tests", { Bash: () => "never" })).answer, /no rule/);
  });

  const deeds: readonly [string, string, Record<string, unknown>][] = [
    ["Write notes/a.md with `hello then; goodbye`", "Write", { file_path: "notes/a.md", content: "hello then; goodbye" }],
    ['Please create a file called b.txt containing "two words".', "Write", { file_path: "b.txt", content: "two words" }],
    ["Write 'x y' to c.txt.", "Write", { file_path: "c.txt", content: "x y" }],
    ["create d.ts with\n```ts\nconst a = 1;\n```", "Write", { file_path: "d.ts", content: "const a = 1;" }],
    ["Run `ls -la | wc -l` and tell me", "Bash", { command: "ls -la | wc -l" }],
    ["run npm test", "Bash", { command: "npm test" }],
    ["Find the word TODO", "Grep", { pattern: "TODO", output_mode: "content" }],
    ["grep for `a.b(c)` in src", "Grep", { pattern: "a\\.b\\(c\\)", path: "src", output_mode: "content" }],
    ["Where is startModel used?", "Grep", { pattern: "startModel", output_mode: "content" }],
    ["Find the file planner.ts", "Glob", { pattern: "**/planner.ts" }],
    ["What does src/x.ts do?", "Read", { file_path: "src/x.ts" }],
    ["Show me README.md", "Read", { file_path: "README.md" }],
    ["List the Python files in lib", "Glob", { pattern: "lib/**/*.py" }],
    ["How many files of each kind are here?", "Glob", { pattern: "**/*" }],
    ["How many .json files are there?", "Glob", { pattern: "**/*.json" }],
    [
      "Make a todo list: buy milk, rest",
      "TodoWrite",
      {
        todos: [
          { content: "buy milk", status: "pending" },
          { content: "rest", status: "pending" },
        ],
      },
    ],
  ];
  for (const [question, name, input] of deeds) {
    test(`does: ${question.split("\n")[0]}`, async () => {
      const ok = (): string => "done";
      const { calls, answer } = await converse(question, { Write: ok, Bash: ok, Grep: ok, Glob: ok, Read: ok, TodoWrite: ok, Edit: ok });
      assert.deepEqual(calls, [[name, input]]);
      assert.match(answer, signature);
    });
  }

  test("replaces what is there, and leaves alone what is not", async () => {
    const Read: FakeTool = () => numbered("red one\nred two");
    const { calls } = await converse('Replace "red" by "blue" in a.txt', { Read, Edit: () => "2 replacements" });
    assert.deepEqual(calls, [
      ["Read", { file_path: "a.txt" }],
      ["Edit", { file_path: "a.txt", old_string: "red", new_string: "blue", replace_all: true }],
    ]);
    const none = await converse("change green to blue in a.txt", { Read, Edit: () => assert.fail("nothing to edit") });
    assert.match(none.answer, /does not contain "green".*changed nothing/);
  });

  test("counts by kind, and reports what a search found", async () => {
    const kinds = await converse("Count the files by type", { Glob: () => "a.ts\nb/c.ts\nMakefile\n.gitignore\nnode_modules/q.js" });
    assert.match(kinds.answer, /There are 4 files here/);
    assert.match(kinds.answer, /- \.ts: 2\n- no extension: 2/);
    const found = await converse("find fish", { Grep: () => "a.txt:1:> red fish\na.txt:9:> fish\nb.txt:2:> a fish" });
    assert.match(found.answer, /"fish" stands in 3 lines of 2 files/);
  });

  test("keeps a todo list over several tasks, and goes on after a failure", async () => {
    const { calls, answer } = await converse("1. Write a.txt with hi\n2. Run `false`\n3. Read a.txt", {
      TodoWrite: () => "ok",
      Write: () => "wrote",
      Bash: () => ({ error: "Exit code: 1" }),
      Read: () => "1\thi",
    });
    assert.deepEqual(
      calls.map(([name]) => name),
      ["TodoWrite", "Write", "TodoWrite", "Bash", "TodoWrite", "Read", "TodoWrite"],
    );
    const states = (input: unknown) => (input as { todos: { status: string }[] }).todos.map(({ status }) => status);
    assert.deepEqual(states(calls[0]?.[1]), ["in_progress", "pending", "pending"]);
    assert.deepEqual(states(calls.at(-1)?.[1]), ["completed", "pending", "completed"]);
    assert.match(answer, /2\. Run false \(not done\)\n`false` failed.*Exit code: 1/s);
  });

  test("the same call made twice gets two results", async () => {
    let now = "old";
    const { calls, answer } = await converse("Show a.txt; write a.txt with `new`; show a.txt", {
      Read: () => `1\t${now}`,
      Write: (input) => {
        now = String(input.content);
        return "wrote";
      },
    });
    assert.deepEqual(
      calls.map(([name]) => name),
      ["Read", "Write", "Read"],
    );
    assert.match(answer, /1\. .*old.*3\. .*new/s);
  });

  test("thinks only when asked, in one signed block that goes back unchanged", async () => {
    await using model = await startModel();
    const body = {
      ...ask,
      messages: [{ role: "user" as const, content: "run ls" }],
      tools: [{ name: "Bash", input_schema: { type: "object" as const } }],
    };
    const thoughts = async (thinking: Anthropic.ThinkingConfigParam) => {
      const { content } = await client(model).messages.create({ ...body, thinking });
      return content.flatMap((block) => (block.type === "thinking" ? [[block.thinking, block.signature !== ""]] : []));
    };
    assert.deepEqual(await thoughts({ type: "disabled" }), []);
    assert.deepEqual(await thoughts({ type: "adaptive" }), [
      ["Offline planner, no model. The rules for this request call Bash next.", true],
    ]);
    assert.deepEqual(await thoughts({ type: "adaptive", display: "omitted" }), [["", true]]);
    const { answer } = await converse(
      "run ls",
      { Bash: () => "a.txt" },
      { thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 4000 },
    );
    assert.match(answer, /a\.txt/);
  });

  test("answers the newest question, not an older one, and no reminder", async () => {
    await using model = await startModel();
    const messages: Anthropic.MessageParam[] = [
      { role: "user", content: "run ls" },
      { role: "assistant", content: "done" },
      {
        role: "user",
        content: [
          { type: "text", text: "<system-reminder>run rm</system-reminder>" },
          { type: "text", text: "What does x.ts do?" },
        ],
      },
    ];
    const tools = ["Bash", "Read"].map((name) => ({ name, input_schema: { type: "object" as const } }));
    const { content } = await client(model).messages.create({ ...ask, messages, tools });
    assert.deepEqual(
      content.flatMap((block) => (block.type === "tool_use" ? [[block.name, block.input]] : [])),
      [["Read", { file_path: "x.ts" }]],
    );
  });
});
