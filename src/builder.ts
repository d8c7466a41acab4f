/** Writes a manifest step by step and makes the pipeline from it. */
import type { Camel, StageOptions } from "./contract/author.ts";
import { ConfigError } from "./contract/errors.ts";
import { finding } from "./contract/findings.ts";
import type { ManifestDocument, ModelSettings, PipelineSettings, StageEntry } from "./contract/manifest.ts";
import { nearest } from "./contract/nearest.ts";
import type { JsonObject } from "./contract/schema.ts";
import { snake } from "./contract/state.ts";
import type { Tool } from "./contract/tool.ts";
import { place } from "./engine/plan.ts";
import { stageEntry } from "./manifest/author.ts";
import { documentOf, EnvironmentManifest } from "./manifest/document.ts";
import { MODEL, PIPELINE_SETTINGS } from "./manifest/settings.ts";
import { Pipeline, type PipelineOptions } from "./pipeline.ts";
import { PIPELINE } from "./stages/index.ts";
import type { ToolRegistry } from "./tools/registry.ts";

type Stages = (typeof PIPELINE)["setup" | "loop" | "surface"][number];
type StageNamed<N> = Extract<Stages, { name: N }>;
type StageName = Stages["name"];
type Options<N extends StageName> = StageOptions<StageNamed<N>>;

type CamelKeys<T> = { [K in keyof T as Camel<K & string>]?: T[K] };
export type ModelOptions = CamelKeys<ModelSettings>;
export type PipelineSettingOptions = CamelKeys<PipelineSettings>;
export type BuilderOptions = Omit<PipelineOptions, "manifest" | "strict" | "unknownKeys"> & { readonly model?: string };

const PLACES = place(PIPELINE);
/** Names that the Python builder used beside the manifest's. */
const CACHES: Record<string, string> = { system: "system_cache", aggressive: "aggressive_cache" };
const PREFIXES: readonly [RegExp, string][] = [
  [/^(gpt-|o1|o3|o4|chatgpt)/i, "openai"],
  [/^gemini-/i, "google"],
];
/** The provider of a model, by the form of its id; "anthropic" for any other. */
export const providerFor = (model: string): string => PREFIXES.find(([form]) => form.test(model))?.[1] ?? "anthropic";

/** Every `with…` may be called again; the last call for a stage counts. Stages input, api, token, parse and yield are always there. */
export class PipelineBuilder {
  readonly #options: BuilderOptions;
  readonly #stages = new Map<string, { readonly [key: string]: unknown }>();
  #model: Record<string, unknown> = {};
  #pipeline: Record<string, unknown>;
  #provider: string | undefined;
  #tools: ToolRegistry | readonly Tool[] | undefined;
  #builtIn: readonly string[] = [];

  constructor(name = "default", options: BuilderOptions = {}) {
    const { model, ...rest } = options;
    this.#options = rest;
    this.#pipeline = { name };
    if (model) this.#model = { model };
    for (const always of ["input", "api", "token", "parse", "yield"]) this.#stages.set(always, {});
  }

  /** Activates a stage: its slots by name or `{ use, ...config }`, its config keys in camelCase. */
  withStage<N extends StageName>(name: N, options: Options<N> = {} as Options<N>): this {
    this.#stages.set(name, options);
    return this;
  }
  /** Model and pipeline settings, in camelCase. */
  withModel(settings: ModelOptions & PipelineSettingOptions): this {
    for (const [key, value] of Object.entries(settings)) this.#set(snake(key), value);
    return this;
  }
  withProvider(name: string): this {
    this.#provider = name;
    return this;
  }
  /** For stage 6 "openai" and "google" choose that provider; everything else has the one artifact "default". */
  withArtifact(stage: string | number, artifact: string): this {
    const api = ["api", "s06_api", "6"].includes(String(stage));
    if (api && artifact !== "default") this.#provider = artifact;
    else if (artifact !== "default") {
      const path = `stages.${stage}.artifact`;
      throw new ConfigError([finding("stage.unknown_artifact", path, `there is no artifact "${artifact}"; the only one is "default"`)]);
    }
    return this;
  }
  withSystem(options: Options<"system"> = {}): this {
    return this.withStage("system", options);
  }
  /** Stage 10 with the host's tools and, by name, the built-in ones (`["*"]`: all). */
  withTools({
    registry,
    builtIn,
    ...options
  }: Options<"tool"> & { registry?: ToolRegistry | readonly Tool[]; builtIn?: readonly string[] } = {}): this {
    if (registry) this.#tools = registry;
    if (builtIn) this.#builtIn = builtIn;
    return this.withStage("tool", options as Options<"tool">);
  }
  /** `costBudgetUsd` and `maxIterations` limit the turn, and put the guards of that name into the chain. */
  withGuard({
    costBudgetUsd,
    maxIterations,
    ...options
  }: Options<"guard"> & { costBudgetUsd?: number; maxIterations?: number } = {}): this {
    if (costBudgetUsd !== undefined) this.#set("cost_budget_usd", costBudgetUsd);
    if (maxIterations !== undefined) this.#set("max_iterations", maxIterations);
    const asked = [
      ...(costBudgetUsd === undefined ? [] : ["cost_budget" as const]),
      ...(maxIterations === undefined ? [] : ["iteration" as const]),
    ];
    return this.withStage("guard", (asked.length ? { guards: asked, ...options } : options) as Options<"guard">);
  }
  /** The names "system" and "aggressive" are short for "system_cache" and "aggressive_cache". Default: system. */
  withCache({
    strategy = "system_cache",
    ...options
  }: Omit<Options<"cache">, "strategy"> & { strategy?: Options<"cache">["strategy"] | "system" | "aggressive" } = {}): this {
    const name = typeof strategy === "string" ? (CACHES[strategy] ?? strategy) : strategy;
    return this.withStage("cache", { ...options, strategy: name } as Options<"cache">);
  }
  withContext(options: Options<"context"> = {}): this {
    return this.withStage("context", options);
  }
  withMemory(options: Options<"memory"> = {}): this {
    return this.withStage("memory", options);
  }
  /** `maxTurns`: passes of the loop in one turn. Default 50. */
  withLoop({ maxTurns = 50, ...options }: Options<"loop"> = {}): this {
    return this.withStage("loop", { ...options, maxTurns } as Options<"loop">);
  }
  /** `budgetTokens` is the tokens for thinking; `enabled` (default true) asks for it. */
  withThink({ enabled = true, budgetTokens, ...options }: Options<"think"> & { enabled?: boolean; budgetTokens?: number } = {}): this {
    this.#set("thinking_enabled", enabled);
    if (budgetTokens === undefined) return this.withStage("think", options as Options<"think">);
    this.#set("thinking_budget_tokens", budgetTokens);
    return this.withStage("think", { budget_planner: { use: "static", budget_tokens: budgetTokens }, ...options } as Options<"think">);
  }
  withAgent(options: Options<"agent"> = {}): this {
    return this.withStage("agent", options);
  }
  withEvaluate(options: Options<"evaluate"> = {}): this {
    return this.withStage("evaluate", options);
  }
  withEmit(options: Options<"emit"> = {}): this {
    return this.withStage("emit", options);
  }
  withToolReview(options: Options<"tool_review"> = {}): this {
    return this.withStage("tool_review", options);
  }
  withTaskRegistry(options: Options<"task_registry"> = {}): this {
    return this.withStage("task_registry", options);
  }
  withHitl(options: Options<"hitl"> = {}): this {
    return this.withStage("hitl", options);
  }
  withSummarize(options: Options<"summarize"> = {}): this {
    return this.withStage("summarize", options);
  }
  withPersist(options: Options<"persist"> = {}): this {
    return this.withStage("persist", options);
  }

  /** The manifest as built so far. */
  manifest(): EnvironmentManifest {
    const model = String(this.#model.model ?? MODEL.shape.model.default);
    const provider = this.#provider ?? providerFor(model);
    const stages = PLACES.map(({ stage, order }): StageEntry => {
      const options = this.#stages.get(stage.name);
      if (!options) return { order, name: stage.name, active: false };
      return stageEntry(stage, order, stage.name === "api" ? { provider, ...options } : options);
    });
    const name = String(this.#pipeline.name);
    const document: ManifestDocument = documentOf(
      {
        metadata: { name, base_preset: name },
        model: { model, ...this.#model } as JsonObject,
        pipeline: this.#pipeline as JsonObject,
        stages,
        tools: { built_in: this.#builtIn },
      },
      `env_${name}`,
      "",
    );
    return EnvironmentManifest.fromJSON(document);
  }

  /** Throws `ConfigError` with every finding. */
  build(): Pipeline {
    return new Pipeline({
      ...this.#options,
      ...(this.#tools ? { tools: this.#tools } : {}),
      manifest: this.manifest(),
      unknownKeys: "error",
    });
  }

  #set(key: string, value: unknown): void {
    if (value === undefined) return;
    if (Object.hasOwn(MODEL.shape, key)) this.#model[key] = value;
    else if (Object.hasOwn(PIPELINE_SETTINGS.shape, key)) this.#pipeline[key] = value;
    else {
      const known = [...Object.keys(MODEL.shape), ...Object.keys(PIPELINE_SETTINGS.shape)];
      throw new ConfigError([finding("config.unknown_key", `model.${key}`, "is no setting of a model or a pipeline", nearest(key, known))]);
    }
  }
}
