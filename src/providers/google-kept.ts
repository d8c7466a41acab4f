/**
 * What Gemini must get back although no canonical block holds it. Two opaque blocks, both under `provider: "google"`, by which other wires
 * know to leave them out:
 * - `{ provider, thoughtSignature }` follows the block that it signs: a call, a text, a thought.
 * - `{ provider, part }` is a part of the answer that has no other form: code that Gemini ran, a signature on an empty text.
 */
import type { ContentBlock, OpaqueBlock } from "../contract/message.ts";
import type { JsonObject } from "../contract/schema.ts";
import { isObject, text } from "./json.ts";

const provider = "google";

export const signature = (thoughtSignature: string): OpaqueBlock => ({ type: "opaque", block: { provider, thoughtSignature } });
export const kept = (part: JsonObject): OpaqueBlock => ({ type: "opaque", block: { provider, part } });

const own = (block: ContentBlock | undefined): JsonObject =>
  block?.type === "opaque" && block.block.provider === provider ? block.block : {};

/** The signature that a block is; empty when it is none. */
export const signatureOf = (block: ContentBlock | undefined): string => text(own(block).thoughtSignature);
/** The part that a block keeps; null when it keeps none. */
export const partOf = (block: ContentBlock): JsonObject | null => {
  const { part } = own(block);
  return isObject(part) ? part : null;
};
