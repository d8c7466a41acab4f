/** What the commands on manifests share: reading and writing files, and what is told. */
import { writeFile } from "node:fs/promises";
import { builtinTools, ConfigError, EnvironmentManifest, type Finding, type JsonObject, validateManifest } from "../index.ts";
import { lineOf, parseJson, readJson, writeWhole } from "../manifest/index.ts";

/** What a command did: exit code, and what it says. */
export interface Reply {
  /** 0: right, or nothing differs; 1: it was looked at, and something is wrong or differs; 2: it could not be done. */
  readonly code: 0 | 1 | 2;
  /** For standard output; with `--json` the value is. */
  readonly text: string;
  readonly value: unknown;
  /** For standard error; with `--json` they stand in the value. */
  readonly notes?: readonly string[];
}

/** Arguments that do not fit. */
export class Usage extends Error {}
/** What could not be done with a file, by its name. */
export class FileError extends Error {
  readonly code: string;
  readonly findings: readonly Finding[];
  constructor(message: string, code: string, findings: readonly Finding[] = []) {
    super(message);
    this.code = code;
    this.findings = findings;
  }
}

export const one = (files: readonly string[]): string => {
  const [file] = files;
  if (!file || files.length > 1) throw new Usage("One file, please.");
  return file;
};
export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
export const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
export const told = (found: Finding): string => `${found.severity === "error" ? "✗" : "!"} ${lineOf(found)} [${found.code}]`;
export const wrong = (findings: readonly Finding[]): boolean => findings.some(({ severity }) => severity === "error");

/** All findings, here where no host adds tools of its own. */
export const findingsOf = (document: unknown): readonly Finding[] => validateManifest(document, { tools: TOOLS });
const TOOLS: readonly string[] = builtinTools().map(({ name }) => name);

/** Standard input by this name. */
export const INPUT = "-";

/** Throws `FileError` for what cannot be read, and `ConfigError` for what is not JSON. */
export const readInput = async (file: string): Promise<unknown> => {
  if (file === INPUT) return parseJson(await standardInput(), "standard input");
  try {
    return await readJson(file);
  } catch (error) {
    throw fileError(error, `${file} cannot be read`);
  }
};
const standardInput = async (): Promise<string> => {
  const parts: Uint8Array[] = [];
  for await (const part of process.stdin) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
};

/** Throws `FileError`, also for what is no manifest; with `strict: false` only when there is nothing of one in it. */
export const manifestIn = (document: unknown, file: string, options: { strict?: boolean } = {}): EnvironmentManifest => {
  try {
    return EnvironmentManifest.fromJSON(document, options);
  } catch (error) {
    if (error instanceof ConfigError) throw new FileError(`${file}: ${error.message}`, error.code, error.findings);
    throw error;
  }
};

/** Writes the file whole or not at all; `fresh`: only when there is none. Throws `FileError`. */
export const write = async (file: string, text: string, { fresh = false } = {}): Promise<void> => {
  try {
    await (fresh ? writeFile(file, text, { flag: "wx" }) : writeWhole(file, text));
  } catch (error) {
    const hint = hasCode(error) && error.code === "EEXIST" ? ": give another name, or --force to write over it" : "";
    throw fileError(error, `${file} is not written`, hint);
  }
};

const hasCode = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error && "code" in error && typeof error.code === "string";
/** What the file system says, without the name of a file that it may never have been asked for. */
const fileError = (error: unknown, what: string, hint = ""): unknown => {
  if (!hasCode(error) || error instanceof ConfigError) return error;
  const said = /^E[A-Z]+: ([^,]+)/.exec(error.message)?.[1] ?? error.message;
  return new FileError(`${what}: ${said} (${error.code})${hint}.`, error.code);
};
