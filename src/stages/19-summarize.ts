/** Puts the turn into a few lines and grades them. */
import { messageOf } from "../contract/errors.ts";
import { lengthOf } from "../contract/message.ts";
import { fields, int, list, oneOf, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { one } from "../contract/strategy.ts";
import { importances } from "./19-summarize/importance.ts";
import type { SummaryRecord } from "./19-summarize/record.ts";
import { sessionSummary } from "./19-summarize/session.ts";
import { summarizers } from "./19-summarize/summarizers.ts";

/** So many summaries are kept of a session. */
const HISTORY = 2000;

const error = text({ about: "the message" });
const texts = (about: string) => list(text({ about: "one" }), { about });
const turn_id = text({ about: "session and turn" });
const importance = text({ about: "low, medium, high or critical" });

export const summarize = defineStage({
  name: "summarize",
  about: "Puts the turn into a few lines, grades them and hands them to the host's memory. What fails here is told by an event only.",
  category: "finalize",
  config: fields({
    session_summary: oneOf(["on_close", "every_turn", "off"], {
      default: "on_close",
      about:
        "when the host gets the summaries of all turns: in the turn that it marked with the metadata `session.closing`, or in every one",
    }),
  }),
  reads: ["sessionId", "turn", "messages", "loopDecision", "toolReviewFlags", "summaryHistory", "metadata"],
  writes: ["turnSummary", "summaryHistory"],
  slots: {
    summarizer: one({ about: "makes the summary", verb: "summarizes by", default: "no_summary", strategies: summarizers }),
    importance: one({ about: "grades it", verb: "grades by", default: "fixed", strategies: importances }),
  },
  events: {
    "summary.written": fields({
      turn_id,
      abstract: text({ about: "the turn in a few sentences" }),
      key_facts: texts("facts"),
      entities: texts("names"),
      tags: texts("tags"),
      importance,
      created_at: text({ about: "ISO 8601, UTC" }),
    }),
    "summary.skipped": fields({ summarizer: text({ about: "the summarizer" }), reason: text({ about: "why there is no summary" }) }),
    "summary.summarizer_error": fields({ summarizer: text({ about: "the summarizer" }), error }),
    "summary.importance_error": fields({ importance: text({ about: "the strategy that grades" }), error }),
    "summary.provider_recorded": fields({ turn_id, importance }),
    "summary.provider_error": fields({ error }),
    "summary.session_closed": fields({
      chars: int({ about: "length of the text" }),
      turns: int({ about: "turns in it" }),
      decision: text({ about: "how the turn ended" }),
    }),
    "summary.session_close_error": fields({ error }),
  },

  bypass: (_state, { chosen }) => (chosen.summarizer === "no_summary" ? "no summarizer" : undefined),

  async run(state, { config, slots, chosen, services, emit, call }) {
    const { summaries } = services.host;
    const { summarizer } = chosen;

    let made: SummaryRecord | null;
    try {
      made = await slots.summarizer(state, call);
    } catch (thrown) {
      emit("summary.summarizer_error", { summarizer, error: messageOf(thrown) });
      return {};
    }
    if (!made) {
      emit("summary.skipped", { summarizer, reason: "The turn has no answer in words." });
      return {};
    }
    let grade = made.importance;
    try {
      grade = slots.importance(made, state);
    } catch (thrown) {
      emit("summary.importance_error", { importance: chosen.importance, error: messageOf(thrown) });
    }
    const summary = { ...made, importance: grade };
    emit("summary.written", summary);
    const history = [...state.summaryHistory, summary].slice(-HISTORY);

    if (summaries?.record)
      try {
        await call.step("summary.record", async (signal) => void (await summaries.record?.(summary, state, { ...call, signal })));
        emit("summary.provider_recorded", { turn_id: summary.turn_id, importance: grade });
      } catch (thrown) {
        emit("summary.provider_error", { error: messageOf(thrown) });
      }

    const closes =
      config.session_summary === "every_turn" || (config.session_summary === "on_close" && state.metadata["session.closing"] === true);
    if (summaries?.session && closes)
      try {
        const text = sessionSummary(history);
        await call.step("summary.session", async (signal) => void (await summaries.session?.(text, state, { ...call, signal })));
        emit("summary.session_closed", { chars: lengthOf(text), turns: history.length, decision: state.loopDecision });
      } catch (thrown) {
        emit("summary.session_close_error", { error: messageOf(thrown) });
      }
    return { turnSummary: summary, summaryHistory: history };
  },
});
