/** Stage 5: where the next request may be cached. Only the places are noted: the provider marks its own copy, one that cannot cache ignores them. */
import { fields, flag, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { one } from "../contract/strategy.ts";
import { type Request, strategies } from "./05-cache/strategies.ts";

/** The same for requests whose prompt and tools are the same, under one prefix. */
const keyOf = (prefix: string, { system, tools }: Request): string => {
  const { hash: digest } = process.getBuiltinModule("node:crypto");
  const hash = digest("sha256", JSON.stringify([prefix, system, tools]), "hex").slice(0, 32);
  return prefix === "" ? hash : `${prefix}:${hash}`;
};

export const cache = defineStage({
  name: "cache",
  about: "Notes where the next request is marked for the provider's cache, and a key that names its cacheable part.",
  category: "pre_flight",
  config: fields({ cache_prefix: text({ default: "", about: "a namespace: the same prompt under another prefix has another cache key" }) }),
  reads: ["system", "tools", "messages"],
  writes: ["cacheMarks", "cacheKey"],
  slots: { strategy: one({ about: "where the request is marked", verb: "marks the request by", default: "no_cache", strategies }) },
  events: {
    "cache.applied": fields({
      strategy: text({ about: "the strategy" }),
      system_is_blocks: flag({ about: "whether the prompt goes out as blocks, as a mark needs it" }),
      cache_key: text({ about: "names the cacheable part of the request" }),
    }),
  },
  bypass: (_state, { chosen }) => (chosen.strategy === "no_cache" ? "the strategy is no_cache" : undefined),
  run(state, { config, slots, chosen, emit }) {
    const marks = slots.strategy(state);
    const cacheKey = keyOf(config.cache_prefix, state);
    const system_is_blocks = marks.system || typeof state.system !== "string";
    emit("cache.applied", { strategy: chosen.strategy, system_is_blocks, cache_key: cacheKey });
    return { cacheMarks: { ...marks, ttl: "5m" as const }, cacheKey };
  },
  /** The history has grown: the marks move with it. */
  refresh: (state, { slots }) => ({ cacheMarks: { ...slots.strategy(state), ttl: "5m" as const } }),
});
