/** Rules for what is asked of the model and what that costs: stages 2 to 9. */
import type { RunDifference } from "./differences.ts";
import type { CallResult, Recording } from "./recording.ts";
import {
  chosen,
  earlier,
  emits,
  isActive,
  isObject,
  mapCalls,
  mapEvents,
  mapRequests,
  sets,
  stageConfig,
  withData,
  withState,
} from "./rewrite.ts";

const COSTS = [
  "events.token.tracked.data.cost_usd",
  "events.token.tracked.data.total_cost_usd",
  "events.yield.complete.data.total_cost_usd",
  "events.pipeline.complete.data.total_cost_usd",
  "calls.total_cost_usd",
];
const MESSAGES = ["requests.messages", "requests.marks.messages", "calls.final_state.messages", "events.api.request.data.message_count"];
const used = (r: Recording, test: (usage: NonNullable<Recording["script"][number]["usage"]>) => boolean): boolean =>
  r.script.some((step) => step.usage !== undefined && test(step.usage));
const modelOf = (r: Recording): unknown => r.manifest?.model.model ?? r.scenario.build.args?.model ?? "claude-sonnet-4-6";

/** A prompt, or a message that had been a text, without its mark; marks of the host's own blocks stay. */
const unmark = (content: unknown, wasText: boolean, last: boolean): unknown => {
  if (!Array.isArray(content)) return content;
  const blocks: readonly unknown[] = content;
  const bare = blocks.map((block, i) => {
    if (!isObject(block) || (last && i < blocks.length - 1)) return block;
    const { cache_control: _, ...rest } = block;
    return rest;
  });
  const [only] = bare;
  return wasText && bare.length === 1 && isObject(only) && "text" in only ? only.text : bare;
};
const withoutMarks = (call: CallResult, r: Recording): CallResult => {
  const { system, messages } = call.final_state;
  const given: readonly unknown[] = Array.isArray(r.scenario.state?.messages) ? r.scenario.state.messages : [];
  const history: readonly { role: string; content: unknown }[] = Array.isArray(messages) ? messages : [];
  return withState(call, {
    system: unmark(system, true, true),
    messages: history.map((m, i) =>
      JSON.stringify(m).includes("cache_control") ? { ...m, content: unmark(m.content, m.role === "user" || i < given.length, false) } : m,
    ),
  });
};
const caches = emits("cache.applied");

/** US dollars of the shortest answer that stage 6 asks for, of the model that the recordings use. */
const SHORTEST = (256 * 15) / 1e6;
const spentBefore = (r: Recording, at: number): number => Number(earlierInCall(r, at)?.data.total_cost_usd ?? 0);
const earlierInCall = (r: Recording, at: number) =>
  r.events.slice(0, at).findLast((e) => e.type === "token.tracked" && e.call === r.events[at]?.call);

export const modelRules: readonly RunDifference[] = [
  {
    rule: "strategies are named as manifests name them",
    why: "Three events gave a Python class in place of the name that a manifest uses.",
    covers: (r) => r.events.some((e) => NAMED.some((key) => String(e.data[key]) in CLASSES)),
    rewrite: (r) =>
      mapEvents(r, (e) =>
        withData(
          e,
          Object.fromEntries(NAMED.flatMap((key) => (String(e.data[key]) in CLASSES ? [[key, CLASSES[String(e.data[key])]]] : []))),
        ),
      ),
  },
  {
    rule: "tokens are estimated by class of characters, over the whole request",
    why: "Characters divided by four, of messages alone, was 58 % too low.",
    covers: emits("context.built"),
    excuses: ["events.context.built.data.estimated_tokens"],
  },
  {
    rule: "compaction never parts a result from its call",
    why: "A vendor refuses a history in which a result has no call.",
    covers: (r) => emits("context.compacted")(r) && emits("tool.execute_complete")(r),
    excuses: MESSAGES,
  },
  {
    rule: "a summary leaves a tail that fits the window",
    why: "Ten messages of any size stayed; now as many as a quarter of the window holds.",
    covers: (r) => emits("context.compacted")(r) && ["summary", "llm_summary"].includes(compactor(r) ?? ""),
    excuses: [...MESSAGES, "events.context.built.data.message_count", "events.memory.compaction.summarized.data.old_count"],
  },
  {
    rule: "a compaction is paid for by its turn",
    why: "Its tokens were on nobody's bill.",
    covers: (r) => r.requests.some((q) => q.purpose !== "api"),
    excuses: [...COSTS, "calls.token_usage", "calls.turn_token_usage"],
  },
  {
    rule: "a compaction names its provider as the manifest does",
    why: "It is the name by which the host knows it.",
    covers: emits("memory.compaction.summarized"),
    excuses: ["events.memory.compaction.summarized.data.provider"],
  },
  {
    rule: "a recalled chunk is told once",
    why: "Two chunks of one key stood in the prompt twice.",
    covers: (r) =>
      (r.scenario.setup ?? []).some((s) => s.op === "static_retriever" && new Set(s.chunks.map((c) => c.key)).size < s.chunks.length),
    excuses: [
      "requests.system",
      "events.system.built.data.prompt_length",
      "calls.final_state.system",
      "calls.final_state.metadata.memory_context",
    ],
  },
  {
    rule: "the default prompts are our own words",
    why: "The recording does not hold the other program's prose.",
    covers: (r) => [...r.requests, ...r.result.calls.map((c) => c.final_state)].some((q) => JSON.stringify(q.system)?.includes("<text>")),
    excuses: ["events.system.built.data.prompt_length"],
  },
  {
    rule: "template_vars are filled in",
    why: "They were accepted and never used.",
    covers: (r) =>
      isObject(stageConfig(r, "system", "template_vars")) && Object.keys(stageConfig(r, "system", "template_vars") as object).length > 0,
    excuses: ["requests.system", "events.system.built.data.prompt_length", "calls.final_state.system"],
  },
  {
    rule: "a persona is asked once a turn",
    why: "A prompt that changes between two passes costs the cache of the whole request.",
    covers: sets("dynamic_persona"),
    excuses: ["requests.system", "calls.final_state.system"],
  },
  {
    rule: "the prompt knows the tools from the first pass on",
    why: "It was built before the tools were listed.",
    covers: (r) =>
      (r.scenario.setup ?? []).some(
        (s) => s.op === "composable" && s.blocks.some((b) => b.block === "tool_instructions" && b.text === undefined),
      ),
    excuses: ["requests.system", "events.system.built.data.prompt_length", "calls.final_state.system"],
  },
  {
    rule: "a cost limit of 0 is a limit",
    why: "It counted as none.",
    covers: sets("chain_add"),
    diverges: (e, _, r) =>
      e.type === "guard.check" && (r.scenario.setup ?? []).some((s) => s.op === "chain_add" && s.config?.max_cost_usd === 0),
  },
  {
    rule: "the token guard looks at the next request",
    why: "It compared what the session had used in all with the window: the turn was lost for good.",
    covers: (r) => (r.scenario.setup ?? []).some((s) => s.op === "chain_add" && s.impl === "token_budget"),
    diverges: (e) => e.type === "stage.error" && e.stage === "guard" && e.iteration > 0,
  },
  {
    rule: "max_chain_length is kept",
    why: "It was accepted and never used.",
    covers: (r) => typeof stageConfig(r, "guard", "max_chain_length") === "number",
    diverges: (e, _, r) =>
      e.type === "guard.check" &&
      (r.scenario.setup ?? []).filter((s) => s.op === "chain_add").length > Number(stageConfig(r, "guard", "max_chain_length")),
  },
  {
    rule: "cache marks live in the request, not in the state",
    why: "They stayed in the history, and a tool loop collected one more with every pass.",
    covers: caches,
    rewrite: (r) => mapCalls(r, (call) => withoutMarks(call, r)),
  },
  {
    rule: "aggressive caching marks the tools and the newest message too",
    why: "A breakpoint that moves with the conversation is what makes the next pass cheap; never more than four.",
    covers: (r) =>
      r.events.some((e) => e.type === "cache.applied" && ["AggressiveCacheStrategy", "aggressive_cache"].includes(String(e.data.strategy))),
    excuses: ["requests.marks.messages", "requests.marks.tools"],
  },
  {
    rule: "system caching covers the tools",
    why: "Tools stand before the prompt in the vendor's order: a mark after the prompt is void when they change.",
    covers: (r) => caches(r) && r.requests.some((q) => q.tools !== null),
    excuses: ["requests.marks.tools"],
  },
  {
    rule: "the provider decides whether marks are written",
    why: "The form of the model's id decided, so that an alias had no cache.",
    covers: (r) => caches(r) && !String(modelOf(r)).startsWith("claude-"),
    excuses: ["requests.system", "requests.marks.system", "events.cache.applied.data.system_is_blocks"],
  },
  {
    rule: "stage 6 may turn streaming off",
    why: "Its `stream` was accepted and never used.",
    covers: (r) => stageConfig(r, "api", "stream") === false,
    rewrite: (r) =>
      mapEvents(
        mapRequests({ ...r, events: r.events.filter((e) => e.type !== "text.delta") }, (q) => ({ ...q, stream: false, streamed: false })),
        (e) => (e.type === "api.request" ? withData(e, { stream: false }) : e),
      ),
  },
  {
    rule: "retry strategies can be configured",
    why: "What a manifest said of them was ignored.",
    covers: (r) =>
      (r.scenario.setup ?? []).some((s) => s.op === "set_strategy" && s.slot === "retry" && Object.keys(s.config ?? {}).length > 0),
    diverges: (e) => e.type === "api.retry",
  },
  {
    rule: "an answer that broke off is asked for again",
    why: "It is a failure of the network.",
    covers: (r) => r.script.some((step) => step.incomplete),
    diverges: (e) => e.type === "stage.error" && e.data.code === "exec.api.stream_incomplete",
  },
  {
    rule: "text is told block by block, and empty blocks leave no trace",
    why: "A vendor refuses an empty block; the pieces of two blocks are two pieces.",
    covers: (r) => r.script.some((step) => step.texts && (step.texts.length !== 1 || step.texts.includes(""))),
    events: ["text.delta"],
    excuses: ["calls.final_state.messages", "requests.messages"],
  },
  {
    rule: "what a provider drops is told on the bus",
    why: "It went to a listener that no pipeline had.",
    covers: (r) => r.result.client_sink_events !== undefined,
    events: ["llm_client.feature_unsupported"],
  },
  {
    rule: "missing call ids are made up",
    why: "Two calls without an id cannot be told apart.",
    covers: (r) => r.script.some((step) => step.tool_calls?.some((call) => call.id === "")),
    rewrite: (r) =>
      JSON.parse(
        JSON.stringify(r).replaceAll('"id":""', '"id":"<id>"').replaceAll('"tool_use_id":""', '"tool_use_id":"<id>"'),
      ) as Recording,
  },
  {
    rule: "the model that answered is the one that is paid",
    why: "The pipeline's model was priced, whoever had answered.",
    covers: (r) => r.requests.some((q) => q.model !== modelOf(r)) || emits("api.model_routed")(r),
    excuses: COSTS,
  },
  {
    rule: "tokens read from a cache are not taken off the rest",
    why: "The vendor counts them apart already: the price came out too low, or below zero.",
    covers: (r) => used(r, (u) => (u.cache_read_input_tokens ?? 0) > 0),
    excuses: COSTS,
  },
  {
    rule: "savings and hit rate of the cache are counted",
    why: "They were always 0.",
    covers: (r) => used(r, (u) => (u.cache_read_input_tokens ?? 0) + (u.cache_creation_input_tokens ?? 0) > 0),
    excuses: ["calls.cache_metrics.estimated_savings_usd", "calls.cache_metrics.cache_hit_rate"],
  },
  {
    rule: "what a backend says it cost is what it cost",
    why: "It was added up beside an estimate that was used.",
    covers: (r) => used(r, (u) => u.cost_usd != null),
    excuses: COSTS,
  },
  {
    rule: "a call that broke off is paid for by what was streamed",
    why: "It was on nobody's bill.",
    covers: (r) => r.script.some((step) => step.chunks?.some((chunk) => typeof chunk === "object" && chunk.break)),
    events: ["token.tracked"],
    excuses: [...COSTS, "calls.token_usage", "calls.turn_token_usage"],
  },
  {
    rule: "no call is made that may go over the turn's budget",
    why: "It was noticed when it was spent: the answer is asked for no longer than the budget lasts, or the call is refused.",
    covers: (r) => typeof r.manifest?.pipeline.cost_budget_usd === "number",
    excuses: ["requests.max_tokens"],
    diverges: (e, at, r) => e.type === "api.request" && Number(r.manifest?.pipeline.cost_budget_usd) - spentBefore(r, at) < SHORTEST,
  },
  {
    rule: "every calculator knows every vendor's prices",
    why: "A model of another vendor was free of charge, and no budget held it.",
    covers: (r) => !/^claude-/.test(String(modelOf(r))),
    excuses: COSTS,
  },
  {
    rule: "an answer may say nothing of the cache",
    why: "Stage 7 failed on it.",
    covers: (r) => used(r, (u) => u.cache_read_input_tokens === null || u.cache_creation_input_tokens === null),
    diverges: (e) => e.type === "stage.error" && e.stage === "token",
  },
  {
    rule: "thinking is recorded once, with its text",
    why: "Stage 8 looked under another key and stage 9 wrote it again; tokens are our estimate.",
    covers: (r) => r.script.some((step) => step.thinking !== undefined),
    rewrite: (r) =>
      mapCalls(r, (call) => ({
        ...call,
        thinking_history: Array.isArray(call.thinking_history)
          ? call.thinking_history.filter((t: { text: unknown }) => t.text !== null)
          : undefined,
      })),
    excuses: ["calls.thinking_history.tokens", "events.think.processed.data.total_thinking_tokens"],
    // The filter looked under the other key, too.
    diverges: (e) => e.type === "stage.error" && e.stage === "think",
  },
  {
    rule: "thinking stays in the history",
    why: "The vendor wants it back together with the calls that follow from it.",
    covers: (r) => r.script.some((step) => step.thinking_raw === false),
    excuses: ["calls.final_state.messages", "requests.messages"],
  },
  {
    rule: "the thinking budget is planned before the model is asked",
    why: "Nobody asked the planner, and what a host planned was overwritten.",
    covers: (r) => chosen(r, "think", "budget_planner") !== undefined || thinks(r),
    rewrite: (r) => mapCalls(r, ({ planned_budget: _, ...call }) => call as CallResult),
    events: ["think.budget_applied"],
    excuses: ["requests.thinking", "events.api.request.data.has_thinking", "calls.final_state.thinking_budget_tokens"],
  },
  {
    rule: "a signal belongs to the answer that gave it",
    why: "One of an earlier pass ended a good turn.",
    covers: (r) => r.events.some((e, i) => stale(r, i) !== undefined && e.type.startsWith("loop.")),
    rewrite: (r) => mapEvents(r, (e, i) => (e.type === "loop.continue" && stale(r, i) ? withData(e, { signal: null }) : e)),
    diverges: (e, i, r) => e.type.startsWith("loop.") && stale(r, i) !== undefined,
  },
];
const compactor = (r: Recording): string | undefined =>
  sets("llm_compactor")(r) ? "llm_summary" : r.manifest?.stages.find((s) => s.name === "context")?.strategies?.compactor;
const thinks = (r: Recording): boolean =>
  (r.scenario.build.with ?? []).some(([method]) => method === "with_think") || (isActive(r, "think") && sets("planner")(r));
/** A loop's signal that this pass's answer did not give. */
const stale = (r: Recording, at: number): unknown => {
  const signal = r.events[at]?.data.signal;
  const parsed = earlier(r, at, "parse.complete");
  return typeof signal === "string" && !signal.startsWith("HITL_") && parsed && parsed.data.signal !== signal ? signal : undefined;
};

const NAMED = ["strategy", "persistence"];
const CLASSES: Record<string, string> = {
  AggressiveCacheStrategy: "aggressive_cache",
  SystemCacheStrategy: "system_cache",
  NoCacheStrategy: "no_cache",
  TruncateCompactor: "truncate",
  SummaryCompactor: "summary",
  LLMSummaryCompactor: "llm_summary",
  SlidingWindowCompactor: "sliding_window",
  AppendOnlyStrategy: "append_only",
  NoMemoryStrategy: "no_memory",
  ReflectiveStrategy: "reflective",
  StructuredReflectiveStrategy: "structured_reflective",
  FilePersistence: "file",
  InMemoryPersistence: "in_memory",
  NullPersistence: "null",
};
