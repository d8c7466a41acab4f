/** Asking again for an answer that does not match the run's schema. */
import type { State } from "../../contract/state.ts";
import type { Parsed } from "./parsers.ts";

export interface Ask {
  readonly error: string;
  /** From 1. */
  readonly ask: number;
}

/** Asking again changes nothing about these. */
const FINAL = ["refusal", "content_filter", "pause_turn"];

/** Undefined: the answer stands, good or bad. */
export const wantsAgain = (
  { structuredOutputError: error, toolCalls }: Parsed,
  { outputSchema, outputAsks, lastApiResponse }: Pick<State, "outputSchema" | "outputAsks" | "lastApiResponse">,
  limit: number,
): Ask | undefined => {
  if (!outputSchema || error === null || toolCalls.length || FINAL.includes(lastApiResponse?.stop_reason ?? "")) return undefined;
  return outputAsks < limit ? { error, ask: outputAsks + 1 } : undefined;
};

/** The model has the complaint to read before the turn may end. */
export const again = (
  { error, ask }: Ask,
  { messages, iteration }: Pick<State, "messages" | "iteration">,
  messageId: () => string,
): Pick<State, "messages" | "outputAsks" | "toolIteration"> => ({
  messages: [
    ...messages,
    {
      id: messageId(),
      origin: "note",
      role: "user",
      content: `[Note: this answer was not accepted (${error}). Answer again with the whole JSON value and nothing else.]`,
    },
  ],
  outputAsks: ask,
  toolIteration: iteration,
});
