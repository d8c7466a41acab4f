/** Small steps from a recording to what ours would have been. Nothing is changed in place. */
import type { CallResult, Event, Recording, Request } from "./recording.ts";

export const mapEvents = (r: Recording, change: (event: Event, at: number) => Event): Recording => ({ ...r, events: r.events.map(change) });
export const mapCalls = (r: Recording, change: (call: CallResult, at: number) => CallResult): Recording => ({
  ...r,
  result: { ...r.result, calls: r.result.calls.map(change) },
});
export const mapRequests = (r: Recording, change: (request: Request) => Request): Recording => ({
  ...r,
  requests: r.requests.map(change),
  result: { ...r.result, ...(r.result.sub_requests ? { sub_requests: r.result.sub_requests.map(change) } : {}) },
});
export const withData = (event: Event, data: Event["data"]): Event => ({ ...event, data: { ...event.data, ...data } });
export const withState = (call: CallResult, state: CallResult["final_state"]): CallResult => ({
  ...call,
  final_state: { ...call.final_state, ...state },
});
export const without = (value: object, ...keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const eventsOf = (r: Recording, call: number): readonly Event[] => r.events.filter((e) => e.call === call);
export const emits =
  (...types: readonly string[]) =>
  (r: Recording): boolean =>
    r.events.some((e) => types.includes(e.type));
/** Passes that a call began: how often stage 6 was entered, by its events or, without any, by the state's history. */
export const passes = (r: Recording, call: number): number => {
  const history = r.result.calls[call]?.final_state.stage_history;
  if (r.events.length === 0) return Array.isArray(history) ? history.filter((name) => name === "api").length : 0;
  return eventsOf(r, call).filter((e) => e.type === "stage.enter" && e.stage === "api").length;
};
/** What broke the call, when something did. */
export const failureOf = (r: Recording, call: number): Event | undefined => {
  const mine = eventsOf(r, call);
  return mine.at(-1)?.type === "pipeline.error" ? mine.findLast((e) => e.type === "stage.error") : undefined;
};
export const fails = (r: Recording): boolean => r.scenario.calls.some((_, i) => failureOf(r, i) !== undefined);
/** The newest event of a type in the same pass of the same call, before the one at `at`. */
export const earlier = (r: Recording, at: number, type: string): Event | undefined => {
  const { call, iteration } = r.events[at] ?? { call: -1, iteration: -1 };
  return r.events.slice(0, at).findLast((e) => e.type === type && e.call === call && e.iteration === iteration);
};

const entry = (r: Recording, stage: string) => r.manifest?.stages.find((s) => s.name === stage);
/** The strategy that a manifest, or the host's set-up, put into a slot. */
export const chosen = (r: Recording, stage: string, slot: string): string | undefined => {
  const found = entry(r, stage);
  const set = (r.scenario.setup ?? []).findLast((s) => "slot" in s && s.slot === slot && "impl" in s && s.stage === found?.order);
  return set && "impl" in set ? set.impl : found?.strategies?.[slot];
};
export const isActive = (r: Recording, stage: string): boolean =>
  entry(r, stage)?.active !== false &&
  (entry(r, stage) !== undefined || r.events.some((e) => e.stage === stage && e.type !== "stage.bypass"));
export const stageConfig = (r: Recording, stage: string, key: string): unknown => entry(r, stage)?.config?.[key];
export const sets =
  (...ops: readonly string[]) =>
  (r: Recording): boolean =>
    (r.scenario.setup ?? []).some((s) => ops.includes(s.op));
