import { type Message, newState, type State } from "geny-executor";
import { importances } from "../../../src/stages/19-summarize/importance.ts";
import { sessionSummary } from "../../../src/stages/19-summarize/session.ts";
import { summarizers } from "../../../src/stages/19-summarize/summarizers.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

/** The recordings summarize one answer in the third pass of a session "s"; ours names the turn, so it is the third turn. */
const turnOf = (input: unknown): State => {
  if (typeof input === "string") {
    const messages: Message[] = [{ id: "m", origin: "model", role: "assistant", content: input }];
    return newState({ sessionId: "s", turn: 3, messages });
  }
  const { messages } = input as { messages: Message[] };
  return newState({ turn: 1, messages });
};

export const replay = async (vector: Vector): Promise<unknown> => {
  if (vector.strategy === "session_summary") return sessionSummary(vector.input as never[]);
  if (vector.slot === "summarizer") {
    const summarize = made(summarizers, vector);
    return "refused" in summarize ? { raises: "ValueError" } : summarize.fn(turnOf(vector.input), call);
  }
  if (vector.slot !== "importance") return undefined;
  try {
    const score = made(importances, vector);
    if ("refused" in score) return { raises: "ValueError" };
    const { record = {}, shared = {} } = vector.input as { record?: object; shared?: { tool_review_flags?: [] } };
    return score.fn({ abstract: "", key_facts: [], entities: [], ...record }, { toolReviewFlags: shared.tool_review_flags ?? [] });
  } catch {
    return { raises: "ValueError" };
  }
};

const textBlocks = (input: unknown): number => {
  const { messages = [] } = input as { messages?: readonly Message[] };
  const content = messages.at(-1)?.content;
  return Array.isArray(content) ? content.filter((block) => block.type === "text").length : 0;
};

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "summary.bad_config",
    why: "better on purpose: a number below its bound is refused with its path, not silently replaced by the default",
    covers: ({ strategy, config }) => strategy === "rule_based" && Number(config?.max_sentences) < 1,
  },
  {
    rule: "summary.capitals",
    why: "better on purpose: names are found in every script that has capitals, not in ASCII only",
    covers: ({ strategy, input }) => strategy === "rule_based" && typeof input === "string" && /\p{Lu}/u.test(input.replace(/[A-Z]/g, "")),
  },
  {
    rule: "summary.whole_answer",
    why: "better on purpose: an answer in several text blocks is summarized whole, not its first block only",
    covers: ({ strategy, input }) => strategy === "rule_based" && textBlocks(input) > 1,
  },
  {
    rule: "summary.no_frequency_policies",
    why: "left out: nothing in 2.1.0 or here reads these wrappers; when a summary is made is what choosing the stage and `session_summary` say",
    covers: ({ strategy }) => strategy.startsWith("frequency:"),
  },
];
