/** Slot `compactor`: makes a history that fills the window short again. */

import type { Spent } from "../../contract/bill.ts";
import type { Purse } from "../../contract/budget.ts";
import type { ModelSettings } from "../../contract/manifest.ts";
import type { Message } from "../../contract/message.ts";
import { fields, int, number, text } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { ACKNOWLEDGED, cut, marker, newest, type Say } from "./cut.ts";
import { summarizeWith } from "./summarize.ts";

export interface Room {
  /** Tokens of the model's window. */
  readonly window: number;
  /** Estimated tokens of one message. */
  size(message: Message): number;
  readonly say: Say;
  /** The provider that the run uses. */
  readonly provider: string;
  readonly modelOverride: Partial<ModelSettings> | null;
  /** What a summary may cost. */
  readonly purse: Purse;
}
export interface Compacted {
  /** The same list when nothing could go. */
  readonly messages: readonly Message[];
  /** What a model was paid for. */
  readonly spent?: Spent;
}
export type Compact = (messages: readonly Message[], room: Room, call: Call) => Compacted | Promise<Compacted>;

const keeping = fields({
  keep_recent: int({ min: 1, default: 10, about: "newest messages that stay as they are" }),
  keep_recent_ratio: number({ min: 0, max: 0.7, default: 0.25, about: "share of the window that they may fill; 0 for no bound" }),
  summary_text: text({ default: "", widget: "textarea", about: "stands for the older messages; empty for a line with their number" }),
});
/** A summary of fewer tokens than this share of the window is not worth a call. */
const WORTH_A_CALL = 0.05;

export const compactors = {
  truncate: defineStrategy<Compact>()({
    about: "Keeps the newest messages.",
    config: fields({ keep_last: int({ min: 1, default: 20, about: "messages that stay" }) }),
    create:
      ({ keep_last }) =>
      (messages) => ({ messages: cut(messages, newest(messages, keep_last))?.tail ?? messages }),
  }),
  sliding_window: defineStrategy<Compact>()({
    about: "A line with the number of older messages, and the newest ones.",
    config: fields({ window_size: int({ min: 1, default: 30, about: "messages that stay" }) }),
    create:
      ({ window_size }) =>
      (messages, { say }) => {
        const parts = cut(messages, newest(messages, window_size));
        return { messages: parts ? [say("user", marker(parts.omitted)), ...parts.tail] : messages };
      },
  }),
  summary: defineStrategy<Compact>()({
    about: "A fixed text in place of the older messages.",
    config: keeping,
    create:
      ({ keep_recent, keep_recent_ratio, summary_text }) =>
      (messages, { window, size, say }) => {
        const parts = cut(messages, newest(messages, keep_recent, { limit: keep_recent_ratio * window, size }));
        if (!parts) return { messages };
        return { messages: [say("user", summary_text || marker(parts.omitted)), say("assistant", ACKNOWLEDGED), ...parts.tail] };
      },
  }),
  llm_summary: defineStrategy<Compact>()({
    about:
      "A model's summary of the older messages. It needs the stage's model_override, so that no other model is paid unasked; without one, or when the call fails, it does as `summary`.",
    config: keeping,
    create:
      ({ keep_recent, keep_recent_ratio, summary_text }, services) =>
      async (messages, room, call) => {
        const { window, size, say } = room;
        const parts = cut(messages, newest(messages, keep_recent, { limit: keep_recent_ratio * window, size }));
        if (!parts) return { messages };
        if (parts.gone.reduce((sum, message) => sum + size(message), 0) < WORTH_A_CALL * window) return { messages };
        const { summary, spent } = await summarizeWith(parts.gone, room, services, call);
        const opening = summary || summary_text || marker(parts.omitted);
        return {
          messages: [say("user", opening), say("assistant", ACKNOWLEDGED), ...parts.tail],
          ...(spent ? { spent } : {}),
        };
      },
  }),
};
