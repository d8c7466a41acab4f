/** What stage 16 tells the model, and where the words go. */
import { blocksOf, type Message, type TextBlock } from "../../contract/message.ts";

const NOTES = {
  "turn_budget.soft":
    "[Note: this turn has already read a lot. Use what you have where you can, avoid large outputs, and come to an answer soon.]",
  "turn_budget.final":
    "[Note: this turn has used up what it may read. Call no more tools: answer now with what you have, and say what is missing.]",
  repeat_stop:
    "[Note: calls that failed were repeated unchanged, and failed again. Do not repeat them: do something else, or report what blocks you.]",
  step_limit:
    "[Note: the next step is the last of this turn. Call no more tools: report now with what you have, and say what is left to do.]",
} as const;
export type Note = keyof typeof NOTES;

/**
 * The history with the notes: they ride on the newest message where that is the user's (results of tools), else they are a message of their
 * own. A history that ends with the model's own words gets a plain word to go on, since no vendor answers its own answer.
 */
export const told = (messages: readonly Message[], notes: readonly Note[], messageId: () => string): readonly Message[] => {
  const last = messages.at(-1);
  const words = notes.map((note): TextBlock => ({ type: "text", text: NOTES[note] }));
  if (last?.role === "user")
    return words.length ? [...messages.slice(0, -1), { ...last, content: [...blocksOf(last), ...words] }] : messages;
  const content: readonly TextBlock[] = words.length ? words : [{ type: "text", text: "Continue." }];
  return [...messages, { id: messageId(), origin: "note", role: "user", content }];
};
