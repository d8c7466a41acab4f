/** What OpenAI's Chat Completions API refuses, as far as a harness can get it wrong. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { bad, type Dialect, invalidType, invalidValue, missing, refuseFunction, refuseKey, refuseUnknown } from "./openai.ts";
import { isObject, objects, type WireCall, type WireError } from "./wire.ts";

const parameters = [
  "audio",
  "frequency_penalty",
  "function_call",
  "functions",
  "logit_bias",
  "logprobs",
  "max_completion_tokens",
  "max_tokens",
  "messages",
  "metadata",
  "modalities",
  "model",
  "moderation",
  "n",
  "parallel_tool_calls",
  "prediction",
  "presence_penalty",
  "prompt_cache_key",
  "prompt_cache_options",
  "prompt_cache_retention",
  "reasoning_effort",
  "response_format",
  "safety_identifier",
  "seed",
  "service_tier",
  "stop",
  "store",
  "stream",
  "stream_options",
  "temperature",
  "tool_choice",
  "tools",
  "top_logprobs",
  "top_p",
  "user",
  "verbosity",
  "web_search_options",
];
const moved = { input: "messages", max_output_tokens: "max_completion_tokens", reasoning: "reasoning_effort" };
const roles = ["system", "assistant", "user", "function", "tool", "developer"];
const userParts = ["text", "image_url", "input_audio", "refusal", "audio", "file"];

export function refuseChat(call: WireCall, dialect: Dialect): WireError | null {
  const keyless = refuseKey(call, dialect);
  if (keyless) return keyless;
  const { body } = call;
  if (!isObject(body)) return bad("We could not parse the JSON body of your request.");
  if (typeof body.model !== "string" || !body.model) return bad("you must provide a model parameter");
  if (body.messages === undefined) return missing("messages");
  if (!Array.isArray(body.messages)) return invalidType("messages", "an array of objects", body.messages);
  if (!body.messages.length) return emptyArray("messages");
  return (
    (dialect.local ? null : refuseUnknown(body, parameters, moved)) ??
    refuseOptions(body) ??
    refuseTools(body) ??
    refuseMessages(body.messages) ??
    refusePairs(body.messages.filter(isObject))
  );
}

const emptyArray = (param: string): WireError =>
  bad(`Invalid '${param}': empty array. Expected an array with minimum length 1, but got an empty array instead.`, param, "empty_array");

function refuseOptions(body: JsonObject): WireError | null {
  if (body.stream_options !== undefined && body.stream_options !== null && body.stream !== true)
    return bad("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options");
  if (typeof body.max_tokens === "number" && typeof body.max_completion_tokens === "number")
    return bad(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      "max_tokens",
      "invalid_parameter_combination",
    );
  const stops = Array.isArray(body.stop) ? body.stop.length : 0;
  if (stops <= 4) return null;
  return bad(
    `Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length ${stops} instead.`,
    "stop",
    "array_above_max_length",
  );
}

function refuseTools({ tools, tool_choice, parallel_tool_calls }: JsonObject): WireError | null {
  const list = Array.isArray(tools) ? tools : null;
  if (!list) {
    if (tools !== undefined && tools !== null) return invalidType("tools", "an array of objects", tools);
    const stray =
      tool_choice !== undefined && tool_choice !== null && tool_choice !== "none"
        ? "tool_choice"
        : parallel_tool_calls !== undefined
          ? "parallel_tool_calls"
          : null;
    return stray ? bad(`Invalid value for '${stray}': '${stray}' is only allowed when 'tools' are specified.`, stray) : null;
  }
  if (!list.length) return emptyArray("tools");
  for (const [i, tool] of list.entries()) {
    const at = `tools[${i}]`;
    if (!isObject(tool)) return invalidType(at, "an object", tool);
    if (tool.type === undefined) return missing(`${at}.type`);
    if (tool.type !== "function") continue;
    if (!isObject(tool.function)) return missing(`${at}.function`);
    const refused = refuseFunction(tool.function, `${at}.function`);
    if (refused) return refused;
  }
  const chosen = isObject(tool_choice) && isObject(tool_choice.function) ? tool_choice.function.name : undefined;
  if (isObject(tool_choice) && tool_choice.type === "function" && chosen === undefined) return missing("tool_choice.function");
  const offered = chosen === undefined || list.some((tool) => isObject(tool) && isObject(tool.function) && tool.function.name === chosen);
  return offered ? null : bad(`Tool choice '${String(chosen)}' not found in 'tools' parameter.`, "tool_choice");
}

function refuseMessages(messages: readonly Json[]): WireError | null {
  for (const [i, message] of messages.entries()) {
    const at = `messages[${i}]`;
    if (!isObject(message)) return invalidType(at, "an object", message);
    const refused = roles.includes(String(message.role))
      ? (refuseContent(message, at) ?? refuseCalls(message.tool_calls, at))
      : invalidValue(`${at}.role`, message.role, roles);
    if (refused) return refused;
  }
  return null;
}

function refuseContent({ role, content, tool_calls, refusal }: JsonObject, at: string): WireError | null {
  if (typeof content === "string") return null;
  if (Array.isArray(content)) {
    const supported = role === "user" ? userParts : role === "assistant" ? ["text", "refusal"] : ["text"];
    const odd = content.findIndex((part) => !isObject(part) || !supported.includes(String(part.type)));
    const part = content[odd];
    return odd < 0
      ? null
      : invalidValue(`${at}.content[${odd}]${isObject(part) ? ".type" : ""}`, isObject(part) ? part.type : part, supported);
  }
  if (role === "assistant" && (objects(tool_calls).length || typeof refusal === "string")) return null;
  if (content === undefined && role !== "assistant") return missing(`${at}.content`);
  const got = content === undefined || content === null ? "null" : typeof content;
  return bad(`Invalid value for 'content': expected a string, got ${got}.`, `${at.replace("[", ".[")}.content`);
}

function refuseCalls(calls: Json | undefined, at: string): WireError | null {
  if (calls === undefined || calls === null) return null;
  if (!Array.isArray(calls)) return invalidType(`${at}.tool_calls`, "an array of objects", calls);
  if (!calls.length) return emptyArray(`${at}.tool_calls`);
  for (const [i, call] of calls.entries()) {
    const path = `${at}.tool_calls[${i}]`;
    if (!isObject(call)) return invalidType(path, "an object", call);
    if (typeof call.id !== "string") return missing(`${path}.id`);
    if (call.type === undefined) return missing(`${path}.type`);
    if (!isObject(call.function)) return missing(`${path}.function`);
    if (typeof call.function.name !== "string") return missing(`${path}.function.name`);
    if (typeof call.function.arguments !== "string") return invalidType(`${path}.function.arguments`, "a string", call.function.arguments);
  }
  return null;
}

/** Calls are answered by the messages that follow at once, each by one. */
function refusePairs(messages: readonly JsonObject[]): WireError | null {
  let open = new Set<string>();
  let asker = -1;
  const unanswered = (): WireError | null =>
    open.size
      ? bad(
          `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(", ")}`,
          `messages.[${asker}].role`,
        )
      : null;
  for (const [i, message] of messages.entries()) {
    if (message.role === "tool") {
      const id = String(message.tool_call_id);
      if (asker < 0)
        return bad(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          `messages.[${i}].role`,
        );
      if (!open.delete(id))
        return bad(
          `Invalid parameter: 'tool_call_id' of '${id}' not found in 'tool_calls' of previous message.`,
          `messages.[${i}].tool_call_id`,
        );
      continue;
    }
    const left = unanswered();
    if (left) return left;
    open = new Set(objects(message.tool_calls).map((call) => String(call.id)));
    asker = open.size ? i : -1;
  }
  return unanswered();
}
