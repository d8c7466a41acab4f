/** A shell command in a process group of its own, which is ended as a whole. */
import type { ChildProcess } from "node:child_process";
import { endGroup, forgetGroup, keepGroup } from "../../contract/process-group.ts";

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** The shell's; minus the signal's number when a signal ended it. Null when the time was over. */
  readonly exitCode: number | null;
  /** The shell has ended, but something that it started keeps the output open. */
  readonly leftOpen: boolean;
}
export interface Command {
  readonly command: string;
  readonly cwd: string;
  readonly env: { readonly [name: string]: string };
  readonly timeoutMs: number;
  /** Characters of each stream that are kept: 40 % from its head, 60 % from its tail. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Milliseconds that output may still come once the shell has ended. */
const DRAIN = 500;

/**
 * Rejects when the command cannot be started, and with the signal's reason on abort. After an abort or a time-out nothing of the group is left
 * 2 s later at the latest. Only a process that leaves the group escapes (`setsid`), and what the command itself
 * left running behind it when it ended in time.
 */
export const runCommand = async ({ command, cwd, env, timeoutMs, limit, signal }: Command): Promise<Ended> => {
  signal.throwIfAborted();
  const { spawn } = await import("node:child_process");
  const { constants } = await import("node:os");
  const child = spawn("/bin/sh", ["-c", command], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const stdout = collect(child.stdout, limit);
  const stderr = collect(child.stderr, limit);
  const done = (exitCode: number | null, leftOpen: boolean): Ended => ({ stdout: stdout(), stderr: stderr(), exitCode, leftOpen });
  const { pid } = child;
  let stop: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Ended>((ok, no) => {
      let late = false;
      child.once("error", no);
      if (pid === undefined) return;
      keepGroup(pid);
      stop = () => {
        endGroup(pid).then(() => release(child));
        no(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
      timer = setTimeout(() => {
        late = true;
        const over = () => ok(done(null, false));
        child.once("close", over);
        endGroup(pid).then(() => {
          release(child);
          over();
        });
      }, timeoutMs);
      child.once("exit", (code, killedBy) => {
        if (late) return;
        clearTimeout(timer);
        const exitCode = code ?? -(killedBy ? constants.signals[killedBy] : 0);
        const drained = setTimeout(() => {
          release(child);
          ok(done(exitCode, true));
        }, DRAIN);
        child.once("close", () => {
          clearTimeout(drained);
          ok(done(exitCode, false));
        });
      });
    });
  } finally {
    clearTimeout(timer);
    if (stop) signal.removeEventListener("abort", stop);
    if (pid !== undefined && !signal.aborted) forgetGroup(pid);
  }
};

const release = (child: ChildProcess) => {
  child.stdout?.destroy();
  child.stderr?.destroy();
};

/** Keeps head and tail of what a stream says, so that memory stays bounded. Bytes that are no UTF-8 become U+FFFD. */
const collect = (stream: NodeJS.ReadableStream, limit: number): (() => string) => {
  const decoder = new TextDecoder();
  const atHead = Math.floor(limit * 0.4);
  const atTail = limit - atHead;
  let head = "";
  let tail = "";
  let total = 0;
  const add = (text: string) => {
    total += text.length;
    const room = Math.max(0, atHead - head.length);
    head += text.slice(0, room);
    tail += text.slice(room);
    if (tail.length > 2 * atTail) tail = tail.slice(-atTail);
  };
  stream.on("data", (chunk: Buffer) => add(decoder.decode(chunk, { stream: true })));
  return () => {
    add(decoder.decode());
    if (total <= limit) return head + tail;
    return `${head}\n[... ${total - limit} characters left out ...]\n${tail.slice(-atTail)}`;
  };
};
