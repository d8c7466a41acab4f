/** Stage 7: counts and prices what stage 6 asked for. */
import { fields, flag, int, number, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import type { CacheMetrics, ModelCall, State } from "../contract/state.ts";
import { one } from "../contract/strategy.ts";
import { promptTokens, type Usage } from "../contract/usage.ts";
import { calculators } from "./07-token/calculators.ts";
import { trackers } from "./07-token/trackers.ts";

const dollars = { about: "US dollars; null when a model that answered has no known price", default: null } as const;

export const token = defineStage({
  name: "token",
  about: "Counts the tokens of every call of the model and what they cost, in the turn and in the session.",
  category: "execution",
  config: fields({}),
  reads: [
    "modelCalls",
    "lastApiResponse",
    "tokenUsage",
    "turnTokenUsage",
    "tokenBreakdown",
    "totalCostUsd",
    "sessionCostUsd",
    "cacheMetrics",
    "unpricedModels",
    "iteration",
    "costBudgetUsd",
    "costLimitUsd",
  ],
  writes: [
    "modelCalls",
    "tokenUsage",
    "turnTokenUsage",
    "tokenBreakdown",
    "totalCostUsd",
    "sessionCostUsd",
    "cacheMetrics",
    "unpricedModels",
  ],
  slots: {
    tracker: one({ about: "how tokens are written down", verb: "counts tokens by", default: "default", strategies: trackers }),
    calculator: one({ about: "what a call costs", verb: "prices calls by", default: "anthropic_pricing", strategies: calculators }),
  },
  events: {
    "token.tracked": fields({
      input_tokens: int({ about: "prompt tokens at the full price" }),
      output_tokens: int({ about: "tokens of the answer" }),
      cache_write: int({ about: "prompt tokens written to the cache" }),
      cache_read: int({ about: "prompt tokens read from the cache" }),
      prompt_tokens: int({ about: "all prompt tokens" }),
      model: text({ about: "the model that answered" }),
      cost_usd: number(dollars),
      total_cost_usd: number(dollars),
      estimated: flag({ about: "the call broke, and part of its tokens were counted here", default: false }),
    }),
    "token.price_unknown": fields({
      model: text({ about: "the model that answered; told once a turn" }),
      provider: text({ about: "its provider" }),
    }),
  },
  /** No limit can be kept of a sum that nobody adds up. */
  needed: ({ costBudgetUsd, costLimitUsd }) => costBudgetUsd !== null || costLimitUsd !== null,
  /** An answer that broke off is paid for too. */
  brokenTurn: "run",
  run(state, { slots, call, emit }) {
    const calls = owed(state);
    let { tokenUsage, turnTokenUsage, tokenBreakdown, totalCostUsd, sessionCostUsd, cacheMetrics, unpricedModels } = state;
    for (const { usage, model, provider, estimated } of calls) {
      ({ tokenUsage, turnTokenUsage, tokenBreakdown } = slots.tracker(
        { tokenUsage, turnTokenUsage, tokenBreakdown },
        usage,
        state.iteration,
        call,
      ));
      const bill = slots.calculator(usage, model, call);
      // What the backend says it cost is no estimate.
      const cost = usage.cost_usd ?? (bill && Math.max(0, bill.cost));
      totalCostUsd = plus(totalCostUsd, cost);
      sessionCostUsd = plus(sessionCostUsd, cost);
      cacheMetrics = measured(cacheMetrics, usage, bill?.saved ?? 0, tokenUsage);
      emit("token.tracked", {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cache_write: usage.cache_creation_input_tokens,
        cache_read: usage.cache_read_input_tokens,
        prompt_tokens: promptTokens(usage),
        model,
        cost_usd: cost,
        total_cost_usd: totalCostUsd,
        ...(estimated ? { estimated } : {}),
      });
      if (cost === null && !unpricedModels.includes(model)) {
        unpricedModels = [...unpricedModels, model];
        emit("token.price_unknown", { model, provider });
      }
    }
    if (!calls.length) return {};
    const books = { tokenUsage, turnTokenUsage, tokenBreakdown, totalCostUsd, sessionCostUsd, cacheMetrics };
    return { modelCalls: [], ...books, ...(unpricedModels === state.unpricedModels ? {} : { unpricedModels }) };
  },
});

/** Calls that were not billed. A stage 6 of a host's own may leave nothing but its response. */
const owed = ({ modelCalls, lastApiResponse: last }: Pick<State, "modelCalls" | "lastApiResponse">): readonly ModelCall[] =>
  modelCalls.length ? modelCalls : last ? [{ model: last.model, provider: last.provider, usage: last.usage }] : [];

/** One cost that nobody knows makes the sum unknown. */
const plus = (sum: number | null, cost: number | null): number | null => (sum === null || cost === null ? null : sum + cost);

const measured = (metrics: CacheMetrics, usage: Usage, saved: number, session: Usage): CacheMetrics => {
  const all = promptTokens(session);
  return {
    total_cache_writes: metrics.total_cache_writes + (usage.cache_creation_input_tokens > 0 ? 1 : 0),
    total_cache_reads: metrics.total_cache_reads + (usage.cache_read_input_tokens > 0 ? 1 : 0),
    estimated_savings_usd: metrics.estimated_savings_usd + saved,
    cache_hit_rate: all ? session.cache_read_input_tokens / all : 0,
  };
};
