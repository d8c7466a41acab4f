/** Runs the tools that the model called, and puts their results before it. */
import type { Message } from "../contract/message.ts";
import { fields, int, type JsonObject, list, text } from "../contract/schema.ts";
import { Broken, defineStage } from "../contract/stage.ts";
import { one } from "../contract/strategy.ts";
import type { ToolOutcome } from "../contract/tool.ts";
import { both } from "../contract/tool-guard.ts";
import { executors } from "./10-tool/executors.ts";
import { routers } from "./10-tool/routers.ts";
import { makeCall, reasonAgainst, toolCallEvents, unmade } from "./tool-call.ts";

export const tool = defineStage({
  name: "tool",
  about:
    "Runs the tools that the model called and appends their results as one message. A tool's failure is a result; it never ends the turn.",
  category: "execution",
  config: fields({
    max_concurrency: int({
      default: 10,
      min: 1,
      max: 64,
      widget: "slider",
      about: "The most calls that run at a time; the executor may have a smaller number of its own",
    }),
  }),
  reads: ["pendingToolCalls", "messages", "shared", "sessionId", "turn", "iteration", "maxIterations", "toolCallsTotal", "toolGuard"],
  writes: [
    "messages",
    "pendingToolCalls",
    "executedToolCalls",
    "toolResults",
    "toolIteration",
    "toolCallsTotal",
    "toolGuard",
    "loopDecision",
    "shared",
  ],
  slots: {
    executor: one({ about: "in which order, and how many at a time", verb: "runs tools by", default: "sequential", strategies: executors }),
    router: one({ about: "who finds and runs a call's tool", verb: "finds tools by", default: "registry", strategies: routers }),
  },
  events: {
    "tool.execute_start": fields({ count: int({ about: "calls" }), tools: list(text({ about: "a name" }), { about: "their tools" }) }),
    ...toolCallEvents,
    "tool.execute_complete": fields({ count: int({ about: "calls" }), errors: int({ about: "those that failed" }) }),
    "loop.step_limit": fields({ limit: int({ about: "passes that a turn may have" }), iteration: int({ about: "this pass, from 0" }) }),
  },
  supportsToolBinding: true,

  bypass: ({ pendingToolCalls }) => (pendingToolCalls.length === 0 ? "no tool calls" : undefined),

  /** Whoever else runs tools before this stage, as stage 6's own loop, is bound as this stage is. */
  prepare({ toolGuard }, { toolBinding }) {
    if (!toolBinding || (!toolBinding.allowed && !toolBinding.blocked?.length)) return {};
    return { toolGuard: both(toolGuard, { allowed: toolBinding.allowed ?? null, blocked: toolBinding.blocked ?? [] }) };
  },

  async run(state, { config, slots, toolBinding, emit, call, messageId }) {
    const { pendingToolCalls: calls, toolCallsTotal, iteration, maxIterations } = state;
    const outcomes: (ToolOutcome | undefined)[] = [];

    /** The patch with an answer to every call, whatever became of it. */
    const answered = (missing: (id: string) => ToolOutcome) => {
      const all = calls.map((asked, i) => outcomes[i] ?? missing(asked.tool_use_id));
      const results: Message = { id: messageId(), origin: "tool", role: "user", content: all.map((o) => o.block) };
      const shared: JsonObject = Object.assign({}, state.shared, ...all.map((o) => o.mutations));
      const more = all.flatMap((o) => o.newMessages).map((m): Message => ({ id: messageId(), origin: "tool", ...m }));
      return {
        messages: [...state.messages, results, ...more],
        pendingToolCalls: [],
        executedToolCalls: calls.filter((asked, i) => outcomes[i] && !reasonAgainst(asked.tool_name, toolBinding, state.toolGuard)),
        toolResults: all.map((o) => o.block),
        toolIteration: iteration,
        toolCallsTotal: toolCallsTotal + outcomes.filter(Boolean).length,
        loopDecision: "continue" as const,
        shared,
      };
    };

    if (maxIterations > 1 && iteration + 1 >= maxIterations) {
      emit("loop.step_limit", { limit: maxIterations, iteration });
      return answered(notRun);
    }

    let shared = { ...state.shared, ...toolBinding?.extra_context };
    const jobs = calls.map((asked, i) => ({
      safe: slots.router.concurrencySafe(asked),
      async run() {
        const outcome = await makeCall(asked, {
          against: reasonAgainst(asked.tool_name, toolBinding, state.toolGuard),
          state: { sessionId: state.sessionId, turn: state.turn, shared, toolCallsTotal: toolCallsTotal + i },
          dispatcher: slots.router,
          call,
        });
        outcomes[i] = outcome;
        shared = { ...shared, ...outcome.mutations };
      },
    }));

    emit("tool.execute_start", { count: calls.length, tools: calls.map((asked) => asked.tool_name) });
    try {
      await slots.executor(jobs, config.max_concurrency, call);
    } catch (reason) {
      throw new Broken(reason, answered(notFinished(call.signal.aborted)));
    }
    emit("tool.execute_complete", { count: calls.length, errors: outcomes.filter((o) => o?.isError).length });
    return answered(notFinished(false));
  },
});

/** In the last pass of a turn nobody would read the results. */
const notRun = (id: string): ToolOutcome => unmade(id, "not run: step limit reached");

const notFinished =
  (aborted: boolean) =>
  (id: string): ToolOutcome =>
    unmade(id, aborted ? "Not finished: the turn was stopped." : "Not finished: the turn failed.");
