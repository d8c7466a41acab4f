/** What a stage entry calls its stage. */
import type { StageEntry } from "../contract/manifest.ts";
import { place } from "../engine/plan.ts";
import { PIPELINE } from "../stages/index.ts";

const PLACES = place(PIPELINE).map(({ order, stage }) => ({ order, name: stage.name }));
const ORDER = new Map(PLACES.map(({ order, name }) => [name, order]));
/** Older files also have a stage's number (`2`, `02`) or its module (`s02_context`). */
const OLD = new Map(
  PLACES.flatMap(({ order, name }) => {
    const two = String(order).padStart(2, "0");
    return [String(order), two, `s${two}_${name}`].map((old): [string, string] => [old, name]);
  }),
);

/** The name behind what a file calls a stage; undefined when there is no such stage. */
export const stageNamed = (name: string): string | undefined => (ORDER.has(name) ? name : OLD.get(name));
/** The place of the stage of that name, from 1. */
export const orderOf = (name: string): number | undefined => ORDER.get(name);
/** Every older name of a stage. */
export const oldNames = (stage: string): string[] => [...OLD].filter(([, name]) => name === stage).map(([old]) => old);

/**
 * The entry under its stage's own name; one that no stage has stays. `stage_7` is what older snapshots call a stage 7 that was not active: it
 * says nothing but that.
 */
export const named = (entry: StageEntry): StageEntry => {
  const place = entry.active === false ? /^stage_(\d+)$/.exec(entry.name)?.[1] : undefined;
  const name = stageNamed(place ?? entry.name);
  return name === undefined || name === entry.name ? entry : { ...entry, name };
};
