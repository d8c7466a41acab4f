/** One call: one process, from its command line to its end. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { APIError } from "../../contract/errors.ts";
import type { ModelEvent, ModelRequest } from "../../contract/provider.ts";
import type { Environment } from "../lanes.ts";
import { type Argument, argvOf, resumes } from "./argv.ts";
import { type ChildEnvironment, redacted } from "./environment.ts";
import { exitFailure, failureOf } from "./failures.ts";
import { lineLimit, lineReader } from "./lines.ts";
import { type Running, start } from "./process.ts";
import { newest, promptOf } from "./prompt.ts";
import type { Conversation, Turn } from "./session.ts";
import type { Extras } from "./settings.ts";
import { type StreamReader, streamReader } from "./stream-json.ts";
import { sinceThen } from "./usage.ts";

export interface Setup {
  readonly extras: Extras;
  readonly child: ChildEnvironment;
  readonly host: Environment;
  /** 0: no limit. */
  readonly timeoutMs: number;
  readonly conversation: Conversation | null;
  /** The model's first message is the answer. */
  readonly single: boolean;
  /** US dollars that this call may spend, beside `extras.max_budget_usd`; undefined: no limit. */
  readonly budgetUsd?: number | undefined;
  binary(): Promise<string>;
}

/** Milliseconds that the process may take to end by itself once the result is there. */
const FAREWELL = 5000;
/** The same, when nobody waits any more. */
const SHORT = 500;

/** Ends the process when `stop` aborts, and throws its reason. `track` is given what is still to be cleared away afterwards. */
export async function* call(
  setup: Setup,
  request: ModelRequest,
  stop: AbortController,
  track: (ending: Promise<void>) => void,
): AsyncGenerator<ModelEvent, undefined> {
  const { signal } = stop;
  // What is asked beside the conversation, such as a summary of it, is no part of it.
  const turn = request.purpose === "api" ? await setup.conversation?.take() : undefined;
  const limit = setup.timeoutMs;
  const timer = limit > 0 ? setTimeout(() => stop.abort(late(limit)), limit) : undefined;
  let files: Files | undefined;
  let running: Running | undefined;
  let reader: StreamReader | undefined;
  try {
    signal.throwIfAborted();
    const argv = argvOf(request, {
      extras: { ...setup.extras, max_budget_usd: budgetOf(setup, turn?.costUsd ?? 0) },
      bare: setup.extras.bare_mode && setup.child.hasKey,
      session: turn?.session ?? null,
    });
    const input = inputOf(request, resumes(argv));
    const binary = await setup.binary();
    files = await written(argv);
    signal.throwIfAborted();
    running = await start({ binary, args: files.args, env: setup.child.env, cwd: folderOf(setup.extras), input });
    const said: ModelEvent[] = [];
    reader = streamReader({
      structured: request.outputSchema !== null,
      strict: setup.extras.strict_wire,
      single: setup.single,
      share: turn?.share ?? ((bill) => (resumes(argv) ? sinceThen(bill, null) : bill.usage)),
      say: (event) => {
        if (event.type === "start") turn?.began();
        said.push(event);
      },
    });
    yield* read({ setup, running, reader, said, signal });
    yield* conclude({ setup, running, reader, signal, turn });
  } finally {
    clearTimeout(timer);
    const farewell = reader?.outcome && !reader.outcome.cut ? (signal.aborted ? SHORT : FAREWELL) : 0;
    track(cleared(running, farewell, files, turn));
  }
}

/** The CLI counts from the conversation's beginning. */
const budgetOf = ({ extras, budgetUsd }: Setup, before: number): number | null =>
  budgetUsd === undefined ? extras.max_budget_usd : Math.min(extras.max_budget_usd ?? Number.POSITIVE_INFINITY, before + budgetUsd);

interface Reading {
  readonly setup: Setup;
  readonly running: Running;
  readonly reader: StreamReader;
  readonly signal: AbortSignal;
}

async function* read({ setup, running, reader, said, signal }: Reading & { readonly said: ModelEvent[] }): AsyncGenerator<ModelEvent> {
  const { secrets } = setup.child;
  const lines = lineReader(lineLimit(setup.host), (line) => reader.take(redacted(line, secrets)));
  const onStop = () => {
    running.stdout.drop(signal.reason);
    running.end();
  };
  signal.addEventListener("abort", onStop, { once: true });
  if (signal.aborted) onStop();
  try {
    for await (const piece of running.stdout) {
      const failure = attempt(() => lines.push(piece));
      yield* said.splice(0);
      if (failure) throw failure.thrown;
      if (reader.outcome) return;
    }
    const failure = attempt(() => lines.end());
    yield* said.splice(0);
    if (failure) throw failure.thrown;
  } finally {
    signal.removeEventListener("abort", onStop);
  }
}

/** What was said before a failure is still told. */
const attempt = (act: () => void): { readonly thrown: unknown } | undefined => {
  try {
    act();
    return undefined;
  } catch (thrown) {
    return { thrown };
  }
};

async function* conclude({
  setup,
  running,
  reader,
  signal,
  turn,
}: Reading & { readonly turn: Turn | undefined }): AsyncGenerator<ModelEvent> {
  const unknown = reader.unknown();
  if (unknown) yield { type: "notice", notice: "unknown_wire_shape", data: { provider: "claude_code_cli", ...unknown } };
  const { outcome } = reader;
  if (outcome && !outcome.trouble) {
    yield { type: "finish", stopReason: outcome.stopReason };
    return;
  }
  const error = outcome?.trouble
    ? failureOf(outcome.trouble)
    : exitFailure(await unlessStopped(running.exit, signal), redacted(running.stderr(), setup.child.secrets) || reader.stray, reader.heard);
  if (/no conversation found/i.test(error.message)) turn?.lost();
  throw error;
}

const unlessStopped = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((ok, no) => {
    const onStop = () => no(signal.reason);
    if (signal.aborted) return onStop();
    signal.addEventListener("abort", onStop, { once: true });
    promise.then(ok, no).finally(() => signal.removeEventListener("abort", onStop));
  });

const late = (ms: number): APIError =>
  new APIError(`claude_code_cli: the call took longer than ${ms / 1000} s. Raise extras.timeout_s, or ask for less.`, {
    code: "exec.cli.timeout",
    details: { provider: "claude_code_cli", timeout_ms: ms },
  });

const folderOf = ({ workspace_dir, workspace_root }: Extras): string | null => workspace_dir || workspace_root || null;

const inputOf = (request: ModelRequest, resumed: boolean): string => {
  const content = promptOf({ ...request, messages: resumed ? newest(request.messages) : request.messages });
  if (content === null) throw new APIError("claude_code_cli: there is no message to send.", { code: "exec.api.bad_request" });
  return `${JSON.stringify({ type: "user", message: { role: "user", content } })}\n`;
};

interface Files {
  readonly args: readonly string[];
  /** Null: nothing was written. */
  readonly folder: string | null;
}

/** Writes what must not stand in the command line where only this user reads it. */
const written = async (argv: readonly Argument[]): Promise<Files> => {
  const spilled = argv.filter((arg) => typeof arg !== "string");
  if (spilled.length === 0) return { args: argv.filter((arg) => typeof arg === "string"), folder: null };
  const folder = await mkdtemp(join(tmpdir(), "geny-claude-"));
  for (const { file, content } of spilled) await writeFile(join(folder, file), content, { mode: 0o600 });
  return { args: argv.map((arg) => (typeof arg === "string" ? arg : join(folder, arg.file))), folder };
};

/** `farewell`: milliseconds for a process that has done its work to end by itself. */
const cleared = async (running: Running | undefined, farewell: number, files: Files | undefined, turn: Turn | undefined): Promise<void> => {
  try {
    if (running && farewell) await within(farewell, running.exit);
    await running?.end();
    if (files?.folder) await rm(files.folder, { recursive: true, force: true });
  } finally {
    turn?.release();
  }
};

const within = async (ms: number, promise: Promise<unknown>): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((ok) => {
    timer = setTimeout(ok, ms);
  });
  await Promise.race([promise, over]);
  clearTimeout(timer);
};
