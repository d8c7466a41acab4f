/** What only a host can give: functions and objects that no manifest can hold. Every part is optional; a strategy that needs one says so. */
import type { Spent } from "./bill.ts";
import type { Message, MessageInput } from "./message.ts";
import type { Json, JsonObject } from "./schema.ts";
import type { AgentResult, DelegateRequest, State } from "./state.ts";
import type { Call } from "./strategy.ts";

export type HitlDecision = "approve" | "reject" | "cancel";
export type HitlRequest = {
  readonly token: string;
  readonly reason: string;
  readonly severity: "info" | "warn" | "error";
  readonly tool_call_id: string | null;
  readonly payload: JsonObject;
  readonly created_at: string;
};
export type MemoryChunk = {
  readonly key: string;
  readonly content: string;
  readonly source: string;
  readonly relevance_score: number;
  readonly metadata: JsonObject;
};
export interface Criterion {
  readonly name: string;
  readonly description?: string;
  /** Default 1. */
  readonly weight?: number;
  /** A score from here on counts as met in reports. Default 0.5. */
  readonly threshold?: number;
  /** 0 to 1; a throw counts as 0. */
  check(state: State): number | Promise<number>;
}
export type SubagentMetadata = {
  readonly description: string;
  readonly allowed_tools: readonly string[];
  readonly provider: string | null;
  readonly model_override: string | null;
  /** Whether it may work beside others of its kind. */
  readonly parallel: boolean;
  /** So many of them at once. */
  readonly max_concurrent: number;
  readonly extras: JsonObject;
};
/** What another agent answered. */
export type Delegated = Omit<AgentResult, "agent_type" | "task"> & { readonly spent?: Spent };
/** A part of the prompt. Empty text is left out. `volatile`: it changes between turns, so it goes after the cache marks. */
export interface PromptBlock {
  readonly name: string;
  readonly volatile?: boolean;
  render(state: State, now: number): string | { readonly text: string; readonly cache_control?: { readonly type: "ephemeral" } };
}
export interface Persona {
  readonly blocks: readonly PromptBlock[];
  readonly tail?: string;
  readonly cacheKey?: string;
}

export interface Host {
  /** Stage 17: where text goes. */
  readonly emitters?: {
    text?(text: string): unknown;
    callback?(state: State): unknown;
    vtuber?(
      text: string,
      emotion: { readonly primary: string; readonly confidence: number; readonly scores: { readonly [name: string]: number } },
    ): unknown;
    tts?(text: string): unknown;
  };
  /** Stage 15, `callback`: a person's answer, or null for none. */
  approve?(request: HitlRequest, call: Call): Promise<HitlDecision | null>;
  /** Stage 14, `criteria_based`. */
  readonly criteria?: readonly Criterion[];
  /** Stage 13, `eager_wait` and `timed_wait`: does a task and gives its result. */
  executeTask?(task: JsonObject, call: Call): Promise<Json>;
  /**
   * Stage 12, `delegate`, `evaluator`, `subagent_type`: has another agent do a task. Rejects or answers with success false. What it says it has
   * spent is on the turn's bill.
   */
  delegate?(request: DelegateRequest, state: State, call: Call): Promise<Delegated>;
  /** Stage 12, `subagent_type`: what is known of a type of agent, or null for an unknown one. */
  agentType?(agentType: string): SubagentMetadata | null;
  /** Stage 2, `static`. */
  readonly chunks?: readonly MemoryChunk[];
  /** Stage 3, `composable`. */
  readonly promptBlocks?: {
    readonly blocks: readonly PromptBlock[];
    readonly tail?: readonly PromptBlock[];
    readonly asContentBlocks?: boolean;
    readonly separator?: string;
  };
  /** Stage 3, `dynamic_persona`: asked once a turn. */
  persona?(state: State, call: Call): Promise<Persona> | Persona;
  /** Stage 2, `turn_window`: the newest messages, `rows` at most, that memory holds of the session; oldest first. */
  history?(sessionId: string, rows: number, call: Call): Promise<readonly MessageInput[]>;
  /** Stage 2, `mcp_resource`, `memory_aware` and the like. */
  retrieve?(query: string, state: State, call: Call): Promise<readonly MemoryChunk[]>;
  /** Stage 18, `provider_driven`: keeps the messages that it has not kept yet, told apart by id; answers how many those were. */
  recordTurns?(messages: readonly Message[], state: Pick<State, "sessionId">, call: Call): Promise<number>;
  /** Stage 19: where summaries are kept. `session` gets those of all turns, as Markdown, when stage 19's `session_summary` says so. */
  readonly summaries?: {
    record?(summary: JsonObject, state: Pick<State, "sessionId">, call: Call): Promise<unknown>;
    session?(markdown: string, state: Pick<State, "sessionId">, call: Call): Promise<unknown>;
  };
}
const PARTS: { readonly [K in keyof Required<Host>]: true } = {
  emitters: true,
  approve: true,
  criteria: true,
  executeTask: true,
  delegate: true,
  agentType: true,
  chunks: true,
  promptBlocks: true,
  persona: true,
  history: true,
  retrieve: true,
  recordTurns: true,
  summaries: true,
};
export const HOST_PARTS: readonly string[] = Object.keys(PARTS);

/** The parts of those names as a plain object, each function bound to what it came from: so methods of a class are taken too. */
export const partsOf = <T extends object>(given: T, names: readonly string[] = HOST_PARTS): T => {
  const part = (name: string): unknown => {
    const value: unknown = Reflect.get(given, name);
    return typeof value === "function" ? value.bind(given) : value;
  };
  return Object.fromEntries(names.filter((name) => name in given).map((name) => [name, part(name)])) as T;
};
