/** The manifest's `model` and `pipeline` blocks: their keys, defaults and bounds, and the state keys that they set. */
import type { Finding } from "../contract/errors.ts";
import {
  check,
  type Fields,
  fields,
  flag,
  int,
  isObject,
  type JsonObject,
  list,
  number,
  type Output,
  object,
  oneOf,
  text,
} from "../contract/schema.ts";
import type { State } from "../contract/state.ts";
import { below } from "./copy.ts";

const word = text({ about: "a text at which the model stops" });
export const MODEL = fields({
  model: text({ default: "claude-sonnet-4-6", about: "id of the model" }),
  max_tokens: int({ default: 8192, min: 1, about: "most tokens of one answer" }),
  temperature: number({ default: null, min: 0, max: 2, about: "null: the vendor's default" }),
  top_p: number({ default: null, min: 0, max: 1, about: "null: the vendor's default" }),
  top_k: int({ default: null, min: 0, about: "null: the vendor's default" }),
  stop_sequences: list(word, { default: null, about: "texts at which the model stops" }),
  thinking_enabled: flag({ default: false, about: "ask for thinking" }),
  thinking_budget_tokens: int({ default: 10000, min: 0, about: "tokens for thinking, where the model takes a budget" }),
  thinking_type: oneOf(["enabled", "adaptive", "disabled"], { default: "enabled", about: "how thinking is asked for" }),
  thinking_display: oneOf(["summarized", "omitted"], { default: null, about: "what of the thinking comes back" }),
});
export const PIPELINE_SETTINGS = fields({
  name: text({ default: "default", about: "name of the pipeline" }),
  max_iterations: int({ default: 50, min: 1, about: "most passes of the loop in one turn" }),
  cost_budget_usd: number({ default: null, min: 0, about: "most US dollars of one turn; null: no limit" }),
  unknown_price: oneOf(["refuse", "allow"], {
    default: "refuse",
    about: "calls of a model without a known price, in a turn with a limit: they are refused, or the limit lets them pass",
  }),
  context_window_budget: int({ default: 200000, min: 1, about: "tokens of the model's context" }),
  stream: flag({ default: true, about: "ask the provider to stream" }),
  single_turn: flag({ default: false, about: "one pass of the loop and no more" }),
  artifacts: object({ default: {}, about: "stage → artifact, as older files have it; `config.provider` of stage 6 is what counts" }),
  metadata: object({ default: {}, about: "the host's own" }),
});

/** The state keys that the two blocks set. */
const stateOf = (m: Output<typeof MODEL>, p: Output<typeof PIPELINE_SETTINGS>) =>
  ({
    model: m.model,
    maxTokens: m.max_tokens,
    temperature: m.temperature,
    topP: m.top_p,
    topK: m.top_k,
    stopSequences: m.stop_sequences,
    thinkingEnabled: m.thinking_enabled,
    thinkingBudgetTokens: m.thinking_budget_tokens,
    thinkingType: m.thinking_type,
    thinkingDisplay: m.thinking_display,
    maxIterations: p.max_iterations,
    costBudgetUsd: p.cost_budget_usd,
    unknownPrice: p.unknown_price,
    contextWindowBudget: p.context_window_budget,
    stream: p.stream,
    singleTurn: p.single_turn,
  }) satisfies Partial<State>;
export type Settings = ReturnType<typeof stateOf>;

/** Checks both blocks. Unknown keys are findings of the given severity. */
export const settingsOf = (
  model: unknown,
  pipeline: unknown,
  unknownKeys: "error" | "warning",
): { settings: Settings; findings: Finding[] } => {
  const findings: Finding[] = [];
  const read = <C extends Fields>(path: string, shape: C, value: unknown): Output<C> => {
    const checked = check(shape, value ?? {});
    for (const p of checked.problems)
      findings.push({
        severity: p.kind === "unknown" ? unknownKeys : "error",
        code: p.kind === "unknown" ? "config.unknown_key" : "config.invalid",
        path: p.path.reduce(below, path),
        message: p.message,
        suggestion: p.suggestion,
      });
    return checked.value;
  };
  // Older files have the model's settings inside the pipeline's; they count where the block `model` is empty.
  const { model: inner, ...beside } = filled(pipeline) ? pipeline : {};
  const older = !filled(model) && filled(inner);
  const m = older ? read("pipeline.model", MODEL, inner) : read("model", MODEL, model);
  const p = read("pipeline", PIPELINE_SETTINGS, older ? beside : pipeline);
  return { settings: stateOf(m, p), findings };
};

const filled = (value: unknown): value is JsonObject => isObject(value) && Object.keys(value).length > 0;
