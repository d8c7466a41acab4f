/** Our adapter beside the vendor's own SDK: the same request on the wire, the same answer out of it, and the same items sent back. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type ContentBlock, collect, type Message, type ModelRequest } from "geny-executor";
import { providers } from "geny-executor/providers";
import { type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import OpenAI from "openai";
import type {
  FunctionTool,
  Response,
  ResponseCreateParamsNonStreaming,
  ResponseInputItem,
  ResponseOutputItem,
} from "openai/resources/responses/responses";
import { plain as bare, said, never as signal } from "./asking.ts";

let model: OfflineModel;
before(async () => {
  model = await startModel({ script: [], models: ["gpt-6-astra", "gpt-4.1-2025-04-14", "of-tomorrow"] });
});
after(() => model.close());

const plain: ModelRequest = { ...bare, model: "gpt-6-astra" };
const hi: ResponseInputItem = { role: "user", content: "Say hi" };
type Params = Partial<ResponseCreateParamsNonStreaming>;
interface Case {
  readonly name: string;
  readonly turn: Turn;
  readonly ask?: Partial<ModelRequest>;
  readonly params?: Params;
}

const hello: Turn = { text: "Hello thére" };
const number = { type: "object", properties: { a: { type: ["number", "null"] }, b: { $ref: "#/$defs/B" } }, $defs: { B: {} } } as const;
const now = { type: "object", properties: {} } as const;
const offered = {
  tools: [
    { name: "add", description: "adds", input_schema: number },
    { name: "now", description: "", input_schema: now },
  ],
};
const tools: FunctionTool[] = [
  { type: "function", name: "add", description: "adds", parameters: number, strict: false },
  { type: "function", name: "now", description: "", parameters: now, strict: false },
];
const png = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } } as const;
const pdf = { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERg==" } } as const;
const shown = { type: "input_image", detail: "auto", image_url: "data:image/png;base64,iVBORw0KGgo=" } as const;
const filed = { type: "input_file", filename: "document.pdf", file_data: "data:application/pdf;base64,JVBERg==" } as const;
const words = (text: string) => ({ type: "input_text", text }) as const;
const thinking = (type: "enabled" | "adaptive" | "disabled", budgetTokens = 0, display: "omitted" | "summarized" | null = null) => ({
  thinking: { type, budgetTokens, display },
});
const closed = {
  type: "object",
  properties: { a: { type: "string", enum: ["x"] }, b: { anyOf: [{ type: "integer" }, { type: "null" }] } },
  required: ["a", "b"],
  additionalProperties: false,
} as const;
const format = (schema: { readonly [key: string]: unknown }, strict: boolean): Params => ({
  text: { format: { type: "json_schema", name: "answer", schema, strict } },
});

const answers: readonly Case[] = [
  { name: "text", turn: hello },
  { name: "several texts", turn: { text: ["a", "b"] } },
  { name: "an empty text", turn: { text: "" } },
  { name: "no content at all", turn: { content: [] } },
  { name: "reasoning before a text", turn: { thinking: { text: "let me think", signature: "c2ln" }, text: "so" } },
  { name: "hidden reasoning", turn: { redacted_thinking: "c2ln", text: "so" } },
  { name: "reasoning twice", turn: { thinking: ["one", "two"], text: "so" } },
  { name: "reasoning and nothing else", turn: { thinking: "hm", stop_reason: "max_tokens" } },
  {
    name: "parallel calls, one without arguments",
    turn: {
      thinking: "hm",
      text: "Let me.",
      tool_calls: [
        { id: "call_1", name: "add", input: { a: 12, deep: { s: 'é"\\' } } },
        { id: "call_2", name: "now", input: {} },
      ],
    },
  },
  {
    name: "text after a call",
    turn: {
      content: [
        { type: "text", text: "before" },
        { type: "tool_use", id: "call_a", name: "add", input: {} },
        { type: "text", text: "after" },
      ],
    },
  },
  { name: "another model's name", turn: { ...hello, model: "gpt-6-astra-2026-10-01" } },
  { name: "the most tokens", turn: { ...hello, stop_reason: "max_tokens" } },
  { name: "a filter in the middle", turn: { ...hello, stop_reason: "content_filter" } },
  { name: "a prompt that was blocked", turn: { stop_reason: "prompt_blocked" } },
  { name: "a refusal", turn: { text: "I won't.", stop_reason: "refusal" } },
  {
    name: "usage: cached and written tokens inside the prompt's, reasoning inside the answer's",
    turn: {
      ...hello,
      usage: { input_tokens: 36, output_tokens: 50, cache_read_input_tokens: 64, cache_creation_input_tokens: 5, thinking_tokens: 30 },
    },
  },
];

const requests: readonly Case[] = [
  {
    name: "system, sampling where the model takes it, and the cache's key",
    turn: hello,
    ask: {
      model: "gpt-4.1",
      system: [
        { type: "text", text: "Be brief." },
        { type: "text", text: "Be kind." },
      ],
      temperature: 0,
      topP: 0.9,
      cacheKey: `prefix-that-is-long-enough-to-be-too-long:${"0123456789abcdef".repeat(2)}`,
    },
    params: {
      instructions: "Be brief.\nBe kind.",
      temperature: 0,
      top_p: 0.9,
      prompt_cache_key: `that-is-long-enough-to-be-too-long:${"0123456789abcdef".repeat(2)}`.slice(-64),
    },
  },
  { name: "tools with type lists and references", turn: hello, ask: offered, params: { tools } },
  {
    name: "a tool whose schema the vendor does not take as it is",
    turn: hello,
    ask: { tools: [{ name: "f", description: "d", input_schema: { anyOf: [{ required: ["a"] }], properties: { a: {} } } }] },
    params: {
      tools: [{ type: "function", name: "f", description: "d", parameters: { type: "object", properties: { a: {} } }, strict: false }],
    },
  },
  ...(
    [
      [{ type: "auto" }, "auto"],
      [{ type: "any" }, "required"],
      [{ type: "none" }, "none"],
      [
        { type: "tool", name: "add" },
        { type: "function", name: "add" },
      ],
    ] as const
  ).map(
    ([toolChoice, tool_choice]): Case => ({
      name: `tool choice ${toolChoice.type}`,
      turn: hello,
      ask: { ...offered, toolChoice },
      params: { tools, tool_choice },
    }),
  ),
  {
    name: "one call at a time",
    turn: hello,
    ask: { ...offered, toolChoice: { type: "auto", disable_parallel_tool_use: true } },
    params: { tools, tool_choice: "auto", parallel_tool_calls: false },
  },
  { name: "structured output to a closed schema", turn: { text: "{}" }, ask: { outputSchema: closed }, params: format(closed, true) },
  { name: "structured output to an open schema", turn: { text: "{}" }, ask: { outputSchema: number }, params: format(number, false) },
  {
    name: "thinking below 5000 tokens",
    turn: hello,
    ask: thinking("enabled", 4999),
    params: { reasoning: { effort: "low", summary: "auto" } },
  },
  {
    name: "thinking from 5000 tokens on",
    turn: hello,
    ask: thinking("enabled", 5000, "summarized"),
    params: { reasoning: { effort: "medium", summary: "auto" } },
  },
  {
    name: "thinking up to 20000 tokens",
    turn: hello,
    ask: thinking("enabled", 20000),
    params: { reasoning: { effort: "medium", summary: "auto" } },
  },
  {
    name: "thinking beyond 20000 tokens",
    turn: hello,
    ask: thinking("enabled", 20001),
    params: { reasoning: { effort: "high", summary: "auto" } },
  },
  { name: "hidden thinking", turn: hello, ask: thinking("enabled", 1, "omitted"), params: { reasoning: { effort: "low" } } },
  {
    name: "thinking as the model likes",
    turn: hello,
    ask: thinking("adaptive"),
    params: { reasoning: { effort: "medium", summary: "auto" } },
  },
  {
    name: "no thinking, and then sampling",
    turn: hello,
    ask: { ...thinking("disabled"), temperature: 0.5 },
    params: { reasoning: { effort: "none" }, temperature: 0.5 },
  },
  ...(
    [
      ["gpt-5", "minimal"],
      ["gpt-5-mini-2025-08-07", "minimal"],
      ["o4-mini", "low"],
      ["o3-2025-04-16", "low"],
    ] as const
  ).map(
    ([name, effort]): Case => ({
      name: `as little thinking as ${name} can`,
      turn: hello,
      ask: { model: name, ...thinking("disabled") },
      params: { reasoning: { effort } },
    }),
  ),
  {
    name: "another model's history: calls, and results with an image, a file and a failure",
    turn: hello,
    ask: {
      ...offered,
      messages: [
        said("user", "old"),
        said("assistant", [
          { type: "thinking", thinking: "hm", signature: "another vendor's" },
          { type: "redacted_thinking", data: "xx" },
          { type: "opaque", block: { type: "server_tool_use", id: "s", name: "web_search", input: {} } },
          { type: "opaque", block: { provider: "google", thoughtSignature: "c2ln" } },
          { type: "tool_use", id: "t1", name: "add", input: { a: 1, s: "日本" } },
          { type: "tool_use", id: `t2_${"x".repeat(70)}`, name: "now", input: {} },
        ]),
        said("user", [
          { type: "tool_result", tool_use_id: `t2_${"x".repeat(70)}`, content: "noon", is_error: true },
          { type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "1" }, png, pdf], is_error: true },
          { type: "text", text: "so?" },
        ]),
      ],
    },
    params: {
      tools,
      input: [
        { role: "user", content: "old" },
        { type: "function_call", call_id: "t1", name: "add", arguments: '{"a":1,"s":"日本"}' },
        { type: "function_call", call_id: `t2_${"x".repeat(37)}`, name: "now", arguments: "{}" },
        { type: "function_call_output", call_id: "t1", output: [words("Error:"), words("1"), shown, filed] },
        { type: "function_call_output", call_id: `t2_${"x".repeat(37)}`, output: "Error: noon" },
        { role: "user", content: [words("so?")] },
      ],
    },
  },
  {
    name: "results in texts, and the volatile text after them",
    turn: hello,
    ask: {
      ...offered,
      systemVolatile: "It is noon.",
      messages: [
        said("user", "old"),
        said("assistant", [{ type: "tool_use", id: "t1", name: "add", input: {} }]),
        said("user", [
          {
            type: "tool_result",
            tool_use_id: "t1",
            content: [
              { type: "text", text: "a" },
              { type: "text", text: "b" },
            ],
          },
        ]),
      ],
    },
    params: {
      tools,
      input: [
        { role: "user", content: "old" },
        { type: "function_call", call_id: "t1", name: "add", arguments: "{}" },
        { type: "function_call_output", call_id: "t1", output: "a\nb" },
        { role: "user", content: "<session-context>\nIt is noon.\n</session-context>" },
      ],
    },
  },
  {
    name: "images and documents of every source, and the volatile text beside the newest message",
    turn: hello,
    ask: {
      messages: [
        said("user", [
          { ...png, _meta: { name: "a.png" } },
          { type: "image", source: { type: "url", url: "https://x.test/a.png" } },
          { type: "image", source: { type: "file", file_id: "file-1" } },
          pdf,
          { type: "document", source: { type: "base64", media_type: "text/plain", data: "YQ==" }, title: "notes" },
          { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERg==" }, title: "r.pdf" },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "words" }, title: "r" },
          { type: "document", source: { type: "url", url: "https://x.test/r.pdf" } },
          { type: "document", source: { type: "file", file_id: "file-2" } },
          { type: "text", text: "read", cache_control: { type: "ephemeral" } },
        ]),
        said("assistant", "ok"),
        said("user", "go on"),
      ],
      systemVolatile: "It is noon.",
    },
    params: {
      input: [
        {
          role: "user",
          content: [
            shown,
            { type: "input_image", detail: "auto", image_url: "https://x.test/a.png" },
            { type: "input_image", detail: "auto", file_id: "file-1" },
            filed,
            { type: "input_file", filename: "notes.txt", file_data: "data:text/plain;base64,YQ==" },
            { ...filed, filename: "r.pdf" },
            words("r\n\nwords"),
            { type: "input_file", file_url: "https://x.test/r.pdf" },
            { type: "input_file", file_id: "file-2" },
            words("read"),
          ],
        },
        { role: "assistant", content: "ok" },
        { role: "user", content: "go on" },
        { role: "user", content: "<session-context>\nIt is noon.\n</session-context>" },
      ],
    },
  },
];

const asWritten = <T>(value: unknown): T => JSON.parse(JSON.stringify(value));
/** Without the number of the answer that an item's id bears. */
const unnumbered = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll(/"rs_\d{6}/g, '"rs_'));
const sdk = () => new OpenAI({ apiKey: "test-key", baseURL: `${model.url}/v1`, maxRetries: 0, organization: null, project: null });
const asked = async (stream: boolean, name: string, params: Params = {}): Promise<Response> => {
  const reasons = !name.startsWith("gpt-4");
  const all: ResponseCreateParamsNonStreaming = {
    model: name,
    store: false,
    ...(reasons ? { include: ["reasoning.encrypted_content"] } : {}),
    max_output_tokens: 1024,
    input: [hi],
    ...params,
  };
  return stream
    ? await sdk()
        .responses.stream({ ...all, stream })
        .finalResponse()
    : await sdk().responses.create(all);
};

/** The vendor's items as our blocks. */
const blocksOf = (output: readonly ResponseOutputItem[]): readonly ContentBlock[] =>
  asWritten<readonly ResponseOutputItem[]>(output).flatMap((item): readonly ContentBlock[] => {
    if (item.type === "message")
      return item.content
        .map((part) => ({ type: "text", text: part.type === "refusal" ? part.refusal : part.text }) as const)
        .filter(({ text }) => text);
    if (item.type === "function_call") return [{ type: "tool_use", id: item.call_id, name: item.name, input: JSON.parse(item.arguments) }];
    assert(item.type === "reasoning");
    const summary = item.summary.map(({ text }) => text).join("\n\n");
    return [
      ...(summary ? [{ type: "thinking", thinking: summary } as const] : []),
      { type: "opaque", block: { provider: "openai", item: asWritten({ ...item }) } },
    ];
  });
const stopOf = ({ status, incomplete_details, output }: Response): string => {
  if (status === "incomplete") return incomplete_details?.reason === "content_filter" ? "content_filter" : "max_tokens";
  if (output.some((item) => item.type === "message" && item.content.some(({ type }) => type === "refusal"))) return "refusal";
  return output.some(({ type }) => type === "function_call") ? "tool_use" : "end_turn";
};

for (const { name, turn, ask, params } of [...answers, ...requests])
  for (const stream of [true, false])
    test(`${name}${stream ? "" : ", not streamed"}`, async () => {
      model.script([turn, turn]);
      const first = model.requests.length;
      const request = { ...plain, ...ask, stream };
      const theirs = await asked(stream, request.model, params);
      const provider = await providers.openai({ apiKey: "test-key", baseUrl: `${model.url}/v1/` });
      const answer = await collect("openai", request.model, provider.stream(request, { signal }));
      await model.idle();

      const [their, our] = model.requests.slice(first);
      assert.deepEqual(our?.body, their?.body);
      for (const header of ["authorization", "content-type", "accept"]) assert.equal(our?.headers[header], their?.headers[header], header);
      assert.equal(our?.path, their?.path);

      assert.deepEqual(unnumbered(answer.content), unnumbered(blocksOf(theirs.output)));
      assert.equal(answer.stop_reason, stopOf(theirs));
      assert.equal(answer.model, theirs.model);
      assert.equal(answer.provider, "openai");
      assert(theirs.usage);
      const { input_tokens, output_tokens, input_tokens_details: details } = theirs.usage;
      assert.deepEqual(answer.usage, {
        input_tokens: input_tokens - details.cached_tokens - details.cache_write_tokens,
        output_tokens,
        cache_creation_input_tokens: details.cache_write_tokens,
        cache_read_input_tokens: details.cached_tokens,
        cost_usd: null,
        duration_ms: null,
      });
    });

/** What the vendor wants back: every item as it came, but for names and states that only a stored answer has. */
for (const { name, turn } of answers)
  for (const stream of [true, false])
    test(`sent back: ${name}${stream ? "" : ", not streamed"}`, async () => {
      model.script([turn, turn, hello]);
      const theirs = await asked(stream, plain.model);
      const provider = await providers.openai({ apiKey: "test-key", baseUrl: `${model.url}/v1` });
      const answer = await collect("openai", plain.model, provider.stream({ ...plain, stream }, { signal }));
      const calls = answer.content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
      const results = calls.map((tool_use_id) => ({ type: "tool_result", tool_use_id, content: "r" }) as const);
      // As a checkpoint would keep it.
      const messages = asWritten<Message[]>([
        ...plain.messages,
        said("assistant", answer.content),
        said("user", calls.length ? results : "go on"),
      ]);
      await collect("openai", plain.model, provider.stream({ ...plain, stream, messages }, { signal }));
      const { input } = asWritten<{ readonly input: readonly { readonly role?: string; readonly type?: string }[] }>(
        model.requests.at(-1)?.body,
      );
      const sent = input.filter((item) => item.role !== "user" && item.type !== "function_call_output");
      const spoken = theirs.output.flatMap((item): object[] => {
        if (item.type === "function_call") {
          const { type, call_id, name, arguments: json } = item;
          return [{ type, call_id, name, arguments: json }];
        }
        if (item.type !== "message") return [asWritten<object>(item)];
        const content = item.content
          .map((part) => ({ type: "output_text", text: part.type === "refusal" ? part.refusal : part.text }))
          .filter(({ text }) => text);
        return content.length ? [{ role: "assistant", content }] : [];
      });
      // Reasoning that nothing follows is refused.
      while (spoken.at(-1) && theirs.output.at(-1)?.type === "reasoning") spoken.pop();
      assert.deepEqual(unnumbered(sent), unnumbered(spoken));
    });

test("custom headers, organization and project reach the wire as the SDK's do", async () => {
  model.script([hello, hello]);
  const first = model.requests.length;
  const headers = { "X-Tenant": "a" };
  const theirs = new OpenAI({
    apiKey: "k",
    baseURL: `${model.url}/v1`,
    maxRetries: 0,
    organization: "org-1",
    project: "proj-1",
    defaultHeaders: headers,
  });
  await theirs.responses.create({ model: "gpt-6-astra", input: "hi" });
  const extras = { organization: "org-1", project: "proj-1" };
  const provider = await providers.openai({ authToken: "k\n", baseUrl: `${model.url}/v1`, defaultHeaders: headers, extras });
  await collect("openai", "m", provider.stream({ ...plain, stream: false }, { signal }));
  const [their, our] = model.requests.slice(first);
  for (const header of ["authorization", "openai-organization", "openai-project", "x-tenant"])
    assert.equal(our?.headers[header], their?.headers[header], header);
});

test("the models are those that the SDK lists, with what is known of their sizes", async () => {
  const theirs: string[] = [];
  for await (const card of sdk().models.list()) theirs.push(card.id);
  const provider = await providers.openai({ apiKey: "test-key", baseUrl: `${model.url}/v1` });
  const ours = (await provider.models?.({ signal })) ?? [];
  assert.deepEqual(
    ours.map(({ id }) => id),
    theirs,
  );
  assert.deepEqual(ours[1], { id: "gpt-4.1-2025-04-14", contextWindow: 1_047_576, maxOutput: 32_768 });
  assert.deepEqual(ours[2], { id: "of-tomorrow", contextWindow: null, maxOutput: null });
});
