/** Who answers the model's tool calls: the stages after this one, or this stage itself. */
import { fields, flag, int } from "../../contract/schema.ts";
import type { Dispatcher } from "../../contract/services.ts";
import type { PendingToolCall, State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import type { ToolOutcome } from "../../contract/tool.ts";
import { permits } from "../../contract/tool-guard.ts";
import { makeCall, unmade } from "../tool-call.ts";

export type Seen = Pick<State, "sessionId" | "shared" | "turn" | "toolCallsTotal" | "toolGuard">;
export interface Inner {
  /** Rounds of tools that this run of the stage has answered. */
  readonly turns: number;
  readonly state: Seen;
}
/** The answers, one a call and in its order; `failed` is what kept the rest of them from being real. */
export interface Answered {
  readonly outcomes: readonly ToolOutcome[];
  readonly failed?: unknown;
}
/** Answers calls; or undefined, or the reason of a limit, to leave them to the stages after this one. */
export type ToolLoop = (
  calls: readonly PendingToolCall[],
  inner: Inner,
  call: Call,
) => Promise<Answered | { readonly capped: string } | undefined>;

export const toolLoops = {
  pipeline: defineStrategy<ToolLoop>()({
    about: "Tool calls are answered by the stages after this one.",
    config: fields({}),
    create: () => async () => undefined,
  }),
  internal: defineStrategy<ToolLoop>()({
    about: "Tool calls are answered inside this stage, and the model is asked again at once.",
    config: fields({
      max_inner_turns: int({
        about: "rounds of tools in one run of the stage; calls beyond are left to the next stages",
        min: 1,
        default: 10,
      }),
      parallel_tools: flag({ about: "whether neighbouring calls that allow it run side by side", default: false }),
    }),
    create:
      ({ max_inner_turns, parallel_tools }, { dispatcher }) =>
      async (calls, { turns, state }, call) => {
        if (turns >= max_inner_turns) return { capped: "max_inner_turns" };
        // Stage 10 knows how to deny.
        if (calls.some(({ tool_name }) => !permits(state.toolGuard, tool_name))) return { capped: "tool_guard" };
        return answer(grouped(calls, parallel_tools, dispatcher), state, dispatcher, call);
      },
  }),
};

/** Neighbours that may run side by side stand in one group; the model's order is kept. */
const grouped = (calls: readonly PendingToolCall[], parallel: boolean, dispatcher: Dispatcher): PendingToolCall[][] => {
  const groups: PendingToolCall[][] = [];
  let joinable = false;
  for (const call of calls) {
    const safe = parallel && dispatcher.concurrencySafe(call);
    if (safe && joinable) groups.at(-1)?.push(call);
    else groups.push([call]);
    joinable = safe;
  }
  return groups;
};

const answer = async (groups: PendingToolCall[][], state: Seen, dispatcher: Dispatcher, call: Call): Promise<Answered> => {
  const outcomes: ToolOutcome[] = [];
  let { shared, toolCallsTotal } = state;
  let failed: { error: unknown } | undefined;
  for (const group of groups) {
    const seen = { ...state, shared };
    const settled = await Promise.allSettled(
      group.map((one, i) => (failed ? notDone(one) : dispatched(one, { ...seen, toolCallsTotal: toolCallsTotal + i }, dispatcher, call))),
    );
    toolCallsTotal += group.length;
    settled.forEach((result, i) => {
      if (result.status === "rejected") failed ??= { error: result.reason };
      const outcome = result.status === "fulfilled" ? result.value : notDone(group[i] as PendingToolCall);
      shared = { ...shared, ...outcome.mutations };
      outcomes.push(outcome);
    });
  }
  return failed ? { outcomes, failed: failed.error } : { outcomes };
};

const dispatched = async (one: PendingToolCall, state: Seen, dispatcher: Dispatcher, call: Call): Promise<ToolOutcome> => {
  call.emit("api.tool_use", { id: one.tool_use_id, name: one.tool_name, input: one.tool_input, source: "internal" });
  const outcome = await makeCall(one, { against: undefined, state, dispatcher, call });
  const { content } = outcome.block;
  call.emit("api.tool_result", { tool_use_id: one.tool_use_id, content, is_error: outcome.isError, source: "internal" });
  return outcome;
};

const notDone = ({ tool_use_id }: PendingToolCall): ToolOutcome => unmade(tool_use_id, "Not finished: the turn was stopped.");
