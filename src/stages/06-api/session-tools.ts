/** The session's tools for a backend that runs a loop of its own: its calls go the way of stage 10's, its questions that of stage 15's. */
import { APIError } from "../../contract/errors.ts";
import { blocksOf, type ToolResultBlock } from "../../contract/message.ts";
import type { ModelRequest, SessionTools } from "../../contract/provider.ts";
import type { Services } from "../../contract/services.ts";
import type { PendingToolCall } from "../../contract/state.ts";
import type { Call } from "../../contract/strategy.ts";
import type { ToolOutcome } from "../../contract/tool.ts";
import { makeCall, reasonAgainst } from "../tool-call.ts";
import type { CliCalls } from "./cli-calls.ts";
import type { Pass } from "./pass.ts";
import type { Permission } from "./permission.ts";
import type { Seen } from "./tool-loop.ts";

export interface SessionSetup {
  readonly state: Pick<Seen, "sessionId" | "turn" | "toolGuard">;
  /** Gathers what the tools leave behind. */
  readonly pass: Pass;
  readonly services: Services;
  readonly permission: Permission;
  readonly call: Call;
}
/** The tools for one attempt. `close`: nothing runs any more, and nothing will. */
export interface OpenTools {
  readonly tools: SessionTools;
  close(): Promise<void>;
}

const OVER = "The answer ended while the tool ran.";

/**
 * For one request: gives the tools for each attempt at it. Calls run one at a time, in the order in which they come. What an attempt changed
 * is not changed again by the next one: a like call gets the result that is there.
 */
export const sessionTools = (setup: SessionSetup, request: ModelRequest): ((told: CliCalls) => OpenTools) => {
  const { state, pass, services, call } = setup;
  const done: { readonly key: string; readonly outcome: ToolOutcome }[] = [];
  const against = ({ tool_name }: PendingToolCall) => reasonAgainst(tool_name, null, state.toolGuard);

  const make = async (asked: PendingToolCall, door: Call): Promise<ToolOutcome> => {
    const { sessionId, turn } = state;
    const before = { sessionId, turn, shared: pass.shared, toolCallsTotal: pass.toolCallsTotal };
    const outcome = await makeCall(asked, { against: against(asked), state: before, dispatcher: services.dispatcher, call: door });
    pass.ran(outcome);
    const changes = services.tools.get(asked.tool_name)?.effect !== "read";
    if (changes && !outcome.isError) done.push({ key: keyOf(asked), outcome });
    return outcome;
  };

  return (told) => {
    const over = new AbortController();
    const earlier = [...done];
    let last: Promise<unknown> = Promise.resolve();
    /** The stage's door, which also closes with the attempt and with the backend's own signal. */
    const door = (signal: AbortSignal): Call => {
      const stop = AbortSignal.any([call.signal, over.signal, signal]);
      return { ...call, signal: stop, step: (name, effect) => call.step(name, (own) => effect(AbortSignal.any([own, stop]))) };
    };
    const run = async (asked: PendingToolCall, call: Call): Promise<ToolResultBlock> => {
      call.signal.throwIfAborted();
      told.use({ id: asked.tool_use_id, name: asked.tool_name, input: asked.tool_input });
      const at = earlier.findIndex(({ key }) => key === keyOf(asked));
      const outcome = earlier.splice(at, at < 0 ? 0 : 1)[0]?.outcome ?? (await make(asked, call));
      const block = { ...outcome.block, tool_use_id: asked.tool_use_id };
      told.result(block.tool_use_id, { content: block.content, is_error: outcome.isError });
      const more = outcome.newMessages.flatMap(blocksOf);
      return more.length ? { ...block, content: [...blocksOf(block), ...more] } : block;
    };
    return {
      tools: {
        specs: request.toolChoice?.type === "none" ? [] : request.tools,
        call(asked, signal) {
          const mine = last.then(() => run(asked, door(signal)));
          last = mine.catch(() => undefined);
          return mine;
        },
        async approve(asked, signal) {
          const reason = against(asked);
          if (reason) return { allow: false, reason: `"${asked.tool_name}" may not run: ${reason}` };
          return setup.permission(asked, door(signal), (entry) => pass.decided(entry));
        },
      },
      async close() {
        over.abort(new APIError(OVER, { code: "exec.api.stream_incomplete" }));
        await last;
      },
    };
  };
};

const keyOf = ({ tool_name, tool_input }: PendingToolCall): string => JSON.stringify([tool_name, tool_input]);
