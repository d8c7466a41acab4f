/** A change of a manifest: one document in, another out, and what is told of it. Nothing is ever changed in place. */
import { ConfigError, type Finding, type MutationError } from "../contract/errors.ts";
import type { ManifestDocument } from "../contract/manifest.ts";
import type { Fields, Json, JsonObject } from "../contract/schema.ts";
import type { Placed } from "../engine/plan.ts";
import { PLACES } from "./artifacts.ts";
import { copyOf } from "./copy.ts";
import type { EnvironmentManifest } from "./document.ts";
import { formOf } from "./form.ts";
import { added, itemConfigs, removed, reordered } from "./mutate-chain.ts";
import { formed, misformed, refusal, under } from "./mutate-form.ts";
import { boundTool, stageModel, toolScope, unboundTool } from "./mutate-stage.ts";
import { DOCUMENT_MUTATIONS, type DocumentChange, type DocumentMutation, type MutationKind } from "./mutation.ts";
import { named } from "./names.ts";
import { read } from "./read.ts";
import { effective, type Scene, sceneOf, slotOf, type Told } from "./scene.ts";
import { MODEL, PIPELINE_SETTINGS } from "./settings.ts";
import { newErrors } from "./severity.ts";

/**
 * What the mutation makes of a manifest, or of its plain JSON. Throws `exec.mutation.invalid` for what is no mutation, and, with the nearest right
 * name, for a stage, slot or chain that does not exist or is not active; `ConfigError` for a document of the wrong form. Whether names of strategies
 * and configs are right is for `validateManifest` to say of the new document.
 */
export const mutate = (
  document: EnvironmentManifest | ManifestDocument,
  mutation: DocumentMutation,
  places: readonly Placed[] = PLACES,
): DocumentChange => {
  const wrong = formErrors(document);
  if (wrong.length) throw new ConfigError(wrong);
  const given = copyOf(document) as ManifestDocument;
  return changed({ ...given, stages: given.stages ?? [] }, formed(mutation, DOCUMENT_MUTATIONS), places);
};

/** The same of a document and a mutation that have the right form. */
export const changed = (document: ManifestDocument, mutation: DocumentMutation, places: readonly Placed[]): DocumentChange => {
  const change = { kind: mutation.kind, message: "", ...changeOf(document, mutation, places) };
  const wrong = formErrors(change.document);
  const findings = wrong.length ? newErrors(wrong, formErrors(document)) : [];
  if (findings.length) throw misfit(mutation.kind, findings);
  return change;
};

/** `exec.mutation.invalid` for a change that would make these errors. */
export const misfit = (kind: MutationKind, findings: readonly Finding[], details = {}): MutationError =>
  refusal(`The change ${kind} would make ${findings.length === 1 ? "an error" : `${findings.length} errors`}`, findings, details);

const formErrors = (document: unknown): readonly Finding[] => {
  try {
    return formOf(copyOf(document)).filter(({ severity }) => severity === "error");
  } catch (error) {
    if (error instanceof ConfigError) return error.findings;
    throw error;
  }
};

const changeOf = (document: ManifestDocument, mutation: DocumentMutation, places: readonly Placed[]): Told => {
  switch (mutation.kind) {
    case "update_model_config":
      return settings(document, "model", MODEL, mutation.changes);
    case "update_pipeline_config":
      return settings(document, "pipeline", PIPELINE_SETTINGS, mutation.changes);
    case "restore_snapshot":
      return restored(document, mutation.snapshot);
    case "set_stage_active":
      return activated(sceneOf(document, mutation.stage, places), mutation.active);
  }
  const scene = sceneOf(document, mutation.stage, places);
  if (scene.entry.active !== true) scene.refuse("is not active: activate it first");
  switch (mutation.kind) {
    case "swap_strategy":
      return swapped(scene, mutation.slot, mutation.to, mutation.config);
    case "update_stage_config":
      return stageConfig(scene, mutation.changes);
    case "update_strategy_config":
      return slotOf(scene, mutation.slot, "one", "many").kind === "one"
        ? strategyConfig(scene, mutation.slot, mutation.changes)
        : itemConfigs(scene, mutation.slot, mutation.changes);
    case "reorder_chain":
      return reordered(scene, mutation.chain, mutation.order);
    case "add_to_chain":
      return added(scene, mutation.chain, mutation.item, mutation.config);
    case "remove_from_chain":
      return removed(scene, mutation.chain, mutation.item);
    case "bind_tool":
      return boundTool(scene, mutation.tool);
    case "unbind_tool":
      return unboundTool(scene, mutation.tool);
    case "set_tool_scope":
      return toolScope(scene, mutation.allowed, mutation.blocked);
    case "set_stage_model":
      return stageModel(scene, mutation.model);
  }
};

/** The values in force of some keys. */
const picked = (all: JsonObject, keys: JsonObject): JsonObject =>
  Object.fromEntries(Object.keys(keys).flatMap((key): [string, Json][] => (Object.hasOwn(all, key) ? [[key, all[key] ?? null]] : [])));

const swapped = (scene: Scene, slot: string, to: string, config: JsonObject | null = null): Told => {
  const { entry } = scene;
  const definition = slotOf(scene, slot, "one");
  const { [slot]: _, ...others } = entry.strategy_configs ?? {};
  const strategies = { ...entry.strategies, [slot]: to };
  const strategy_configs = config && Object.keys(config).length ? { ...others, [slot]: config } : others;
  return {
    target: `${scene.target}.${slot}`,
    oldValue: entry.strategies?.[slot] ?? definition.default,
    newValue: to,
    document: scene.with({ ...entry, strategies, strategy_configs }),
  };
};

const stageConfig = (scene: Scene, changes: JsonObject): Told => ({
  target: scene.target,
  oldValue: effective(scene.placed.stage.config, scene.entry.config),
  newValue: changes,
  document: scene.with({ ...scene.entry, config: { ...scene.entry.config, ...changes } }),
});

const strategyConfig = (scene: Scene, slot: string, changes: JsonObject): Told => {
  const { entry } = scene;
  const definition = slotOf(scene, slot, "one");
  const name = entry.strategies?.[slot] ?? definition.default;
  const shape: Fields = definition.strategies[name]?.config ?? { shape: {} };
  const before = entry.strategy_configs?.[slot] ?? {};
  return {
    target: `${scene.target}.${slot}`,
    oldValue: effective(shape, before),
    newValue: changes,
    document: scene.with({ ...entry, strategy_configs: { ...entry.strategy_configs, [slot]: { ...before, ...changes } } }),
  };
};

const activated = (scene: Scene, active: boolean): Told => ({
  target: scene.target,
  oldValue: scene.entry.active ?? true,
  newValue: active,
  document: scene.with({ ...scene.entry, active }),
});

const settings = (document: ManifestDocument, block: "model" | "pipeline", shape: Fields, changes: JsonObject): Told => ({
  target: block,
  oldValue: picked(effective(shape, document[block]), changes),
  newValue: changes,
  document: { ...document, [block]: { ...document[block], ...changes } },
});

const restored = (document: ManifestDocument, snapshot: EnvironmentManifest | ManifestDocument): Told => {
  const { stages, model, pipeline } = readSnapshot(snapshot);
  return {
    target: "pipeline",
    oldValue: null,
    newValue: pipeline.name ?? PIPELINE_SETTINGS.shape.name.default ?? null,
    document: { ...document, stages: stages.map(named), model, pipeline },
  };
};
const readSnapshot = (snapshot: EnvironmentManifest | ManifestDocument): ManifestDocument => {
  try {
    return read(snapshot, true).document;
  } catch (error) {
    if (error instanceof ConfigError) throw misformed("restore_snapshot", under("snapshot", error.findings));
    throw error;
  }
};
