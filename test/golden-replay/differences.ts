/**
 * The one list of where ours differs from what was recorded, on purpose. A rule is a predicate over a recording, so that it holds for recordings
 * of other names too, and it says as little as it can: what it does not rewrite or excuse is still compared.
 */
import type { Case } from "./cases.ts";
import { modelDifferences } from "./model-differences.ts";
import type { Event, Recording } from "./recording.ts";
import { runDifferences } from "./run-differences.ts";
import type { Difference } from "./types.ts";

/** What a rule lets pass. */
export interface Rule<T> extends Difference<T> {
  /** The recording as ours would have made it, compared in its place. */
  rewrite?(recording: T): T;
  /** Paths, without indices, at and below which nothing is compared. */
  readonly excuses?: readonly string[];
  /** The whole recording: it needs a part that is not here yet. */
  readonly all?: true;
}
export type ModelDifference = Rule<Case>;
export interface RunDifference extends Rule<Recording> {
  /** Types of events that are left out on both sides. */
  readonly events?: readonly string[];
  /** From this recorded event on, the events of its call are not compared. */
  until?(event: Event): boolean;
}

export const differences: { readonly runs: readonly RunDifference[]; readonly model: readonly ModelDifference[] } = {
  runs: runDifferences,
  model: modelDifferences,
};
