/** Stage 2: what the model gets to read of the past. Recall and replay happen once a turn; the history is kept within the window on every pass. */

import { billed } from "../contract/bill.ts";
import { purseOf } from "../contract/budget.ts";
import { messageOf } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import { fields, flag, int, number, oneOf, text } from "../contract/schema.ts";
import { Broken, defineStage, type Patch, type StageContext } from "../contract/stage.ts";
import { newState, type State } from "../contract/state.ts";
import { one } from "../contract/strategy.ts";
import { type Compacted, compactors } from "./02-context/compactors.ts";
import { queryOf, type Say } from "./02-context/cut.ts";
import { prune } from "./02-context/prune.ts";
import { remembered, retrievers } from "./02-context/recall.ts";
import { replays } from "./02-context/replay.ts";
import { strategies } from "./02-context/strategies.ts";
import { within } from "./deadline.ts";

/** A request that fills more of the window than this is compacted. */
const FULL = 0.8;
const DEFAULT_PROVIDER = "anthropic";

const config = fields({
  stateless: flag({ default: false, about: "leave the history alone: the stage does nothing" }),
  retrieval_timeout_s: number({ min: 0, default: 10, about: "seconds that retrieval may take; 0 for no limit" }),
  prune_over_tokens: int({ min: 0, default: 30000, about: "tokens of history above which old tool output is thinned out; 0 for never" }),
});
const slots = {
  strategy: one({ about: "how much of the history a turn begins with", verb: "loads by", default: "simple_load", strategies }),
  compactor: one({
    about: "makes a history short that fills the window",
    verb: "compacts by",
    default: "truncate",
    strategies: compactors,
  }),
  retriever: one({ about: "what memory knows about the newest instruction", verb: "recalls by", default: "null", strategies: retrievers }),
  replay: one({ about: "earlier turns for a fresh state", verb: "replays by", default: "turn_window", strategies: replays }),
};
const events = {
  "context.built": fields({
    message_count: int({ about: "messages of the history" }),
    memory_refs: int({ about: "chunks of memory that the session has used" }),
    estimated_tokens: int({ about: "tokens of the next request, as far as it is known" }),
  }),
  "context.compacted": fields({
    strategy: text({ about: "the compactor" }),
    trigger: oneOf(["proactive", "guard", "background"], { about: "what asked for it" }),
    messages_before: int({ about: "messages before" }),
    messages_after: int({ about: "messages after" }),
    saved_tokens_estimate: int({ about: "tokens that went" }),
  }),
  "context.compaction_failed": fields({
    compactor: text({ about: "the compactor" }),
    trigger: text({ about: "what asked for it" }),
    error: text({ about: "the message" }),
  }),
  "context.pruned": fields({
    deduped: int({ about: "outputs that a later call repeats" }),
    images_stripped: int({ about: "images taken out" }),
    trimmed: int({ about: "outputs cut to their head" }),
    chars_saved: int({ about: "characters that went" }),
    trigger: oneOf(["cost", "window"], {
      about: "cost: the history is over prune_over_tokens; window: the request nearly fills the window",
    }),
    threshold_tokens: int({ about: "prune_over_tokens; only for trigger cost", default: null }),
  }),
  "context.retrieval_timeout": fields({ timeout_s: number({ about: "seconds that were waited" }) }),
  "context.short_term_window": fields({
    turns: int({ about: "turns replayed" }),
    full: int({ about: "of these, whole" }),
    dialogue: int({ about: "of these, as dialogue" }),
    tokens: int({ about: "tokens of the replay" }),
    budget: int({ about: "tokens it might fill" }),
    degraded: flag({ about: "whether something went for want of room" }),
    messages: int({ about: "messages replayed" }),
  }),
  "memory.compaction.summarized": fields({
    model: text({ about: "the model asked" }),
    provider: text({ about: "its provider" }),
    old_count: int({ about: "messages summed up" }),
    summary_chars: int({ about: "characters of the summary" }),
  }),
  "memory.compaction.llm_failed": fields({ error: text({ about: "the message" }), compactor: text({ about: "the compactor" }) }),
};

const reads = [
  "messages",
  "system",
  "systemVolatile",
  "tools",
  "contextWindowBudget",
  "maxTokens",
  "memoryRefs",
  "lastRecordedIdx",
  "sessionId",
  "turn",
  "shared",
  "metadata",
  "primaryProvider",
  "tokenUsage",
  "turnTokenUsage",
  "costBudgetUsd",
  "costLimitUsd",
  "unknownPrice",
  "totalCostUsd",
  "heldCostUsd",
  "sessionCostUsd",
] as const;
const writes = [
  "messages",
  "lastRecordedIdx",
  "memoryRefs",
  "memoryContext",
  "memoryPinned",
  "tokenUsage",
  "turnTokenUsage",
  "totalCostUsd",
  "heldCostUsd",
  "sessionCostUsd",
] as const;
type Read = Readonly<Pick<State, (typeof reads)[number]>>;
type Write = Patch<(typeof writes)[number]>;
type Context = StageContext<typeof slots, typeof events, typeof config>;

export const context = defineStage({
  name: "context",
  about: "Chooses how much of the history is sent, recalls what memory knows, and keeps the request within the model's window.",
  category: "ingress",
  supportsModelOverride: true,
  config,
  reads,
  writes,
  slots,
  events,
  bypass: (_state, { config: { stateless } }) => (stateless ? "stateless" : undefined),
  async run(state, ctx): Promise<Write> {
    const loaded = changed(state, ctx.slots.strategy(state.messages, sayer(ctx)));
    const replayed = await replay({ ...state, ...loaded }, ctx);
    const recalled = await recall({ ...state, ...loaded }, ctx);
    const before = { ...loaded, ...replayed, ...recalled };
    const shrunk = await shrink({ ...state, ...before }, ctx);
    const after = { ...state, ...before, ...shrunk };
    ctx.emit("context.built", {
      message_count: after.messages.length,
      memory_refs: after.memoryRefs.length,
      estimated_tokens: estimate(after, ctx),
    });
    return { ...before, ...shrunk };
  },
  refresh: shrink,
});

/** A history that has been changed: what memory has recorded of it keeps its mark, wherever that is now. */
const changed = (state: Pick<State, "messages" | "lastRecordedIdx">, messages: readonly Message[]): Write => {
  if (messages === state.messages) return {};
  const unrecorded = new Set(state.messages.slice(state.lastRecordedIdx));
  const at = messages.findIndex((message) => unrecorded.has(message));
  return { messages, lastRecordedIdx: at < 0 ? messages.length : at };
};

const sayer =
  ({ messageId }: Context): Say =>
  (role, content) => ({ id: messageId(), origin: "summary", role, content });

/** Tools are known before stage 3 puts them into the state. */
const estimate = ({ system, systemVolatile, messages, tools }: Read, { services }: Context): number =>
  services.tokens.request({ system, systemVolatile, messages, tools: tools.length ? tools : services.tools.specs() });

/** Only a state that holds nothing but this turn's message is given earlier turns. */
const replay = async (state: Read, { slots: { replay: slot }, services, call, emit, messageId }: Context): Promise<Write> => {
  if (!slot || state.messages.length !== 1) return {};
  const { sessionId, contextWindowBudget, maxTokens } = state;
  const found = await slot({ sessionId, tokens: contextWindowBudget - maxTokens, size: services.tokens.message, messageId }, call);
  if (!found) return {};
  const { messages, ...counts } = found;
  emit("context.short_term_window", { ...counts, messages: messages.length });
  return changed(state, [...messages, ...state.messages]);
};

const recall = async (
  state: Read,
  { slots: { retriever }, config: { retrieval_timeout_s }, services, call, emit }: Context,
): Promise<Write> => {
  if (!retriever) return {};
  const query = queryOf(state.messages);
  const retrieve = async (signal: AbortSignal) => retriever(query, newState(state), { ...call, signal });
  const chunks = await call.step("context.retrieve", (signal) =>
    retrieval_timeout_s === 0 ? retrieve(signal) : within(retrieval_timeout_s * 1000, services.clock, signal, retrieve),
  );
  if (chunks) return remembered(chunks, state.memoryRefs);
  emit("context.retrieval_timeout", { timeout_s: retrieval_timeout_s });
  return {};
};

/** Thins out old tool output, then compacts if the request still nearly fills the window. */
async function shrink(state: Read, ctx: Context): Promise<Write> {
  const { config: options, services, emit } = ctx;
  const limit = FULL * state.contextWindowBudget;
  let { messages } = state;
  let tokens = estimate(state, ctx);
  if (options.prune_over_tokens > 0) {
    const costly = messages.reduce((sum, message) => sum + services.tokens.message(message), 0) > options.prune_over_tokens;
    const { messages: thinned, ...counts } = costly || tokens > limit ? prune(messages) : { messages };
    if (thinned !== messages && "deduped" in counts) {
      emit("context.pruned", {
        ...counts,
        ...(costly ? { trigger: "cost", threshold_tokens: options.prune_over_tokens } : { trigger: "window" }),
      });
      messages = thinned;
      tokens = estimate({ ...state, messages }, ctx);
    }
  }
  const pruned = messages === state.messages ? {} : { messages };
  if (tokens <= limit) return pruned;
  const { messages: compacted, spent } = await compact({ ...state, messages }, ctx);
  const bill = spent ? billed(state, spent) : {};
  if (ctx.signal.aborted) throw new Broken(ctx.signal.reason, bill);
  if (compacted === messages) return { ...pruned, ...bill };
  emit("context.compacted", {
    strategy: ctx.chosen.compactor,
    trigger: "proactive",
    messages_before: messages.length,
    messages_after: compacted.length,
    saved_tokens_estimate: tokens - estimate({ ...state, messages: compacted }, ctx),
  });
  return { ...changed({ messages, lastRecordedIdx: state.lastRecordedIdx }, compacted), ...bill };
}

/** A compactor that fails leaves the history as it is: the guard or the provider has the last word. */
const compact = async (state: Read, ctx: Context): Promise<Compacted> => {
  const { services, call, emit, chosen, signal, modelOverride } = ctx;
  const room = {
    window: state.contextWindowBudget,
    size: services.tokens.message,
    say: sayer(ctx),
    provider: state.primaryProvider || DEFAULT_PROVIDER,
    modelOverride,
    purse: purseOf(state),
  };
  try {
    return await ctx.slots.compactor(state.messages, room, call);
  } catch (error) {
    signal.throwIfAborted();
    services.log.warn(`The compactor "${chosen.compactor}" failed.`, error);
    emit("context.compaction_failed", { compactor: chosen.compactor, trigger: "proactive", error: messageOf(error) });
    return { messages: state.messages };
  }
};
