/** What `compile` makes of a manifest, and `run` goes through. */
import { MutationError } from "../contract/errors.ts";
import type { ModelSettings, ToolBinding } from "../contract/manifest.ts";
import type { Stage } from "../contract/stage.ts";
import type { StateKey } from "../contract/state.ts";

export type Phase = "setup" | "loop" | "surface";
/** The stages of a pipeline by phase, in order. A stage's order is its place in the three lists together, from 1. */
export type Layout = { readonly [P in Phase]: readonly Stage[] };
/** A stage of a host's own stands beside the one after which it was put, and has its order. */
export interface Placed {
  readonly stage: Stage;
  readonly order: number;
  readonly phase: Phase;
  /** Put there by a host; no manifest entry is about it. */
  readonly own: boolean;
  /** What the manifest calls this place; null for a place that a host made. */
  readonly entry: string | null;
}
export interface ChosenStrategy {
  readonly slot: string;
  readonly kind: "one" | "many";
  readonly names: readonly string[];
  readonly available: readonly string[];
  /** By strategy name, defaults filled in. */
  readonly configs: { readonly [name: string]: { readonly [key: string]: unknown } };
}
export interface BoundStage extends Placed {
  readonly active: boolean;
  readonly config: { readonly [key: string]: unknown };
  readonly slots: { readonly [slot: string]: unknown };
  readonly chosen: { readonly [slot: string]: string | readonly string[] };
  readonly strategies: readonly ChosenStrategy[];
  readonly modelOverride: Partial<ModelSettings> | null;
  readonly toolBinding: ToolBinding | null;
  readonly mayWrite: ReadonlySet<StateKey>;
}
export type Plan = { readonly [P in Phase]: readonly BoundStage[] };
export const stagesOf = ({ setup, loop, surface }: Plan): readonly BoundStage[] => [...setup, ...loop, ...surface];

export const place = (layout: Layout): Placed[] => {
  let order = 0;
  return (["setup", "loop", "surface"] as const).flatMap((phase) =>
    layout[phase].map((stage) => {
      order += 1;
      return { stage, order, phase, own: false, entry: stage.name };
    }),
  );
};

/** Where a host's stage goes: beside a stage, or in its place. A stage is given by its order or its name. */
export type Place = { readonly after: string | number } | { readonly before: string | number } | { readonly at: string | number };

/** The places with one more stage, or with one replaced. Throws `MutationError` when there is a stage of that name. */
export const insert = (places: readonly Placed[], stage: Stage, how: "after" | "before" | "at", found: Placed): Placed[] => {
  const at = places.indexOf(found);
  const other = places.find((p, i) => p.stage.name === stage.name && !(how === "at" && i === at));
  if (other) throw new MutationError(`A stage named "${stage.name}" stands already at ${other.order}.`, { details: { name: stage.name } });
  const renamed = how === "at" && stage.name !== found.stage.name;
  const placed = { ...found, stage, own: how !== "at" || found.own || renamed, entry: how === "at" ? found.entry : null };
  const next = [...places];
  next.splice(how === "after" ? at + 1 : at, how === "at" ? 1 : 0, placed);
  return next;
};
