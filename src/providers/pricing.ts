/** What models cost and hold. Stated facts only; a model that is not here has no price, never that of a similar name. */
import type { Price, Pricing } from "../contract/services.ts";
import { resolveAlias } from "./models.ts";
import { ROWS } from "./prices.ts";

export type PriceTable = { readonly [model: string]: Price };

/** What is known of a model; null: not known. */
export interface ModelFacts {
  /** Tokens that a request and its answer may fill together. */
  readonly contextWindow: number | null;
  /** Tokens of one answer at most. */
  readonly maxOutput: number | null;
}
/** A line of the table: the price, the one that is stated to follow on a day (UTC), and the sizes. */
export interface ModelRow extends Price, ModelFacts {
  readonly next?: Price & { readonly from: string };
}

/** A dated form of a model's id: `-20251001`, `-2025-10-01`, `-latest`. */
const DATED = /-(?:20\d{6}|20\d\d-\d\d-\d\d|latest)$/;

/** By exact id, then by the id without its date; an alias (`opus`) stands for its model. */
const lookUp = <T>(table: ReadonlyMap<string, T>, model: string): T | undefined =>
  table.get(model) ??
  table.get(model.replace(DATED, "")) ??
  table.get(resolveAlias(model)) ??
  table.get(resolveAlias(model).replace(DATED, ""));

const rows: ReadonlyMap<string, ModelRow> = new Map(Object.entries(ROWS));

const priceAt = ({ next, contextWindow, maxOutput, ...price }: ModelRow, now: () => number): Price => {
  if (!next || now() < Date.parse(next.from)) return price;
  const { from, ...later } = next;
  return later;
};

export interface PricingOptions {
  /** They win over the table. */
  readonly overrides?: PriceTable;
  /** Epoch milliseconds. Default: the system's clock. */
  readonly now?: () => number;
}
/** The prices in force, `overrides` first. Null: not known. */
export const createPricing = ({ overrides = {}, now = Date.now }: PricingOptions = {}): Pricing => {
  const own = new Map(Object.entries(overrides));
  return {
    price(model) {
      const given = lookUp(own, model);
      if (given) return given;
      const row = lookUp(rows, model);
      return row ? priceAt(row, now) : null;
    },
  };
};

const NOTHING: ModelFacts = { contextWindow: null, maxOutput: null };
/** Null for what is not known; both for a model that is not. Only for a vendor's own service: what else is deployed under a name may be smaller. */
export const modelFacts = (model: string): ModelFacts => {
  const { contextWindow, maxOutput } = lookUp(rows, model) ?? NOTHING;
  return { contextWindow, maxOutput };
};
export const contextWindow = (model: string): number | null => modelFacts(model).contextWindow;
export const maxOutput = (model: string): number | null => modelFacts(model).maxOutput;
