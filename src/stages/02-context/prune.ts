/** Cheap relief before any compaction: old tool output is thinned out, message by message. Messages, calls and results keep their number. */
import { type ContentBlock, type Message, type ToolResultBlock, textOf } from "../../contract/message.ts";
import { newestInstruction } from "./cut.ts";

/** The newest messages are never touched. */
const NEWEST = 6;
/** Equal outputs of at least so many characters stay only where they are newest. */
const WORTH_COMPARING = 512;
/** An output of more characters keeps so many of its head. */
const LONG = 4000;
const KEPT = 600;

const SAME = "[The same output as that of a later call.]";
const NO_IMAGE = "[an image that is no longer shown]";

export type Pruned = {
  readonly messages: readonly Message[];
  readonly deduped: number;
  readonly images_stripped: number;
  readonly trimmed: number;
  readonly chars_saved: number;
};

/** Gives back the same list when nothing was saved. */
export const prune = (messages: readonly Message[]): Pruned => {
  const counts = { deduped: 0, images_stripped: 0, trimmed: 0, chars_saved: 0 };
  const asked = newestInstruction(messages);
  const seen = new Set<string>();
  const image = (block: ContentBlock): ContentBlock => {
    if (block.type !== "image") return block;
    counts.images_stripped += 1;
    counts.chars_saved += "data" in block.source ? block.source.data.length : 0;
    return { type: "text", text: NO_IMAGE };
  };
  const short = (text: string): string => {
    if (text.length <= LONG) return text;
    counts.trimmed += 1;
    const head = `${text.slice(0, KEPT)}\n[… ${text.length - KEPT} characters left out]`;
    counts.chars_saved += text.length - head.length;
    return head;
  };
  const result = (block: ToolResultBlock, old: boolean): ToolResultBlock => {
    const text = textOf(block.content);
    const again = text.length >= WORTH_COMPARING && seen.has(text);
    if (text.length >= WORTH_COMPARING) seen.add(text);
    if (!old) return block;
    if (again) {
      counts.deduped += 1;
      counts.chars_saved += text.length - SAME.length;
      return { ...block, content: SAME };
    }
    if (typeof block.content === "string") return block.content.length > LONG ? { ...block, content: short(block.content) } : block;
    if (!block.content.some((part) => part.type === "image" || (part.type === "text" && part.text.length > LONG))) return block;
    return { ...block, content: block.content.map((part) => (part.type === "text" ? { ...part, text: short(part.text) } : image(part))) };
  };
  // From the newest to the oldest, so that the newest copy is the one that stays.
  const thinned = [...messages].reverse().map((message, n) => {
    const { content } = message;
    const old = n >= NEWEST && messages.length - 1 - n !== asked;
    if (typeof content === "string" || !content.some((block) => block.type === "tool_result" || block.type === "image")) return message;
    const blocks = content.map((block) => (block.type === "tool_result" ? result(block, old) : old ? image(block) : block));
    return blocks.some((block, i) => block !== content[i]) ? { ...message, content: blocks } : message;
  });
  const saved = counts.deduped + counts.images_stripped + counts.trimmed > 0;
  return { messages: saved ? thinned.reverse() : messages, ...counts };
};
