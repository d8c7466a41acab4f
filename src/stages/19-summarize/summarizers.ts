/** How a turn is put into a few lines. */
import { textOf } from "../../contract/message.ts";
import { fields, int, list, text } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { namesOf, sentencesOf } from "./extract.ts";
import type { SummaryRecord } from "./record.ts";

type Turn = Pick<State, "sessionId" | "turn" | "messages">;
/** Null: there is nothing to summarize. */
export type Summarize = (turn: Turn, call: Call) => SummaryRecord | null | Promise<SummaryRecord | null>;

const summarizer = defineStrategy<Summarize>();

/** What the model said last; notes of the engine's are no answer. */
const lastAnswer = ({ messages }: Turn): string => {
  const last = messages.findLast((message) => message.role === "assistant" && message.origin !== "note");
  return last ? textOf(last.content).trim() : "";
};

export const summarizers = {
  no_summary: summarizer({ about: "Leaves the stage out.", config: fields({}), create: () => () => null }),
  rule_based: summarizer({
    about: "The first sentences of the last answer, some of the others as facts, and the names in it. Asks no model.",
    config: fields({
      max_sentences: int({ min: 1, default: 3, about: "sentences of the abstract" }),
      max_facts: int({ min: 0, default: 5, about: "facts, at most" }),
      max_entities: int({ min: 0, default: 8, about: "names, at most" }),
      extra_tags: list(text({ about: "a tag" }), { default: [], about: "tags beside `rule_based`" }),
    }),
    create:
      ({ max_sentences, max_facts, max_entities, extra_tags }, { clock }) =>
      (turn) => {
        const answer = lastAnswer(turn);
        if (!answer) return null;
        const sentences = sentencesOf(answer);
        return {
          turn_id: `${turn.sessionId || "session"}:${Math.max(turn.turn - 1, 0)}`,
          abstract: sentences.slice(0, max_sentences).join(" "),
          key_facts: [...new Set(sentences.slice(max_sentences))].slice(0, max_facts),
          entities: namesOf(answer).slice(0, max_entities),
          tags: [...new Set(["rule_based", ...extra_tags])],
          importance: "medium",
          created_at: new Date(clock.now()).toISOString(),
        };
      },
  }),
};
