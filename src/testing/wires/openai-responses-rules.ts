/** What OpenAI's Responses API refuses, as far as a harness can get it wrong. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { bad, type Dialect, invalidType, invalidValue, missing, refuseFunction, refuseKey, refuseUnknown } from "./openai.ts";
import { refuseForeignItems } from "./openai-foreign-rules.ts";
import { refuseForModel } from "./openai-model-rules.ts";
import { refuseFormat } from "./openai-schema-rules.ts";
import { isObject, type WireCall, type WireError } from "./wire.ts";

const parameters = [
  "access_programs",
  "background",
  "context_management",
  "conversation",
  "image",
  "include",
  "input",
  "instructions",
  "max_output_tokens",
  "max_tool_calls",
  "metadata",
  "model",
  "moderation",
  "parallel_tool_calls",
  "previous_response_id",
  "prompt",
  "prompt_cache_key",
  "prompt_cache_options",
  "prompt_cache_retention",
  "reasoning",
  "safety_identifier",
  "service_tier",
  "store",
  "stream",
  "stream_options",
  "temperature",
  "text",
  "tool_choice",
  "tools",
  "top_logprobs",
  "top_p",
  "truncation",
  "user",
];
const moved = {
  messages: "input",
  max_tokens: "max_output_tokens",
  max_completion_tokens: "max_output_tokens",
  response_format: "text.format",
  reasoning_effort: "reasoning.effort",
};
const roles = ["user", "assistant", "system", "developer"];
const written = ["input_text", "input_image", "input_file"];
const said = ["output_text", "refusal"];

export function refuseResponses(call: WireCall, dialect: Dialect): WireError | null {
  const keyless = refuseKey(call, dialect);
  if (keyless) return keyless;
  const { body } = call;
  if (!isObject(body)) return bad("We could not parse the JSON body of your request.");
  if (typeof body.model !== "string" || !body.model) return missing("model");
  if (typeof body.previous_response_id === "string")
    return bad(
      `Previous response with id '${body.previous_response_id}' not found.`,
      "previous_response_id",
      "previous_response_not_found",
    );
  return (
    (dialect.local ? null : refuseUnknown(body, parameters, moved)) ??
    refuseLimit(body.max_output_tokens) ??
    refuseLength(body.prompt_cache_key, "prompt_cache_key") ??
    refuseInput(body.input) ??
    refuseTools(body) ??
    refuseFormat(isObject(body.text) ? body.text.format : undefined) ??
    (dialect.local ? null : refuseForModel(body))
  );
}

function refuseLimit(limit: Json | undefined): WireError | null {
  if (limit === undefined || limit === null) return null;
  if (!Number.isInteger(limit)) return invalidType("max_output_tokens", "an integer", limit);
  if (Number(limit) >= 16) return null;
  const message = `Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got ${String(limit)} instead.`;
  return bad(message, "max_output_tokens", "integer_below_min_value");
}

function refuseLength(value: Json | undefined, param: string): WireError | null {
  if (typeof value !== "string" || value.length <= 64) return null;
  return bad(
    `Invalid '${param}': string too long. Expected a string with maximum length 64, but got a string with length ${value.length} instead.`,
    param,
    "string_above_max_length",
  );
}

function refuseInput(input: Json | undefined): WireError | null {
  if (input === undefined) return missing("input");
  if (typeof input === "string") return null;
  if (!Array.isArray(input)) return invalidType("input", "one of an array of objects or string", input);
  for (const [i, item] of input.entries()) {
    if (!isObject(item)) return invalidType(`input[${i}]`, "an object", item);
    const refused = refuseItem(item, `input[${i}]`, input[i + 1]);
    if (refused) return refused;
  }
  return refusePairs(input.filter(isObject)) ?? refuseForeignItems(input.filter(isObject));
}

function refuseItem(item: JsonObject, at: string, next: Json | undefined): WireError | null {
  const text = (key: string): WireError | null =>
    item[key] === undefined
      ? missing(`${at}.${key}`)
      : typeof item[key] === "string"
        ? null
        : invalidType(`${at}.${key}`, "a string", item[key]);
  switch (item.type ?? "message") {
    case "message":
      return refuseMessage(item, at);
    case "function_call":
      return text("call_id") ?? text("name") ?? text("arguments");
    case "function_call_output":
      return text("call_id") ?? (Array.isArray(item.output) ? refuseParts(item.output, `${at}.output`, written) : text("output"));
    case "reasoning":
      return refuseReasoning(item, at, next);
    default:
      return null;
  }
}

function refuseMessage(item: JsonObject, at: string): WireError | null {
  if (!roles.includes(String(item.role))) return invalidValue(`${at}.role`, item.role, roles);
  if (item.content === undefined) return missing(`${at}.content`);
  if (typeof item.content === "string") return null;
  if (!Array.isArray(item.content)) return invalidType(`${at}.content`, "one of an array of objects or string", item.content);
  return refuseParts(item.content, `${at}.content`, item.role === "assistant" ? said : written);
}

/** Of these each part needs one. */
const bears: { readonly [type: string]: readonly string[] } = {
  refusal: ["refusal"],
  input_image: ["image_url", "file_id"],
  input_file: ["file_data", "file_url", "file_id"],
};

function refuseParts(parts: readonly Json[], at: string, supported: readonly string[]): WireError | null {
  for (const [i, part] of parts.entries()) {
    const path = `${at}[${i}]`;
    if (!isObject(part) || !supported.includes(String(part.type))) return invalidValue(path, isObject(part) ? part.type : part, supported);
    const keys = bears[String(part.type)] ?? ["text"];
    if (!keys.some((key) => typeof part[key] === "string")) return missing(`${path}.${keys[0]}`);
  }
  return null;
}

/** Nothing is kept here, so what a request means has to be in it. */
function refuseReasoning(item: JsonObject, at: string, next: Json | undefined): WireError | null {
  const id = String(item.id ?? "");
  if (!Array.isArray(item.summary)) return missing(`${at}.summary`);
  if (typeof item.encrypted_content !== "string" || !item.encrypted_content) {
    const message = `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`;
    return { status: 404, message, param: "input", type: "invalid_request_error" };
  }
  const type = isObject(next) ? (next.type ?? "message") : undefined;
  const followed =
    type !== undefined && !String(type).endsWith("_output") && (type !== "message" || (isObject(next) && next.role === "assistant"));
  return followed ? null : bad(`Item '${id}' of type 'reasoning' was provided without its required following item.`, "input");
}

function refusePairs(items: readonly JsonObject[]): WireError | null {
  const open = new Set<string>();
  for (const item of items) {
    const id = String(item.call_id);
    if (item.type === "function_call") open.add(id);
    if (item.type === "function_call_output" && !open.delete(id))
      return bad(`No tool call found for function call output with call_id ${id}.`, "input");
  }
  const [unanswered] = open;
  return unanswered === undefined ? null : bad(`No tool output found for function call ${unanswered}.`, "input");
}

function refuseTools({ tools, tool_choice }: JsonObject): WireError | null {
  if (tools !== undefined && tools !== null && !Array.isArray(tools)) return invalidType("tools", "an array of objects", tools);
  const list = Array.isArray(tools) ? tools : [];
  for (const [i, tool] of list.entries()) {
    if (!isObject(tool)) return invalidType(`tools[${i}]`, "an object", tool);
    const refused =
      tool.type === undefined ? missing(`tools[${i}].type`) : tool.type === "function" ? refuseFunction(tool, `tools[${i}]`) : null;
    if (refused) return refused;
  }
  const chosen = isObject(tool_choice) && tool_choice.type === "function" ? tool_choice.name : undefined;
  if (isObject(tool_choice) && tool_choice.type === "function" && chosen === undefined) return missing("tool_choice.name");
  const offered = chosen === undefined || list.some((tool) => isObject(tool) && tool.name === chosen);
  return offered ? null : bad(`Tool choice '${String(chosen)}' not found in 'tools' parameter.`, "tool_choice");
}
