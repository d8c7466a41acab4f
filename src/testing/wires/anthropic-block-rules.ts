/** What Anthropic's API refuses of a message's blocks: names it does not know, blocks in the wrong place, media of other kinds. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { isObject, objects } from "./wire.ts";

/** Names beside `type`, by the type of a block. Types that are not here are not looked into. */
const names: { readonly [type: string]: readonly string[] } = {
  text: ["text", "cache_control", "citations"],
  image: ["source", "cache_control"],
  document: ["source", "title", "context", "citations", "cache_control"],
  thinking: ["thinking", "signature"],
  redacted_thinking: ["data"],
  tool_use: ["id", "name", "input", "cache_control", "caller"],
  tool_result: ["tool_use_id", "content", "is_error", "cache_control"],
};
const onlyIn: { readonly [type: string]: string } = {
  image: "user",
  document: "user",
  tool_result: "user",
  thinking: "assistant",
  redacted_thinking: "assistant",
  tool_use: "assistant",
};
const inResults = ["text", "image", "document", "search_result", "tool_reference"];
const images = ["image/jpeg", "image/png", "image/gif", "image/webp"];

const tags = (all: readonly string[]): string => all.map((one) => `'${one}'`).join(", ");

/** `at` is the path of the block. */
export function refuseBlock(block: JsonObject, role: Json | undefined, at: string): string | null {
  const type = String(block.type);
  const known = Object.hasOwn(names, type) ? names[type] : undefined;
  const extra = known && Object.keys(block).find((key) => key !== "type" && !known.includes(key));
  if (extra !== undefined) return `${at}.${type}.${extra}: Extra inputs are not permitted`;
  if (["file", "opaque"].includes(type)) return `${at}: Input tag '${type}' found using 'type' does not match any of the expected tags`;
  const place = Object.hasOwn(onlyIn, type) ? onlyIn[type] : role;
  if (place !== role) return `${at}: \`${type}\` blocks are only permitted in ${place} messages`;
  switch (type) {
    case "text":
      if (!block.text) return `${at}: text content blocks must be non-empty`;
      return String(block.text).trim() ? null : `${at}: text content blocks must contain non-whitespace text`;
    case "thinking":
      if (typeof block.signature !== "string") return `${at}.thinking.signature: Field required`;
      return block.signature ? null : `${at}: Invalid \`signature\` in \`thinking\` block`;
    case "tool_use":
      return (
        pattern(block.id, /^[a-zA-Z0-9_-]+$/, `${at}.tool_use.id`) ?? pattern(block.name, /^[a-zA-Z0-9_-]{1,128}$/, `${at}.tool_use.name`)
      );
    case "tool_result":
      return refuseResult(block, role, at);
    case "image":
    case "document":
      return refuseSource(block, `${at}.${type}.source`);
    default:
      return null;
  }
}

const pattern = (value: Json | undefined, legal: RegExp, at: string): string | null =>
  typeof value === "string" && legal.test(value) ? null : `${at}: String should match pattern '${legal.source}'`;

function refuseResult({ content }: JsonObject, role: Json | undefined, at: string): string | null {
  for (const [i, inner] of objects(content).entries()) {
    const path = `${at}.tool_result.content.${i}`;
    if (!inResults.includes(String(inner.type)))
      return `${path}: Input tag '${String(inner.type)}' found using 'type' does not match any of the expected tags: ${tags(inResults)}`;
    const refused = refuseBlock(inner, role, path);
    if (refused) return refused;
  }
  return null;
}

function refuseSource({ type, source }: JsonObject, at: string): string | null {
  if (!isObject(source)) return `${at}: Field required`;
  const { type: form, media_type, data, url, file_id } = source;
  const wanted = form === "text" ? ["text/plain"] : type === "image" ? images : ["application/pdf"];
  if (form === "text" && type === "image") return `${at}: Input tag 'text' found using 'type' does not match any of the expected tags`;
  if (form === "base64" || form === "text") {
    if (!wanted.includes(String(media_type)))
      return `${at}.${form}.media_type: Input should be ${wanted.map((w) => `'${w}'`).join(" or ")}`;
    if (form === "base64" && !/^[A-Za-z0-9+/]+={0,2}$/.test(String(data))) return `${at}.base64.data: Invalid base64 data`;
    return null;
  }
  if (form === "url") return /^https?:\/\//.test(String(url)) ? null : `${at}.url.url: Only HTTPS URLs are supported.`;
  if (form === "file") return /^file_/.test(String(file_id)) ? null : `${at}.file.file_id: File not found: ${String(file_id)}`;
  return `${at}: Input tag '${String(form)}' found using 'type' does not match any of the expected tags: 'base64', 'file', 'text', 'url'`;
}
