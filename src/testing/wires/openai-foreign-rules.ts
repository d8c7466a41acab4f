/** What OpenAI's wires refuse of a conversation that began elsewhere: keys they do not know, long ids, odd names, media of other kinds. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { bad, invalidType, missing } from "./openai.ts";
import { isObject, objects, type WireError } from "./wire.ts";

/** Keys of an item or a part of Responses beside `type`. Types that are not here are not looked into. */
const keys: { readonly [type: string]: readonly string[] } = {
  message: ["role", "content", "id", "status", "phase"],
  function_call: ["id", "call_id", "name", "arguments", "status", "async", "caller", "namespace"],
  function_call_output: ["id", "call_id", "output", "status", "caller", "name", "namespace"],
  reasoning: ["id", "summary", "content", "encrypted_content", "status"],
  input_text: ["text", "prompt_cache_breakpoint"],
  input_image: ["detail", "file_id", "image_url", "prompt_cache_breakpoint"],
  input_file: ["detail", "file_data", "file_id", "file_url", "filename", "prompt_cache_breakpoint"],
  output_text: ["text", "annotations", "logprobs"],
  refusal: ["refusal"],
};

export function refuseForeignItems(items: readonly JsonObject[]): WireError | null {
  for (const [i, item] of items.entries()) {
    const at = `input[${i}]`;
    const refused = refuseKeys(item, String(item.type ?? "message"), at) ?? refuseCall(item, at) ?? refuseParts(item, at);
    if (refused) return refused;
  }
  return null;
}

function refuseKeys(value: JsonObject, type: string, at: string): WireError | null {
  const known = Object.hasOwn(keys, type) ? keys[type] : undefined;
  const extra = known && Object.keys(value).find((key) => key !== "type" && !known.includes(key));
  return extra === undefined ? null : bad(`Unknown parameter: '${at}.${extra}'.`, `${at}.${extra}`, "unknown_parameter");
}

function refuseCall({ type, call_id, name }: JsonObject, at: string): WireError | null {
  if (type !== "function_call" && type !== "function_call_output") return null;
  return refuseText(call_id, `${at}.call_id`, 64) ?? (type === "function_call" ? refuseName(name, `${at}.name`) : null);
}

function refuseParts({ content, output }: JsonObject, at: string): WireError | null {
  for (const [key, parts] of [
    ["content", objects(content)],
    ["output", objects(output)],
  ] as const)
    for (const [i, part] of parts.entries()) {
      const path = `${at}.${key}[${i}]`;
      const refused = refuseKeys(part, String(part.type), path) ?? refuseMedia(part, path);
      if (refused) return refused;
    }
  return null;
}

function refuseMedia({ type, image_url, file_id, file_data, file_url }: JsonObject, at: string): WireError | null {
  if (type === "input_image" && typeof image_url === "string") return refuseImage(image_url, `${at}.image_url`);
  const elsewhere = type === "input_file" && (file_data !== undefined || file_url !== undefined);
  return elsewhere || (type !== "input_image" && type !== "input_file") ? null : refuseFile(file_id, `${at}.file_id`);
}

/** Of Chat Completions. */
export function refuseForeignMessages(messages: readonly JsonObject[]): WireError | null {
  for (const [i, { content, tool_calls }] of messages.entries()) {
    const at = `messages[${i}]`;
    for (const [c, call] of objects(tool_calls).entries()) {
      const path = `${at}.tool_calls[${c}]`;
      const refused =
        refuseText(call.id, `${path}.id`, 40) ??
        refuseName(isObject(call.function) ? call.function.name : undefined, `${path}.function.name`);
      if (refused) return refused;
    }
    for (const [p, part] of objects(content).entries()) {
      const path = `${at}.content[${p}]`;
      const file = isObject(part.file) ? part.file : {};
      const refused =
        part.type === "image_url"
          ? refuseImage(isObject(part.image_url) ? part.image_url.url : undefined, `${path}.image_url.url`)
          : part.type === "file" && file.file_data === undefined
            ? refuseFile(file.file_id, `${path}.file.file_id`)
            : null;
      if (refused) return refused;
    }
  }
  return null;
}

function refuseText(value: Json | undefined, at: string, most: number): WireError | null {
  if (typeof value !== "string") return value === undefined ? missing(at) : invalidType(at, "a string", value);
  if (value.length <= most) return null;
  return bad(
    `Invalid '${at}': string too long. Expected a string with maximum length ${most}, but got a string with length ${value.length} instead.`,
    at,
    "string_above_max_length",
  );
}

function refuseName(value: Json | undefined, at: string): WireError | null {
  const long = refuseText(value, at, 64);
  if (long || /^[a-zA-Z0-9_-]+$/.test(String(value))) return long;
  const message = `Invalid '${at}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
  return bad(message, at, "invalid_value");
}

/** An image's address: on the web, or its bytes. */
function refuseImage(url: Json | undefined, at: string): WireError | null {
  if (typeof url !== "string") return invalidType(at, "a string", url);
  if (/^https?:\/\//.test(url) || /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$/.test(url)) return null;
  const message = `Invalid '${at}'. Expected an address on the web, or a base64-encoded data URL with an image MIME type.`;
  return bad(message, at, "invalid_value");
}

const refuseFile = (id: Json | undefined, at: string): WireError | null =>
  typeof id === "string" && /^(?:file|assistant)-/.test(id)
    ? null
    : bad(`Invalid '${at}': '${String(id)}'. Expected an ID that begins with 'file'.`, at, "invalid_value");
