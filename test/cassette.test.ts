/** Recording what a `fetch` asks and is answered, without its secrets, and playing it back. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import fc from "fast-check";
import { CassetteError, ModelMismatch, type OfflineModel, readCassette, recorder, ScriptError, startModel } from "geny-executor/testing";
import OpenAI from "openai";

let folder = "";
let files = 0;
const fresh = (): string => join(folder, "deep", `${files++}.jsonl`);
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cassette-"));
});
after(() => rm(folder, { recursive: true, force: true }));

const ask = { model: "claude-opus-5", max_tokens: 1000, messages: [{ role: "user" as const, content: "hi 세계" }] };
const key = "sk-ant-a-real-looking-secret";
const anthropic = (baseURL: string, fetch?: typeof globalThis.fetch, apiKey = key): Anthropic =>
  new Anthropic({ apiKey, baseURL, maxRetries: 0, ...(fetch && { fetch }) });

/** A server of a test's own. */
async function serving(
  answer: (req: IncomingMessage, res: ServerResponse, body: Buffer) => void,
): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    answer(req, res, Buffer.concat(chunks));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address);
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe("what is recorded is played", () => {
  test("a streamed answer, a whole one, and an error, to the vendor's SDK", async () => {
    const file = fresh();
    const told = async (client: Anthropic): Promise<unknown> => {
      const streamed = await client.messages.stream(ask).finalMessage();
      const whole = await client.messages.create({
        ...ask,
        messages: [...ask.messages, { role: "assistant", content: "yes" }, { role: "user", content: "so?" }],
      });
      const failed = await client.messages
        .create(ask)
        .catch((error: unknown) => (error instanceof Anthropic.RateLimitError ? error.headers.get("retry-after") : error));
      return JSON.parse(JSON.stringify([streamed, whole, failed]));
    };
    await using real = await startModel({
      script: [
        { thinking: "hm", text: "hello 🎈", tool_calls: [{ name: "t", input: { a: 1 } }] },
        { text: "whole" },
        { fault: { kind: "status", status: 429, retry_after: 7 } },
      ],
    });
    await using recording = recorder({ file });
    const before = await told(anthropic(real.url, recording));
    await recording.written();
    await using played = await startModel({ cassette: file });
    assert.throws(() => played.expectDone(), /recording 0 \(POST \/v1\/messages\) was not asked for/);
    assert.deepEqual(await told(anthropic(played.url, undefined, "another key")), before);
    played.expectDone();
    assert.deepEqual(
      played.requests.map((r) => [r.turn, r.status, r.problem]),
      [
        [0, 200, null],
        [1, 200, null],
        [2, 429, null],
      ],
    );
    assert.equal((await readFile(file, "utf8")).includes(key), false);
    assert.deepEqual(
      await readdir(join(folder, "deep")),
      (await readdir(join(folder, "deep"))).filter((name) => name.endsWith(".jsonl")),
    );
  });

  test("another wire, whose client stops reading at [DONE]", async () => {
    const file = fresh();
    const chat = async (model: OfflineModel, fetch?: typeof globalThis.fetch): Promise<string | null | undefined> => {
      const client = new OpenAI({ apiKey: key, baseURL: `${model.url}/v1`, maxRetries: 0, ...(fetch && { fetch }) });
      const stream = client.chat.completions.stream({ model: "gpt-6-astra", messages: [{ role: "user", content: "hi" }] });
      return (await stream.finalChatCompletion()).choices[0]?.message.content;
    };
    await using real = await startModel({ script: [{ text: "hello", delta_delay_ms: 1 }] });
    const recording = recorder({ file });
    assert.equal(await chat(real, recording), "hello");
    await recording.written();
    await using played = await startModel({ cassette: file });
    assert.equal(await chat(played), "hello");
    played.expectDone();
  });

  test("bytes that are no text, both ways, and the same request twice in its order", async () => {
    const file = fresh();
    let count = 0;
    await using server = await serving((_req, res, body) => res.end(Buffer.concat([body, Buffer.from([0xff, 0x00, count++])])));
    const recording = recorder({ file });
    const body = new Uint8Array([0xfe, 0xff, 0x80]);
    const send = async (url: string, fetch: typeof globalThis.fetch): Promise<number[]> => [
      ...new Uint8Array(await (await fetch(`${url}/upload?b=2&a=1`, { method: "PUT", body })).arrayBuffer()),
    ];
    const before = [await send(server.url, recording), await send(server.url, recording)];
    await recording.written();
    await using played = await startModel({ cassette: file });
    const swapped = await fetch(`${played.url}/upload?a=1&b=2`, { method: "PUT", body });
    assert.deepEqual([[...new Uint8Array(await swapped.arrayBuffer())], await send(played.url, fetch)], before);
    assert.deepEqual(before[1], [0xfe, 0xff, 0x80, 0xff, 0, 1]);
    played.expectDone();
  });

  test("a connection that died dies again, after the same bytes", async () => {
    const file = fresh();
    await using real = await startModel({ script: [{ text: "hello", fault: { kind: "cut", after: 2 } }] });
    const recording = recorder({ file });
    const heard = async (url: string, fetch: typeof globalThis.fetch): Promise<[string, boolean]> => {
      const res = await fetch(`${url}/v1/messages`, {
        method: "POST",
        headers: { "x-api-key": key, "anthropic-version": "2023-06-01" },
        body: JSON.stringify({ ...ask, stream: true }),
      });
      let text = "";
      try {
        for await (const chunk of res.body ?? []) text += Buffer.from(chunk).toString();
        return [text, false];
      } catch {
        return [text, true];
      }
    };
    const before = await heard(real.url, recording);
    assert.ok(before[1] && before[0].includes("content_block_start"));
    await recording.written();
    assert.equal((await readCassette(file))[0]?.response.end, "broken");
    await using played = await startModel({ cassette: file });
    assert.deepEqual(await heard(played.url, fetch), before);
  });

  test("timing, where it is asked for", async () => {
    const file = fresh();
    await using real = await startModel({ script: [{ text: "x", delta_delay_ms: 15 }] });
    const recording = recorder({ file, timing: true });
    await anthropic(real.url, recording).messages.stream(ask).finalMessage();
    await recording.written();
    const [one] = await readCassette(file);
    assert.ok((one?.response.pace?.length ?? 0) > 3);
    await using played = await startModel({ cassette: file });
    const since = performance.now();
    await anthropic(played.url).messages.stream(ask).finalMessage();
    assert.ok(performance.now() - since >= 50);
  });

  test("exchanges stand in the order in which they were asked, and one without an answer is left out", async () => {
    const file = fresh();
    await using server = await serving((req, res) => void setTimeout(() => res.end(req.url), req.url === "/slow" ? 40 : 0));
    const recording = recorder({ file });
    const texts = await Promise.all(["/slow", "/fast"].map(async (path) => (await recording(server.url + path)).text()));
    await assert.rejects(recording("http://127.0.0.1:1/"));
    await recording.written();
    assert.deepEqual(texts, ["/slow", "/fast"]);
    assert.deepEqual(
      (await readCassette(file)).map(({ request }) => request.path),
      texts,
    );
  });
});

describe("drift", () => {
  const recorded = async (): Promise<string> => {
    const file = fresh();
    await using real = await startModel({ script: [{ text: "a" }, { text: "b" }] });
    const recording = recorder({ file });
    await anthropic(real.url, recording).messages.create({ ...ask, metadata: { user_id: "u1" } });
    await anthropic(real.url, recording).messages.create({ ...ask, system: "be brief" });
    await recording.written();
    return file;
  };

  test("is told path by path, against the nearest recording", async () => {
    await using model = await startModel({ cassette: await recorded() });
    const asked = anthropic(model.url).messages.create({
      ...ask,
      system: "be long",
      messages: [{ role: "user", content: "ho" }],
      max_tokens: 5,
    });
    await assert.rejects(
      asked,
      (e) => e instanceof Anthropic.BadRequestError && /body\.system: recorded "be brief", now "be long"/.test(String(e.apiMessage)),
    );
    assert.throws(
      () => model.expectDone(),
      (e) => {
        assert.ok(e instanceof ModelMismatch);
        const [first = ""] = e.problems;
        assert.match(first, /no recording fits POST \/v1\/messages\. What differs from recording 1/);
        assert.deepEqual(first.match(/^ {2}\S+(?=:)/gm), ["  body.max_tokens", "  body.messages.0.content", "  body.system"]);
        return e.problems.length === 3;
      },
    );
  });

  test("of what is ignored is none, and a recording is played once", async () => {
    await using model = await startModel({ cassette: { file: await recorded(), ignore: ["body.metadata.user_id"] } });
    const request = { ...ask, metadata: { user_id: "u2" } };
    assert.equal((await anthropic(model.url).messages.create(request)).content.length, 1);
    await assert.rejects(anthropic(model.url).messages.create(request), /body\.system: recorded \\"be brief\\", now nothing/);
    await anthropic(model.url).messages.create({ ...ask, system: "be brief" });
    await assert.rejects(anthropic(model.url).messages.create(request), /all 2 of .* were played/);
  });

  test("of a version of the wire is one", async () => {
    await using model = await startModel({ cassette: await recorded() });
    const headers = { "content-type": "application/json", "x-api-key": key, "anthropic-version": "2023-06-01" };
    const res = await fetch(`${model.url}/v1/messages`, { method: "POST", headers, body: JSON.stringify({ ...ask, system: "be brief" }) });
    assert.equal(res.status, 400);
    assert.match(await res.text(), /headers\.anthropic-version: recorded \\"2026-10-21\\", now \\"2023-06-01\\"/);
  });
});

describe("what is no cassette, or not for a script", () => {
  test("is told with its place", async () => {
    const file = join(folder, "bad.jsonl");
    const cases: readonly [string, string][] = [
      ["", ":1"],
      ['{"geny_cassette":2}\n', ":1"],
      ['{"geny_cassette":1}\nnot json\n', ":2"],
      ['{"geny_cassette":1}\n{"request":{}}\n', ":2"],
      ['{"geny_cassette":1}\n{"request":{"method":"GET","path":"/"},"response":{"status":200,"body":{"text":""},"end":"x"}}\n', ":2"],
    ];
    for (const [content, place] of cases) {
      await writeFile(file, content);
      await assert.rejects(startModel({ cassette: file }), (e) => e instanceof CassetteError && e.path === file + place);
    }
    await assert.rejects(startModel({ cassette: join(folder, "none.jsonl") }), { code: "ENOENT" });
    await writeFile(file, '{"geny_cassette":1}\n');
    await assert.rejects(startModel({ cassette: file, script: [] }), ScriptError);
    await using model = await startModel({ cassette: file });
    assert.throws(() => model.push({ text: "x" }), ScriptError);
    assert.throws(() => model.script([]), ScriptError);
  });
});

describe("no secret reaches the file", () => {
  const canary = fc
    .string({ unit: fc.constantFrom(...'abcXYZ019-_.~+/="\\%&#!'), minLength: 8, maxLength: 40 })
    .map((tail) => `can4ry${tail}`);
  const places = [
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "cookie",
    "basic",
    "key",
    "access_token",
    "set-cookie",
  ] as const;
  /** In no form that a reader would recognise. */
  const absent = (content: string, secret: string): void => {
    for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), Buffer.from(secret).toString("base64")]) {
      assert.equal(content.includes(form), false, `${form} is in the file`);
    }
    assert.equal(content.includes("can4ry"), false, "a part of the canary is in the file");
  };

  test("wherever it stands, whatever repeats it, however the answer is split", async () => {
    await using echo = await serving((req, res, body) => {
      const secret = decodeURIComponent(String(req.headers["x-planted"] ?? ""));
      res.setHeader("set-cookie", `id=${encodeURIComponent(secret)}; Path=/`);
      res.setHeader("request-id", encodeURIComponent(secret));
      const told = Buffer.from(JSON.stringify({ asked: body.toString(), url: req.url, secret, headers: req.headers }));
      const raw = req.url?.includes("raw=1") ? Buffer.concat([Buffer.from([0xff]), Buffer.from(secret), told]) : told;
      for (let at = 0; at < raw.length; at += 7) res.write(raw.subarray(at, at + 7));
      res.end();
    });
    await fc.assert(
      fc.asyncProperty(
        canary,
        fc.uniqueArray(fc.constantFrom(...places), { minLength: 1 }),
        fc.boolean(),
        fc.boolean(),
        async (secret, where, raw, timing) => {
          const file = fresh();
          const recording = recorder({ file, timing });
          const url = new URL(`${echo.url}/v1/thing?raw=${raw ? 1 : 0}`);
          const headers: Record<string, string> = { "x-planted": encodeURIComponent(secret), "x-planted-key": secret };
          for (const place of where) {
            if (place === "key" || place === "access_token") url.searchParams.set(place, secret);
            else if (place === "basic") headers["proxy-authorization"] = `Basic ${Buffer.from(`user:${secret}`).toString("base64")}`;
            else
              headers[place] =
                place === "authorization" ? `Bearer ${secret}` : place === "cookie" ? `a=1; s=${secret.replaceAll(";", "")}` : secret;
          }
          const body = JSON.stringify({ text: `my key is ${secret}.`, [secret]: [secret] });
          const answer = await recording(url, { method: "POST", headers, body });
          assert.ok((await answer.arrayBuffer()).byteLength > 0);
          await recording.written();
          absent(await readFile(file, "utf8"), secret);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("and the recording still fits a request with another key", async () => {
    await using echo = await serving((_req, res) => res.end("fine"));
    const json = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(json, canary, canary, async (content, one, other) => {
        const file = fresh();
        const recording = recorder({ file });
        const send = async (url: string, fetch: typeof globalThis.fetch, secret: string, text: string): Promise<number> => {
          const answer = await fetch(`${url}/x?key=${encodeURIComponent(secret)}`, {
            method: "POST",
            headers: { "x-api-key": secret },
            body: text,
          });
          await answer.text();
          return answer.status;
        };
        const text = JSON.stringify(content);
        const turned = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse()));
        await send(echo.url, recording, one, text);
        await recording.written();
        await using played = await startModel({ cassette: file });
        assert.equal(await send(played.url, fetch, other, turned), 200);
        played.expectDone();
      }),
      { numRuns: 40 },
    );
  });

  test("a short key, such as a local server's, is left out by name and changes no word", async () => {
    const file = fresh();
    await using real = await startModel({ script: [{ text: "any words" }] });
    const recording = recorder({ file });
    await anthropic(real.url, recording, "any").messages.create(ask);
    await recording.written();
    const [one] = await readCassette(file);
    assert.equal(one?.request.headers.authorization, "[redacted]");
    assert.match(JSON.stringify(one?.response.body), /any words/);
  });
});
