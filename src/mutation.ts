/** A change of what a pipeline goes by: of its manifest, of a stage that the host puts in, of a hook. */
import { type Blueprint, nameOf } from "./configuration.ts";
import { MutationError } from "./contract/errors.ts";
import type { Stage } from "./contract/stage.ts";
import { insert, type Place, type Placed } from "./engine/plan.ts";
import { type HookFunction, hookEvent } from "./hooks.ts";
import { PLACES, placeOf } from "./manifest/artifacts.ts";
import { mutate } from "./manifest/mutate.ts";
import type { DocumentMutation, MutationRecord, StageId } from "./manifest/mutation.ts";

/** A change that holds functions of the host; no manifest can. */
export type HostMutation =
  | { readonly kind: "register_stage"; readonly own: Stage; readonly where: Place }
  /** The place is active then. */
  | { readonly kind: "replace_stage"; readonly stage: StageId; readonly own: Stage }
  /** A stage of the host's own beside ours is taken out; a place of the manifest is inactive then, with our stage in it. */
  | { readonly kind: "remove_stage"; readonly stage: StageId }
  | { readonly kind: "register_hook"; readonly stage: StageId; readonly event: string; readonly id: string; readonly call: HookFunction }
  | { readonly kind: "unregister_hook"; readonly stage: StageId; readonly event: string; readonly id: string };
export type Mutation = DocumentMutation | HostMutation;

export interface Change extends Omit<MutationRecord, "timestamp"> {
  readonly blueprint: Blueprint;
  readonly message: string;
}
type Told = Omit<Change, "kind">;

/** What the mutation makes of a blueprint. Throws `exec.mutation.invalid`. */
export const change = (from: Blueprint, mutation: Mutation): Change => {
  const { document, places, hooks } = from;
  const blueprint = { document, places, hooks };
  switch (mutation.kind) {
    case "register_stage":
      return { kind: mutation.kind, ...registered(blueprint, mutation.own, mutation.where) };
    case "replace_stage":
      return { kind: mutation.kind, ...replaced(blueprint, mutation.stage, mutation.own) };
    case "remove_stage":
      return { kind: mutation.kind, ...removed(blueprint, mutation.stage) };
    case "register_hook": {
      const placed = placeOf(mutation.stage, places);
      const hook = { id: mutation.id, place: nameOf(placed), event: hookEvent(mutation.event), call: mutation.call };
      const told = { target: `stage:${placed.order}.${hook.event}`, oldValue: null, newValue: hook.id, message: hook.id };
      return { kind: mutation.kind, ...told, blueprint: { ...blueprint, hooks: [...hooks, hook] } };
    }
    case "unregister_hook":
      return { kind: mutation.kind, ...unhooked(blueprint, mutation.stage, mutation.event, mutation.id) };
    default: {
      const { document: changed, ...told } = mutate(document, mutation, places);
      return { ...told, blueprint: { ...blueprint, document: changed } };
    }
  }
};

const registered = (from: Blueprint, own: Stage, where: Place): Told => {
  if ("at" in where) return replaced(from, where.at, own);
  const places = insert(from.places, own, where);
  const order = places.find(({ stage }) => stage === own)?.order;
  return { target: `stage:${order}`, oldValue: null, newValue: own.name, message: "", blueprint: { ...from, places } };
};

const replaced = (from: Blueprint, id: StageId, own: Stage): Told => {
  const found = placeOf(id, from.places);
  const places = insert(from.places, own, { at: found.stage.name });
  const document = found.own || own.name !== found.stage.name ? from.document : withActive(from, found, true);
  return {
    target: `stage:${found.order}`,
    oldValue: found.stage.name,
    newValue: own.name,
    message: "",
    blueprint: { ...from, document, places },
  };
};

const removed = (from: Blueprint, id: StageId): Told => {
  const found = placeOf(id, from.places);
  const ours = found.entry === null ? undefined : PLACES.find(({ entry }) => entry === found.entry);
  const told = { target: `stage:${found.order}`, oldValue: found.stage.name, newValue: null, message: "" };
  if (!ours) return { ...told, blueprint: { ...from, places: from.places.filter((placed) => placed !== found) } };
  const places = from.places.map((placed) => (placed === found ? ours : placed));
  return { ...told, blueprint: { ...from, places, document: withActive({ ...from, places }, ours, false) } };
};

const withActive = ({ document, places }: Blueprint, { stage }: Placed, active: boolean) =>
  mutate(document, { kind: "set_stage_active", stage: stage.name, active }, places).document;

const unhooked = (from: Blueprint, id: StageId, event: string, hookId: string): Told => {
  const placed = placeOf(id, from.places);
  const { stage, order } = placed;
  const name = hookEvent(event);
  const hook = from.hooks.find((known) => known.id === hookId && known.place === nameOf(placed) && known.event === name);
  if (!hook)
    throw new MutationError(`The stage "${stage.name}" has no hook "${hookId}" for ${name}.`, {
      details: { stage: stage.name, order, id: hookId },
    });
  const hooks = from.hooks.filter((known) => known !== hook);
  return { target: `stage:${order}.${name}`, oldValue: hookId, newValue: null, message: "", blueprint: { ...from, hooks } };
};
