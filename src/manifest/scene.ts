/** One stage's part of a document, for the changes that are made of it. */
import { MutationError } from "../contract/errors.ts";
import type { ManifestDocument, StageEntry } from "../contract/manifest.ts";
import { didYouMean, nearest } from "../contract/nearest.ts";
import { check, type Fields, type JsonObject, own } from "../contract/schema.ts";
import type { Many, One } from "../contract/strategy.ts";
import type { Placed } from "../engine/plan.ts";
import { placeOf } from "./artifacts.ts";
import type { DocumentChange, StageId } from "./mutation.ts";
import { named } from "./names.ts";

/** What one change is, but for its kind. */
export type Told = Omit<DocumentChange, "kind" | "message"> & { readonly message?: string };

/** What is in force: defaults filled in, and unknown keys that a file has. */
export const effective = (shape: Fields = { shape: {} }, given: JsonObject = {}): JsonObject => ({
  ...given,
  ...(check(shape, given).value as JsonObject),
});

/** A stage's entry, and the way back into the whole. */
export interface Scene {
  readonly document: ManifestDocument;
  readonly placed: Placed;
  readonly entry: StageEntry;
  /** `stage:N`. */
  readonly target: string;
  /** The document with another entry in this one's place. */
  with(entry: StageEntry): ManifestDocument;
  /** Throws `MutationError` about this stage. */
  refuse(message: string, slot?: string): never;
}

/** Throws `MutationError` for a stage that does not exist, or is the host's own. */
export const sceneOf = (document: ManifestDocument, id: StageId, places: readonly Placed[]): Scene => {
  const placed = placeOf(id, places);
  const { stage, order } = placed;
  const refuse: Scene["refuse"] = (message, slot) => {
    throw new MutationError(`The stage "${stage.name}" ${message}${message.endsWith("?") ? "" : "."}`, {
      details: { stage: stage.name, order, ...(slot === undefined ? {} : { slot }) },
    });
  };
  if (placed.own || placed.entry === null) refuse("is the host's: no manifest says what it is like");
  const at = document.stages.findIndex((entry) => named(entry).name === placed.entry);
  const entry = document.stages[at] ?? { order, name: stage.name, active: false };
  return {
    document,
    placed,
    entry: { ...entry, active: entry.active !== false },
    target: `stage:${order}`,
    with: (changed) => {
      const later = document.stages.findIndex((other) => other.order > order);
      const stages = [...document.stages];
      if (at >= 0) stages[at] = changed;
      else stages.splice(later < 0 ? stages.length : later, 0, changed);
      return { ...document, stages };
    },
    refuse,
  };
};

/** The definition of a slot, or chain. Throws for a name that the stage has not, and for one of another kind than these. */
export const slotOf = <K extends "one" | "many">(
  { placed, refuse }: Scene,
  name: string,
  ...kinds: readonly K[]
): Extract<One | Many, { readonly kind: K }> => {
  const slots: { readonly [slot: string]: One | Many } = placed.stage.slots;
  const fits = (slot: One | Many | undefined): slot is Extract<One | Many, { readonly kind: K }> =>
    kinds.some((kind) => slot?.kind === kind);
  const found = own(slots, name);
  if (fits(found)) return found;
  const what = kinds.map((kind) => WORDS[kind]).join(" or ");
  if (found) return refuse(`has no ${what} "${name}": it is a ${WORDS[found.kind]}`, name);
  const known = Object.keys(slots).filter((slot) => fits(slots[slot]));
  const near = nearest(name, known);
  return refuse(`has no ${what} "${name}" (known: ${known.join(", ") || "none"})${near ? "." : ""}${didYouMean(near)}`, name);
};
const WORDS = { one: "slot", many: "chain" };
