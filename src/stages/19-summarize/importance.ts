/** How much a turn's summary matters. */
import { fields, flag, int, list, text } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { defineStrategy } from "../../contract/strategy.ts";
import { type Grade, gradeOf, type SummaryRecord } from "./record.ts";

type Summary = Pick<SummaryRecord, "abstract" | "key_facts" | "entities">;
export type Score = (summary: Summary, turn: Pick<State, "toolReviewFlags">) => Grade;

const importance = defineStrategy<Score>();
const words = (about: string, ...start: string[]) => list(text({ min: 1, about: "a word or phrase" }), { default: start, about });

export const importances = {
  fixed: importance({
    about: "Always the same grade.",
    config: fields({ grade: text({ default: "medium", about: "low, medium, high or critical" }) }),
    create: ({ grade }) => {
      const always = gradeOf(grade, "grade");
      return () => always;
    },
  }),
  heuristic: importance({
    about:
      "High for words of trouble, or many facts or names; low for words of small talk; critical for trouble that a tool review saw too.",
    config: fields({
      baseline: text({ default: "medium", about: "the grade when nothing speaks for another" }),
      high_keywords: words(
        "found anywhere in the summary: high",
        "critical",
        "urgent",
        "fail",
        "failure",
        "error",
        "bug",
        "incident",
        "outage",
        "deadline",
      ),
      low_keywords: words("found, and no high one: low", "fyi", "just checking", "no action", "trivial"),
      many_facts_threshold: int({ min: 1, default: 4, about: "so many facts: high" }),
      many_entities_threshold: int({ min: 1, default: 6, about: "so many names: high" }),
      escalate_on_tool_review_error: flag({ default: true, about: "critical instead of high when a tool review has flagged an error" }),
    }),
    create: (config) => {
      const baseline = gradeOf(config.baseline, "baseline");
      const high = config.high_keywords.map((word) => word.toLowerCase());
      const low = config.low_keywords.map((word) => word.toLowerCase());
      const { many_facts_threshold, many_entities_threshold, escalate_on_tool_review_error } = config;
      return ({ abstract, key_facts, entities }, { toolReviewFlags }) => {
        const all = [abstract, ...key_facts].join("\n").toLowerCase();
        const has = (word: string) => all.includes(word);
        if (high.some(has))
          return escalate_on_tool_review_error && toolReviewFlags.some((flag) => flag.severity === "error") ? "critical" : "high";
        if (low.some(has)) return "low";
        return key_facts.length >= many_facts_threshold || entities.length >= many_entities_threshold ? "high" : baseline;
      };
    },
  }),
};
