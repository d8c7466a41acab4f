/** What a call costs. */

import { type Bill, billOf } from "../../contract/bill.ts";
import type { StageEntry } from "../../contract/manifest.ts";
import { check, fields, number, record } from "../../contract/schema.ts";
import type { Price, Pricing } from "../../contract/services.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import type { Usage } from "../../contract/usage.ts";

/** The bill of a call that `model` answered; null when its price is not known. */
export type Calculator = (usage: Usage, model: string, call: Call) => Bill | null;

/** Anthropic's rate for reading the cache, as a share of the input's. */
const READ = 0.1;

const own = {
  custom_pricing: record(
    record(number({ about: "US dollars for a million tokens", min: 0 }), { about: "input, output, cache_write, cache_read" }),
    {
      about: "prices of one's own by model; they win over the table",
      default: {},
    },
  ),
};
const RATES = ["input", "output", "cache_write", "cache_read"];
type Own = { readonly [model: string]: { readonly [rate: string]: number } };

const ownPrice = (model: string, rates: Own[string]): Price => {
  const unknown = Object.keys(rates).find((rate) => !RATES.includes(rate));
  if (unknown !== undefined) throw new Error(`custom_pricing.${model} has no rate "${unknown}" (known: ${RATES.join(", ")})`);
  const { input, output, cache_write, cache_read } = rates;
  if (input === undefined || output === undefined) throw new Error(`custom_pricing.${model} needs "input" and "output"`);
  return { input, output, cacheWrite: cache_write ?? null, cacheRead: cache_read ?? READ * input };
};

const withOwn = (custom_pricing: Own, list: Pricing): Pricing => {
  const prices = new Map(Object.entries(custom_pricing).map(([model, rates]) => [model, ownPrice(model, rates)]));
  return { price: (model) => prices.get(model) ?? list.price(model) };
};
const listed = (pricing: Pricing): Calculator => {
  return (usage, model) => {
    const price = pricing.price(model);
    return price && billOf(usage, price);
  };
};

/** A price of Anthropic's that says nothing of reading the cache has its usual discount. */
const discounted = (list: Pricing): Pricing => ({
  price(model) {
    const price = list.price(model);
    return price && price.cacheRead === null && model.startsWith("claude-") ? { ...price, cacheRead: READ * price.input } : price;
  },
});

interface Flat {
  readonly input_per_million: number;
  readonly output_per_million: number;
}
const flat = ({ input_per_million, output_per_million }: Flat): Price => ({
  ...{ input: input_per_million, output: output_per_million },
  ...{ cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0 },
});

export const calculators = {
  anthropic_pricing: defineStrategy<Calculator>()({
    about:
      "By the price table, with Anthropic's discount where its price names none; another vendor's model is looked up in the same table.",
    config: fields(own),
    create: ({ custom_pricing }, { pricing }) => listed(discounted(withOwn(custom_pricing, pricing))),
  }),
  custom_pricing: defineStrategy<Calculator>()({
    about: "Two flat prices of one's own; the cache is left out.",
    config: fields({
      input_per_million: number({ about: "US dollars for a million prompt tokens", min: 0, default: 3 }),
      output_per_million: number({ about: "US dollars for a million tokens of the answer", min: 0, default: 15 }),
    }),
    create: (config) => (usage) => ({ cost: billOf(usage, flat(config)).cost, saved: 0 }),
  }),
  unified_pricing: defineStrategy<Calculator>()({
    about: "By the price table, whoever the vendor is.",
    config: fields(own),
    create: ({ custom_pricing }, { pricing }) => listed(withOwn(custom_pricing, pricing)),
  }),
};

/** The price list as stage 7's entry has it, so that every stage reckons as stage 7 bills. An entry that is wrong is a finding of its own. */
export const pricedBy = ({ strategies, strategy_configs }: Pick<StageEntry, "strategies" | "strategy_configs">, list: Pricing): Pricing => {
  const given = strategy_configs?.calculator ?? {};
  if (strategies?.calculator === "custom_pricing") {
    const price = flat(check(calculators.custom_pricing.config, given).value);
    return { price: () => price };
  }
  const { value, problems } = check(calculators.anthropic_pricing.config, given);
  try {
    return problems.length ? list : withOwn(value.custom_pricing, list);
  } catch {
    return list;
  }
};
