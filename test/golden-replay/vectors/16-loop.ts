import { fromWire, type JsonObject, newState, type State, tokens, type Usage } from "geny-executor";
import { budgets, dimensionOf } from "../../../src/stages/16-loop/budgets.ts";
import { loop } from "../../../src/stages/16-loop.ts";
import { runStage } from "../../../src/testing/run-stage.ts";
import type { Difference, Vector } from "../types.ts";

type Wire = Record<string, unknown> & { readonly token_usage?: Partial<Usage>; readonly tool_results?: readonly unknown[] };
const wireOf = ({ input }: Vector): Wire => input as Wire;

/** A state as it is before stage 16: results of this pass are unread, the recorded usage is that of the turn's only call. */
const stateOf = ({ token_usage, ...wire }: Wire): State => {
  const state = newState(fromWire(wire));
  const usage = { ...state.tokenUsage, ...token_usage };
  return {
    ...state,
    tokenUsage: usage,
    turnTokenUsage: token_usage ? [usage] : [],
    toolIteration: wire.tool_results?.length ? state.iteration : -1,
    toolCallsTotal: wire.tool_results?.length ?? 0,
    startedAt: 0,
  };
};

const dimension = (vector: Vector): unknown => {
  const { dimension, state } = vector.input as { dimension: Record<string, number | null>; state: Wire };
  const name = dimensionOf(vector.strategy.slice("dimension:".length));
  const budget = budgets[name](
    {
      max_iterations: dimension.max ?? null,
      max_tool_calls: dimension.max ?? null,
      max_cost_usd: dimension.max_usd ?? null,
      max_tokens: dimension.max_tokens ?? null,
      max_seconds: dimension.max_seconds ?? null,
      cost_threshold_ratio: dimension.ratio ?? 1,
      token_threshold_ratio: dimension.ratio ?? 1,
    },
    tokens,
  );
  // The recording does not say how much time had passed: at the limit, or just before it.
  const late = (vector.output as { exceeded: boolean }).exceeded;
  const now = (dimension.max_seconds ?? 0) * 1000 - (late ? 0 : 1);
  return { name: budget.name, exceeded: budget.spent(stateOf(state), now) };
};

export const replay = async (vector: Vector): Promise<unknown> => {
  if (vector.strategy.startsWith("dimension:")) return dimension(vector);
  const controller = (vector.config ?? vector.constructor_ ?? {}) as JsonObject;
  const entry = { strategies: { controller: vector.strategy }, strategy_configs: { controller } };
  const { patch } = await runStage(loop, { state: stateOf(wireOf(vector)), entry });
  return { decision: patch.loopDecision };
};

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "loop.continue_signal",
    why: "better on purpose: the signal `continue` makes the turn go on, also without tools",
    covers: (v) => v.strategy !== "single_turn" && v.call === "decide" && wireOf(v).completion_signal === "continue",
  },
  {
    rule: "loop.max_turns_counts_passes",
    why: "better on purpose: max_turns is the number of passes, as max_iterations is; one more was let through",
    covers: (v) => v.call === "decide" && Number(v.constructor_?.max_turns) === Number(wireOf(v).iteration ?? 0) + 1,
  },
];
