/**
 * The state of a session and its turn: plain JSON, one list of keys. A key's value is what the wire holds; only the key's own name is
 * camelCase here and has its place on the wire there (`toWire`, `fromWire`). A `turn` key is reset when a turn begins, by construction.
 */
import type { Message, TextBlock, ToolResultBlock } from "./message.ts";
import type { Failover, ModelResponse } from "./provider.ts";
import { isObject, type Json, type JsonObject } from "./schema.ts";
import type { ToolSpec } from "./tool.ts";
import type { Usage } from "./usage.ts";
import { noUsage } from "./usage.ts";

export type LoopDecision = "continue" | "complete" | "error" | "escalate";
export type PendingToolCall = { readonly tool_use_id: string; readonly tool_name: string; readonly tool_input: JsonObject };
export type ToolResultRecord = Omit<ToolResultBlock, "cache_control">;
export type ThinkingRecord = { readonly iteration: number; readonly text: string; readonly tokens: number };
/** One answer, or part of one, that a model was paid for. */
export type ModelCall = {
  readonly model: string;
  readonly provider: string;
  readonly usage: Usage;
  /** The wire broke before it told all: part of the tokens were counted here. */
  readonly estimated?: true;
};
export type MemoryRef = { readonly key: string; readonly source: string; readonly content_length: number; readonly relevance: number };
export type CacheMetrics = {
  readonly total_cache_writes: number;
  readonly total_cache_reads: number;
  readonly estimated_savings_usd: number;
  readonly cache_hit_rate: number;
};
export type ReviewFlag = {
  readonly tool_call_id: string;
  readonly reviewer: string;
  readonly severity: "info" | "warn" | "error";
  readonly reason: string;
  readonly details: JsonObject;
};
export type DelegateRequest = { readonly agent_type: string; readonly task: string };
export type AgentResult = {
  readonly agent_type: string;
  readonly task: string;
  readonly success: boolean;
  readonly text: string;
  readonly error: string | null;
  readonly subagent_metadata?: JsonObject | null;
};
export type ToolChoice =
  | { readonly type: "auto" | "any" | "none"; readonly disable_parallel_tool_use?: boolean }
  | { readonly type: "tool"; readonly name: string; readonly disable_parallel_tool_use?: boolean };
/** The stable part of the prompt: text, or blocks. What changes between turns is `systemVolatile`. */
export type SystemPrompt = string | readonly TextBlock[];

interface Key<T> {
  readonly scope: "turn" | "session";
  readonly default: T;
  /** Where it stands on the wire, with one dot at most: "shared.tool_review_flags". Default: the key in snake_case. */
  readonly wire?: string;
  /** Kept out of files and checkpoints: it is made anew from the manifest when a turn begins. */
  readonly derived?: true;
}
const turn = <T>(value: T, more: Partial<Key<T>> = {}): Key<T> => ({ scope: "turn", default: value, ...more });
const session = <T>(value: T, more: Partial<Key<T>> = {}): Key<T> => ({ scope: "session", default: value, ...more });
const shared = (name: string) => ({ wire: `shared.${name}` });
const meta = (name: string) => ({ wire: `metadata.${name}` });
const derived = { derived: true } as const;

/** The one list of state keys. */
export const STATE = {
  sessionId: session(""),
  pipelineId: session(""),
  /** Turns begun so far. */
  turn: session(0),
  messages: session<readonly Message[]>([]),
  tokenUsage: session<Usage>(noUsage),
  /** US dollars of all turns. Null once a call was answered by a model without a known price. */
  sessionCostUsd: session<number | null>(0),
  cacheMetrics: session<CacheMetrics>({ total_cache_writes: 0, total_cache_reads: 0, estimated_savings_usd: 0, cache_hit_rate: 0 }),
  memoryRefs: session<readonly MemoryRef[]>([]),
  /** Tools' and hosts' own values, under the prefixes `executor.`, `memory.`, `geny.` and `plugin.`. */
  shared: session<JsonObject>({}),
  /** A host's own values. Stages have keys of their own. */
  metadata: session<JsonObject>({}),

  // From the manifest, set when a turn begins; per-run overrides win.
  model: turn("claude-sonnet-4-6", derived),
  maxTokens: turn(8192, derived),
  temperature: turn<number | null>(null, derived),
  topP: turn<number | null>(null, derived),
  topK: turn<number | null>(null, derived),
  stopSequences: turn<readonly string[] | null>(null, derived),
  thinkingEnabled: turn(false, derived),
  thinkingBudgetTokens: turn(10000, derived),
  thinkingType: turn<"enabled" | "adaptive" | "disabled">("enabled", derived),
  thinkingDisplay: turn<"summarized" | "omitted" | null>(null, derived),
  maxIterations: turn(50, derived),
  costBudgetUsd: turn<number | null>(null, derived),
  /** What becomes of a call whose price is not known, while the turn has a limit. */
  unknownPrice: turn<"refuse" | "allow">("refuse", derived),
  /** Tokens that a request and its answer may fill: the pipeline's setting, or the model's window where that is known and smaller. */
  contextWindowBudget: turn(200000, derived),
  stream: turn(true, derived),
  singleTurn: turn(false, derived),
  /** The provider that stage 6 asks, for stages that ask a model of their own. Empty: not known. */
  primaryProvider: turn("", { ...derived, wire: "shared.primary_provider" }),
  /** A JSON Schema that this run's answer must match: stage 6 asks for it where the provider can, stage 9 checks it. */
  outputSchema: turn<JsonObject | null>(null, derived),
  /** What the run was given, before stage 1. */
  input: turn<Json>(null, { ...derived, wire: "turn_input" }),

  // The prompt.
  system: turn<SystemPrompt>(""),
  /** Clock, recalled memory, turn context: goes to the model after every cache mark and is never stored in the history. */
  systemVolatile: turn("", shared("turn_context_text")),
  tools: turn<readonly ToolSpec[]>([]),
  toolChoice: turn<ToolChoice | null>(null),
  toolsVersion: session(-1),
  /** What stage 4 and the binding of stage 10 let run: calls of other tools are denied. Null: every tool. `blocked` wins. */
  toolGuard: turn<{ readonly allowed: readonly string[] | null; readonly blocked: readonly string[] } | null>(null),
  /** Where cache marks go in the next request: stage 5 places them, the provider writes them. Indices into `messages`, -1 none. */
  cacheMarks: turn<{ readonly tools: boolean; readonly system: boolean; readonly messages: readonly number[]; readonly ttl: "5m" | "1h" }>({
    tools: false,
    system: false,
    messages: [],
    ttl: "5m",
  }),
  /** Names the cacheable prefix (prompt and tools) of the turn, for providers that route by a key. Empty: no caching was asked for. */
  cacheKey: turn("", shared("cache_key")),
  memoryContext: turn("", meta("memory_context")),
  memoryPinned: turn("", meta("memory_pinned")),

  // The loop.
  /** Index of the current pass; counts the passes that ended with `continue`. */
  iteration: turn(0),
  /** Passes begun. 1 for a plain answer. */
  passes: turn(0),
  loopDecision: turn<LoopDecision>("continue"),
  completionSignal: turn<string | null>(null),
  completionDetail: turn<string | null>(null),
  stageHistory: turn<readonly string[]>([]),
  lastApiResponse: turn<ModelResponse | null>(null),
  /** Calls of the model that stage 7 has not billed yet, broken attempts too. Stage 7 bills `lastApiResponse` when there are none. */
  modelCalls: turn<readonly ModelCall[]>([], derived),
  /** The switches of this turn from one target of a route to another. */
  failovers: turn<readonly Failover[]>([], derived),
  turnTokenUsage: turn<readonly Usage[]>([]),
  /** US dollars of this turn. Null once a call was answered by a model without a known price. */
  totalCostUsd: turn<number | null>(0),
  /** US dollars that broken calls of this turn may have cost beyond what was counted. No limit lets them be spent again. */
  heldCostUsd: turn(0, shared("executor.held_cost_usd")),
  /** US dollars that the guards let this turn cost, beside `costBudgetUsd`. Null: they do not say. */
  costLimitUsd: turn<number | null>(null, shared("executor.cost_limit_usd")),
  /** Models of this turn that have no known price. */
  unpricedModels: turn<readonly string[]>([], shared("executor.unpriced_models")),
  thinkingHistory: turn<readonly ThinkingRecord[]>([]),
  tokenBreakdown: turn<readonly JsonObject[]>([], meta("token_breakdown")),
  pendingToolCalls: turn<readonly PendingToolCall[]>([]),
  /** The calls that stage 10 ran in this pass, for review. */
  executedToolCalls: turn<readonly PendingToolCall[]>([]),
  toolResults: turn<readonly ToolResultRecord[]>([]),
  /** The pass whose tool results the model has not read; -1 when it has read them all. */
  toolIteration: turn(-1),
  toolCallsTotal: turn(0, shared("executor.tool_calls_total")),
  toolReviewFlags: turn<readonly ReviewFlag[]>([], shared("tool_review_flags")),
  delegateRequests: turn<readonly DelegateRequest[]>([]),
  agentResults: turn<readonly AgentResult[]>([]),
  evaluationInput: turn<JsonObject | null>(null, meta("evaluation_input")),
  evaluationScore: turn<number | null>(null),
  evaluationFeedback: turn<string | null>(null),
  taskClass: turn<string | null>(null, meta("task_class")),
  structuredOutput: turn<Json>(null),
  structuredOutputError: turn<string | null>(null),
  /** How often the model was asked again for an answer that matches `outputSchema`. */
  outputAsks: turn(0, shared("parse.output_asks")),
  finalText: turn(""),
  finalOutput: turn<Json>(null),
  /** Why the turn broke; null while it is whole. Stages 17 to 21 read it. */
  interrupted: turn<{ readonly reason: "stopped" | "failed"; readonly error: string | null } | null>(null, meta("turn.interrupted")),
  /** Names of the notes that stage 16 gave the model in this turn, such as "turn_budget.soft". */
  loopNotes: turn<readonly string[]>([], shared("loop.notes")),
  /** Epoch milliseconds at which this turn's loop began. */
  startedAt: turn<number | null>(null, shared("loop.started_at")),
  /** Failed calls of this turn, as hashes, since something last changed the world; `refused`: how often one of them came again in vain. */
  failedCalls: turn<{ readonly refused: number; readonly calls: readonly string[] }>(
    { refused: 0, calls: [] },
    shared("loop.failed_calls"),
  ),

  // Tasks, approvals, summaries, checkpoints, insights.
  tasksNewThisTurn: turn<readonly JsonObject[]>([], shared("tasks_new_this_turn")),
  tasksByStatus: session<JsonObject>({}, shared("tasks_by_status")),
  hitlRequest: turn<JsonObject | null>(null, shared("hitl_request")),
  hitlLastDecision: session<string | null>(null, shared("hitl_last_decision")),
  hitlHistory: session<readonly JsonObject[]>([], shared("hitl_history")),
  turnSummary: turn<JsonObject | null>(null, shared("turn_summary")),
  summaryHistory: session<readonly JsonObject[]>([], shared("summary_history")),
  /** Id of the newest checkpoint. */
  lastCheckpoint: session<string | null>(null, shared("last_checkpoint")),
  checkpointHistory: session<readonly JsonObject[]>([], shared("checkpoint_history")),
  needsReflection: turn(false, meta("needs_reflection")),
  pendingInsights: turn<readonly Json[]>([], meta("memory.pending_insights")),
  insights: session<readonly JsonObject[]>([], meta("memory.insights")),
  lastRecordedIdx: session(0, meta("memory.last_recorded_idx")),
  /** { primary, confidence, scores } */
  lastEmotion: session<JsonObject | null>(null, meta("last_emotion")),
  /** Emitter → how many times in a row it was too slow. */
  emitTimeouts: session<{ readonly [emitter: string]: number }>({}, meta("emit.timeouts")),
  /** Event types of this pass that a persistence policy may look at. */
  recentEvents: turn<readonly string[]>([], derived),
} as const satisfies Record<string, Key<any>>;

export type StateKey = keyof typeof STATE;
export type State = { readonly [K in StateKey]: (typeof STATE)[K] extends Key<infer T> ? T : never };

/** All of them: what a stage reads whose strategy, or host, may look at anything. */
export const STATE_KEYS = Object.keys(STATE) as readonly StateKey[];

const entries = Object.entries(STATE) as [StateKey, Key<Json>][];
const START = Object.fromEntries(entries.map(([key, { default: value }]) => [key, value])) as unknown as State;
const TURN = Object.fromEntries(entries.filter(([, k]) => k.scope === "turn").map(([key, k]) => [key, k.default])) as Partial<State>;

/** A state with every key at its default, but for those given. */
export const newState = (given: Partial<State> = {}): State => ({ ...START, ...given });

/**
 * The state in which a session's next turn begins: session keys stay, turn keys go back to their defaults. A state that never ran keeps the
 * turn keys that its host set.
 */
export const beginTurn = (state: State): State => (state.turn === 0 ? { ...state, turn: 1 } : { ...state, ...TURN, turn: state.turn + 1 });

/** Whether the model has not read what this pass gave it: results of tools or of other agents, or feedback. */
export const unread = ({ toolIteration, iteration }: Pick<State, "toolIteration" | "iteration">): boolean => toolIteration === iteration;

/** The key in snake_case. */
export const snake = (key: string): string => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

const split = (wire: string): [string, string | undefined] => {
  const dot = wire.indexOf(".");
  return dot < 0 ? [wire, undefined] : [wire.slice(0, dot), wire.slice(dot + 1)];
};
const PATHS = entries.map(([key, k]) => [key, ...split(k.wire ?? snake(key)), k] as const);

/** The state as files and the Python program know it: `shared.*` and `metadata.*` folded in, derived keys left out unless asked for. */
export const toWire = (state: Partial<State>, { derived: all = false } = {}): Record<string, Json> => {
  const out: Record<string, Record<string, Json>> = {};
  const put = (to: Record<string, unknown>, name: string, value: unknown) => Object.defineProperty(to, name, plain(value));
  for (const [key, group, name, k] of PATHS) {
    const value = state[key];
    if (value === undefined || (k.derived && !all)) continue;
    if (name === undefined) put(out, group, group === "shared" || group === "metadata" ? { ...(value as object), ...out[group] } : value);
    else if (!same(value, k.default)) {
      if (!out[group]) put(out, group, {});
      put(out[group] as Record<string, Json>, name, value);
    }
  }
  return out as unknown as Record<string, Json>;
};
const plain = (value: unknown) => ({ value, enumerable: true, writable: true, configurable: true });
const same = (a: unknown, b: unknown): boolean => a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));

/** Reads what `toWire` or the Python program wrote. Unknown top-level keys are ignored; unknown shared and metadata keys are kept. */
export const fromWire = (wire: { readonly [key: string]: unknown }): Partial<State> => {
  const out: Record<string, unknown> = {};
  const rest: Record<string, Record<string, unknown>> = {};
  for (const group of ["shared", "metadata"]) if (isObject(wire[group])) rest[group] = { ...wire[group] };
  for (const [key, group, name] of PATHS) {
    if (name === undefined) {
      if (group in wire && !(group in rest)) out[key] = wire[group];
    } else if (rest[group] && Object.hasOwn(rest[group], name)) {
      out[key] = rest[group][name];
      delete rest[group][name];
    }
  }
  return { ...out, ...rest } as Partial<State>;
};
