/** The engine: a turn goes through the plan, each stage's patch makes the next state, and a turn that breaks is closed before it is told. */
import type { JsonObject } from "../contract/schema.ts";
import type { Services } from "../contract/services.ts";
import { type State, unread } from "../contract/state.ts";
import type { Step } from "../contract/strategy.ts";
import type { BoundStage, Plan } from "./plan.ts";
import { salvage } from "./salvage.ts";
import { Walk } from "./walk.ts";

export interface Run {
  /** What the turn goes by. Changes only between two passes, by `renew`. */
  plan: Plan;
  services: Services;
  readonly runId: string;
  state: State;
  /** The stage that is running. */
  executing?: BoundStage | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds that closing a broken turn may take. */
  readonly graceMs: number;
  publish(type: string, stage: string, data: JsonObject): void;
  step(signal: AbortSignal): Step;
  /** Between two passes: takes up what was changed meanwhile. A promise only when there is something to wait for. */
  renew?(): Promise<void> | undefined;
}

/** Goes through one turn. Throws what broke it, after the turn was closed; `run.state` is the state at the end in either case. */
export const runTurn = async (run: Run): Promise<void> => {
  const walk = new Walk(run);
  try {
    await each(run.plan.setup, (stage) => walk.enter(stage));
    for (;;) {
      run.state = { ...run.state, passes: run.state.passes + 1 };
      walk.seen.clear();
      await each(run.plan.loop, (stage) => walk.prepare(stage));
      await each(run.plan.loop, (stage) => walk.enter(stage));
      if (!continues(run)) break;
      const renewing = run.renew?.();
      if (renewing) await renewing;
      await each(run.plan.setup, (stage) => walk.refresh(stage));
    }
    await each(run.plan.surface, (stage) => {
      run.state = { ...run.state, recentEvents: [...walk.seen] };
      return walk.enter(stage);
    });
  } catch (error) {
    await salvage(run, walk, error);
    throw error;
  } finally {
    walk.end();
  }
};

/** One stage after another; waits only where there is something to wait for. */
const each = async (stages: readonly BoundStage[], act: (stage: BoundStage) => Promise<unknown> | undefined): Promise<void> => {
  for (const stage of stages) {
    const doing = act(stage);
    if (doing) await doing;
  }
};

/** After a pass: has stage 16 said to go on, and do the limits let it? */
const continues = (run: Run): boolean => {
  const before = run.state;
  const decided = run.plan.loop.some((s) => s.active && s.stage.name === "loop");
  if (before.loopDecision !== "continue") return false;
  if (before.singleTurn || !(decided || unread(before))) {
    run.state = { ...before, loopDecision: "complete" };
    return false;
  }
  const state = { ...before, iteration: before.iteration + 1 };
  run.state = state;
  const limit = limitOf(state);
  if (!limit) return true;
  run.state = { ...state, loopDecision: "complete", completionSignal: limit.reason.toUpperCase() };
  run.publish("loop.force_complete", "", limit);
  return false;
};

/** A cost that nobody knows counts as over the budget, unless it was said to pass. */
const limitOf = ({ iteration, maxIterations, totalCostUsd, costBudgetUsd, unknownPrice }: State) =>
  iteration >= maxIterations
    ? { reason: "max_iterations", iteration }
    : costBudgetUsd !== null && (totalCostUsd ?? (unknownPrice === "allow" ? 0 : Number.POSITIVE_INFINITY)) >= costBudgetUsd
      ? { reason: "cost_budget", total_cost_usd: totalCostUsd, budget_usd: costBudgetUsd }
      : undefined;
