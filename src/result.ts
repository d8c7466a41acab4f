/** What a run gives back, also when it broke. */
import type { Failover } from "./contract/provider.ts";
import type { Json, JsonObject } from "./contract/schema.ts";
import type { LoopDecision, State } from "./contract/state.ts";
import { summarizeUsage } from "./contract/usage.ts";
import type { Run } from "./engine/run.ts";

export interface RunResult<O = Json> {
  /** False when the turn broke or ended with an error. */
  readonly success: boolean;
  readonly text: string;
  /** With the option `output`: the answer as that schema makes it. Else what stage 21 made of it, or the text. */
  readonly output: O;
  /** The provider's reason of the last answer; empty without one. */
  readonly stopReason: string;
  /** Who gave the last answer, and with which model by its own word; empty without one. */
  readonly provider: string;
  readonly model: string;
  /** The switches from one target of a route to another, in order. */
  readonly failovers: readonly Failover[];
  readonly decision: LoopDecision;
  readonly completionSignal: string | null;
  readonly completionDetail: string | null;
  /** Passes of the loop: 1 for a plain answer. */
  readonly iterations: number;
  readonly usage: {
    readonly calls: number;
    readonly inputTokens: number;
    readonly firstPromptTokens: number;
    readonly maxPromptTokens: number;
    readonly cacheReadTokens: number;
    readonly cacheWriteTokens: number;
    readonly outputTokens: number;
    readonly cacheReadShare: number;
  };
  /** US dollars; null when a model that answered has no known price. */
  readonly totalCostUsd: number | null;
  readonly state: State;
  readonly sessionId: string;
  readonly runId: string;
}

/** What a terminal event says of a run's cost. */
export const bill = ({ state }: Run): JsonObject => ({
  iterations: state.passes,
  total_cost_usd: state.totalCostUsd,
  usage: summarizeUsage(state.turnTokenUsage),
});

export const resultOf = ({ state, runId }: Run, whole: boolean): RunResult => {
  const u = summarizeUsage(state.turnTokenUsage);
  return {
    success: whole && state.loopDecision !== "error",
    text: state.finalText,
    output: state.finalOutput ?? state.finalText,
    stopReason: state.lastApiResponse?.stop_reason ?? "",
    provider: state.lastApiResponse?.provider ?? "",
    model: state.lastApiResponse?.model ?? "",
    failovers: state.failovers,
    decision: state.loopDecision,
    completionSignal: state.completionSignal,
    completionDetail: state.completionDetail,
    iterations: state.passes,
    usage: {
      calls: u.calls,
      inputTokens: u.input_tokens,
      firstPromptTokens: u.first_prompt_tokens,
      maxPromptTokens: u.max_prompt_tokens,
      cacheReadTokens: u.cache_read_tokens,
      cacheWriteTokens: u.cache_write_tokens,
      outputTokens: u.output_tokens,
      cacheReadShare: u.cache_read_share,
    },
    totalCostUsd: state.totalCostUsd,
    state,
    sessionId: state.sessionId,
    runId,
  };
};
