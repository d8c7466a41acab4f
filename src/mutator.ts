/** Changes a pipeline that serves. Each change is whole or not at all, and is taken up by every run between two passes. */
import type { ChangeOptions, Changes, MutationResult } from "./changes.ts";
import { ConfigError, MutationError } from "./contract/errors.ts";
import { type Finding, finding } from "./contract/findings.ts";
import type { ManifestDocument, ModelSettings } from "./contract/manifest.ts";
import { check, fields, type JsonObject, oneOf } from "./contract/schema.ts";
import type { Stage } from "./contract/stage.ts";
import type { Place } from "./engine/plan.ts";
import type { HookEvent, HookFunction } from "./hooks.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { isObject } from "./manifest/json.ts";
import type { MutationRecord, StageId } from "./manifest/mutation.ts";
import type { Mutation } from "./mutation.ts";

const OPTIONS = fields({
  whenExecuting: oneOf(["refuse", "defer"], { about: "what a change of a stage does that a run is executing", default: "refuse" }),
});
const optionFindings = (options: ChangeOptions): Finding[] =>
  check(OPTIONS, options).problems.map(({ kind, path, message, suggestion }) =>
    finding(kind === "unknown" ? "option.unknown" : "option.invalid", ["options", ...path].join("."), message, suggestion),
  );

/**
 * A stage is given by its order or its name; slots, strategies and keys have the manifest's names. Every method throws `MutationError`:
 * `exec.mutation.invalid` for what does not exist or would be wrong, with all findings, and `exec.mutation.locked` for a stage that is locked
 * or that a run is executing; `exec.pipeline.not_initialized` when the pipeline is closed. Mutators of one pipeline share its log and its locks.
 */
export class PipelineMutator {
  readonly #changes: Changes;
  readonly #options: ChangeOptions;

  /** Throws `ConfigError` for options that are wrong. */
  constructor(pipeline: { readonly changes: Changes }, options: ChangeOptions = {}) {
    const findings = optionFindings(options);
    if (findings.length) throw new ConfigError(findings);
    this.#changes = pipeline.changes;
    this.#options = options;
  }

  /** Puts another strategy into a slot. Without a config it has its defaults. */
  swapStrategy(stage: StageId, slot: string, to: string, config: JsonObject | null = null): MutationResult {
    return this.apply({ kind: "swap_strategy", stage, slot, to, config });
  }
  /** Keys that are not named stay. */
  updateStageConfig(stage: StageId, changes: JsonObject): MutationResult {
    return this.apply({ kind: "update_stage_config", stage, changes });
  }
  /** Of the strategy that is in the slot; of a chain, `{ item: changes }`. Keys that are not named stay. */
  updateStrategyConfig(stage: StageId, slot: string, changes: JsonObject): MutationResult {
    return this.apply({ kind: "update_strategy_config", stage, slot, changes });
  }
  updateModelConfig(changes: Partial<ModelSettings> & JsonObject): MutationResult {
    return this.apply({ kind: "update_model_config", changes });
  }
  updatePipelineConfig(changes: JsonObject): MutationResult {
    return this.apply({ kind: "update_pipeline_config", changes });
  }
  setStageActive(stage: StageId, active: boolean): MutationResult {
    return this.apply({ kind: "set_stage_active", stage, active });
  }

  /** Puts a stage of the host's beside another, or in the place of one. */
  registerStage(own: Stage, where: Place): MutationResult {
    return this.apply({ kind: "register_stage", own, where });
  }
  /** The place is active then, and has the manifest's entry when the name is the same. */
  replaceStage(stage: StageId, own: Stage): MutationResult {
    return this.apply({ kind: "replace_stage", stage, own });
  }
  /** Takes out a stage of the host's; a place of the manifest is inactive then. */
  removeStage(stage: StageId): MutationResult {
    return this.apply({ kind: "remove_stage", stage });
  }

  /** `order`: the names that are in the chain, each as often as it is. */
  reorderChain(stage: StageId, chain: string, order: readonly string[]): MutationResult {
    return this.apply({ kind: "reorder_chain", stage, chain, order });
  }
  addToChain(stage: StageId, chain: string, item: string, config: JsonObject | null = null): MutationResult {
    return this.apply({ kind: "add_to_chain", stage, chain, item, config });
  }
  /** Takes out the first of that name. */
  removeFromChain(stage: StageId, chain: string, item: string): MutationResult {
    return this.apply({ kind: "remove_from_chain", stage, chain, item });
  }

  /** The result's `message` is the hook's id. */
  registerHook(stage: StageId, event: HookEvent, call: HookFunction): MutationResult {
    return this.apply({ kind: "register_hook", stage, event, call, id: this.#changes.hookId() });
  }
  unregisterHook(stage: StageId, event: HookEvent, id: string): MutationResult {
    return this.apply({ kind: "unregister_hook", stage, event, id });
  }

  /** The stage may run this tool; the first that is bound shuts out all that are not. */
  bindToolToStage(stage: StageId, tool: string): MutationResult {
    return this.apply({ kind: "bind_tool", stage, tool });
  }
  /** The stage may not run this tool. */
  unbindToolFromStage(stage: StageId, tool: string): MutationResult {
    return this.apply({ kind: "unbind_tool", stage, tool });
  }
  /** `allowed` left out: every tool. `blocked` wins. */
  setStageToolScope(
    stage: StageId,
    scope: { readonly allowed?: readonly string[] | null; readonly blocked?: readonly string[] | null } = {},
  ): MutationResult {
    // What is no scope is refused by its name: spread, it would lift every restriction.
    return this.apply({ kind: "set_tool_scope", stage, ...(isObject(scope) ? scope : { scope }) });
  }
  /** Settings that win over the model's for this stage; null: none do. */
  setStageModel(stage: StageId, model: Partial<ModelSettings> | null): MutationResult {
    return this.apply({ kind: "set_stage_model", stage, model });
  }

  /** The manifest as it stands. */
  snapshot(description?: string): EnvironmentManifest {
    const { metadata, ...document } = this.#changes.document;
    return EnvironmentManifest.fromJSON({ ...document, metadata: description === undefined ? metadata : { ...metadata, description } });
  }
  /** Stages, model and pipeline settings become those of the snapshot. Tools, hooks and stages of the host's stay. Refused as a whole for one stage that is locked. */
  restore(snapshot: EnvironmentManifest | ManifestDocument): MutationResult {
    return this.apply({ kind: "restore_snapshot", snapshot });
  }

  /** Makes a change that is given as data, in the form that `MUTATIONS` says. */
  apply(mutation: Mutation): MutationResult {
    return this.#changes.apply(mutation, this.#options);
  }
  /**
   * Everything that the function changes, taken up together when it returns; when it throws, nothing of it stays. One batch is one step for `undo`. The
   * function may not be asynchronous.
   */
  batch<T>(act: (mutator: PipelineMutator) => T): T {
    if (typeof act !== "function") throw new MutationError("A batch is a function that makes the changes.");
    return this.#changes.batch(() => act(this));
  }
  /** Takes back the last change, or batch, and gives its records: none when nothing is left. */
  undo(): readonly MutationRecord[] {
    return this.#changes.undo(this.#options);
  }

  /** Until it is unlocked, changes of how the stage works are refused. Its tools, model and hooks may change. */
  lockStage(stage: StageId): void {
    this.#changes.lock(stage);
  }
  unlockStage(stage: StageId): void {
    this.#changes.unlock(stage);
  }

  /** Every change that stands, oldest first. */
  getChangeLog(): readonly MutationRecord[] {
    return this.#changes.log;
  }
  /** What is forgotten cannot be undone. */
  clearChangeLog(): void {
    this.#changes.clearLog();
  }
}
