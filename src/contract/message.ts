/** Messages in the canonical, Anthropic-shaped form. `id` and `origin` are ours and never leave the process on a provider's wire. */
import type { Json, JsonObject } from "./schema.ts";

export type Origin = "user" | "model" | "tool" | "replay" | "summary" | "note";
export type Role = "user" | "assistant";

export type CacheControl = { readonly type: "ephemeral"; readonly ttl?: "5m" | "1h" };
type Cacheable = { readonly cache_control?: CacheControl };
export type TextBlock = { readonly type: "text"; readonly text: string } & Cacheable;
export type MediaSource =
  | { readonly type: "base64"; readonly media_type: string; readonly data: string }
  | { readonly type: "url"; readonly url: string }
  | { readonly type: "text"; readonly media_type: string; readonly data: string }
  | { readonly type: "file"; readonly file_id: string };
export type ImageBlock = { readonly type: "image"; readonly source: MediaSource; readonly _meta?: JsonObject } & Cacheable;
export type DocumentBlock = { readonly type: "document"; readonly source: MediaSource; readonly title?: string } & Cacheable;
export type ToolUseBlock = {
  readonly type: "tool_use";
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
} & Cacheable;
export type ToolResultBlock = {
  readonly type: "tool_result";
  readonly tool_use_id: string;
  readonly content: string | readonly ContentBlock[];
  readonly is_error?: boolean;
} & Cacheable;
export type ThinkingBlock = { readonly type: "thinking"; readonly thinking: string; readonly signature?: string };
export type RedactedThinkingBlock = { readonly type: "redacted_thinking"; readonly data: string };
/**
 * A block of a vendor's that no canonical one holds, kept to be sent back to that vendor and to no other. `block.provider` names it; without
 * that the block is Anthropic's, as on its wire.
 */
export type OpaqueBlock = { readonly type: "opaque"; readonly block: JsonObject };
export type ContentBlock =
  | TextBlock
  | ImageBlock
  | DocumentBlock
  | ToolUseBlock
  | ToolResultBlock
  | ThinkingBlock
  | RedactedThinkingBlock
  | OpaqueBlock;

export interface Message {
  /** `runId.n`, given when the message is appended; stage 1 gives one to a history that has none. */
  readonly id: string;
  readonly origin: Origin;
  readonly role: Role;
  readonly content: string | readonly ContentBlock[];
}
/** What a host may hand in as history: ids and origins are filled in. */
export type MessageInput = {
  readonly role: Role;
  readonly content: string | readonly ContentBlock[];
  readonly id?: string;
  readonly origin?: Origin;
};

export const blocksOf = (message: Pick<Message, "content">): readonly ContentBlock[] =>
  typeof message.content === "string" ? (message.content ? [{ type: "text", text: message.content }] : []) : message.content;

const PAIRS = /[\ud800-\udbff][\udc00-\udfff]/g;
/** Characters of a text, a surrogate pair as one: as other languages count. */
export const lengthOf = (text: string): number => text.length - (text.match(PAIRS)?.length ?? 0);

/** The text of a message's text blocks, joined. */
export const textOf = (content: string | readonly ContentBlock[], separator = "\n"): string =>
  typeof content === "string" ? content : content.flatMap((b) => (b.type === "text" ? [b.text] : [])).join(separator);

export const toolUses = (content: string | readonly ContentBlock[]): readonly ToolUseBlock[] =>
  typeof content === "string" ? [] : content.filter((b) => b.type === "tool_use");

export const toolResults = (content: string | readonly ContentBlock[]): readonly ToolResultBlock[] =>
  typeof content === "string" ? [] : content.filter((b) => b.type === "tool_result");

/** A value as the JSON that a file or the wire would hold. Keys whose value is undefined are left out. Throws on cycles. */
export const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value) ?? "null") as Json;
