/** A folder of manifests: kept by id, listed, copied, and taken in and out as text. */
import { ConfigError, messageOf } from "../contract/errors.ts";
import { type Finding, finding } from "../contract/findings.ts";
import type { ManifestDocument } from "../contract/manifest.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import type { Clock } from "../contract/services.ts";
import { systemClock } from "../engine/host.ts";
import { EnvironmentDiff } from "./diff.ts";
import { EnvironmentManifest } from "./document.ts";
import { documentIn, EnvironmentFiles } from "./environment-files.ts";
import { changeFindings, checkOptions, checkTags, isOf, nameIn } from "./environment-options.ts";
import { newEnvironmentId, timestamp } from "./identity.ts";
import { importFindings } from "./import-check.ts";
import { isObject } from "./json.ts";
import { resolveVariables, type Variables, variablesOf } from "./resolve.ts";
import { sanitizeSecrets } from "./sanitize.ts";
import { settingsOf } from "./settings.ts";
import { type EnvironmentSummary, summaryOf } from "./summary.ts";
import { type ValidateOptions, validateManifest } from "./validate.ts";

export interface EnvironmentManagerOptions {
  /** Default: the system's. */
  readonly clock?: Clock;
}
export interface Listing {
  /** By file name. One that cannot be loaded is listed with what can be read of it. */
  readonly environments: readonly EnvironmentSummary[];
  /** What is wrong with files of the folder, also those that were read: all errors; the path begins with the file's id. */
  readonly findings: readonly Finding[];
}
/** What `update` changes. `model` and `pipeline` are laid over what is there, key by key. */
export interface EnvironmentChanges {
  readonly metadata?: {
    readonly name?: string;
    readonly description?: string;
    readonly author?: string;
    readonly tags?: readonly string[];
  };
  readonly model?: JsonObject;
  readonly pipeline?: JsonObject;
}

/**
 * Environments in a folder, a file `ID.json` each. An id is letters, digits, "_" and "-"; no call leaves the folder or follows a link in it. Files
 * are written at once or not at all; changes by one manager wait for each other. Everything throws `ConfigError` with findings
 * (`environment.not_found`, `environment.invalid_id`, …), or what the file system throws.
 */
export class EnvironmentManager {
  readonly #files: EnvironmentFiles;
  readonly #clock: Clock;
  /** What resolved manifests were before. */
  readonly #unresolved = new WeakMap<EnvironmentManifest, EnvironmentManifest>();
  #last: Promise<unknown> = Promise.resolve();

  /** `folder`: a path, or a file URL. It is made when something is kept. */
  constructor(folder: string | URL = "./environments", options: EnvironmentManagerOptions = {}) {
    checkOptions(options, ["clock"]);
    this.#files = new EnvironmentFiles(folder);
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Keeps a manifest and gives its id: its own, if that is one of this folder's or of their form, else a new one. A manifest that
   * `resolveAndLoad` gave is kept with its references, not with the values.
   */
  async save(manifest: EnvironmentManifest | ManifestDocument): Promise<string> {
    const given = EnvironmentManifest.of(manifest);
    const document = (this.#unresolved.get(given) ?? given).toJSON();
    return this.#alone(async () => {
      const id = await this.#idFor(document);
      await this.#write(id, document, { created_at: document.metadata?.created_at || this.#now() });
      return id;
    });
  }

  /** A fresh value each time. Its `metadata.id` is the file's. */
  async load(id: string): Promise<EnvironmentManifest> {
    return manifestOf(await this.#files.read(id), id);
  }
  /** The same as `load`. */
  async get(id: string): Promise<EnvironmentManifest> {
    return this.load(id);
  }

  /** Every file `env_*.json`. A file that is odd breaks nothing: it is told in `findings`. `options`: what the host has of its own. */
  async list(options: Pick<ValidateOptions, "stages" | "providers" | "tools"> = {}): Promise<Listing> {
    const environments: EnvironmentSummary[] = [];
    const findings: Finding[] = [];
    for (const id of await this.#files.ids())
      try {
        const document = await this.#files.read(id);
        environments.push(summaryOf(document, id));
        findings.push(...inFile(id, errorsIn(validateManifest(document, options))));
      } catch (error) {
        findings.push(...findingsOf(error, id));
      }
    return { environments, findings };
  }

  /**
   * Changes what `EnvironmentChanges` names: any other block, and a value that its setting cannot have, is refused. Gives the manifest as it stands
   * then; in its `findings` stand keys of `model` and `pipeline` that are not known, and kept.
   */
  async update(id: string, changes: EnvironmentChanges): Promise<EnvironmentManifest> {
    const findings = changeFindings(changes);
    if (findings.length) throw new ConfigError(findings);
    const { metadata = {}, model = {}, pipeline = {} } = changes;
    return this.#alone(async () => {
      const document = (await this.load(id)).toJSON();
      const next = { ...document, model: { ...document.model, ...model }, pipeline: { ...document.pipeline, ...pipeline } };
      const told = settingsOf(next.model, next.pipeline, "warning").findings.filter(({ path }) => isOf(path, { model, pipeline }));
      if (errorsIn(told).length) throw new ConfigError(told);
      return (await this.#write(id, next as ManifestDocument, metadata)).noting(told);
    });
  }

  /** False when there is none. */
  async delete(id: string): Promise<boolean> {
    return this.#alone(() => this.#files.remove(id));
  }

  /** A copy under a new id, which is given. */
  async clone(id: string, options: { readonly name?: string } = {}): Promise<string> {
    const name = nameIn(options);
    return this.#alone(async () => {
      const document = (await this.load(id)).toJSON();
      const copy = await this.#newId();
      await this.#write(copy, document, { created_at: this.#now(), ...(name === undefined ? {} : { name }) });
      return copy;
    });
  }

  /** Adds tags, each once. Gives all tags. */
  async tag(id: string, ...tags: readonly string[]): Promise<readonly string[]> {
    checkTags(tags);
    return this.#retag(id, (given) => [...new Set([...given, ...tags])]);
  }
  /** Takes tags away. Gives those that are left. */
  async untag(id: string, ...tags: readonly string[]): Promise<readonly string[]> {
    checkTags(tags);
    return this.#retag(id, (given) => given.filter((tag) => !tags.includes(tag)));
  }

  /** The document as text with an indent of 2, its secrets replaced by references (`sanitizeSecrets`). */
  async exportJson(id: string): Promise<string> {
    const document = (await this.load(id)).toJSON();
    return JSON.stringify(sanitizeSecrets(document as Json), null, 2);
  }

  /**
   * Keeps a document that came as text, under a new id, which is given. It is held to `IMPORT_LIMITS`, and an MCP server that would run a
   * destructive program is refused. `name`: in place of the document's, unless it is empty.
   */
  async importJson(text: string, options: { readonly name?: string | null } = {}): Promise<string> {
    const name = nameIn(options);
    const document = documentIn(text, "import");
    const findings = importFindings(document);
    if (findings.length) throw new ConfigError(findings);
    return this.#alone(async () => {
      const id = await this.#newId();
      await this.#write(id, manifestOf(document, id).toJSON(), name ? { name } : {});
      return id;
    });
  }

  async diff(a: string, b: string): Promise<EnvironmentDiff> {
    const [before, after] = await Promise.all([this.load(a), this.load(b)]);
    return EnvironmentDiff.compute(before, after);
  }

  /** Names that the environment asks for by `${NAME}`, sorted. */
  async requiredVariables(id: string): Promise<readonly string[]> {
    return variablesOf((await this.load(id)).toJSON() as Json);
  }

  /** The environment with its references resolved: from `vars`, else from the process's environment. The file stays as it is. */
  async resolveAndLoad(id: string, vars: Variables = {}): Promise<EnvironmentManifest> {
    if (!isObject(vars)) throw new ConfigError([finding("option.invalid", "vars", "must be an object: name → value")]);
    const stored = await this.load(id);
    const resolved = EnvironmentManifest.fromJSON(resolveVariables(stored.toJSON() as Json, vars));
    this.#unresolved.set(resolved, stored);
    return resolved;
  }

  async #retag(id: string, change: (tags: readonly string[]) => readonly string[]): Promise<readonly string[]> {
    return this.#alone(async () => {
      const document = (await this.load(id)).toJSON();
      const tags = change(summaryOf(document as JsonObject, id).tags);
      await this.#write(id, document, { tags });
      return tags;
    });
  }

  async #write(id: string, document: ManifestDocument, metadata: JsonObject): Promise<EnvironmentManifest> {
    const manifest = EnvironmentManifest.fromJSON({
      ...document,
      metadata: { ...document.metadata, ...metadata, id, updated_at: this.#now() },
    });
    await this.#files.write(id, manifest);
    return manifest;
  }

  /** One change after another, so that none is lost. */
  async #alone<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(change);
    this.#last = mine.catch(() => {});
    return mine;
  }

  async #idFor({ metadata }: ManifestDocument): Promise<string> {
    const id = metadata?.id;
    if (typeof id !== "string" || !/^env_[\w-]{1,100}$/.test(id)) return this.#newId();
    return /^env_[0-9a-f]{8}$/.test(id) || (await this.#files.has(id)) ? id : this.#newId();
  }
  async #newId(): Promise<string> {
    const id = newEnvironmentId();
    return (await this.#files.has(id)) ? this.#newId() : id;
  }
  #now(): string {
    return timestamp(this.#clock.now());
  }
}

/** The manifest of a file; the file's name is its id. */
const manifestOf = (document: JsonObject, id: string): EnvironmentManifest => {
  const { metadata = {} } = document;
  return EnvironmentManifest.fromJSON({ ...document, metadata: isObject(metadata) ? { ...metadata, id } : metadata });
};

const inFile = (id: string, findings: readonly Finding[]): readonly Finding[] =>
  findings.map((f) => ({ ...f, path: f.path === id || f.path === "" ? id : `${id}: ${f.path}` }));
const findingsOf = (error: unknown, id: string): readonly Finding[] => {
  if (error instanceof ConfigError) return inFile(id, error.findings);
  return [finding("environment.unreadable", id, messageOf(error))];
};
const errorsIn = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ severity }) => severity === "error");
