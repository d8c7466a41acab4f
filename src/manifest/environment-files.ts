/** The files of one folder of environments, `ID.json`: only plain files right in it are ever touched. */

import { constants, type Stats } from "node:fs";
import { lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, type Finding } from "../contract/errors.ts";
import { type FindingCode, finding } from "../contract/findings.ts";
import { nearest } from "../contract/nearest.ts";
import type { JsonObject } from "../contract/schema.ts";
import type { EnvironmentManifest } from "./document.ts";
import { IMPORT_LIMITS, textFindings } from "./import-check.ts";
import { isObject } from "./json.ts";

const ID = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$/;
const refused = (code: FindingCode, path: string, message: string, suggestion?: string): ConfigError =>
  new ConfigError([finding(code, path, message, suggestion)]);

export class EnvironmentFiles {
  readonly #folder: string;

  /** Throws `ConfigError` for what is neither a path nor the address of a folder. */
  constructor(folder: string | URL) {
    const path = folder instanceof URL && folder.protocol === "file:" ? fileURLToPath(folder) : folder;
    if (typeof path !== "string") throw refused("option.invalid", "folder", "must be a path, or a URL that begins with file:");
    this.#folder = resolve(path);
  }

  /** Ids of the files `env_*.json`, sorted. */
  async ids(): Promise<readonly string[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException): string[] => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return names.flatMap((name) => (/^env_.*\.json$/s.test(name) ? [name.slice(0, -5)] : [])).sort();
  }

  /** Whether there is such a file. Throws `ConfigError` for an id that is none. */
  async has(id: string): Promise<boolean> {
    return (await this.#stat(id)) !== undefined;
  }

  /** The document as it stands there. Throws `ConfigError` when it is not there, is no plain file, or is no JSON object within the limits. */
  async read(id: string): Promise<JsonObject> {
    const stat = await this.#stat(id);
    if (!stat)
      throw refused("environment.not_found", id, `there is no environment "${id}" in ${this.#folder}`, nearest(id, await this.ids()));
    const { size } = stat;
    if (size > IMPORT_LIMITS.bytes) throw refused("import.too_large", id, `has ${size} bytes; at most ${IMPORT_LIMITS.bytes} are read`);
    // Between the look and the open a link could have come.
    const file = await open(this.#path(id), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    try {
      return documentIn(await file.readFile("utf8"), id);
    } finally {
      await file.close();
    }
  }

  /** Writes the file at once or not at all, in the place of one that is there. Throws `ConfigError` when that is no plain file. */
  async write(id: string, manifest: EnvironmentManifest): Promise<void> {
    await this.#stat(id);
    await mkdir(this.#folder, { recursive: true });
    await manifest.save(this.#path(id));
  }

  /** False when there is none. */
  async remove(id: string): Promise<boolean> {
    if (!(await this.has(id))) return false;
    await rm(this.#path(id));
    return true;
  }

  /** Undefined when nothing is there. */
  async #stat(id: string): Promise<Stats | undefined> {
    const stat = await lstat(this.#path(id)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (stat && !stat.isFile()) throw refused("environment.not_a_file", id, "is no plain file; links and folders are not followed");
    return stat;
  }

  #path(id: string): string {
    if (typeof id === "string" && ID.test(id)) return join(this.#folder, `${id}.json`);
    throw refused("environment.invalid_id", "id", `${JSON.stringify(id)} is no id: letters, digits, "_" and "-", at most 128`);
  }
}

/** A JSON text's object. Throws `ConfigError` that names `source`. */
export const documentIn = (text: string, source: string): JsonObject => {
  if (typeof text !== "string") throw refused("form.invalid", source, "must be the text of a JSON object");
  const findings = textFindings(text).map((finding): Finding => ({ ...finding, path: source }));
  if (findings.length) throw new ConfigError(findings);
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    // The parser's own words quote the text.
    throw refused("json.invalid", source, "is not JSON");
  }
  if (!isObject(document)) throw refused("form.invalid", source, "must be a JSON object");
  return document;
};
