/** Answers to calls that were not made, or not to their end. */
import type { ToolOutcome } from "../../contract/tool.ts";
import { unmade } from "../tool-call.ts";

/** In the last pass of a turn nobody would read the results. */
export const notRun = (id: string): ToolOutcome => unmade(id, "not run: step limit reached");

export const notFinished =
  (aborted: boolean) =>
  (id: string): ToolOutcome =>
    unmade(id, aborted ? "Not finished: the turn was stopped." : "Not finished: the turn failed.");
