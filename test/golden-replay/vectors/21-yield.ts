import { newState, noUsage, type ThinkingRecord, type Usage } from "geny-executor";
import { formatters } from "../../../src/stages/21-yield/formatters.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

interface Wire {
  readonly final_text?: string;
  readonly completion_signal?: string;
  readonly completion_detail?: string;
  readonly iteration?: number;
  readonly total_cost_usd?: number;
  readonly token_usage?: Partial<Usage>;
  readonly thinking_history?: readonly ThinkingRecord[];
}

/** What the recordings call iterations are the passes of ours. */
const turnOf = (wire: Wire) =>
  newState({
    finalText: wire.final_text ?? "",
    completionSignal: wire.completion_signal ?? null,
    completionDetail: wire.completion_detail ?? null,
    passes: wire.iteration ?? 0,
    totalCostUsd: wire.total_cost_usd ?? 0,
    tokenUsage: { ...noUsage, ...wire.token_usage },
    thinkingHistory: wire.thinking_history ?? [],
  });

export const replay = (vector: Vector): unknown => {
  const format = made(formatters, vector);
  if ("refused" in format) return { raises: "ValueError" };
  const events: unknown[] = [];
  const output = format.fn(turnOf(vector.input as Wire), { ...call, emit: (type, data) => void events.push({ type, data }) }) ?? null;
  const keys = typeof output === "object" && output !== null ? Object.keys(output) : null;
  return { final_output: output, key_order: keys, events };
};

export const differences: readonly Difference<Vector>[] = [];
