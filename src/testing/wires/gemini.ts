/** Gemini's wire: POST /v1beta/models/MODEL:generateContent and :streamGenerateContent?alt=sse, and the same under /v1/. */
import { unescape as decoded } from "node:querystring";
import type { Json, JsonObject } from "../../contract/schema.ts";
import { blocksOfTurn, type Said, spokenOf, stopOfTurn, usageOfTurn } from "../said.ts";
import type { Asked, Part, StopReason, Turn } from "../script.ts";
import { errorBody } from "./gemini-errors.ts";
import { partsOf, splitPart } from "./gemini-parts.ts";
import { mustSign, refuseGemini } from "./gemini-rules.ts";
import { type Ids, isObject, lengthOf, number6, objects, type SseEvent, type Wire, type WireAnswer, type WireCall } from "./wire.ts";

const route = /^\/v1(?:beta|alpha)?\/models\/([^/:]+):(generateContent|streamGenerateContent)$/;
const routeOf = (path: string): RegExpExecArray | null => route.exec(path.split("?")[0] ?? "");

const textOf = (content: Json | undefined): string =>
  isObject(content)
    ? objects(content.parts)
        .flatMap((part) => (typeof part.text === "string" ? [part.text] : []))
        .join("\n")
    : "";

/** Calls and responses are paired by id, and where there is none by name and order. */
function messagesOf(contents: readonly JsonObject[]): Asked["messages"] {
  const open: { readonly id: string; readonly name: string }[] = [];
  let unnamed = 0;
  const partOf = (part: JsonObject): Part[] => {
    const { functionCall: call, functionResponse: response } = part;
    if (isObject(call)) {
      const id = call.id === undefined ? `unnamed_${unnamed++}` : String(call.id);
      open.push({ id, name: String(call.name) });
      return [{ type: "tool_call", id, name: String(call.name), input: isObject(call.args) ? call.args : {} }];
    }
    if (isObject(response)) {
      const at = open.findIndex((one) => (response.id === undefined ? one.name === response.name : one.id === response.id));
      return [
        { type: "tool_result", id: open.splice(at, 1)[0]?.id ?? "", ...resultOf(isObject(response.response) ? response.response : {}) },
      ];
    }
    return typeof part.text === "string" && part.text && part.thought !== true ? [{ type: "text", text: part.text }] : [];
  };
  return contents.map((content) => ({
    role: content.role === "model" ? "assistant" : "user",
    parts: objects(content.parts).flatMap(partOf),
  }));
}

function resultOf(response: JsonObject): { readonly text: string; readonly is_error: boolean } {
  const is_error = response.error !== undefined;
  const value = response.error ?? response.output ?? response.result ?? response;
  return { text: typeof value === "string" ? value : JSON.stringify(value), is_error };
}

function thinkingOf(config: Json | undefined): Asked["thinking"] {
  const thinking = isObject(config) ? config.thinkingConfig : undefined;
  if (!isObject(thinking) || thinking.thinkingBudget === 0) return "off";
  return thinking.includeThoughts === true ? "on" : "omitted";
}

function read(call: WireCall): Asked {
  const body = isObject(call.body) ? call.body : {};
  const [, model = "", method] = routeOf(call.path) ?? [];
  const config = isObject(body.toolConfig) ? body.toolConfig.functionCallingConfig : undefined;
  const names = objects(body.tools).flatMap((tool) => objects(tool.functionDeclarations).map((f) => String(f.name)));
  return {
    model: decoded(model),
    stream: method === "streamGenerateContent",
    system: textOf(body.systemInstruction),
    messages: messagesOf(objects(body.contents)),
    tools: isObject(config) && config.mode === "NONE" ? [] : names,
    thinking: thinkingOf(body.generationConfig),
    length: lengthOf(body.systemInstruction, body.contents, body.tools),
  };
}

const finish: { readonly [S in StopReason]: string } = {
  end_turn: "STOP",
  stop_sequence: "STOP",
  pause_turn: "STOP",
  tool_use: "STOP",
  max_tokens: "MAX_TOKENS",
  model_context_window_exceeded: "MAX_TOKENS",
  refusal: "PROHIBITED_CONTENT",
  content_filter: "SAFETY",
  prompt_blocked: "SAFETY",
};

function usageBody(turn: Turn, asked: Asked, said: readonly Said[]): JsonObject {
  const usage = usageOfTurn(turn, asked, said);
  const prompt = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
  const spoken = usage.output_tokens - usage.thinking_tokens;
  return {
    promptTokenCount: prompt,
    ...(said.length && { candidatesTokenCount: spoken }),
    totalTokenCount: prompt + (said.length ? usage.output_tokens : 0),
    ...(usage.cache_read_input_tokens && { cachedContentTokenCount: usage.cache_read_input_tokens }),
    ...(usage.thinking_tokens && { thoughtsTokenCount: usage.thinking_tokens }),
  };
}

function answer(turn: Turn, asked: Asked, call: WireCall, ids: Ids): WireAnswer {
  const said = blocksOfTurn(turn, () => `call_${number6(ids.nextCall())}`);
  const { shown, malformed } = partsOf(spokenOf(said), mustSign(call.path));
  const stop = stopOfTurn(turn, said);
  const finishReason = turn.native_stop ?? (malformed !== null && !turn.stop_reason ? "MALFORMED_FUNCTION_CALL" : finish[stop]);
  const usageMetadata = usageBody(turn, asked, said);
  const tail = { modelVersion: turn.model ?? asked.model, responseId: `resp_${number6(ids.request)}` };
  if (stop === "prompt_blocked") {
    const blocked = { promptFeedback: { blockReason: finishReason }, usageMetadata, ...tail };
    return { json: blocked, events: [{ data: JSON.stringify(blocked), closing: true }] };
  }
  const end = { finishReason, ...(malformed !== null && { finishMessage: `Malformed function call: ${malformed}` }), index: 0 };
  const content = (parts: readonly JsonObject[]): JsonObject => ({ content: { ...(parts.length && { parts }), role: "model" } });
  const event = (candidate: JsonObject, usage: JsonObject): SseEvent => ({
    data: JSON.stringify({ candidates: [candidate], usageMetadata: usage, ...tail }),
  });
  const parts = shown.map(({ part }) => part);
  const early = { promptTokenCount: usageMetadata.promptTokenCount ?? 0, totalTokenCount: usageMetadata.promptTokenCount ?? 0 };
  const spoke = shown.flatMap((one) => splitPart(one, Math.max(1, turn.chunk_size ?? 16)));
  const silent = !parts.length && finishReason !== "STOP";
  const events = [
    ...spoke.map((part) => event({ ...content([part]), index: 0 }, early)),
    { ...event({ ...(silent ? {} : content(parts.length ? [{ text: "" }] : [])), ...end }, usageMetadata), closing: true as const },
  ];
  return { json: { candidates: [{ ...(silent ? {} : content(parts)), ...end }], usageMetadata, ...tail }, events };
}

export const gemini: Wire = {
  name: "gemini",
  serves: (method, path) => method === "POST" && routeOf(path) !== null,
  refuse: refuseGemini,
  read,
  answer,
  error: (error) => ({ headers: {}, body: errorBody(error) }),
  errorEvent: (error) => ({ data: JSON.stringify(errorBody({ ...error, status: error.status === 529 ? 503 : error.status })) }),
  foreignEvent: (ids) => ({ data: JSON.stringify({ wordOfTomorrow: { a: 1 }, responseId: `resp_${number6(ids.request)}` }) }),
  headers: () => ({ "x-content-type-options": "nosniff" }),
};
