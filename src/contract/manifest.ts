/** The wire's form of a pipeline: what `*.geny-env.json` holds. All names are the wire's. Unknown keys are kept. */
import type { Json, JsonObject } from "./schema.ts";

/** Model settings as manifests and overrides write them. */
export type ModelSettings = {
  readonly model: string;
  readonly max_tokens: number;
  readonly temperature: number | null;
  readonly top_p: number | null;
  readonly top_k: number | null;
  readonly stop_sequences: readonly string[] | null;
  readonly thinking_enabled: boolean;
  readonly thinking_budget_tokens: number;
  readonly thinking_type: "enabled" | "adaptive" | "disabled";
  readonly thinking_display: "summarized" | "omitted" | null;
};
export type PipelineSettings = {
  readonly name: string;
  readonly max_iterations: number;
  readonly cost_budget_usd: number | null;
  readonly unknown_price: "refuse" | "allow";
  readonly context_window_budget: number;
  readonly stream: boolean;
  readonly single_turn: boolean;
};
export type ToolBinding = {
  readonly stage_order: number;
  /** Null: every tool. */
  readonly allowed: readonly string[] | null;
  /** Wins over `allowed`. */
  readonly blocked: readonly string[] | null;
  readonly extra_context: JsonObject;
};
export type StageEntry = {
  readonly order: number;
  readonly name: string;
  readonly active?: boolean;
  readonly artifact?: string;
  /** Slot → strategy. */
  readonly strategies?: { readonly [slot: string]: string };
  /** Slot → its strategy's config; chain → item → config. */
  readonly strategy_configs?: { readonly [slot: string]: JsonObject };
  readonly config?: JsonObject;
  readonly tool_binding?: ToolBinding | null;
  readonly model_override?: Partial<ModelSettings> | null;
  /** Chain → names, in order. Selects and orders. */
  readonly chain_order?: { readonly [chain: string]: readonly string[] };
};
export type ManifestDocument = {
  readonly version: string;
  readonly metadata: JsonObject;
  readonly model: Partial<ModelSettings> & JsonObject;
  readonly pipeline: Partial<PipelineSettings> & JsonObject;
  readonly stages: readonly StageEntry[];
  readonly tools: JsonObject;
  readonly host_selections?: JsonObject;
  readonly [key: string]: Json | undefined | readonly StageEntry[];
};
