/** A change of what a pipeline goes by: of its manifest, of a stage that the host puts in, of a hook. */
import { type Blueprint, nameOf } from "./configuration.ts";
import { MutationError } from "./contract/errors.ts";
import { custom, fields, oneOf, text } from "./contract/schema.ts";
import type { Stage } from "./contract/stage.ts";
import { insert, type Place, type Placed } from "./engine/plan.ts";
import { HOOK_EVENTS, type HookEvent, type HookFunction } from "./hooks.ts";
import { PLACES, placeOf } from "./manifest/artifacts.ts";
import { isObject } from "./manifest/json.ts";
import { changed } from "./manifest/mutate.ts";
import { formed } from "./manifest/mutate-form.ts";
import {
  DOCUMENT_MUTATIONS,
  type DocumentMutation,
  type FormsOf,
  isStageId,
  type MutationRecord,
  type StageId,
  stage,
} from "./manifest/mutation.ts";
import { isStage } from "./manifest/validate.ts";

/** A change that holds functions of the host; no manifest can. */
export type HostMutation =
  | { readonly kind: "register_stage"; readonly own: Stage; readonly where: Place }
  /** The place is active then. */
  | { readonly kind: "replace_stage"; readonly stage: StageId; readonly own: Stage }
  /** A stage of the host's own beside ours is taken out; a place of the manifest is inactive then, with our stage in it. */
  | { readonly kind: "remove_stage"; readonly stage: StageId }
  | { readonly kind: "register_hook"; readonly stage: StageId; readonly event: HookEvent; readonly id: string; readonly call: HookFunction }
  | { readonly kind: "unregister_hook"; readonly stage: StageId; readonly event: HookEvent; readonly id: string };
export type Mutation = DocumentMutation | HostMutation;

const isFunction = (value: unknown): value is HookFunction => typeof value === "function";
const isPlace = (value: unknown): value is Place => {
  const [[how = "", beside] = [], ...others] = isObject(value) ? Object.entries(value) : [];
  return others.length === 0 && ["after", "before", "at"].includes(how) && isStageId(beside);
};
const own = custom(isStage, { about: "a stage, made with `defineStage` or `extend`" });
const event = oneOf(HOOK_EVENTS, { about: `when the hook is called: ${HOOK_EVENTS.join(", ")}` });
const id = text({ about: "the hook's id" });

/** The fields of every kind of change. */
export const MUTATIONS = {
  ...DOCUMENT_MUTATIONS,
  register_stage: fields({
    own,
    where: custom(isPlace, { about: "`{ after }`, `{ before }` or `{ at }` with a stage's order, or its name" }),
  }),
  replace_stage: fields({ stage, own }),
  remove_stage: fields({ stage }),
  register_hook: fields({ stage, event, id, call: custom(isFunction, { about: "a function" }) }),
  unregister_hook: fields({ stage, event, id }),
} satisfies FormsOf<Mutation>;

/** The change in its right form. Throws `exec.mutation.invalid` with every finding. */
export const mutationOf = (given: Mutation): Mutation => {
  const mutation = formed(given, MUTATIONS);
  return mutation.kind === "register_stage" && "at" in mutation.where
    ? { kind: "replace_stage", stage: mutation.where.at, own: mutation.own }
    : mutation;
};

export interface Change extends Omit<MutationRecord, "timestamp"> {
  readonly blueprint: Blueprint;
  readonly message: string;
}
type Told = Omit<Change, "kind">;

/** What a mutation of the right form makes of a blueprint. Throws `exec.mutation.invalid`. */
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
      const hook = { id: mutation.id, place: nameOf(placed), event: mutation.event, call: mutation.call };
      const told = { target: `stage:${placed.order}.${hook.event}`, oldValue: null, newValue: hook.id, message: hook.id };
      return { kind: mutation.kind, ...told, blueprint: { ...blueprint, hooks: [...hooks, hook] } };
    }
    case "unregister_hook":
      return { kind: mutation.kind, ...unhooked(blueprint, mutation.stage, mutation.event, mutation.id) };
    default: {
      const { document: made, ...told } = changed(document, mutation, places);
      return { ...told, blueprint: { ...blueprint, document: made } };
    }
  }
};

const registered = (from: Blueprint, own: Stage, where: Place): Told => {
  if ("at" in where) return replaced(from, where.at, own);
  const found = placeOf("after" in where ? where.after : where.before, from.places);
  const places = insert(from.places, own, "after" in where ? "after" : "before", found);
  return { target: `stage:${found.order}`, oldValue: null, newValue: own.name, message: "", blueprint: { ...from, places } };
};

const replaced = (from: Blueprint, id: StageId, own: Stage): Told => {
  const found = placeOf(id, from.places);
  const places = insert(from.places, own, "at", found);
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
  changed(document, { kind: "set_stage_active", stage: stage.name, active }, places).document;

const unhooked = (from: Blueprint, id: StageId, event: HookEvent, hookId: string): Told => {
  const placed = placeOf(id, from.places);
  const { stage, order } = placed;
  const hook = from.hooks.find((known) => known.id === hookId && known.place === nameOf(placed) && known.event === event);
  if (!hook)
    throw new MutationError(`The stage "${stage.name}" has no hook "${hookId}" for ${event}.`, {
      details: { stage: stage.name, order, id: hookId },
    });
  const hooks = from.hooks.filter((known) => known !== hook);
  return { target: `stage:${order}.${event}`, oldValue: hookId, newValue: null, message: "", blueprint: { ...from, hooks } };
};
