/** The presets that a host offers: ours, its own, those of packages, and environments that were tagged as presets. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import { nearest } from "./contract/nearest.ts";
import type { EnvironmentManifest } from "./manifest/document.ts";
import type { EnvironmentManager } from "./manifest/environments.ts";
import { pipelineOf } from "./manifest-preset.ts";
import type { Pipeline } from "./pipeline.ts";
import { discoverPresets, type PresetFactory } from "./plugin-presets.ts";
import { BUILT_IN, nameFinding } from "./preset-names.ts";
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
const DESCRIPTIONS: { readonly [name: string]: string } = {
  minimal: "One answer.",
  chat: "A conversation with history, tools and a cached prompt.",
  agent: "All 21 stages, for a task that takes many steps.",
  evaluator: "One answer that judges another.",
  geny_vtuber: "All 21 stages, with the emitters for an avatar's face and voice.",
};

/** One list of presets; each registry has its own. `environments`: the folder whose environments with the tag "preset" are presets too. */
export class PresetRegistry {
  readonly #environments: EnvironmentManager | undefined;
  readonly #entries = new Map<string, Entry>();

  constructor({ environments }: { readonly environments?: EnvironmentManager } = {}) {
    this.#environments = environments;
  }

  /** Registers a function that makes a pipeline, or a manifest; again: in its place. Throws `ConfigError` for a name that is ours or none. */
  register(
    name: string,
    preset: PresetFactory | EnvironmentManifest | ManifestDocument,
    { description = "", tags = [] }: { readonly description?: string; readonly tags?: readonly string[] } = {},
  ): void {
    const wrong = nameFinding(name);
    if (wrong) throw new ConfigError([wrong]);
    const create = typeof preset === "function" ? preset : (options: PresetOptions) => pipelineOf(preset, options);
    this.#entries.set(name, { description, tags, package: null, create });
  }
  /** False when there was none. */
  unregister(name: string): boolean {
    return this.#entries.delete(name);
  }
  /** Takes away all but our own and the environments. */
  clear(): void {
    this.#entries.clear();
  }

  /** What is registered, or brought by a package, or ours under that name. */
  get(name: string): PresetInfo | undefined {
    const entry = this.#entries.get(name);
    if (entry) return infoOf(name, "plugin", entry);
    return Object.hasOwn(BUILT_IN, name)
      ? infoOf(name, "built_in", { description: DESCRIPTIONS[name] ?? "", tags: [], package: null })
      : undefined;
  }
  /** All: ours, then the registered ones in their order, then the environments, named `user:ID`. */
  async list(): Promise<readonly PresetInfo[]> {
    const known = [...Object.keys(BUILT_IN), ...this.#entries.keys()].flatMap((name) => this.get(name) ?? []);
    return [...known, ...(await this.#users())];
  }

  /** A new pipeline. Throws `ConfigError` for an unknown name or option, and what the preset's own function throws. */
  async create(name: string, options: PresetOptions = {}): Promise<Pipeline> {
    const ours = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
    if (ours) return ours(options);
    const entry = this.#entries.get(name);
    if (entry) return entry.create(options);
    const users = await this.#users();
    const user = users.find((info) => info.name === name);
    if (user?.environmentId && this.#environments) return pipelineOf(await this.#environments.resolveAndLoad(user.environmentId), options);
    const known = (await this.list()).map((info) => info.name);
    const message = `there is no preset "${name}" (known: ${known.join(", ")})`;
    throw new ConfigError([{ severity: "error", code: "preset.unknown", path: "name", message, suggestion: nearest(name, known) }]);
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
    const lost = taken.map(
      (preset): Finding => ({
        severity: "warning",
        code: "preset.duplicate",
        path: `${preset.package}: presets.${preset.name}`,
        message: "the host has registered a preset of that name, which stays",
      }),
    );
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
    throw new ConfigError([{ severity: "error", code: "option.invalid", path: "options.environments", message }]);
  }
  async #users(): Promise<readonly PresetInfo[]> {
    const { environments = [] } = (await this.#environments?.list()) ?? {};
    return environments
      .filter(({ tags }) => tags.includes(TAG))
      .map(({ id, description, tags }) => ({ ...infoOf(`${USER}${id}`, "user", { description, tags, package: null }), environmentId: id }));
  }
}

const infoOf = (name: string, type: PresetInfo["type"], { description, tags, package: from }: Omit<Entry, "create">): PresetInfo => ({
  name,
  type,
  description,
  tags,
  package: from,
  environmentId: null,
});
