/** A dispatcher over given tools, and a short way to ask it. */
import { type Call, type JsonObject, type Logger, systemClock, type Tool, type ToolOutcome } from "geny-executor";
import { createDispatcher, type DispatcherOptions, ToolRegistry } from "geny-executor/tools";

export interface Asking {
  readonly input?: JsonObject;
  readonly signal?: AbortSignal;
  readonly session?: string;
  readonly id?: string;
  readonly ordinal?: number;
}
export const dispatcherOf = (given: readonly Tool[], options: Partial<DispatcherOptions> = {}) => {
  const warnings: string[] = [];
  const log: Logger = { debug() {}, info() {}, error() {}, warn: (...args) => void warnings.push(args.join(" ")) };
  const tools = new ToolRegistry({ log });
  for (const tool of given) tools.register(tool);
  const dispatcher = createDispatcher({ tools, clock: systemClock, log, ...options });
  const ask = (name: string, { input = {}, signal = new AbortController().signal, session = "s", id = "t1", ordinal = 0 }: Asking = {}) => {
    const door: Call = { signal, emit() {}, step: (_name, effect) => effect(signal) };
    const state = { sessionId: session, shared: {}, turn: 1, toolCallsTotal: ordinal };
    return dispatcher.dispatch({ tool_use_id: id, tool_name: name, tool_input: input }, state, door);
  };
  return { ask, dispatcher, tools, warnings };
};
export const textOfOutcome = ({ block }: ToolOutcome): string =>
  typeof block.content === "string" ? block.content : JSON.stringify(block.content);
/** The error's object behind the head line. */
export const errorOf = (outcome: ToolOutcome) => {
  const [, json = "{}"] = /^ERROR [^\n]*\n([\s\S]*)$/.exec(textOfOutcome(outcome)) ?? [];
  return JSON.parse(json).error;
};
