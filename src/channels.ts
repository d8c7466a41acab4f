/** Who decides a setting: the channels, strongest first. Each has one lifetime. */
import type { ManifestDocument } from "./contract/manifest.ts";
import { defaults, type Json, type JsonObject } from "./contract/schema.ts";
import { same } from "./manifest/diff.ts";
import { MODEL, PIPELINE_SETTINGS } from "./manifest/settings.ts";
import { partsBy, type Runtime } from "./runtime.ts";

/**
 * `per_run`: the overrides of one run. `mutation`: until it is undone. `refresh`: until it is taken back; it gives parts of the host, a mutation
 * gives settings, so the two never meet. `attached`: for as long as the pipeline lives. Then the manifest, then the defaults.
 */
export const CHANNELS = ["per_run", "mutation", "refresh", "attached", "manifest", "default"] as const;
export type Channel = (typeof CHANNELS)[number];
export interface Resolved {
  /** Null for a part of the host: its value is shown nowhere. */
  readonly value: Json;
  readonly source: Channel;
}
export type Layers = { readonly [C in Channel]?: JsonObject };

/** For every field that any channel gives: the value of the strongest one that does. */
export const resolve = (layers: Layers): { readonly [field: string]: Resolved } =>
  Object.fromEntries(
    CHANNELS.toReversed().flatMap((source) => Object.entries(layers[source] ?? {}).map(([field, value]) => [field, { value, source }])),
  );

interface Sources {
  /** As the pipeline was made from. */
  readonly manifest: ManifestDocument;
  /** As mutations left it. */
  readonly document: ManifestDocument;
  readonly runtime: Runtime;
}

/** What each channel gives, but for a run's own. A setting that a mutation took out of the manifest is left to the defaults. */
export const layersOf = ({ manifest, document, runtime }: Sources): Layers => {
  const now: JsonObject = { ...document.pipeline, ...document.model };
  const before: JsonObject = { ...manifest.pipeline, ...manifest.model };
  const fields = Object.keys({ ...PIPELINE_SETTINGS.shape, ...MODEL.shape }).filter((field) => Object.hasOwn(now, field));
  const of = (some: readonly string[]): JsonObject => Object.fromEntries(some.map((field) => [field, now[field] ?? null]));
  const changed = (field: string) => !same(now[field] ?? null, before[field] ?? null);
  const given = (layer: "attached" | "refreshed"): JsonObject => Object.fromEntries(partsBy(runtime, layer).map((part) => [part, null]));
  return {
    mutation: of(fields.filter(changed)),
    refresh: given("refreshed"),
    attached: given("attached"),
    manifest: of(fields.filter((field) => !changed(field))),
    default: { ...defaults(PIPELINE_SETTINGS), ...defaults(MODEL) } as JsonObject,
  };
};

/** What the event `config.override_applied` tells of: the fields that the manifest, or what was attached, did not decide. */
export const overridesTold = (layers: Layers): JsonObject[] =>
  Object.entries(resolve(layers)).flatMap(([field, { value, source }]) =>
    source === "per_run" || source === "mutation" || source === "refresh" ? [{ field, value, source }] : [],
  );
