/** How a broken turn is closed: its history made whole, then the later stages that want to run, within a grace time. */
import { asError, messageOf, PipelineError } from "../contract/errors.ts";
import { type Message, toolResults, toolUses } from "../contract/message.ts";
import type { State } from "../contract/state.ts";
import type { Run } from "./run.ts";
import type { Walk } from "./walk.ts";

/** Closes the turn. Never throws: what fails here is logged and told by its own `stage.error`. */
export const salvage = async (run: Run, walk: Walk, error: unknown): Promise<void> => {
  const { setup, loop, surface } = run.plan;
  const failed = walk.last;
  run.executing = undefined;
  const reason = run.signal.aborted ? "stopped" : "failed";
  if (failed && failed === setup[0]) {
    run.state = { ...run.state, loopDecision: "error", completionDetail: messageOf(error) };
    return;
  }
  const grace = new AbortController();
  const over = new PipelineError(`Closing the broken turn took more than ${run.graceMs} ms.`, { code: "exec.pipeline.timeout" });
  const inTime = run.services.clock.after(run.graceMs, () => grace.abort(over));
  walk.follow(grace.signal);
  run.state = closeTurn(run.state, reason, error, walk.messageId);
  run.publish("turn.salvaged", "", { reason, messages: run.state.messages.length });
  const rest = [...loop, ...surface];
  const place = failed ? rest.indexOf(failed) : -1;
  // A failure before stage 6, or between two passes: nothing of the loop is owed.
  const later = place >= 0 ? rest.slice(place + 1) : surface;
  for (const stage of later)
    if (stage.stage.brokenTurn === "run")
      try {
        await walk.enter(stage);
      } catch (second) {
        run.services.log.warn(`The stage "${stage.stage.name}" failed while a broken turn was closed.`, second);
      }
  inTime();
};

/** Every call is answered and the last word is the assistant's, so that the next turn can be sent as it is. */
const closeTurn = (state: State, reason: "stopped" | "failed", error: unknown, messageId: () => string): State => {
  const { code, message } = asError(error);
  const why = reason === "stopped" ? "the turn was stopped" : `the turn failed (${code})`;
  const answered = new Set(state.messages.flatMap((m) => toolResults(m.content).map((r) => r.tool_use_id)));
  const last = state.messages.at(-1);
  const open = last?.role === "assistant" ? toolUses(last.content).filter((call) => !answered.has(call.id)) : [];
  const added: Message[] = [];
  if (open.length) {
    const content = open.map(
      (call) => ({ type: "tool_result", tool_use_id: call.id, content: `Not finished: ${why}.`, is_error: true }) as const,
    );
    added.push({ id: messageId(), origin: "tool", role: "user", content });
  }
  if (last && (open.length || last.role === "user"))
    added.push({ id: messageId(), origin: "note", role: "assistant", content: [{ type: "text", text: `[Ended early: ${why}.]` }] });
  return {
    ...state,
    messages: [...state.messages, ...added],
    pendingToolCalls: [],
    loopDecision: "error",
    completionSignal: reason.toUpperCase(),
    completionDetail: message,
    interrupted: { reason, error: code },
  };
};
