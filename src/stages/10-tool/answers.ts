/** Answers to calls that no tool gave, and whether a call may be made at all. */
import type { ToolBinding } from "../../contract/manifest.ts";
import type { PendingToolCall, State } from "../../contract/state.ts";
import type { ToolOutcome } from "../../contract/tool.ts";

const failed = (id: string, content: string): ToolOutcome => ({
  block: { type: "tool_result", tool_use_id: id, content, is_error: true },
  isError: true,
  mutations: {},
  newMessages: [],
  durationMs: 0,
});

/** Why the stage's `tool_binding`, or a guard, is against the tool; undefined when none is. What is blocked wins over what is allowed. */
export const reasonAgainst = (name: string, binding: ToolBinding | null, guard: State["toolGuard"]): string | undefined => {
  const against = (rule: { allowed: readonly string[] | null; blocked: readonly string[] | null } | null, who: string) =>
    rule?.blocked?.includes(name)
      ? `${who} blocks it`
      : rule?.allowed && !rule.allowed.includes(name)
        ? `${who} does not allow it`
        : undefined;
  return against(binding, "the stage's tool_binding") ?? against(guard, "a guard");
};

/** In the form of a tool's error: a head line, then JSON with a space after commas and colons. */
export const denied = ({ tool_use_id, tool_name }: PendingToolCall, reason: string): ToolOutcome => {
  const message = `"${tool_name}" may not run: ${reason}`;
  const [name, why, what] = [tool_name, reason, message].map((text) => JSON.stringify(text));
  const details = `{"tool_name": ${name}, "reason": ${why}}`;
  return failed(
    tool_use_id,
    `ERROR access_denied: ${message}\n{"error": {"code": "access_denied", "message": ${what}, "details": ${details}}}`,
  );
};

/** In the last pass of a turn nobody would read the results. */
export const notRun = (id: string): ToolOutcome => failed(id, "not run: step limit reached");

export const notFinished =
  (aborted: boolean) =>
  (id: string): ToolOutcome =>
    failed(id, aborted ? "Not finished: the turn was stopped." : "Not finished: the turn failed.");
