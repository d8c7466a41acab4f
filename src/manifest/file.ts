/** One file of text: read with a clear word when it is not JSON, written at once or not at all. */
import { ConfigError } from "../contract/errors.ts";
import { finding } from "../contract/findings.ts";

const pathOf = async (path: string | URL): Promise<string> => (path instanceof URL ? (await import("node:url")).fileURLToPath(path) : path);

/** Rejects with what the file system says, and with `ConfigError` as `parseJson`. */
export const readJson = async (path: string | URL): Promise<unknown> => {
  const { readFile } = await import("node:fs/promises");
  return parseJson(await readFile(path, "utf8"), await pathOf(path));
};

/**
 * What a text holds; a byte order mark before it says nothing. Throws `ConfigError` when the text is not JSON: that has the name and the place, and
 * never quotes the text.
 */
export const parseJson = (given: string, name: string): unknown => {
  const text = given.replace(/^\uFEFF/, "");
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `${name} is not JSON: ${placeOf(String(error), text)}`;
    throw new ConfigError([finding("json.invalid", "", message)]);
  }
};

/** The parser's message may hold a piece of the text, and the text a secret: of that piece only the place is told. */
const placeOf = (message: string, text: string): string => {
  if (!text.trim()) return "it is empty";
  const position = /at position (\d+)/.exec(message)?.[1];
  const [, dots, piece = ""] = /, (\.\.\.)?"([\s\S]*)"(?:\.\.\.)? is not valid JSON$/.exec(message) ?? [];
  const start = piece ? text.indexOf(piece) : -1;
  const at = position === undefined ? start + (dots ? CONTEXT : 0) : Number(position);
  if (position === undefined && (start < 0 || start !== text.lastIndexOf(piece))) return "it ends too early, or holds what no JSON holds";
  const before = text.slice(0, at).split("\n");
  return `see line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
};
/** So many characters stand before the wrong one in the piece. */
const CONTEXT = 10;

/**
 * Writes beside the file and puts it in its place, so that whoever reads sees the old text or the new one. A file that is there keeps its mode; a
 * link stays, and what it points to is written. Rejects with what the file system says.
 */
export const writeWhole = async (path: string | URL, text: string): Promise<void> => {
  const { chmod, rename, rm, writeFile } = await import("node:fs/promises");
  const { target, mode } = await targetOf(await pathOf(path));
  const temporary = `${target}.${crypto.randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { flush: true, flag: "wx", ...(mode === undefined ? {} : { mode }) });
    if (mode !== undefined) await chmod(temporary, mode);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
};

/** The file behind links, and its mode when it is there. */
const targetOf = async (path: string): Promise<{ target: string; mode?: number }> => {
  const { readlink, realpath, stat } = await import("node:fs/promises");
  const { dirname, resolve } = await import("node:path");
  try {
    const target = await realpath(path);
    return { target, mode: (await stat(target)).mode & 0o7777 };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  // Nothing is there, or a link to what is not there yet.
  const link = await readlink(path).catch(() => undefined);
  return { target: link === undefined ? path : resolve(dirname(path), link) };
};
