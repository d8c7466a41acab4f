/** How many tokens the model may think with. */
import { textOf } from "../../contract/message.ts";
import { fields, int } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

export type Planned = Pick<State, "system" | "messages" | "tools" | "needsReflection">;
/** Tokens for the next request; undefined: the model's own setting stands. */
export type Planner = (state: Planned, call: Call) => number | undefined;

const STATIC = 10000;

const chars = ({ system, messages }: Planned): number =>
  textOf(system).length + messages.reduce((n, message) => n + textOf(message.content).length, 0);

export const planners = {
  static: defineStrategy<Planner>()({
    about: `A constant. The default, ${STATIC}, leaves the model's own thinking_budget_tokens as it is.`,
    config: fields({ budget_tokens: int({ about: "tokens", min: 0, default: STATIC }) }),
    create:
      ({ budget_tokens }) =>
      () =>
        budget_tokens === STATIC ? undefined : budget_tokens,
  }),
  adaptive: defineStrategy<Planner>()({
    about: "More for tools, for a turn that needs reflection and for a long request.",
    config: fields({
      base_budget: int({ about: "tokens to begin with", min: 0, default: 4000 }),
      min_budget: int({ about: "least tokens", min: 0, default: 2000 }),
      max_budget: int({ about: "most tokens; raised to the least if it is smaller", min: 0, default: 24000 }),
      tools_bonus: int({ about: "tokens added when tools are offered", min: 0, default: 4000 }),
      reflection_bonus: int({ about: "tokens added when the turn needs reflection", min: 0, default: 4000 }),
      size_step_chars: int({ about: "characters of prompt and messages that make one step", min: 1, default: 4000 }),
      size_step_bonus: int({ about: "tokens added for each step", min: 0, default: 2000 }),
    }),
    create:
      ({ base_budget, min_budget, max_budget, tools_bonus, reflection_bonus, size_step_chars, size_step_bonus }) =>
      (state) => {
        const tools = state.tools.length ? tools_bonus : 0;
        const reflection = state.needsReflection ? reflection_bonus : 0;
        const size = Math.floor(chars(state) / size_step_chars) * size_step_bonus;
        return Math.max(min_budget, Math.min(max_budget, base_budget + tools + reflection + size));
      },
  }),
};
