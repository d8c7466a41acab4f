/** A request as Chat Completions want it. */
import type { ModelRequest, Thinking } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import type { ToolChoice } from "../contract/state.ts";
import type { ToolSpec } from "../contract/tool.ts";
import type { ChatOptions } from "./chat.ts";
import { messagesText } from "./chat-messages.ts";
import type { Telling } from "./wire.ts";

/** A longer key is refused; its end tells the most. */
const LONGEST_KEY = 64;

export const bodyOf = (request: ModelRequest, options: ChatOptions, telling: Telling): string => {
  const { tools } = request;
  const able = options.capabilities();
  const head: { [field: string]: Json } = {
    ...options.extra,
    model: request.model,
    ...limitOf(request, options, telling),
    ...(request.stream ? { stream: true } : {}),
    ...(request.stream && able.supports_token_usage ? { stream_options: { include_usage: true } } : {}),
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.topP === null ? {} : { top_p: request.topP }),
    ...(request.topK === null ? {} : { top_k: request.topK }),
    ...(request.stopSequences?.length ? { stop: request.stopSequences } : {}),
    ...(able.supports_thinking ? effortOf(request.thinking) : {}),
    ...choiceOf(tools.length ? request.toolChoice : null),
    ...formatOf(request.outputSchema),
    ...(options.cacheKey && request.cacheKey ? { prompt_cache_key: request.cacheKey.slice(-LONGEST_KEY) } : {}),
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

const OTHER = { max_tokens: "max_completion_tokens", max_completion_tokens: "max_tokens" } as const;

const limitOf = ({ maxTokens: asked, model }: ModelRequest, options: ChatOptions, { refused, dropped }: Telling): JsonObject => {
  if (asked <= 0) return {};
  const fewest = options.fewestTokens?.(model) ?? 0;
  if (asked < fewest) dropped("max_tokens", asked);
  const field = refused.has(`name ${options.maxTokens}`) ? OTHER[options.maxTokens] : options.maxTokens;
  return { [field]: Math.max(asked, fewest) };
};

const LOW = 5000;
const MEDIUM = 20000;

const effortOf = (thinking: Thinking | null): JsonObject => {
  if (!thinking) return {};
  const { type, budgetTokens } = thinking;
  if (type === "disabled") return { reasoning_effort: "none" };
  if (type === "adaptive") return { reasoning_effort: "medium" };
  return { reasoning_effort: budgetTokens < LOW ? "low" : budgetTokens <= MEDIUM ? "medium" : "high" };
};

const CHOICES = { auto: "auto", any: "required", none: "none" } as const;

const choiceOf = (choice: ToolChoice | null): JsonObject =>
  choice
    ? {
        tool_choice: choice.type === "tool" ? { type: "function", function: { name: choice.name } } : CHOICES[choice.type],
        ...(choice.disable_parallel_tool_use ? { parallel_tool_calls: false } : {}),
      }
    : {};

const formatOf = (schema: JsonObject | null): JsonObject =>
  schema ? { response_format: { type: "json_schema", json_schema: { name: "answer", schema } } } : {};

const toolsText = remember((tools: readonly ToolSpec[]): string =>
  JSON.stringify(
    tools.map(({ name, description, input_schema }) => ({ type: "function", function: { name, description, parameters: input_schema } })),
  ),
);
