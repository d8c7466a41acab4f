/** What a call costs. */
import { fields, number, record } from "../../contract/schema.ts";
import type { Price, Pricing } from "../../contract/services.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import type { Usage } from "../../contract/usage.ts";

/** US dollars. `saved`: what caching spared, less what writing to the cache cost above a plain read. */
export type Bill = { readonly cost: number; readonly saved: number };
/** The bill of a call that `model` answered; null when its price is not known. */
export type Calculator = (usage: Usage, model: string, call: Call) => Bill | null;

const WRITE = 1.25;
const WRITE_1H = 2;
const READ = 0.1;

const bill = (usage: Usage, price: Price): Bill => {
  const { input_tokens, output_tokens, cache_creation_input_tokens: written, cache_read_input_tokens: read } = usage;
  const hour = Math.min(usage.cache_creation_1h_input_tokens ?? 0, written);
  const writing = (written - hour) * (price.cacheWrite ?? WRITE * price.input) + hour * (price.cacheWrite1h ?? WRITE_1H * price.input);
  const reading = read * (price.cacheRead ?? READ * price.input);
  return {
    cost: (input_tokens * price.input + output_tokens * price.output + writing + reading) / 1e6,
    saved: ((written + read) * price.input - writing - reading) / 1e6,
  };
};

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
  return { input, output, cacheWrite: cache_write ?? null, cacheRead: cache_read ?? null };
};

const listed = ({ custom_pricing }: { readonly custom_pricing: Own }, pricing: Pricing): Calculator => {
  const prices = new Map(Object.entries(custom_pricing).map(([model, rates]) => [model, ownPrice(model, rates)]));
  return (usage, model) => {
    const price = prices.get(model) ?? pricing.price(model);
    return price && bill(usage, price);
  };
};

export const calculators = {
  anthropic_pricing: defineStrategy<Calculator>()({
    about: "By the price table, with Anthropic's rates for the cache; another vendor's model is looked up in the same table.",
    config: fields(own),
    create: (config, { pricing }) => listed(config, pricing),
  }),
  custom_pricing: defineStrategy<Calculator>()({
    about: "Two flat prices of one's own; the cache is left out.",
    config: fields({
      input_per_million: number({ about: "US dollars for a million prompt tokens", min: 0, default: 3 }),
      output_per_million: number({ about: "US dollars for a million tokens of the answer", min: 0, default: 15 }),
    }),
    create:
      ({ input_per_million, output_per_million }) =>
      ({ input_tokens, output_tokens }) => ({
        cost: (input_tokens * input_per_million + output_tokens * output_per_million) / 1e6,
        saved: 0,
      }),
  }),
  unified_pricing: defineStrategy<Calculator>()({
    about: "By the price table, whoever the vendor is.",
    config: fields(own),
    create: (config, { pricing }) => listed(config, pricing),
  }),
};
