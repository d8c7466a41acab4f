import { fromWire, newState, toWire } from "geny-executor";
import { restoreState } from "../../../src/stages/20-persist/checkpoint.ts";
import { frequencies } from "../../../src/stages/20-persist/strategies.ts";
import { made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

interface Wire {
  readonly iteration?: number;
  readonly completion_signal?: string;
  readonly events?: readonly { readonly type: string; readonly iteration: number }[];
  readonly shared?: Record<string, never>;
}

/** The recordings count iterations where ours counts turns, from 0; events are those of the same pass. */
const turnOf = ({ iteration = 0, events = [], ...rest }: Wire) =>
  newState({ ...fromWire(rest), turn: iteration + 1, recentEvents: events.filter((e) => e.iteration === iteration).map((e) => e.type) });

export const replay = (vector: Vector): unknown => {
  if (vector.slot === "frequency") {
    const due = made(frequencies, vector);
    return "refused" in due ? { raises: "ValueError" } : due.fn(turnOf(vector.input as Wire));
  }
  const state = restoreState(vector.input as Record<string, unknown>);
  const wire: Record<string, unknown> = { ...toWire(state, { derived: true }) };
  wire.messages = state.messages.map(({ role, content }) => ({ role, content }));
  return Object.fromEntries(Object.keys(vector.output as object).map((key) => [key, wire[key]]));
};

export const differences: readonly Difference<Vector>[] = [];
