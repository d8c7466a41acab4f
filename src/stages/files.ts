/** Files that stages write: safe names, whole or not at all. */

/** The id as one name of a file or folder: no separators, nothing that a file system refuses, never "." or "..". */
export const fileName = (id: string): string =>
  id
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    .replace(/[/\\:*?"<>|\u0000-\u001f]/g, "_")
    .replace(/^\.+$/, (dots) => "_".repeat(dots.length));

/**
 * Writes the text to disk, flushed, under a temporary name and then renames it. Makes the folder if it is not there. Throws what the file
 * system throws; nothing is left behind then.
 */
export const writeWhole = async (folder: string, name: string, text: string, unique: string): Promise<void> => {
  const { mkdir, rename, rm, writeFile } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const temporary = join(folder, `.${name}.${unique}.tmp`);
  await mkdir(folder, { recursive: true });
  try {
    await writeFile(temporary, text, { flush: true });
    await rename(temporary, join(folder, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};
