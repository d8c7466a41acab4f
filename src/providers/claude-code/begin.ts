/** A process with its private files: what must not stand in the command line is in files that only this user reads. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Argument } from "./argv.ts";
import { type Command, type Running, start } from "./process.ts";

export interface Started {
  readonly running: Running;
  /** Ends the process, and removes the files. */
  end(): Promise<void>;
}

/** Rejects as `start` does; then nothing is left. */
export const begin = async (command: Omit<Command, "args">, argv: readonly Argument[]): Promise<Started> => {
  const spilled = argv.filter((arg) => typeof arg !== "string");
  const folder = spilled.length ? await mkdtemp(join(tmpdir(), "geny-claude-")) : "";
  const remove = async () => {
    if (folder) await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const { file, content } of spilled) await writeFile(join(folder, file), content, { mode: 0o600 });
    const args = argv.map((arg) => (typeof arg === "string" ? arg : join(folder, arg.file)));
    const running = await start({ ...command, args });
    return {
      running,
      async end() {
        await running.end();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
};
