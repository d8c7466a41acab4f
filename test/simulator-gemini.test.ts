/** The offline model on Gemini's wire, with Google's SDK as the judge. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ApiError,
  type Content,
  type GenerateContentParameters,
  type GenerateContentResponse,
  GoogleGenAI,
  type Part,
} from "@google/genai";
import fc from "fast-check";
import { type Fault, type OfflineModel, startModel, type Turn } from "geny-executor/testing";

const client = (model: OfflineModel): GoogleGenAI =>
  new GoogleGenAI({ apiKey: "key-test", vertexai: false, httpOptions: { baseUrl: model.url, retryOptions: { attempts: 1 } } });
const ask: GenerateContentParameters = { model: "gemini-2.5-flash", contents: "hi" };
const route = "/v1beta/models/gemini-2.5-flash:generateContent";
const post = (
  model: OfflineModel,
  body: unknown,
  path = route,
  headers: Record<string, string> = { "x-goog-api-key": "k" },
): Promise<Response> =>
  fetch(`${model.url}${path}`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** Joins the pieces of texts and thoughts; drops what the end of a stream adds. */
function joinParts(parts: readonly Part[]): Part[] {
  const out: Part[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    const same =
      last?.text !== undefined && part.text !== undefined && last.thought === part.thought && last.thoughtSignature === undefined;
    if (last && same) out[out.length - 1] = { ...last, ...part, text: `${last.text}${part.text}` };
    else if (part.text !== "" || part.thoughtSignature || !out.length) out.push(part);
  }
  return out;
}

interface Assembled {
  readonly parts: Part[] | undefined;
  readonly finish: string | undefined;
  readonly blocked: string | undefined;
  readonly usage: unknown;
  readonly model: string | undefined;
}
async function assemble(model: OfflineModel, mode: "streamed" | "whole", params = ask): Promise<Assembled> {
  const chunks: GenerateContentResponse[] = [];
  if (mode === "whole") chunks.push(await client(model).models.generateContent(params));
  else for await (const chunk of await client(model).models.generateContentStream(params)) chunks.push(chunk);
  const last = chunks.at(-1);
  const said = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
  const spoke = chunks.some((chunk) => chunk.candidates?.[0]?.content);
  return plain({
    parts: spoke ? joinParts(said) : undefined,
    finish: last?.candidates?.[0]?.finishReason,
    blocked: last?.promptFeedback?.blockReason,
    usage: last?.usageMetadata,
    model: last?.modelVersion,
  });
}

const usage = { input_tokens: 7, output_tokens: 9 };
const usageBody = { promptTokenCount: 7, candidatesTokenCount: 9, totalTokenCount: 16 };
const deep = { file_path: "가나다/é.ts", deep: { list: [1, null, '"\\\n'] } };
const call = (id: string, name: string, args: object) => ({ functionCall: { id, name, args } });

interface Case {
  readonly turn: Turn;
  readonly parts?: readonly object[];
  readonly finish?: string;
  readonly more?: object;
}
const signature = "c2lnbmVk";
const cases: { readonly [name: string]: Case } = {
  text: { turn: { text: "hello there, this is longer than a piece 🎈" }, parts: [{ text: "hello there, this is longer than a piece 🎈" }] },
  "empty text": { turn: { text: "" }, parts: [{ text: "" }] },
  "no content": { turn: {}, parts: [], more: { usage: { promptTokenCount: 7, totalTokenCount: 7 } } },
  chunks: { turn: { chunks: ["a", "bc", "", "d"] }, parts: [{ text: "abcd" }] },
  "another model": { turn: { text: "x", model: "gemini-3-pro" }, parts: [{ text: "x" }], more: { model: "gemini-3-pro" } },
  "a thought before a text": {
    turn: { thinking: { text: "I wonder about that for a while", signature }, text: "so it is, I would say" },
    parts: [
      { text: "I wonder about that for a while", thought: true },
      { text: "so it is, I would say", thoughtSignature: signature },
    ],
  },
  "a thought before calls: the first is signed": {
    turn: {
      thinking: { text: "which?", signature },
      text: "look",
      tool_calls: [
        { name: "Read", input: deep },
        { id: "x", name: "Now", input: {} },
      ],
    },
    parts: [
      { text: "which?", thought: true },
      { text: "look" },
      { ...call("call_000001", "Read", deep), thoughtSignature: signature },
      call("x", "Now", {}),
    ],
  },
  "a hidden thought": { turn: { redacted_thinking: signature, text: "so" }, parts: [{ text: "so", thoughtSignature: signature }] },
  "a hidden thought and nothing else": { turn: { redacted_thinking: signature }, parts: [{ text: "", thoughtSignature: signature }] },
  "a thought and nothing else": {
    turn: { thinking: { text: "hm", signature }, stop_reason: "max_tokens" },
    parts: [{ text: "hm", thought: true, thoughtSignature: signature }],
    finish: "MAX_TOKENS",
  },
  "thoughts between calls": {
    turn: {
      content: [
        { type: "thinking", thinking: "one", signature: "MQ==" },
        { type: "tool_use", id: "a", name: "t", input: {} },
        { type: "thinking", thinking: "two", signature: "Mg==" },
        { type: "text", text: "and" },
        { type: "tool_use", id: "b", name: "t", input: {} },
      ],
    },
    parts: [
      { text: "one", thought: true },
      { ...call("a", "t", {}), thoughtSignature: "MQ==" },
      { text: "two", thought: true },
      { text: "and" },
      { ...call("b", "t", {}), thoughtSignature: "Mg==" },
    ],
  },
  "a call without an id": { turn: { tool_calls: [{ id: "", name: "t", input: {} }] }, parts: [{ functionCall: { name: "t", args: {} } }] },
  "a malformed call": {
    turn: { tool_calls: [{ name: "t", input: {}, json: '{"a": "b' }] },
    finish: "MALFORMED_FUNCTION_CALL",
  },
  max_tokens: { turn: { text: "cut of", stop_reason: "max_tokens" }, parts: [{ text: "cut of" }], finish: "MAX_TOKENS" },
  "context window": { turn: { text: "x", stop_reason: "model_context_window_exceeded" }, parts: [{ text: "x" }], finish: "MAX_TOKENS" },
  content_filter: { turn: { text: "x", stop_reason: "content_filter" }, parts: [{ text: "x" }], finish: "SAFETY" },
  "a candidate without content": {
    turn: { stop_reason: "content_filter" },
    finish: "SAFETY",
    more: { usage: { promptTokenCount: 7, totalTokenCount: 7 } },
  },
  refusal: { turn: { text: "x", stop_reason: "refusal" }, parts: [{ text: "x" }], finish: "PROHIBITED_CONTENT" },
  stop_sequence: { turn: { text: "x", stop_sequence: "END" }, parts: [{ text: "x" }] },
  pause_turn: { turn: { text: "x", stop_reason: "pause_turn" }, parts: [{ text: "x" }] },
  "no candidate": {
    turn: { text: "x", stop_reason: "prompt_blocked" },
    more: { finish: undefined, blocked: "SAFETY", usage: { promptTokenCount: 7, totalTokenCount: 7 } },
  },
  "no candidate, for another reason": {
    turn: { stop_reason: "prompt_blocked", native_stop: "BLOCKLIST" },
    more: { finish: undefined, blocked: "BLOCKLIST", usage: { promptTokenCount: 7, totalTokenCount: 7 } },
  },
  ...Object.fromEntries(
    [
      "RECITATION",
      "LANGUAGE",
      "OTHER",
      "BLOCKLIST",
      "SPII",
      "IMAGE_SAFETY",
      "UNEXPECTED_TOOL_CALL",
      "TOO_MANY_TOOL_CALLS",
      "MALFORMED_RESPONSE",
    ].map((word): [string, Case] => [word, { turn: { text: "x", native_stop: word }, parts: [{ text: "x" }], finish: word }]),
  ),
  "cached tokens and thoughts": {
    turn: { text: "x", usage: { ...usage, cache_read_input_tokens: 30, cache_creation_input_tokens: 5, thinking_tokens: 4 } },
    parts: [{ text: "x" }],
    more: {
      usage: { promptTokenCount: 42, candidatesTokenCount: 5, thoughtsTokenCount: 4, cachedContentTokenCount: 30, totalTokenCount: 51 },
    },
  },
};

describe("Google's SDK assembles exactly what was scripted", () => {
  for (const [name, { turn, parts, finish, more }] of Object.entries(cases)) {
    for (const mode of ["streamed", "whole"] as const) {
      test(`${name}, ${mode}`, async () => {
        await using model = await startModel({ script: [turn], defaults: { usage } });
        const wanted = { parts, finish: finish ?? "STOP", model: "gemini-2.5-flash", usage: usageBody, ...more };
        assert.deepEqual(await assemble(model, mode), plain(wanted));
        model.expectDone();
      });
    }
  }

  test("a malformed call is told in the finish message, which the SDK drops", async () => {
    await using model = await startModel({ script: [{ tool_calls: [{ name: "t", input: {}, json: '{"a": "b' }] }] });
    const res = await post(model, { contents: [{ parts: [{ text: "hi" }] }] });
    assert.match(await res.text(), /"finishMessage":"Malformed function call: \{\\"a\\": \\"b"/);
  });

  test("several text blocks are several parts", async () => {
    await using model = await startModel({ script: [{ text: ["one", "two"] }] });
    const got = await client(model).models.generateContent(ask);
    assert.deepEqual(plain(got.candidates?.[0]?.content), { parts: [{ text: "one" }, { text: "two" }], role: "model" });
  });

  test("any text and any arguments, however the stream is split, and whatever it may be laced with", async () => {
    await using model = await startModel({ script: [] });
    const faults: readonly (Fault | undefined)[] = [undefined, { kind: "split_utf8" }, { kind: "splice", with: ["unknown_events"] }];
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
          let args: unknown;
          for await (const chunk of await client(model).models.generateContentStream(ask)) {
            for (const part of chunk.candidates?.[0]?.content?.parts ?? []) {
              words += part.text ?? "";
              args ??= part.functionCall?.args;
            }
          }
          assert.deepEqual(plain([words, args]), plain([text, input]));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("both versions of the path and both places of the key are taken", async () => {
    await using model = await startModel({ script: () => ({ text: "x" }) });
    assert.equal((await post(model, { contents: [{ parts: [{ text: "hi" }] }] })).status, 200);
    assert.equal(
      (await post(model, { contents: [{ parts: [{ text: "hi" }] }] }, `/v1/models/m:generateContent?key=sk-secret`, {})).status,
      200,
    );
    assert.equal(model.requests[0]?.headers["x-goog-api-key"], "[redacted]");
    assert.equal(model.requests[1]?.path, "/v1/models/m:generateContent?key=[redacted]");
    await client(model).models.generateContent(ask);
    assert.equal(model.requests.at(-1)?.wire, "gemini");
  });
});

describe("what the vendor refuses is refused", () => {
  const user = { role: "user", parts: [{ text: "hi" }] };
  const made = { role: "model", parts: [{ functionCall: { name: "t", args: {} } }] };
  const result = { role: "user", parts: [{ functionResponse: { name: "t", response: { output: "x" } } }] };
  const tools = (...functionDeclarations: object[]) => ({ tools: [{ functionDeclarations }] });
  const bad: readonly [object, RegExp][] = [
    [{ contents: [] }, /contents is not specified/],
    [{ contents: [{ role: "assistant", parts: [{ text: "x" }] }] }, /valid role: user, model/],
    [{ contents: [{ role: "user", parts: [] }] }, /parts must not be empty/],
    [{ contents: [{ role: "user", parts: [{}] }] }, /contents\[0\]\.parts\[0\]\.data: required oneof field/],
    [{ contents: [user, result] }, /function response turn comes immediately after a function call turn/],
    [{ contents: [user, made, user] }, /number of function response parts is equal/],
    [{ contents: [user, made, { role: "user", parts: [...result.parts, ...result.parts] }] }, /number of function response parts is equal/],
    [{ contents: [made, result] }, /function call turn comes immediately after a user turn/],
    [{ contents: [user, made] }, /end with a user role/],
    [
      { contents: [user, made, { role: "user", parts: [{ functionResponse: { name: "", response: {} } }] }] },
      /function_response\.name: Name cannot be empty/,
    ],
    [
      { contents: [user, made, { role: "user", parts: [{ functionResponse: { name: "u", response: {} } }] }] },
      /id and the name of the function response 'u'/,
    ],
    [{ system: "x" }, /Unknown name "system": Cannot find field/],
    [{ contents: [{ role: "user", parts: [{ text: "x", _meta: {} }] }] }, /Unknown name "_meta" at 'contents\[0\]\.parts\[0\]'/],
    [
      { contents: [{ role: "user", parts: [{ inlineData: { mimeType: "image/gif", data: "AAAA" } }] }] },
      /Unsupported MIME type: image\/gif/,
    ],
    [{ contents: [{ role: "user", parts: [{ fileData: { fileUri: "file_1" } }] }] }, /unsupported file uri: file_1/],
    [
      { contents: [user, { role: "model", parts: [{ functionCall: { name: "a b", args: {} } }] }] },
      /function_call\.name: Invalid function name/,
    ],
    [{ generationConfig: { max_tokens: 5 } }, /Unknown name "max_tokens" at 'generation_config'/],
    [{ generationConfig: { maxOutputTokens: 0 } }, /max_output_tokens must be positive/],
    [
      { generationConfig: { thinkingConfig: { thinkingBudget: 5, thinkingLevel: "LOW" } } },
      /only one of thinking budget and thinking level/,
    ],
    [tools({ name: "1x" }), /Invalid function name/],
    [tools({ name: "t" }, { name: "t" }), /Duplicate function declaration/],
    [tools({ name: "t", input_schema: {} }), /Unknown name "input_schema"/],
    [
      tools({ name: "t", parameters: { type: "object", $schema: "x" } }),
      /Unknown name "\$schema" at 'tools\[0\]\.function_declarations\[0\]\.parameters'/,
    ],
    [
      tools({ name: "t", parameters: { type: "object", properties: { a: { type: ["string", "null"] } } } }),
      /properties\[a\]\.value': Proto field is not repeating/,
    ],
    [
      tools({ name: "t", parameters: { type: "object", properties: { a: { items: { const: 1 } } } } }),
      /Unknown name "const" at '.*value\.items'/,
    ],
    [{ ...tools({ name: "t" }), toolConfig: { functionCallingConfig: { mode: "AUTO", allowedFunctionNames: ["t"] } } }, /mode is ANY/],
    [
      { ...tools({ name: "t" }), toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["u"] } } },
      /'u' is not declared/,
    ],
  ];
  for (const [change, pattern] of bad) {
    test(pattern.source, async () => {
      await using model = await startModel({ script: [] });
      const res = await post(model, { contents: [user], ...change });
      const { error } = (await res.json()) as { error: { code: number; status: string; message: string } };
      assert.deepEqual([res.status, error.code, error.status], [400, 400, "INVALID_ARGUMENT"]);
      assert.match(error.message, pattern);
    });
  }

  test("a missing key, and a stream that is no event stream", async () => {
    await using model = await startModel({ script: [] });
    const res = await post(model, { contents: [user] }, route, {});
    assert.equal(res.status, 403);
    assert.match(await res.text(), /PERMISSION_DENIED/);
    assert.equal((await post(model, { contents: [user] }, "/v1/models/m:streamGenerateContent")).status, 400);
  });

  test("from Gemini 3 on, calls come signed and go back signed; JSON Schema may be sent as such", async () => {
    await using model = await startModel({ script: [{ tool_calls: [{ name: "t", input: {} }] }, { text: "done" }] });
    const params = {
      ...ask,
      model: "gemini-3-pro",
      config: { tools: [{ functionDeclarations: [{ name: "t", parametersJsonSchema: { $schema: "x", const: 1 } }] }] },
    };
    const first = (await client(model).models.generateContent(params)).candidates?.[0]?.content;
    assert.ok(first?.parts?.[0]?.thoughtSignature);
    const back = (content: Content): Content[] => [
      { role: "user", parts: [{ text: "hi" }] },
      content,
      { role: "user", parts: [{ functionResponse: { id: "call_000001", name: "t", response: { output: "x" } } }] },
    ];
    const lost = { ...first, parts: [{ functionCall: first?.parts?.[0]?.functionCall ?? {} }] };
    await assert.rejects(client(model).models.generateContent({ ...params, contents: back(lost) }), /missing a thought_signature/);
    assert.equal((await client(model).models.generateContent({ ...params, contents: back(first ?? {}) })).text, "done");
  });
});

describe("faults", () => {
  const failsAs = async (fault: Fault, mode: "streamed" | "whole" = "streamed"): Promise<unknown> => {
    await using model = await startModel({ script: [{ text: "hello", fault }] });
    return await assemble(model, mode).catch((error: unknown) => error);
  };

  test("statuses are the vendor's errors, and say in their details when to come back", async () => {
    const error = await failsAs({ kind: "status", status: 429, retry_after: 34, code: "RATE_LIMIT_EXCEEDED" });
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 429);
    assert.deepEqual(JSON.parse(error.message).error, {
      code: 429,
      message: "You exceeded your current quota, please check your plan and billing details.",
      status: "RESOURCE_EXHAUSTED",
      details: [
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "RATE_LIMIT_EXCEEDED", domain: "googleapis.com" },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34s" },
      ],
    });
    const failed = await failsAs({ kind: "failed", message: "broke" }, "whole");
    assert.ok(failed instanceof ApiError && failed.status === 500 && /INTERNAL/.test(failed.message));
  });

  test("an error in the stream, broken JSON, a cut", async () => {
    const error = await failsAs({ kind: "error_event", after: 1, message: "busy" });
    assert.ok(error instanceof ApiError && error.status === 503 && /busy.*UNAVAILABLE/.test(error.message), String(error));
    assert.ok((await failsAs({ kind: "malformed_json" })) instanceof Error);
    assert.ok((await failsAs({ kind: "cut", after: 1 })) instanceof Error);
    assert.ok((await failsAs({ kind: "non_json_200" }, "whole")) instanceof Error);
  });

  test("a stream that ends too early has no finish reason", async () => {
    const got = (await failsAs({ kind: "no_stop" })) as Assembled;
    assert.deepEqual([got.parts, got.finish], [[{ text: "hello" }], undefined]);
  });
});

test("the planner works on this wire, with and without ids", async () => {
  for (const named of [true, false]) {
    await using model = await startModel();
    const functionDeclarations = ["Bash", "Read"].map((name) => ({ name, parametersJsonSchema: { type: "object" } }));
    const config = { systemInstruction: "be brief", tools: [{ functionDeclarations }], thinkingConfig: { includeThoughts: true } };
    const contents: Content[] = [{ role: "user", parts: [{ text: "Run `ls` and tell me" }] }];
    const first = (await client(model).models.generateContent({ ...ask, contents, config })).candidates?.[0]?.content;
    assert.deepEqual(
      first?.parts?.map((part) => [part.thought, part.functionCall?.name]),
      [
        [true, undefined],
        [undefined, "Bash"],
      ],
    );
    const made = first?.parts?.[1] ?? {};
    const bare: Part = { functionCall: { name: "Bash", args: made.functionCall?.args ?? {} } };
    const answer = (response: Record<string, unknown>): Part => ({
      functionResponse: { name: "Bash", ...(named && { id: "call_000001" }), response },
    });
    contents.push({ role: "model", parts: [named ? made : bare] }, { role: "user", parts: [answer({ output: "a.txt" })] });
    assert.match(
      (await client(model).models.generateContent({ ...ask, contents, config })).text ?? "",
      /`ls` ran\. It printed:\n```\na\.txt/,
    );
    contents[2] = { role: "user", parts: [answer({ error: "denied" })] };
    assert.match((await client(model).models.generateContent({ ...ask, contents, config })).text ?? "", /`ls` failed.*denied/s);
    model.expectDone();
  }
});
