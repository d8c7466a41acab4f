/** Slot `strategy`: how much of the history a turn begins with. What is left out here leaves the stored history too. */
import type { Message } from "../../contract/message.ts";
import { fields, int } from "../../contract/schema.ts";
import { defineStrategy } from "../../contract/strategy.ts";
import { cut, marker, newest, omittedBy, type Say, standsAlone } from "./cut.ts";

/** Gives back the same list when nothing is left out. */
export type Load = (messages: readonly Message[], say: Say) => readonly Message[];

export const strategies = {
  simple_load: defineStrategy<Load>()({ about: "The whole history.", config: fields({}), create: () => (messages) => messages }),
  hybrid: defineStrategy<Load>()({
    about: "The newest turns.",
    config: fields({ max_recent_turns: int({ min: 1, default: 20, about: "turns that stay, at two messages a turn" }) }),
    create:
      ({ max_recent_turns }) =>
      (messages) =>
        cut(messages, newest(messages, 2 * max_recent_turns))?.tail ?? messages,
  }),
  progressive_disclosure: defineStrategy<Load>()({
    about: "The first message, a line that says how many were left out, and the newest turns.",
    config: fields({ summary_threshold: int({ min: 1, default: 10, about: "turns that stay, at two messages a turn" }) }),
    create:
      ({ summary_threshold }) =>
      (messages, say) => {
        const [first] = messages;
        const head = first && standsAlone(first) && omittedBy(first) === undefined ? 1 : 0;
        const parts = cut(messages, newest(messages, 2 * summary_threshold), head);
        return parts ? [...parts.head, say("user", marker(parts.omitted)), ...parts.tail] : messages;
      },
  }),
};
