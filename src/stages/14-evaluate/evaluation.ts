/** The contracts of stage 14. */
import type { LoopDecision, State } from "../../contract/state.ts";
import type { Call } from "../../contract/strategy.ts";

export const DECISIONS = ["complete", "continue", "retry", "escalate", "error"] as const;
export interface Evaluation {
  readonly passed: boolean;
  /** 0 to 1; null leaves it to the scorer. */
  readonly score: number | null;
  /** `retry`: the model is given the feedback and tries again. */
  readonly decision: (typeof DECISIONS)[number];
  readonly feedback: string;
  /** How many passes the turn may have; it can only be lowered. */
  readonly maxTurns?: number;
  readonly taskClass?: string;
  readonly criteria?: readonly CriterionResult[];
}
export type CriterionResult = { readonly name: string; readonly score: number; readonly weight: number; readonly passed: boolean };

export type Evaluate = (state: State, call: Call) => Evaluation | Promise<Evaluation>;
export type Score = (state: State) => number;

export const loopDecisionOf: Readonly<Record<Evaluation["decision"], LoopDecision>> = {
  complete: "complete",
  continue: "continue",
  retry: "continue",
  escalate: "escalate",
  error: "error",
};
