/** What becomes of the thinking that came with an answer. */
import { fields, list, text } from "../../contract/schema.ts";
import type { ThinkingRecord } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

export type Thought = { readonly text: string; readonly tokens: number };
/** `kept`: those of the given thoughts that later stages see, in order. `records`: what is written down now; stage 9 writes down what was kept and is not. */
export interface Processed {
  readonly kept: readonly Thought[];
  readonly records: readonly ThinkingRecord[];
}
export type Processor = (thoughts: readonly Thought[], iteration: number, call: Call) => Processed;

export const processors = {
  passthrough: defineStrategy<Processor>()({
    about: "Leaves the thinking as it is.",
    config: fields({}),
    create: () => (kept) => ({ kept, records: [] }),
  }),
  extract_and_store: defineStrategy<Processor>()({
    about: "Writes the thinking down, with its pass and its tokens.",
    config: fields({}),
    create: () => (kept, iteration) => ({ kept, records: kept.map(({ text, tokens }) => ({ iteration, text, tokens })) }),
  }),
  filter: defineStrategy<Processor>()({
    about: "Drops thinking that holds one of the patterns. The history keeps it: vendors want it back as it was.",
    config: fields({
      exclude_patterns: list(text({ about: "a piece of text, as it is written" }), {
        about: "thinking that holds one of these is dropped",
        default: [],
      }),
    }),
    create:
      ({ exclude_patterns }) =>
      (thoughts) => ({ kept: thoughts.filter((t) => !exclude_patterns.some((pattern) => t.text.includes(pattern))), records: [] }),
  }),
};
