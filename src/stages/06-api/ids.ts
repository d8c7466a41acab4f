/** Ids of tool calls, unique within a history: some backends reuse them, some send none. */
import { type Message, toolUses } from "../../contract/message.ts";

interface Known {
  readonly ids: Set<string>;
  count: number;
  last: Message | undefined;
}
/** By a history's first message: histories only grow at their end, so each message is looked at once. */
const known = new WeakMap<Message, Known>();

const idsOf = (messages: readonly Message[]): ReadonlySet<string> => {
  const [first] = messages;
  if (!first) return new Set();
  let entry = known.get(first);
  if (!entry || entry.count > messages.length || messages[entry.count - 1] !== entry.last) {
    entry = { ids: new Set(), count: 0, last: undefined };
    known.set(first, entry);
  }
  for (let i = entry.count; i < messages.length; i++) for (const call of toolUses((messages[i] as Message).content)) entry.ids.add(call.id);
  entry.count = messages.length;
  entry.last = messages.at(-1);
  return entry.ids;
};

/** Gives each call of one answer the id it came with, or a new one if that is empty or taken. */
export const uniqueIds = (messages: readonly Message[], fresh: () => string): ((id: string) => string) => {
  const here = new Set<string>();
  return (id) => {
    const mine = id && !here.has(id) && !idsOf(messages).has(id) ? id : fresh();
    here.add(mine);
    return mine;
  };
};
