/** Replays one recorded run and says where ours differs. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunResult } from "geny-executor";
import { fromWire, type PipelineEvent, type State } from "geny-executor";
import { type Built, build } from "./build.ts";
import { eventOf, requestOf, resultOf, unmarked } from "./canonical.ts";
import { load } from "./data.ts";
import type { RunDifference } from "./differences.ts";
import { compareEvents } from "./events.ts";
import { differ, type Mismatch, within } from "./match.ts";
import type { Call, CallResult, Description, Event, Recording, Request } from "./recording.ts";

interface Replay {
  readonly requests: readonly Request[];
  readonly subRequests: readonly Request[];
  readonly events: readonly Event[];
  readonly result: { readonly calls: readonly CallResult[]; readonly describe: readonly Description[]; readonly [key: string]: unknown };
}

/** Runs the recording's calls on our pipeline. */
export const replay = async (recording: Recording): Promise<Replay> => {
  const dir = mkdtempSync(join(tmpdir(), "geny-golden-"));
  try {
    const built = build(recording, dir);
    const events: Event[] = [];
    const calls: CallResult[] = [];
    let { state } = built;
    for (const [i, call] of recording.scenario.calls.entries()) {
      const { result, error, seen } = await runCall(built, call, { ...state, ...fromWire(call.state ?? {}) });
      events.push(...seen.map((event) => eventOf(event, i)));
      calls.push(resultOf(result, error, call.mode, i));
      state = result.state;
    }
    await built.pipeline.close();
    return {
      requests: built.provider.requests.map(requestOf),
      subRequests: built.draft.subRequests.map(({ agent, request }) => ({ agent, ...requestOf(request) })),
      events,
      result: { calls, ...told(built, events), files: filesOf(dir) },
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
};

const runCall = async ({ pipeline }: Built, { mode, input, stop_after }: Call, state: State) => {
  const seen: PipelineEvent[] = [];
  let result: RunResult | undefined;
  let error: unknown;
  const options = {
    state,
    onResult: (given: RunResult) => {
      result = given;
    },
  };
  const off = mode === "run" ? pipeline.on("*", (event) => void seen.push(event)) : () => {};
  try {
    if (mode === "run") await pipeline.run(input, options);
    else
      for await (const event of pipeline.runStream(input, options)) {
        seen.push(event);
        if (event.type === stop_after) break;
      }
  } catch (thrown) {
    error = thrown;
  }
  off();
  if (!result) throw error ?? new Error("The run ended without a result.");
  return { result, error, seen };
};

const told = ({ pipeline, draft, sleeps, received }: Built, events: readonly Event[]) => ({
  sleeps,
  callbacks: draft.callbacks,
  tool_calls_received: received,
  client_sink_events: events.filter((e) => e.type === "llm_client.feature_unsupported").map((e) => ({ type: e.type, ...e.data })),
  describe: pipeline.describe().map(({ order, name, category, isActive, strategies }) => ({
    order,
    name,
    category,
    is_active: isActive,
    strategies: strategies.map(({ slot, names }) => ({ slot_name: slot, current_impl: names.join(", ") || "none" })),
  })),
});

/** Every file below the folder, by its path from there; JSON is read. */
const filesOf = (dir: string): { [path: string]: unknown } =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const content = readFileSync(path, "utf8");
        return [path.slice(dir.length + 1), path.endsWith(".json") ? JSON.parse(content) : content];
      }),
  );

/** Keys of a request that the scripted client of 2.1.0 had and no provider of ours has, or that only number it. */
const UNASKED = ["call", "session_hint", "mcp_config", "metadata"];
const asked = (request: Request): Request =>
  unmarked(Object.fromEntries(Object.entries(request).filter(([key]) => !UNASKED.includes(key))));

/** Listing order of slots is free, and there may be more of them. */
const byName = (described: readonly Description[] = []) =>
  Object.fromEntries(
    described.map(({ name, strategies, ...rest }) => [
      name,
      { ...rest, strategies: Object.fromEntries(strategies.map((s) => [s.slot_name, s.current_impl])) },
    ]),
  );
const OPEN = ["calls.final_state.metadata", "calls.final_state.shared", "files.content"];
/** Only what was recorded is compared: a stream's result has fewer keys. */
const picked = (ours: object, recorded: object = {}): Request =>
  Object.fromEntries(Object.entries(ours).filter(([key]) => key in recorded));

const compareRequests = (recorded: readonly Request[] | undefined, ours: readonly Request[], path: string): Mismatch[] =>
  differ(
    (recorded ?? []).map(asked),
    ours.map((request, i) => asked(picked(request, recorded?.[i] ?? request))),
    path,
  );

const compareResult = (recording: Recording, got: Replay, end: Event | undefined): Mismatch[] => {
  const { calls, files, sub_requests, describe, ...rest } = recording.result;
  const whole = end ? calls.slice(0, end.call) : calls;
  const ours = got.result.calls.map((call, i) => picked(call, calls[i]));
  const first = [
    ...differ(whole, end ? ours.slice(0, end.call) : ours, "calls", { open: OPEN }),
    ...differ(byName(describe), byName(got.result.describe), "describe", { open: ["describe"] }),
  ];
  if (end) return first;
  return [
    ...first,
    ...compareRequests(sub_requests, got.subRequests, "sub_requests"),
    ...Object.entries(rest).flatMap(([key, value]) => differ(value, got.result[key], key)),
    ...(files ? compareFiles(files, got.result.files as object) : []),
  ];
};

const compareFiles = (recorded: object, ours: object): Mismatch[] => {
  const mine = new Map(Object.entries(ours));
  return Object.entries(recorded).flatMap(([path, content]) => {
    const name = [...mine.keys()].find((known) => differ(path, known, "").length === 0);
    if (name === undefined) return [{ path: "files", expected: path, got: [...mine.keys()] }];
    return differ(content, mine.get(name), "files.content", { open: OPEN });
  });
};

const KNOWN = new Set(load<{ events: { type: string }[] }>("events.json", true)?.events.map((e) => e.type));

export interface Verdict {
  readonly found: readonly Mismatch[];
  /** The rules without which there would be more. */
  readonly used: readonly RunDifference[];
}
/** Compares after the rules that cover the recording have had their say. */
export const compare = async (recording: Recording, rules: readonly RunDifference[]): Promise<Verdict> => {
  const covering = rules.filter((rule) => rule.covers(recording));
  const whole = covering.find((rule) => rule.all);
  if (whole) return { found: [], used: [whole] };
  const got = await replay(recording);
  const used = new Set<RunDifference>();
  let expected = recording;
  for (const rule of covering) {
    const next = rule.rewrite?.(expected) ?? expected;
    if (next !== expected && JSON.stringify(next) !== JSON.stringify(expected)) used.add(rule);
    expected = next;
  }
  const end = divergence(expected, covering, used);
  const all = [
    ...compareRequests(before(expected.requests, expected, end), before(got.requests, expected, end), "requests"),
    ...compareEvents(expected, got.events, KNOWN, covering, used, end),
    ...compareResult(expected, got, end),
  ];
  const found = all.filter((mismatch) => {
    const excusing = covering.filter((rule) => rule.excuses?.some((at) => within(mismatch.path, at)));
    for (const rule of excusing) used.add(rule);
    return excusing.length === 0;
  });
  return { found, used: [...used] };
};

const divergence = (expected: Recording, rules: readonly RunDifference[], used: Set<RunDifference>): Event | undefined => {
  for (const [at, event] of expected.events.entries()) {
    const ending = rules.filter((rule) => rule.diverges?.(event, at, expected));
    for (const rule of ending) used.add(rule);
    if (ending.length) return event;
  }
  return undefined;
};
/** The requests that were made before the event: each attempt of stage 6 is one. */
const before = (requests: readonly Request[], { events }: Recording, end: Event | undefined): readonly Request[] => {
  if (!end) return requests;
  const past = events.slice(0, events.indexOf(end));
  return requests.slice(0, past.filter((e) => e.type === "api.request" || e.type === "api.retry").length);
};
