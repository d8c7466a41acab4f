import { type Criterion, fromWire, newState, type State } from "geny-executor";
import type { CriterionResult } from "../../../src/stages/14-evaluate/evaluation.ts";
import { scorers } from "../../../src/stages/14-evaluate/scorers.ts";
import { strategies } from "../../../src/stages/14-evaluate/strategies.ts";
import { testServices } from "../../../src/testing/run-stage.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

type Recorded = { readonly weight: number; readonly threshold: number; readonly check_returns: number | null };
const asCriterion = ({ weight, threshold, check_returns }: Recorded, i: number): Criterion => ({
  name: `c${i}`,
  weight,
  threshold,
  check: () => {
    if (check_returns === null) throw new Error("recorded as raising");
    return check_returns;
  },
});

export const replay = async (vector: Vector): Promise<unknown> => {
  const input = vector.input as Record<string, unknown> & { criteria?: readonly Recorded[]; pass_threshold?: number };
  const state: State = newState(fromWire(input));
  if (vector.slot === "scorer") {
    const score = made(scorers, vector);
    return "refused" in score ? score : { score: score.fn(state) };
  }
  const host = input.criteria ? { criteria: input.criteria.map(asCriterion) } : {};
  const config = input.criteria ? { pass_threshold: input.pass_threshold ?? 0.6 } : (vector.config ?? {});
  const judge = made(strategies, { ...vector, config }, testServices({ host }));
  if ("refused" in judge) return judge;
  const { passed, score, decision, criteria, feedback, maxTurns, taskClass } = await judge.fn(state, call);
  if (criteria) return { passed, score, decision, criteria_results: criteria satisfies readonly CriterionResult[] };
  return {
    passed,
    score,
    decision,
    max_iterations: Math.min(maxTurns ?? state.maxIterations, state.maxIterations),
    task_class: taskClass ?? state.taskClass,
    feedback_is_detail: state.completionDetail !== null && feedback === state.completionDetail,
  };
};

export const differences: readonly Difference<Vector>[] = [];
