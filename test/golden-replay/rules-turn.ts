/** Rules for what a turn is: its passes, its state, its events and its end. */
import type { RunDifference } from "./differences.ts";
import type { CallResult, Event, Recording } from "./recording.ts";
import {
  emits,
  eventsOf,
  fails,
  failureOf,
  isObject,
  mapCalls,
  mapEvents,
  mapRequests,
  passes,
  sets,
  withData,
  without,
  withState,
} from "./rewrite.ts";

const always = () => true;
const SETUP = ["context", "system", "guard", "cache"];

/** Each call counts from where the one before it ended. */
const rebased = (r: Recording): Recording => {
  const before = (i: number): CallResult | undefined => r.result.calls[i - 1];
  const less = (value: unknown, by: unknown): unknown => (typeof value === "number" && typeof by === "number" ? value - by : value);
  const from = (list: unknown, past: unknown): unknown => (Array.isArray(list) && Array.isArray(past) ? list.slice(past.length) : list);
  const events = mapEvents(r, (e) => {
    const last = before(e.call);
    if (!last) return e;
    const { iteration, total_cost_usd, upstream_decision } = e.data;
    const judged = eventsOf(r, e.call).some((other) => other.type === "evaluate.complete");
    return withData(
      { ...e, iteration: e.type.startsWith("pipeline.") ? e.iteration : e.iteration - last.iterations },
      {
        ...(iteration === undefined || e.type === "loop.force_complete" ? {} : { iteration: less(iteration, last.iterations) }),
        ...(total_cost_usd === undefined ? {} : { total_cost_usd: less(total_cost_usd, last.total_cost_usd) }),
        ...(upstream_decision === undefined || judged ? {} : { upstream_decision: "continue" }),
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

/** Counts as passes wherever the output says "iterations". */
const counted = (output: unknown, was: number, is: number): unknown => {
  if (typeof output === "string") return output.replace(`iterations ${was}`, `iterations ${is}`);
  if (!isObject(output)) return output;
  return Object.fromEntries(Object.entries(output).map(([key, value]) => [key, key === "iterations" ? is : counted(value, was, is)]));
};

/** The first stage's failure leaves the history as it was. */
const closed = (call: CallResult, failure: Event): CallResult => {
  if (failure.stage === "input") return withState(call, { loop_decision: "error", completion_detail: "<text>" });
  const { messages } = call.final_state;
  const history: readonly { role: string }[] = Array.isArray(messages) ? messages : [];
  const note = { role: "assistant", content: [{ type: "text", text: "<text>" }] };
  return withState(call, {
    loop_decision: "error",
    completion_signal: "FAILED",
    completion_detail: "<text>",
    pending_tool_calls: [],
    messages: history.at(-1)?.role === "user" ? [...history, note] : history,
  });
};

const isDefault = (value: unknown): boolean =>
  value === null || value === false || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
const lean = (group: unknown): unknown =>
  isObject(group) ? Object.fromEntries(Object.entries(group).filter(([, value]) => !isDefault(value))) : group;

export const turnRules: readonly RunDifference[] = [
  {
    rule: "a used state begins its next turn afresh",
    why: "Iteration, decision, signal, cost and per-turn lists of the last turn leaked into the next one.",
    covers: (r) => r.scenario.calls.length > 1,
    rewrite: rebased,
    // A limit that only the turns before had used up.
    diverges: (e, _, r) =>
      e.type === "loop.force_complete" && e.call > 0 && passes(r, e.call) < Number(r.result.calls[e.call]?.final_state.max_iterations),
  },
  {
    rule: "iterations counts passes",
    why: "It counted how often the loop went on, so that a plain answer was 0 iterations.",
    covers: always,
    rewrite: (r) =>
      mapCalls(
        mapEvents(r, (e) => ("iterations" in e.data ? withData(e, { iterations: passes(r, e.call) }) : e)),
        (call, i) => ({ ...call, iterations: passes(r, i), output: counted(call.output, call.iterations, passes(r, i)) }),
      ),
  },
  {
    rule: "the stages before the model are entered once a turn",
    why: "Between two passes they are refreshed: with the same checks and events, but without entering them again.",
    covers: (r) => r.scenario.calls.some((_, i) => passes(r, i) > 1) || fails(r),
    rewrite: (r) =>
      mapCalls(r, (call) => {
        const history: readonly unknown[] = Array.isArray(call.final_state.stage_history) ? call.final_state.stage_history : [];
        const loop = history.indexOf("api");
        return withState(call, { stage_history: history.filter((name, at) => loop < 0 || at < loop || !SETUP.includes(String(name))) });
      }),
  },
  {
    rule: "a turn that broke is closed",
    why: "Open calls are answered, the last word is the assistant's, later stages run and the state says what happened, so that the session can go on.",
    covers: fails,
    rewrite: (r) =>
      mapCalls(r, (call, i) => {
        const failure = failureOf(r, i);
        return failure ? closed(call, failure) : call;
      }),
    excuses: ["calls.final_state.stage_history"],
  },
  {
    rule: "pipeline.error says what went wrong",
    why: "It always said exec.stage.failed, because the wrapper hid the code of the failure inside. Foreign errors are still wrapped.",
    covers: fails,
    rewrite: (r) =>
      mapEvents(r, (e) => {
        const inner = e.type === "pipeline.error" ? failureOf(r, e.call) : undefined;
        return inner && inner.data.code !== "exec.unknown"
          ? withData(e, { code: inner.data.code, exception_type: inner.data.exception_type })
          : e;
      }),
  },
  {
    rule: "errors are named by class, without a module",
    why: "A module path of the Python package means nothing here.",
    covers: (r) => r.events.some((e) => "exception_type" in e.data),
    rewrite: (r) =>
      mapEvents(r, (e) =>
        "exception_type" in e.data ? withData(e, { exception_type: String(e.data.exception_type).split(".").at(-1) }) : e,
      ),
  },
  {
    rule: "every event carries the pass",
    why: "The pipeline's own first and last event always said iteration 0.",
    covers: always,
    rewrite: (r) =>
      mapEvents(r, (e, i) => {
        const [past, next] = [r.events[i - 1], r.events[i + 1]];
        if (e.type === "pipeline.start") return { ...e, iteration: next?.iteration ?? 0 };
        return e.type.startsWith("pipeline.") && past?.call === e.call ? { ...e, iteration: past.iteration } : e;
      }),
  },
  {
    rule: "an engine's event names no stage",
    why: "The limit is checked after the loop's last stage, not by it.",
    covers: emits("loop.force_complete"),
    rewrite: (r) => mapEvents(r, (e) => (e.type === "loop.force_complete" ? { ...e, stage: "" } : e)),
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
    why: "There is one bus: what a stream yields, every handler gets too. The recording lists what its bus lacked.",
    covers: (r) => r.result.calls.some((call) => "bus_types" in call),
    rewrite: (r) => mapCalls(r, (call) => without(call, "bus_types") as unknown as CallResult),
  },
  {
    rule: "leaving the stream cancels the run",
    why: "It went on in the background and spent money for nobody.",
    covers: (r) => r.scenario.calls.some((call) => call.stop_after !== undefined),
    excuses: ["calls"],
  },
  {
    rule: "the first event shows the input as JSON",
    why: "It showed how Python prints the value.",
    covers: (r) => r.scenario.calls.some((call) => typeof call.input !== "string"),
    excuses: ["events.pipeline.start.data.input"],
  },
  {
    rule: "what is at its default is left out of shared and metadata",
    why: "A stage that ran and found nothing leaves no trace in files.",
    covers: (r) =>
      r.result.calls.some(({ final_state: { shared, metadata } }) =>
        [shared, metadata].some((g) => JSON.stringify(lean(g)) !== JSON.stringify(g)),
      ),
    rewrite: (r) =>
      mapCalls(r, (call) => withState(call, { shared: lean(call.final_state.shared), metadata: lean(call.final_state.metadata) })),
  },
  {
    rule: "no temperature unless one is set",
    why: "The newest models of two vendors refuse a temperature; unset means the vendor's default.",
    covers: (r) => [...r.requests, ...(r.result.sub_requests ?? [])].some((q) => q.temperature === 0),
    rewrite: (r) => mapRequests(r, (q) => (q.temperature === 0 ? { ...q, temperature: null } : q)),
  },
  {
    rule: "a failure that a host mended does not fail a later stage",
    why: "Stage 9 threw because stage 6, though mended, had left no answer.",
    covers: sets("recover"),
    diverges: (e) => e.type === "stage.error" && e.stage === "parse",
  },
  {
    rule: "refused approvals have our errors",
    why: "KeyError and ValueError are Python's.",
    covers: sets("hitl_resume"),
    excuses: ["callbacks.resume_error"],
  },
];
