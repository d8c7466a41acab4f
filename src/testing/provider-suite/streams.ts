/** Streams that break, stray or stand still, and readers who turn away. */
import type { Fault } from "../script.ts";
import { answer, begun, call, type Failing, type Heard, type Scenario, type Trait, tools } from "./scenario.ts";

const SAID = "I was about to say something long.";
const AT = { at: "the far end of a long road" };
const NETWORK: Failing = { code: ["exec.api.network", "exec.api.stream_incomplete"] };
const LATE: Failing = { code: "exec.api.timeout" };

const saying = (fault: Fault) => ({ text: SAID, chunk_size: 1, fault });
const calling = (fault: Fault) => ({ tool_calls: [{ name: "look", input: AT }], chunk_size: 1, fault });
/** What is heard of the call that breaks off. */
const half: readonly Heard[] = [...begun(), ...call("look", AT).slice(0, 2)];
const whole = begun(call("look", AT));

const cut = (name: string, fault: Fault, events: readonly Heard[], fails = NETWORK): Scenario => ({
  name,
  script: [saying(fault)],
  events,
  fails,
  having: { own_reading: { begins: true } },
});
const still = (name: string, after: "nothing" | "headers" | number, events: readonly Heard[]): Scenario => ({
  name,
  script: [saying({ kind: "silence", after })],
  timeoutMs: 200,
  events,
  fails: LATE,
  having: { one_limit: { fails: { code: "exec.cli.timeout" }, timeoutMs: 4000 } },
});

export const STREAMS: readonly Scenario[] = [
  cut("cut before the head", { kind: "cut_before_headers" }, []),
  cut("cut before the first token", { kind: "cut", after: 0 }, []),
  cut("cut within a text", { kind: "cut", after: 12 }, begun(SAID)),
  {
    name: "cut within a call",
    script: [calling({ kind: "cut", after: 12 })],
    request: { tools },
    events: half,
    fails: NETWORK,
    not: ["own_tools"],
    having: { whole_calls: { script: [calling({ kind: "cut", after: 1 })], events: whole } },
  },
  { ...cut("ends without its end", { kind: "no_stop" }, begun(SAID), { code: "exec.api.stream_incomplete" }), not: ["own_reading"] },
  cut("an event that is no JSON", { kind: "malformed_json", event: 12 }, begun(SAID)),
  { ...cut("every event twice", { kind: "duplicate" }, begun(), { code: "exec.api.network" }), not: ["own_reading", "unnumbered"] },
  {
    ...cut("events of another answer in between", { kind: "splice", with: ["other_message"] }, begun(SAID), { code: "exec.api.network" }),
    begins: true,
    not: ["own_reading"],
  },
  {
    name: "comments, foreign events and other line ends are borne",
    script: [saying({ kind: "splice", with: ["comments", "unknown_events", "crlf"] })],
    events: answer(SAID),
  },
  still("silence before the head is a timeout", "nothing", []),
  still("silence before the first token is a timeout", "headers", []),
  still("silence within a text is a timeout", 12, begun(SAID)),
  {
    name: "a slow answer is no timeout",
    script: [{ text: "Slow but sure.", delta_delay_ms: 50, chunk_size: 1 }],
    timeoutMs: 600,
    events: answer("Slow but sure."),
    not: ["one_limit"],
  },
  {
    name: "an answer of single bytes is no timeout",
    script: [{ text: "Drip.", fault: { kind: "drip", ms: 1 } }],
    timeoutMs: 600,
    events: answer("Drip."),
    not: ["one_limit"],
  },
];

const quiet: Fault = { kind: "silence", after: 20 };
const without: readonly Trait[] = ["own_tools"];
export const READERS: readonly Scenario[] = [
  { name: "an abort before: nothing is asked", script: [], aborts: "before", events: [] },
  { name: "an abort while nothing is heard", script: [saying({ kind: "silence", after: "nothing" })], aborts: "asked", events: [] },
  { name: "an abort within a text", script: [saying(quiet)], aborts: "text", events: begun(SAID) },
  {
    name: "an abort within a call",
    script: [calling(quiet)],
    request: { tools },
    aborts: "arguments",
    events: half,
    not: without,
    having: { whole_calls: { script: [calling({ kind: "silence", after: 1 })], events: whole } },
  },
  { name: "an abort after the end: nothing happens", script: [{ text: SAID }], aborts: "finish", events: answer(SAID) },
  { name: "a reader who leaves within a text", script: [saying(quiet)], leaves: "text", events: begun(SAID) },
  {
    name: "a reader who leaves within a call",
    script: [calling(quiet)],
    request: { tools },
    leaves: "arguments",
    events: half,
    not: without,
    having: { whole_calls: { script: [calling({ kind: "silence", after: 1 })], events: whole } },
  },
];
