/** How stages are named on the wire, and which artifacts each has. An artifact is a stage's variant; ours are the providers of stage 6. */
import { MutationError } from "../contract/errors.ts";
import { didYouMean, nearest } from "../contract/nearest.ts";
import type { Stage } from "../contract/stage.ts";
import { type Placed, place } from "../engine/plan.ts";
import { PIPELINE } from "../stages/index.ts";

export const PLACES: readonly Placed[] = place(PIPELINE);

/** `s02_context`, as the Python program calls the stage's module. */
export const moduleOf = ({ stage, order }: Pick<Placed, "stage" | "order">): string => `s${String(order).padStart(2, "0")}_${stage.name}`;

/**
 * The place that an identifier names: an order (number or digits, leading zeros too), a stage's name, or its module (`s02_context`). Throws
 * `exec.mutation.invalid` for any other.
 */
export const placeOf = (id: string | number, places: readonly Placed[] = PLACES): Placed => {
  const text = String(id);
  const found = places.find((p) =>
    /^\d+$/.test(text) ? Number(text) === p.order && !p.own : p.stage.name === text || moduleOf(p) === text,
  );
  if (found) return found;
  const names = places.map(({ stage }) => stage.name);
  throw new MutationError(`There is no stage ${JSON.stringify(id)}.${didYouMean(nearest(text, names))}`, { details: { stage: id } });
};

export interface Artifact {
  readonly name: string;
  /** What the artifact sets in the stage's config. */
  readonly config: { readonly [key: string]: string };
  /** False: it only brings strategies, which are in the stage anyway. */
  readonly providesStage: boolean;
}
const DEFAULT: Artifact = { name: "default", config: {}, providesStage: true };
/** The names that files of the Python program may hold. */
const MORE: { readonly [stage: string]: readonly Artifact[] } = {
  api: ["google", "openai"].map((provider) => ({ name: provider, config: { provider }, providesStage: true })),
  evaluate: [{ name: "adaptive", config: {}, providesStage: false }],
};

/** The artifacts of a stage, in the order of their names. */
export const artifactsOf = (stage: Pick<Stage, "name">): readonly Artifact[] =>
  [DEFAULT, ...(Object.hasOwn(MORE, stage.name) ? (MORE[stage.name] ?? []) : [])].toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** Throws `exec.mutation.invalid` for a name that the stage has no artifact of. */
export const artifactOf = (stage: Pick<Stage, "name">, name: string): Artifact => {
  const all = artifactsOf(stage);
  const found = all.find((artifact) => artifact.name === name);
  if (found) return found;
  throw new MutationError(`Stage "${stage.name}" has no artifact "${name}". It has: ${all.map((a) => a.name).join(", ")}.`, {
    details: { stage: stage.name, artifact: name },
  });
};
