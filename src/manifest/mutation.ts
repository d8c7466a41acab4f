/** The changes of a manifest, as data. */
import type { ManifestDocument, ModelSettings } from "../contract/manifest.ts";
import type { Json, JsonObject } from "../contract/schema.ts";

/** A stage by its order or its name. */
export type StageId = string | number;

/** A change that the manifest alone is about. */
export type DocumentMutation =
  /** The config of the strategy before it does not stay. */
  | { readonly kind: "swap_strategy"; readonly stage: StageId; readonly slot: string; readonly to: string; readonly config?: JsonObject }
  | { readonly kind: "update_stage_config"; readonly stage: StageId; readonly changes: JsonObject }
  | { readonly kind: "update_strategy_config"; readonly stage: StageId; readonly slot: string; readonly changes: JsonObject }
  | { readonly kind: "update_model_config"; readonly changes: JsonObject }
  | { readonly kind: "update_pipeline_config"; readonly changes: JsonObject }
  | { readonly kind: "set_stage_active"; readonly stage: StageId; readonly active: boolean }
  /** `order`: the names that are in the chain, each as often as it is. */
  | { readonly kind: "reorder_chain"; readonly stage: StageId; readonly chain: string; readonly order: readonly string[] }
  | { readonly kind: "add_to_chain"; readonly stage: StageId; readonly chain: string; readonly item: string; readonly config?: JsonObject }
  /** The first of that name. */
  | { readonly kind: "remove_from_chain"; readonly stage: StageId; readonly chain: string; readonly item: string }
  | { readonly kind: "bind_tool"; readonly stage: StageId; readonly tool: string }
  | { readonly kind: "unbind_tool"; readonly stage: StageId; readonly tool: string }
  /** Null: every tool is allowed; none is blocked. */
  | {
      readonly kind: "set_tool_scope";
      readonly stage: StageId;
      readonly allowed: readonly string[] | null;
      readonly blocked: readonly string[] | null;
    }
  /** Null: the stage goes by the model that is set. */
  | { readonly kind: "set_stage_model"; readonly stage: StageId; readonly model: Partial<ModelSettings> | null }
  /** Stages, model and pipeline settings are those of the snapshot; the rest stays. */
  | { readonly kind: "restore_snapshot"; readonly snapshot: ManifestDocument };

export const MUTATION_KINDS = [
  "swap_strategy",
  "update_stage_config",
  "update_strategy_config",
  "update_model_config",
  "update_pipeline_config",
  "set_stage_active",
  "register_stage",
  "remove_stage",
  "replace_stage",
  "reorder_chain",
  "add_to_chain",
  "remove_from_chain",
  "register_hook",
  "unregister_hook",
  "bind_tool",
  "unbind_tool",
  "set_tool_scope",
  "set_stage_model",
  "restore_snapshot",
] as const;
export type MutationKind = (typeof MUTATION_KINDS)[number];

/** What a change was. */
export interface MutationRecord {
  readonly kind: MutationKind;
  /** `stage:N`, `stage:N.slot`, `stage:N.tools`, `stage:N.model`, `stage:N.on_enter`, `model` or `pipeline`. */
  readonly target: string;
  readonly oldValue: Json;
  readonly newValue: Json;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
}

/** What a change makes of a document, and what is told of it. */
export interface DocumentChange extends Omit<MutationRecord, "timestamp"> {
  readonly document: ManifestDocument;
  /** A remark; empty for none. */
  readonly message: string;
}
