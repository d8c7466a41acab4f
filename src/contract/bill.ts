/** What a call costs, and what it can cost at most. */
import type { Price, Rates } from "./services.ts";
import type { State } from "./state.ts";
import { addUsage, promptTokens, type Usage } from "./usage.ts";

/** US dollars. `saved`: what caching spared, less what writing to the cache cost above a plain read. */
export type Bill = { readonly cost: number; readonly saved: number };

const WRITE = 1.25;
const WRITE_1H = 2;
export const MILLION = 1e6;

const reading = ({ cacheRead, input }: Rates): number => cacheRead ?? input;
const writing = ({ cacheWrite, input }: Rates): number => cacheWrite ?? WRITE * input;
const writing1h = ({ cacheWrite1h, input }: Rates): number => cacheWrite1h ?? WRITE_1H * input;

/** The rates of a call by the size of its prompt. */
const ratesFor = ({ tiers = [], ...base }: Price, prompt: number): Rates =>
  tiers.reduce<{ above: number; rates: Rates }>(
    (best, tier) => (prompt > tier.above && tier.above >= best.above ? { above: tier.above, rates: tier } : best),
    { above: 0, rates: base },
  ).rates;

export const billOf = (usage: Usage, price: Price): Bill => {
  const { input_tokens, output_tokens, cache_creation_input_tokens: written, cache_read_input_tokens: read } = usage;
  const rates = ratesFor(price, promptTokens(usage));
  const hour = Math.min(usage.cache_creation_1h_input_tokens ?? 0, written);
  const cached = (written - hour) * writing(rates) + hour * writing1h(rates) + read * reading(rates);
  return {
    cost: (input_tokens * rates.input + output_tokens * rates.output + cached) / MILLION,
    saved: ((written + read) * rates.input - cached) / MILLION,
  };
};

/** US dollars of a call: what the backend itself said, else by its price; null when that is not known. Nothing used costs nothing. */
export const costOf = (usage: Usage, price: Price | null): number | null => {
  if (usage.cost_usd !== null) return usage.cost_usd;
  return promptTokens(usage) + usage.output_tokens === 0 ? 0 : price && billOf(usage, price).cost;
};

/** What a prompt costs at most on one level of a price, and each token of the answer there. */
export interface Level {
  readonly prompt: number;
  readonly output: number;
}
/** For a prompt of up to `tokens` tokens, priced at the dearest rate it could be billed at (fresh, cache read or cache write). */
export const levelsOf = (price: Price, tokens: number, hour: boolean): readonly Level[] => {
  const starts = [0, ...(price.tiers ?? []).map(({ above }) => above)]
    .sort((a, b) => a - b)
    .filter((above, i) => i === 0 || above < tokens);
  return starts.map((above, i) => {
    const rates = ratesFor(price, above + 1);
    const dearest = Math.max(rates.input, reading(rates), writing(rates), hour ? writing1h(rates) : 0);
    return { prompt: dearest === 0 ? 0 : Math.min(tokens, starts[i + 1] ?? tokens) * dearest, output: rates.output };
  });
};

/** What was spent beside the turn's own calls. `cost`: US dollars, null when the price is not known; `held`: what it may have cost beyond. */
export type Spent = { readonly usage: Usage; readonly cost: number | null; readonly held: number };
type Books = Pick<State, "tokenUsage" | "turnTokenUsage" | "totalCostUsd" | "sessionCostUsd" | "heldCostUsd">;

/** The books with it: the turn pays. An unknown price makes the totals unknown. */
export const billed = (books: Books, { usage, cost, held }: Spent): Partial<Books> => {
  const plus = (total: number | null) => (total === null || cost === null ? null : total + cost);
  return {
    tokenUsage: addUsage(books.tokenUsage, usage),
    turnTokenUsage: [...books.turnTokenUsage, usage],
    ...(held ? { heldCostUsd: books.heldCostUsd + held } : {}),
    totalCostUsd: plus(books.totalCostUsd),
    sessionCostUsd: plus(books.sessionCostUsd),
  };
};
