/** What ends a turn that would go on, and what the model is told before. */
import type { LoopDecision, State } from "../../contract/state.ts";
import { promptTokens } from "../../contract/usage.ts";
import type { Verdict } from "./controllers.ts";
import type { Note } from "./notes.ts";

export interface Limits {
  readonly max_turns: number;
  readonly repeat_stop_after: number;
  readonly turn_soft_input_tokens: number;
  readonly turn_hard_input_tokens: number;
}
type Repeats = { readonly failures: State["failedCalls"]; readonly again: number };
type LimitEvent =
  | ["loop.budget_exceeded", { dimension: string; iteration: number }]
  | ["loop.repeat_stop", { phase: "final" | "stop"; refused: number; iteration: number }]
  | ["loop.turn_budget", { phase: "soft" | "final" | "stop"; used: number; soft: number; hard: number; calls: number }]
  | ["loop.step_limit", { limit: number; iteration: number }];
export interface Outcome {
  readonly decision: LoopDecision;
  readonly signal: string | null;
  /** To be told now. */
  readonly notes: readonly Note[];
  /** Told before in this turn. */
  readonly given: readonly string[];
  readonly events: readonly LimitEvent[];
}

/** Whether the run lets the turn have another pass. */
export const passLeft = ({ singleTurn, iteration, maxIterations }: State): boolean => !singleTurn && iteration + 1 < maxIterations;

export const limit = (state: State, config: Limits, { decision, spent, maxTurns = 0 }: Verdict, repeats: Repeats): Outcome => {
  const { iteration, completionSignal, maxIterations } = state;
  // A failure that is worth another try may be warned of again.
  const given = repeats.failures.refused ? state.loopNotes : state.loopNotes.filter((note) => note !== "repeat_stop");
  const events: LimitEvent[] = spent === undefined ? [] : [["loop.budget_exceeded", { dimension: spent, iteration }]];
  const notes: Note[] = [];
  const end = (signal: string): Outcome => ({ decision: "complete", signal, notes: [], given, events });
  const asIs: Outcome = { decision, signal: completionSignal, notes, given, events };
  if (decision !== "continue" || !passLeft(state)) return asIs;

  const turns = Math.min(...[config.max_turns, maxTurns, maxIterations].filter((n) => n > 0));
  if (iteration + 1 >= turns) {
    events.push(["loop.budget_exceeded", { dimension: "turns", iteration }]);
    return end("MAX_TURNS");
  }

  const { refused } = repeats.failures;
  if (config.repeat_stop_after > 0 && repeats.again > 0 && refused >= config.repeat_stop_after) {
    const phase = given.includes("repeat_stop") ? "stop" : "final";
    events.push(["loop.repeat_stop", { phase, refused, iteration }]);
    if (phase === "stop") return end("REPEAT_STOP");
    notes.push("repeat_stop");
  }

  const phase = budgetPhase(state, config, given);
  if (phase) {
    const { turn_soft_input_tokens: soft, turn_hard_input_tokens: hard } = config;
    events.push(["loop.turn_budget", { phase, used: read(state), soft, hard, calls: state.turnTokenUsage.length }]);
    if (phase === "stop") return end("TURN_INPUT_BUDGET");
    notes.push(`turn_budget.${phase}`);
  }

  // In a turn of two passes the first would be warned at once.
  if (turns > 2 && iteration + 2 >= turns && !given.includes("step_limit")) {
    events.push(["loop.step_limit", { limit: turns, iteration }]);
    notes.push("step_limit");
  }
  return asIs;
};

/** Prompt tokens of this turn. */
const read = ({ turnTokenUsage }: State): number => turnTokenUsage.reduce((sum, call) => sum + promptTokens(call), 0);

/** Each phase comes once a turn: a word at the soft limit, one more answer at the hard one, then the end. */
const budgetPhase = (state: State, { turn_soft_input_tokens: soft, turn_hard_input_tokens: hard }: Limits, given: readonly string[]) => {
  if (hard === 0) return undefined;
  const used = read(state);
  if (used >= hard) return given.includes("turn_budget.final") ? "stop" : "final";
  return soft > 0 && used >= soft && !given.includes("turn_budget.soft") ? "soft" : undefined;
};
