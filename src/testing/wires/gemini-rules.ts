/** What Gemini's API refuses, as far as a harness can get it wrong. Its JSON is a protocol buffer's: an unknown name is a mistake at any depth. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { refusePart } from "./gemini-part-rules.ts";
import { refuseDeclaration, unknownName } from "./gemini-schema-rules.ts";
import { isObject, objects, type WireCall, type WireError } from "./wire.ts";

const names = [
  "cachedContent",
  "contents",
  "generationConfig",
  "model",
  "safetySettings",
  "serviceTier",
  "store",
  "systemInstruction",
  "toolConfig",
  "tools",
];
const configNames = [
  "candidateCount",
  "enableEnhancedCivicAnswers",
  "frequencyPenalty",
  "imageConfig",
  "logprobs",
  "maxOutputTokens",
  "mediaResolution",
  "presencePenalty",
  "responseFormat",
  "responseJsonSchema",
  "responseLogprobs",
  "responseMimeType",
  "responseModalities",
  "responseSchema",
  "seed",
  "speechConfig",
  "stopSequences",
  "temperature",
  "thinkingConfig",
  "topK",
  "topP",
];
export const invalid = (message: string): WireError => ({ status: 400, message });

export function refuseGemini(call: WireCall): WireError | null {
  const url = new URL(call.path, "http://localhost");
  const keyed = call.headers["x-goog-api-key"] || url.searchParams.get("key") || /^Bearer\s+\S/.test(call.headers.authorization ?? "");
  if (!keyed) return { status: 403 };
  if (url.pathname.endsWith(":streamGenerateContent") && url.searchParams.get("alt") !== "sse")
    return invalid("the offline model streams server-sent events only: ask with ?alt=sse");
  const { body } = call;
  if (!isObject(body)) return invalid("Invalid JSON payload received. Unexpected token.");
  return (
    unknownName(body, names, "") ?? refuseConfig(body.generationConfig) ?? refuseTools(body) ?? refuseContents(body.contents, url.pathname)
  );
}

function refuseConfig(config: Json | undefined): WireError | null {
  if (!isObject(config)) return null;
  const unknown = unknownName(config, configNames, "generation_config");
  if (unknown) return unknown;
  const limit = config.maxOutputTokens;
  if (limit !== undefined && limit !== null && !(Number.isInteger(limit) && Number(limit) > 0))
    return invalid("* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.\n");
  if (Array.isArray(config.stopSequences) && config.stopSequences.length > 5)
    return invalid("* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences are supported.\n");
  const { thinkingConfig } = config;
  if (isObject(thinkingConfig) && thinkingConfig.thinkingBudget !== undefined && thinkingConfig.thinkingLevel !== undefined)
    return invalid("You can only set only one of thinking budget and thinking level.");
  return null;
}

function refuseTools({ tools, toolConfig }: JsonObject): WireError | null {
  const declared = objects(tools).map((tool) => objects(tool.functionDeclarations));
  for (const [t, list] of declared.entries()) {
    for (const [d, declaration] of list.entries()) {
      const refused = refuseDeclaration(declaration, `tools[${t}].function_declarations[${d}]`);
      if (refused) return refused;
    }
  }
  const all = declared.flat().map(({ name }) => String(name));
  const twice = all.find((name, i) => all.indexOf(name) !== i);
  if (twice !== undefined) return invalid(`Duplicate function declaration found: ${twice}`);
  const config = isObject(toolConfig) ? toolConfig.functionCallingConfig : undefined;
  if (!isObject(config) || !Array.isArray(config.allowedFunctionNames) || !config.allowedFunctionNames.length) return null;
  if (config.mode !== "ANY" && config.mode !== "VALIDATED")
    return invalid(
      "* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: allowed_function_names should only be set when the mode is ANY or VALIDATED.\n",
    );
  const odd = config.allowedFunctionNames.find((name) => !all.includes(String(name)));
  return odd === undefined
    ? null
    : invalid(`* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: '${String(odd)}' is not declared.\n`);
}

function refuseContents(contents: Json | undefined, path: string): WireError | null {
  const list = objects(contents);
  if (!list.length) return invalid("* GenerateContentRequest.contents: contents is not specified\n");
  for (const [i, content] of list.entries()) {
    const at = `GenerateContentRequest.contents[${i}]`;
    if (content.role !== undefined && content.role !== "user" && content.role !== "model")
      return invalid("Please use a valid role: user, model.");
    const parts = objects(content.parts);
    if (!parts.length) return invalid(`* ${at}.parts: contents.parts must not be empty.\n`);
    for (const [p, part] of parts.entries()) {
      const refused = refusePart(part, i, p);
      if (refused) return refused;
    }
  }
  return refusePairs(list) ?? refuseUnsigned(list, path);
}

const made = (content: JsonObject | undefined, key: "functionCall" | "functionResponse"): JsonObject[] =>
  objects(content?.parts).flatMap((part) => (isObject(part[key]) ? [part[key]] : []));

function refusePairs(contents: readonly JsonObject[]): WireError | null {
  for (const [i, content] of contents.entries()) {
    const calls = made(content, "functionCall");
    const responses = made(content, "functionResponse");
    const before = made(contents[i - 1], "functionCall");
    if (calls.length && content.role !== "model") return invalid("Please ensure that function call turn contains the model role.");
    if (calls.length && (i === 0 || contents[i - 1]?.role === "model"))
      return invalid("Please ensure that function call turn comes immediately after a user turn or after a function response turn.");
    if (responses.length && !before.length)
      return invalid("Please ensure that function response turn comes immediately after a function call turn.");
    if (before.length !== responses.length)
      return invalid(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
      );
    const ids = before.map(({ id }) => id).filter((id) => id !== undefined);
    const odd = responses.find(
      ({ id, name }) => (id === undefined ? ids.length === before.length : !ids.includes(id)) || !before.some((b) => b.name === name),
    );
    if (odd)
      return invalid(
        `Please ensure that the id and the name of the function response '${String(odd.name)}' are those of a function call of the function call turn.`,
      );
  }
  if (contents.at(-1)?.role === "model")
    return invalid("Please ensure that single turn requests end with a user role or the role field is empty.");
  return null;
}

/** From Gemini 3 on, the first call of every step since the user last spoke must carry the signature it came with. */
export const mustSign = (path: string): boolean => /\/models\/gemini-(?:[3-9]|\d\d)/.test(path);

function refuseUnsigned(contents: readonly JsonObject[], path: string): WireError | null {
  if (!mustSign(path)) return null;
  const since = contents.findLastIndex((content) => content.role !== "model" && !made(content, "functionResponse").length);
  for (const [i, content] of contents.entries()) {
    const call = i > since ? objects(content.parts).find((part) => part.functionCall !== undefined) : undefined;
    if (!call || (typeof call.thoughtSignature === "string" && call.thoughtSignature)) continue;
    const name = isObject(call.functionCall) ? String(call.functionCall.name) : "";
    return invalid(
      `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly. Function call \`${name}\`, position ${i}.`,
    );
  }
  return null;
}
