/** From what a host gives to the document that a pipeline is made of, and all that is said of it. */
import { ConfigError } from "./contract/errors.ts";
import type { ManifestDocument, StageEntry } from "./contract/manifest.ts";
import type { Services } from "./contract/services.ts";
import { offline } from "./engine/offline.ts";
import type { Placed } from "./engine/plan.ts";
import { within, withoutErrors } from "./manifest/drop.ts";
import { named } from "./manifest/names.ts";
import { type Examined, examine, placesWith, readAny } from "./manifest/validate.ts";
import { pipelineFindings } from "./options.ts";
import type { PipelineOptions } from "./pipeline.ts";
import { type Primary, primaryOf } from "./primary.ts";
import { toolNames } from "./services.ts";
import { apiWith } from "./stages/06-api.ts";

export interface Loaded {
  /** With `strict: false` without what is wrong. */
  readonly document: ManifestDocument;
  /** Its entries, each under its stage's own name. */
  readonly entries: readonly StageEntry[];
  readonly places: readonly Placed[];
  readonly primary: Primary;
  /** What the pipeline runs by, with all findings. Throws `ConfigError` with them when one is an error and the load is strict. */
  examined(services: Services): Examined;
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
  const entries = document.stages.map(named);
  return {
    document,
    entries,
    places,
    primary: primaryOf(entries, apiWith(providers)),
    examined(services) {
      const examined = examine(document, { ...given, services });
      const all = [
        ...pipelineFindings(options),
        ...findings,
        ...read.findings,
        ...within(read.from, cleared?.findings ?? examined.findings),
      ];
      if (strict && all.some((f) => f.severity === "error")) throw new ConfigError(all);
      return { ...examined, findings: all };
    },
  };
};
