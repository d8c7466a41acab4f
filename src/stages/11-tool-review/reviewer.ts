/** The contract of a reviewer. */
import type { PendingToolCall, ReviewFlag, ToolResultRecord } from "../../contract/state.ts";
import type { Call } from "../../contract/strategy.ts";

/** What a reviewer noticed; the stage adds the reviewer's name. `reason` and `details` go into events: never a secret itself. */
export type Notice = Omit<ReviewFlag, "reviewer">;
/** Looks at the calls that ran in this pass and at their results. A throw is told as an event and skips this reviewer only. */
export type Reviewer = (
  calls: readonly PendingToolCall[],
  results: readonly ToolResultRecord[],
  call: Call,
) => readonly Notice[] | Promise<readonly Notice[]>;
