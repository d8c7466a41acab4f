/** How a history is shortened: where its newest part begins, what goes, and what stays in any case. */
import { type Message, textOf, toolResults, toolUses } from "../../contract/message.ts";

/** A message of this stage's own. */
export type Say = (role: "user" | "assistant", text: string) => Message;

/** What a person asked last: text of a user's own, never a tool's result. -1 for none. */
export const newestInstruction = (messages: readonly Message[]): number =>
  messages.findLastIndex(
    (message) =>
      message.role === "user" && message.origin === "user" && !toolResults(message.content).length && omittedBy(message) === undefined,
  );

const COUNT = /^\[(\d+) earlier messages? left out\.\]$/;
/** Stands for messages that were left out, those of earlier markers included. */
export const marker = (omitted: number): string => `[${omitted} earlier message${omitted === 1 ? "" : "s"} left out.]`;
export const ACKNOWLEDGED = "Understood: I go on from there.";

/** How many messages a marker stands for; undefined when it is none. Read from the text, because files keep no origin. */
export const omittedBy = ({ role, content }: Message): number | undefined => {
  if (typeof content !== "string") return undefined;
  if (role === "assistant") return content === ACKNOWLEDGED ? 0 : undefined;
  const found = COUNT.exec(content);
  return found ? Number(found[1]) : undefined;
};

/**
 * Where the newest `count` messages begin, fewer when they are more than `limit` tokens. The newest message is always among them, and a
 * result never without its call.
 */
export const newest = (
  messages: readonly Message[],
  count: number,
  { limit = 0, size }: { limit?: number; size?: (message: Message) => number } = {},
): number => {
  const earliest = Math.max(0, messages.length - count);
  let start = earliest;
  if (limit > 0 && size) {
    let sum = 0;
    start = messages.length;
    for (const message of messages.slice(earliest).reverse()) {
      sum += size(message);
      if (sum > limit && start < messages.length) break;
      start -= 1;
    }
  }
  while (start > 0 && toolResults(messages[start]?.content ?? "").length) start -= 1;
  return start;
};

export interface Cut {
  readonly head: readonly Message[];
  readonly gone: readonly Message[];
  /** Messages that are left out, those of earlier markers included. */
  readonly omitted: number;
  /** The newest instruction, when it would have gone, and the newest messages. */
  readonly tail: readonly Message[];
}

/** Undefined when nothing would go but this stage's own markers and summaries. The first `head` messages stay. */
export const cut = (messages: readonly Message[], start: number, head = 0): Cut | undefined => {
  const at = newestInstruction(messages);
  const instruction = at >= head && at < start ? messages.slice(at, at + 1) : [];
  const gone = messages.slice(head, start).filter((message) => !instruction.includes(message));
  if (gone.every((message) => message.origin === "summary" || omittedBy(message) !== undefined)) return undefined;
  return {
    head: messages.slice(0, head),
    gone,
    omitted: gone.reduce((sum, message) => sum + (omittedBy(message) ?? 1), 0),
    tail: [...instruction, ...messages.slice(start)],
  };
};

/** Calls and results cannot stand alone. */
export const standsAlone = ({ content }: Message): boolean => !toolUses(content).length && !toolResults(content).length;

/** The newest instruction as a query; empty when there is none. */
export const queryOf = (messages: readonly Message[]): string => textOf(messages[newestInstruction(messages)]?.content ?? "", " ");
