/** One scenario is played: the model is told what to say, the provider is asked, and what comes of it is judged. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ContentBlock, type Message, type ModelRequest, modelRequest, type Provider } from "../../index.ts";
import type { RecordedRequest } from "../recording.ts";
import type { Turn } from "../script.ts";
import { type Listened, listen, obeysRules } from "./hear.ts";
import { judge, judgeRequests, judgeWhole } from "./judge.ts";
import { model, type Scenario, user } from "./scenario.ts";

/** Whom the provider asks. The offline model is one. */
export interface Peer {
  readonly url: string;
  /** What was asked so far; `body` holds its texts, as JSON or as a text. */
  readonly requests: readonly Pick<RecordedRequest, "body" | "aborted">[];
  /** Resolves when no request is open. */
  idle(): Promise<void>;
  /** Throws when the requests were not those that the script foresaw. */
  expectDone(): void;
  close(): Promise<void>;
}
export interface Playing {
  make(baseUrl: string, options: { readonly timeoutMs?: number | undefined }): Provider | Promise<Provider>;
  peer(script: readonly Turn[]): Promise<Peer>;
  readonly model: string;
  /** Calls come without pieces of their arguments. */
  readonly wholeCalls: boolean;
  /** The start is told before the model answers. */
  readonly earlyStart: boolean;
}

/** Milliseconds for one answer. */
const LIMIT = 30_000;
/** Milliseconds after which nothing may be open any more: generous, for machines that do much else. */
const CLOSED = 250;
const ENDED = 2500;

/** Resolves with the milliseconds from turning away to the closed socket; null when nobody turned away. Rejects with what is wrong. */
export const play = async (scenario: Scenario, playing: Playing): Promise<number | null> => {
  const { make, peer: start, model: name } = playing;
  const peer = await (scenario.nobody ? nobody() : start(scenario.script));
  let provider: Provider | undefined;
  try {
    provider = await make(peer.url, { timeoutMs: scenario.timeoutMs });
    const request = modelRequest({
      ...{ model: name, maxTokens: 4096, messages: [user("Say something.")], purpose: "api" },
      ...scenario.request,
    });
    const { heard, whole } = await asked(scenario, { peer, provider, request });
    const last = heard.at(-1);
    assert(last);
    const ms = await closed(last, peer, provider);
    judge(scenario, last, playing);
    if (whole) judgeWhole(last, whole);
    judgeRequests(scenario, [...heard, ...(whole ? [whole] : [])], peer);
    if (!scenario.nobody && !scenario.spare && ms === null) peer.expectDone();
    return scenario.aborts === "before" ? null : ms;
  } finally {
    await peer.close();
    await provider?.close?.();
  }
};

interface Asking {
  readonly peer: Peer;
  readonly provider: Provider;
  readonly request: ModelRequest;
}

/** `whole`: what was heard when the answer was not streamed. */
const asked = async (
  scenario: Scenario,
  { peer, provider, request }: Asking,
): Promise<{ readonly heard: readonly Listened[]; readonly whole: Listened | null }> => {
  const { aborts, leaves, rounds = 1, alsoWhole } = scenario;
  const ask = async (messages: readonly Message[], stream: boolean): Promise<Listened> => {
    const limit = AbortSignal.timeout(LIMIT);
    const listened = await listen({
      ...{ provider, request: { ...request, messages, stream }, limit, aborts, leaves },
      arrived: async (over) => {
        while (!over.aborted && !peer.requests.length) await sleep(5);
      },
    });
    assert(!limit.aborted, `no end within ${LIMIT / 1000} s`);
    obeysRules(listened.events, listened);
    return listened;
  };
  const heard: Listened[] = [];
  let { messages } = request;
  for (let round = 1; round <= rounds; round++) {
    const listened = await ask(messages, true);
    heard.push(listened);
    if (round === rounds) break;
    if (listened.error !== undefined) throw listened.error;
    messages = [...messages, model(listened.response.content), user(replyTo(listened.response.content, round))];
  }
  return { heard, whole: alsoWhole ? await ask(request.messages, false) : null };
};

/** A result for each call; without any, a word to go on. */
const replyTo = (content: readonly ContentBlock[], round: number): Message["content"] => {
  const calls = content.filter((block) => block.type === "tool_use");
  if (!calls.length) return "Go on.";
  return calls.map(({ id, name }, i) => ({ type: "tool_result", tool_use_id: id, content: `Result of ${name} ${round}.${i + 1}` }));
};

/** Nothing stays open behind an answer, whatever became of it. */
const closed = async ({ turnedAway, finished }: Listened, peer: Peer, provider: Provider): Promise<number | null> => {
  const limit = provider.capabilities.is_subprocess ? ENDED : CLOSED;
  const stop = new AbortController();
  const late = sleep(limit, true, { signal: stop.signal }).catch(() => true);
  const open = await Promise.race([peer.idle().then(() => false), late]);
  stop.abort();
  assert(!open, `a request is still open after ${limit} ms`);
  if (turnedAway === null || finished) return null;
  const ms = performance.now() - turnedAway;
  assert(ms < limit, `the request was closed after ${Math.round(ms)} ms, and not within ${limit}`);
  for (const { aborted } of peer.requests) assert(aborted, "the request was not given up");
  return ms;
};

/** An address where nobody listens. */
const nobody = async (): Promise<Peer> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  const none = async () => undefined;
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address ? address.port : 1}`,
    requests: [],
    idle: none,
    expectDone: () => undefined,
    close: none,
  };
};
