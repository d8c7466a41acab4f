/** What is known of Google's models by their names: how they are asked to think, and whether they sign their calls. */
import type { Thinking } from "../contract/provider.ts";
import type { Json, JsonObject } from "../contract/schema.ts";

/** Major and minor; null for a name without them, which is taken for one of the newest. */
const versionOf = (model: string): number | null => {
  const [, version] = /gemini-(\d+(?:\.\d+)?)/.exec(model) ?? [];
  return version === undefined ? null : Number(version);
};

/** From generation 3 on, the first call of a step is refused without the signature that it came with. */
export const signsCalls = (model: string): boolean => (versionOf(model) ?? 0) >= 3;

/** How a model's thinking is set: not at all, by tokens, or by a level. */
const dialOf = (model: string, refused: ReadonlySet<string>): "none" | "budget" | "level" => {
  const version = versionOf(model);
  if (refused.has("thinkingConfig") || /gemma|learnlm/.test(model) || (version !== null && version < 2.5)) return "none";
  return refused.has("thinkingLevel") || (version !== null && version < 3) ? "budget" : "level";
};

/** The fewest and most tokens that a model thinks in when it thinks. */
const rangeOf = (model: string): readonly [number, number] =>
  /-pro/.test(model) ? [128, 32768] : /-lite/.test(model) ? [512, 24576] : [1, 24576];

const LOW = 5000;
const MEDIUM = 20000;
const levelOf = (tokens: number): string => (tokens < LOW ? "LOW" : tokens <= MEDIUM ? "MEDIUM" : "HIGH");

/** Some models cannot help thinking: they are asked for as little as they take. */
const least = (model: string, dial: "budget" | "level"): JsonObject =>
  dial === "level" ? { thinkingLevel: /-flash/.test(model) ? "MINIMAL" : "LOW" } : { thinkingBudget: /-pro/.test(model) ? 128 : 0 };

/** The wire's thinkingConfig; null: none is sent. `dropped` is told what the model does not take. */
export const thinkingOf = (
  { type, budgetTokens, display }: Thinking,
  model: string,
  refused: ReadonlySet<string>,
  dropped: (field: string, value: Json) => void,
): JsonObject | null => {
  const dial = dialOf(model, refused);
  if (dial === "none") {
    if (type !== "disabled") dropped("thinking", type);
    return null;
  }
  if (type === "disabled") return least(model, dial);
  const includeThoughts = display !== "omitted";
  if (type === "adaptive") return { includeThoughts };
  if (dial === "level") return { includeThoughts, thinkingLevel: levelOf(budgetTokens) };
  const [fewest, most] = rangeOf(model);
  const thinkingBudget = Math.min(Math.max(budgetTokens, fewest), most);
  if (thinkingBudget !== budgetTokens) dropped("thinking.budget_tokens", budgetTokens);
  return { includeThoughts, thinkingBudget };
};
