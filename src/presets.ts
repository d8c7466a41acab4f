/** Five pipelines that are ready to use. Each is a manifest: `pipeline.snapshot()` shows it. */
import { type BuilderOptions, type ModelOptions, PipelineBuilder, type PipelineSettingOptions } from "./builder.ts";
import { ConfigError } from "./contract/errors.ts";
import { finding } from "./contract/findings.ts";
import { snake } from "./contract/state.ts";
import type { Tool } from "./contract/tool.ts";
import { MODEL, PIPELINE_SETTINGS } from "./manifest/settings.ts";
import type { OutsideOptions } from "./outside.ts";
import type { Pipeline } from "./pipeline.ts";
import type { ToolRegistry } from "./tools/registry.ts";

/** `toolProviders` and `signal` are for presets that are awaited: those of a `PresetRegistry`. */
export interface PresetOptions
  extends Omit<BuilderOptions, "tools" | "model">,
    ModelOptions,
    Omit<PipelineSettingOptions, "name">,
    OutsideOptions {
  /** Default: "anthropic", or what the form of the model's id says. */
  readonly provider?: string;
  readonly systemPrompt?: string;
  readonly tools?: ToolRegistry | readonly Tool[];
  /** Names of built-in tools; `["*"]` for all. */
  readonly builtInTools?: readonly string[];
  /** Passes of the loop in one turn. */
  readonly maxTurns?: number;
}

/** `Without`: options for which it has no stage. They are `option.invalid`. */
export type Preset<Without extends keyof PresetOptions = never> = (
  options?: Omit<PresetOptions, keyof OutsideOptions | Without>,
) => Pipeline;

/** Whether an option is a setting of the manifest's `model` or `pipeline` block. */
const isSetting = (key: string): boolean => [MODEL, PIPELINE_SETTINGS].some(({ shape }) => Object.hasOwn(shape, snake(key)));

/** Splits the options into manifest settings and what only a host can give. */
export const sorted = ({ provider, systemPrompt, tools, builtInTools, maxTurns, ...rest }: PresetOptions) => {
  const given = Object.entries(rest).filter(([, value]) => value !== undefined && value !== "");
  const settings = Object.fromEntries(given.filter(([key]) => isSetting(key)));
  const environment = Object.fromEntries(given.filter(([key]) => !isSetting(key)));
  return { settings, environment };
};

const begin = (name: string, options: PresetOptions) => {
  const { provider, tools, builtInTools } = options;
  const { settings, environment } = sorted(options);
  const builder = new PipelineBuilder(name, environment).withModel(settings);
  if (provider) builder.withProvider(provider);
  const withTools = () => builder.withTools({ ...(tools ? { registry: tools } : {}), ...(builtInTools ? { builtIn: builtInTools } : {}) });
  return { builder, withTools };
};

/** Throws `ConfigError` for options that the preset has no stage for. */
const refuse = (preset: string, options: PresetOptions, without: readonly (keyof PresetOptions)[]): void => {
  const findings = without
    .filter((key) => options[key] !== undefined)
    .map((key) => finding("option.invalid", `options.${key}`, `the preset "${preset}" has no stage for it: use "chat" or "agent"`));
  if (findings.length) throw new ConfigError(findings);
};

/** Input, model, tokens, parse, yield: one answer. */
const minimal: Preset<"systemPrompt" | "tools" | "builtInTools" | "maxTurns"> = (options = {}) => {
  refuse("minimal", options, ["systemPrompt", "tools", "builtInTools", "maxTurns"]);
  return begin("minimal", options).builder.build();
};

/** A conversation with history, tools and a cached prompt. */
const chat: Preset = (options = {}) => {
  const { builder, withTools } = begin("chat", options);
  withTools();
  return builder
    .withContext()
    .withSystem({ prompt: options.systemPrompt ?? "You are a helpful assistant." })
    .withGuard()
    .withCache({ strategy: "system" })
    .withLoop({ maxTurns: options.maxTurns ?? 20 })
    .withMemory()
    .build();
};

const all = (name: string, options: PresetOptions, prompt: string) => {
  const { builder, withTools } = begin(name, options);
  withTools();
  return builder
    .withContext()
    .withSystem({ prompt: options.systemPrompt ?? prompt })
    .withGuard()
    .withCache({ strategy: "aggressive" })
    .withStage("think")
    .withToolReview()
    .withAgent()
    .withTaskRegistry()
    .withEvaluate()
    .withHitl()
    .withLoop({ maxTurns: options.maxTurns ?? 50 })
    .withEmit()
    .withMemory()
    .withSummarize()
    .withPersist();
};

/** All 21 stages, for a task that takes many steps. */
const agent: Preset = (options = {}) =>
  all("agent", options, "You are an autonomous agent. Work step by step until the task is done.").build();

/** One answer that judges another. */
const evaluator: Preset<"tools" | "builtInTools" | "maxTurns"> = (options = {}) => {
  refuse("evaluator", options, ["tools", "builtInTools", "maxTurns"]);
  return begin("evaluator", options)
    .builder.withSystem({ prompt: options.systemPrompt ?? "Judge the following answer: is it good, accurate and complete?" })
    .withEvaluate()
    .build();
};

/** All 21 stages, with the emitters for an avatar's face and voice. */
const genyVtuber: Preset = (options = {}) =>
  all("geny-vtuber", options, "You are Geny, a friendly AI VTuber.")
    .withEmit({ emitters: ["vtuber", "tts"] })
    .build();

export const PipelinePresets = { minimal, chat, agent, evaluator, genyVtuber } as const;
