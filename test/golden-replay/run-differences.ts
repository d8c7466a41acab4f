/** Where our runs differ on purpose. */
import type { RunDifference } from "./differences.ts";
import type { CallResult, Event, Recording, Request } from "./recording.ts";

const any = () => true;
const mapEvents = (r: Recording, change: (event: Event, i: number) => Event): Recording => ({ ...r, events: r.events.map(change) });
const mapCalls = (r: Recording, change: (call: CallResult, i: number) => CallResult): Recording => ({
  ...r,
  result: { ...r.result, calls: r.result.calls.map(change) },
});
const mapRequests = (r: Recording, change: (request: Request) => Request): Recording => ({
  ...r,
  requests: r.requests.map(change),
  result: { ...r.result, ...(r.result.sub_requests ? { sub_requests: r.result.sub_requests.map(change) } : {}) },
});
const withData = (event: Event, data: Event["data"]): Event => ({ ...event, data: { ...event.data, ...data } });
const withState = (call: CallResult, state: CallResult["final_state"]): CallResult => ({
  ...call,
  final_state: { ...call.final_state, ...state },
});
/** Passes that a call began: how often stage 6 was entered. */
const passes = (r: Recording, call: number): number =>
  r.events.filter((e) => e.call === call && e.type === "stage.enter" && e.stage === "api").length;
const failure = (r: Recording, call: number): Event | undefined => {
  const mine = r.events.filter((e) => e.call === call);
  return mine.at(-1)?.type === "pipeline.error" ? mine.findLast((e) => e.type === "stage.error") : undefined;
};
const fails = (r: Recording): boolean => r.scenario.calls.some((_, i) => failure(r, i) !== undefined);
const emits = (type: string) => (r: Recording) => r.events.some((e) => e.type === type);

/** Events that name a strategy by its Python class. */
const CLASSES: Record<string, string> = {
  AggressiveCacheStrategy: "aggressive_cache",
  SystemCacheStrategy: "system_cache",
  NoCacheStrategy: "no_cache",
  TruncateCompactor: "truncate",
  SummaryCompactor: "summary",
  LLMSummaryCompactor: "llm_summary",
  SlidingWindowCompactor: "sliding_window",
  AppendOnlyStrategy: "append_only",
  NoMemoryStrategy: "no_memory",
  ReflectiveStrategy: "reflective",
  StructuredReflectiveStrategy: "structured_reflective",
  FilePersistence: "file",
  InMemoryPersistence: "in_memory",
  NullPersistence: "null",
};
const NAMED = ["strategy", "persistence"];

export const runDifferences: readonly RunDifference[] = [
  {
    rule: "strategies are named as manifests name them",
    why: "Three events gave a Python class in place of the name that a manifest uses.",
    covers: (r) => r.events.some((e) => NAMED.some((key) => String(e.data[key]) in CLASSES)),
    rewrite: (r) =>
      mapEvents(r, (e) =>
        withData(
          e,
          Object.fromEntries(NAMED.flatMap((key) => (String(e.data[key]) in CLASSES ? [[key, CLASSES[String(e.data[key])]]] : []))),
        ),
      ),
  },
  {
    rule: "errors are named by class, without a module",
    why: "A module path of the Python package means nothing here.",
    covers: fails,
    rewrite: (r) =>
      mapEvents(r, (e) =>
        "exception_type" in e.data ? withData(e, { exception_type: String(e.data.exception_type).split(".").at(-1) }) : e,
      ),
  },
  {
    rule: "pipeline.error says what went wrong",
    why: "It always said exec.stage.failed, because the wrapper hid the code of the failure inside. Foreign errors are still wrapped.",
    covers: fails,
    rewrite: (r) =>
      mapEvents(r, (e) => {
        const inner = e.type === "pipeline.error" ? failure(r, e.call) : undefined;
        return inner && inner.data.code !== "exec.unknown"
          ? withData(e, { code: inner.data.code, exception_type: inner.data.exception_type })
          : e;
      }),
  },
  {
    rule: "no temperature unless one is set",
    why: "The newest models of two vendors refuse a temperature; unset means the vendor's default.",
    covers: (r) => r.requests.some((q) => q.temperature === 0),
    rewrite: (r) => mapRequests(r, (q) => (q.temperature === 0 ? { ...q, temperature: null } : q)),
  },
  {
    rule: "a used state begins its next turn afresh",
    why: "Iteration, decision, signal, cost and per-turn lists of the last turn leaked into the next one.",
    covers: (r) => r.scenario.calls.length > 1,
    rewrite: (r) => rebased(r),
  },
  {
    rule: "iterations counts passes",
    why: "It counted how often the loop went on, so that a plain answer was 0 iterations.",
    covers: any,
    rewrite: (r) =>
      mapCalls(
        mapEvents(r, (e) => ("iterations" in e.data ? withData(e, { iterations: passes(r, e.call) }) : e)),
        (call, i) => ({ ...call, iterations: passes(r, i) }),
      ),
  },
  {
    rule: "every event carries the pass",
    why: "The pipeline's own events always said iteration 0.",
    covers: any,
    rewrite: (r) =>
      mapEvents(r, (e, i) => {
        const before = r.events[i - 1];
        return ["pipeline.complete", "pipeline.error"].includes(e.type) && before?.call === e.call
          ? { ...e, iteration: before.iteration }
          : e;
      }),
  },
  {
    rule: "pipeline.start carries the pass of a state that a host set",
    why: "It always said iteration 0.",
    covers: (r) => r.events.some((e, i) => e.type === "pipeline.start" && e.iteration !== r.events[i + 1]?.iteration),
    rewrite: (r) => mapEvents(r, (e, i) => (e.type === "pipeline.start" ? { ...e, iteration: r.events[i + 1]?.iteration ?? 0 } : e)),
  },
  {
    rule: "the result of pipeline.complete is an object",
    why: "It holds the text and the formatter's output; it was the bare text, and only on the stream.",
    covers: (r) => r.events.some((e) => e.type === "pipeline.complete" && typeof e.data.result === "string"),
    rewrite: (r) =>
      mapEvents(r, (e) =>
        e.type === "pipeline.complete" && "result" in e.data ? withData(e, { result: { text: e.data.result, output: "<text>" } }) : e,
      ),
  },
  {
    rule: "one event channel",
    why: "There is one bus: what a stream yields, every handler gets too. The recording lists what the bus lacked.",
    covers: (r) => r.result.calls.some((call) => "bus_types" in call),
    rewrite: (r) => mapCalls(r, ({ bus_types: _, ...call }) => call as CallResult),
  },
  {
    rule: "an engine's event names no stage",
    why: "The limit is checked after the loop's last stage, not by it.",
    covers: emits("loop.force_complete"),
    rewrite: (r) => mapEvents(r, (e) => (e.type === "loop.force_complete" ? { ...e, stage: "" } : e)),
  },
  {
    rule: "a turn that broke is closed",
    why: "Open calls are answered, the last word is the assistant's, later stages run and the state says what happened, so that the session can go on.",
    covers: fails,
    rewrite: (r) => mapCalls(r, (call, i) => (failure(r, i) ? closed(call, failure(r, i)?.stage === "input") : call)),
  },
];

/** The first stage's failure leaves the history as it was. */
const closed = (call: CallResult, untouched: boolean): CallResult => {
  const { messages } = call.final_state;
  const history: readonly { role: string }[] = Array.isArray(messages) ? messages : [];
  const note = { role: "assistant", content: [{ type: "text", text: "<text>" }] };
  const open = history.at(-1)?.role === "user" && !untouched;
  return withState(call, {
    loop_decision: "error",
    completion_signal: untouched ? call.final_state.completion_signal : "FAILED",
    completion_detail: "<text>",
    pending_tool_calls: untouched ? call.final_state.pending_tool_calls : [],
    messages: open ? [...history, note] : history,
  });
};

/** Each call counts from where the one before it ended. */
const rebased = (r: Recording): Recording => {
  const before = (i: number): CallResult | undefined => r.result.calls[i - 1];
  const less = (value: unknown, by: number | null | undefined): unknown => (typeof value === "number" ? value - (by ?? 0) : value);
  const from = (list: unknown, past: unknown): unknown => (Array.isArray(list) && Array.isArray(past) ? list.slice(past.length) : list);
  const events = mapEvents(r, (e) => {
    const last = before(e.call);
    if (!last) return e;
    const { iteration, total_cost_usd } = e.data;
    return withData(
      { ...e, iteration: e.type.startsWith("pipeline.") ? e.iteration : e.iteration - last.iterations },
      {
        ...(iteration === undefined || e.type === "loop.force_complete" ? {} : { iteration: less(iteration, last.iterations) }),
        ...(total_cost_usd === undefined ? {} : { total_cost_usd: less(total_cost_usd, last.total_cost_usd) }),
      },
    );
  });
  return mapCalls(events, (call, i) => {
    const last = before(i);
    if (!last) return call;
    return withState(
      {
        ...call,
        total_cost_usd: less(call.total_cost_usd, last.total_cost_usd) as number,
        turn_token_usage: from(call.turn_token_usage, last.turn_token_usage) as readonly unknown[],
        thinking_history: from(call.thinking_history, last.thinking_history),
      },
      { stage_history: from(call.final_state.stage_history, last.final_state.stage_history) },
    );
  });
};
