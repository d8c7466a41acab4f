/** What a pipeline goes by at one moment: one value. A change makes another one; runs take it up between two passes. */
import { isDeepStrictEqual } from "node:util";
import { type Layers, layersOf, overridesTold } from "./channels.ts";
import type { Finding } from "./contract/errors.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { JsonObject } from "./contract/schema.ts";
import type { Services } from "./contract/services.ts";
import { type BoundStage, type Placed, type Plan, stagesOf } from "./engine/plan.ts";
import { type Hook, hooked } from "./hooks.ts";
import type { Settings } from "./manifest/settings.ts";
import { examine } from "./manifest/validate.ts";
import { memoryFindings } from "./memory-parts.ts";
import { type Primary, primaryOf } from "./primary.ts";
import { inForce } from "./runtime.ts";
import type { Wiring } from "./services.ts";
import { api } from "./stages/06-api.ts";
import { pricedBy } from "./stages/07-token/calculators.ts";
import { toolNames } from "./tool-list.ts";

/** What a mutation changes. */
export interface Blueprint {
  readonly document: ManifestDocument;
  readonly places: readonly Placed[];
  readonly hooks: readonly Hook[];
}
export interface Configuration extends Blueprint {
  /** The document that the pipeline was made from. */
  readonly manifest: ManifestDocument;
  readonly wiring: Wiring;
  readonly services: Services;
  readonly settings: Settings;
  readonly primary: Primary;
  readonly plan: Plan;
  /** What each channel gives, but for a run's own overrides. */
  readonly layers: Layers;
  /** The `config.override_applied` events of a run without overrides. */
  readonly told: readonly JsonObject[];
  /** Unknown keys are errors here. */
  readonly findings: readonly Finding[];
}

/** What comes out of a blueprint. Stages that are as they were `before` stay the same, with what their strategies remember. */
export const configure = ({ document, places, hooks }: Blueprint, wiring: Wiring, before?: Configuration): Configuration => {
  const primary = primaryOf(document, wiring.api);
  const priced = pricedIn(document);
  const same = before?.wiring === wiring && isDeepStrictEqual([before.primary, pricedIn(before.document)], [primary, priced]);
  const services = same ? before.services : wiring.servicesFor(primary, (list) => pricedBy(priced, list));
  const known = places.map((placed) => (placed.stage === api ? { ...placed, stage: wiring.api } : placed));
  const tools = toolNames(inForce(wiring.runtime));
  const { settings, findings, ...compiled } = examine(document, { places: known, services, unknownKeys: "error", tools });
  const mine = { document, places, hooks };
  const stages = (some: readonly BoundStage[]) =>
    some.map((bound) => (same && kept(mine, before, bound)) || { ...bound, stage: hooked(bound.stage, about(hooks, bound), services.log) });
  const { setup, loop, surface } = compiled.plan;
  const manifest = before?.manifest ?? document;
  const layers = layersOf({ manifest, document, runtime: wiring.runtime });
  return {
    ...mine,
    manifest,
    wiring,
    services,
    settings,
    primary,
    plan: { setup: stages(setup), loop: stages(loop), surface: stages(surface) },
    layers,
    told: overridesTold(layers),
    findings: [...findings, ...wiring.tools.findings, ...wiring.missing, ...memoryFindings(document, services.host)],
  };
};

/** What the manifest says of prices. */
const pricedIn = ({ stages }: ManifestDocument) => stages.find(({ name }) => name === "token") ?? {};
const about = (hooks: readonly Hook[], placed: Placed): readonly Hook[] => hooks.filter(({ place }) => place === nameOf(placed));
/** What hooks call a place. A stage of another name in it keeps them. */
export const nameOf = ({ entry, stage }: Placed): string => entry ?? stage.name;

/** The stage as it stood before, if nothing about it is another now. */
const kept = (now: Blueprint, before: Configuration, bound: BoundStage): BoundStage | undefined => {
  const placeIn = ({ places }: Blueprint) => places.find(({ stage }) => stage.name === bound.stage.name);
  const entryIn = ({ document }: Blueprint) => document.stages.find(({ name }) => name === bound.entry);
  const hooksIn = ({ hooks }: Blueprint) => about(hooks, bound);
  const unchanged =
    placeIn(now) === placeIn(before) && entryIn(now) === entryIn(before) && isDeepStrictEqual(hooksIn(now), hooksIn(before));
  if (!unchanged) return undefined;
  return stagesOf(before.plan).find(({ stage }) => stage.name === bound.stage.name);
};

/** Whether the stage works the same by both. Its tools, its model and its hooks are not asked. */
export const worksAlike = (name: string, a: Configuration, b: Configuration): boolean => {
  const stageIn = ({ places }: Configuration) => places.find(({ stage }) => stage.name === name)?.stage;
  return stageIn(a) === stageIn(b) && isDeepStrictEqual(workOf(name, a), workOf(name, b));
};
const workOf = (name: string, { plan }: Configuration) => {
  const bound = stagesOf(plan).find(({ stage }) => stage.name === name);
  return bound && [bound.active, bound.config, bound.strategies];
};
