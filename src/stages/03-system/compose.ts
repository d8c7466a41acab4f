/** Blocks → a prompt of two parts. */
import type { PromptBlock } from "../../contract/host.ts";
import type { TextBlock } from "../../contract/message.ts";
import type { State, SystemPrompt } from "../../contract/state.ts";

export interface Prompt {
  /** May be cached. */
  readonly stable: SystemPrompt;
  /** Changes between turns: clock, recalled memory, mood. */
  readonly volatile: string;
}
export interface Scene {
  /** The keys that the stage reads; others are at their defaults. */
  readonly state: State;
  /** Epoch milliseconds. */
  readonly now: number;
  /** The stage's own `prompt`; empty for none. */
  readonly prompt: string;
  /** Whether volatile blocks go apart; otherwise they stay in their place among the stable ones. */
  readonly apart: boolean;
}

export const compose = (
  blocks: readonly PromptBlock[],
  { state, now, apart }: Pick<Scene, "state" | "now" | "apart">,
  { separator = "\n\n", asBlocks = false } = {},
): Prompt => {
  const rendered = blocks.flatMap((block): { text: TextBlock; volatile: boolean }[] => {
    const made = block.render(state, now);
    const { text, cache_control } = typeof made === "string" ? { text: made, cache_control: undefined } : made;
    const volatile = apart && block.volatile === true;
    return text === "" ? [] : [{ volatile, text: { type: "text", text, ...(cache_control ? { cache_control } : {}) } }];
  });
  const stable = rendered.filter((part) => !part.volatile).map((part) => part.text);
  const volatile = rendered.filter((part) => part.volatile).map((part) => part.text.text);
  return { stable: asBlocks ? stable : stable.map((block) => block.text).join(separator), volatile: volatile.join(separator) };
};

/** Puts the variables' values in place of `{name}` and `${name}`. Names that are not known stay as they are; values are not looked into. */
export const substitute = (text: string, values: { readonly [name: string]: unknown }): string =>
  text.replace(/\$?\{\s*([\w.-]+)\s*\}/g, (whole, name: string) => {
    if (!Object.hasOwn(values, name)) return whole;
    const value = values[name];
    return typeof value === "string" ? value : JSON.stringify(value);
  });
