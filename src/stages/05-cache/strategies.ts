/** Slot `strategy`: where the next request is marked for the provider's cache. */
import { blocksOf, type Message } from "../../contract/message.ts";
import { fields, int } from "../../contract/schema.ts";
import type { SystemPrompt } from "../../contract/state.ts";
import { defineStrategy } from "../../contract/strategy.ts";
import type { ToolSpec } from "../../contract/tool.ts";

export interface Request {
  readonly system: SystemPrompt;
  readonly tools: readonly ToolSpec[];
  readonly messages: readonly Message[];
}
/** After the tools, after the prompt, after the messages with these indices, rising. */
export interface Marks {
  readonly tools: boolean;
  readonly system: boolean;
  readonly messages: readonly number[];
}
export type Place = (request: Request) => Marks;

/** A vendor takes no more marks in one request. */
const MOST = 4;

/** Marks that the host put on blocks of the prompt; one on the last block is where ours would be. */
const ownMarks = (system: SystemPrompt): number =>
  typeof system === "string" ? 0 : system.slice(0, -1).filter((block) => block.cache_control !== undefined).length;

/** A mark sits on a block that has something in it; thinking takes none. */
const canBeMarked = (message: Message | undefined): boolean =>
  message !== undefined &&
  blocksOf(message).some(
    (block) => block.type !== "thinking" && block.type !== "redacted_thinking" && !(block.type === "text" && block.text === ""),
  );

/** Keeps to what a vendor takes. What the others cover goes first: the prompt's mark covers the tools, the newest message's the older one. */
const place = ({ system, tools, messages }: Request, at: readonly number[]): Marks => {
  let left = MOST - ownMarks(system);
  const take = (wanted: boolean): boolean => {
    const taken = wanted && left > 0;
    if (taken) left -= 1;
    return taken;
  };
  const onSystem = take(system.length > 0);
  const onMessages = [...new Set(at)].filter((index) => canBeMarked(messages[index]) && take(true));
  return { tools: take(tools.length > 0), system: onSystem, messages: onMessages.sort((a, b) => a - b) };
};

export const strategies = {
  no_cache: defineStrategy<Place>()({
    about: "Marks nothing.",
    config: fields({}),
    create: () => () => ({ tools: false, system: false, messages: [] }),
  }),
  system_cache: defineStrategy<Place>()({
    about: "The tools and the prompt.",
    config: fields({}),
    create: () => (request) => place(request, []),
  }),
  aggressive_cache: defineStrategy<Place>()({
    about: "The tools, the prompt, the history up to a stable point, and the newest message, so that the next pass reads all of this one.",
    config: fields({ stable_history_offset: int({ min: 0, default: 4, about: "messages behind the stable point" }) }),
    create:
      ({ stable_history_offset }) =>
      (request) => {
        const last = request.messages.length - 1;
        return place(request, [last, last - stable_history_offset]);
      },
  }),
};
