/** From what a host gives to the manifest that a pipeline is made of, and what is said of it. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import { partsOf } from "./contract/host.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import { offline } from "./engine/offline.ts";
import type { Placed } from "./engine/plan.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { type Cleared, within, withoutErrors } from "./manifest/drop.ts";
import { named } from "./manifest/names.ts";
import { withRoster } from "./manifest/roster.ts";
import { type HostOffers, selectedOf } from "./manifest/selections.ts";
import { agentFindings, examine, placesWith, readAny, validateManifest } from "./manifest/validate.ts";
import { MEMORY_PARTS } from "./memory-parts.ts";
import { type PipelineOptions, pipelineFindings } from "./options.ts";
import { serverFindings } from "./servers.ts";
import { isManifest } from "./subagents.ts";
import { toolNames } from "./tool-list.ts";

export interface Loaded {
  /** As it was given or read; with `strict: false` without what is wrong. */
  readonly manifest: EnvironmentManifest | ManifestDocument;
  /** The same, each entry under its stage's own name. */
  readonly document: ManifestDocument;
  /** Stage 6 as it is without the host's providers: those may change. */
  readonly places: readonly Placed[];
  /** Of the manifest's form, and of what was dropped; with paths in what was given. */
  readonly findings: readonly Finding[];
  /** With the memory among the host's parts. */
  readonly options: Omit<PipelineOptions, "memory">;
  /** What the manifest selects of the host's offers. */
  readonly selected: HostOffers;
  /** Of each entry of the manifest its place in the list that was given. */
  readonly from: readonly number[];
}

/**
 * `connecting`: MCP servers are going to be connected. Throws `ConfigError` for what is no manifest at all, and for options that are wrong, with what
 * is wrong with the manifest beside.
 */
export const load = ({ memory, ...given }: PipelineOptions, connecting: boolean): Loaded => {
  const wrong = pipelineFindings({ memory, ...given });
  if (wrong.length) throw new ConfigError([...wrong, ...wrongIn(given)]);
  const host = { ...(given.host && partsOf(given.host)), ...(memory && partsOf(memory, MEMORY_PARTS)) };
  const options = given.host || memory ? { ...given, host } : given;
  const agents = agentsIn(options);
  if (agents.some(({ severity }) => severity === "error")) throw new ConfigError([...agents, ...wrongIn(given)]);
  const { places, findings } = placesWith({ stages: options.stages });
  const read = readAny(options.manifest);
  const cleared = options.strict === false ? clearedOf(read.document, options) : undefined;
  const dropped = cleared?.findings.filter(({ severity }) => severity === "error") ?? [];
  const whole = cleared && dropped.length ? EnvironmentManifest.fromJSON(cleared.document).toJSON() : read.document;
  const { selected, findings: unselected } = selectedOf(whole.host_selections, options.offers ?? {});
  return {
    manifest: options.manifest instanceof EnvironmentManifest && dropped.length === 0 ? options.manifest : whole,
    document: { ...whole, stages: whole.stages.map(named) },
    places,
    findings: [
      ...findings,
      ...agents,
      ...read.findings,
      ...within(read.from, dropped),
      ...serverFindings(whole.tools, options, connecting),
      ...unselected,
    ],
    selected,
    options,
    from: cleared?.from.map((i) => read.from[i] ?? -1) ?? read.from,
  };
};

/** What is wrong with the manifest, by the host's own stages and providers; the other options may be what is wrong. */
const wrongIn = ({ manifest, stages, providers }: PipelineOptions): readonly Finding[] =>
  validateManifest(manifest, { stages: stages ?? undefined, providers: Object.keys(providers ?? {}) }).filter(
    ({ severity }) => severity === "error",
  );

/** What a document is examined with at that host: `of` is the document whose agents it has. */
const besideOf = (options: PipelineOptions, of?: ManifestDocument) => {
  const { stages, providers = {}, host, subagents = {}, unknownKeys } = options;
  const { places } = placesWith({ stages, providers: Object.keys(providers) });
  const services = offline(of ? withRoster(host, of, Object.keys(subagents)) : host);
  return { places, services, unknownKeys, tools: toolNames(options) };
};
/** What is to be said of manifests that the host gives as agents. */
const agentsIn = (options: PipelineOptions): readonly Finding[] => {
  const manifests = Object.entries(options.subagents ?? {}).filter(([, agent]) => isManifest(agent));
  if (!manifests.length) return [];
  const beside = besideOf(options);
  return manifests.flatMap(([type, manifest]) => agentFindings(manifest, `options.subagents.${type}`, beside));
};

const clearedOf = (document: ManifestDocument, options: PipelineOptions): Cleared<ManifestDocument> => {
  const beside = besideOf(options, document);
  return withoutErrors(document, (left) => examine(left, beside).findings);
};
