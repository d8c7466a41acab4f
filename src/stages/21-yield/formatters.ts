/** The form in which a turn's result is handed out. */
import { lengthOf } from "../../contract/message.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";
import { fields, flag, list, oneOf } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

export type Turn = Pick<
  State,
  "finalText" | "model" | "passes" | "totalCostUsd" | "tokenUsage" | "completionSignal" | "completionDetail" | "thinkingHistory"
>;
/** The output; undefined leaves what there is, or the text. */
export type Format = (turn: Turn, call: Call) => Json | undefined;

const formatter = defineStrategy<Format>();
const FORMATS = ["text", "structured", "markdown"] as const;

export const formatters = {
  default: formatter({ about: "The text.", config: fields({}), create: () => () => undefined }),
  structured: formatter({
    about: "An object: text, model, iterations, cost, tokens and signal.",
    config: fields({}),
    create: () => (turn) => structured(turn),
  }),
  streaming: formatter({
    about: "The text, which was streamed; a last event sums it up.",
    config: fields({}),
    create: () => (turn, call) => {
      call.emit("yield.summary", { text_length: lengthOf(turn.finalText), iterations: turn.passes, total_cost_usd: turn.totalCostUsd });
      return undefined;
    },
  }),
  multi_format: formatter({
    about: "Several forms side by side, by name.",
    config: fields({
      formats: list(oneOf(FORMATS, { about: "a form" }), { default: [...FORMATS], about: "the forms; an empty list stands for all" }),
      include_thinking: flag({ default: false, about: "put the model's last thinking into the Markdown" }),
    }),
    create: ({ formats, include_thinking }) => {
      const wanted = FORMATS.filter((name) => formats.length === 0 || formats.includes(name));
      const forms = { text: (turn: Turn) => turn.finalText, structured, markdown: (turn: Turn) => markdown(turn, include_thinking) };
      return (turn) => Object.fromEntries(wanted.map((name) => [name, forms[name](turn)]));
    },
  }),
};

const structured = ({ finalText, model, passes, totalCostUsd, tokenUsage, completionSignal }: Turn): JsonObject => {
  const { input_tokens, output_tokens } = tokenUsage;
  return {
    text: finalText,
    model,
    iterations: passes,
    total_cost_usd: totalCostUsd,
    token_usage: { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens },
    completion_signal: completionSignal,
  };
};

const markdown = (turn: Turn, withThinking: boolean): string => {
  const { finalText, model, passes, totalCostUsd, completionSignal, completionDetail, thinkingHistory } = turn;
  const thinking = withThinking ? thinkingHistory.findLast((record) => record.text)?.text : undefined;
  const detail = completionDetail ? `\n- detail: ${completionDetail}` : "";
  const cost = totalCostUsd === null ? "unknown" : `$${totalCostUsd.toFixed(4)}`;
  return [
    "# Result",
    finalText,
    ...(thinking ? ["## Thinking", thinking] : []),
    ...(completionSignal ? [`## Status\n- signal: \`${completionSignal}\`${detail}`] : []),
    `---\n*Model \`${model}\` · iterations ${passes} · cost ${cost}*`,
  ].join("\n\n");
};
