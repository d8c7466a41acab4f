/** Where checkpoints go, and when one is made. */
import { fields, flag, int, list, text } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import type { CheckpointRecord } from "./checkpoint.ts";
import { writeCheckpoint } from "./files.ts";

export type Persist = (record: CheckpointRecord, call: Call) => Promise<void>;
const persister = defineStrategy<Persist>();

export const persisters = {
  no_persist: persister({ about: "Leaves the stage out.", config: fields({}), create: () => async () => {} }),
  file: persister({
    about: "In files, `BASE/SESSION/CHECKPOINT.json`. The newest 100 of a session are kept.",
    config: fields({ base_dir: text({ min: 1, default: ".geny/checkpoints", about: "the folder; it is made at the first write" }) }),
    create:
      ({ base_dir }) =>
      (record, call) =>
        call.step("checkpoint.write", () => writeCheckpoint(base_dir, record)),
  }),
};

type Turn = Pick<State, "turn" | "completionSignal" | "recentEvents" | "toolReviewFlags" | "turnSummary">;
/** Is a checkpoint due? */
export type Frequency = (turn: Turn) => boolean;
const frequency = defineStrategy<Frequency>();

const SIGNIFICANT = ["hitl.decision", "hitl.timeout", "tool_review.flag", "memory.insight_recorded", "summary.written", "task.failed"];

export const frequencies = {
  every_turn: frequency({ about: "After every turn.", config: fields({}), create: () => () => true }),
  every_n_turns: frequency({
    about: "After the session's first turn and every n-th from there.",
    config: fields({ n: int({ min: 1, default: 5, about: "turns" }) }),
    create:
      ({ n }) =>
      ({ turn }) =>
        Math.max(turn - 1, 0) % n === 0,
  }),
  on_significant: frequency({
    about: "After a turn that ended with a signal, had an event of note, an error in tool review, or a summary of high importance.",
    config: fields({
      significant_events: list(text({ about: "an event type" }), {
        default: SIGNIFICANT,
        about: "events of note; an empty list stands for the default",
      }),
      escalate_on_high_importance: flag({ default: true, about: "count a summary of high or critical importance" }),
    }),
    create: ({ significant_events, escalate_on_high_importance }) => {
      const notable = new Set(significant_events.length ? significant_events : SIGNIFICANT);
      const grades: readonly unknown[] = escalate_on_high_importance ? ["high", "critical"] : [];
      return ({ completionSignal, recentEvents, toolReviewFlags, turnSummary }) =>
        completionSignal !== null ||
        recentEvents.some((type) => notable.has(type)) ||
        toolReviewFlags.some((review) => review.severity === "error") ||
        grades.includes(turnSummary?.importance);
    },
  }),
};
