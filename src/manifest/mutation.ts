/** The changes of a manifest, as data. */
import type { ManifestDocument, ModelSettings } from "../contract/manifest.ts";
import { custom, type Field, type Fields, fields, flag, type Json, type JsonObject, list, object, text } from "../contract/schema.ts";
import type { EnvironmentManifest } from "./document.ts";

/** A stage by its order or its name. */
export type StageId = string | number;

/** A change that the manifest alone is about. */
export type DocumentMutation =
  /** The config of the strategy before it does not stay. */
  | {
      readonly kind: "swap_strategy";
      readonly stage: StageId;
      readonly slot: string;
      readonly to: string;
      readonly config?: JsonObject | null;
    }
  | { readonly kind: "update_stage_config"; readonly stage: StageId; readonly changes: JsonObject }
  /** Of a chain: item → changes. */
  | { readonly kind: "update_strategy_config"; readonly stage: StageId; readonly slot: string; readonly changes: JsonObject }
  | { readonly kind: "update_model_config"; readonly changes: JsonObject }
  | { readonly kind: "update_pipeline_config"; readonly changes: JsonObject }
  | { readonly kind: "set_stage_active"; readonly stage: StageId; readonly active: boolean }
  /** `order`: the names that are in the chain, each as often as it is. */
  | { readonly kind: "reorder_chain"; readonly stage: StageId; readonly chain: string; readonly order: readonly string[] }
  | {
      readonly kind: "add_to_chain";
      readonly stage: StageId;
      readonly chain: string;
      readonly item: string;
      readonly config?: JsonObject | null;
    }
  /** The first of that name. */
  | { readonly kind: "remove_from_chain"; readonly stage: StageId; readonly chain: string; readonly item: string }
  | { readonly kind: "bind_tool"; readonly stage: StageId; readonly tool: string }
  | { readonly kind: "unbind_tool"; readonly stage: StageId; readonly tool: string }
  /** Null, or left out: every tool is allowed; none is blocked. */
  | {
      readonly kind: "set_tool_scope";
      readonly stage: StageId;
      readonly allowed?: readonly string[] | null;
      readonly blocked?: readonly string[] | null;
    }
  /** Null: the stage goes by the model that is set. */
  | { readonly kind: "set_stage_model"; readonly stage: StageId; readonly model: Partial<ModelSettings> | null }
  /** Stages, model and pipeline settings are those of the snapshot; the rest stays. */
  | { readonly kind: "restore_snapshot"; readonly snapshot: EnvironmentManifest | ManifestDocument };

/** Of a document, and of what only a host can give. */
export type MutationKind =
  | DocumentMutation["kind"]
  | "register_stage"
  | "remove_stage"
  | "replace_stage"
  | "register_hook"
  | "unregister_hook";

/** A table with the fields of each kind of change, but for the kind itself. */
export type FormsOf<M extends { readonly kind: MutationKind }> = {
  readonly [K in M["kind"]]: Fields<{ [P in Exclude<keyof Extract<M, { kind: K }>, "kind">]-?: Field }>;
};

export const isStageId = (value: unknown): value is StageId => typeof value === "string" || typeof value === "number";
export const stage = custom(isStageId, { about: "a stage's order, or its name" });
const slot = text({ about: "a slot of the stage" });
const chain = text({ about: "a chain of the stage" });
const item = text({ about: "an item of the chain" });
const tool = text({ about: "a tool's name" });
const changes = object({ about: "key → value; keys that are not named stay" });
const config = object({ about: "its config; null, or left out: none", default: null });

/** The field, and null has to be said too. */
const said = (field: Field): Field => ({ ...field, optional: false, default: undefined });

/** The form of each change of a document. */
export const DOCUMENT_MUTATIONS = {
  swap_strategy: fields({ stage, slot, to: text({ about: "a strategy's name" }), config }),
  update_stage_config: fields({ stage, changes }),
  update_strategy_config: fields({
    stage,
    slot: text({ about: "a slot of the stage, or a chain" }),
    changes: object({ about: "key → value, of a chain item → key → value; keys that are not named stay" }),
  }),
  update_model_config: fields({ changes }),
  update_pipeline_config: fields({ changes }),
  set_stage_active: fields({ stage, active: flag({ about: "whether the stage runs" }) }),
  reorder_chain: fields({ stage, chain, order: list(item, { about: "the names that are in the chain, each as often as it is" }) }),
  add_to_chain: fields({ stage, chain, item, config }),
  remove_from_chain: fields({ stage, chain, item }),
  bind_tool: fields({ stage, tool }),
  unbind_tool: fields({ stage, tool }),
  set_tool_scope: fields({
    stage,
    allowed: list(tool, { about: "the only tools; null, or left out: every one", default: null }),
    blocked: list(tool, { about: "wins over `allowed`", default: null }),
  }),
  set_stage_model: fields({ stage, model: said(object({ about: "settings that win over the model's; null: none", default: null })) }),
  restore_snapshot: fields({ snapshot: object({ about: "a manifest" }) }),
} satisfies FormsOf<DocumentMutation>;

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
