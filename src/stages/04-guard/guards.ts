/** Chain `guards`: may the next request be sent? */
import { fields, int, list, number, text } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { permits } from "../../contract/tool-guard.ts";

export const READS = [
  "iteration",
  "maxIterations",
  "totalCostUsd",
  "costBudgetUsd",
  "costLimitUsd",
  "unknownPrice",
  "contextWindowBudget",
  "system",
  "systemVolatile",
  "messages",
  "tools",
  "toolGuard",
  "pendingToolCalls",
] as const;
export type GuardState = Readonly<Pick<State, (typeof READS)[number]>>;

export interface Verdict {
  readonly passed: boolean;
  /** Why not, and what would help. Empty when passed. */
  readonly message: string;
  /** What a failure means: the turn ends, or the host is told and it goes on. */
  readonly action: "reject" | "warn";
  /** Tools that may be offered and run. `allowed` null: all; `blocked` wins. */
  readonly tools?: State["toolGuard"];
  /** US dollars that the turn may cost: whoever asks a model keeps to it beforehand. */
  readonly costLimitUsd?: number;
}
export type Guard = (state: GuardState, call: Call) => Verdict | Promise<Verdict>;

const PASSED: Verdict = { passed: true, message: "", action: "reject" };
const judged = (message: string | undefined): Verdict => (message === undefined ? PASSED : { passed: false, message, action: "reject" });

export const guards = {
  token_budget: defineStrategy<Guard>()({
    about: "The next request must leave so many tokens of the window free.",
    config: fields({
      min_remaining_tokens: int({ min: 0, default: 10000, about: "tokens that must stay free for the answer and what follows" }),
    }),
    create:
      ({ min_remaining_tokens }, { tokens }) =>
      ({ contextWindowBudget, system, systemVolatile, messages, tools }) => {
        const needed = tokens.request({ system, systemVolatile, messages, tools });
        return judged(
          contextWindowBudget - needed < min_remaining_tokens
            ? `The next request has about ${needed} tokens, and ${min_remaining_tokens} of the window's ${contextWindowBudget} must stay free. Shorten the history (stage context: strategy, compactor), offer fewer tools, or raise context_window_budget.`
            : undefined,
        );
      },
  }),
  cost_budget: defineStrategy<Guard>()({
    about:
      "The turn must have cost less than its limit, and stage 6 makes no call that could go over. A cost that nobody knows is over any limit.",
    config: fields({ max_cost_usd: number({ min: 0, default: null, about: "US dollars; null for the pipeline's cost_budget_usd" }) }),
    create:
      ({ max_cost_usd }) =>
      ({ totalCostUsd, costBudgetUsd, unknownPrice }) => {
        const limit = max_cost_usd ?? costBudgetUsd;
        if (limit === null) return PASSED;
        const kept = max_cost_usd === null ? {} : { costLimitUsd: max_cost_usd };
        if (totalCostUsd === null)
          return {
            ...judged(
              unknownPrice === "allow"
                ? undefined
                : `The limit of $${limit} cannot be kept: a model without a known price was used. Give its price, or remove the limit.`,
            ),
            ...kept,
          };
        const over = `The turn has cost $${totalCostUsd} of the $${limit} it may cost. Raise the limit to go on.`;
        return { ...judged(totalCostUsd >= limit ? over : undefined), ...kept };
      },
  }),
  iteration: defineStrategy<Guard>()({
    about: "The turn must have made fewer passes than its limit.",
    config: fields({ max_iterations: int({ min: 1, default: null, about: "passes; null for the pipeline's max_iterations" }) }),
    create:
      ({ max_iterations }) =>
      ({ iteration, maxIterations }) => {
        const limit = max_iterations ?? maxIterations;
        return judged(
          iteration >= limit
            ? `The turn has made ${iteration} of the ${limit} passes it may make. Raise max_iterations to go on.`
            : undefined,
        );
      },
  }),
  permission: defineStrategy<Guard>()({
    about: "Only permitted tools are offered to the model and may run. A call that already waits for a forbidden one ends the turn.",
    config: fields({
      allowed_tools: list(text({ about: "a tool's name" }), { default: [], about: "the only tools that are permitted; empty for all" }),
      blocked_tools: list(text({ about: "a tool's name" }), { default: [], about: "tools that are forbidden, whatever is allowed" }),
    }),
    create: ({ allowed_tools, blocked_tools }) => {
      const tools = { allowed: allowed_tools.length ? allowed_tools : null, blocked: blocked_tools };
      return ({ pendingToolCalls }) => {
        const forbidden = pendingToolCalls.map((call) => call.tool_name).filter((name) => !permits(tools, name));
        const names = [...new Set(forbidden)].map((name) => `"${name}"`).join(", ");
        return {
          ...judged(forbidden.length ? `The call of ${names} is not permitted here (allowed_tools, blocked_tools).` : undefined),
          tools,
        };
      };
    },
  }),
};
