/** Whether a further call inside one run of the stage is sure to fit the turn's budget. Between runs the guards see to that. */
import type { ModelRequest } from "../../contract/provider.ts";
import type { Price, Services } from "../../contract/services.ts";
import type { ModelCall, State } from "../../contract/state.ts";

/** At most: no cache read is counted as cheap, every cache write as the dearest. */
const atMost = ({ usage }: ModelCall, price: Price): number =>
  usage.cost_usd ??
  ((usage.input_tokens + usage.cache_read_input_tokens + 2 * usage.cache_creation_input_tokens) * price.input +
    usage.output_tokens * price.output) /
    1e6;

/** A price that is not known fits no budget. */
export const affordable = (
  request: ModelRequest,
  calls: readonly ModelCall[],
  { costBudgetUsd, totalCostUsd }: Pick<State, "costBudgetUsd" | "totalCostUsd">,
  { pricing, tokens }: Services,
): boolean => {
  if (costBudgetUsd === null) return true;
  const price = pricing.price(request.model);
  if (!price || totalCostUsd === null) return false;
  const spent = calls.reduce((sum, call) => sum + atMost(call, price), totalCostUsd);
  return spent + (tokens.request(request) * price.input + request.maxTokens * price.output) / 1e6 <= costBudgetUsd;
};
