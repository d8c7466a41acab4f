import { newState, type State, type Tokens, type Usage } from "geny-executor";
import { guards } from "../../../src/stages/04-guard/guards.ts";
import { testServices } from "../../../src/testing/run-stage.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

type Recorded = {
  readonly token_usage?: Pick<Usage, "input_tokens" | "output_tokens">;
  readonly context_window_budget?: number;
  readonly cost_budget_usd?: number;
  readonly total_cost_usd?: number;
  readonly iteration?: number;
  readonly max_iterations?: number;
  readonly pending_tool_calls?: readonly { readonly tool_name: string }[];
};
const given = <K extends keyof State>(key: K, value: State[K] | undefined): Partial<State> => (value === undefined ? {} : { [key]: value });

export const replay = async (vector: Vector): Promise<unknown> => {
  const input = vector.input as Recorded;
  const { input_tokens = 0, output_tokens = 0 } = input.token_usage ?? {};
  // The recording measured what the session had used; ours measures the next request. The rule about what must stay free is the same.
  const tokens: Tokens = { text: () => 0, message: () => 0, request: () => input_tokens + output_tokens };
  const guard = made(guards, vector, testServices({ tokens }));
  if ("refused" in guard) return guard;
  const state = newState({
    ...given("contextWindowBudget", input.context_window_budget),
    ...given("costBudgetUsd", input.cost_budget_usd),
    ...given("totalCostUsd", input.total_cost_usd),
    ...given("iteration", input.iteration),
    ...given("maxIterations", input.max_iterations),
    ...given(
      "pendingToolCalls",
      input.pending_tool_calls?.map(({ tool_name }) => ({ tool_use_id: "t", tool_name, tool_input: {} })),
    ),
  });
  const { passed, message, action } = await guard.fn(state, call);
  return { passed, guard_name: vector.strategy, message, action, get_config: guard.config };
};

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "guard.zero_cost_limit",
    why: "better on purpose: a limit of 0 is a limit, not the absence of one",
    covers: ({ strategy, config }) => strategy === "cost_budget" && config?.max_cost_usd === 0,
  },
];
