/** A request as Gemini's generateContent wants it. */
import type { ModelRequest } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { JsonObject } from "../contract/schema.ts";
import type { SystemPrompt, ToolChoice } from "../contract/state.ts";
import type { ToolSpec } from "../contract/tool.ts";
import { contentsText } from "./google-contents.ts";
import { signsCalls, thinkingOf } from "./google-models.ts";
import { parametersOf, schemaOf } from "./google-schema.ts";
import type { Telling } from "./wire.ts";

export const bodyOf = (request: ModelRequest, options: Telling): string => {
  const { tools, toolChoice, model } = request;
  const system = systemText(request.system);
  const config = configOf(request, options);
  const head = {
    ...(system ? { systemInstruction: { role: "user", parts: [{ text: system }] } } : {}),
    ...(Object.keys(config).length ? { generationConfig: config } : {}),
    ...(toolChoice && tools.length ? { toolConfig: { functionCallingConfig: choiceOf(toolChoice, options) } } : {}),
  };
  const rest = JSON.stringify(head).slice(1, -1);
  const declared = tools.length ? `,"tools":${toolsText(tools, options.refused.has("parametersJsonSchema"))}` : "";
  return `{${rest}${rest ? "," : ""}"contents":[${contentsText(request, signsCalls(model))}]${declared}}`;
};

const systemText = (system: SystemPrompt): string =>
  (typeof system === "string" ? system : system.map(({ text }) => text).join("\n")).trim();

const configOf = (request: ModelRequest, { refused, dropped }: Telling): JsonObject => {
  const thinkingConfig = request.thinking && thinkingOf(request.thinking, request.model, refused, dropped);
  const schema = request.outputSchema;
  return {
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.topP === null ? {} : { topP: request.topP }),
    ...(request.topK === null ? {} : { topK: request.topK }),
    ...(request.maxTokens > 0 ? { maxOutputTokens: request.maxTokens } : {}),
    ...(request.stopSequences?.length ? { stopSequences: request.stopSequences } : {}),
    ...(thinkingConfig ? { thinkingConfig } : {}),
    ...(schema ? { responseMimeType: "application/json" } : {}),
    ...(schema ? (refused.has("responseJsonSchema") ? { responseSchema: schemaOf(schema) } : { responseJsonSchema: schema }) : {}),
  };
};

const MODES = { auto: "AUTO", any: "ANY", none: "NONE", tool: "ANY" } as const;
const choiceOf = (choice: ToolChoice, { dropped }: Telling): JsonObject => {
  if (choice.disable_parallel_tool_use) dropped("tool_choice.disable_parallel_tool_use", true);
  return { mode: MODES[choice.type], ...(choice.type === "tool" ? { allowedFunctionNames: [choice.name] } : {}) };
};

const toolsText = (tools: readonly ToolSpec[], old: boolean): string => (old ? oldTools : newTools)(tools);
const declaring = (parameters: (schema: JsonObject) => JsonObject) =>
  remember((tools: readonly ToolSpec[]): string =>
    JSON.stringify([
      { functionDeclarations: tools.map(({ name, description, input_schema }) => ({ name, description, ...parameters(input_schema) })) },
    ]),
  );
const newTools = declaring((parametersJsonSchema) => ({ parametersJsonSchema }));
const oldTools = declaring((schema) => {
  const parameters = parametersOf(schema);
  return parameters ? { parameters } : {};
});
