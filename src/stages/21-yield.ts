/** Hands out the turn's result. */
import { lengthOf } from "../contract/message.ts";
import { fields, int, number } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { one } from "../contract/strategy.ts";
import { formatters } from "./21-yield/formatters.ts";

const summary = fields({
  text_length: int({ about: "characters of the text" }),
  iterations: int({ about: "passes of the loop" }),
  total_cost_usd: number({ about: "US dollars; null when a model has no known price", default: null }),
});

export const yieldStage = defineStage({
  name: "yield",
  about: "Puts the result into the form that was asked for. Does so for a turn that broke, too: its error carries what there is.",
  category: "egress",
  config: fields({}),
  reads: ["finalText", "model", "passes", "totalCostUsd", "tokenUsage", "completionSignal", "completionDetail", "thinkingHistory"],
  writes: ["finalOutput"],
  slots: { formatter: one({ about: "the form of the output", verb: "formats by", default: "default", strategies: formatters }) },
  events: { "yield.complete": summary, "yield.summary": summary },
  required: true,
  brokenTurn: "run",

  run(state, { slots, emit, call }) {
    const output = slots.formatter(state, call);
    emit("yield.complete", { text_length: lengthOf(state.finalText), iterations: state.passes, total_cost_usd: state.totalCostUsd });
    return output === undefined ? {} : { finalOutput: output };
  },
});
