/** The Python program's recorded exchanges with a provider's HTTP API, played to our provider of the same name, and compared. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import {
  APIError,
  type ContentBlock,
  collect,
  type Message,
  type MessageInput,
  type ModelRequest,
  type ModelResponse,
  type Provider,
} from "geny-executor";
import { type CapabilityFlags, providers } from "geny-executor/providers";

export type Plain = { readonly [key: string]: unknown };
export interface Answer {
  readonly status?: number;
  readonly ct?: string;
  readonly json?: unknown;
  readonly sse?: readonly { readonly event?: string; readonly data: unknown }[];
  readonly body?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly drop?: boolean;
}
export interface Recording {
  readonly name: string;
  readonly provider: "anthropic" | "openai" | "google" | "vllm";
  readonly stream: boolean;
  readonly model_config: Plain;
  readonly messages: readonly MessageInput[];
  readonly system?: ModelRequest["system"];
  readonly tools?: ModelRequest["tools"];
  readonly tool_choice?: ModelRequest["toolChoice"];
  readonly low_level_request_fields?: Plain;
  readonly client?: { readonly default_headers?: { readonly [name: string]: string }; readonly caps?: CapabilityFlags };
  readonly http?: { readonly method: string; readonly path: string; readonly headers: Plain; readonly body: Plain };
  readonly answers: "canned ok" | readonly Answer[];
  readonly response?: {
    readonly content: readonly Plain[];
    readonly stop_reason: string;
    readonly usage: Plain;
    readonly model: string;
    readonly message_id: string;
  };
  readonly error?: { readonly category: string; readonly code: string; readonly status_code: number | null; readonly cause_class?: string };
}
/** One part in which ours is not as recorded. */
export interface Mismatch {
  readonly recording: Recording;
  readonly part: "http" | "header" | "body" | "content" | "response" | "outcome" | "error";
  readonly key: string;
  readonly wanted: unknown;
  readonly got: unknown;
}

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
    // One of the recorded tools is but a name; Anthropic's is recorded so too.
    tools: (r.tools ?? []).map((tool) => (r.provider === "anthropic" ? tool : { ...BARE, ...tool })),
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

const BARE = { description: "", input_schema: { type: "object", properties: {} } };
const nothing = { content: [], stop_reason: "end_turn", usage: {}, model: "", message_id: "" };
/** What the recorder answered by default, read back from what came of it. */
const canned = (recording: Recording): Answer => {
  const { response = nothing, stream, provider } = recording;
  const said = response.content.map(({ text }) => text).join("");
  if (provider === "anthropic") return cannedMessage(response, said, stream);
  const whole = provider === "google" ? candidate(response, said) : completion(response, said);
  if (!stream) return { status: 200, json: whole };
  const chunks = provider === "google" ? [whole] : [chunk(response, { content: said }, null), chunk(response, {}, "stop"), "[DONE]"];
  return { status: 200, ct: "text/event-stream", sse: chunks.map((data) => ({ data })) };
};
type Response = Pick<NonNullable<Recording["response"]>, "message_id" | "model" | "stop_reason" | "usage">;

const cannedMessage = ({ message_id, model, stop_reason, usage }: Response, said: string, stream: boolean): Answer => {
  const whole = { id: message_id, type: "message", role: "assistant", model, stop_sequence: null };
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
const completion = ({ message_id: id, model, usage }: Response, content: string) => ({
  id,
  object: "chat.completion",
  model,
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: usage.input_tokens, completion_tokens: usage.output_tokens },
});
const chunk = ({ message_id: id, model }: Response, delta: object, finish_reason: string | null) => ({
  id,
  object: "chat.completion.chunk",
  model,
  choices: [{ index: 0, delta, finish_reason }],
});
const candidate = ({ message_id: responseId, model: modelVersion, usage }: Response, text: string) => ({
  candidates: [{ content: { parts: [{ text }], role: "model" }, finishReason: "STOP" }],
  usageMetadata: { promptTokenCount: usage.input_tokens, candidatesTokenCount: usage.output_tokens },
  modelVersion,
  responseId,
});

interface Seen {
  readonly req: IncomingMessage;
  readonly body: string;
}
const MAKE: { readonly [P in Recording["provider"]]: (recording: Recording, url: string) => Promise<Provider> } = {
  anthropic: ({ client }, baseUrl) =>
    providers.anthropic({ apiKey: "test-key", apiVersion: "2023-06-01", baseUrl, defaultHeaders: client?.default_headers }),
  google: ({ client }, baseUrl) => providers.google({ apiKey: "test-key", baseUrl, defaultHeaders: client?.default_headers }),
  openai: ({ client }, url) =>
    providers.openai({ apiKey: "test-key", api: "chat", baseUrl: `${url}/v1`, defaultHeaders: client?.default_headers }),
  // 2.1.0 sent tools whatever its flags said; thinking it sent when asked below them.
  vllm: ({ client, low_level_request_fields: low }, url) =>
    providers.vllm({
      baseUrl: `${url}/v1`,
      defaultHeaders: client?.default_headers,
      capabilities: {
        supports_tools: true,
        supports_tool_choice: true,
        supports_thinking: low?.thinking !== undefined,
        supports_structured_output: true,
        supports_vision: true,
        ...client?.caps,
      },
    }),
};

const play = async (recording: Recording): Promise<{ seen: Seen[]; response?: ModelResponse; error?: APIError }> => {
  const seen: Seen[] = [];
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const piece of req.setEncoding("utf8")) body += piece;
    const answers = recording.answers === "canned ok" ? [canned(recording)] : recording.answers;
    const answer = answers[Math.min(seen.push({ req, body }), answers.length) - 1] ?? {};
    if (answer.drop) return res.destroy();
    const said =
      answer.sse
        ?.map(({ event, data }) => `${event ? `event: ${event}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`)
        .join("") ??
      answer.body ??
      JSON.stringify(answer.json);
    res.writeHead(answer.status ?? 200, { "content-type": answer.ct ?? "application/json", ...answer.headers }).end(said);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(address && typeof address === "object");
  // Recorded with a port that nobody listens on: answers there, but no request.
  const refused = recording.http === undefined && /Connect/.test(recording.error?.cause_class ?? "");
  if (refused) server.close();
  const provider = await MAKE[recording.provider](recording, `http://127.0.0.1:${address.port}`);
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

/** Arguments and results stand in texts: JSON in them is compared as JSON. */
const opened = (value: unknown): unknown => {
  if (typeof value === "string") return /^[[{]/.test(value) ? (tryParse(value) ?? value) : value;
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
};
const tryParse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** A block as the recordings have it. */
const recorded = (block: ContentBlock, wanted: Plain | undefined): Plain => {
  if (block.type === "tool_use") return { type: "tool_use", tool_use_id: block.id, tool_name: block.name, tool_input: block.input };
  if (block.type === "thinking") return { type: "thinking", thinking_text: wanted?.thinking_text === "<text>" ? "<text>" : block.thinking };
  return block.type === "text" ? { type: "text", text: block.text } : block;
};

/** Plays a recording and gives every part in which ours is not as recorded. */
export const compare = async (recording: Recording): Promise<Mismatch[]> => {
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
    for (const key of new Set([...Object.keys(http.body), ...Object.keys(sent)]))
      check("body", key, opened(http.body[key]), opened(sent[key]));
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
      response.content.map((block, i) => recorded(block, wanted.content[i])),
    );
    for (const key of ["stop_reason", "model", "message_id"] as const) check("response", key, wanted[key], response[key]);
    for (const key of Object.keys(wanted.usage))
      check("response", `usage.${key}`, wanted.usage[key], response.usage[key as keyof typeof response.usage]);
  }
  return out;
};
