/** Files as text. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { Refused } from "./paths.ts";

/** Bytes; a larger file is not read as a whole. */
const LARGEST = 64 * 1024 * 1024;
/** A NUL among so many first bytes makes a file binary. */
const PROBE = 8192;

/** The bytes of a regular file: to open or read a pipe or a device may never end. Throws `Refused` when it is none, or larger than `largest` bytes. */
export const readBytes = async (path: string, largest = LARGEST): Promise<Buffer> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw new Refused(`${path} is a folder, not a file.`);
    if (!stat.isFile()) throw new Refused(`${path} is not a regular file.`);
    if (stat.size > largest) throw new Refused(`${path} has ${stat.size} bytes; the most that is read is ${largest}.`);
    return await file.readFile();
  } finally {
    await file.close();
  }
};

export const isBinary = (bytes: Buffer): boolean => bytes.subarray(0, PROBE).includes(0);

/** UTF-8; bytes that are none are read as Latin-1. A byte order mark at the start is left out. */
export const decode = (bytes: Buffer): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return bytes.toString("latin1");
  }
};

/** The lines of a text, without their ends; a last line end does not open another line. */
export const linesOf = (text: string): string[] => {
  const lines = text.split(/\r\n|[\n\r\v\f\x85\u2028\u2029]/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
};
