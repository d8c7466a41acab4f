/** The manifest as a value: read, written, and kept as it was, unknown keys too. */
import { ConfigError, type Finding } from "../contract/errors.ts";
import type { ManifestDocument, StageEntry } from "../contract/manifest.ts";
import { asJson } from "../contract/message.ts";
import { nearest } from "../contract/nearest.ts";
import type { JsonObject } from "../contract/schema.ts";

export const VERSION = "3.0";
const TOP: readonly string[] = [
  "version",
  "metadata",
  "model",
  "pipeline",
  "stages",
  "tools",
  "host_selections",
  "subagents",
  "memory",
  "$schema",
];
const ENTRY: readonly string[] = [
  "order",
  "name",
  "active",
  "artifact",
  "strategies",
  "strategy_configs",
  "config",
  "tool_binding",
  "model_override",
  "chain_order",
];

/** A pipeline as one JSON document: `*.geny-env.json`. The value never changes; `toJSON` gives a copy. */
export class EnvironmentManifest {
  readonly #document: ManifestDocument;
  /** What reading it found that is no error. */
  readonly findings: readonly Finding[];

  private constructor(document: ManifestDocument, findings: readonly Finding[]) {
    this.#document = document;
    this.findings = findings;
  }

  /**
   * Takes a document of version 3.0; the input is not kept. Throws `ConfigError` with every finding when its form is wrong. With `strict: false`
   * a stage entry of wrong form is left out and stands in `findings` instead.
   */
  static fromJSON(document: unknown, { strict = true }: { strict?: boolean } = {}): EnvironmentManifest {
    const copy = copyOf(document);
    const findings = formOf(copy);
    const errors = findings.filter((f) => f.severity === "error");
    const bad = new Set(errors.map((f) => /^stages\[(\d+)\]/.exec(f.path)?.[1]));
    if (errors.length && (strict || bad.has(undefined))) throw new ConfigError(findings);
    const read = copy as ManifestDocument;
    return new EnvironmentManifest({ ...read, stages: read.stages.filter((_, i) => !bad.has(String(i))) }, findings);
  }

  /** Reads a file, as `fromJSON`. Throws what the file system throws, and `ConfigError`. */
  static async load(path: string | URL, options: { strict?: boolean } = {}): Promise<EnvironmentManifest> {
    const { readFile } = await import("node:fs/promises");
    const text = await readFile(path, "utf8");
    let document: unknown;
    try {
      document = JSON.parse(text);
    } catch (error) {
      throw new ConfigError([
        { severity: "error", code: "json.invalid", path: "", message: `${String(path)} is not JSON: ${(error as Error).message}` },
      ]);
    }
    return EnvironmentManifest.fromJSON(document, options);
  }

  /** Writes the document with an indent of 2, at once or not at all. */
  async save(path: string | URL): Promise<void> {
    const { rename, writeFile, rm } = await import("node:fs/promises");
    const target = path instanceof URL ? (await import("node:url")).fileURLToPath(path) : path;
    const temporary = `${target}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, `${JSON.stringify(this.#document, null, 2)}\n`, { flush: true });
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  toJSON(): ManifestDocument {
    return copyOf(this.#document) as ManifestDocument;
  }
}

const copyOf = (document: unknown): unknown => asJson(document);
const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

type Add = (severity: Finding["severity"], code: string, path: string, message: string, suggestion?: string) => void;

/** What is wrong with a document's form. Names of stages, slots and strategies are `compile`'s business. */
const formOf = (document: unknown): Finding[] => {
  const findings: Finding[] = [];
  const add: Add = (severity, code, path, message, suggestion) => void findings.push({ severity, code, path, message, suggestion });
  if (!isObject(document)) {
    add("error", "form.invalid", "", "must be a JSON object");
    return findings;
  }
  for (const key of Object.keys(document))
    if (!TOP.includes(key)) add("warning", "manifest.unknown_key", key, "is not a known key; it is kept", nearest(key, TOP));
  if (document.version !== VERSION)
    add(
      "error",
      "version.unsupported",
      "version",
      `must be "${VERSION}", not ${JSON.stringify(document.version)}: this release reads no other version`,
    );
  for (const key of ["metadata", "model", "pipeline", "tools"])
    if (document[key] !== undefined && !isObject(document[key])) add("error", "form.invalid", key, "must be an object");
  if (!Array.isArray(document.stages)) add("error", "form.invalid", "stages", "must be a list of stage entries");
  else for (const [i, entry] of document.stages.entries()) formOfEntry(entry, `stages[${i}]`, add);
  return findings;
};

const formOfEntry = (entry: unknown, path: string, add: Add): void => {
  if (!isObject(entry)) {
    add("error", "form.invalid", path, "must be an object");
    return;
  }
  for (const key of Object.keys(entry))
    if (!ENTRY.includes(key)) add("warning", "stage.unknown_key", `${path}.${key}`, "is not a known key; it is kept", nearest(key, ENTRY));
  if (typeof entry.name !== "string") add("error", "form.invalid", `${path}.name`, "must be the stage's name");
  if (entry.active !== undefined && typeof entry.active !== "boolean")
    add("error", "form.invalid", `${path}.active`, "must be true or false");
  const inside = (key: string, fits: (value: unknown) => boolean, what: string) => {
    const group = entry[key];
    if (group === undefined) return;
    if (!isObject(group)) add("error", "form.invalid", `${path}.${key}`, "must be an object");
    else for (const [name, value] of Object.entries(group)) if (!fits(value)) add("error", "form.invalid", `${path}.${key}.${name}`, what);
  };
  inside("config", () => true, "");
  inside("strategies", (v) => typeof v === "string", "must be the name of a strategy");
  inside("strategy_configs", isObject, "must be an object");
  inside("chain_order", (v) => Array.isArray(v) && v.every((name) => typeof name === "string"), "must be a list of names");
  for (const key of ["tool_binding", "model_override"])
    if (entry[key] !== undefined && entry[key] !== null && !isObject(entry[key]))
      add("error", "form.invalid", `${path}.${key}`, "must be an object or null");
};

/** A whole entry, as files have it. */
export const entryOf = (given: StageEntry): StageEntry => ({
  active: true,
  artifact: "default",
  strategies: {},
  strategy_configs: {},
  config: {},
  tool_binding: null,
  model_override: null,
  chain_order: {},
  ...given,
});

/** A whole document around its stages. */
export const documentOf = (
  given: Partial<ManifestDocument> & { readonly stages: readonly StageEntry[] },
  id: string,
  now: string,
): ManifestDocument => {
  const { stages, metadata, ...rest } = given;
  return {
    version: VERSION,
    metadata: { id, name: "", description: "", author: "", tags: [], created_at: now, updated_at: now, base_preset: "", ...metadata },
    model: {},
    pipeline: {},
    ...rest,
    stages: stages.map((s) => {
      const { order, name, ...more } = entryOf(s);
      return { order, name, ...more };
    }),
    tools: { built_in: [], adhoc: [], mcp_servers: [], external: [], scope: {}, ...rest.tools },
    host_selections: { hooks: ["*"], skills: ["*"], permissions: ["*"], ...rest.host_selections },
  };
};
