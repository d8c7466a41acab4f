import { asRequest } from "../../../src/stages/15-hitl/request.ts";
import { timeouts } from "../../../src/stages/15-hitl/timeouts.ts";
import { asDecision } from "../../../src/stages/decision.ts";
import { made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

export const replay = async (vector: Vector): Promise<unknown> => {
  if (vector.strategy === "coerce_request") return asRequest(vector.input, () => "made", new Date(0).toISOString());
  if (vector.strategy === "coerce_decision") return asDecision(vector.input);
  try {
    const timeout = made(timeouts, vector);
    if ("refused" in timeout) return { raises: "ValueError" };
    return { timeout_seconds: timeout.fn.seconds, on_timeout: timeout.fn.verdict };
  } catch {
    return { raises: "ValueError" };
  }
};

export const differences: readonly Difference<Vector>[] = [];
