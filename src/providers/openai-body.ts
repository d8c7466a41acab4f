/** A request as OpenAI's Responses API wants it. Nothing is stored there: every request carries its whole conversation. */
import { textOf } from "../contract/message.ts";
import type { ModelRequest } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { JsonObject } from "../contract/schema.ts";
import type { ToolChoice } from "../contract/state.ts";
import type { ToolSpec } from "../contract/tool.ts";
import { inputText } from "./openai-input.ts";
import { effortOf, reasons } from "./openai-models.ts";
import { holds, parametersOf } from "./openai-schema.ts";
import type { Telling } from "./wire.ts";

/** Fewer tokens, or a longer key, are refused. A key's end tells the most. */
const FEWEST_TOKENS = 16;
const LONGEST_KEY = 64;

export const bodyOf = (request: ModelRequest, telling: Telling): string => {
  const { model, tools, stream, cacheKey } = request;
  const { refused } = telling;
  const reasoning = refused.has("thinking") ? false : reasons(model);
  const instructions = textOf(request.system).trim();
  const asked = reasoning === false ? unreasoned(request, telling) : reasoningOf(request, telling);
  const head = {
    model,
    ...(stream ? { stream } : {}),
    store: false,
    ...(reasoning === false || refused.has("include") ? {} : { include: ["reasoning.encrypted_content"] }),
    ...(instructions ? { instructions } : {}),
    ...limitOf(request, telling),
    ...(reasoning === true && asked.effort !== "none" ? unsampled(request, telling) : samplingOf(request)),
    ...(Object.keys(asked).length ? { reasoning: asked } : {}),
    ...formatOf(request, telling),
    ...(request.toolChoice && tools.length ? choiceOf(request.toolChoice, telling) : {}),
    ...(cacheKey && !refused.has("prompt_cache_key") ? { prompt_cache_key: cacheKey.slice(-LONGEST_KEY) } : {}),
  };
  const written = tools.length ? `,"tools":${toolsText(tools)}` : "";
  const back = reasoning !== false && !refused.has("encrypted_content");
  return `${JSON.stringify(head).slice(0, -1)}${written},"input":[${inputText(request, back)}]}`;
};

const unreasoned = ({ thinking }: ModelRequest, { dropped }: Telling): JsonObject => {
  if (thinking && thinking.type !== "disabled") dropped("thinking", thinking.type);
  return {};
};

const reasoningOf = ({ thinking, model }: ModelRequest, { refused, dropped }: Telling): JsonObject => {
  if (!thinking) return {};
  const effort = effortOf(thinking, model);
  const shown = thinking.type !== "disabled" && thinking.display !== "omitted";
  const fixed = refused.has("thinking.budget_tokens");
  const hidden = refused.has("thinking.display");
  if (fixed) dropped("thinking.budget_tokens", thinking.budgetTokens);
  if (shown && hidden) dropped("thinking.display", "summarized");
  return { ...(fixed ? {} : { effort }), ...(shown && !hidden ? { summary: "auto" } : {}) };
};

const limitOf = ({ maxTokens }: ModelRequest, { dropped }: Telling): JsonObject => {
  if (maxTokens <= 0) return {};
  if (maxTokens < FEWEST_TOKENS) dropped("max_tokens", maxTokens);
  return { max_output_tokens: Math.max(maxTokens, FEWEST_TOKENS) };
};

const samplingOf = ({ temperature, topP }: ModelRequest): JsonObject => ({
  ...(temperature === null ? {} : { temperature }),
  ...(topP === null ? {} : { top_p: topP }),
});

/** Models that reason take no sampling parameters. */
const unsampled = (request: ModelRequest, { dropped }: Telling): JsonObject => {
  for (const [field, value] of Object.entries(samplingOf(request))) dropped(field, value);
  return {};
};

/** The wire takes objects only. */
const formatOf = ({ outputSchema: schema }: ModelRequest, { refused, unsupported }: Telling): JsonObject => {
  if (!schema) return {};
  if (schema.type !== "object") {
    unsupported("output_schema");
    return {};
  }
  const strict = holds(schema) && !refused.has("strict");
  return { text: { format: { type: "json_schema", name: "answer", schema, strict } } };
};

const CHOICES = { auto: "auto", any: "required", none: "none" } as const;
const choiceOf = (choice: ToolChoice, { refused, dropped }: Telling): JsonObject => {
  const one = choice.disable_parallel_tool_use === true;
  if (one && refused.has("parallel_tool_calls")) dropped("tool_choice.disable_parallel_tool_use", true);
  return {
    tool_choice: choice.type === "tool" ? { type: "function", name: choice.name } : CHOICES[choice.type],
    ...(one && !refused.has("parallel_tool_calls") ? { parallel_tool_calls: false } : {}),
  };
};

/** Strict tools would have to require every property; the dispatcher validates the input instead. */
const toolsText = remember((tools: readonly ToolSpec[]): string =>
  JSON.stringify(
    tools.map(({ name, description, input_schema }) => ({
      type: "function",
      name,
      description,
      parameters: parametersOf(input_schema),
      strict: false,
    })),
  ),
);
