/** The Python program's recorded exchanges with Anthropic's wire: the same requests, the same answers, or a difference that is listed here. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import {
  APIError,
  type ContentBlock,
  collect,
  type Message,
  type MessageInput,
  type ModelRequest,
  type ModelResponse,
} from "geny-executor";
import { providers } from "geny-executor/providers";
import type { Difference } from "./types.ts";

type Plain = { readonly [key: string]: unknown };
interface Answer {
  readonly status?: number;
  readonly ct?: string;
  readonly json?: unknown;
  readonly sse?: readonly { readonly event: string; readonly data: unknown }[];
  readonly body?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly drop?: boolean;
}
interface Recording {
  readonly name: string;
  readonly stream: boolean;
  readonly model_config: Plain;
  readonly messages: readonly MessageInput[];
  readonly system?: ModelRequest["system"];
  readonly tools?: ModelRequest["tools"];
  readonly tool_choice?: ModelRequest["toolChoice"];
  readonly low_level_request_fields?: Plain;
  readonly client?: { readonly default_headers?: { readonly [name: string]: string } };
  readonly http?: { readonly method: string; readonly path: string; readonly headers: Plain; readonly body: Plain };
  readonly answers: "canned ok" | readonly Answer[];
  readonly response?: {
    readonly content: readonly Plain[];
    readonly stop_reason: string;
    readonly usage: Plain;
    readonly model: string;
    readonly message_id: string;
  };
  readonly error?: { readonly category: string; readonly code: string; readonly status_code: number | null };
}
/** One part in which ours is not as recorded. */
interface Mismatch {
  readonly recording: Recording;
  readonly part: "http" | "header" | "body" | "content" | "response" | "outcome" | "error";
  readonly key: string;
  readonly wanted: unknown;
  readonly got: unknown;
}

const on =
  (part: Mismatch["part"], key: string | RegExp, more: (m: Mismatch) => boolean = () => true) =>
  (m: Mismatch) =>
    m.part === part && (typeof key === "string" ? m.key === key : key.test(m.key)) && more(m);
const thinks = ({ model_config: c, low_level_request_fields: low }: Recording) =>
  c.thinking_enabled === true || low?.thinking !== undefined;
const firstAnswer = ({ answers }: Recording): Answer | undefined => (answers === "canned ok" ? undefined : answers[0]);
const rows = (value: unknown): readonly Plain[] => (Array.isArray(value) ? value : []);
const blocks = (messages: unknown): readonly Plain[] =>
  rows(messages).flatMap((m) => (typeof m.content === "string" ? [{ type: "text", text: m.content }] : rows(m.content)));
const sound = (messages: unknown) =>
  JSON.stringify(blocks(messages).filter((b) => !(b.type === "text" && b.text === "") && !(b.type === "thinking" && !b.signature)));

const differences: readonly Difference<Mismatch>[] = [
  {
    rule: "no sampling parameters beside thinking",
    why: "the vendor refuses them; 2.1.0 sent temperature 0.0 with every request",
    covers: on("body", /^(temperature|top_p|top_k)$/, (m) => m.got === undefined && thinks(m.recording)),
  },
  {
    rule: "outgoing history is repaired",
    why: "the vendor refuses blank texts, empty messages and unsigned thinking; messages of one role in a row are one to it",
    covers: on("body", "messages", (m) => sound(m.wanted) === sound(m.got)),
  },
  {
    rule: "a response format is sent",
    why: "2.1.0 took it and sent nothing",
    covers: on(
      "body",
      "output_config",
      (m) => m.wanted === undefined && m.recording.low_level_request_fields?.response_format !== undefined,
    ),
  },
  { rule: "no request metadata", why: "the canonical request has none", covers: on("body", "metadata", (m) => m.got === undefined) },
  {
    rule: "the vendor's SDK does not check the thinking budget against a time estimate",
    why: "2.1.0 failed inside the SDK: a large answer must be streamed there",
    covers: on("outcome", "error", (m) => m.wanted === true && m.recording.http === undefined && thinks(m.recording)),
  },
  {
    rule: "redacted thinking and server tools' blocks are kept",
    why: "2.1.0 lost them, so that the next request was invalid",
    covers: on("content", "blocks", (m) => {
      const wanted = JSON.stringify(m.wanted);
      const got = rows(m.got);
      return got.some(extra) && JSON.stringify(got.filter((b) => !extra(b))) === wanted;
    }),
  },
  {
    rule: "absent token counts are 0",
    why: "2.1.0 gave null and failed on it later",
    covers: on("response", /^usage\.cache_/, (m) => m.wanted === null && m.got === 0),
  },
  {
    rule: "a stream without its end is an error",
    why: "2.1.0 took the half answer for a whole one",
    covers: on("outcome", "error", (m) => m.wanted === false && m.got === "exec.api.stream_incomplete"),
  },
  {
    rule: "retries belong to stage 6",
    why: "the vendor's SDK tried again under it",
    covers: on("outcome", "error", (m) => m.wanted === false && m.got === "exec.api.rate_limited" && m.recording.answers.length > 1),
  },
  {
    rule: "every status has its category",
    why: "2.1.0 knew 400, 401, 429 and 5xx but 529, and gave up on the others as unknown",
    covers: on(
      "error",
      /^(category|code)$/,
      (m) => (firstAnswer(m.recording)?.status ?? 0) >= 400 && /unknown$/.test(String(m.wanted)) && !/unknown$/.test(String(m.got)),
    ),
  },
  {
    rule: "an error event within a stream has its type's category",
    why: "2.1.0 gave it as unknown, so that an overload was not tried again",
    covers: on("error", /^(category|code)$/, (m) => Boolean(firstAnswer(m.recording)?.sse) && /unknown$/.test(String(m.wanted))),
  },
  {
    rule: "only the vendor's phrases mean that the prompt is too long",
    why: 'in 2.1.0 any 400 with the word "context" or "token" did',
    covers: on("error", /^(category|code)$/, (m) => /token_limit$/.test(String(m.wanted)) && /bad_request$/.test(String(m.got))),
  },
  {
    rule: "the status is kept",
    why: "2.1.0 kept it for 400 and 401 only, and gave 500 for every 5xx",
    covers: on("error", "status", (m) => m.got === firstAnswer(m.recording)?.status),
  },
];
const extra = (block: Plain): boolean => block.type === "redacted_thinking" || block.type === "opaque";

const folder = process.env.GOLDEN ?? join(import.meta.dirname, "../golden");
const recordings: Recording[] = (await readFile(join(folder, "wires/anthropic.jsonl"), "utf8"))
  .split("\n")
  .filter(Boolean)
  .map((line) => JSON.parse(line));

const requestOf = ({ model_config: c, low_level_request_fields: low, ...r }: Recording): ModelRequest => {
  const own = low?.thinking as { type: "enabled"; budget_tokens?: number } | undefined;
  const type = (c.thinking_type ?? "enabled") as "enabled";
  const format = low?.response_format as { json_schema: ModelRequest["outputSchema"] } | undefined;
  return {
    model: c.model as string,
    messages: r.messages.map((m, i): Message => ({ id: `h.${i}`, origin: "replay", ...m })),
    system: r.system ?? "",
    systemVolatile: "",
    maxTokens: (c.max_tokens as number | undefined) ?? 8192,
    temperature: "temperature" in c ? (c.temperature as number | null) : 0,
    topP: (c.top_p as number | undefined) ?? null,
    topK: (c.top_k as number | undefined) ?? null,
    stopSequences: (c.stop_sequences as string[] | undefined) ?? null,
    tools: r.tools ?? [],
    toolChoice: r.tool_choice ?? null,
    thinking: own
      ? { type: own.type, budgetTokens: own.budget_tokens ?? 0, display: null }
      : c.thinking_enabled
        ? {
            type,
            budgetTokens: (c.thinking_budget_tokens as number | undefined) ?? 10000,
            display: (c.thinking_display as "summarized" | undefined) ?? null,
          }
        : null,
    stream: r.stream,
    cache: null,
    outputSchema: format?.json_schema ?? null,
    purpose: "api",
    sessionId: "",
    cacheKey: "",
  };
};

const nothing = { content: [], stop_reason: "end_turn", usage: {}, model: "", message_id: "" };
/** What the recorder answered by default, read back from what came of it. */
const canned = ({ response = nothing, stream }: Recording): Answer => {
  const { stop_reason, usage } = response;
  const said = response.content.map(({ text }) => text).join("");
  const whole = { id: response.message_id, type: "message", role: "assistant", model: response.model, stop_sequence: null };
  if (!stream) return { status: 200, json: { ...whole, content: [{ type: "text", text: said }], stop_reason, usage } };
  const events: { type: string; [key: string]: unknown }[] = [
    { type: "message_start", message: { ...whole, content: [], stop_reason: null, usage } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: said } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: usage.output_tokens } },
    { type: "message_stop" },
  ];
  return { status: 200, ct: "text/event-stream", sse: events.map((data) => ({ event: data.type, data })) };
};

interface Seen {
  readonly req: IncomingMessage;
  readonly body: string;
}
const play = async (recording: Recording): Promise<{ seen: Seen[]; response?: ModelResponse; error?: APIError }> => {
  const seen: Seen[] = [];
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const piece of req.setEncoding("utf8")) body += piece;
    const answers = recording.answers === "canned ok" ? [canned(recording)] : recording.answers;
    const answer = answers[Math.min(seen.push({ req, body }), answers.length) - 1] ?? {};
    if (answer.drop) return res.destroy();
    const said =
      answer.sse?.map(({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join("") ??
      answer.body ??
      JSON.stringify(answer.json);
    res.writeHead(answer.status ?? 200, { "content-type": answer.ct ?? "application/json", ...answer.headers }).end(said);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(address && typeof address === "object");
  // Recorded with a port that nobody listens on: answers there, but no request.
  const refused = recording.http === undefined && recording.error?.category === "network";
  if (refused) server.close();
  const provider = await providers.anthropic({
    apiKey: "test-key",
    apiVersion: "2023-06-01",
    baseUrl: `http://127.0.0.1:${address.port}`,
    defaultHeaders: recording.client?.default_headers,
  });
  const request = requestOf(recording);
  try {
    const response = await collect(provider.name, request.model, provider.stream(request, { signal: new AbortController().signal }));
    return { seen, response };
  } catch (error) {
    assert(error instanceof APIError, `${recording.name}: ${error}`);
    return { seen, error };
  } finally {
    server.close();
    server.closeAllConnections();
  }
};

/** A block as the recordings have it. */
const recorded = (block: ContentBlock): Plain => {
  if (block.type === "tool_use") return { type: "tool_use", tool_use_id: block.id, tool_name: block.name, tool_input: block.input };
  if (block.type === "thinking") return { type: "thinking", thinking_text: "<text>" };
  return block.type === "text" ? { type: "text", text: block.text } : block;
};

const compare = async (recording: Recording): Promise<Mismatch[]> => {
  const out: Mismatch[] = [];
  const check = (part: Mismatch["part"], key: string, wanted: unknown, got: unknown) => {
    try {
      assert.deepEqual(got, wanted);
    } catch {
      out.push({ recording, part, key, wanted, got });
    }
  };
  const { seen, response, error } = await play(recording);
  const { http } = recording;
  if (http) {
    const [first] = seen;
    assert(first, `${recording.name}: nothing was sent`);
    check("http", "request line", `${http.method} ${http.path}`, `${first.req.method} ${first.req.url}`);
    for (const [name, value] of Object.entries(http.headers)) check("header", name, value, first.req.headers[name]);
    const sent: Plain = JSON.parse(first.body);
    for (const key of new Set([...Object.keys(http.body), ...Object.keys(sent)])) check("body", key, http.body[key], sent[key]);
  }
  if (Boolean(recording.error) !== Boolean(error)) check("outcome", "error", Boolean(recording.error), error?.code ?? false);
  else if (recording.error && error) {
    check("error", "category", recording.error.category, error.category);
    check("error", "code", recording.error.code, error.code);
    check("error", "status", recording.error.status_code, error.status);
  } else if (recording.response && response) {
    const wanted = recording.response;
    check(
      "content",
      "blocks",
      wanted.content.map(({ has_raw: _, raw: __, ...block }) => block),
      response.content.map(recorded),
    );
    for (const key of ["stop_reason", "model", "message_id"] as const) check("response", key, wanted[key], response[key]);
    for (const key of Object.keys(wanted.usage))
      check("response", `usage.${key}`, wanted.usage[key], response.usage[key as keyof typeof response.usage]);
  }
  return out;
};

const occurred = new Set<string>();
for (const recording of recordings)
  test(`anthropic wire: ${recording.name}`, async () => {
    for (const mismatch of await compare(recording)) {
      const found = differences.filter((difference) => difference.covers(mismatch));
      const { part, key, wanted, got } = mismatch;
      assert(found.length, `${part} ${key}: recorded ${JSON.stringify(wanted)}, ours ${JSON.stringify(got)}`);
      for (const { rule } of found) occurred.add(rule);
    }
  });

test("every listed difference occurs", { skip: process.env.GOLDEN !== undefined }, () => {
  assert.deepEqual(
    differences.filter(({ rule }) => !occurred.has(rule)).map(({ rule }) => rule),
    [],
  );
});
