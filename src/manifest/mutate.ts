/** A change of a manifest: one document in, another out, and what is told of it. Nothing is ever changed in place. */
import { MutationError } from "../contract/errors.ts";
import type { ManifestDocument } from "../contract/manifest.ts";
import { asJson } from "../contract/message.ts";
import { check, type Fields, type Json, type JsonObject } from "../contract/schema.ts";
import type { Placed } from "../engine/plan.ts";
import { PLACES, placeOf } from "./artifacts.ts";
import { added, removed, reordered } from "./mutate-chain.ts";
import { boundTool, stageModel, toolScope, unboundTool } from "./mutate-stage.ts";
import type { DocumentChange, DocumentMutation, MutationKind } from "./mutation.ts";
import { type Scene, sceneOf, slotOf, type Told } from "./scene.ts";
import { MODEL, PIPELINE_SETTINGS } from "./settings.ts";

/**
 * What the mutation makes of a document. Throws `exec.mutation.invalid`, with the nearest right name, for a stage, slot or chain that does not
 * exist or is not active. Whether names of strategies and configs are right is for `compile` and `settingsOf` to say of the new document.
 */
export const mutate = (document: ManifestDocument, mutation: DocumentMutation, places: readonly Placed[] = PLACES): DocumentChange => {
  const given = copyOf(mutation);
  const change = changeOf(document, given, places);
  return { kind: given.kind, message: "", ...change };
};

/** The stage that a mutation is about, where there is one. Throws as `mutate` does for one that does not exist. */
export const stageOf = (
  mutation: { readonly kind: MutationKind; readonly stage?: unknown },
  places: readonly Placed[],
): Placed | undefined =>
  typeof mutation.stage === "string" || typeof mutation.stage === "number" ? placeOf(mutation.stage, places) : undefined;

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
      return strategyConfig(scene, mutation.slot, mutation.changes);
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

const copyOf = (mutation: DocumentMutation): DocumentMutation => {
  try {
    return asJson(mutation) as DocumentMutation;
  } catch (cause) {
    throw new MutationError(`The change ${mutation.kind} cannot be written as JSON.`, { cause });
  }
};

/** What is in force: defaults filled in, and unknown keys that a file has. */
const effective = (shape: Fields, given: JsonObject = {}): JsonObject => ({ ...given, ...(check(shape, given).value as JsonObject) });
/** The values in force of some keys. */
const picked = (all: JsonObject, keys: JsonObject): JsonObject =>
  Object.fromEntries(Object.keys(keys).flatMap((key): [string, Json][] => (Object.hasOwn(all, key) ? [[key, all[key] ?? null]] : [])));

const swapped = (scene: Scene, slot: string, to: string, config: JsonObject | undefined): Told => {
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

const restored = (document: ManifestDocument, { stages, model, pipeline }: ManifestDocument): Told => ({
  target: "pipeline",
  oldValue: null,
  newValue: pipeline.name ?? PIPELINE_SETTINGS.shape.name.default ?? null,
  document: { ...document, stages, model, pipeline },
});
