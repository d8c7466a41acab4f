/** Stage 9: reads the answer: text, tool calls, signal, structured output. */
import { lengthOf } from "../contract/message.ts";
import { fields, int, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import type { ThinkingRecord } from "../contract/state.ts";
import { after, one } from "../contract/strategy.ts";
import { again, wantsAgain } from "./09-parse/again.ts";
import { parsers } from "./09-parse/parsers.ts";
import { detectors } from "./09-parse/signals.ts";

export const parse = defineStage({
  name: "parse",
  about: "Reads the newest answer: its text, the tools it asks for, the signal it gives, and the JSON it was asked for.",
  category: "execution",
  required: true,
  config: fields({
    max_output_asks: int({ about: "how often a turn asks again for an answer that does not match the run's schema", min: 0, default: 2 }),
  }),
  reads: ["lastApiResponse", "outputSchema", "outputAsks", "thinkingHistory", "iteration", "messages"],
  writes: [
    "messages",
    "outputAsks",
    "toolIteration",
    "completionSignal",
    "completionDetail",
    "pendingToolCalls",
    "finalText",
    "thinkingHistory",
    "structuredOutput",
    "structuredOutputError",
  ],
  slots: {
    parser: one({ about: "what is read of the answer", verb: "parses by", default: "default", strategies: parsers }),
    signal_detector: one({
      about: "how the model's own signal is found",
      verb: "finds signals by",
      default: "regex",
      strategies: detectors,
    }),
  },
  events: {
    "parse.complete": fields({
      text_length: int({ about: "characters of the text" }),
      tool_calls: int({ about: "calls that the model asks for" }),
      signal: text({ about: "continue, complete, blocked, error or delegate; null for none", default: null }),
      stop_reason: text({ about: "why the model stopped" }),
    }),
    "parse.output_rejected": fields({
      error: text({ about: "why the answer does not match the run's schema" }),
      ask: int({ about: "which new ask this is, from 1" }),
      limit: int({ about: "new asks of a turn at most" }),
    }),
  },
  run(state, { config, slots, services, call, emit, messageId }) {
    const { lastApiResponse: response, outputSchema, thinkingHistory, iteration } = state;
    const cleared = { completionSignal: null, completionDetail: null, structuredOutput: null, structuredOutputError: null };
    if (!response) return { ...cleared, pendingToolCalls: [] };
    return after(slots.parser(response, outputSchema, call), (answer) => {
      const found = slots.signal_detector(answer.text, call);
      emit("parse.complete", {
        text_length: lengthOf(answer.text),
        tool_calls: answer.toolCalls.length,
        signal: found?.signal ?? null,
        stop_reason: response.stop_reason,
      });
      const ofThisPass = thinkingHistory.slice(thinkingHistory.findLastIndex((record) => record.iteration !== iteration) + 1);
      const records = answer.thinkingTexts
        .filter((thought) => !ofThisPass.some((record) => record.text === thought))
        .map((thought): ThinkingRecord => ({ iteration, text: thought, tokens: services.tokens.text(thought) }));
      const asked = wantsAgain(answer, state, config.max_output_asks);
      if (asked) emit("parse.output_rejected", { error: asked.error, ask: asked.ask, limit: config.max_output_asks });
      return {
        ...(asked ? again(asked, state, messageId) : {}),
        completionSignal: found?.signal ?? null,
        completionDetail: found?.detail ?? null,
        pendingToolCalls: answer.toolCalls,
        finalText: answer.text,
        structuredOutput: answer.structuredOutput,
        structuredOutputError: asked?.error ?? answer.structuredOutputError,
        ...(records.length ? { thinkingHistory: [...thinkingHistory, ...records] } : {}),
      };
    });
  },
});
