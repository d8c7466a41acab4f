/** The provider suite finds what is wrong: each of these providers breaks one rule, and the case that is there for it fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APIError, type ModelEvent, type ModelRequest, type Provider, type StreamOptions } from "geny-executor";
import { providers } from "geny-executor/providers";
import { type ProviderCase, providerSuite, startModel } from "geny-executor/testing";

type Stream = (request: ModelRequest, options: StreamOptions, inner: Provider) => AsyncIterable<ModelEvent>;
/** The cases for a provider that is right but for its stream. */
const casesOf = (stream: Stream): readonly ProviderCase[] =>
  providerSuite(
    async (baseUrl, options) => {
      const inner = await providers.anthropic({ apiKey: "k", baseUrl, ...options });
      return { ...inner, stream: (request, given) => stream(request, given, inner) };
    },
    { model: "claude-sonnet-4-6" },
  );
const named = (cases: readonly ProviderCase[], wanted: string): ProviderCase =>
  cases.find(({ name }) => name === wanted) ?? assert.fail(`there is no case "${wanted}"`);

/** Each event as another, or as several. */
const changed = (change: (event: ModelEvent) => readonly ModelEvent[]): Stream =>
  async function* (request, options, inner) {
    for await (const event of inner.stream(request, options)) yield* change(event);
  };
const asked =
  (change: (request: ModelRequest) => ModelRequest): Stream =>
  (request, options, inner) =>
    inner.stream(change(request), options);
const unless = (type: ModelEvent["type"]) => changed((event) => (event.type === type ? [] : [event]));

const WRONG: { readonly [what: string]: { readonly stream: Stream; readonly fails: string; readonly words: RegExp } } = {
  "no start": { stream: unless("start"), fails: "text", words: /an answer starts once/ },
  "no end": { stream: unless("finish"), fails: "text", words: /deep-equal/ },
  "no usage": { stream: unless("usage"), fails: "text", words: /deep-equal/ },
  "two ends": { stream: changed((e) => (e.type === "finish" ? [e, e] : [e])), fails: "text", words: /finish is the last event/ },
  "blocks that go back": {
    stream: changed((e) => (e.type === "tool_call_delta" ? [e, { type: "text", index: 0, text: "!" }] : [e])),
    fails: "words, then a call",
    words: /goes on after/,
  },
  "calls of one id": {
    stream: changed((e) => (e.type === "tool_call" || e.type === "tool_call_start" ? [{ ...e, id: "same" }] : [e])),
    fails: "the same call twice at once",
    words: /an id of its own/,
  },
  "a call that did not begin": { stream: unless("tool_call_start"), fails: "one call", words: /the one that was begun/ },
  "lost letters": {
    stream: changed((e) => (e.type === "text" ? [{ ...e, text: e.text.normalize("NFC").replace("👩", "?") }] : [e])),
    fails: "unicode",
    words: /deep-equal/,
  },
  "an image that is lost without a word": {
    stream: asked((request) => ({ ...request, messages: request.messages.map((m) => ({ ...m, content: "What is it?" })) })),
    fails: "an image in a user's message",
    words: /messages\.image is neither/,
  },
  "a volatile part before the cache marks": {
    stream: asked((request) => ({ ...request, system: `${request.systemVolatile}${request.system}`, systemVolatile: "" })),
    fails: "system prompt's volatile part, after every cache mark",
    words: /comes before/,
  },
  "a signature that is not sent back": {
    stream: asked((request) => ({
      ...request,
      messages: request.messages.map((m) => ({
        ...m,
        content: typeof m.content === "string" ? m.content : m.content.filter((b) => b.type !== "thinking"),
      })),
    })),
    fails: "thinking's signature goes back to its vendor",
    words: /does not hold "c2lnbmVk"/,
  },
  "a notice with every answer": {
    stream: changed((e) => (e.type === "start" ? [{ type: "notice", notice: "parameter_dropped", data: { field: "top_k" } }, e] : [e])),
    fails: "sampling parameters, sent or dropped and told once",
    words: /told twice/,
  },
  "an error that is none of ours": {
    stream: async function* (request, options, inner) {
      try {
        yield* inner.stream(request, options);
      } catch (error) {
        throw new Error(String(error));
      }
    },
    fails: "401: a wrong key",
    words: /no APIError/,
  },
  "an error of the wrong code": {
    stream: async function* (request, options, inner) {
      try {
        yield* inner.stream(request, options);
      } catch {
        throw new APIError("it failed", { code: "exec.api.network" });
      }
    },
    fails: "429: wait a while",
    words: /exec\.api\.network, and not with exec\.api\.rate_limited/,
  },
  "a broken answer that is taken for a whole one": {
    stream: async function* (request, options, inner) {
      try {
        yield* inner.stream(request, options);
      } catch {
        yield { type: "finish", stopReason: "end_turn" };
      }
    },
    fails: "cut within a text",
    words: /it did not fail/,
  },
  "an abort that nobody hears": {
    stream: (request, _options, inner) => inner.stream(request, { signal: AbortSignal.timeout(2000) }),
    fails: "an abort within a text",
    words: /the signal's reason|not within/,
  },
  "a reader's leaving that nobody hears": {
    stream: (request, options, inner) => {
      const events = inner.stream(request, options)[Symbol.asyncIterator]();
      return { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) };
    },
    fails: "a reader who leaves within a text",
    words: /still open after 250 ms/,
  },
};

for (const [what, { stream, fails, words }] of Object.entries(WRONG))
  test(`${what}: "${fails}" fails`, async () => {
    await assert.rejects(named(casesOf(stream), fails).run(), words);
    await named(
      casesOf((request, options, inner) => inner.stream(request, options)),
      fails,
    ).run();
  });

test("a trait changes what is expected, with its reason; one that hinders leaves the case out", async () => {
  const make = (url: string) => providers.vllm({ baseUrl: `${url}/v1` });
  const cases = providerSuite(make, { model: "m", traits: { joined_texts: "one text", no_pause: "no word for it" } });
  assert.deepEqual(named(cases, "two texts").differs, ["texts in a row are one text: one text"]);
  assert.equal(named(cases, "pauses").skip, "an answer cannot pause: no word for it");
  await named(cases, "two texts").run();
  await assert.rejects(named(providerSuite(make, { model: "m" }), "two texts").run(), /deep-equal/);
});

test("the peer may be the author's own", async () => {
  const asked: string[] = [];
  const cases = providerSuite((baseUrl) => providers.anthropic({ apiKey: "k", baseUrl }), {
    model: "m",
    peer: async (script) => {
      const model = await startModel({ script });
      asked.push(model.url);
      return model;
    },
  });
  await named(cases, "text").run();
  assert.equal(asked.length, 1);
});
