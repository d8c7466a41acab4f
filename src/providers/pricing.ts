/** What models cost. Stated prices only; a model that is not here has no price, never that of a similar name. */
import type { Price, Pricing } from "../contract/services.ts";
import { resolveAlias } from "./models.ts";

export type PriceTable = { readonly [model: string]: Price };

const anthropic = (input: number, output: number, cacheWrite = input * 1.25, cacheRead = input * 0.1): Price => ({
  input,
  output,
  cacheRead,
  cacheWrite,
});
const flat = (input: number, output: number): Price => ({ input, output, cacheRead: null, cacheWrite: null });

/** US dollars for a million tokens, as stated in November 2026. */
export const PRICES: PriceTable = {
  "claude-fable-5-1": anthropic(10, 50),
  "claude-opus-5-5": anthropic(4, 20),
  "claude-sonnet-5": anthropic(2, 10),
  "claude-opus-4-8": anthropic(5, 25),
  "claude-opus-4-7": anthropic(5, 25),
  "claude-opus-4-6": anthropic(5, 25, 6.25, 0.5),
  "claude-opus-4-5": anthropic(5, 25, 6.25, 0.5),
  "claude-opus-4-1": anthropic(15, 75, 18.75, 1.5),
  "claude-opus-4": anthropic(15, 75, 18.75, 1.5),
  "claude-sonnet-4-6": anthropic(3, 15, 3.75, 0.3),
  "claude-sonnet-4-5": anthropic(3, 15, 3.75, 0.3),
  "claude-sonnet-4": anthropic(3, 15, 3.75, 0.3),
  "claude-haiku-4-5": anthropic(1, 5, 1.25, 0.1),
  "claude-haiku-3-5": anthropic(0.8, 4, 1, 0.08),
  "claude-3-haiku": anthropic(0.25, 1.25, 0.3, 0.03),
  "gpt-4.1": flat(2, 8),
  "gpt-4.1-mini": flat(0.4, 1.6),
  "gpt-4.1-nano": flat(0.1, 0.4),
  o3: flat(2, 8),
  "o4-mini": flat(1.1, 4.4),
  "gpt-4o": flat(2.5, 10),
  "gpt-4o-mini": flat(0.15, 0.6),
  "gemini-3.1-pro": flat(2, 12),
  "gemini-3-flash": flat(0.5, 3),
  "gemini-3.1-flash-lite": flat(0.25, 1.5),
  "gemini-2.5-pro": flat(1.25, 10),
  "gemini-2.5-flash": flat(0.3, 2.5),
  "gemini-2.5-flash-lite": flat(0.1, 0.4),
};

/** A dated form of a model's id: `-20251001`, `-2025-10-01`, `-latest`. */
const DATED = /-(?:20\d{6}|20\d\d-\d\d-\d\d|latest)$/;

/**
 * Prices by exact id, then by the id without its date, in `overrides` first. An alias (`opus`) has the price of its model. Null: not known.
 */
export const createPricing = ({ overrides = {} }: { readonly overrides?: PriceTable } = {}): Pricing => {
  const table = new Map([...Object.entries(PRICES), ...Object.entries(overrides)]);
  const find = (model: string): Price | undefined => table.get(model) ?? table.get(model.replace(DATED, ""));
  return { price: (model) => find(model) ?? find(resolveAlias(model)) ?? null };
};
