/** One call: one process, from its command line to its end. */
import { orAbort } from "../../contract/abort.ts";
import { APIError } from "../../contract/errors.ts";
import type { ModelEvent, ModelRequest, SessionTools } from "../../contract/provider.ts";
import type { JsonObject } from "../../contract/schema.ts";
import type { Environment } from "../lanes.ts";
import { argvOf, resumes } from "./argv.ts";
import { begin, type Started } from "./begin.ts";
import { type Channel, noChannel, openChannel } from "./channel.ts";
import type { Control } from "./control.ts";
import { type ChildEnvironment, redacted } from "./environment.ts";
import { exitFailure, failureOf } from "./failures.ts";
import { type Limit, limitOf } from "./limit.ts";
import { lineLimit, lineReader } from "./lines.ts";
import type { Running } from "./process.ts";
import { newest, promptOf } from "./prompt.ts";
import type { Conversation, Turn } from "./session.ts";
import type { Extras } from "./settings.ts";
import type { Spare } from "./spare.ts";
import { type StreamReader, streamReader } from "./stream-json.ts";
import { sinceThen } from "./usage.ts";
import { speaksControl } from "./version.ts";

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
  /** Null: none is kept. */
  readonly spare: Spare | null;
  binary(): Promise<string>;
  /** What the program says of itself; null for nothing. */
  version(): Promise<string | null>;
}
export interface Asked {
  readonly setup: Setup;
  readonly request: ModelRequest;
  readonly tools: SessionTools | undefined;
  /** Ends the call. */
  readonly stop: AbortController;
  /** Is given what is still to be cleared away afterwards. */
  track(ending: Promise<void>): void;
}

/** Milliseconds that the process may take to end by itself once the result is there. */
const FAREWELL = 5000;
/** The same, when nobody waits any more. */
const SHORT = 500;

/** Ends the process when `stop` aborts, and throws its reason. */
export async function* call({ setup, request, tools, stop, track }: Asked): AsyncGenerator<ModelEvent, undefined> {
  const { signal } = stop;
  const { extras, child } = setup;
  // What is asked beside the conversation, such as a summary of it, is no part of it.
  const turn = request.purpose === "api" ? await setup.conversation?.take() : undefined;
  const limit = limitOf(setup.timeoutMs, () => stop.abort(late(setup.timeoutMs)));
  const left: Left = { turn, channel: noChannel, started: undefined };
  let next: (() => Promise<void>) | undefined;
  let reader: StreamReader | undefined;
  try {
    signal.throwIfAborted();
    const binary = await setup.binary();
    if (tools) left.channel = await channelOf(setup, tools, limit, signal);
    const { channel } = left;
    const bare = extras.bare_mode && child.hasKey;
    const argv = argvOf(request, {
      extras: { ...extras, max_budget_usd: budgetOf(setup, turn?.costUsd ?? 0) },
      ...{ bare, session: turn?.session ?? null, channel },
    });
    const input = inputOf(request, resumes(argv));
    signal.throwIfAborted();
    const start = () => begin({ binary, env: child.env, cwd: folderOf(extras) }, argv);
    left.started = setup.spare?.take(argv) ?? (await start());
    const { running } = left.started;
    running.send(channel.greeting + input);
    if (!channel.greeting) running.endInput();
    const found: Found = { said: [], asks: [], control: channel.control(running.send) };
    reader = readerOf(setup, request, resumes(argv), left, found);
    const reading = { setup, running, reader, signal, secrets: [...child.secrets, ...channel.secrets] };
    yield* read(reading, found);
    // A conversation has another command line the next time, and so has an address.
    if (reader.outcome && !reader.outcome.trouble && !turn && !channel.secrets.length) next = async () => setup.spare?.keep(argv, start);
    yield* conclude(reading, turn);
  } finally {
    limit.clear();
    const farewell = reader?.outcome && !reader.outcome.cut ? (signal.aborted ? SHORT : FAREWELL) : 0;
    track(cleared(left, farewell).then(next));
  }
}

/** The CLI counts from the conversation's beginning. */
const budgetOf = ({ extras, budgetUsd }: Setup, before: number): number | null =>
  budgetUsd === undefined ? extras.max_budget_usd : Math.min(extras.max_budget_usd ?? Number.POSITIVE_INFINITY, before + budgetUsd);

const channelOf = async (setup: Setup, tools: SessionTools, limit: Limit, signal: AbortSignal): Promise<Channel> => {
  const version = await orAbort(setup.version(), signal);
  const patient: SessionTools = {
    specs: tools.specs,
    call: (asked, signal) => tools.call(asked, signal),
    approve: (asked, signal) => limit.still(() => tools.approve(asked, signal)),
  };
  return openChannel(patient, speaksControl(version), (message) => redacted(message, setup.child.keys));
};

const readerOf = (
  { extras, single }: Setup,
  request: ModelRequest,
  resumed: boolean,
  { turn, channel }: Left,
  { said, asks }: Found,
): StreamReader =>
  streamReader({
    structured: request.outputSchema !== null,
    strict: extras.strict_wire,
    single,
    share: turn?.share ?? ((bill) => (resumed ? sinceThen(bill, null) : bill.usage)),
    nameOf: channel.nameOf,
    control: (line) => asks.push(line),
    say: (event) => {
      if (event.type === "start") turn?.began();
      said.push(event);
    },
  });

interface Reading {
  readonly setup: Setup;
  readonly running: Running;
  readonly reader: StreamReader;
  readonly signal: AbortSignal;
  readonly secrets: readonly string[];
}
/** What is asked must reach the tool as it was meant. */
const CONTROL = /^\s*\{\s*"type"\s*:\s*"control_/;
/** What the reader found in a piece of the output. */
interface Found {
  readonly said: ModelEvent[];
  readonly asks: JsonObject[];
  readonly control: Control;
}

async function* read({ setup, running, reader, signal, secrets }: Reading, { said, asks, control }: Found): AsyncGenerator<ModelEvent> {
  const lines = lineReader(lineLimit(setup.host), (line) => reader.take(redacted(line, CONTROL.test(line) ? setup.child.keys : secrets)));
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
      // After the events, so that a call is told before it runs.
      for (const line of asks.splice(0)) control.take(line);
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

async function* conclude({ running, reader, signal, secrets }: Reading, turn: Turn | undefined): AsyncGenerator<ModelEvent> {
  const unknown = reader.unknown();
  if (unknown) yield { type: "notice", notice: "unknown_wire_shape", data: { provider: "claude_code_cli", ...unknown } };
  const { outcome } = reader;
  if (outcome && !outcome.trouble) {
    yield { type: "finish", stopReason: outcome.stopReason };
    return;
  }
  const error = outcome?.trouble
    ? failureOf(outcome.trouble)
    : exitFailure(await orAbort(running.exit, signal), redacted(running.stderr(), secrets) || reader.stray, reader.heard);
  if (/no conversation found/i.test(error.message)) turn?.lost();
  throw error;
}

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

/** What a call leaves behind. */
interface Left {
  readonly turn: Turn | undefined;
  channel: Channel;
  started: Started | undefined;
}

/** `farewell`: milliseconds for a process that has done its work to end by itself. */
const cleared = async ({ turn, channel, started }: Left, farewell: number): Promise<void> => {
  try {
    started?.running.endInput();
    await channel.close();
    if (started && farewell) await within(farewell, started.running.exit);
    await started?.end();
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
