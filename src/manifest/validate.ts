/** Everything that is wrong with a manifest, found at once: by its form, by the definitions of its stages, and by what neither says. */
import { ConfigError } from "../contract/errors.ts";
import { type Finding, finding, unknownKeys } from "../contract/findings.ts";
import { type Host, partsOf } from "../contract/host.ts";
import type { ManifestDocument } from "../contract/manifest.ts";
import { nearest } from "../contract/nearest.ts";
import type { Services } from "../contract/services.ts";
import type { Stage } from "../contract/stage.ts";
import { compile } from "../engine/compile.ts";
import { offline } from "../engine/offline.ts";
import type { Placed, Plan } from "../engine/plan.ts";
import { apiWith } from "../stages/06-api.ts";
import { blockFindings } from "./around.ts";
import { PLACES } from "./artifacts.ts";
import { EnvironmentManifest } from "./document.ts";
import { within } from "./drop.ts";
import { entryFindings } from "./entries.ts";
import { named } from "./names.ts";
import { type Read, read } from "./read.ts";
import { rosterOf, withRoster } from "./roster.ts";
import { type Settings, settingsOf } from "./settings.ts";
import { softened } from "./severity.ts";

export interface ValidateOptions {
  /** Definitions in place of ours, as `Pipeline.fromManifest` takes them. */
  readonly stages?: { readonly [name: string]: unknown } | undefined;
  /** Names of providers that the host adds to ours. */
  readonly providers?: readonly string[] | undefined;
  /** Names of tools, built-in and the host's. Left out: `tools.built_in` is taken as it is. */
  readonly tools?: readonly string[] | undefined;
  /** What the host gives: a strategy that needs more of it yields `strategy.needs_host`. */
  readonly host?: Host | undefined;
  /** What an unknown key of a stage's config, the model or the pipeline is. Default "warning". */
  readonly unknownKeys?: "error" | "warning" | undefined;
}

/**
 * All findings of a manifest, its plain JSON or whatever else was read, each with its path in what was given; none when it is right. Pure: nothing
 * is asked, opened or run, and no credentials are needed. A manifest without a finding of severity "error" loads, at a host that has the tools which
 * it requires.
 */
export const validateManifest = (manifest: unknown, options: ValidateOptions = {}): readonly Finding[] => {
  const unknown = unknownKeys(options, ["stages", "providers", "tools", "host", "unknownKeys"], "options");
  if (unknown.length) throw new ConfigError(unknown);
  const { places, findings } = placesWith(options);
  try {
    const taken = readAny(manifest);
    const services = offline(withRoster(options.host && partsOf(options.host), taken.document));
    const examined = within(taken.from, examine(taken.document, { ...options, places, services }).findings);
    const told = new Set(taken.findings.map(asText));
    return [...findings, ...taken.findings, ...examined.filter((found) => !told.has(asText(found)))];
  } catch (error) {
    if (error instanceof ConfigError) return [...findings, ...error.findings];
    throw error;
  }
};

const asText = ({ severity, code, path }: Finding): string => `${severity} ${code} ${path}`;

/** What can be read of it, with what cannot among the findings. Throws `ConfigError` for what is no manifest at all. */
export const readAny = (manifest: unknown): Read => {
  if (!(manifest instanceof EnvironmentManifest)) return read(manifest, false);
  const document = manifest.toJSON();
  return { document, findings: manifest.findings, steps: [], from: document.stages.map((_, i) => i) };
};

/** Our stages, the host's definitions in place of those of the same name, and what is wrong with these. */
export const placesWith = ({ stages = {}, providers = [] }: Pick<ValidateOptions, "stages" | "providers">) => {
  const findings: Finding[] = [];
  const names = PLACES.map(({ stage }) => stage.name);
  const own = new Map<string, Stage>(providers.length ? [["api", apiWith(providers)]] : []);
  for (const [name, given] of Object.entries(stages)) {
    const path = `options.stages.${name}`;
    if (!names.includes(name))
      findings.push(finding("stage.unknown_name", path, `is no stage (known: ${names.join(", ")})`, nearest(name, names)));
    else if (!isStage(given)) findings.push(finding("stage.unbuildable", path, "must be a stage: made with `defineStage` or `extend`"));
    else own.set(name, given);
  }
  return { places: PLACES.map((placed): Placed => ({ ...placed, stage: own.get(placed.stage.name) ?? placed.stage })), findings };
};

export const isStage = (given: unknown): given is Stage => {
  if (typeof given !== "object" || given === null) return false;
  const { name, config, slots, writes, run }: { [K in keyof Stage]?: unknown } = given;
  const fits =
    typeof name === "string" && typeof slots === "object" && slots !== null && Array.isArray(writes) && typeof run === "function";
  return fits && typeof config === "object" && config !== null && "shape" in config;
};

export interface Examined {
  readonly plan: Plan;
  readonly settings: Settings;
  readonly findings: readonly Finding[];
}

/** What a document is examined with. */
type Beside = Pick<ValidateOptions, "tools" | "unknownKeys"> & { readonly places: readonly Placed[]; readonly services: Services };

/** A document of right form → what a pipeline is made of, and all findings, with paths in the document. */
export const examine = (document: ManifestDocument, given: Beside): Examined => {
  const { places, services, tools, unknownKeys = "warning" } = given;
  const entries = document.stages.map(named);
  const { settings, findings } = settingsOf(document.model, document.pipeline, unknownKeys);
  const compiled = compile({ entries, places, services, unknownKeys });
  const beside = entryFindings(document, entries, places);
  const taken = new Set(beside.map(({ code, path }) => (code.startsWith("provider.") ? path : null)));
  const api = places.find((placed) => placed.entry === "api")?.stage;
  const primary = entries.find(({ name }) => name === "api")?.config?.provider;
  const names = { tools, providers: providersOf(api), primary: typeof primary === "string" ? primary : "anthropic" };
  const all = [
    ...findings,
    ...beside,
    ...compiled.findings.filter(({ path }) => !taken.has(path)),
    ...blockFindings(document, names),
    ...rosterOf(document).flatMap(({ manifest, path }) => (manifest ? agentFindings(manifest, `${path}.manifest`, given) : [])),
  ];
  return { plan: compiled.plan, settings, findings: softened(all, document.stages) };
};

/** All that is wrong with the manifest of a sub-agent, which stands at that path. Of the host's parts it has the person who approves. */
export const agentFindings = (manifest: unknown, path: string, given: Beside): Finding[] => {
  const { approve } = given.services.host;
  const below = (findings: readonly Finding[]) =>
    findings.map((found) => ({ ...found, path: [path, found.path].filter(Boolean).join(".") }));
  try {
    const taken = readAny(manifest);
    const services = offline(withRoster(approve && { approve }, taken.document));
    const { findings } = examine(taken.document, { ...given, services });
    // It connects nothing: its servers are its parent's, by name.
    const told = findings.filter(({ code }) => code !== "tools.mcp_invalid");
    return below([...taken.findings, ...within(taken.from, told)]);
  } catch (error) {
    if (error instanceof ConfigError) return below(error.findings);
    throw error;
  }
};

const providersOf = (api: Stage | undefined): readonly string[] => api?.config.shape.provider?.options ?? [];
