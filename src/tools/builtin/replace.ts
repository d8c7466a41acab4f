/** Puts a file in its place as a whole: nobody ever sees half of it. */
import { chmod, mkdir, rename, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSystemError, Refused } from "./paths.ts";

let count = 0;

/** Writes beside the file, then renames. Missing folders are made; an existing file keeps its mode. */
export const replaceFile = async (path: string, content: string | Buffer): Promise<void> => {
  const mode = await modeOf(path);
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.geny-${process.pid}-${++count}.tmp`);
  try {
    await writeFile(temporary, content, { flag: "wx" });
    if (mode !== undefined) await chmod(temporary, mode);
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
};

const modeOf = async (path: string): Promise<number | undefined> => {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new Refused(`${path} is a folder.`);
    if (!found.isFile()) throw new Refused(`${path} is not a regular file.`);
    return found.mode & 0o7777;
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return undefined;
    throw error;
  }
};

/** Bytes of the file that stands there; 0 for none. */
export const sizeOf = async (path: string): Promise<number> => {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : 0;
  } catch (error) {
    if (isSystemError(error) && (error.code === "ENOENT" || error.code === "ENOTDIR")) return 0;
    throw error;
  }
};
