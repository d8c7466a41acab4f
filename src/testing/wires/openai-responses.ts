/** OpenAI's Responses wire: POST /v1/responses. Nothing is stored: a request carries its whole conversation. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { blocksOfTurn, refusalOf, type Said, type Spoken, spokenOf, stopOfTurn, usageOfTurn } from "../said.ts";
import type { Asked, Part, StopReason, Turn } from "../script.ts";
import { argumentsOf, type Dialect, errorAnswer, openaiError, openaiHeaders } from "./openai.ts";
import { refuseResponses } from "./openai-responses-rules.ts";
import { created, itemEvents } from "./openai-responses-stream.ts";
import {
  createdAt,
  type Ids,
  isObject,
  lengthOf,
  number6,
  objects,
  type SseEvent,
  tellsFailure,
  type Wire,
  type WireAnswer,
  type WireCall,
  type WireError,
} from "./wire.ts";

const textOf = (content: Json | undefined): string =>
  typeof content === "string"
    ? content
    : objects(content)
        .flatMap((p) => (typeof p.text === "string" ? [p.text] : typeof p.refusal === "string" ? [p.refusal] : []))
        .join("\n");

type Message = Asked["messages"][number];
function messageOf(item: JsonObject): Message[] {
  const assistant = (part: Part): Message[] => [{ role: "assistant", parts: [part] }];
  switch (item.type ?? "message") {
    case "message": {
      const role = item.role === "assistant" ? "assistant" : "user";
      const parts: Part[] =
        typeof item.content === "string"
          ? [{ type: "text", text: item.content }]
          : objects(item.content).map((p) => ({ type: "text", text: textOf([p]) }));
      return item.role === "system" || item.role === "developer" ? [] : [{ role, parts: parts.filter((p) => p.type !== "text" || p.text) }];
    }
    case "function_call":
      return assistant({ type: "tool_call", id: String(item.call_id), name: String(item.name), input: argumentsOf(item.arguments) });
    case "function_call_output": {
      const text = textOf(item.output);
      return [{ role: "user", parts: [{ type: "tool_result", id: String(item.call_id), text, is_error: tellsFailure(text) }] }];
    }
    default:
      return [];
  }
}

function thinkingOf(reasoning: Json | undefined): Asked["thinking"] {
  if (!isObject(reasoning) || reasoning.effort === "none") return "off";
  return typeof reasoning.summary === "string" ? "on" : "omitted";
}

function read(call: WireCall): Asked {
  const body = isObject(call.body) ? call.body : {};
  const input: readonly JsonObject[] = typeof body.input === "string" ? [{ role: "user", content: body.input }] : objects(body.input);
  const instructions = input.filter((item) => item.role === "system" || item.role === "developer").map((item) => textOf(item.content));
  return {
    model: String(body.model),
    stream: body.stream === true,
    system: [typeof body.instructions === "string" ? body.instructions : "", ...instructions].filter(Boolean).join("\n"),
    messages: input.flatMap(messageOf),
    tools: body.tool_choice === "none" ? [] : objects(body.tools).flatMap((tool) => (tool.type === "function" ? [String(tool.name)] : [])),
    thinking: thinkingOf(body.reasoning),
    length: lengthOf(body.instructions, body.input, body.tools),
  };
}

/** One block's item. Texts in a row are the parts of one message. */
function itemsOf(spoken: readonly Spoken[], turn: Turn, encrypted: boolean, incomplete: boolean, ids: Ids): JsonObject[] {
  const items: JsonObject[] = [];
  const id = (prefix: string): string => `${prefix}_${number6(ids.request)}${String(items.length).padStart(2, "0")}`;
  const refused = stopOfTurn(turn, []) === "refusal";
  const message = (...content: JsonObject[]) =>
    items.push({ id: id("msg"), type: "message", role: "assistant", status: "completed", content });
  for (const one of spoken) {
    if (one.kind === "thinking") {
      const summary = one.text ? [{ type: "summary_text", text: one.text }] : [];
      items.push({ id: id("rs"), type: "reasoning", summary, ...(encrypted && { encrypted_content: one.signature }) });
    } else if (one.kind === "call") {
      items.push({ id: id("fc"), type: "function_call", call_id: one.id, name: one.name, arguments: one.json, status: "completed" });
    } else if (!refused) {
      const part = { type: "output_text", text: one.text, annotations: [], logprobs: [] };
      const last = items.at(-1);
      if (last?.type === "message") items[items.length - 1] = { ...last, content: [...objects(last.content), part] };
      else message(part);
    }
  }
  if (refused) message({ type: "refusal", refusal: refusalOf(turn, spoken) });
  const last = items.at(-1);
  if (incomplete && last && last.type !== "reasoning") items[items.length - 1] = { ...last, status: "incomplete" };
  return items;
}

const cutShort: { readonly [S in StopReason]?: string } = {
  max_tokens: "max_output_tokens",
  model_context_window_exceeded: "max_output_tokens",
  content_filter: "content_filter",
  prompt_blocked: "content_filter",
};

function usageBody(turn: Turn, asked: Asked, said: readonly Said[]): JsonObject {
  const usage = usageOfTurn(turn, asked, said);
  const input = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cache_read_input_tokens, cache_write_tokens: usage.cache_creation_input_tokens },
    output_tokens: usage.output_tokens,
    output_tokens_details: { reasoning_tokens: usage.thinking_tokens },
    total_tokens: input + usage.output_tokens,
  };
}

const fallback = (body: JsonObject, key: string, value: Json): Json => body[key] ?? value;

/** The response object without what the model says: what was asked is told back. */
function frame(turn: Turn, asked: Asked, call: WireCall, ids: Ids): JsonObject {
  const body = isObject(call.body) ? call.body : {};
  return {
    id: `resp_${number6(ids.request)}`,
    object: "response",
    created_at: createdAt,
    model: turn.model ?? asked.model,
    background: false,
    instructions: fallback(body, "instructions", null),
    max_output_tokens: fallback(body, "max_output_tokens", null),
    metadata: fallback(body, "metadata", {}),
    parallel_tool_calls: fallback(body, "parallel_tool_calls", true),
    previous_response_id: null,
    prompt_cache_key: fallback(body, "prompt_cache_key", null),
    reasoning: fallback(body, "reasoning", { effort: null, summary: null }),
    service_tier: "default",
    store: fallback(body, "store", true),
    temperature: fallback(body, "temperature", 1),
    text: fallback(body, "text", { format: { type: "text" } }),
    tool_choice: fallback(body, "tool_choice", "auto"),
    tools: fallback(body, "tools", []),
    top_p: fallback(body, "top_p", 1),
    truncation: fallback(body, "truncation", "disabled"),
  };
}

function answer(turn: Turn, asked: Asked, call: WireCall, ids: Ids, error: WireError | null = null): WireAnswer {
  const said = blocksOfTurn(turn, () => `call_${number6(ids.nextCall())}`);
  const spoken = spokenOf(said);
  const short = turn.native_stop ?? cutShort[stopOfTurn(turn, said)];
  const status = error ? "failed" : short ? "incomplete" : "completed";
  const include = isObject(call.body) && Array.isArray(call.body.include) ? call.body.include : [];
  const output = itemsOf(spoken, turn, include.includes("reasoning.encrypted_content"), short !== undefined || error !== null, ids);
  const common = frame(turn, asked, call, ids);
  const open = { ...common, status: "in_progress", error: null, incomplete_details: null, output: [], usage: null };
  const done = {
    ...common,
    status,
    ...(status === "completed" && { completed_at: createdAt }),
    error: error ? { code: error.code ?? "server_error", message: openaiError(error).message } : null,
    incomplete_details: status === "incomplete" ? { reason: short ?? "" } : null,
    output,
    usage: error ? null : usageBody(turn, asked, said),
  };
  const next = created();
  const events: SseEvent[] = [next({ type: "response.created", response: open }), next({ type: "response.in_progress", response: open })];
  const chunks = spoken.flatMap((s) => (s.kind === "text" && s.chunks ? [s.chunks] : []))[0];
  output.forEach((item, index) => {
    events.push(...itemEvents(item, index, { size: Math.max(1, turn.chunk_size ?? 16), chunks }).map(next));
  });
  events.push({ ...next({ type: `response.${status}`, response: done }), closing: true });
  return { json: done, events };
}

function errorEvent(error: WireError, _ids: Ids, at: number): SseEvent {
  const { message, param, code, type } = openaiError(error);
  const data = { type: "error", code: code ?? error.type ?? type, message, param, sequence_number: at };
  return { event: "error", data: JSON.stringify(data) };
}

export const openaiResponses = (dialect: Dialect): Wire => ({
  name: "openai-responses",
  serves: (method, path) => method === "POST" && path === "/v1/responses",
  refuse: (call) => refuseResponses(call, dialect),
  read,
  answer: (turn, asked, call, ids) => answer(turn, asked, call, ids),
  failed: (error, turn, asked, call, ids) => answer(turn, asked, call, ids, error),
  error: errorAnswer,
  errorEvent,
  foreignEvent: () => ({ event: "response.event_of_tomorrow", data: '{"type":"response.event_of_tomorrow","sequence_number":0}' }),
  headers: openaiHeaders,
});
