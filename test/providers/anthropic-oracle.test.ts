/** Our adapter beside the vendor's own SDK: the same request on the wire, the same message out of it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { type ContentBlock, collect, type ModelRequest } from "geny-executor";
import { providers } from "geny-executor/providers";
import { type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { said, plain as sayHi } from "./asking.ts";

let model: OfflineModel;
before(async () => {
  model = await startModel({ script: [] });
});
after(() => model.close());

const signal = new AbortController().signal;
const plain: ModelRequest = { ...sayHi, model: "claude-opus-5-5" };
interface Case {
  readonly name: string;
  readonly turn: Turn;
  readonly ask?: Partial<ModelRequest>;
  readonly params?: Partial<Anthropic.MessageCreateParamsNonStreaming>;
}

const hello: Turn = { text: "Hello thére" };
const add = { name: "add", description: "adds", input_schema: { type: "object", properties: { a: { type: "number" } } } } as const;
const now = { name: "now", description: "", input_schema: { type: "object", properties: {} } } as const;
const mark = { type: "ephemeral" } as const;
const hour = { type: "ephemeral", ttl: "1h" } as const;
const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } } as const;
const history = [
  said("user", [{ type: "text", text: "old" }]),
  said("assistant", [
    { type: "thinking", thinking: "hm", signature: "sig==" },
    { type: "redacted_thinking", data: "xx" },
    { type: "tool_use", id: "t1", name: "add", input: { a: 1, s: "日本" } },
  ]),
  said("user", [{ type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "1" }, image], is_error: true }]),
];
const wireHistory = history.map(({ role, content }) => ({ role, content })) as unknown as Anthropic.MessageParam[];
const withMark = (at: number, control: typeof mark | typeof hour): Anthropic.MessageParam[] =>
  wireHistory.map((m, i) =>
    i === at
      ? {
          ...m,
          content: (m.content as Anthropic.ContentBlockParam[]).map((b, j, all) =>
            j === all.length - 1 ? { ...b, cache_control: control } : b,
          ),
        }
      : m,
  ) as Anthropic.MessageParam[];

const cases: readonly Case[] = [
  { name: "text", turn: hello },
  { name: "several texts", turn: { text: ["a", "b"] } },
  { name: "no content at all", turn: { content: [] } },
  { name: "thinking with its signature", turn: { thinking: { text: "let me think", signature: "sig==" }, text: "so" } },
  { name: "omitted thinking", turn: { thinking: { text: "", signature: "sig==" }, text: "so" } },
  { name: "redacted thinking", turn: { redacted_thinking: "opaque", text: "so" } },
  {
    name: "tool calls, one without arguments",
    turn: {
      text: "Let me.",
      tool_calls: [
        { id: "c1", name: "add", input: { a: 12, deep: { s: 'é"\\' } } },
        { id: "c2", name: "now", input: {} },
      ],
    },
  },
  {
    name: "a server tool's blocks",
    turn: {
      content: [
        { type: "server_tool_use", id: "srv_1", name: "web_search", input: { query: "q" } },
        {
          type: "web_search_tool_result",
          tool_use_id: "srv_1",
          content: [{ type: "web_search_result", url: "https://x.test", title: "x", encrypted_content: "e", page_age: null }],
        },
        { type: "text", text: "found" },
      ],
    },
  },
  ...(["end_turn", "max_tokens", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"] as const).map((stop_reason) => ({
    name: `stop reason ${stop_reason}`,
    turn: { ...hello, stop_reason },
  })),
  {
    name: "stop sequence",
    turn: { ...hello, stop_reason: "stop_sequence", stop_sequence: "END" },
    ask: { stopSequences: ["END"] },
    params: { stop_sequences: ["END"] },
  },
  {
    name: "usage with both kinds of cache writes",
    turn: {
      ...hello,
      usage: {
        input_tokens: 5,
        output_tokens: 70,
        cache_read_input_tokens: 9,
        cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 12 },
      },
    },
  },
  {
    name: "system, tools and their choice",
    turn: hello,
    ask: { system: "Be brief.", tools: [add, now], toolChoice: { type: "any", disable_parallel_tool_use: true } },
    params: {
      system: "Be brief.",
      tools: [add, now] as unknown as Anthropic.Tool[],
      tool_choice: { type: "any", disable_parallel_tool_use: true },
    },
  },
  {
    name: "thinking asked for",
    turn: hello,
    ask: { model: "claude-sonnet-4-6", maxTokens: 4096, thinking: { type: "enabled", budgetTokens: 2048, display: "omitted" } },
    params: { model: "claude-sonnet-4-6", max_tokens: 4096, thinking: { type: "enabled", budget_tokens: 2048, display: "omitted" } },
  },
  {
    name: "a budget becomes adaptive on the newest models",
    turn: hello,
    ask: { thinking: { type: "enabled", budgetTokens: 2048, display: "summarized" } },
    params: { thinking: { type: "adaptive", display: "summarized" } },
  },
  {
    name: "thinking switched off",
    turn: hello,
    ask: { thinking: { type: "disabled", budgetTokens: 0, display: null } },
    params: { thinking: { type: "disabled" } },
  },
  {
    name: "structured output",
    turn: { text: "{}" },
    ask: { outputSchema: { type: "object" } },
    params: { output_config: { format: { type: "json_schema", schema: { type: "object" } } } },
  },
  {
    name: "a history with thinking, calls, results and an image",
    turn: hello,
    ask: { messages: history, tools: [add] },
    params: { messages: wireHistory, tools: [add] as unknown as Anthropic.Tool[] },
  },
  {
    name: "images and documents of every source",
    turn: hello,
    ask: {
      messages: [
        said("user", [
          { ...image, _meta: { name: "a.png" } },
          { type: "image", source: { type: "url", url: "https://x.test/a.png" } },
          { type: "image", source: { type: "file", file_id: "file_1" } },
          { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERg==" }, title: "r" },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "words" } },
          { type: "document", source: { type: "url", url: "https://x.test/r.pdf" } },
          { type: "text", text: "read" },
        ]),
      ],
    },
    params: {
      messages: [
        {
          role: "user",
          content: [
            image,
            { type: "image", source: { type: "url", url: "https://x.test/a.png" } },
            { type: "image", source: { type: "file", file_id: "file_1" } } as unknown as Anthropic.ImageBlockParam,
            { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERg==" }, title: "r" },
            { type: "document", source: { type: "text", media_type: "text/plain", data: "words" } },
            { type: "document", source: { type: "url", url: "https://x.test/r.pdf" } },
            { type: "text", text: "read" },
          ],
        },
      ],
    },
  },
  {
    name: "cache marks for five minutes after tools, system and messages",
    turn: hello,
    ask: { system: "S", tools: [now, add], messages: history, cache: { tools: true, system: true, messages: [0], ttl: "5m" } },
    params: {
      system: [{ type: "text", text: "S", cache_control: mark }],
      tools: [now, { ...add, cache_control: mark }] as unknown as Anthropic.Tool[],
      messages: withMark(0, mark),
    },
  },
  {
    name: "cache marks for an hour, and the volatile text after them",
    turn: hello,
    ask: {
      messages: history,
      tools: [add],
      systemVolatile: "It is noon.",
      cache: { tools: false, system: true, messages: [2], ttl: "1h" },
    },
    params: {
      tools: [add] as unknown as Anthropic.Tool[],
      messages: [
        ...withMark(2, hour).slice(0, 2),
        {
          role: "user",
          content: [
            ...((withMark(2, hour)[2]?.content ?? []) as Anthropic.ContentBlockParam[]),
            { type: "text", text: "<session-context>\nIt is noon.\n</session-context>" },
          ],
        },
      ],
    },
  },
  { name: "an alias", turn: hello, ask: { model: "haiku" }, params: { model: "claude-haiku-4-5-20251001" } },
];

/** Without what the vendor's types add and we do not keep. */
const bare = (content: readonly object[]) =>
  content
    .map((block) => {
      const { citations: _, caller: __, ...rest } = block as { citations?: unknown; caller?: unknown };
      return rest;
    })
    .filter((block) => !("text" in block && block.text === ""));
const ours = (content: readonly ContentBlock[]) => bare(content.map((block) => (block.type === "opaque" ? block.block : block)));

for (const { name, turn, ask, params } of cases)
  for (const stream of [true, false])
    test(`${name}${stream ? "" : ", not streamed"}`, async () => {
      model.script([turn, turn]);
      const first = model.requests.length;
      const sdk = new Anthropic({ apiKey: "test-key", authToken: null, baseURL: model.url, maxRetries: 0 });
      const body = { model: plain.model, max_tokens: plain.maxTokens, messages: [{ role: "user" as const, content: "Say hi" }], ...params };
      const theirs = stream ? await sdk.messages.stream(body).finalMessage() : await sdk.messages.create(body);
      const request = { ...plain, ...ask, stream };
      const provider = await providers.anthropic({ apiKey: "test-key", baseUrl: model.url });
      const answer = await collect("anthropic", request.model, provider.stream(request, { signal }));
      await model.idle();

      const [their, our] = model.requests.slice(first);
      assert.deepEqual(our?.body, their?.body);
      for (const header of ["authorization", "x-api-key", "anthropic-version", "anthropic-beta", "content-type", "accept"])
        assert.equal(our?.headers[header], their?.headers[header], header);
      assert.equal(our?.path, their?.path);

      assert.deepEqual(ours(answer.content), bare(theirs.content));
      assert.equal(answer.stop_reason, theirs.stop_reason);
      assert.equal(answer.stop_sequence, theirs.stop_sequence);
      assert.equal(answer.model, theirs.model);
      const { usage } = theirs;
      assert.deepEqual(answer.usage, {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cache_creation_input_tokens: usage.cache_creation_input_tokens ?? 0,
        cache_read_input_tokens: usage.cache_read_input_tokens ?? 0,
        ...(usage.cache_creation?.ephemeral_1h_input_tokens
          ? { cache_creation_1h_input_tokens: usage.cache_creation.ephemeral_1h_input_tokens }
          : {}),
        cost_usd: null,
        duration_ms: null,
      });
    });

test("custom headers and betas reach the wire as the SDK's do", async () => {
  model.script([hello, hello]);
  const first = model.requests.length;
  const headers = { "X-Tenant": "a", "anthropic-beta": "one" };
  const sdk = new Anthropic({ apiKey: null, authToken: "token", baseURL: model.url, maxRetries: 0, defaultHeaders: headers });
  await sdk.messages.create({ model: "claude-opus-5-5", max_tokens: 9, messages: [{ role: "user", content: "x" }] });
  const provider = await providers.anthropic({ authToken: "token", baseUrl: `${model.url}/`, defaultHeaders: headers, betas: ["two"] });
  await collect("anthropic", "m", provider.stream(plain, { signal }));
  const [their, our] = model.requests.slice(first);
  assert.equal(our?.headers["x-tenant"], their?.headers["x-tenant"]);
  assert.equal(our?.headers.authorization, their?.headers.authorization);
  assert.equal(their?.headers["anthropic-beta"], "one");
  assert.equal(our?.headers["anthropic-beta"], "two,one");
});
