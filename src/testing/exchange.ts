/** One request: recorded, matched with a turn, answered. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import type { Json, JsonObject } from "../contract/schema.ts";
import { type Playback, play } from "./cassette/playback.ts";
import { type Delivery, deliver } from "./deliver.ts";
import { mismatch } from "./match.ts";
import type { Probe, Probed } from "./probes.ts";
import { bodyOf, parsed, type Recording, redactedHeaders, redactedPath } from "./recording.ts";
import { type Asked, ScriptError, streamOnly, type Turn } from "./script.ts";
import type { TurnSource } from "./turns.ts";
import type { Ids, Wire, WireCall, WireError } from "./wires/wire.ts";

export interface World {
  /** The first answers for paths that no wire serves. */
  readonly wires: readonly [Wire, ...Wire[]];
  readonly turns: TurnSource;
  /** Answers in place of script and probes. */
  readonly cassette: Playback | null;
  /** Asked before the wires. */
  readonly probe: Probe;
  readonly requests: Recording[];
  readonly closing: AbortSignal;
  /** Highest number given to a tool call so far. */
  calls: number;
}

interface Exchange {
  readonly world: World;
  readonly wire: Wire;
  readonly entry: Recording;
  readonly ids: Ids;
  readonly signal: AbortSignal;
}

const bodyLimit = 32 * 1024 * 1024;
const proxyPage = "<html><body><h1>200 OK</h1>a proxy answered</body></html>";
/** The vendors' SDKs read it: a mistake in a script is no reason to ask again. */
const noRetry = { "x-should-retry": "false" };

/** Resolves when the answer is whole or its socket is gone. Never rejects: what goes wrong stands in the recording. */
export async function exchange(req: IncomingMessage, res: ServerResponse, world: World): Promise<void> {
  const gone = new AbortController();
  const ended = new Promise<void>((resolve) => res.once("close", resolve));
  res.once("close", () => gone.abort());
  // A write to a socket that is gone also ends in "close", which is where it is judged.
  res.on("error", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, world.closing]);
  const sent = await bodyOf(req, bodyLimit).catch(() => undefined);
  const path = req.url ?? "/";
  const call: WireCall = { path, headers: flat(req), body: sent ? parsed(sent.toString("utf8")) : undefined };
  const probed = world.cassette ? null : world.probe(req.method ?? "GET", call);
  const wire = world.wires.find((w) => w.serves(req.method ?? "GET", path.split("?")[0] ?? ""));
  const entry = begin(req, probed ? "models" : (wire?.name ?? null), call.body, world.requests);
  const since = performance.now();
  const ids: Ids = { request: entry.index + 1, nextCall: () => ++world.calls };
  const it: Exchange = { world, wire: wire ?? world.wires[0], entry, ids, signal };
  let byUs = false;
  try {
    if (sent === undefined) throw new Error("the request broke off before its end");
    const answered =
      world.cassette && sent
        ? playing(it, world.cassette, call, sent, res)
        : deliver(res, probed ? told(probed, signal) : await decide(it, call, sent === null, wire !== undefined));
    byUs = (await answered) === "cut";
  } catch (error) {
    if (!signal.aborted) entry.problem = `the offline model failed: ${String(error)}`;
    byUs = !gone.signal.aborted;
    res.destroy();
  }
  await ended;
  entry.status = res.headersSent ? res.statusCode : null;
  entry.aborted = !byUs && !res.writableFinished && !world.closing.aborted;
  entry.duration_ms = performance.now() - since;
}

const flat = (req: IncomingMessage): { [name: string]: string } =>
  Object.fromEntries(Object.entries(req.headers).map(([name, value]) => [name, String(value)]));

function begin(req: IncomingMessage, wire: string | null, body: Json | undefined, requests: Recording[]): Recording {
  const entry: Recording = {
    index: requests.length,
    wire,
    method: req.method ?? "GET",
    path: redactedPath(req.url ?? "/"),
    headers: redactedHeaders(req),
    body,
    turn: null,
    status: null,
    aborted: false,
    duration_ms: null,
    problem: null,
  };
  requests.push(entry);
  return entry;
}

const told = ({ status, body }: Probed, signal: AbortSignal): Delivery => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
  delayMs: 0,
  deltaDelayMs: 0,
  signal,
});

/** The recorded answer, or a 400 that says what differs. */
function playing(it: Exchange, cassette: Playback, call: WireCall, body: Uint8Array, res: ServerResponse): Promise<"sent" | "cut"> {
  const { entry, signal } = it;
  const url = `http://${call.headers.host || "localhost"}${call.path}`;
  const taken = cassette.take({ method: entry.method, url, headers: Object.entries(call.headers), body });
  if ("problem" in taken) return deliver(res, refusal(it, { status: 400, message: taken.problem }, taken.problem));
  entry.turn = taken.index;
  return play(res, taken.response, signal);
}

async function decide(it: Exchange, call: WireCall, tooLarge: boolean, served: boolean): Promise<Delivery> {
  const { wire, entry, world } = it;
  if (tooLarge) return refusal(it, { status: 413 }, "the body is larger than 32 MB");
  if (!served)
    return refusal(it, { status: 404, message: `${entry.method} ${entry.path}` }, `no wire serves ${entry.method} ${entry.path}`);
  const refused = wire.refuse(call);
  if (refused) return refusal(it, refused, `refused with ${refused.status}: ${refused.message ?? ""}`);
  const asked = wire.read(call);
  const body = call.body as JsonObject;
  world.calls = Math.max(world.calls, lastCall(asked));
  let taken: Awaited<ReturnType<TurnSource["take"]>>;
  try {
    taken = await world.turns.take({ ...asked, wire: wire.name, path: entry.path, body, signal: it.signal });
  } catch (error) {
    if (it.signal.aborted) throw error;
    return refusal(it, { status: 500, message: `the script failed: ${String(error)}` }, `the script failed: ${String(error)}`);
  }
  entry.turn = taken?.index ?? null;
  if (!taken) entry.problem = "the script has no turn for this request";
  const turn: Turn = taken?.turn ?? { text: "end of script" };
  const differs = turn.expect ? mismatch(turn.expect, body) : null;
  if (differs) return refusal(it, { status: 400, message: `not what turn ${entry.turn} expects: ${differs}` }, differs);
  if (turn.fault && streamOnly(turn.fault) && !asked.stream) {
    const problem = `the fault ${turn.fault.kind} of turn ${entry.turn} needs a streamed answer, and the request asks for none`;
    return refusal(it, { status: 500, message: problem }, problem);
  }
  try {
    return respond(it, turn, asked, call);
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    const problem = `turn ${entry.turn} cannot be said on the wire ${wire.name}: ${error.message}`;
    return refusal(it, { status: 500, message: problem }, problem);
  }
}

/** The highest number among the call ids of ours that a conversation holds: it may have begun with another server. */
function lastCall(asked: Asked): number {
  const ids = asked.messages.flatMap((m) => m.parts.flatMap((p) => (p.type === "tool_call" ? [p.id] : [])));
  return Math.max(0, ...ids.map((id) => Number(/^(?:toolu|call)_(\d{6})$/.exec(id)?.[1] ?? 0)));
}

function refusal(it: Exchange, error: WireError, problem: string): Delivery {
  it.entry.problem = problem;
  return failure(it, error, noRetry, 0);
}

function failure({ wire, ids, signal }: Exchange, error: WireError, extra: { readonly [name: string]: string }, delayMs: number): Delivery {
  const { headers, body } = wire.error(error, ids);
  const all = { "content-type": "application/json", ...wire.headers(ids), ...headers, ...extra };
  return { status: error.status, headers: all, body: JSON.stringify(body), delayMs, deltaDelayMs: 0, signal };
}

function respond(it: Exchange, turn: Turn, asked: Asked, call: WireCall): Delivery {
  const { wire, ids, signal } = it;
  const { fault } = turn;
  const delayMs = turn.delay_ms ?? 0;
  if (fault?.kind === "status") return failure(it, fault, fault.headers ?? {}, delayMs);
  const pace = { status: 200, fault, delayMs, deltaDelayMs: turn.delta_delay_ms ?? 0, signal };
  if (fault?.kind === "non_json_200") {
    return { ...pace, headers: { "content-type": fault.content_type ?? "text/html", ...wire.headers(ids) }, body: fault.body ?? proxyPage };
  }
  const error: WireError = { status: 500, ...(fault?.kind === "failed" && { code: fault.code, message: fault.message }) };
  if (fault?.kind === "failed" && !wire.failed && !asked.stream) return failure(it, error, {}, delayMs);
  const failing = fault?.kind === "failed" ? wire.failed?.(error, turn, asked, call, ids) : undefined;
  const { json, events } = failing ?? wire.answer(turn, asked, call, ids);
  if (!asked.stream) return { ...pace, headers: { "content-type": "application/json", ...wire.headers(ids) }, body: JSON.stringify(json) };
  const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", ...wire.headers(ids) };
  const whole = { ...pace, headers, body: events };
  if (fault?.kind === "error_event") {
    const { type, message, after } = fault;
    return { ...whole, errorEvent: wire.errorEvent({ status: 529, type, message }, ids, after ?? 3) };
  }
  if (fault?.kind === "failed" && !failing) return { ...whole, errorEvent: wire.errorEvent(error, ids, events.length) };
  if (fault?.kind !== "splice") return whole;
  const otherEvents = wire.answer({ text: "words of another message" }, asked, call, { ...ids, request: 0 }).events;
  return { ...whole, otherEvents, foreignEvent: wire.foreignEvent(ids) };
}
