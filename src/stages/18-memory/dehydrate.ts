/** Messages as files keep them: the text whole, pictures and documents without their bytes. */
import type { Message } from "../../contract/message.ts";
import { isObject, type Json, type JsonObject } from "../../contract/schema.ts";

/** Role and content; base64 data becomes null beside `_dehydrated: true`, also inside tool results. Ids and origins stay behind. */
export const dehydrate = ({ role, content }: Pick<Message, "role" | "content">): JsonObject => ({
  role,
  content: typeof content === "string" ? content : content.map(lighten),
});

const lighten = (block: Json): Json => {
  if (!isObject(block)) return block;
  if (isObject(block.source) && block.source.type === "base64") return { ...block, source: { ...block.source, ...gone } };
  if (block.type === "file" && block.data !== undefined) return { ...block, ...gone };
  if (block.type === "tool_result" && Array.isArray(block.content)) return { ...block, content: block.content.map(lighten) };
  return block;
};
const gone = { data: null, _dehydrated: true };
