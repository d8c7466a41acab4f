/** The presets that a host offers: ours, its own, those of packages, and environments that were tagged as presets. */
import { BUILT_IN, nameFinding } from "./built-in-presets.ts";
import { ConfigError, type Finding } from "./contract/errors.ts";
import { finding } from "./contract/findings.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import { presetKey, unknownPreset } from "./manifest/catalogue.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { checkOptions } from "./manifest/environment-options.ts";
import type { EnvironmentManager } from "./manifest/environments.ts";
import { isObject } from "./manifest/json.ts";
import { validateManifest } from "./manifest/validate.ts";
import { pipelineOf } from "./manifest-preset.ts";
import type { Pipeline } from "./pipeline.ts";
import { discoverPresets, type PresetFactory } from "./plugin-presets.ts";
import type { PresetOptions } from "./presets.ts";

export interface PresetInfo {
  readonly name: string;
  /** "plugin": registered by the host, or brought by a package. "user": an environment. */
  readonly type: "built_in" | "plugin" | "user";
  readonly description: string;
  readonly tags: readonly string[];
  /** `NAME@VERSION` of the package that brings it, or null. */
  readonly package: string | null;
  readonly environmentId: string | null;
}
type Entry = Pick<PresetInfo, "description" | "tags" | "package"> & { readonly create: PresetFactory };

const TAG = "preset";
const USER = "user:";

/** One list of presets; each registry has its own. `environments`: the folder whose environments with the tag "preset" are presets too. */
export class PresetRegistry {
  readonly #environments: EnvironmentManager | undefined;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly environments?: EnvironmentManager } = {}) {
    checkOptions(options, ["environments"]);
    this.#environments = options.environments;
  }

  /**
   * Registers a function that makes a pipeline, or a manifest; again: in its place. Throws `ConfigError` for a name that is ours or none, for what
   * is neither, and for a manifest whose form or stages are wrong, which no option of `create` can mend.
   */
  register(
    name: string,
    preset: PresetFactory | EnvironmentManifest | ManifestDocument,
    options: { readonly description?: string; readonly tags?: readonly string[] } = {},
  ): void {
    checkOptions(options, ["description", "tags"]);
    const { description = "", tags = [] } = options;
    const wrong = nameFinding(name);
    if (wrong) throw new ConfigError([wrong]);
    this.#entries.set(name, { description, tags, package: null, create: factoryOf(preset) });
  }
  /** False when there was none. */
  unregister(name: string): boolean {
    return this.#entries.delete(name);
  }
  /** Takes away all but our own and the environments. */
  clear(): void {
    this.#entries.clear();
  }

  /** What `list` has under that name. */
  async get(name: string): Promise<PresetInfo | undefined> {
    return this.#known(name) ?? (await this.#user(name));
  }
  /** All: ours, then the registered ones in their order, then the environments, named `user:ID`. */
  async list(): Promise<readonly PresetInfo[]> {
    const known = [...BUILT_IN.keys(), ...this.#entries.keys()].flatMap((name) => this.#known(name) ?? []);
    return [...known, ...(await this.#users())];
  }

  /**
   * A new pipeline, with its tool providers started and its MCP servers connected, as by `Pipeline.fromManifest`. Throws `ConfigError` for an unknown
   * name or option, and what the preset's own function throws.
   */
  async create(name: string, options: PresetOptions = {}): Promise<Pipeline> {
    const { create } = BUILT_IN.get(presetKey(name)) ?? this.#entries.get(name) ?? {};
    if (create) return pipelineFrom(name, await create(options));
    const id = (await this.#user(name))?.environmentId;
    if (id) return pipelineOf(await resolvedFor(this.#folder(), id, options), options);
    const known = (await this.list()).map((info) => info.name);
    throw new ConfigError([unknownPreset(name, known, "name")]);
  }

  /**
   * Registers what the packages in `from`/node_modules bring, in the place of what they brought before. A name that the host registered stays the
   * host's. Gives the number of presets that are there now, and what is wrong with packages.
   */
  async discover(from: string): Promise<{ readonly count: number; readonly findings: readonly Finding[] }> {
    const { presets, findings } = await discoverPresets({ from });
    for (const [name, entry] of this.#entries) if (entry.package !== null) this.#entries.delete(name);
    const taken = presets.filter(({ name }) => this.#entries.has(name));
    for (const { name, ...preset } of presets) if (!this.#entries.has(name)) this.#entries.set(name, preset);
    const message = "the host has registered a preset of that name, which stays";
    const lost = taken.map((preset) => finding("preset.duplicate", `${preset.package}: presets.${preset.name}`, message));
    return { count: presets.length - taken.length, findings: [...findings, ...lost] };
  }

  /** Makes an environment of the folder a preset. Gives its tags. */
  async saveAsPreset(id: string): Promise<readonly string[]> {
    return this.#folder().tag(id, TAG);
  }
  async removePresetFlag(id: string): Promise<readonly string[]> {
    return this.#folder().untag(id, TAG);
  }

  #folder(): EnvironmentManager {
    if (this.#environments) return this.#environments;
    const message = "must be given: the folder of environments that may be presets";
    throw new ConfigError([finding("option.invalid", "options.environments", message)]);
  }
  #known(name: string): PresetInfo | undefined {
    const key = presetKey(name);
    const ours = BUILT_IN.get(key);
    if (ours) return infoOf(key, "built_in", { ...ours, package: null });
    const entry = this.#entries.get(name);
    return entry && infoOf(name, "plugin", entry);
  }
  async #user(name: string): Promise<PresetInfo | undefined> {
    return String(name).startsWith(USER) ? (await this.#users()).find((info) => info.name === name) : undefined;
  }
  async #users(): Promise<readonly PresetInfo[]> {
    const { environments = [] } = (await this.#environments?.list()) ?? {};
    return environments
      .filter(({ tags }) => tags.includes(TAG))
      .map(({ id, description, tags }) => ({ ...infoOf(`${USER}${id}`, "user", { description, tags, package: null }), environmentId: id }));
  }
}

const factoryOf = (preset: PresetFactory | EnvironmentManifest | ManifestDocument): PresetFactory => {
  if (typeof preset === "function") return preset;
  if (!isObject(preset))
    throw new ConfigError([finding("preset.invalid", "preset", "must be a function that makes a pipeline, or a manifest")]);
  const manifest = EnvironmentManifest.of(preset);
  const findings = validateManifest(manifest).filter(({ severity, code }) => severity === "error" && code.startsWith("stage."));
  if (findings.length) throw new ConfigError(findings);
  return (options) => pipelineOf(manifest, options);
};

/** A package may have a copy of this library of its own, so that its pipelines are of another class. */
const pipelineFrom = (name: string, made: Pipeline): Pipeline => {
  if (isObject(made) && typeof made.run === "function" && typeof made.close === "function") return made;
  throw new ConfigError([finding("preset.invalid", name, "its function must give a pipeline, and gave something else")]);
};

/** References of MCP servers are the pipeline's to resolve: it keeps their values out of its snapshot and of what errors say. */
const resolvedFor = async (environments: EnvironmentManager, id: string, { env }: PresetOptions): Promise<ManifestDocument> => {
  const [resolved, stored] = await Promise.all([environments.resolveAndLoad(id, env), environments.load(id)]);
  const { tools, ...document } = resolved.toJSON();
  return { ...document, tools: { ...tools, mcp_servers: stored.toJSON().tools.mcp_servers ?? [] } };
};

const infoOf = (name: string, type: PresetInfo["type"], { description, tags, package: from }: Omit<Entry, "create">): PresetInfo => ({
  name,
  type,
  description,
  tags,
  package: from,
  environmentId: null,
});
