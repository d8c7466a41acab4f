/** The offline model: a loopback HTTP server that speaks the vendors' wires, answers by a script, and fails on demand. */
import { once } from "node:events";
import { createServer } from "node:http";
import { type Playback, playback } from "./cassette/playback.ts";
import { exchange, type World } from "./exchange.ts";
import { planner } from "./planner.ts";
import { type LocalServer, type ModelCard, probes } from "./probes.ts";
import type { RecordedRequest } from "./recording.ts";
import { type Script, ScriptError, type Turn } from "./script.ts";
import { turnSource } from "./turns.ts";
import { anthropic } from "./wires/anthropic.ts";
import { gemini } from "./wires/gemini.ts";
import type { Dialect } from "./wires/openai.ts";
import { openaiChat } from "./wires/openai-chat.ts";
import { openaiResponses } from "./wires/openai-responses.ts";

export interface ModelOptions {
  /** Default: the offline planner, which answers questions about files with the tools it is offered. */
  readonly script?: Script;
  /**
   * Plays what a `recorder` wrote, in place of a script. Each recording answers one request that is equal to its own; `ignore` names
   * paths that may differ, such as `body.metadata.user_id`. A request that fits none gets a 400 that says what differs, and `expectDone` throws.
   */
  readonly cassette?: string | { readonly file: string; readonly ignore: readonly string[] };
  /** Default 0: one that is free. */
  readonly port?: number;
  /** Laid under every turn. */
  readonly defaults?: Turn;
  /** Where Chat Completions show thinking. OpenAI's own do not; servers that speak their wire do. Default "reasoning_content". */
  readonly chat_reasoning?: Dialect["reasoning"];
  /** What `GET /v1/models` lists, in the form of whoever asks. Any other model answers all the same. Default: one, "offline-model". */
  readonly models?: readonly (string | ModelCard)[];
  /** Answers as that server does when it is probed (Ollama's `/api/tags` and `/api/show`, LM Studio's `/api/v0/models`, ...), and asks OpenAI's wires for no key. */
  readonly local?: LocalServer;
}

export interface OfflineModel extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: the base URL as the vendors' SDKs take it, without `/v1`. */
  readonly url: string;
  /** Every request so far, in order. An entry changes as its answer goes on: await `idle()` before judging how it ended. */
  readonly requests: readonly RecordedRequest[];
  /** Replaces what is left of the script. Numbers of turns start at 0 again. @throws ScriptError when it is malformed. */
  script(script: Script): void;
  /** Adds turns. @throws ScriptError when they are malformed, or the script is a function. */
  push(...turns: Turn[]): void;
  /** Resolves when no request is open. */
  idle(): Promise<void>;
  /** @throws ModelMismatch when turns are left, or a request had no turn, was refused, or was not what its turn expects. */
  expectDone(): void;
  /** Ends all sockets and timers at once. */
  close(): Promise<void>;
}

export class ModelMismatch extends Error {
  override readonly name = "ModelMismatch";
  readonly code = "testing.model.mismatch";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the requests were not the ones that were scripted:\n- ${problems.join("\n- ")}`);
    this.problems = problems;
  }
}

const playsCassette = (): ScriptError => new ScriptError("script", "the model plays a cassette; start another one for a script");

async function loaded({ script, cassette }: ModelOptions): Promise<Playback | null> {
  if (cassette === undefined) return null;
  if (script !== undefined) throw playsCassette();
  return typeof cassette === "string" ? playback(cassette) : playback(cassette.file, cassette.ignore);
}

/** Starts the offline model on 127.0.0.1. @throws ScriptError when the script is malformed, CassetteError when the cassette is; the system's error when the port is taken. */
export async function startModel(options: ModelOptions = {}): Promise<OfflineModel> {
  const turns = turnSource(options.script ?? planner, options.defaults ?? {});
  const cassette = await loaded(options);
  const closing = new AbortController();
  const dialect: Dialect = { local: options.local !== undefined, reasoning: options.chat_reasoning ?? "reasoning_content" };
  const world: World = {
    wires: [anthropic, openaiResponses(dialect), openaiChat(dialect), gemini],
    turns,
    cassette,
    probe: probes(options.models ?? ["offline-model"], options.local),
    requests: [],
    closing: closing.signal,
    calls: 0,
  };
  const open = new Set<Promise<void>>();
  const server = createServer((req, res) => {
    const running = exchange(req, res, world).finally(() => open.delete(running));
    open.add(running);
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server that listens on TCP has an address with a port");

  const idle = async (): Promise<void> => {
    while (open.size) await Promise.all(open);
  };
  const close = async (): Promise<void> => {
    if (closing.signal.aborted) return;
    const closed = once(server, "close");
    closing.abort();
    server.close();
    server.closeAllConnections();
    await closed;
    await idle();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests: world.requests,
    script(script) {
      if (cassette) throw playsCassette();
      turns.replace(script);
    },
    push(...more) {
      if (cassette) throw playsCassette();
      turns.push(more);
    },
    idle,
    close,
    [Symbol.asyncDispose]: close,
    expectDone() {
      const odd = world.requests.filter((r) => r.problem !== null).map((r) => `request ${r.index} (${r.method} ${r.path}): ${r.problem}`);
      const left = cassette?.left() ?? turns.left().map((index) => `turn ${index} was not asked for`);
      if (odd.length || left.length) throw new ModelMismatch([...odd, ...left]);
    },
  };
}
