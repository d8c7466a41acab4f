/** Where the `claude` program is. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { APIError } from "../../contract/errors.ts";
import type { Environment } from "../lanes.ts";

const INSTALL = "Install it with `npm install -g @anthropic-ai/claude-code`, or give `binaryPath`, or set CLAUDE_CODE_BINARY.";

export const notFound = (what: string, cause?: unknown): APIError =>
  new APIError(`claude_code_cli: ${what} ${INSTALL}`, { code: "exec.cli.binary_not_found", cause });

/**
 * `binaryPath`, which must then be right; else CLAUDE_CODE_BINARY, if a program is there; else `claude` in PATH.
 * Throws `exec.cli.binary_not_found`.
 */
export const findBinary = async (binaryPath: string | undefined, env: Environment): Promise<string> => {
  if (binaryPath) {
    const path = resolve(binaryPath);
    if (await isProgram(path)) return path;
    throw notFound(`there is no program at ${path}.`);
  }
  const names = process.platform === "win32" ? ["claude.exe"] : ["claude"];
  const folders = (env.PATH ?? "").split(delimiter).filter(Boolean);
  const named = env.CLAUDE_CODE_BINARY ? [env.CLAUDE_CODE_BINARY] : [];
  for (const path of [...named, ...folders.flatMap((folder) => names.map((name) => join(folder, name)))].map((p) => resolve(p)))
    if (await isProgram(path)) return path;
  throw notFound(`the program \`claude\` was not found in PATH.`);
};

const isProgram = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false; // absent, not ours to run, or not to be reached: no program either way
  }
};
