/** Goes through the files below a folder. */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ToolContext } from "../../contract/tool.ts";
import { isSystemError, Refused, resolvePath } from "./paths.ts";

/** So many entries are looked at. */
const ENTRIES = 200_000;

export interface Walk<S> {
  readonly base: string;
  /** What the caller wants to know of a folder, handed down: the base's own. */
  readonly start: S;
  /** A folder's from its parent's; undefined: do not go in. */
  enter(name: string, parent: S): S | undefined;
  take(name: string, folder: S): boolean;
}
/** What a walk could not see; filled in while it goes on. */
export interface Missed {
  entries: number;
  unreadable: number;
  stopped: boolean;
}
export const nothingMissed = (): Missed => ({ entries: 0, unreadable: 0, stopped: false });

/** Paths of files, folder by folder, by name. A link to a file counts as one where its target may be touched; links to folders are not followed. */
export async function* walk<S>({ base, start, enter, take }: Walk<S>, ctx: ToolContext, missed: Missed): AsyncGenerator<string> {
  const waiting: { path: string; at: S }[] = [{ path: base, at: start }];
  for (let folder = waiting.pop(); folder; folder = waiting.pop()) {
    ctx.signal.throwIfAborted();
    const below: typeof waiting = [];
    for (const entry of await list(folder.path, missed)) {
      if (++missed.entries > ENTRIES) {
        missed.stopped = true;
        return;
      }
      const path = join(folder.path, entry.name);
      if (entry.isDirectory()) {
        const at = enter(entry.name, folder.at);
        if (at !== undefined) below.push({ path, at });
      } else if (take(entry.name, folder.at) && (entry.isFile() || (entry.isSymbolicLink() && (await isFile(path, ctx))))) yield path;
    }
    waiting.push(...below.reverse());
  }
}

const list = async (path: string, missed: Missed): Promise<Dirent[]> => {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    missed.unreadable += 1;
    return [];
  }
};

const isFile = async (path: string, ctx: ToolContext): Promise<boolean> => {
  try {
    return (await stat(await resolvePath(path, ctx))).isFile();
  } catch (error) {
    if (error instanceof Refused || isSystemError(error)) return false;
    throw error;
  }
};

/** Lines for the end of the answer. */
export const missedNotes = ({ unreadable, stopped }: Missed): string[] => [
  ...(stopped ? [`[Stopped after ${ENTRIES} entries: name a smaller folder.]`] : []),
  ...(unreadable ? [`[${unreadable} folders could not be read.]`] : []),
];

/** The folder or file that a search starts at. Throws `Refused` when there is none, or it may not be touched. */
export const searchBase = async (path: string | undefined, ctx: ToolContext): Promise<{ base: string; folder: boolean }> => {
  const base = await resolvePath(path || ".", ctx);
  try {
    return { base, folder: (await stat(base)).isDirectory() };
  } catch (error) {
    if (isSystemError(error)) throw new Refused(`There is no ${base}.`);
    throw error;
  }
};
