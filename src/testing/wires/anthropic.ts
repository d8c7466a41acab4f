/** Anthropic's Messages wire: POST /v1/messages, API versions 2023-06-01 (x-api-key) and 2026-10-21 (Authorization: Bearer). */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { blocksOfTurn, type Said, stopOfTurn, usageOfTurn } from "../said.ts";
import type { Asked, Part, Turn } from "../script.ts";
import { blocks, refuseMessages } from "./anthropic-rules.ts";
import {
  type Ids,
  isObject,
  lengthOf,
  number6,
  pieces,
  retryHeader,
  type SseEvent,
  type Wire,
  type WireAnswer,
  type WireCall,
  type WireError,
} from "./wire.ts";

const versions = ["2023-06-01", "2026-10-21"];
const errorTypes: { readonly [status: number]: string } = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  504: "timeout_error",
  529: "overloaded_error",
};
const messages: { readonly [status: number]: string } = {
  401: "invalid x-api-key",
  403: "Your API key does not have permission to use the specified resource.",
  413: "Request exceeds the maximum size",
  429: "This request would exceed your organization's rate limit.",
  500: "Internal server error",
  529: "Overloaded",
};

const requestId = (ids: Ids): string => `req_${number6(ids.request)}`;

function refuse(call: WireCall): WireError | null {
  const bearer = /^Bearer\s+\S/.test(call.headers.authorization ?? "");
  if (!call.headers["x-api-key"] && !bearer) return { status: 401, message: "x-api-key header is required" };
  const version = call.headers["anthropic-version"];
  if (!version) return { status: 400, message: "anthropic-version: header is required" };
  if (!versions.includes(version)) return { status: 400, message: `anthropic-version: "${version}" is not a valid version` };
  const problem = refuseMessages(call.body);
  return problem === null ? null : { status: 400, message: problem };
}

const textOf = (value: Json | undefined): string =>
  blocks(value)
    .flatMap((b) => (typeof b.text === "string" ? [b.text] : []))
    .join("\n");

function partOf(block: JsonObject): Part[] {
  if (block.type === "text") return [{ type: "text", text: String(block.text) }];
  if (block.type === "tool_use") {
    return [{ type: "tool_call", id: String(block.id), name: String(block.name), input: isObject(block.input) ? block.input : {} }];
  }
  if (block.type === "tool_result") {
    return [{ type: "tool_result", id: String(block.tool_use_id), text: textOf(block.content), is_error: block.is_error === true }];
  }
  return [];
}

function thinkingOf(value: Json | undefined): Asked["thinking"] {
  if (!isObject(value) || value.type === "disabled") return "off";
  return value.display === "omitted" ? "omitted" : "on";
}

function read(call: WireCall): Asked {
  const body = isObject(call.body) ? call.body : {};
  const said = Array.isArray(body.messages) ? body.messages.filter(isObject) : [];
  const tools = Array.isArray(body.tools) ? body.tools.filter(isObject) : [];
  const forbidden = isObject(body.tool_choice) && body.tool_choice.type === "none";
  return {
    model: String(body.model),
    stream: body.stream === true,
    system: textOf(body.system),
    messages: said.map((m) => ({ role: m.role === "assistant" ? "assistant" : "user", parts: blocks(m.content).flatMap(partOf) })),
    tools: forbidden ? [] : tools.map((tool) => String(tool.name)),
    thinking: thinkingOf(body.thinking),
    length: lengthOf(body.system, body.messages, body.tools),
  };
}

function usageBody(turn: Turn, asked: Asked, said: readonly Said[]): JsonObject & { readonly output_tokens: number } {
  const { thinking_tokens, ...usage } = usageOfTurn(turn, asked, said);
  return { ...usage, output_tokens_details: { thinking_tokens }, server_tool_use: null, service_tier: "standard" };
}

function vendorBlock(block: JsonObject): JsonObject {
  if (block.type === "text") return { citations: null, ...block };
  return block.type === "tool_use" ? { caller: { type: "direct" }, ...block } : block;
}

/** A block's start and the deltas that fill it. */
function blockDeltas(said: Said, size: number): { readonly start: JsonObject; readonly deltas: readonly JsonObject[] } {
  const block = vendorBlock(said.block);
  if (block.type === "text" && typeof block.text === "string") {
    const citations = Array.isArray(block.citations) ? block.citations : [];
    const deltas = (said.chunks ?? pieces(block.text, size)).map((text) => ({ type: "text_delta", text }));
    const cited = citations.map((citation) => ({ type: "citations_delta", citation }));
    return { start: { ...block, text: "", citations: block.citations === null ? null : [] }, deltas: [...deltas, ...cited] };
  }
  if (block.type === "thinking" && typeof block.thinking === "string") {
    const deltas = pieces(block.thinking, size).map((thinking) => ({ type: "thinking_delta", thinking }));
    const signed = typeof block.signature === "string" ? [{ type: "signature_delta", signature: block.signature }] : [];
    return { start: { ...block, thinking: "", signature: "" }, deltas: [...deltas, ...signed] };
  }
  if (isObject(block.input)) {
    const json = said.json ?? (Object.keys(block.input).length ? JSON.stringify(block.input) : "");
    const deltas = ["", ...pieces(json, size)].map((partial_json) => ({ type: "input_json_delta", partial_json }));
    return { start: { ...block, input: {} }, deltas };
  }
  return { start: block, deltas: [] };
}

const event = (data: JsonObject & { readonly type: string }): SseEvent => ({ event: data.type, data: JSON.stringify(data) });

function answer(turn: Turn, asked: Asked, _call: WireCall, ids: Ids): WireAnswer {
  const said = blocksOfTurn(turn, () => `toolu_${number6(ids.nextCall())}`);
  const usage = usageBody(turn, asked, said);
  const stop = stopOfTurn(turn, said);
  const reason = turn.native_stop ?? (stop === "content_filter" || stop === "prompt_blocked" ? "refusal" : stop);
  const end = { stop_reason: reason, stop_sequence: turn.stop_sequence ?? null, stop_details: turn.stop_details ?? null };
  const head = { id: `msg_${number6(ids.request)}`, type: "message", role: "assistant", model: turn.model ?? asked.model };
  const { cache_creation: _c, service_tier: _s, ...finalUsage } = usage;
  const open = { ...head, content: [], stop_reason: null, stop_sequence: null, stop_details: null, container: null };
  const events: SseEvent[] = [
    event({ type: "message_start", message: { ...open, usage: { ...usage, output_tokens: Math.min(1, usage.output_tokens) } } }),
  ];
  said.forEach((one, index) => {
    const { start, deltas } = blockDeltas(one, Math.max(1, turn.chunk_size ?? 16));
    events.push(event({ type: "content_block_start", index, content_block: start }));
    if (index === 0) events.push(event({ type: "ping" }));
    for (const delta of deltas) events.push(event({ type: "content_block_delta", index, delta }));
    events.push(event({ type: "content_block_stop", index }));
  });
  events.push({ ...event({ type: "message_delta", delta: { ...end, container: null }, usage: finalUsage }), closing: true });
  events.push({ ...event({ type: "message_stop" }), closing: true });
  return { json: { ...head, content: said.map(({ block }) => vendorBlock(block)), ...end, container: null, usage }, events };
}

function errorBody(error: WireError, ids: Ids): JsonObject & { readonly type: string } {
  const type = error.type ?? errorTypes[error.status] ?? (error.status >= 500 ? "api_error" : "invalid_request_error");
  const message = error.message ?? messages[error.status] ?? `offline model: status ${error.status}`;
  return { type: "error", error: { type, message }, request_id: requestId(ids) };
}

export const anthropic: Wire = {
  name: "anthropic",
  serves: (method, path) => method === "POST" && path === "/v1/messages",
  refuse,
  read,
  answer,
  error: (error, ids) => ({ headers: retryHeader(error), body: errorBody(error, ids) }),
  errorEvent: (error, ids) => event(errorBody(error, ids)),
  foreignEvent: () => ({ event: "event_of_tomorrow", data: '{"type":"event_of_tomorrow","index":0}' }),
  headers: (ids) => ({ "request-id": requestId(ids), "anthropic-organization-id": "offline" }),
};
