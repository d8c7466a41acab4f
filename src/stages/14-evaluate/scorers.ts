/** The score where the strategy gives none. */
import { fields, number, record } from "../../contract/schema.ts";
import { defineStrategy } from "../../contract/strategy.ts";
import type { Score } from "./evaluation.ts";

const no_scorer = defineStrategy<Score>()({ about: "Always 1.", config: fields({}), create: () => () => 1 });

const weighted = defineStrategy<Score>()({
  about: "The weighted mean of values that a host keeps in the state's metadata. Values that are missing or no number do not count.",
  config: fields({ weights: record(number({ about: "a weight" }), { about: "weights by metadata key", default: {} }) }),
  create:
    ({ weights }) =>
    ({ metadata }) => {
      let sum = 0;
      let total = 0;
      for (const [key, weight] of Object.entries(weights)) {
        const value = Object.hasOwn(metadata, key) ? numberOf(metadata[key]) : Number.NaN;
        if (!Number.isFinite(value)) continue;
        sum += weight * value;
        total += weight;
      }
      return total ? sum / total : 1;
    },
});
const numberOf = (value: unknown): number =>
  typeof value === "number" || typeof value === "boolean" || (typeof value === "string" && value.trim()) ? Number(value) : Number.NaN;

export const scorers = { no_scorer, weighted };
