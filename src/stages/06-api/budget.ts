/** Whether a further call inside one run of the stage is sure to fit the turn's budget. Between runs the guards see to that. */
import type { ModelRequest, Provider } from "../../contract/provider.ts";
import type { Price, Pricing, Services } from "../../contract/services.ts";
import type { ModelCall, State } from "../../contract/state.ts";

/** At most: no cache read is counted as cheap, every cache write as the dearest. */
const atMost = ({ usage }: ModelCall, price: Price): number =>
  usage.cost_usd ??
  ((usage.input_tokens + usage.cache_read_input_tokens + 2 * usage.cache_creation_input_tokens) * price.input +
    usage.output_tokens * price.output) /
    1e6;

/** The dearest of the models that may come to answer. Null: one of them has no known price. */
const dearest = ({ model }: ModelRequest, provider: Provider, pricing: Pricing): Price | null => {
  const models = provider.hops?.(model).map((hop) => hop.model) ?? [model];
  const prices = models.flatMap((one) => pricing.price(one) ?? []);
  if (!prices.length || prices.length < models.length) return null;
  const most = (rate: (price: Price) => number) => Math.max(...prices.map(rate));
  return { input: most((p) => p.input), output: most((p) => p.output), cacheRead: null, cacheWrite: null };
};

/** A price that is not known fits no budget. */
export const affordable = (
  request: ModelRequest,
  provider: Provider,
  calls: readonly ModelCall[],
  { costBudgetUsd, totalCostUsd }: Pick<State, "costBudgetUsd" | "totalCostUsd">,
  { pricing, tokens }: Services,
): boolean => {
  if (costBudgetUsd === null) return true;
  const price = dearest(request, provider, pricing);
  if (!price || totalCostUsd === null) return false;
  const spent = calls.reduce((sum, call) => sum + atMost(call, price), totalCostUsd);
  return spent + (tokens.request(request) * price.input + request.maxTokens * price.output) / 1e6 <= costBudgetUsd;
};
