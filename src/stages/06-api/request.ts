/** The request: model settings, prompt and history as the state has them, with the stage's own model override on top. */
import type { ModelSettings } from "../../contract/manifest.ts";
import type { Message } from "../../contract/message.ts";
import type { ModelRequest } from "../../contract/provider.ts";
import type { State } from "../../contract/state.ts";

const SETTINGS = {
  model: "model",
  max_tokens: "maxTokens",
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  stop_sequences: "stopSequences",
  thinking_enabled: "thinkingEnabled",
  thinking_budget_tokens: "thinkingBudgetTokens",
  thinking_type: "thinkingType",
  thinking_display: "thinkingDisplay",
} as const satisfies Record<keyof ModelSettings, keyof State>;
type Settings = Pick<State, (typeof SETTINGS)[keyof ModelSettings]>;
type Prompt = Pick<State, "system" | "systemVolatile" | "tools" | "toolChoice" | "cacheMarks" | "outputSchema" | "sessionId" | "cacheKey">;

/** What the override does not set stays as the state has it. */
export const overridden = <S extends Settings>(state: S, override: Partial<ModelSettings> | null): S => {
  if (!override) return state;
  const given = Object.entries(override).filter(([key, value]) => Object.hasOwn(SETTINGS, key) && value !== undefined);
  return { ...state, ...Object.fromEntries(given.map(([key, value]) => [SETTINGS[key as keyof ModelSettings], value])) };
};

export const requestOf = (state: Settings & Prompt, messages: readonly Message[], stream: boolean): ModelRequest => {
  const marks = state.cacheMarks;
  return {
    model: state.model,
    messages,
    system: state.system,
    systemVolatile: state.systemVolatile,
    maxTokens: state.maxTokens,
    temperature: state.temperature,
    topP: state.topP,
    topK: state.topK,
    stopSequences: state.stopSequences,
    tools: state.tools,
    toolChoice: state.toolChoice,
    thinking: state.thinkingEnabled
      ? { type: state.thinkingType, budgetTokens: state.thinkingBudgetTokens, display: state.thinkingDisplay }
      : null,
    stream,
    cache: marks.tools || marks.system || marks.messages.length ? marks : null,
    outputSchema: state.outputSchema,
    purpose: "api",
    sessionId: state.sessionId,
    cacheKey: state.cacheKey,
  };
};

export const thinks = ({ thinking }: ModelRequest): boolean => thinking !== null && thinking.type !== "disabled";
