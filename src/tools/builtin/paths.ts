/** Which file a path means, and whether tools may touch it. */
import { readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import type { ToolContext, ToolResult } from "../../contract/tool.ts";

/** What a file tool may not, or cannot, do: the model reads the message as a plain error. */
export class Refused extends Error {
  override name = "Refused";
}

/** Makes results of refusals and of what the operating system says. Anything else passes on. */
export const refusals = async (work: () => Promise<ToolResult | string>): Promise<ToolResult | string> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refused || isSystemError(error)) return { content: error.message, isError: true };
    throw error;
  }
};

/** Codes such as ENOENT, and the one for a path with a NUL in it. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error &&
  "code" in error &&
  typeof error.code === "string" &&
  (/^E[A-Z0-9]+$/.test(error.code) || error.code === "ERR_INVALID_ARG_VALUE");

type Place = Pick<ToolContext, "workingDir" | "allowedPaths">;

/**
 * The absolute path, with every link resolved, also of a file that does not exist yet. Relative paths start at the working folder. Throws
 * `Refused` for an empty path and for one outside of the allowed folders. `also`: more folders that may be touched.
 */
export const resolvePath = async (given: string, { workingDir, allowedPaths }: Place, also: readonly string[] = []): Promise<string> => {
  if (given === "") throw new Refused("The path is empty.");
  const path = await real(resolve(workingDir, given));
  if (allowedPaths === null) return path;
  for (const folder of [...allowedPaths, ...also]) if (within(await real(resolve(workingDir, folder)), path)) return path;
  throw new Refused(`${path} is outside of the allowed folders: ${allowedPaths.join(", ") || "there is none"}.`);
};

const within = (folder: string, path: string): boolean => path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

const LINKS = 40;
/** Follows links that lead nowhere too: a file that is written through one appears where the link says. */
const real = async (path: string, links = 0): Promise<string> => {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isSystemError(error) || (error.code !== "ENOENT" && error.code !== "ENOTDIR")) throw error;
  }
  const parent = dirname(path);
  if (parent === path) return path;
  const folder = await real(parent, links);
  const here = join(folder, basename(path));
  const target = await readlink(here).catch(() => undefined);
  if (target === undefined) return here;
  if (links >= LINKS) throw new Refused(`${path} is a link that leads back to itself.`);
  return real(resolve(folder, target), links + 1);
};
