/** Our adapter beside the vendor's own SDK: the same request on the wire, the same answer out of it, streamed and not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type ContentBlock, collect, type Message, type ModelRequest } from "geny-executor";
import { providers, type VllmOptions } from "geny-executor/providers";
import { type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import OpenAI from "openai";
import { plain, said, never as signal } from "./asking.ts";

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming;
type Given = OpenAI.ChatCompletionMessageParam;

let model: OfflineModel;
before(async () => {
  model = await startModel({ script: [] });
});
after(() => model.close());

const all = {
  supports_thinking: true,
  supports_tools: true,
  supports_tool_choice: true,
  supports_structured_output: true,
  supports_vision: true,
  supports_documents: true,
} as const;
const hi: Given = { role: "user", content: "Say hi" };
interface Case {
  readonly name: string;
  readonly turn: Turn;
  readonly ask?: Partial<ModelRequest>;
  readonly messages?: Given[];
  readonly params?: Partial<Params>;
}

const hello: Turn = { text: "Hello thére" };
const number = { type: "object", properties: { a: { type: ["number", "null"] }, b: { $ref: "#/$defs/B" } }, $defs: { B: {} } } as const;
const add = { name: "add", description: "adds", input_schema: number };
const now = { name: "now", description: "", input_schema: { type: "object", properties: {} } } as const;
const tools: Params["tools"] = [
  { type: "function", function: { name: "add", description: "adds", parameters: { ...number } } },
  { type: "function", function: { name: "now", description: "", parameters: { ...now.input_schema } } },
];
const png = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } } as const;
const shown = (url: string, detail?: "low"): OpenAI.ChatCompletionContentPart => ({
  type: "image_url",
  image_url: { url, ...(detail ? { detail } : {}) },
});
const pngPart = shown("data:image/png;base64,iVBORw0KGgo=");
const text = (words: string): OpenAI.ChatCompletionContentPartText => ({ type: "text", text: words });
const called = (id: string, name: string, args: string) => ({ id, type: "function", function: { name, arguments: args } }) as const;
const thinking = (type: "enabled" | "adaptive" | "disabled", budgetTokens = 0) => ({ thinking: { type, budgetTokens, display: null } });

const answers: readonly Case[] = [
  { name: "text", turn: hello },
  { name: "several texts", turn: { text: ["a", "b"] } },
  { name: "no content at all", turn: { content: [] } },
  { name: "text with what JSON escapes", turn: { text: 'a "quoted"\n\\line\u2028 日本 😀', chunk_size: 2 } },
  { name: "thinking before a text", turn: { thinking: "let me\nthink", text: "so", chunk_size: 1 } },
  { name: "thinking and nothing else", turn: { thinking: "hm" } },
  {
    name: "parallel calls, one without arguments",
    turn: {
      thinking: "hm",
      text: "Let me.",
      tool_calls: [
        { id: "c1", name: "add", input: { a: 12, deep: { s: 'é"\\' } } },
        { id: "c2", name: "now", input: {} },
      ],
    },
  },
  { name: "calls and no text", turn: { tool_calls: [{ id: "c1", name: "now", input: {} }] } },
  { name: "another model's name", turn: { ...hello, model: "served-model" } },
  {
    name: "usage: cached tokens inside the prompt's, thoughts inside the answer's",
    turn: {
      ...hello,
      usage: { input_tokens: 30, output_tokens: 50, cache_read_input_tokens: 64, cache_creation_input_tokens: 6, thinking_tokens: 30 },
    },
  },
  { name: "a refusal", turn: { text: "I cannot", stop_reason: "refusal" } },
  { name: "an answer that was cut", turn: { text: "cut", stop_reason: "max_tokens" } },
  { name: "a filter's end", turn: { text: "x", stop_reason: "content_filter" } },
  { name: "a reason of tomorrow", turn: { ...hello, native_stop: "word_of_tomorrow" } },
];

const requests: readonly Case[] = [
  {
    name: "system, sampling, stop sequences",
    turn: hello,
    ask: {
      system: [
        { type: "text", text: "Be brief." },
        { type: "text", text: "Be kind." },
      ],
      temperature: 0,
      topP: 0.9,
      stopSequences: ["END", "\n\n"],
    },
    messages: [{ role: "system", content: "Be brief.\nBe kind." }, hi],
    params: { temperature: 0, top_p: 0.9, stop: ["END", "\n\n"] },
  },
  { name: "tools", turn: hello, ask: { tools: [add, now] }, params: { tools } },
  ...(
    [
      [{ type: "auto" }, "auto"],
      [{ type: "any" }, "required"],
      [{ type: "none" }, "none"],
      [
        { type: "tool", name: "add" },
        { type: "function", function: { name: "add" } },
      ],
    ] as const
  ).map(
    ([toolChoice, tool_choice]): Case => ({
      name: `tool choice ${toolChoice.type}`,
      turn: hello,
      ask: { tools: [add, now], toolChoice },
      params: { tools, tool_choice },
    }),
  ),
  {
    name: "one call at a time",
    turn: hello,
    ask: { tools: [add, now], toolChoice: { type: "auto", disable_parallel_tool_use: true } },
    params: { tools, tool_choice: "auto", parallel_tool_calls: false },
  },
  { name: "a tool choice without tools is not sent", turn: hello, ask: { toolChoice: { type: "any" } } },
  {
    name: "structured output",
    turn: { text: "{}" },
    ask: { outputSchema: number },
    params: { response_format: { type: "json_schema", json_schema: { name: "answer", schema: { ...number } } } },
  },
  ...(
    [
      ["enabled", 4999, "low"],
      ["enabled", 5000, "medium"],
      ["enabled", 20000, "medium"],
      ["enabled", 20001, "high"],
      ["adaptive", 0, "medium"],
      ["disabled", 0, "none"],
    ] as const
  ).map(
    ([type, budget, reasoning_effort]): Case => ({
      name: `thinking ${type} with ${budget} tokens`,
      turn: hello,
      ask: thinking(type, budget),
      params: { reasoning_effort },
    }),
  ),
  {
    name: "another model's calls, and results with an image and a failure",
    turn: hello,
    ask: {
      messages: [
        said("user", "old"),
        said("assistant", [
          { type: "thinking", thinking: "hm", signature: "another vendor's" },
          { type: "redacted_thinking", data: "xx" },
          { type: "opaque", block: { type: "server_tool_use", id: "s", name: "web_search", input: {} } },
          { type: "opaque", block: { provider: "google", thoughtSignature: "c2ln" } },
          { type: "text", text: "Let me." },
          { type: "tool_use", id: "t1", name: "add", input: { a: 1, s: "日本" } },
          { type: "tool_use", id: "t2", name: "now", input: {} },
        ]),
        said("user", [
          { type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "1" }, png, { type: "text", text: "one" }] },
          { type: "tool_result", tool_use_id: "t2", content: "noon", is_error: true },
          { type: "text", text: "so?" },
        ]),
      ],
      tools: [add, now],
    },
    messages: [
      { role: "user", content: "old" },
      {
        role: "assistant",
        content: "Let me.",
        tool_calls: [called("t1", "add", '{"a":1,"s":"日本"}'), called("t2", "now", "{}")],
      },
      { role: "tool", tool_call_id: "t1", content: "1\none" },
      { role: "tool", tool_call_id: "t2", content: "Error: noon" },
      { role: "user", content: [pngPart, text("so?")] },
    ],
    params: { tools },
  },
  {
    name: "images and documents, and the volatile text after them",
    turn: hello,
    ask: {
      messages: [
        said("user", [
          { ...png, _meta: { detail: "low" } },
          { type: "image", source: { type: "url", url: "https://x.test/a.jpg" } },
          { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERg==" }, title: "r.pdf" },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "words" }, title: "r" },
          { type: "text", text: "read", cache_control: { type: "ephemeral" } },
        ]),
        said("assistant", [{ type: "text", text: "ok" }]),
        said("user", "go on"),
      ],
      systemVolatile: "It is noon.",
    },
    messages: [
      {
        role: "user",
        content: [
          shown("data:image/png;base64,iVBORw0KGgo=", "low"),
          shown("https://x.test/a.jpg"),
          { type: "file", file: { filename: "r.pdf", file_data: "data:application/pdf;base64,JVBERg==" } },
          text("r\n\nwords"),
          text("read"),
        ],
      },
      { role: "assistant", content: "ok" },
      { role: "user", content: "go on\n<session-context>\nIt is noon.\n</session-context>" },
    ],
  },
  {
    name: "the volatile text after results",
    turn: hello,
    ask: {
      messages: [
        said("user", "x"),
        said("assistant", [{ type: "tool_use", id: "t1", name: "now", input: {} }]),
        said("user", [{ type: "tool_result", tool_use_id: "t1", content: "noon" }]),
      ],
      systemVolatile: "It is noon.",
    },
    messages: [
      { role: "user", content: "x" },
      { role: "assistant", tool_calls: [called("t1", "now", "{}")] },
      { role: "tool", tool_call_id: "t1", content: "noon" },
      { role: "user", content: "<session-context>\nIt is noon.\n</session-context>" },
    ],
  },
];

interface Assembled {
  readonly thinking: string;
  readonly text: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly finish: string | null | undefined;
  readonly model: string | undefined;
  readonly usage: OpenAI.CompletionUsage | undefined;
}
type Thinks = { readonly reasoning_content?: string };
/** The answer as the vendor's SDK assembles it; `reasoning_content` is beyond its types. */
const asked = async (stream: boolean, params: Params): Promise<Assembled> => {
  const sdk = new OpenAI({ apiKey: "test-key", baseURL: `${model.url}/v1`, maxRetries: 0 });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  let whole: OpenAI.ChatCompletion;
  if (stream) {
    const runner = sdk.chat.completions.stream({ ...params, stream: true, stream_options: { include_usage: true } });
    for await (const chunk of runner) chunks.push(chunk);
    whole = await runner.finalChatCompletion().catch((error: unknown) => {
      // The SDK throws where the answer was cut or filtered: what it assembled stands beside.
      if (runner.currentChatCompletionSnapshot) return runner.currentChatCompletionSnapshot as OpenAI.ChatCompletion;
      throw error;
    });
  } else whole = await sdk.chat.completions.create(params);
  const choice = whole.choices[0];
  const message = choice?.message as (OpenAI.ChatCompletionMessage & Thinks) | undefined;
  const pieces = chunks.map(({ choices }) => ((choices[0]?.delta ?? {}) as Thinks).reasoning_content ?? "").join("");
  return {
    thinking: stream ? pieces : (message?.reasoning_content ?? ""),
    text: (message?.content ?? "") + (message?.refusal ?? ""),
    calls: (message?.tool_calls ?? []).map((call) => {
      assert(call.type === "function");
      return { id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) };
    }),
    finish: stream ? chunks.findLast(({ choices }) => choices[0]?.finish_reason)?.choices[0]?.finish_reason : choice?.finish_reason,
    model: whole.model,
    usage: stream ? (chunks.at(-1)?.usage ?? undefined) : whole.usage,
  };
};

const ours = (content: readonly ContentBlock[]): Pick<Assembled, "thinking" | "text" | "calls"> => ({
  thinking: content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
  text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
  calls: content.flatMap((block) => (block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input }] : [])),
});
const STOPS: { readonly [reason: string]: string } = {
  length: "max_tokens",
  content_filter: "content_filter",
  tool_calls: "tool_use",
};
const options: VllmOptions = { apiKey: "test-key", capabilities: all };

for (const { name, turn, ask, messages = [hi], params } of [...answers, ...requests])
  for (const stream of [true, false])
    test(`${name}${stream ? "" : ", not streamed"}`, async () => {
      model.script([turn, turn]);
      const first = model.requests.length;
      const request = { ...plain, ...ask, stream };
      const theirs = await asked(stream, { model: request.model, messages, max_tokens: 1024, ...params });
      const provider = await providers.vllm({ ...options, baseUrl: `${model.url}/v1/` });
      const answer = await collect("vllm", request.model, provider.stream(request, { signal }));
      await model.idle();

      const [their, our] = model.requests.slice(first);
      assert.deepEqual(our?.body, their?.body);
      for (const header of ["authorization", "content-type", "accept"]) assert.equal(our?.headers[header], their?.headers[header], header);
      assert.equal(our?.path, their?.path);

      const { thinking, text, calls, finish, usage } = theirs;
      assert.deepEqual(ours(answer.content), { thinking, text, calls });
      assert.equal(answer.stop_reason, turn.stop_reason === "refusal" ? "refusal" : (STOPS[finish ?? ""] ?? "end_turn"));
      assert.deepEqual([answer.model, answer.provider], [theirs.model, "vllm"]);
      assert.match(answer.message_id, /^chatcmpl-\d{6}$/);
      const { cached_tokens = 0, cache_write_tokens = 0 } = usage?.prompt_tokens_details ?? {};
      assert.deepEqual(answer.usage, {
        input_tokens: (usage?.prompt_tokens ?? 0) - cached_tokens - cache_write_tokens,
        output_tokens: usage?.completion_tokens,
        cache_creation_input_tokens: cache_write_tokens,
        cache_read_input_tokens: cached_tokens,
        cost_usd: null,
        duration_ms: null,
      });
    });

test("a conversation goes on with what was answered, as a checkpoint would keep it", async () => {
  const turn: Turn = { thinking: "hm", text: "Let me.", tool_calls: [{ id: "c1", name: "now", input: {} }] };
  model.script([turn, hello]);
  const provider = await providers.vllm({ ...options, baseUrl: `${model.url}/v1` });
  const { content } = await collect("vllm", "m", provider.stream(plain, { signal }));
  const kept: Message[] = JSON.parse(JSON.stringify([...plain.messages, said("assistant", content)]));
  const results = said("user", [{ type: "tool_result", tool_use_id: "c1", content: "noon" }]);
  await collect("vllm", "m", provider.stream({ ...plain, messages: [...kept, results] }, { signal }));
  const body: { messages: Given[] } = JSON.parse(JSON.stringify(model.requests.at(-1)?.body));
  assert.deepEqual(body.messages, [
    hi,
    { role: "assistant", content: "Let me.", tool_calls: [called("c1", "now", "{}")] },
    { role: "tool", tool_call_id: "c1", content: "noon" },
  ]);
});
