/** Whether the turn goes on. */
import { fields, int, list, number, text } from "../../contract/schema.ts";
import { type LoopDecision, type State, unread } from "../../contract/state.ts";
import { defineStrategy } from "../../contract/strategy.ts";
import { type Budget, budgets, dimensionOf } from "./budgets.ts";

export interface Verdict {
  readonly decision: LoopDecision;
  /** The budget that is used up, where that is what ends the turn. */
  readonly spent?: string | undefined;
  /** Passes that the controller allows; 0 or left out: as many as the run does. */
  readonly maxTurns?: number;
}
/** `now`: epoch milliseconds. */
export type Controller = (state: State, now: number) => Verdict;

/** What is unread goes before the model's own signal; without either, an answer is the end. */
const byResultsAndSignal = (state: State): LoopDecision => {
  if (unread(state)) return "continue";
  switch (state.completionSignal) {
    case "complete":
      return "complete";
    case "blocked":
      return "escalate";
    case "error":
      return "error";
    case "continue":
      return "continue";
  }
  return state.pendingToolCalls.length ? "continue" : "complete";
};

/** The decision, unless it is to go on and a budget is used up. */
const bounded = (all: readonly Budget[], state: State, now: number, decision: LoopDecision): Verdict => {
  const spent = decision === "continue" ? all.find((budget) => budget.spent(state, now))?.name : undefined;
  return spent === undefined ? { decision } : { decision: "complete", spent };
};

const maxTurns = int({ about: "passes of a turn at most; 0: as many as the run allows", min: 0, default: 0 });
const costRatio = number({ about: "share of the cost budget at which the turn ends", min: 0, max: 1, default: 0.9 });
const tokenRatio = number({ about: "share of the token budget at which the turn ends", min: 0, max: 1, default: 0.85 });

const standard = defineStrategy<Controller>()({
  about: "Goes on while the model has something to read, calls tools or signals `continue`.",
  config: fields({ max_turns: maxTurns }),
  create: ({ max_turns }, { tokens }) => {
    const own = [budgets.iteration({}, tokens)];
    return (state, now) => ({ ...bounded(own, state, now, byResultsAndSignal(state)), maxTurns: max_turns });
  },
});

const single_turn = defineStrategy<Controller>()({
  about: "Ends after one pass.",
  config: fields({}),
  create: () => () => ({ decision: "complete" }),
});

const budget_aware = defineStrategy<Controller>()({
  about: "Like `standard`, but ends before the run's cost budget or the context window is used up. An error signal ends it as complete.",
  config: fields({ cost_threshold_ratio: costRatio, token_threshold_ratio: tokenRatio }),
  create: ({ cost_threshold_ratio, token_threshold_ratio }, { tokens }) => {
    const own = [budgets.cost({ cost_threshold_ratio }, tokens), budgets.tokens({ token_threshold_ratio }, tokens)];
    return (state, now) => {
      const decision = byResultsAndSignal(state);
      return bounded(own, state, now, decision === "error" ? "complete" : decision);
    };
  },
});

const multi_dim_budget = defineStrategy<Controller>()({
  about: "Like `standard`, but ends when any of the listed dimensions is used up.",
  config: fields({
    dimensions: list(text({ about: "iteration, cost, tokens, wall_clock or tool_calls" }), { about: "what is watched", default: [] }),
    max_turns: maxTurns,
    max_iterations: int({ about: "iteration: how often the loop may go on; null: as the run says", min: 1, default: null }),
    max_cost_usd: number({ about: "cost: US dollars of the turn; null: the run's budget", min: 0, default: null }),
    cost_threshold_ratio: costRatio,
    max_tokens: int({
      about: "tokens: of all calls of the turn; null: the next request against the context window",
      min: 1,
      default: null,
    }),
    token_threshold_ratio: tokenRatio,
    max_seconds: number({ about: "wall_clock: seconds since the turn began", min: 0, default: null }),
    max_tool_calls: int({ about: "tool_calls: of the turn", min: 1, default: null }),
  }),
  create: ({ dimensions, max_turns, ...limits }, { tokens }) => {
    const own = dimensions.map((name) => budgets[dimensionOf(name)](limits, tokens));
    return (state, now) => ({ ...bounded(own, state, now, byResultsAndSignal(state)), maxTurns: max_turns });
  },
});

export const controllers = { standard, single_turn, budget_aware, multi_dim_budget };
