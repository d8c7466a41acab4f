/** One call of a tool, in whichever stage: whether it may be made, how it is told, and the dispatcher that makes it. */
import type { ToolBinding } from "../contract/manifest.ts";
import { fields, flag, json, number, text } from "../contract/schema.ts";
import type { Dispatcher } from "../contract/services.ts";
import type { PendingToolCall, State } from "../contract/state.ts";
import type { Call } from "../contract/strategy.ts";
import type { ToolOutcome } from "../contract/tool.ts";

export const toolCallEvents = {
  "tool.call_start": fields({
    tool_use_id: text({ about: "the call" }),
    name: text({ about: "the tool" }),
    input: json({ about: "what the model gave it" }),
  }),
  "tool.call_complete": fields({
    tool_use_id: text({ about: "the call" }),
    name: text({ about: "the tool" }),
    is_error: flag({ about: "whether it failed" }),
    duration_ms: number({ about: "milliseconds" }),
    error: text({ about: "the first 2000 characters of a failure", default: null }),
    result: text({ about: "the first 500 characters of a result", default: null }),
  }),
};

/** Why a `tool_binding`, or a guard, is against the tool; undefined when none is. What is blocked wins over what is allowed. */
export const reasonAgainst = (name: string, binding: ToolBinding | null, guard: State["toolGuard"]): string | undefined => {
  const against = (rule: { allowed: readonly string[] | null; blocked: readonly string[] | null } | null, who: string) =>
    rule?.blocked?.includes(name)
      ? `${who} blocks it`
      : rule?.allowed && !rule.allowed.includes(name)
        ? `${who} does not allow it`
        : undefined;
  return against(binding, "the stage's tool_binding") ?? against(guard, "a guard");
};

export interface Making {
  /** What is against the call: then it is denied. */
  readonly against: string | undefined;
  /** As it is before the call. */
  readonly state: Pick<State, "sessionId" | "shared" | "turn" | "toolCallsTotal">;
  readonly dispatcher: Dispatcher;
  readonly call: Call;
}

/** From `tool.call_start` to `tool.call_complete`. Rejects on abort only. */
export const makeCall = async (asked: PendingToolCall, { against, state, dispatcher, call }: Making): Promise<ToolOutcome> => {
  const { tool_use_id, tool_name: name, tool_input: input } = asked;
  call.emit("tool.call_start", { tool_use_id, name, input });
  const outcome = against
    ? denied(asked, against)
    : await call.step(`tool:${name}#${state.toolCallsTotal + 1}`, (signal) => dispatcher.dispatch(asked, state, { ...call, signal }));
  call.emit("tool.call_complete", { tool_use_id, name, is_error: outcome.isError, duration_ms: outcome.durationMs, ...told(outcome) });
  return outcome;
};

/** The start of what the model reads, for those who watch. */
const told = ({ isError, block: { content } }: ToolOutcome) => {
  const said = typeof content === "string" ? content : content.flatMap((b) => (b.type === "text" ? [b.text] : [])).join("\n");
  return isError ? { error: said.slice(0, 2000) } : { result: said.slice(0, 500) };
};

/** An answer that no tool gave. */
export const unmade = (id: string, content: string): ToolOutcome => ({
  block: { type: "tool_result", tool_use_id: id, content, is_error: true },
  isError: true,
  mutations: {},
  newMessages: [],
  durationMs: 0,
});

/** In the form of a tool's error: a head line, then JSON with a space after commas and colons. */
const denied = ({ tool_use_id, tool_name }: PendingToolCall, reason: string): ToolOutcome => {
  const message = `"${tool_name}" may not run: ${reason}`;
  const [name, why, what] = [tool_name, reason, message].map((text) => JSON.stringify(text));
  const details = `{"tool_name": ${name}, "reason": ${why}}`;
  return unmade(
    tool_use_id,
    `ERROR access_denied: ${message}\n{"error": {"code": "access_denied", "message": ${what}, "details": ${details}}}`,
  );
};
