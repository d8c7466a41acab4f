/**
 * What OpenAI must get back although no canonical block holds it. Two opaque blocks, both under `provider: "openai"`, by which other wires
 * know to leave them out:
 * - `{ provider, item }` is an item of the answer that has no other form: reasoning, encrypted; a tool that OpenAI ran.
 * - `{ provider, phase }` follows the texts of a message, and says whether they were a comment on the way or the final answer.
 */
import type { ContentBlock, OpaqueBlock } from "../contract/message.ts";
import type { JsonObject } from "../contract/schema.ts";
import { isObject, text } from "./json.ts";

const provider = "openai";

export const kept = (item: JsonObject): OpaqueBlock => ({ type: "opaque", block: { provider, item } });
export const phased = (phase: string): OpaqueBlock => ({ type: "opaque", block: { provider, phase } });

const own = (block: ContentBlock): JsonObject => (block.type === "opaque" && block.block.provider === provider ? block.block : {});

/** The item that a block keeps; null when it keeps none. */
export const itemOf = (block: ContentBlock): JsonObject | null => {
  const { item } = own(block);
  return isObject(item) ? item : null;
};
/** The phase that a block names; empty when it names none. */
export const phaseOf = (block: ContentBlock): string => text(own(block).phase);
