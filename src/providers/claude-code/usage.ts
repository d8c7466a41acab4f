/** What a call used: counted along the way, and in the end as the CLI itself says. */
import type { JsonObject } from "../../contract/schema.ts";
import { addUsage, noUsage, type Usage } from "../../contract/usage.ts";
import { count, isObject, object, text } from "../json.ts";
import type { Source } from "./blocks.ts";

export interface Bill {
  /** Of this call, if the conversation began with it. */
  readonly usage: Usage;
  /** Of the main loop alone: without sub-agents and side calls, but never of another call. */
  readonly main: Usage;
  readonly durationMs: number | null;
}

const tokens = (given: JsonObject, before: Usage = noUsage): Usage => {
  const hour = count(object(given.cache_creation).ephemeral_1h_input_tokens) ?? before.cache_creation_1h_input_tokens ?? 0;
  return {
    ...before,
    input_tokens: count(given.input_tokens) ?? before.input_tokens,
    output_tokens: count(given.output_tokens) ?? before.output_tokens,
    cache_creation_input_tokens: count(given.cache_creation_input_tokens) ?? before.cache_creation_input_tokens,
    cache_read_input_tokens: count(given.cache_read_input_tokens) ?? before.cache_read_input_tokens,
    ...(hour ? { cache_creation_1h_input_tokens: hour } : {}),
  };
};

/** Tokens of the messages that were seen, main loop and sub-agents. */
export const runningBill = () => {
  let done = noUsage;
  /** The open message of each loop. */
  const open = new Map<string, { readonly id: string; readonly usage: Usage }>();
  const usage = (): Usage => [...open.values()].reduce((sum, message) => addUsage(sum, message.usage), done);
  const set = ({ parent }: Source, id: string, given: JsonObject) => {
    const key = parent ?? "";
    const before = open.get(key);
    if (before && before.id !== id) done = addUsage(done, before.usage);
    open.set(key, { id, usage: tokens(given, before?.id === id ? before.usage : noUsage) });
  };
  return {
    usage,
    /** An event of the stream; the new sum, if it changed. */
    event(source: Source, event: JsonObject): Usage | null {
      const message = event.type === "message_start" ? object(event.message) : null;
      const given = message ? message.usage : event.type === "message_delta" ? event.usage : undefined;
      if (!isObject(given)) return null;
      set(source, message ? text(message.id) : (open.get(source.parent ?? "")?.id ?? ""), given);
      return usage();
    },
    /** A whole message: its counts are those of its beginning, so that they only count where no event told better. */
    message(source: Source, message: JsonObject) {
      const id = text(message.id);
      if (isObject(message.usage) && open.get(source.parent ?? "")?.id !== id) set(source, id, message.usage);
    },
  };
};

const NAMES = {
  inputTokens: "input_tokens",
  outputTokens: "output_tokens",
  cacheReadInputTokens: "cache_read_input_tokens",
  cacheCreationInputTokens: "cache_creation_input_tokens",
} as const;

/** The sum over models, which alone counts sub-agents; null when the line has none. */
const ofModels = (models: JsonObject): Usage | null => {
  const each = Object.values(models)
    .filter(isObject)
    .map((model) => {
      const given = Object.fromEntries(Object.entries(NAMES).map(([theirs, ours]) => [ours, model[theirs] ?? 0]));
      const hour = model.cacheCreationEphemeral1hInputTokens ?? 0;
      return tokens({ ...given, cache_creation: { ephemeral_1h_input_tokens: hour } });
    });
  return each.length ? each.reduce(addUsage) : null;
};

const empty = (usage: Usage): boolean =>
  usage.input_tokens + usage.output_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens === 0;

/** `seen`: what was counted along the way, for a result that says nothing. */
export const resultBill = (line: JsonObject, seen: Usage): Bill => {
  const given = object(line.usage);
  const said = tokens(given);
  const main = empty(said) ? seen : said;
  const cost_usd = count(given.cost_usd) ?? count(line.total_cost_usd) ?? null;
  const durationMs = count(line.duration_ms) ?? null;
  return { usage: { ...(ofModels(object(line.modelUsage)) ?? main), cost_usd, duration_ms: durationMs }, main, durationMs };
};

/** What is new since `before`, the totals of the call before. Null: those are not known; then the main loop's tokens, and no cost. */
export const sinceThen = ({ usage, main, durationMs }: Bill, before: Usage | null): Usage => {
  const less = (a: number, b: number) => Math.max(0, a - b);
  if (!before) return { ...main, cost_usd: null, duration_ms: durationMs };
  const hour = less(usage.cache_creation_1h_input_tokens ?? 0, before.cache_creation_1h_input_tokens ?? 0);
  return {
    input_tokens: less(usage.input_tokens, before.input_tokens),
    output_tokens: less(usage.output_tokens, before.output_tokens),
    cache_creation_input_tokens: less(usage.cache_creation_input_tokens, before.cache_creation_input_tokens),
    cache_read_input_tokens: less(usage.cache_read_input_tokens, before.cache_read_input_tokens),
    ...(hour ? { cache_creation_1h_input_tokens: hour } : {}),
    cost_usd: usage.cost_usd === null ? null : less(usage.cost_usd, before.cost_usd ?? 0),
    duration_ms: durationMs,
  };
};
