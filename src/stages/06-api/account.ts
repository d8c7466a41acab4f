/** What the calls of one run of the stage may cost, beside what the turn has spent before. */
import { costOf } from "../../contract/bill.ts";
import { type Asked, purseOf, type Refused, type Reserved, reserve } from "../../contract/budget.ts";
import type { ModelRequest } from "../../contract/provider.ts";
import type { Services } from "../../contract/services.ts";
import type { ModelCall } from "../../contract/state.ts";

/** Looks whether the call fits what is left. Asked anew before every attempt. */
export type Account = (request: ModelRequest) => Reserved | Refused;

interface Spent {
  /** Calls that stage 7 has not billed. */
  readonly calls: readonly ModelCall[];
  /** US dollars held for calls that broke, those of earlier runs among them. */
  readonly heldCostUsd: number;
}
export const accountOf =
  (
    state: Parameters<typeof purseOf>[0],
    pass: Spent,
    { services, ...asked }: Pick<Asked, "provider" | "floor"> & { readonly services: Services },
  ): Account =>
  (request) => {
    let { totalCostUsd } = state;
    for (const { usage, model } of pass.calls) {
      const cost = costOf(usage, services.pricing.price(model));
      totalCostUsd = totalCostUsd === null || cost === null ? null : totalCostUsd + cost;
    }
    return reserve({ ...asked, request, purse: purseOf({ ...state, totalCostUsd, heldCostUsd: pass.heldCostUsd }) }, services);
  };
