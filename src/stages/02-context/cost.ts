/** US dollars of one call. */
import type { Price } from "../../contract/services.ts";
import type { Usage } from "../../contract/usage.ts";

const MILLION = 1_000_000;

/**
 * What the backend itself said, else by the price list; null when the price is not known. Cache rates that are not listed follow
 * the input's: 1.25 times for writing, twice for an hour, a tenth for reading.
 */
export const costOf = (usage: Usage, price: Price | null): number | null => {
  if (usage.cost_usd !== null) return usage.cost_usd;
  const used = usage.input_tokens + usage.output_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
  if (used === 0) return 0;
  if (!price) return null;
  const hour = usage.cache_creation_1h_input_tokens ?? 0;
  const sum =
    usage.input_tokens * price.input +
    usage.output_tokens * price.output +
    usage.cache_read_input_tokens * (price.cacheRead ?? 0.1 * price.input) +
    (usage.cache_creation_input_tokens - hour) * (price.cacheWrite ?? 1.25 * price.input) +
    hour * (price.cacheWrite1h ?? 2 * price.input);
  return sum / MILLION;
};
