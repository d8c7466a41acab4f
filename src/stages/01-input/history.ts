/** The history that a turn starts with: every message has an id and an origin, every tool call has its result right behind it. */
import {
  type ContentBlock,
  type Message,
  type MessageInput,
  type ToolResultBlock,
  textOf,
  toolResults,
  toolUses,
} from "../../contract/message.ts";

export interface Mended {
  readonly messages: readonly Message[];
  /** Calls that were answered here, and results whose call was missing. */
  readonly repaired: number;
}

/** Gives back the same list when there was nothing to do. */
export const mendHistory = (history: readonly MessageInput[], messageId: () => string): Mended => {
  if (history.every(isWhole) && isPaired(history)) return { messages: history, repaired: 0 };
  return pair(
    history.map((message) => named(message, messageId)),
    messageId,
  );
};

const isWhole = (message: MessageInput): message is Message => message.id !== undefined && message.origin !== undefined;

const named = (message: MessageInput, messageId: () => string): Message =>
  isWhole(message) ? message : { ...message, id: message.id ?? messageId(), origin: message.origin ?? originOf(message) };
const originOf = ({ role, content }: MessageInput): Message["origin"] =>
  role === "assistant" ? "model" : toolResults(content).length ? "tool" : "user";

/** Whether each call is answered in the very next message, and nothing else is answered. */
const isPaired = (messages: readonly MessageInput[]): messages is readonly Message[] => {
  let open: readonly string[] = [];
  for (const { role, content } of messages) {
    const answers = toolResults(content).map((result) => result.tool_use_id);
    if (answers.length !== open.length || !open.every((id) => answers.includes(id))) return false;
    open = role === "assistant" ? toolUses(content).map((call) => call.id) : [];
  }
  return open.length === 0;
};

const pair = (messages: readonly Message[], messageId: () => string): Mended => {
  const out: Message[] = [];
  let repaired = 0;
  /** Results that were pulled forward to their call. */
  const moved = new Set<ToolResultBlock>();
  for (const [i, message] of messages.entries()) {
    const { content } = message;
    const before = out.at(-1);
    const asked = before?.role === "assistant" ? toolUses(before.content).map((call) => call.id) : [];
    const answers = toolResults(content).filter((result) => !moved.has(result));
    const fits = answers.filter(
      (result, n) => asked.includes(result.tool_use_id) && answers.findIndex((r) => r.tool_use_id === result.tool_use_id) === n,
    );
    const missing = asked.filter((id) => !fits.some((result) => result.tool_use_id === id));
    const late = missing.map((id) => resultLaterOn(messages.slice(i), id, moved) ?? unanswered(id));
    for (const result of late) moved.add(result);
    repaired += missing.length;
    const stray = answers.filter((result) => !fits.includes(result) && !moved.has(result));
    repaired += stray.length;
    const kept = stray.length || moved.size ? withoutStrays(content, new Set(stray), moved) : content;
    if (late.length && fits.length) out.push({ ...message, content: [...late, ...(typeof kept === "string" ? [] : kept)] });
    else {
      if (late.length) out.push({ id: messageId(), origin: "tool", role: "user", content: late });
      if (kept.length || !content.length) out.push(kept === content ? message : { ...message, content: kept });
    }
  }
  const open = out.at(-1)?.role === "assistant" ? toolUses(out.at(-1)?.content ?? "") : [];
  if (open.length) out.push({ id: messageId(), origin: "tool", role: "user", content: open.map((call) => unanswered(call.id)) });
  return { messages: out, repaired: repaired + open.length };
};

/** A result that stands too late. The search ends where the id is used again. */
const resultLaterOn = (rest: readonly Message[], id: string, moved: ReadonlySet<ToolResultBlock>): ToolResultBlock | undefined => {
  for (const { content } of rest) {
    const found = toolResults(content).find((result) => result.tool_use_id === id && !moved.has(result));
    if (found || toolUses(content).some((call) => call.id === id)) return found;
  }
  return undefined;
};

const unanswered = (id: string): ToolResultBlock => ({
  type: "tool_result",
  tool_use_id: id,
  content: "Not finished: the history holds no result of this call.",
  is_error: true,
});

/** A result without its call becomes text, so that what was learned is not lost; one that was moved goes. */
const withoutStrays = (
  content: Message["content"],
  stray: ReadonlySet<ContentBlock>,
  moved: ReadonlySet<ContentBlock>,
): Message["content"] => {
  if (typeof content === "string" || !content.some((block) => stray.has(block) || moved.has(block))) return content;
  return content
    .filter((block) => !moved.has(block))
    .map((block) =>
      block.type === "tool_result" && stray.has(block)
        ? { type: "text", text: `[Result of a call that the history no longer holds]\n${textOf(block.content)}` }
        : block,
    );
};
