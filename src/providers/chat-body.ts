/** A request as Chat Completions want it. */
import type { ModelRequest, Thinking } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import type { ToolChoice } from "../contract/state.ts";
import type { ToolSpec } from "../contract/tool.ts";
import type { ChatOptions } from "./chat.ts";
import { messagesText } from "./chat-messages.ts";
import type { Telling } from "./wire.ts";

export const bodyOf = (request: ModelRequest, options: ChatOptions, telling: Telling): string => {
  const able = options.capabilities();
  const tools = allowed(request.tools.length > 0, able.supports_tools, "tools", telling) ? request.tools : [];
  const head: { [field: string]: Json } = {
    ...options.extra,
    model: request.model,
    ...limitOf(request, options, telling),
    ...(request.stream ? { stream: true } : {}),
    ...(request.stream && able.supports_token_usage ? { stream_options: { include_usage: true } } : {}),
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.topP === null ? {} : { top_p: request.topP }),
    ...(request.topK !== null && allowed(true, able.supports_top_k, "top_k", telling) ? { top_k: request.topK } : {}),
    ...stopsOf(request, able.supports_stop_sequences, telling),
    ...effortOf(request.thinking, able.supports_thinking, telling),
    ...choiceOf(tools.length ? request.toolChoice : null, able.supports_tool_choice, telling),
    ...formatOf(request.outputSchema, able.supports_structured_output, telling),
    ...(options.cacheKey && request.cacheKey ? { prompt_cache_key: request.cacheKey } : {}),
  };
  for (const field of telling.refused) {
    const value = head[field];
    if (value === undefined) continue;
    delete head[field];
    if (field !== "stream_options") telling.dropped(field, value);
  }
  const declared = tools.length ? `,"tools":${toolsText(tools)}` : "";
  return `${JSON.stringify(head).slice(0, -1)}${declared},"messages":[${messagesText(request, options.systemRole)}]}`;
};

/** Whether what is asked for is sent; what cannot be is announced. */
const allowed = (asked: boolean, able: boolean, field: string, { unsupported }: Telling): boolean => {
  if (asked && !able) unsupported(field);
  return asked && able;
};

const OTHER = { max_tokens: "max_completion_tokens", max_completion_tokens: "max_tokens" } as const;

const limitOf = ({ maxTokens: asked, model }: ModelRequest, options: ChatOptions, { refused, dropped }: Telling): JsonObject => {
  if (asked <= 0) return {};
  const fewest = options.fewestTokens?.(model) ?? 0;
  if (asked < fewest) dropped("max_tokens", asked);
  const field = refused.has(`name ${options.maxTokens}`) ? OTHER[options.maxTokens] : options.maxTokens;
  return { [field]: Math.max(asked, fewest) };
};

const stopsOf = ({ stopSequences }: ModelRequest, able: boolean, telling: Telling): JsonObject =>
  stopSequences && allowed(stopSequences.length > 0, able, "stop_sequences", telling) ? { stop: stopSequences } : {};

const LOW = 5000;
const MEDIUM = 20000;

const effortOf = (thinking: Thinking | null, able: boolean, telling: Telling): JsonObject => {
  if (!thinking) return {};
  const { type, budgetTokens } = thinking;
  if (!allowed(type !== "disabled", able, "thinking", telling)) return able ? { reasoning_effort: "none" } : {};
  if (type === "adaptive") return { reasoning_effort: "medium" };
  return { reasoning_effort: budgetTokens < LOW ? "low" : budgetTokens <= MEDIUM ? "medium" : "high" };
};

const CHOICES = { auto: "auto", any: "required", none: "none" } as const;

const choiceOf = (choice: ToolChoice | null, able: boolean, telling: Telling): JsonObject => {
  if (!choice || !allowed(true, able, "tool_choice", telling)) return {};
  return {
    tool_choice: choice.type === "tool" ? { type: "function", function: { name: choice.name } } : CHOICES[choice.type],
    ...(choice.disable_parallel_tool_use ? { parallel_tool_calls: false } : {}),
  };
};

const formatOf = (schema: JsonObject | null, able: boolean, telling: Telling): JsonObject =>
  schema && allowed(true, able, "output_schema", telling)
    ? { response_format: { type: "json_schema", json_schema: { name: "answer", schema } } }
    : {};

const toolsText = remember((tools: readonly ToolSpec[]): string =>
  JSON.stringify(
    tools.map(({ name, description, input_schema }) => ({ type: "function", function: { name, description, parameters: input_schema } })),
  ),
);
