/** Where the recordings are: `test/golden`, or the folder that the environment variable GOLDEN names, which may hold fewer of them. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const own = join(import.meta.dirname, "..", "golden");
export const folder = process.env.GOLDEN ? resolve(process.env.GOLDEN) : own;
/** True for the recordings that this repository carries; only there must every listed difference occur. */
export const isDefault = folder === own;

/** A JSON file of the folder, or, with `orOwn`, of this repository; undefined when it is not there. Its form is the caller's to know. */
export const load = <T>(name: string, orOwn = false): T | undefined => {
  const given = join(folder, name);
  const path = orOwn && !existsSync(given) ? join(own, name) : given;
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;
};

/** A file with one JSON value a line; empty when it is not there. */
export const lines = <T>(name: string): T[] => {
  const path = join(folder, name);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as T);
};
