/** From what a host gives to the document that a pipeline is made of, and all that is said of it. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { Services } from "./contract/services.ts";
import { offline } from "./engine/offline.ts";
import type { Placed } from "./engine/plan.ts";
import { hosted } from "./hosted.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { within, withoutErrors } from "./manifest/drop.ts";
import { named } from "./manifest/names.ts";
import { examine, placesWith, readAny } from "./manifest/validate.ts";
import { type PipelineOptions, pipelineFindings } from "./options.ts";
import { serverFindings } from "./servers.ts";
import { api } from "./stages/06-api.ts";
import type { Making } from "./subagents.ts";
import { toolNames } from "./tool-list.ts";

/** What there is to say of a pipeline. */
export interface Found {
  /** Of its options and its manifest. */
  readonly manifest: readonly Finding[];
  /** Of what the manifest names and only the host, or the world outside, can give. */
  readonly beside: readonly Finding[];
}

export interface Loaded {
  /** As it was given. */
  readonly manifest: EnvironmentManifest;
  /** With the host as it is with its memory and its agents. */
  readonly options: PipelineOptions;
  /** Each entry under its stage's own name; with `strict: false` without what is wrong. */
  readonly document: ManifestDocument;
  /** Stage 6 as it is without the host's providers: those may change. */
  readonly places: readonly Placed[];
  /** Everything there is to say of it, beside what is said of its `tools`. Throws `ConfigError` when one is an error and the load is strict. */
  findings(services: Services, tools: readonly Finding[]): Found;
}

/** `connecting`: MCP servers are going to be connected. Throws `ConfigError` for what is no manifest at all. */
export const load = (given: PipelineOptions, making: Making, connecting: boolean): Loaded => {
  const read = readAny(given.manifest);
  const host = hosted(given, read.document, making);
  const { options } = host;
  const strict = options.strict !== false;
  const providers = Object.keys(options.providers ?? {});
  const { places, findings } = placesWith({ stages: options.stages, providers });
  const known = { places, unknownKeys: options.unknownKeys, tools: toolNames(options) };
  const look = (document: ManifestDocument) => examine(document, { ...known, services: offline(options.host) }).findings;
  const cleared = strict ? undefined : withoutErrors(read.document, look);
  const document = cleared?.document ?? read.document;
  return {
    manifest:
      options.manifest instanceof EnvironmentManifest && strict ? options.manifest : EnvironmentManifest.fromJSON(document, { strict }),
    document: { ...document, stages: document.stages.map(named) },
    places: places.map((p) => (p.stage.name === "api" && !Object.hasOwn(options.stages ?? {}, "api") ? { ...p, stage: api } : p)),
    options,
    findings(services, tools) {
      const found = cleared?.findings ?? examine(document, { ...known, services }).findings;
      const manifest = [...pipelineFindings(given), ...findings, ...read.findings, ...within(read.from, found)];
      const beside = [...serverFindings(document.tools, options, connecting), ...host.findings];
      const all = [...manifest, ...tools, ...beside];
      if (strict && all.some((f) => f.severity === "error")) throw new ConfigError(all);
      return { manifest, beside };
    },
  };
};
