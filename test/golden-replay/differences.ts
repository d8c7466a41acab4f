/**
 * The one list of where ours differs from what was recorded, on purpose. A rule is a predicate over a recording, so that it holds for recordings
 * of other names too, and it says as little as it can: what it does not rewrite or excuse is still compared.
 */
import type { Case } from "./cases.ts";
import type { Event, Recording } from "./recording.ts";
import { definitionRules } from "./rules-definitions.ts";
import { environmentRules } from "./rules-environments.ts";
import { manifestRules } from "./rules-manifests.ts";
import { modelRules } from "./rules-model.ts";
import { mutationRules } from "./rules-mutations.ts";
import { turnRules } from "./rules-turn.ts";
import { validationRules } from "./rules-validation.ts";
import { builtRules, laterRules, workRules } from "./rules-work.ts";
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
  /**
   * The recorded event at which ours goes another way: from there on nothing is compared but the requests that came before. `at` is its place in
   * `recording.events`.
   */
  diverges?(event: Event, at: number, recording: Recording): boolean;
}

export const differences: { readonly runs: readonly RunDifference[]; readonly model: readonly ModelDifference[] } = {
  // In this order: what rewrites counts and names comes before what looks at them.
  runs: [...laterRules, ...turnRules, ...modelRules, ...workRules, ...builtRules],
  model: [...definitionRules, ...manifestRules, ...mutationRules, ...environmentRules, ...validationRules],
};
