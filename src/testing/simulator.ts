/** The offline model: a loopback HTTP server that speaks the vendors' wires, answers by a script, and fails on demand. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";
import type { JsonObject } from "../contract/schema.ts";
import { deliver } from "./deliver.ts";
import { mismatch } from "./match.ts";
import { planner } from "./planner.ts";
import { bodyOf, parsed, type RecordedRequest, type Recording, redactedHeaders, redactedPath } from "./recording.ts";
import { type Asked, checkTurn, type Script, streamOnly, scripted, type Turn } from "./script.ts";
import { anthropic } from "./wires/anthropic.ts";
import type { Ids, Wire, WireError } from "./wires/wire.ts";

export interface ModelOptions {
  /** Default: the offline planner, which answers questions about files with the tools it is offered. */
  readonly script?: Script;
  /** Default 0: one that is free. */
  readonly port?: number;
  /** Laid under every turn. */
  readonly defaults?: Turn;
}

export interface OfflineModel extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: the base URL as the vendors' SDKs take it, without `/v1`. */
  readonly url: string;
  /** Every request so far, in order. An entry changes as its answer goes on: await `idle()` before judging how it ended. */
  readonly requests: readonly RecordedRequest[];
  /** Replaces what is left of the script. Numbers of turns start at 0 again. */
  script(script: Script): void;
  /** Adds turns to a script that is a list. */
  push(...turns: Turn[]): void;
  /** Resolves when no request is open. */
  idle(): Promise<void>;
  /** Throws ModelMismatch when turns are left, or a request was not what its turn expected or had no turn. */
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

const wires: readonly Wire[] = [anthropic];
const bodyLimit = 32 * 1024 * 1024;
const overText = "end of script";

/** Starts the offline model on 127.0.0.1. @throws ScriptError when the script is malformed, or the system's error when the port is taken. */
export async function startModel(options: ModelOptions = {}): Promise<OfflineModel> {
  let script = checked(options.script ?? planner);
  if (options.defaults) checkTurn(options.defaults, "defaults");
  let next = 0;
  let calls = 0;
  const requests: Recording[] = [];
  const closing = new AbortController();
  const open = new Set<Promise<void>>();

  /** The turn for a request; null when the script is over. */
  const take = async (wire: Wire, asked: Asked, entry: Recording, body: JsonObject, signal: AbortSignal): Promise<Turn | null> => {
    const index = next++;
    const given = typeof script === "function" ? await script({ ...asked, wire: wire.name, path: entry.path, body, signal }, index) : script[index];
    if (!given) return null;
    if (typeof script === "function") checkTurn(given, `turns.${index}`);
    entry.turn = index;
    return { ...options.defaults, ...given };
  };

  const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    res.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    const text = await bodyOf(req, bodyLimit);
    const body = text === null ? undefined : parsed(text);
    const method = req.method ?? "GET";
    const path = req.url ?? "/";
    const wire = wires.find((w) => w.serves(method, path.split("?")[0] ?? ""));
    const entry: Recording = {
      index: requests.length,
      wire: wire?.name ?? null,
      method,
      path: redactedPath(path),
      headers: redactedHeaders(req),
      body,
      turn: null,
      status: null,
      aborted: false,
      duration_ms: null,
      problem: null,
    };
    requests.push(entry);
    const since = performance.now();
    const ids: Ids = { request: requests.length, nextCall: () => ++calls };
    const headers = flat(req);
    let ours = false;
    const ended = new Promise<void>((resolve) => res.once("close", resolve));
    res.once("close", () => {
      entry.duration_ms = performance.now() - since;
      entry.aborted = !ours && !res.writableFinished && !closing.signal.aborted;
    });
    const refuse = (speaker: Wire, error: WireError, problem: string, extra: { readonly [name: string]: string } = {}): Promise<void> => {
      entry.problem = problem;
      return fail(speaker, error, extra);
    };
    const fail = (speaker: Wire, error: WireError, extra: { readonly [name: string]: string }, delayMs = 0): Promise<void> => {
      const { headers: own, body: json } = speaker.error(error, ids);
      entry.status = error.status;
      const all = { "content-type": "application/json", ...speaker.headers(ids), ...own, ...extra };
      return deliver(res, { status: error.status, headers: all, body: JSON.stringify(json), delayMs, deltaDelayMs: 0, signal });
    };
    const answer = async (): Promise<void> => {
      if (text === null) return refuse(wire ?? anthropic, { status: 413 }, "the body is larger than 32 MB");
      if (!wire) return refuse(anthropic, { status: 404, message: `${method} ${path}` }, `no wire serves ${method} ${entry.path}`);
      const call = { path, headers, body };
      const refusal = wire.refuse(call);
      if (refusal) return refuse(wire, refusal, `refused with ${refusal.status}: ${refusal.message ?? ""}`);
      const asked = wire.read(call);
      calls = Math.max(calls, lastCall(asked));
      const taken = await take(wire, asked, entry, body as JsonObject, signal);
      if (!taken) entry.problem = "the script has no turn for this request";
      const turn: Turn = taken ?? { text: overText };
      const differs = turn.expect ? mismatch(turn.expect, body as JsonObject) : null;
      if (differs) return refuse(wire, { status: 400, message: `not what turn ${entry.turn} expects: ${differs}` }, differs, { "x-should-retry": "false" });
      const { fault } = turn;
      if (fault && streamOnly(fault) && !asked.stream) {
        const problem = `the fault ${fault.kind} of turn ${entry.turn} needs a streamed answer, and the request asks for none`;
        return refuse(wire, { status: 500, message: problem }, problem, { "x-should-retry": "false" });
      }
      if (fault?.kind === "status") {
        const wait: { [name: string]: string } = fault.retry_after === undefined ? {} : { "retry-after": String(fault.retry_after) };
        return fail(wire, fault, { ...wait, ...fault.headers }, turn.delay_ms);
      }
      ours = fault?.kind === "cut" || fault?.kind === "cut_before_headers";
      const { json, events } = wire.answer(turn, asked, ids);
      const page = fault?.kind === "non_json_200" ? (fault.body ?? "<html><body><h1>200 OK</h1>a proxy answered</body></html>") : null;
      const streamed = asked.stream && page === null;
      const type = streamed ? "text/event-stream; charset=utf-8" : fault?.kind === "non_json_200" ? (fault.content_type ?? "text/html") : "application/json";
      const silent = fault?.kind === "cut_before_headers" || (fault?.kind === "silence" && fault.after === "nothing");
      if (!silent) entry.status = 200;
      await deliver(res, {
        status: 200,
        headers: { "content-type": type, ...(streamed && { "cache-control": "no-cache" }), ...wire.headers(ids) },
        body: page ?? (streamed ? events : JSON.stringify(json)),
        fault,
        errorEvent: fault?.kind === "error_event" ? wire.errorEvent({ status: 529, type: fault.type, message: fault.message }, ids) : undefined,
        otherEvents: fault?.kind === "splice" ? wire.answer({ text: "words of another message" }, asked, { ...ids, request: 0 }).events : undefined,
        delayMs: turn.delay_ms ?? 0,
        deltaDelayMs: turn.delta_delay_ms ?? 0,
        signal,
      });
    };
    try {
      await answer();
    } catch (error) {
      if (signal.aborted) res.destroy();
      else if (res.headersSent) {
        entry.problem = `the offline model failed: ${String(error)}`;
        res.destroy();
      } else await refuse(wire ?? anthropic, { status: 500, message: String(error) }, `the script failed: ${String(error)}`, { "x-should-retry": "false" });
    }
    await ended;
  };
}
