/** Stage 8: plans how much the model may think, and takes care of what it thought. */
import type { ContentBlock, ThinkingBlock } from "../contract/message.ts";
import { fields, int, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { one } from "../contract/strategy.ts";
import { planners } from "./08-think/planners.ts";
import { processors } from "./08-think/processors.ts";

/** So many tokens of an answer are never planned away; a vendor refuses a request whose thinking fills all of it. */
const ANSWER = 1024;
/** Vendors take no smaller budget. */
const LEAST = 1024;

const isThinking = (block: ContentBlock): block is ThinkingBlock => block.type === "thinking";

export const think = defineStage({
  name: "think",
  about: "Sets the thinking budget before the model is asked, and writes down or filters what it thought.",
  category: "execution",
  config: fields({}),
  reads: [
    "thinkingEnabled",
    "thinkingType",
    "thinkingBudgetTokens",
    "maxTokens",
    "system",
    "messages",
    "tools",
    "needsReflection",
    "lastApiResponse",
    "thinkingHistory",
    "iteration",
  ],
  writes: ["thinkingBudgetTokens", "thinkingHistory", "lastApiResponse"],
  slots: {
    processor: one({
      about: "what becomes of the thinking",
      verb: "treats thinking by",
      default: "extract_and_store",
      strategies: processors,
    }),
    budget_planner: one({
      about: "how many tokens the model may think with",
      verb: "plans thinking by",
      default: "static",
      strategies: planners,
    }),
  },
  events: {
    "think.budget_applied": fields({
      planner: text({ about: "the strategy" }),
      from: int({ about: "tokens before" }),
      to: int({ about: "tokens in the next request" }),
    }),
    "think.processed": fields({
      thinking_block_count: int({ about: "blocks of thinking in the answer" }),
      total_thinking_tokens: int({ about: "their tokens, estimated, before any was filtered" }),
    }),
  },
  bypass({ thinkingEnabled, lastApiResponse }) {
    if (!thinkingEnabled) return "thinking is off";
    if (!lastApiResponse) return "there is no answer";
    return lastApiResponse.content.some(isThinking) ? undefined : "the answer holds no thinking";
  },
  /** Only a type "enabled" has a budget. The model's own is touched only where no vendor would take it. */
  prepare(state, { slots, chosen, call, emit }) {
    if (!state.thinkingEnabled || state.thinkingType !== "enabled") return {};
    const from = state.thinkingBudgetTokens;
    const room = state.maxTokens - ANSWER;
    const planned = slots.budget_planner(state, call);
    const to = planned === undefined && from < state.maxTokens ? from : Math.min(planned ?? from, room);
    if (to === from || room < LEAST) return {};
    emit("think.budget_applied", { planner: chosen.budget_planner, from, to });
    return { thinkingBudgetTokens: to };
  },
  run({ lastApiResponse, thinkingHistory, iteration }, { slots, services, call, emit }) {
    if (!lastApiResponse) return {};
    const blocks = lastApiResponse.content.filter(isThinking);
    const thoughts = blocks.map(({ thinking }) => ({ text: thinking, tokens: services.tokens.text(thinking) }));
    const { kept, records } = slots.processor(thoughts, iteration, call);
    emit("think.processed", {
      thinking_block_count: thoughts.length,
      total_thinking_tokens: thoughts.reduce((sum, { tokens }) => sum + tokens, 0),
    });
    const dropped = new Set(blocks.filter((_, i) => !kept.includes(thoughts[i] as (typeof thoughts)[number])));
    return {
      ...(records.length ? { thinkingHistory: [...thinkingHistory, ...records] } : {}),
      ...(dropped.size
        ? { lastApiResponse: { ...lastApiResponse, content: lastApiResponse.content.filter((b) => !isThinking(b) || !dropped.has(b)) } }
        : {}),
    };
  },
});
