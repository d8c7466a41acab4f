/** Stage 9: reads the answer: text, tool calls, signal, structured output. */
import { fields, int, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import type { ThinkingRecord } from "../contract/state.ts";
import { one } from "../contract/strategy.ts";
import { parsers } from "./09-parse/parsers.ts";
import { detectors } from "./09-parse/signals.ts";

export const parse = defineStage({
  name: "parse",
  about: "Reads the newest answer: its text, the tools it asks for, the signal it gives, and the JSON it was asked for.",
  category: "execution",
  required: true,
  config: fields({}),
  reads: ["lastApiResponse", "outputSchema", "thinkingHistory", "iteration"],
  writes: [
    "completionSignal",
    "completionDetail",
    "pendingToolCalls",
    "finalText",
    "thinkingHistory",
    "structuredOutput",
    "structuredOutputError",
  ],
  slots: {
    parser: one({ about: "what is read of the answer", default: "default", strategies: parsers }),
    signal_detector: one({ about: "how the model's own signal is found", default: "regex", strategies: detectors }),
  },
  events: {
    "parse.complete": fields({
      text_length: int({ about: "characters of the text" }),
      tool_calls: int({ about: "calls that the model asks for" }),
      signal: text({ about: "continue, complete, blocked, error or delegate; null for none", default: null }),
      stop_reason: text({ about: "why the model stopped" }),
    }),
  },
  async run({ lastApiResponse: response, outputSchema, thinkingHistory, iteration }, { slots, services, call, emit }) {
    const cleared = { completionSignal: null, completionDetail: null, structuredOutput: null, structuredOutputError: null };
    if (!response) return { ...cleared, pendingToolCalls: [] };
    const answer = await slots.parser(response, outputSchema, call);
    const found = slots.signal_detector(answer.text, call);
    emit("parse.complete", {
      text_length: [...answer.text].length,
      tool_calls: answer.toolCalls.length,
      signal: found?.signal ?? null,
      stop_reason: response.stop_reason,
    });
    const ofThisPass = thinkingHistory.slice(thinkingHistory.findLastIndex((record) => record.iteration !== iteration) + 1);
    const records = answer.thinkingTexts
      .filter((thought) => !ofThisPass.some((record) => record.text === thought))
      .map((thought): ThinkingRecord => ({ iteration, text: thought, tokens: services.tokens.text(thought) }));
    return {
      completionSignal: found?.signal ?? null,
      completionDetail: found?.detail ?? null,
      pendingToolCalls: answer.toolCalls,
      finalText: answer.text,
      structuredOutput: answer.structuredOutput,
      structuredOutputError: answer.structuredOutputError,
      ...(records.length ? { thinkingHistory: [...thinkingHistory, ...records] } : {}),
    };
  },
});
