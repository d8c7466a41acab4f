/** The CLI's process, in a group of its own that is ended as a whole. Knows pipes and signals, and nothing of what is said. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { APIError } from "../../contract/errors.ts";
import { endGroup, keepGroup } from "../../contract/process-group.ts";
import { type ByteQueue, byteQueue } from "../bytes.ts";
import { notFound } from "./binary.ts";

export interface Command {
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
  /** Null: the process's own. */
  readonly cwd: string | null;
}

export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Running {
  /** May be read once; ends soon after the process did. */
  readonly stdout: ByteQueue;
  /** The newest part of what it said there. */
  stderr(): string;
  readonly exit: Promise<Exit>;
  /** Input, while it is open. */
  send(input: string): void;
  /** No more input comes. */
  endInput(): void;
  /** Asks the group to end, and ends by force 2 s later what is left of it. Settles when it is gone. Never rejects. */
  end(): Promise<void>;
}

/** Milliseconds that output may still come once the process has ended: something that it started may hold the pipe. */
const DRAIN = 500;
const AHEAD = 1 << 20;
const STDERR = 4096;

/** Rejects with `exec.cli.binary_not_found` or `exec.api.bad_request` when the process cannot be started. */
export const start = async (command: Command): Promise<Running> => {
  const child = await spawned(command);
  const { stdin, stdout, stderr } = child;
  const queue = byteQueue({ limit: AHEAD, pause: () => stdout.pause(), resume: () => stdout.resume(), cancel: () => stdout.resume() });
  let words = "";
  stdin.on("error", () => {}); // it may end without having read everything: its exit says why
  stdout.on("data", (piece: Uint8Array) => queue.push(piece));
  stdout.on("error", (error) => queue.fail(error));
  stdout.on("close", () => queue.close());
  stderr.setEncoding("utf8").on("data", (piece: string) => {
    words = (words + piece).slice(-STDERR);
  });
  const exit = new Promise<Exit>((ok) => {
    child.once("exit", (code, signal) => {
      const drained = setTimeout(() => {
        queue.close();
        stdout.destroy();
        stderr.destroy();
        ok({ code, signal });
      }, DRAIN);
      child.once("close", () => {
        clearTimeout(drained);
        ok({ code, signal });
      });
    });
  });
  const pid = child.pid as number; // there is one once it was spawned
  keepGroup(pid);
  let ending: Promise<void> | undefined;
  return {
    stdout: queue,
    stderr: () => words,
    exit,
    send: (input) => void (stdin.writable && stdin.write(input)),
    endInput: () => void stdin.end(),
    end: () => {
      ending ??= endGroup(pid).finally(() => {
        stdout.destroy();
        stderr.destroy();
      });
      return ending;
    },
  };
};

const spawned = async ({ binary, args, env, cwd }: Command) => {
  try {
    const detached = process.platform !== "win32";
    const child = spawn(binary, args, { env, detached, stdio: ["pipe", "pipe", "pipe"], ...(cwd === null ? {} : { cwd }) });
    await once(child, "spawn");
    return child;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    const wrong = (what: string) => new APIError(`claude_code_cli: ${what}`, { code: "exec.api.bad_request", cause });
    if (cwd !== null && !(await stat(cwd).catch(() => undefined))?.isDirectory())
      throw wrong(`extras.workspace_dir: there is no folder ${cwd}.`);
    if (code === "E2BIG") throw wrong("the command line is too long. Shorten the output schema or extras.extra_args.");
    if (code === "ERR_INVALID_ARG_VALUE") throw wrong("a prompt, argument or variable holds a NUL character. Remove it.");
    throw notFound(`${binary} could not be started (${code}).`, cause);
  }
};
