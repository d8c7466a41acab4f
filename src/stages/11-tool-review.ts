/** Stage 11: looks over the tool calls of this pass, and flags what a person or a later stage should see. */
import { messageOf } from "../contract/errors.ts";
import { fields, int, list, object, oneOf, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { type PendingToolCall, type ReviewFlag, type State, unread } from "../contract/state.ts";
import { many } from "../contract/strategy.ts";
import { reviewers } from "./11-tool-review/reviewers.ts";

type Seen = Pick<State, "pendingToolCalls" | "executedToolCalls" | "toolResults" | "toolIteration" | "iteration">;
/** Results that an earlier pass left are not reviewed again. */
const resultsOf = (state: Seen) => (unread(state) ? state.toolResults : []);
/** The calls that ran; where no stage ran them, those that wait. */
const callsOf = (state: Seen): readonly PendingToolCall[] => (resultsOf(state).length ? state.executedToolCalls : state.pendingToolCalls);

export const toolReview = defineStage({
  name: "tool_review",
  about: "Flags tool calls and results by rules: missing fields, secrets, destruction, network, size.",
  category: "review",
  config: fields({}),
  reads: ["pendingToolCalls", "executedToolCalls", "toolResults", "toolIteration", "iteration"],
  writes: ["toolReviewFlags"],
  slots: {
    reviewers: many({
      about: "run one after another, each by itself",
      default: ["schema", "sensitive", "destructive", "network", "size"],
      strategies: reviewers,
    }),
  },
  events: {
    "tool_review.flag": fields({
      tool_call_id: text({ about: "id of the call" }),
      reviewer: text({ about: "who flagged it" }),
      severity: oneOf(["info", "warn", "error"], { about: "how grave it is" }),
      reason: text({ about: "what was noticed" }),
      message: text({ about: "the same as `reason`" }),
      details: object({ about: "facts, by reviewer" }),
    }),
    "tool_review.reviewer_error": fields({
      reviewer: text({ about: "the reviewer that failed" }),
      error: text({ about: "its message" }),
    }),
    "tool_review.completed": fields({
      reviewers: list(text({ about: "a reviewer" }), { about: "in the order they ran" }),
      flags: int({ about: "flags set" }),
      tool_calls: int({ about: "calls reviewed" }),
      tool_results: int({ about: "results reviewed" }),
    }),
  },
  bypass: (state) => (callsOf(state).length || resultsOf(state).length ? undefined : "no tool calls in this pass"),
  async run(state, { slots, chosen, emit, call }) {
    const calls = callsOf(state);
    const results = resultsOf(state);
    const flags: ReviewFlag[] = [];
    for (const [i, review] of slots.reviewers.entries()) {
      const reviewer = chosen.reviewers[i] ?? "";
      try {
        const given = review(calls, results, call);
        for (const notice of given instanceof Promise ? await given : given) {
          const flag = { ...notice, reviewer };
          flags.push(flag);
          emit("tool_review.flag", { ...flag, message: flag.reason });
        }
      } catch (error) {
        call.signal.throwIfAborted();
        emit("tool_review.reviewer_error", { reviewer, error: messageOf(error) });
      }
    }
    emit("tool_review.completed", {
      reviewers: chosen.reviewers,
      flags: flags.length,
      tool_calls: calls.length,
      tool_results: results.length,
    });
    return { toolReviewFlags: flags };
  },
});
