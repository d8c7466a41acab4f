/** Stage 16: says whether the turn goes on, keeps its limits, and tells the model when it should come to an end. */
import { fields, flag, int, list, oneOf, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { STATE_KEYS, type State, unread } from "../contract/state.ts";
import { one } from "../contract/strategy.ts";
import { controllers, type Verdict } from "./16-loop/controllers.ts";
import { limit, passLeft } from "./16-loop/limits.ts";
import { told } from "./16-loop/notes.ts";
import { track } from "./16-loop/repeats.ts";

const DECISIONS = ["continue", "complete", "error", "escalate"] as const;
/** A person's word: nothing that is unread makes the turn go on against it. */
const FINAL: readonly (string | null)[] = ["HITL_REJECTED", "HITL_CANCELLED"];
const iteration = int({ about: "this pass, from 0" });
const decided = fields({
  iteration,
  signal: text({ about: "the signal of the turn", default: null }),
  pending_tools: int({ about: "calls that nobody ran" }),
  has_tool_results: flag({ about: "whether tools ran in this pass" }),
  upstream_decision: oneOf(DECISIONS, { about: "what the stages before said" }),
});

export const loop = defineStage({
  name: "loop",
  about: "Decides whether the turn goes on, and keeps its limits.",
  category: "decision",
  config: fields({
    max_turns: int({ about: "passes of a turn at most; 0: as many as the run allows. The smaller of the two binds", min: 0, default: 0 }),
    early_stop_on: list(text({ about: "a signal" }), { about: "signals that end the turn, even with results unread", default: [] }),
    repeat_stop_after: int({
      about: "after so many repeats of failed calls the model is told to stop them, and the next one ends the turn; 0: off",
      min: 0,
      default: 3,
    }),
    turn_soft_input_tokens: int({
      about: "prompt tokens of a turn after which the model is told to be brief; 0: off",
      min: 0,
      default: 2_000_000,
    }),
    turn_hard_input_tokens: int({
      about: "prompt tokens of a turn after which the model has one more answer; 0: off, the soft limit too",
      min: 0,
      default: 5_000_000,
    }),
  }),
  // A host's controller may look at anything.
  reads: STATE_KEYS,
  writes: ["loopDecision", "completionSignal", "toolResults", "toolIteration", "messages", "loopNotes", "failedCalls", "startedAt"],
  slots: {
    controller: one({ about: "whether the turn goes on", verb: "goes on by", default: "standard", strategies: controllers }),
  },
  events: {
    "loop.continue": decided,
    "loop.complete": decided,
    "loop.error": decided,
    "loop.escalate": decided,
    "loop.budget_exceeded": fields({ dimension: text({ about: "what is used up" }), iteration }),
    "loop.repeat_stop": fields({
      phase: oneOf(["final", "stop"], { about: "whether the model was told, or the turn ended" }),
      refused: int({ about: "repeats of failed calls" }),
      iteration,
    }),
    "loop.turn_budget": fields({
      phase: oneOf(["soft", "final", "stop"], { about: "whether the model was told, told to answer at once, or the turn ended" }),
      used: int({ about: "prompt tokens of this turn" }),
      soft: int({ about: "the soft limit" }),
      hard: int({ about: "the hard limit" }),
      calls: int({ about: "calls of the model in this turn" }),
    }),
    "loop.step_limit": fields({ limit: int({ about: "passes of this turn at most" }), iteration }),
  },
  prepare: ({ startedAt }, { services }) => (startedAt === null ? { startedAt: services.clock.now() } : {}),
  run(state, { config, slots, services, call, emit, messageId }) {
    const verdict = decide(state, config.early_stop_on, () => slots.controller(state, services.clock.now()));
    const repeats = track(state.failedCalls, executed(state), state.toolResults, (name) => services.tools.get(name)?.effect !== "read");
    const { decision, signal, notes, given, events } = limit(state, config, verdict, repeats);
    for (const [type, data] of events) call.emit(type, data);
    emit(`loop.${decision}`, {
      iteration: state.iteration,
      signal,
      pending_tools: state.pendingToolCalls.length,
      has_tool_results: state.toolResults.length > 0,
      upstream_decision: state.loopDecision,
    });
    const goesOn = decision === "continue" && passLeft(state);
    // A word after calls that nobody answered would come between them and their answers.
    const messages = goesOn && state.pendingToolCalls.length === 0 ? told(state.messages, notes, messageId) : state.messages;
    return {
      loopDecision: decision,
      ...(signal === state.completionSignal ? {} : { completionSignal: signal }),
      ...(state.toolResults.length ? { toolResults: [] } : {}),
      ...(repeats.failures === state.failedCalls ? {} : { failedCalls: repeats.failures }),
      ...(notes.length || given.length !== state.loopNotes.length ? { loopNotes: [...given, ...notes] } : {}),
      ...(goesOn ? { toolIteration: -1 } : {}),
      ...(messages === state.messages ? {} : { messages }),
    };
  },
});

/** What earlier stages decided stands; but a turn is not complete while the model has something to read. */
const decide = (state: State, earlyStopOn: readonly string[], controller: () => Verdict): Verdict => {
  const { loopDecision: before, completionSignal: signal } = state;
  if (before === "error" || before === "escalate") return { decision: before };
  if (signal !== null && earlyStopOn.includes(signal)) return { decision: "complete" };
  if (before === "complete" && (!unread(state) || FINAL.includes(signal))) return { decision: "complete" };
  return controller();
};

/** The calls of this pass; an earlier pass's may still stand in the state. */
const executed = (state: State) => (unread(state) ? state.executedToolCalls : []);
