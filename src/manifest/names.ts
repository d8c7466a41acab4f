/** What a stage entry calls its stage. */
import type { StageEntry } from "../contract/manifest.ts";
import type { Placed } from "../engine/plan.ts";
import { moduleOf, PLACES } from "./artifacts.ts";

/** What older files may also call the stage of a place: its number (`2`, `02`) or its module (`s02_context`). */
export const oldNames = (placed: Pick<Placed, "stage" | "order">): string[] => [
  String(placed.order),
  String(placed.order).padStart(2, "0"),
  moduleOf(placed),
];
const ORDERS = new Map(PLACES.map(({ order, stage }) => [stage.name, order]));
const NAMES = new Map(PLACES.flatMap((placed) => [placed.stage.name, ...oldNames(placed)].map((name) => [name, placed.stage.name])));

/** The name behind what a file calls a stage; undefined when there is no such stage. */
export const stageNamed = (name: string): string | undefined => NAMES.get(name);
/** The place of the stage of that name, from 1. */
export const orderOf = (name: string): number | undefined => ORDERS.get(name);

/**
 * The entry under its stage's own name; one that no stage has stays. `stage_7` is what older snapshots call a stage 7 that was not active: it
 * says nothing but that.
 */
export const named = (entry: StageEntry): StageEntry => {
  const order = entry.active === false ? /^stage_(\d+)$/.exec(entry.name)?.[1] : undefined;
  const name = stageNamed(order ?? entry.name);
  return name === undefined || name === entry.name ? entry : { ...entry, name };
};
