/** What stands in a local account's `extras` about its model. */
import type { JsonObject } from "../contract/schema.ts";
import { text } from "./json.ts";
import type { Profile } from "./profiles.ts";

export interface Tuning {
  readonly fields: JsonObject;
  /** The context that the model is asked to have. */
  readonly context?: number | undefined;
  readonly problem?: string | undefined;
}

/** `num_ctx`: tokens of context, sent as Ollama's option. `think`: whether, or how hard, a model thinks that is not told so by the request. */
export const tuningOf = ({ tunes }: Profile, extras: JsonObject): Tuning => {
  if (!tunes) return { fields: {} };
  const { think } = extras;
  const context = extras.num_ctx ?? extras.ollama_num_ctx ?? undefined;
  if (context !== undefined && !(Number.isInteger(context) && Number(context) > 0))
    return { fields: {}, problem: "extras.num_ctx must be a whole number above 0." };
  const effort = think === true ? "medium" : think === false ? "none" : text(think);
  if (think !== undefined && think !== null && !["none", "low", "medium", "high"].includes(effort))
    return { fields: {}, problem: 'extras.think must be true, false, "low", "medium" or "high".' };
  return {
    fields: { ...(context === undefined ? {} : { options: { num_ctx: context } }), ...(effort ? { reasoning_effort: effort } : {}) },
    context: context === undefined ? undefined : Number(context),
  };
};
