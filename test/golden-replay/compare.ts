/** Compares a recorded run with ours, as far as no rule says that they differ on purpose. */
import { unmarked } from "./canonical.ts";
import { load } from "./data.ts";
import type { RunDifference } from "./differences.ts";
import { compareEvents } from "./events.ts";
import { differ, type Mismatch, within } from "./match.ts";
import { type CallResult, complete, type Description, type Event, type Line, type Recording, type Request } from "./recording.ts";
import { type Replay, replay } from "./runs.ts";

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

const recordedOf = (ours: CallResult, recorded: CallResult | undefined): object => ({
  ...picked(ours, recorded),
  final_state: picked(ours.final_state, recorded?.final_state),
});

const compareRequests = (recorded: readonly Request[] | undefined, ours: readonly Request[], path: string): Mismatch[] =>
  recorded
    ? differ(
        recorded.map(asked),
        ours.map((request, i) => asked(picked(request, recorded[i] ?? request))),
        path,
      )
    : [];

const compareResult = (recording: Recording, got: Replay, end: Event | undefined): Mismatch[] => {
  const { calls, files, sub_requests, describe, ...rest } = recording.result;
  const whole = end ? calls.slice(0, end.call) : calls;
  const ours = got.result.calls.slice(0, whole.length).map((call, i) => recordedOf(call, calls[i]));
  const first = [
    ...differ(whole, ours, "calls", { open: OPEN }),
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
export const compare = async (line: Line, rules: readonly RunDifference[]): Promise<Verdict> => {
  const recording = complete(line);
  const covering = rules.filter((rule) => rule.covers(recording));
  const whole = covering.find((rule) => rule.all);
  if (whole) return { found: [], used: [whole] };
  const got = await replay(recording);
  // What differs on purpose is told by these two: without them a run must only come to its end.
  if (!line.events || !line.result?.calls) return { found: [], used: [] };
  const used = new Set<RunDifference>();
  let expected = recording;
  for (const rule of covering) {
    const next = rule.rewrite?.(expected) ?? expected;
    if (next !== expected && JSON.stringify(next) !== JSON.stringify(expected)) used.add(rule);
    expected = next;
  }
  const end = divergence(expected, covering, used);
  const all = [
    ...(line.requests ? compareRequests(before(expected.requests, expected, end), before(got.requests, expected, end), "requests") : []),
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
