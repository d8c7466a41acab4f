/** OpenAI's Chat Completions wire: POST /v1/chat/completions, as OpenAI's own servers and those that speak their wire answer it. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { blocksOfTurn, refusalOf, type Said, type Spoken, spokenOf, stopOfTurn, usageOfTurn } from "../said.ts";
import type { Asked, Part, StopReason, Turn } from "../script.ts";
import { argumentsOf, type Dialect, errorAnswer, openaiError, openaiHeaders } from "./openai.ts";
import { refuseChat } from "./openai-chat-rules.ts";
import {
  createdAt,
  type Ids,
  isObject,
  lengthOf,
  number6,
  objects,
  pieces,
  type SseEvent,
  tellsFailure,
  type Wire,
  type WireAnswer,
  type WireCall,
} from "./wire.ts";

const textOf = (content: Json | undefined): string =>
  typeof content === "string"
    ? content
    : objects(content)
        .flatMap((part) => (typeof part.text === "string" ? [part.text] : []))
        .join("\n");

function messageOf(message: JsonObject): Asked["messages"] {
  if (message.role === "tool") {
    const text = textOf(message.content);
    return [{ role: "user", parts: [{ type: "tool_result", id: String(message.tool_call_id), text, is_error: tellsFailure(text) }] }];
  }
  if (message.role !== "user" && message.role !== "assistant") return [];
  const written = typeof message.content === "string" ? [message.content] : objects(message.content).map((part) => textOf([part]));
  const texts: Part[] = written.filter(Boolean).map((text) => ({ type: "text", text }));
  const calls = objects(message.tool_calls).map((call): Part => {
    const made = isObject(call.function) ? call.function : {};
    return { type: "tool_call", id: String(call.id), name: String(made.name), input: argumentsOf(made.arguments) };
  });
  return [{ role: message.role, parts: [...texts, ...calls] }];
}

function read(call: WireCall, { reasoning }: Dialect): Asked {
  const body = isObject(call.body) ? call.body : {};
  const messages = objects(body.messages);
  const thinks = typeof body.reasoning_effort === "string" && body.reasoning_effort !== "none";
  return {
    model: String(body.model),
    stream: body.stream === true,
    system: messages
      .filter((m) => m.role === "system" || m.role === "developer")
      .map((m) => textOf(m.content))
      .join("\n"),
    messages: messages.flatMap(messageOf),
    tools:
      body.tool_choice === "none"
        ? []
        : objects(body.tools).flatMap((tool) => (isObject(tool.function) ? [String(tool.function.name)] : [])),
    thinking: !thinks ? "off" : reasoning === "none" ? "omitted" : "on",
    length: lengthOf(body.messages, body.tools),
  };
}

const finish: { readonly [S in StopReason]: string } = {
  end_turn: "stop",
  stop_sequence: "stop",
  pause_turn: "stop",
  refusal: "stop",
  tool_use: "tool_calls",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  content_filter: "content_filter",
  prompt_blocked: "content_filter",
};

function usageBody(turn: Turn, asked: Asked, said: readonly Said[]): JsonObject {
  const usage = usageOfTurn(turn, asked, said);
  const input = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
  return {
    prompt_tokens: input,
    completion_tokens: usage.output_tokens,
    total_tokens: input + usage.output_tokens,
    prompt_tokens_details: {
      cached_tokens: usage.cache_read_input_tokens,
      cache_write_tokens: usage.cache_creation_input_tokens,
      audio_tokens: 0,
    },
    completion_tokens_details: {
      reasoning_tokens: usage.thinking_tokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

const toolCall = ({ id, name }: Extract<Spoken, { readonly kind: "call" }>, args: string): JsonObject => ({
  id,
  type: "function",
  function: { name, arguments: args },
});

const joined = (spoken: readonly Spoken[], kind: "text" | "thinking"): string =>
  spoken.flatMap((s) => (s.kind !== "call" && s.kind === kind ? [s.text] : [])).join("");

/** All texts are one text here, all thoughts one thought, and signatures have no place. */
function messageBody(spoken: readonly Spoken[], refused: string | null, reasoning: Dialect["reasoning"]): JsonObject {
  const thought = joined(spoken, "thinking");
  const calls = spoken.flatMap((s) => (s.kind === "call" ? [toolCall(s, s.json)] : []));
  const spoke = refused === null && spoken.some((s) => s.kind === "text");
  return {
    role: "assistant",
    content: spoke ? joined(spoken, "text") : null,
    refusal: refused,
    ...(reasoning !== "none" && thought && { [reasoning]: thought }),
    annotations: [],
    ...(calls.length && { tool_calls: calls }),
  };
}

function deltasOf(spoken: readonly Spoken[], refused: string | null, reasoning: Dialect["reasoning"], size: number): JsonObject[] {
  let calls = 0;
  const deltas = spoken.flatMap((one): JsonObject[] => {
    if (one.kind === "thinking") return reasoning === "none" ? [] : pieces(one.text, size).map((text) => ({ [reasoning]: text }));
    if (one.kind === "text") return refused === null ? (one.chunks ?? pieces(one.text, size)).map((content) => ({ content })) : [];
    const index = calls++;
    const rest = pieces(one.json, size).map((part) => ({ tool_calls: [{ index, function: { arguments: part } }] }));
    return [{ tool_calls: [{ index, ...toolCall(one, "") }] }, ...rest];
  });
  const content = refused === null && spoken.some((s) => s.kind === "text") ? "" : null;
  return [{ role: "assistant", content, refusal: null }, ...deltas, ...pieces(refused ?? "", size).map((refusal) => ({ refusal }))];
}

function answer(turn: Turn, asked: Asked, call: WireCall, ids: Ids, { reasoning }: Dialect): WireAnswer {
  const said = blocksOfTurn(turn, () => `call_${number6(ids.nextCall())}`);
  const spoken = spokenOf(said);
  const stop = stopOfTurn(turn, said);
  const finish_reason = turn.native_stop ?? finish[stop];
  const refused = stop === "refusal" ? refusalOf(turn, spoken) : null;
  const usage = usageBody(turn, asked, said);
  const head = {
    id: `chatcmpl-${number6(ids.request)}`,
    created: createdAt,
    model: turn.model ?? asked.model,
    service_tier: "default",
    system_fingerprint: null,
  };
  const options = isObject(call.body) ? call.body.stream_options : undefined;
  const counted = isObject(options) && options.include_usage === true;
  const chunk = (choices: readonly JsonObject[], count: JsonObject | null = null): SseEvent => ({
    data: JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...(counted && { usage: count }) }),
  });
  const choice = (delta: JsonObject, reason: string | null): JsonObject => ({ index: 0, delta, logprobs: null, finish_reason: reason });
  const closing = [chunk([choice({}, finish_reason)]), ...(counted ? [chunk([], usage)] : []), { data: "[DONE]" }];
  const events = [
    ...deltasOf(spoken, refused, reasoning, Math.max(1, turn.chunk_size ?? 16)).map((delta) => chunk([choice(delta, null)])),
    ...closing.map((event) => ({ ...event, closing: true as const })),
  ];
  const message = messageBody(spoken, refused, reasoning);
  return { json: { ...head, object: "chat.completion", choices: [{ index: 0, message, logprobs: null, finish_reason }], usage }, events };
}

export const openaiChat = (dialect: Dialect): Wire => ({
  name: "openai-chat",
  serves: (method, path) => method === "POST" && path === "/v1/chat/completions",
  refuse: (call) => refuseChat(call, dialect),
  read: (call) => read(call, dialect),
  answer: (turn, asked, call, ids) => answer(turn, asked, call, ids, dialect),
  error: errorAnswer,
  errorEvent: (error) => ({ data: JSON.stringify({ error: openaiError(error) }) }),
  foreignEvent: (ids) => ({
    data: JSON.stringify({
      id: `chatcmpl-${number6(ids.request)}`,
      object: "chat.completion.chunk",
      created: createdAt,
      model: "",
      choices: [],
      word_of_tomorrow: { a: 1 },
    }),
  }),
  headers: openaiHeaders,
});
