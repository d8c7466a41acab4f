/** What a turn may still spend: every stage that asks a model looks here first. */
import { type Level, levelsOf, MILLION } from "./bill.ts";
import { GuardRejectError } from "./errors.ts";
import type { ModelRequest, Provider } from "./provider.ts";
import type { Services } from "./services.ts";
import type { State } from "./state.ts";

/** What a turn may spend, in US dollars. */
export interface Purse {
  /** Null: as much as it likes. */
  readonly limit: number | null;
  /** Spent, and held for calls that broke; null: not known. */
  readonly spent: number | null;
  /** What becomes of a call whose price is not known. */
  readonly unknownPrice: "refuse" | "allow";
}
type Books = Pick<State, "costBudgetUsd" | "costLimitUsd" | "totalCostUsd" | "heldCostUsd" | "unknownPrice">;
export const purseOf = ({ costBudgetUsd, costLimitUsd, totalCostUsd, heldCostUsd, unknownPrice }: Books): Purse => {
  const limits = [costBudgetUsd, costLimitUsd].filter((limit) => limit !== null);
  return {
    limit: limits.length ? Math.min(...limits) : null,
    spent: totalCostUsd === null ? null : totalCostUsd + heldCostUsd,
    unknownPrice,
  };
};

/** A call that may be made. */
export interface Reserved {
  /** As it was asked for, but perhaps for a shorter answer. */
  readonly request: ModelRequest;
  /** The most that it can cost; 0 where nothing limits the turn. */
  readonly worst: number;
  /** What a backend with a loop of its own is to keep to; null: nothing. */
  readonly budgetUsd: number | null;
  readonly lowered: { readonly from: number; readonly to: number; readonly remaining_usd: number } | null;
}
export interface Refused {
  /** Why, and what would help. */
  readonly refused: string;
}
export interface Asked {
  readonly request: ModelRequest;
  readonly provider: Provider;
  readonly purse: Purse;
  /** Tokens of an answer below which the call is refused rather than made shorter. */
  readonly floor: number;
}

/** Looks, before a call, whether the most that it can cost fits what is left; if not, shortens its answer, or refuses. */
export const reserve = (asked: Asked, services: Pick<Services, "pricing" | "bounds">): Reserved | Refused => {
  const { request, provider, purse } = asked;
  const { limit, spent, unknownPrice } = purse;
  const free = { request, worst: 0, budgetUsd: null, lowered: null };
  if (limit === null) return free;
  if (spent === null)
    return unknownPrice === "allow"
      ? free
      : { refused: `The limit of $${limit} cannot be kept: a model without a known price was used in this turn. ${TELL}` };
  const left = limit - spent;
  if (left <= 0) return { refused: `The turn has cost $${spent} of the $${limit} it may cost. Raise the limit to go on.` };
  if (provider.capabilities.supports_budget_limit) return { ...free, worst: left, budgetUsd: left };

  const models = provider.hops?.(request.model).map(({ model }) => model) ?? [request.model];
  const prices = models.map((model) => services.pricing.price(model));
  const unknown = models[prices.indexOf(null)];
  if (unknown !== undefined)
    return unknownPrice === "allow"
      ? free
      : { refused: `The limit of $${limit} cannot be kept: no price of "${unknown}" is known. ${TELL}` };
  const levels = prices.flatMap((price) => (price ? levelsOf(price, sizeOf(asked, services), request.cache?.ttl === "1h") : []));
  return fitted(asked, levels, left);
};
const TELL = 'Give it in `prices`, or let such calls pass with `unknown_price: "allow"`.';

/** The refusal as the failure that ends the turn. */
export const rejected = ({ refused }: Refused): GuardRejectError => new GuardRejectError(refused, { guard: "cost_budget" });

/** Tokens of the prompt at most. Never more than the model can read, unless it is priced beyond that. */
const sizeOf = ({ request, provider }: Asked, { pricing, bounds }: Pick<Services, "pricing" | "bounds">): number => {
  const window = provider.hops ? null : (provider.window?.(request.model) ?? null);
  const beyond = window !== null && pricing.price(request.model)?.tiers?.some(({ above }) => above >= window);
  return Math.min(bounds.atMost(request), window === null || beyond ? Number.POSITIVE_INFINITY : window);
};

/** Sums of many small numbers are off in their last digits. */
const EXACT = 1 - 1e-9;

const fitted = ({ request, floor, purse: { limit } }: Asked, levels: readonly Level[], left: number): Reserved | Refused => {
  const cost = (tokens: number) => Math.max(...levels.map(({ prompt, output }) => prompt + tokens * output)) / MILLION;
  const least = Math.min(request.maxTokens, floor + (request.thinking?.type === "enabled" ? THINKING : 0));
  const fits = ({ prompt, output }: Level) =>
    output === 0 ? (prompt <= left * MILLION ? request.maxTokens : 0) : Math.floor((left * EXACT * MILLION - prompt) / output);
  const to = Math.min(request.maxTokens, ...levels.map(fits));
  if (to < least) {
    const most = Number.isFinite(cost(least)) ? `$${round(cost(least))}` : "more than anybody can say: it holds a document of unknown size";
    return {
      refused: `The next call may cost up to ${most}, and $${round(left)} of the turn's $${limit} is left. Raise the limit, shorten the history, or offer fewer tools.`,
    };
  }
  if (to === request.maxTokens) return { request, worst: cost(to), budgetUsd: left, lowered: null };
  return {
    request: shorter(request, to, floor),
    worst: cost(to),
    budgetUsd: left,
    lowered: { from: request.maxTokens, to, remaining_usd: left },
  };
};
/** The least that a vendor takes as a budget for thinking. */
const THINKING = 1024;
const round = (dollars: number): number => Number(dollars.toPrecision(4));

/** Thinking leaves the floor to the answer. */
const shorter = (request: ModelRequest, maxTokens: number, floor: number): ModelRequest => {
  const { thinking } = request;
  if (thinking?.type !== "enabled") return { ...request, maxTokens };
  return {
    ...request,
    maxTokens,
    thinking: { ...thinking, budgetTokens: Math.min(thinking.budgetTokens, Math.max(THINKING, maxTokens - floor)) },
  };
};
