/** Checkpoints as files: `BASE/SESSION/CHECKPOINT.json`, one line with sorted keys. */
import { canonical } from "../../contract/schema.ts";
import { fileName, writeWhole } from "../files.ts";
import { CheckpointError, CheckpointNotFound, type CheckpointRecord } from "./checkpoint.ts";

/** So many checkpoints are kept of a session; then the oldest go. */
const KEPT = 100;

/** Writes the record, flushed, and removes what is too old. Makes the folder at the first write. */
export const writeCheckpoint = async (baseDir: string, record: CheckpointRecord): Promise<void> => {
  const folder = await folderOf(baseDir, record.session_id);
  const name = fileName(record.checkpoint_id);
  await writeWhole(folder, `${name}.json`, canonical(record), name);
  await prune(folder);
};

/**
 * Reads one checkpoint. Throws `CheckpointNotFound` when the session has none of that id, `CheckpointError` when the file is damaged.
 * `restoreState(record.payload)` is the way back to a state.
 */
export const loadCheckpoint = async (baseDir: string, sessionId: string, id: string): Promise<CheckpointRecord> => {
  const { join } = await import("node:path");
  const path = join(await folderOf(baseDir, sessionId), `${fileName(id)}.json`);
  const record = await read(path);
  if (record?.session_id !== sessionId)
    throw new CheckpointNotFound(`The session "${sessionId}" has no checkpoint "${id}": listCheckpoints names those it has.`, {
      details: { path },
    });
  return record;
};

/** The session's checkpoints, newest first, without their payloads. Damaged files are left out. */
export const listCheckpoints = async (baseDir: string, sessionId: string): Promise<Omit<CheckpointRecord, "payload">[]> => {
  const { join } = await import("node:path");
  const folder = await folderOf(baseDir, sessionId);
  const records: Omit<CheckpointRecord, "payload">[] = [];
  for (const name of await namesIn(folder)) {
    const record = await read(join(folder, name)).catch((error) => {
      if (error instanceof CheckpointError) return undefined;
      throw error;
    });
    if (record?.session_id !== sessionId) continue;
    const { payload: _, ...head } = record;
    records.push(head);
  }
  return records.sort((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0));
};

const folderOf = async (baseDir: string, sessionId: string): Promise<string> => {
  const { join } = await import("node:path");
  return join(baseDir, fileName(sessionId) || "_unknown");
};

const namesIn = async (folder: string): Promise<string[]> => {
  const { readdir } = await import("node:fs/promises");
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(".json"));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
};

/** Undefined when there is no such file. */
const read = async (path: string): Promise<CheckpointRecord | undefined> => {
  const { readFile } = await import("node:fs/promises");
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof SyntaxError) throw damaged(path, error);
    throw error;
  }
  if (!isRecord(value)) throw damaged(path);
  return value;
};

const prune = async (folder: string): Promise<void> => {
  const names = await namesIn(folder);
  if (names.length <= KEPT) return;
  const { rm, stat } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const files = await Promise.all(names.map(async (name) => ({ path: join(folder, name), at: (await stat(join(folder, name))).mtimeMs })));
  files.sort((a, b) => a.at - b.at);
  for (const { path } of files.slice(0, files.length - KEPT)) await rm(path, { force: true });
};

const isRecord = (value: unknown): value is CheckpointRecord => {
  if (typeof value !== "object" || value === null) return false;
  const { checkpoint_id, session_id, iteration, created_at, payload } = value as { readonly [key: string]: unknown };
  const texts = [checkpoint_id, session_id, created_at].every((text) => typeof text === "string");
  return texts && typeof iteration === "number" && typeof payload === "object" && payload !== null && !Array.isArray(payload);
};
const damaged = (path: string, cause?: unknown): CheckpointError =>
  new CheckpointError(`${path} is not a checkpoint, or is damaged: take an older one.`, { details: { path }, cause });
const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";
