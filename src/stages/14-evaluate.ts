/** Stage 14: judges the answer. What the model has not read yet comes before every verdict but `error` and `escalate`. */
import type { Message } from "../contract/message.ts";
import { fields, flag, json, number, oneOf, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { STATE_KEYS, type State, unread } from "../contract/state.ts";
import { after, one } from "../contract/strategy.ts";
import { DECISIONS, type Evaluation, loopDecisionOf } from "./14-evaluate/evaluation.ts";
import { scorers } from "./14-evaluate/scorers.ts";
import { strategies } from "./14-evaluate/strategies.ts";

export const evaluate = defineStage({
  name: "evaluate",
  about: "Judges the answer and says whether the turn is done, goes on, or is tried again with feedback.",
  category: "decision",
  config: fields({}),
  // A host's criterion may look at anything.
  reads: STATE_KEYS,
  writes: ["evaluationScore", "evaluationFeedback", "loopDecision", "maxIterations", "taskClass", "messages", "toolIteration"],
  slots: {
    strategy: one({ about: "how it is judged", verb: "judges by", default: "signal_based", strategies }),
    scorer: one({ about: "the score where the strategy gives none", verb: "scores by", default: "no_scorer", strategies: scorers }),
  },
  events: {
    "evaluate.start": fields({ strategy: text({ about: "its name" }) }),
    "evaluate.complete": fields({
      passed: flag({ about: "whether the answer will do" }),
      score: number({ about: "0 to 1" }),
      decision: oneOf(DECISIONS, { about: "what the strategy said" }),
      loop_decision: oneOf(["continue", "complete", "error", "escalate"], { about: "what became of it" }),
      feedback: text({ about: "why, at most 200 characters" }),
      criteria: json({ about: "by criterion: { name, score, weight, passed }", default: null }),
    }),
  },
  run(state, { slots, chosen, emit, call, messageId }) {
    emit("evaluate.start", { strategy: chosen.strategy });
    return after(slots.strategy(state, call), (verdict) => {
      const score = verdict.score ?? slots.scorer(state);
      const loopDecision = decide(state, verdict);
      const { passed, decision, feedback, criteria } = verdict;
      const told = feedback.length > 200 ? [...feedback].slice(0, 200).join("") : feedback;
      emit("evaluate.complete", {
        passed,
        score,
        decision,
        loop_decision: loopDecision,
        feedback: told,
        ...(criteria ? { criteria } : {}),
      });

      const maxIterations = Math.min(verdict.maxTurns ?? state.maxIterations, state.maxIterations);
      return {
        evaluationScore: score,
        evaluationFeedback: feedback,
        loopDecision,
        ...(maxIterations === state.maxIterations ? {} : { maxIterations }),
        ...(verdict.taskClass === undefined ? {} : { taskClass: verdict.taskClass }),
        ...(tries(state, verdict, maxIterations) ? again(state, feedback, messageId()) : {}),
      };
    });
  },
});

const decide = (state: State, { decision }: Evaluation): State["loopDecision"] => {
  const before = state.loopDecision;
  if (before === "error" || before === "escalate") return before;
  const next = loopDecisionOf[decision];
  return next === "complete" && unread(state) ? "continue" : next;
};

/** Whether the answer is to be tried again: not while the model is in the middle of its work, and only if a pass is left. */
const tries = (state: State, { decision }: Evaluation, maxIterations: number): boolean =>
  decision === "retry" && !unread(state) && !state.singleTurn && state.iteration + 1 < maxIterations;

/** The feedback as a message, unread as tool results are, so that the loop goes on. */
const again = (state: State, feedback: string, id: string) => {
  const words = `Your answer was not accepted. ${feedback || "It did not pass the evaluation."}\nTry again, with this in mind.`;
  const message: Message = { id, origin: "note", role: "user", content: [{ type: "text", text: words }] };
  return { messages: [...state.messages, message], toolIteration: state.iteration };
};
