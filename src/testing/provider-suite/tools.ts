/** Calls of tools, and how a model is told which to call. */
import type { ToolChoice } from "../../index.ts";
import { answer, begun, call, ended, type Heard, LOOK, type Scenario, tools } from "./scenario.ts";

const request = { tools };
const not = ["own_tools"] as const;
const called = (...blocks: readonly (readonly Heard[] | string)[]): readonly Heard[] => ended("tool_use", ...blocks);
const here = { name: "look", input: { at: "home" } };
const away = { name: "look", input: { at: "sea" } };
const now = { name: "now", input: {} };
const heard = ({ name, input }: typeof here | typeof now): readonly Heard[] => call(name, input);

const HUGE = { at: "far ".repeat(50_000) };
const ODD = { at: 'a "b" \\ \n\u2028 👩‍👩‍👧 שלום', list: [1, null, { deep: [true, -0.5e-3] }], "": "" };
const BAD = '{"at":"unclosed';

const choice = (name: string, toolChoice: ToolChoice, said: Pick<Scenario, "script" | "events">): Scenario => ({
  name: `tool choice: ${name}`,
  request: { tools, toolChoice },
  not,
  ...said,
});
const calling = { script: [{ tool_calls: [here] }], events: called(heard(here)) };
const talking = { script: [{ text: "At home." }], events: answer("At home.") };

export const TOOLS: readonly Scenario[] = [
  {
    name: "tools that are not called",
    script: [{ text: "No need." }],
    request,
    not,
    events: answer("No need."),
    sends: [LOOK.description],
  },
  { name: "one call", script: [{ tool_calls: [here] }], request, not, events: called(heard(here)) },
  { name: "words, then a call", script: [{ text: "I look.", tool_calls: [here] }], request, not, events: called("I look.", heard(here)) },
  {
    name: "calls one after another",
    script: [{ tool_calls: [here] }, { text: "Once more.", tool_calls: [away] }, { text: "Found." }],
    rounds: 3,
    request,
    not,
    events: answer("Found."),
    sends: ["Result of look 1.1", "Once more.", "Result of look 2.1"],
  },
  {
    name: "calls side by side, and their results",
    script: [{ tool_calls: [here, away, now] }, { text: "Found." }],
    rounds: 2,
    request,
    not,
    events: answer("Found."),
    sends: ["Result of look 1.1", "Result of look 1.2", "Result of now 1.3"],
  },
  { name: "the same call twice at once", script: [{ tool_calls: [here, here] }], request, not, events: called(heard(here), heard(here)) },
  { name: "a call without arguments", script: [{ tool_calls: [now] }], request, not, events: called(heard(now)) },
  {
    name: "arguments that are no JSON",
    script: [{ tool_calls: [{ ...here, json: BAD }] }],
    request,
    not,
    events: called([
      { type: "tool_call_start", name: "look" },
      { type: "tool_call_delta", json: BAD },
      { type: "tool_call", name: "look", input: { __unparsed_arguments__: BAD }, unparsed: true },
    ]),
    having: { sound_calls: { events: begun(), fails: { code: "exec.api.server_error" } } },
  },
  {
    name: "a tool that was not offered",
    script: [{ tool_calls: [{ name: "no_such_tool", input: { a: 1 } }] }],
    request,
    not,
    events: called(call("no_such_tool", { a: 1 })),
  },
  {
    name: "huge arguments",
    script: [{ tool_calls: [{ name: "look", input: HUGE }], chunk_size: 1000 }],
    request,
    not,
    events: called(call("look", HUGE)),
  },
  {
    name: "arguments of all kinds",
    script: [{ tool_calls: [{ name: "look", input: ODD }], chunk_size: 1 }, { text: "Odd." }],
    rounds: 2,
    request,
    not,
    events: answer("Odd."),
    sends: ["שלום"],
  },
  choice("auto", { type: "auto" }, talking),
  choice("any", { type: "any" }, calling),
  choice("none", { type: "none" }, talking),
  choice("one tool", { type: "tool", name: "look" }, calling),
  choice("one at a time", { type: "auto", disable_parallel_tool_use: true }, calling),
  {
    name: "not streamed, calls are as streamed",
    script: [
      { text: "I look.", tool_calls: [here, now] },
      { text: "I look.", tool_calls: [here, now] },
    ],
    alsoWhole: true,
    request,
    not,
    events: called("I look.", heard(here), heard(now)),
  },
];
