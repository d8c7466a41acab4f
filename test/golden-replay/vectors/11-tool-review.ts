import type { PendingToolCall, ToolResultRecord } from "geny-executor";
import { reviewers } from "../../../src/stages/11-tool-review/reviewers.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

type Wire = { readonly tool_calls: readonly Record<string, unknown>[]; readonly tool_results: readonly Record<string, unknown>[] };

/** A call under the names of the library function, or under those of the state. */
const asCall = (wire: Record<string, unknown>): PendingToolCall => ({
  tool_use_id: String(wire.id ?? wire.tool_use_id),
  tool_name: String(wire.name ?? wire.tool_name),
  tool_input: (wire.input ?? wire.tool_input) as PendingToolCall["tool_input"],
});
/** Large contents are recorded by their size. */
const asResult = (wire: Record<string, unknown>): ToolResultRecord => {
  const content = String(wire.content);
  const bytes = /^<(\d+) bytes>$/.exec(content);
  const block = /^<list of one text block, (\d+) chars>$/.exec(content);
  const full = bytes
    ? "x".repeat(Number(bytes[1]))
    : block
      ? [{ type: "text" as const, text: "x".repeat(Number(block[1])) }]
      : (wire.content as ToolResultRecord["content"]);
  return { type: "tool_result", tool_use_id: String(wire.tool_use_id), content: full };
};

export const replay = async (vector: Vector): Promise<unknown> => {
  const input = vector.input as Wire;
  try {
    const review = made(reviewers, vector);
    if ("refused" in review) return { raises: "ValueError" };
    const notices = await review.fn(input.tool_calls.map(asCall), input.tool_results.map(asResult), call);
    return notices.map((notice) => ({ ...notice, reviewer: vector.strategy }));
  } catch {
    return { raises: "ValueError" };
  }
};

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "review.calls_as_the_state_has_them",
    why: "better on purpose: reviewers read the calls under the names that the state gives them, so in a run they see them",
    covers: ({ input }) => (input as Wire).tool_calls.some((wire) => "tool_use_id" in wire),
  },
];
