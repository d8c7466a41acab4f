/** From what a host gives to the document that a pipeline is made of, and all that is said of it. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { Services } from "./contract/services.ts";
import { offline } from "./engine/offline.ts";
import type { Placed } from "./engine/plan.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { within, withoutErrors } from "./manifest/drop.ts";
import { named } from "./manifest/names.ts";
import { examine, placesWith, readAny } from "./manifest/validate.ts";
import { pipelineFindings } from "./options.ts";
import type { PipelineOptions } from "./pipeline.ts";
import { toolNames } from "./services.ts";
import { api } from "./stages/06-api.ts";

export interface Loaded {
  /** As it was given. */
  readonly manifest: EnvironmentManifest;
  /** Each entry under its stage's own name; with `strict: false` without what is wrong. */
  readonly document: ManifestDocument;
  /** Stage 6 as it is without the host's providers: those may change. */
  readonly places: readonly Placed[];
  /** Everything there is to say of it. Throws `ConfigError` when one is an error and the load is strict. */
  findings(services: Services): readonly Finding[];
}

/** Throws `ConfigError` for what is no manifest at all. */
export const load = (options: PipelineOptions): Loaded => {
  const strict = options.strict !== false;
  const providers = Object.keys(options.providers ?? {});
  const { places, findings } = placesWith({ stages: options.stages, providers });
  const given = { places, unknownKeys: options.unknownKeys, tools: toolNames(options) };
  const read = readAny(options.manifest);
  const look = (document: ManifestDocument) => examine(document, { ...given, services: offline(options.host) }).findings;
  const cleared = strict ? undefined : withoutErrors(read.document, look);
  const document = cleared?.document ?? read.document;
  return {
    manifest:
      options.manifest instanceof EnvironmentManifest && strict ? options.manifest : EnvironmentManifest.fromJSON(document, { strict }),
    document: { ...document, stages: document.stages.map(named) },
    places: places.map((p) => (p.stage.name === "api" && !Object.hasOwn(options.stages ?? {}, "api") ? { ...p, stage: api } : p)),
    findings(services) {
      const found = cleared?.findings ?? examine(document, { ...given, services }).findings;
      const all = [...pipelineFindings(options), ...findings, ...read.findings, ...within(read.from, found)];
      if (strict && all.some((f) => f.severity === "error")) throw new ConfigError(all);
      return all;
    },
  };
};
