/** Our adapter beside the vendor's own SDK: the same request on the wire, the same answer out of it, and the same parts sent back. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Content, type GenerateContentConfig, GoogleGenAI, type Part, ThinkingLevel } from "@google/genai";
import { type ContentBlock, collect, type Message, type ModelRequest } from "geny-executor";
import { providers } from "geny-executor/providers";
import { type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { said, plain as sayHi } from "./asking.ts";

let model: OfflineModel;
before(async () => {
  model = await startModel({ script: [] });
});
after(() => model.close());

const signal = new AbortController().signal;
const plain: ModelRequest = { ...sayHi, model: "gemini-3.1-pro" };
const hi: Content = { role: "user", parts: [{ text: "Say hi" }] };
interface Case {
  readonly name: string;
  readonly turn: Turn;
  readonly ask?: Partial<ModelRequest>;
  readonly contents?: Content[];
  readonly config?: GenerateContentConfig;
}

const hello: Turn = { text: "Hello thére" };
const number = { type: "object", properties: { a: { type: ["number", "null"] }, b: { $ref: "#/$defs/B" } }, $defs: { B: {} } } as const;
const add = { name: "add", description: "adds", input_schema: number };
const now = { name: "now", description: "", input_schema: { type: "object", properties: {} } } as const;
const tools: GenerateContentConfig["tools"] = [
  {
    functionDeclarations: [
      { name: "add", description: "adds", parametersJsonSchema: number },
      { name: "now", description: "", parametersJsonSchema: now.input_schema },
    ],
  },
];
const choosing = (config: object): GenerateContentConfig => ({ tools, toolConfig: { functionCallingConfig: config } });
const png = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } } as const;
const inline = { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=" } };
const thinking = (type: "enabled" | "adaptive" | "disabled", budgetTokens = 0, display: "omitted" | null = null) => ({
  thinking: { type, budgetTokens, display },
});
const level = (thinkingLevel: ThinkingLevel, includeThoughts = true): GenerateContentConfig => ({
  thinkingConfig: { includeThoughts, thinkingLevel },
});
const budget = (thinkingBudget: number): GenerateContentConfig => ({ thinkingConfig: { includeThoughts: true, thinkingBudget } });

const answers: readonly Case[] = [
  { name: "text", turn: hello },
  { name: "several texts", turn: { text: ["a", "b"] } },
  { name: "no content at all", turn: { content: [] } },
  { name: "thinking before a text", turn: { thinking: { text: "let me think", signature: "c2ln" }, text: "so" } },
  { name: "hidden thinking", turn: { thinking: { text: "", signature: "c2ln" } } },
  { name: "thinking and nothing else", turn: { thinking: { text: "hm", signature: "c2ln" } } },
  { name: "thinking without a signature", turn: { thinking: { text: "hm", signature: "" }, text: "so" } },
  {
    name: "parallel calls, one without arguments, the first one signed",
    turn: {
      thinking: { text: "hm", signature: "c2ln" },
      text: "Let me.",
      tool_calls: [
        { id: "c1", name: "add", input: { a: 12, deep: { s: 'é"\\' } } },
        { id: "c2", name: "now", input: {} },
      ],
    },
  },
  {
    name: "two calls of one tool without ids",
    turn: {
      tool_calls: [
        { id: "", name: "add", input: { a: 1 } },
        { id: "", name: "add", input: { a: 2 } },
      ],
    },
  },
  { name: "another model's name", turn: { ...hello, model: "gemini-3.1-pro-001" } },
  {
    name: "usage: cached tokens inside the prompt's, thoughts beside the answer's",
    turn: { ...hello, usage: { input_tokens: 36, output_tokens: 50, cache_read_input_tokens: 64, thinking_tokens: 30 } },
  },
  ...["MAX_TOKENS", "SAFETY", "RECITATION", "BLOCKLIST", "SPII", "LANGUAGE", "PROHIBITED_CONTENT", "OTHER", "REASON_OF_TOMORROW"].map(
    (native_stop): Case => ({ name: `finish reason ${native_stop}`, turn: { ...hello, native_stop } }),
  ),
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
      topK: 40,
      stopSequences: ["END", "\n\n"],
    },
    config: { systemInstruction: "Be brief.\nBe kind.", temperature: 0, topP: 0.9, topK: 40, stopSequences: ["END", "\n\n"] },
  },
  { name: "tools with type lists and references", turn: hello, ask: { tools: [add, now] }, config: { tools } },
  ...(
    [
      [{ type: "auto" }, { mode: "AUTO" }],
      [{ type: "any" }, { mode: "ANY" }],
      [{ type: "none" }, { mode: "NONE" }],
      [
        { type: "tool", name: "add" },
        { mode: "ANY", allowedFunctionNames: ["add"] },
      ],
    ] as const
  ).map(
    ([toolChoice, config]): Case => ({
      name: `tool choice ${toolChoice.type}`,
      turn: hello,
      ask: { tools: [add, now], toolChoice },
      config: choosing(config),
    }),
  ),
  {
    name: "structured output",
    turn: { text: "{}" },
    ask: { outputSchema: number },
    config: { responseMimeType: "application/json", responseJsonSchema: number },
  },
  { name: "thinking below 5000 tokens", turn: hello, ask: thinking("enabled", 4999), config: level(ThinkingLevel.LOW) },
  { name: "thinking from 5000 tokens on", turn: hello, ask: thinking("enabled", 5000), config: level(ThinkingLevel.MEDIUM) },
  { name: "thinking up to 20000 tokens", turn: hello, ask: thinking("enabled", 20000), config: level(ThinkingLevel.MEDIUM) },
  { name: "thinking beyond 20000 tokens", turn: hello, ask: thinking("enabled", 20001), config: level(ThinkingLevel.HIGH) },
  { name: "hidden thinking", turn: hello, ask: thinking("enabled", 1, "omitted"), config: level(ThinkingLevel.LOW, false) },
  { name: "thinking as the model likes", turn: hello, ask: thinking("adaptive"), config: { thinkingConfig: { includeThoughts: true } } },
  {
    name: "as little thinking as the model can",
    turn: hello,
    ask: thinking("disabled"),
    config: { thinkingConfig: { thinkingLevel: ThinkingLevel.LOW } },
  },
  {
    name: "thinking in tokens, where the model knows no levels",
    turn: hello,
    ask: { model: "gemini-2.5-flash", ...thinking("enabled", 2048) },
    config: budget(2048),
  },
  {
    name: "thinking in no more tokens than the model takes",
    turn: hello,
    ask: { model: "gemini-2.5-flash", ...thinking("enabled", 30000) },
    config: budget(24576),
  },
  {
    name: "no thinking",
    turn: hello,
    ask: { model: "gemini-2.5-flash", ...thinking("disabled") },
    config: { thinkingConfig: { thinkingBudget: 0 } },
  },
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
          { type: "tool_use", id: "t1", name: "add", input: { a: 1, s: "日本" } },
          { type: "tool_use", id: "t2", name: "now", input: {} },
        ]),
        said("user", [
          { type: "tool_result", tool_use_id: "t2", content: "noon", is_error: true },
          { type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "1" }, png, { type: "text", text: "one" }] },
          { type: "text", text: "so?" },
        ]),
      ],
      tools: [add, now],
    },
    contents: [
      { role: "user", parts: [{ text: "old" }] },
      {
        role: "model",
        parts: [
          {
            functionCall: { id: "t1", name: "add", args: { a: 1, s: "日本" } },
            thoughtSignature: "skip_thought_signature_validator",
          },
          { functionCall: { id: "t2", name: "now", args: {} } },
        ],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "t2", name: "now", response: { error: "noon" } } },
          { functionResponse: { id: "t1", name: "add", response: { result: "1\none" } } },
          inline,
          { text: "so?" },
        ],
      },
    ],
    config: { tools },
  },
  {
    name: "images and documents of every source, and the volatile text after them",
    turn: hello,
    ask: {
      messages: [
        said("user", [
          { ...png, _meta: { name: "a.png" } },
          { type: "image", source: { type: "url", url: "https://x.test/a.JPG?x=1" } },
          { type: "image", source: { type: "file", file_id: "https://x.test/v1beta/files/1" } },
          { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERg==" } },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "words" }, title: "r" },
          { type: "document", source: { type: "url", url: "https://x.test/r.pdf" } },
          { type: "text", text: "read", cache_control: { type: "ephemeral" } },
        ]),
        said("assistant", "ok"),
        said("user", "go on"),
      ],
      systemVolatile: "It is noon.",
    },
    contents: [
      {
        role: "user",
        parts: [
          inline,
          { fileData: { fileUri: "https://x.test/a.JPG?x=1", mimeType: "image/jpeg" } },
          { fileData: { fileUri: "https://x.test/v1beta/files/1" } },
          { inlineData: { mimeType: "application/pdf", data: "JVBERg==" } },
          { text: "r\n\nwords" },
          { fileData: { fileUri: "https://x.test/r.pdf", mimeType: "application/pdf" } },
          { text: "read" },
        ],
      },
      { role: "model", parts: [{ text: "ok" }] },
      { role: "user", parts: [{ text: "go on" }, { text: "<session-context>\nIt is noon.\n</session-context>" }] },
    ],
  },
];

const plainly = <T>(value: unknown): T => JSON.parse(JSON.stringify(value));
interface Assembled {
  readonly parts: readonly Part[];
  readonly finish: string | undefined;
  readonly model: string | undefined;
  readonly id: string | undefined;
  readonly usage: { readonly [count: string]: number };
}
const asked = async (stream: boolean, name: string, contents: Content[], config: GenerateContentConfig): Promise<Assembled> => {
  const httpOptions = { baseUrl: model.url, apiVersion: "v1beta", retryOptions: { attempts: 1 } };
  const sdk = new GoogleGenAI({ apiKey: "test-key", vertexai: false, httpOptions });
  const params = { model: name, contents, config };
  const chunks = [];
  if (stream) for await (const chunk of await sdk.models.generateContentStream(params)) chunks.push(chunk);
  else chunks.push(await sdk.models.generateContent(params));
  const last = chunks.at(-1);
  return plainly({
    parts: joined(chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])),
    finish: last?.candidates?.[0]?.finishReason,
    model: last?.modelVersion,
    id: last?.responseId,
    usage: Object.fromEntries(Object.entries(last?.usageMetadata ?? {}).filter(([, value]) => typeof value === "number")),
  });
};

/** Pieces of one text as one part, with the signature that comes with the last of them; without the empty ones at the end. */
const joined = (parts: readonly Part[]): Part[] => {
  const out: Part[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    if (part.text === "" && !part.thoughtSignature) continue;
    if (last && last.text !== undefined && part.text !== undefined && last.thought === part.thought && !last.thoughtSignature)
      out[out.length - 1] = { ...last, ...part, text: last.text + part.text };
    else out.push(part);
  }
  return out;
};

/** Our blocks as the vendor's parts; the ids that it gave none are left out. */
const partsOf = (content: readonly ContentBlock[], own: (id: string) => boolean): readonly Part[] => {
  const out: Part[] = [];
  for (const block of content) {
    if (block.type === "text") out.push({ text: block.text });
    else if (block.type === "thinking") out.push({ text: block.thinking, thought: true });
    else if (block.type === "tool_use")
      out.push({ functionCall: { ...(own(block.id) ? {} : { id: block.id }), name: block.name, args: block.input } });
    else if (block.type === "opaque" && block.block.part) out.push(block.block.part as Part);
    else if (block.type === "opaque") out.push({ ...out.pop(), thoughtSignature: block.block.thoughtSignature as string });
  }
  return out;
};
const STOPS: { readonly [reason: string]: string } = {
  MAX_TOKENS: "max_tokens",
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  BLOCKLIST: "content_filter",
  SPII: "content_filter",
  LANGUAGE: "content_filter",
  PROHIBITED_CONTENT: "refusal",
};

for (const { name, turn, ask, contents = [hi], config } of [...answers, ...requests])
  for (const stream of [true, false])
    test(`${name}${stream ? "" : ", not streamed"}`, async () => {
      model.script([turn, turn]);
      const first = model.requests.length;
      const request = { ...plain, ...ask, stream };
      const theirs = await asked(stream, request.model, contents, { maxOutputTokens: 1024, ...config });
      const provider = await providers.google({ apiKey: "test-key", baseUrl: `${model.url}/` });
      const answer = await collect("google", request.model, provider.stream(request, { signal }));
      await model.idle();

      const [their, our] = model.requests.slice(first);
      assert.deepEqual(our?.body, their?.body);
      for (const header of ["authorization", "x-goog-api-key", "content-type", "accept"])
        assert.equal(our?.headers[header], their?.headers[header], header);
      assert.equal(our?.path, their?.path);

      const given = new Set(theirs.parts.flatMap(({ functionCall }) => functionCall?.id ?? []));
      assert.deepEqual(
        partsOf(answer.content, (id) => !given.has(id)),
        theirs.parts,
      );
      const calls = answer.content.flatMap((block) => (block.type === "tool_use" ? [block] : []));
      assert.equal(new Set(calls.map(({ id }) => id).filter(Boolean)).size, calls.length, "each call has an id of its own");
      assert.equal(answer.stop_reason, STOPS[theirs.finish ?? ""] ?? (calls.length ? "tool_use" : "end_turn"));
      assert.equal(answer.model, theirs.model);
      assert.equal(answer.provider, "google");
      const { promptTokenCount = 0, candidatesTokenCount = 0, thoughtsTokenCount = 0, cachedContentTokenCount = 0 } = theirs.usage;
      assert.deepEqual(answer.usage, {
        input_tokens: promptTokenCount - cachedContentTokenCount,
        output_tokens: candidatesTokenCount + thoughtsTokenCount,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: cachedContentTokenCount,
        cost_usd: null,
        duration_ms: null,
      });
    });

/** What the vendor wants back: every part as it came, but for thoughts that bear no signature. */
for (const { name, turn } of answers.filter(({ turn }) => turn.content?.length !== 0))
  for (const stream of [true, false])
    test(`sent back: ${name}${stream ? "" : ", not streamed"}`, async () => {
      model.script([turn, turn, hello]);
      const theirs = await asked(stream, plain.model, [hi], { maxOutputTokens: 1024 });
      const provider = await providers.google({ apiKey: "test-key", baseUrl: model.url });
      const answer = await collect("google", plain.model, provider.stream({ ...plain, stream }, { signal }));
      const calls = answer.content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
      const results = calls.map((tool_use_id) => ({ type: "tool_result", tool_use_id, content: "r" }) as const);
      // As a checkpoint would keep it.
      const messages = plainly<Message[]>([
        ...plain.messages,
        said("assistant", answer.content),
        said("user", calls.length ? results : "go on"),
      ]);
      await collect("google", plain.model, provider.stream({ ...plain, stream, messages }, { signal }));
      const body = plainly<{ readonly contents: readonly Content[] }>(model.requests.at(-1)?.body);
      const sent = body.contents
        .find(({ role }) => role === "model")
        ?.parts?.map(({ functionCall, ...part }) => {
          if (!functionCall) return part;
          const { id: _, ...call } = functionCall;
          return { ...part, functionCall: call };
        });
      const wanted = theirs.parts
        .filter(({ thought, thoughtSignature }) => !thought || thoughtSignature)
        .map(({ functionCall, ...part }) =>
          functionCall ? { ...part, functionCall: { name: functionCall.name, args: functionCall.args } } : part,
        );
      assert.deepEqual(sent, wanted);
    });

test("custom headers, a token and the version reach the wire as the SDK's do", async () => {
  model.script([hello, hello]);
  const first = model.requests.length;
  const headers = { "X-Tenant": "a" };
  const httpOptions = { baseUrl: model.url, headers, retryOptions: { attempts: 1 } };
  const sdk = new GoogleGenAI({ apiKey: "k", vertexai: false, apiVersion: "v1", httpOptions });
  await sdk.models.generateContent({ model: "gemini-2.5-flash", contents: "hi" });
  const provider = await providers.google({ authToken: "token\n", baseUrl: model.url, defaultHeaders: headers, apiVersion: "v1" });
  await collect("google", "m", provider.stream({ ...plain, model: "gemini-2.5-flash", stream: false }, { signal }));
  const [their, our] = model.requests.slice(first);
  assert.equal(our?.path, their?.path);
  assert.equal(our?.headers["x-tenant"], their?.headers["x-tenant"]);
  assert.match(String(our?.headers.authorization), /^Bearer /);
  assert.equal(our?.headers["x-goog-api-key"], undefined);
});
