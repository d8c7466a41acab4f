/** What a turn can use up. One list for all controllers. */
import { nearest } from "../../contract/nearest.ts";
import { own } from "../../contract/schema.ts";
import type { Tokens } from "../../contract/services.ts";
import type { State } from "../../contract/state.ts";
import { promptTokens, type Usage } from "../../contract/usage.ts";

export interface Budget {
  readonly name: string;
  /** `now`: epoch milliseconds. */
  spent(state: State, now: number): boolean;
}
/** Null or left out: the run's own limit. */
export interface Limits {
  readonly max_iterations?: number | null;
  readonly max_cost_usd?: number | null;
  readonly cost_threshold_ratio?: number;
  readonly max_tokens?: number | null;
  readonly token_threshold_ratio?: number;
  readonly max_seconds?: number | null;
  readonly max_tool_calls?: number | null;
}

const used = (u: Usage): number => u.input_tokens + u.output_tokens;
/** The next request holds at least the last call's prompt and answer; the estimate adds what came since. */
const nextRequest = ({ turnTokenUsage, system, systemVolatile, messages, tools }: State, tokens: Tokens): number => {
  const last = turnTokenUsage.at(-1);
  const known = last ? promptTokens(last) + last.output_tokens : 0;
  return Math.max(known, tokens.request({ system, systemVolatile, messages, tools }));
};

type Dimension = "iteration" | "cost" | "tokens" | "wall_clock" | "tool_calls";
export const budgets: Readonly<Record<Dimension, (limits: Limits, tokens: Tokens) => Budget>> = {
  iteration: ({ max_iterations }: Limits): Budget => ({
    name: "iteration",
    spent: ({ iteration, maxIterations }) => iteration >= (max_iterations ?? maxIterations),
  }),
  /** A limit of 0 is none. A cost that nobody knows counts as over the limit, unless it was said to pass. */
  cost: ({ max_cost_usd, cost_threshold_ratio: ratio = 1 }: Limits): Budget => ({
    name: "cost",
    spent: ({ totalCostUsd, costBudgetUsd, unknownPrice }) => {
      const limit = max_cost_usd ?? costBudgetUsd;
      const cost = totalCostUsd ?? (unknownPrice === "allow" ? 0 : Number.POSITIVE_INFINITY);
      return limit !== null && limit > 0 && cost >= limit * ratio;
    },
  }),
  /** With a limit: the tokens of the turn's calls. Without: the next request, against the context window. */
  tokens: ({ max_tokens, token_threshold_ratio: ratio = 1 }: Limits, tokens: Tokens): Budget => ({
    name: "tokens",
    spent: (state) =>
      max_tokens
        ? state.turnTokenUsage.reduce((sum, call) => sum + used(call), 0) >= max_tokens * ratio
        : nextRequest(state, tokens) >= state.contextWindowBudget * ratio,
  }),
  wall_clock: ({ max_seconds }: Limits): Budget => {
    const seconds = needed("wall_clock", "max_seconds", max_seconds);
    return { name: "wall_clock", spent: ({ startedAt }, now) => startedAt !== null && now - startedAt >= seconds * 1000 };
  },
  tool_calls: ({ max_tool_calls }: Limits): Budget => {
    const calls = needed("tool_calls", "max_tool_calls", max_tool_calls);
    return { name: "tool_calls", spent: ({ toolCallsTotal }) => toolCallsTotal >= calls };
  },
};

const needed = (dimension: string, key: string, value: number | null | undefined): number => {
  if (value === null || value === undefined) throw new RangeError(`the dimension "${dimension}" needs "${key}"`);
  return value;
};

const ALIASES: Readonly<Record<string, Dimension>> = {
  iteration: "iteration",
  iterations: "iteration",
  cost: "cost",
  cost_usd: "cost",
  token: "tokens",
  tokens: "tokens",
  wall_clock: "wall_clock",
  walltime_seconds: "wall_clock",
  tool_calls: "tool_calls",
};
/** The dimension of that name or alias. Throws for an unknown one. */
export const dimensionOf = (name: string): Dimension => {
  const found = own(ALIASES, name);
  if (found) return found;
  const near = nearest(name, Object.keys(ALIASES));
  throw new RangeError(`"${name}" is no dimension (known: ${Object.keys(ALIASES).join(", ")})${near ? `; did you mean "${near}"?` : ""}`);
};
