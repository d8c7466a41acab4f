/**
 * Presets that installed packages bring. A package names them in its package.json:
 *
 *     "geny-executor": { "presets": "./presets.json" }
 *
 * or the same object in place: names → `{ description, tags, manifest: "./researcher.geny-env.json" }`, or `module: "./coder.js"`, whose
 * default export is a `PresetFactory`. A module runs when its preset is made, and not before. A manifest is checked as it is found: one that needs
 * stages or providers of a host's is for a module.
 */

import { lstat, readdir, readFile, realpath } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { nameFinding } from "./built-in-presets.ts";
import { ConfigError, type Finding, messageOf } from "./contract/errors.ts";
import { finding, unknownKeys } from "./contract/findings.ts";
import type { JsonObject } from "./contract/schema.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { documentIn } from "./manifest/environment-files.ts";
import { IMPORT_LIMITS, importFindings } from "./manifest/import-check.ts";
import { isObject, objectOf } from "./manifest/json.ts";
import { validateManifest } from "./manifest/validate.ts";
import { pipelineOf } from "./manifest-preset.ts";
import type { Pipeline } from "./pipeline.ts";
import type { PresetOptions } from "./presets.ts";

export type PresetFactory = (options: PresetOptions) => Pipeline | Promise<Pipeline>;
export interface PluginPreset {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** `NAME@VERSION` of the package that brings it. */
  readonly package: string;
  readonly create: PresetFactory;
}
export interface Discovered {
  readonly presets: readonly PluginPreset[];
  /** What is wrong with packages; the path begins with the package's name. A preset with an error is left out, the rest stands. */
  readonly findings: readonly Finding[];
}

/**
 * Looks through the packages in `from`/node_modules, by name. Reads files, runs no code. A name of ours cannot be taken; of two packages with
 * one name the first has it.
 */
export const discoverPresets = async ({ from }: { readonly from: string }): Promise<Discovered> => {
  const presets = new Map<string, PluginPreset>();
  const findings: Finding[] = [];
  const modules = resolve(from, "node_modules");
  for (const name of await packagesIn(modules)) {
    const found = await presetsOf(join(modules, name), name).catch((error: unknown) => ({
      presets: [],
      findings: findingsOf(error, name),
    }));
    findings.push(...found.findings);
    for (const preset of found.presets) {
      const other = presets.get(preset.name);
      if (!other) presets.set(preset.name, preset);
      else
        findings.push(
          finding("preset.duplicate", `${name}: presets.${preset.name}`, `${other.package} brings a preset of that name already`),
        );
    }
  }
  return { presets: [...presets.values()], findings };
};

const invalid = (path: string, message: string): Finding => finding("preset.invalid", path, message);
const findingsOf = (error: unknown, at: string): Finding[] =>
  error instanceof ConfigError
    ? error.findings.map((f) => ({ ...f, path: f.path ? `${at}: ${f.path}` : at }))
    : [invalid(at, messageOf(error))];

/** Names of installed packages, sorted. Nothing is installed where there is no such folder. */
const packagesIn = async (modules: string): Promise<readonly string[]> => {
  const names = await entriesOf(modules);
  const scoped = await Promise.all(
    names.filter((n) => n.startsWith("@")).map(async (scope) => (await entriesOf(join(modules, scope))).map((n) => `${scope}/${n}`)),
  );
  return [...names.filter((n) => !n.startsWith("@")), ...scoped.flat()].sort();
};
const entriesOf = async (folder: string): Promise<readonly string[]> => {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
  return names.filter((name) => !name.startsWith("."));
};

const presetsOf = async (folder: string, name: string): Promise<Discovered> => {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => undefined);
  // Most packages know nothing of us; what is wrong with those is not ours to tell.
  if (!text?.includes('"geny-executor"')) return { presets: [], findings: [] };
  const description = documentIn(text, "package.json");
  const named = isObject(description["geny-executor"]) ? description["geny-executor"].presets : undefined;
  if (named === undefined) return { presets: [], findings: [] };
  const listed = typeof named === "string" ? await documentAt(folder, named) : named;
  if (!isObject(listed)) return { presets: [], findings: [invalid(`${name}: presets`, "must be an object, or the path of a JSON file")] };
  const presets: PluginPreset[] = [];
  const findings: Finding[] = [];
  for (const [key, given] of Object.entries(listed))
    try {
      const version = typeof description.version === "string" ? `@${description.version}` : "";
      presets.push(await presetOf(folder, key, given, `${name}${version}`));
      findings.push(...keyFindings(given, `${name}: presets.${key}`));
    } catch (error) {
      findings.push(...findingsOf(error, `${name}: presets.${key}`));
    }
  return { presets, findings };
};

const KEYS = ["description", "tags", "manifest", "module"];
const keyFindings = (given: unknown, path: string): Finding[] =>
  unknownKeys(objectOf(given), KEYS, path).map((f) => ({ ...f, severity: "warning", code: "preset.unknown_key" }));

const presetOf = async (folder: string, name: string, given: unknown, from: string): Promise<PluginPreset> => {
  const wrong = (path: string, message: string) => new ConfigError([invalid(path, message)]);
  const bad = nameFinding(name);
  if (bad) throw new ConfigError([bad]);
  if (!isObject(given)) throw wrong("", "must be an object");
  const { description = "", tags = [], manifest, module } = given;
  if (typeof description !== "string") throw wrong("description", "must be text");
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string")) throw wrong("tags", "must be a list of texts");
  const about = { name, description, tags, package: from };
  if (typeof module === "string" && manifest === undefined) {
    const path = await fileIn(folder, module);
    return { ...about, create: async (options) => (await factoryAt(path, from))(options) };
  }
  if (module !== undefined || manifest === undefined) throw wrong("", 'must have either a "manifest" or the path of a "module"');
  const document = typeof manifest === "string" ? await documentAt(folder, manifest) : manifest;
  if (!isObject(document)) throw wrong("manifest", "must be an object, or the path of a JSON file");
  const findings = [...importFindings(document), ...validateManifest(document).filter(({ severity }) => severity === "error")];
  if (findings.length) throw new ConfigError(findings);
  const read = EnvironmentManifest.fromJSON(document);
  return { ...about, create: (options) => pipelineOf(read, options) };
};

const factoryAt = async (path: string, from: string): Promise<PresetFactory> => {
  const { default: factory }: { readonly default?: PresetFactory } = await import(pathToFileURL(path).href);
  if (typeof factory === "function") return factory;
  throw new ConfigError([invalid(from, "the module's default export must be a function that makes a pipeline")]);
};

const documentAt = async (folder: string, path: string): Promise<JsonObject> =>
  documentIn(await readFile(await fileIn(folder, path), "utf8"), path);

/** The file's whole path. Throws `ConfigError` when it is not a plain file of the package's own. */
const fileIn = async (folder: string, path: string): Promise<string> => {
  const wrong = (message: string) => new ConfigError([invalid(path, message)]);
  if (!path.startsWith("./")) throw wrong('must begin with "./"');
  if (path.includes("\0")) throw wrong("is no path");
  const home = await realpath(folder);
  const file = await realpath(join(home, path)).catch(() => undefined);
  if (file === undefined) throw wrong("there is no such file");
  if (!file.startsWith(home + sep)) throw wrong("leads out of the package");
  const stat = await lstat(file);
  if (!stat.isFile() || stat.size > IMPORT_LIMITS.bytes) throw wrong("is no plain file, or too large");
  return file;
};
