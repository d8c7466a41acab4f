/** A conversation goes on at any provider: what a model cannot take is said in another form, or left out and told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ClientCapabilities, type ContentBlock, collect, type Message, type ModelRequest, type Provider } from "geny-executor";
import { capabilities, type LowerTarget, lower, providers } from "geny-executor/providers";
import { type OfflineModel, startModel, type Turn } from "geny-executor/testing";
import { modelRequest } from "../../src/contract/provider.ts";

const signal = new AbortController().signal;
const user = (content: Message["content"]): Message => ({ id: "u", origin: "user", role: "user", content });
const model = (content: Message["content"]): Message => ({ id: "m", origin: "model", role: "assistant", content });
const text = (words: string): ContentBlock => ({ type: "text", text: words });
const image = (media_type = "image/png"): ContentBlock => ({ type: "image", source: { type: "base64", media_type, data: "iVBORw0KGgo=" } });
const pdf: ContentBlock = { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERg==" }, title: "r" };
const notes: ContentBlock = { type: "document", source: { type: "text", media_type: "text/markdown", data: "# words" }, title: "notes" };
const call: ContentBlock = { type: "tool_use", id: "t", name: "look", input: { at: "é" } };
const result = (content: string | ContentBlock[], id = "t"): ContentBlock => ({ type: "tool_result", tool_use_id: id, content });
const signed: ContentBlock = { type: "thinking", thinking: "hm", signature: "c2ln" };
const attached = JSON.parse('{"type":"file","name":"a.txt","mime_type":"text/plain"}') as ContentBlock;

const ALL = capabilities({
  supports_thinking: true,
  supports_tools: true,
  supports_tool_choice: true,
  supports_stop_sequences: true,
  supports_top_k: true,
  supports_structured_output: true,
  supports_vision: true,
  supports_documents: true,
});
const to = (vendor: string, own: Partial<ClientCapabilities> = {}): LowerTarget => ({ vendor, capabilities: { ...ALL, ...own } });
const lowered = (given: Partial<ModelRequest>, target: LowerTarget) => {
  const told: string[] = [];
  const request = modelRequest({ model: "m", maxTokens: 100, messages: [user("hi")], ...given });
  const out = lower(request, target, {
    dropped: (field, value) => told.push(`${field}=${JSON.stringify(value)}`),
    unsupported: (field) => told.push(field),
  });
  return { request, out, told };
};
const blocksAt = (given: Message[], target: LowerTarget, at = 0) => {
  const { out, told } = lowered({ messages: given }, target);
  return [out.messages[at]?.content, told] as const;
};

test("fields that are dropped or not supported are unset and told by their name on the wire", () => {
  const asked: Partial<ModelRequest> = {
    temperature: 0,
    topP: 0.5,
    topK: 3,
    stopSequences: ["x"],
    toolChoice: { type: "any" },
    tools: [{ name: "f", description: "", input_schema: {} }],
    thinking: { type: "adaptive", budgetTokens: 0, display: null },
    outputSchema: { type: "object" },
    system: [
      { type: "text", text: "Be brief." },
      { type: "text", text: "Be kind." },
    ],
    systemVolatile: "It is noon.",
  };
  const able = lowered(asked, to("mine"));
  assert.equal(able.out, able.request);
  assert.deepEqual(able.told, []);
  const drops = lowered(
    asked,
    to("mine", { drops: ["temperature", "top_p", "top_k", "stop_sequences", "max_tokens", "tool_choice", "tools"] }),
  );
  assert.deepEqual(drops.told, [
    "temperature=0",
    "top_p=0.5",
    "top_k=3",
    'stop_sequences=["x"]',
    "max_tokens=100",
    'tool_choice={"type":"any"}',
    'tools=["f"]',
  ]);
  const plain = lowered(asked, { vendor: "mine", capabilities: capabilities({ supports_system_prompt: false }) });
  assert.deepEqual(plain.told, ["top_k", "stop_sequences", "tool_choice", "tools", "thinking", "output_schema", "system"]);
  assert.deepEqual(plain.out, {
    ...plain.request,
    ...{ topK: null, stopSequences: null, toolChoice: null, tools: [], thinking: null, outputSchema: null },
    ...{ system: "", systemVolatile: "Be brief.\n\nBe kind.\n\nIt is noon." },
  });
  const off = { type: "disabled", budgetTokens: 0, display: null } as const;
  assert.deepEqual(
    lowered({ thinking: off }, to("mine", { supports_thinking: false })).told,
    [],
    "who does not ask to think loses nothing",
  );
});

test("a field that a model was found not to take is dropped whatever the capabilities say", () => {
  const told: string[] = [];
  const request = modelRequest({ model: "m", maxTokens: 1, messages: [], temperature: 1 });
  const telling = { refused: new Set(["temperature"]), dropped: (field: string) => told.push(field), unsupported: () => undefined };
  assert.equal(lower(request, to("anthropic"), telling).temperature, null);
  assert.deepEqual(told, ["temperature"]);
});

test("thinking goes back to whoever signed it, and to nobody else", () => {
  const sign: ContentBlock = { type: "opaque", block: { provider: "google", thoughtSignature: "c2ln" } };
  const reasoning: ContentBlock = { type: "opaque", block: { provider: "openai", item: { type: "reasoning", encrypted_content: "x" } } };
  const unsigned: ContentBlock = { type: "thinking", thinking: "hm" };
  const redacted: ContentBlock = { type: "redacted_thinking", data: "x" };
  const said = text("so");
  const rows: [ContentBlock[], string, ContentBlock[], string[]][] = [
    [[signed, redacted, said], "anthropic", [signed, redacted, said], []],
    [[signed, said], "google", [said], ["messages.thinking"]],
    [[redacted, said], "openai", [said], ["messages.thinking"]],
    [[unsigned, sign, said, sign], "google", [unsigned, sign, said, sign], []],
    [[unsigned, said], "google", [said], []],
    [[unsigned, sign, said], "anthropic", [said], ["messages.thinking"]],
    [[unsigned, said], "vllm", [said], []],
    [[unsigned, reasoning, said], "openai", [reasoning, said], []],
    [[reasoning, said], "google", [said], ["messages.thinking"]],
  ];
  for (const [given, vendor, wanted, told] of rows)
    assert.deepEqual(blocksAt([model(given)], to(vendor)), [wanted, told], `${vendor}: ${JSON.stringify(given)}`);
});

test("a vendor's own blocks stay with it; one without a name is Anthropic's", () => {
  const search: ContentBlock = { type: "opaque", block: { type: "server_tool_use", id: "s", name: "web_search", input: {} } };
  const code: ContentBlock = { type: "opaque", block: { provider: "google", part: { executableCode: { language: "PYTHON", code: "1" } } } };
  const given = [model([search, text("a"), code])];
  assert.deepEqual(blocksAt(given, to("anthropic")), [[search, text("a")], ["messages.opaque"]]);
  assert.deepEqual(blocksAt(given, to("google")), [[text("a"), code], ["messages.opaque"]]);
  assert.deepEqual(blocksAt(given, to("mine")), [[text("a")], ["messages.opaque"]]);
});

test("what a model cannot be shown becomes its text, else a word in its place that says so", () => {
  const blind = to("mine", { supports_vision: false, supports_documents: false });
  const url: ContentBlock = { type: "image", source: { type: "url", url: "https://x.test/a.png" } };
  assert.deepEqual(blocksAt([user([image(), url, pdf, notes, text("?")])], blind), [
    [
      text("[image (image/png) is left out: this model cannot be shown it]"),
      text("[image at https://x.test/a.png is left out: this model cannot be shown it]"),
      text('[document "r" (application/pdf) is left out: this model cannot be shown it]'),
      text("notes\n\n# words"),
      text("?"),
    ],
    ["messages.image", "messages.document"],
  ]);
  const csv: ContentBlock = { type: "document", source: { type: "base64", media_type: "text/csv", data: btoa("a,b") } };
  assert.deepEqual(blocksAt([user([csv])], to("anthropic")), [[text("a,b")], []]);
  assert.deepEqual(blocksAt([user([csv])], to("google")), [[csv], []]);
  assert.deepEqual(blocksAt([model([image(), text("a")])], to("openai"))[1], ["messages.image"], "no model says a picture");
  const marked = { ...image(), cache_control: { type: "ephemeral" } } as ContentBlock;
  assert.partialDeepStrictEqual(blocksAt([user([marked])], blind)[0], [{ type: "text", cache_control: { type: "ephemeral" } }]);
});

test("kinds of images that a vendor refuses are not sent to it", () => {
  const kept = (type: string, vendor: string) => blocksAt([user([image(type)])], to(vendor))[1].length === 0;
  const table = ["image/png", "image/gif", "image/heic", "image/tiff"].map((type) =>
    ["anthropic", "google", "openai", "mine"].filter((vendor) => kept(type, vendor)),
  );
  assert.deepEqual(table, [["anthropic", "google", "openai", "mine"], ["anthropic", "openai", "mine"], ["google", "mine"], ["mine"]]);
  assert.deepEqual(blocksAt([user([image("image/jpg")])], to("anthropic")), [[image("image/jpeg")], []]);
});

test("a file stays with the vendor whose form its id has", () => {
  const ids = ["file_1", "file-1", "https://x.test/v1beta/files/1", "my-own"];
  const taken = (vendor: string) =>
    ids.filter((file_id) => blocksAt([user([{ type: "document", source: { type: "file", file_id } }])], to(vendor))[1].length === 0);
  assert.deepEqual(["anthropic", "openai", "google", "mine"].map(taken), [[ids[0]], [ids[1]], [ids[2]], [ids[3]]]);
});

test("what results show follows them where they cannot hold it, each told apart", () => {
  const target = to("google", { supports_vision_tool_results: false });
  assert.deepEqual(blocksAt([user([result([text("1"), image()]), text("so?")])], target), [
    [result([text("1")]), image(), text("so?")],
    [],
  ]);
  assert.deepEqual(blocksAt([user([result([image()], "a"), result([text("2"), pdf], "b"), text("so?")])], target), [
    [
      result([text("(What it shows follows the results, no. 1.)")], "a"),
      result([text("2"), text("(What it shows follows the results, no. 2.)")], "b"),
      text("(Shown by a result, no. 1:)"),
      image(),
      text("(Shown by a result, no. 2:)"),
      pdf,
      text("so?"),
    ],
    [],
  ]);
  const blind = to("mine", { supports_vision_tool_results: false, supports_vision: false });
  assert.deepEqual(blocksAt([user([result([image()])])], blind), [
    [result([text("[image (image/png) is left out: this model cannot be shown it]")])],
    ["messages.image"],
  ]);
});

test("without tools, calls and results are told as text", () => {
  const mute = to("mine", { supports_tools: false });
  const failed: ContentBlock = { type: "tool_result", tool_use_id: "t", content: "no", is_error: true };
  const history = [user("q"), model([text("Let me."), call]), user([result([text("1"), image()]), failed, text("so?")])];
  assert.deepEqual(blocksAt(history, mute, 1), [[text("Let me."), text('[Tool call: look({"at":"é"})]')], ["messages.tool_use"]]);
  assert.deepEqual(blocksAt(history, mute, 2)[0], [text("[Tool result] 1"), image(), text("[Tool error] no"), text("so?")]);
});

test("a tool's name that a model made up is one that the next vendor bears", () => {
  const named = (name: string, vendor: string) => {
    const [content] = blocksAt([model([{ type: "tool_use", id: "t", name, input: {} }])], to(vendor));
    const block = typeof content === "string" ? undefined : content?.[0];
    return block?.type === "tool_use" ? block.name : undefined;
  };
  assert.equal(named("functions.read file", "anthropic"), "functions_read_file");
  assert.equal(named("functions.read", "google"), "functions.read");
  assert.equal(named("1st", "google"), "_1st");
  assert.equal(named("", "openai"), "unknown");
  assert.equal(named("x".repeat(99), "openai"), "x".repeat(64));
  assert.equal(named("any thing", "mine"), "any thing");
});

test("files of the Python program are told in words, results without content are empty ones", () => {
  assert.deepEqual(blocksAt([user([attached])], to("anthropic")), [[text("[attached file: a.txt (text/plain)]")], ["messages.file"]]);
  const bare = JSON.parse('{"type":"tool_result","tool_use_id":"t"}') as ContentBlock;
  assert.deepEqual(blocksAt([user([bare])], to("anthropic")), [[result("")], []]);
});

/** Every kind of block, by every vendor, in any place; each text is its own. */
let count = 0;
const word = fc.constant(null).map(() => `word${count++}.`);
const from = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const media = fc.oneof(
  from("image/png", "image/jpg", "image/heic", "image/gif", "image/svg+xml").map(image),
  fc
    .tuple(
      from("image" as const, "document" as const),
      from("https://x.test/a.png", "file_1", "file-1", "https://x.test/files/1", "whose"),
      fc.boolean(),
    )
    .map(
      ([type, id, url]): ContentBlock => ({ type, source: url ? { type: "url", url: "https://x.test/a" } : { type: "file", file_id: id } }),
    ),
  from(pdf, notes),
  word.map(
    (data): ContentBlock => ({ type: "document", source: { type: "base64", media_type: "text/csv", data: btoa(data) }, title: "t" }),
  ),
);
const ids = from("t1", "call_0", "a.b/c", "", `toolu_${"x".repeat(70)}`);
const thoughts = from<ContentBlock>(
  signed,
  { type: "thinking", thinking: "hm" },
  { type: "redacted_thinking", data: "x" },
  { type: "opaque", block: { provider: "google", thoughtSignature: "c2ln" } },
  { type: "opaque", block: { provider: "google", part: { text: "", thoughtSignature: "c2ln" } } },
  { type: "opaque", block: { provider: "openai", item: { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" } } },
);
const foreign = from<ContentBlock>(
  { type: "opaque", block: { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} } },
  { type: "opaque", block: { provider: "google", part: { executableCode: { language: "PYTHON", code: "1" } } } },
  { type: "opaque", block: { provider: "openai", item: { type: "web_search_call", id: "ws_1" } } },
  attached,
);
const found: ContentBlock = { type: "opaque", block: { type: "search_result", source: "x", title: "x", content: [] } };
const spoken = fc.oneof({ arbitrary: word.map(text), weight: 4 }, from(" ", "").map(text));
const block: fc.Arbitrary<ContentBlock> = fc.oneof(
  { arbitrary: spoken, weight: 3 },
  { arbitrary: media, weight: 2 },
  { arbitrary: thoughts, weight: 2 },
  foreign,
  {
    arbitrary: fc
      .tuple(ids, from("look", "look.at it", "", "ü"))
      .map(([id, name]): ContentBlock => ({ type: "tool_use", id, name, input: {} })),
    weight: 2,
  },
  {
    arbitrary: fc
      .tuple(ids, fc.array(fc.oneof(spoken, media, thoughts, from(attached, found)), { maxLength: 3 }))
      .map(([id, inner]) => result(inner, id)),
    weight: 2,
  },
);
const turn = fc
  .tuple(fc.boolean(), fc.oneof(word, fc.array(block, { maxLength: 6 })))
  .map(([mine, content]) => (mine ? user(content) : model(content)));
const history = fc
  .tuple(fc.array(turn, { maxLength: 7 }), word, fc.array(turn, { maxLength: 3 }))
  .map(([before, anchor, after]) => [...before, user(anchor), ...after]);

const targets = fc
  .tuple(from("anthropic", "google", "openai", "mine"), fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean())
  .map(([vendor, supports_tools, supports_vision, supports_vision_tool_results, supports_documents]) =>
    to(vendor, { supports_tools, supports_vision, supports_vision_tool_results, supports_documents }),
  );

test("to lower twice is to lower once; the second time tells nothing, and the history itself never changes", () => {
  fc.assert(
    fc.property(history, targets, (messages, target) => {
      const before = JSON.stringify(messages);
      const first = lowered({ messages }, target);
      const second = lowered(first.out, target);
      assert.equal(second.out.messages, first.out.messages);
      assert.deepEqual(second.told, []);
      assert.equal(first.out.messages.length, messages.length, "cache marks are counted by messages");
      assert.equal(JSON.stringify(messages), before);
      for (const [i, message] of first.out.messages.entries())
        if (JSON.stringify(message) === JSON.stringify(messages[i])) assert.equal(message, messages[i], "same, so the same object");
    }),
    { numRuns: 1000 },
  );
});

test("a request in which all is well is the same object, and costs little however long it is", () => {
  const messages = Array.from({ length: 4000 }, (_, i) =>
    i % 2 ? model([signed, text(`a${i}`), { ...call, id: `t${i}` } as ContentBlock]) : user(i ? [result("1", `t${i - 1}`), image()] : "go"),
  );
  const target = to("anthropic");
  const time = () => {
    const start = performance.now();
    const { out, request } = lowered({ messages }, target);
    assert.equal(out, request);
    return performance.now() - start;
  };
  const cold = time();
  const warm = Math.min(...Array.from({ length: 20 }, time));
  assert(warm < Math.max(1, cold / 2), `cold ${cold} ms, warm ${warm} ms`);
});

interface Wire {
  readonly model: string;
  open(url: string): Promise<Provider>;
  /** Where a request holds what was signed. Null: this wire signs nothing. */
  readonly signature: RegExp | null;
}
/** Every wire that there is a provider for. */
const WIRES: { readonly [name: string]: Wire } = {
  anthropic: {
    model: "claude-sonnet-4-6",
    open: (baseUrl) => providers.anthropic({ apiKey: "k", baseUrl }),
    signature: /"thinking":"deep thought","signature":"c2lnbmVk"/,
  },
  openai: {
    model: "gpt-6-astra",
    open: (url) => providers.openai({ apiKey: "k", baseUrl: `${url}/v1` }),
    signature: /"encrypted_content":"c2lnbmVk"/,
  },
  "openai's chat": {
    model: "gpt-4.1",
    open: (url) => providers.openai({ apiKey: "k", baseUrl: `${url}/v1`, api: "chat" }),
    signature: null,
  },
  google: {
    model: "gemini-3.1-pro",
    open: (baseUrl) => providers.google({ apiKey: "k", baseUrl }),
    signature: /"thoughtSignature":"c2lnbmVk"/,
  },
};
const look = { name: "look", description: "looks", input_schema: { type: "object", properties: {} } } as const;
const budget = { type: "enabled", budgetTokens: 1024, display: null } as const;
const ask = async (at: OfflineModel, wire: Wire, messages: readonly Message[], more: Partial<ModelRequest> = {}) => {
  const provider = await wire.open(at.url);
  const request = modelRequest({ model: wire.model, maxTokens: 4096, messages, tools: [look], thinking: budget, ...more });
  return collect(provider.name, wire.model, provider.stream(request, { signal }));
};
const lastBody = (at: OfflineModel): string => JSON.stringify(at.requests.at(-1)?.body);

for (const [name, wire] of Object.entries(WIRES))
  test(`whatever was said wherever, ${name} takes it, and no word is lost`, async () => {
    await using at = await startModel({ script: () => ({ text: "ok" }) });
    const volatile = from("", "It is noon.");
    await fc.assert(
      fc.asyncProperty(history, volatile, fc.boolean(), async (messages, systemVolatile, thinks) => {
        await ask(at, wire, messages, { systemVolatile, thinking: thinks ? budget : null });
        const body = lastBody(at);
        const words = messages.flatMap(({ content }) =>
          (typeof content === "string" ? [text(content)] : content).flatMap((one) => (one.type === "text" ? [one.text] : [])),
        );
        for (const one of words) assert(body.includes(one.trim()), `${one} is lost`);
      }),
      { numRuns: 400 },
    );
  });

for (const [first, here] of Object.entries(WIRES))
  for (const [second, there] of Object.entries(WIRES))
    test(`a turn that ${first} began goes on at ${second}, and back`, async () => {
      const deep: Turn = {
        thinking: { text: "deep thought", signature: "c2lnbmVk" },
        text: "Let me look.",
        tool_calls: ["a", "b"].map((at) => ({ id: first === "google" ? "" : `${first}.${at}`, name: "look", input: { at } })),
      };
      const again: Turn = { text: "Once more.", tool_calls: [{ id: "call_0", name: "look", input: {} }] };
      await using at = await startModel({ script: [deep, again, { text: "Done." }] });
      const messages: Message[] = [user([text("What is it?"), image(), pdf])];
      const answered = async (wire: Wire) => {
        const { content } = await ask(at, wire, messages);
        messages.push(model(content));
        const results = content.flatMap((one) => (one.type === "tool_use" ? [result([text(`seen ${one.id}`), image()], one.id)] : []));
        if (results.length) messages.push(user(results));
      };
      await answered(here);
      await answered(there);
      const body = lastBody(at);
      for (const said of ["What is it?", "Let me look.", "seen"]) assert(body.includes(said), said);
      assert.equal(body.split("iVBORw0KGgo=").length - 1, 3, "the question's image and two results'");
      if (here.signature) assert.equal(here.signature.test(body), first === second, "what one signed goes back to it alone");
      await answered(here);
      if (here.signature) assert.match(lastBody(at), here.signature);
      assert.match(lastBody(at), /Once more\./);
      at.expectDone();
    });

test("what is lost on the way is told once by the provider", async () => {
  await using at = await startModel({ script: () => ({ text: "ok" }) });
  const provider = await WIRES.google?.open(at.url);
  assert(provider);
  const told: unknown[] = [];
  const request = modelRequest({
    model: "gemini-3.1-pro",
    maxTokens: 10,
    messages: [user([image("image/gif")]), model([signed, text("a")]), user("b")],
  });
  for (let i = 0; i < 2; i++)
    for await (const event of provider.stream(request, { signal })) if (event.type === "notice") told.push([event.notice, event.data]);
  assert.deepEqual(told, [
    ["feature_unsupported", { provider: "google", field: "messages.image" }],
    ["feature_unsupported", { provider: "google", field: "messages.thinking" }],
  ]);
});

test("a budget of thinking waits where another model began the turn", async () => {
  await using at = await startModel({ script: () => ({ text: "ok" }) });
  const wire = WIRES.anthropic;
  assert(wire);
  const began = [user("q"), model([text("Let me."), call]), user([result("1")])];
  await ask(at, wire, began);
  assert.doesNotMatch(lastBody(at), /budget_tokens/);
  await ask(at, wire, [...began, model("Done."), user("and?")]);
  assert.match(lastBody(at), /budget_tokens/);
});
