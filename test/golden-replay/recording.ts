/** The form of one line of `runs.jsonl`. Names are the recording's own. */
import type { HitlDecision, Json, JsonObject, ManifestDocument, MemoryChunk, ModelSettings, Usage } from "geny-executor";

export interface Recording {
  readonly name: string;
  readonly scenario: {
    readonly covers: readonly string[];
    readonly build: {
      readonly kind: "manifest" | "preset" | "geny_preset" | "builder";
      readonly name?: string;
      readonly args?: JsonObject;
      readonly with?: readonly (readonly [method: string, options: JsonObject])[];
    };
    readonly setup?: readonly Setup[];
    readonly state?: JsonObject;
    readonly calls: readonly Call[];
    readonly note?: string;
    readonly capabilities?: { readonly [name: string]: boolean };
    readonly no_client?: boolean;
  };
  readonly manifest?: ManifestDocument;
  readonly script: readonly Step[];
  readonly tools: readonly RecordedTool[];
  readonly requests: readonly Request[];
  readonly events: readonly Event[];
  readonly result: Result;
}
/** What a host may do before the first call, by the name of its `op`. */
export interface Setups {
  set_strategy: AtSlot & { readonly config?: JsonObject };
  construct: AtSlot & { readonly kwargs: JsonObject };
  chain_add: At & { readonly chain: string; readonly impl: string; readonly config?: JsonObject };
  stage_config: At & { readonly config: JsonObject };
  model_override: At & { readonly config: Partial<ModelSettings> };
  tool_binding: At & { readonly allowed?: readonly string[]; readonly blocked?: readonly string[] };
  composable: At & { readonly blocks: readonly JsonObject[]; readonly separator?: string; readonly use_content_blocks?: boolean };
  dynamic_persona: At & {
    readonly resolutions: readonly { readonly blocks?: readonly JsonObject[]; readonly tail?: string; readonly cache_key?: string }[];
    readonly tail_blocks?: readonly JsonObject[];
  };
  static_retriever: At & { readonly chunks: readonly Partial<MemoryChunk>[] };
  llm_compactor: At & { readonly keep_recent: number };
  criteria: At & {
    readonly criteria: readonly { readonly name: string; readonly weight?: number; readonly scores: readonly (number | "raise")[] }[];
    readonly pass_threshold?: number;
  };
  eval_chain: At & { readonly evaluators: readonly string[] };
  emit_callback: At & { readonly impl: "text" | "callback" | "vtuber" | "tts"; readonly raise?: boolean };
  hitl_callback: At & { readonly decisions: readonly Decision[] };
  hitl_resume: At & {
    readonly decision: HitlDecision | "cancel_pending";
    readonly bad?: readonly { readonly token?: string; readonly decision: string }[];
  };
  dimensions: At & { readonly dimensions: readonly ({ readonly kind: string; readonly clock?: readonly number[] } & Bounds)[] };
  task_executor: At & {
    readonly impl: string;
    readonly kwargs?: JsonObject;
    readonly results: { readonly [id: string]: { readonly result?: Json; readonly raise?: string; readonly sleep?: number } };
  };
  delegate: At & { readonly agents: { readonly [type: string]: readonly Step[] }; readonly evaluator?: boolean };
  subagents: Partial<At> & {
    readonly types: readonly {
      readonly agent_type: string;
      readonly script?: readonly Step[];
      readonly factory_raises?: string;
      readonly description?: string;
      readonly allowed_tools?: readonly string[];
      readonly provider?: string;
      readonly model_override?: string;
      readonly parallel?: boolean;
      readonly max_concurrent?: number;
    }[];
  };
  tool_context: { readonly fields: JsonObject };
  file_persister: At;
  memory_file: At;
  session_runtime: { readonly fail?: readonly string[] };
  raising: At & { readonly slot: string; readonly method: string; readonly message: string };
  recover: At & { readonly value: Json };
  bad_router: At;
  bad_reviewer: At;
  warn_guard: At;
  planner: object;
  permission: { readonly rules: readonly JsonObject[] };
  memory_provider: object;
  reflecting_provider: object;
}
interface At {
  readonly stage: number;
}
interface AtSlot extends At {
  readonly slot: string;
  readonly impl: string;
}
interface Bounds {
  readonly max_usd?: number;
  readonly max_tokens?: number;
  readonly max_iterations?: number;
  readonly max_calls?: number;
  readonly max_seconds?: number;
  readonly threshold_ratio?: number;
}
export type Setup = { [K in keyof Setups]: { readonly op: K } & Setups[K] }[keyof Setups];
/** A person's answer; `sleep`: none that comes in time. */
export type Decision = HitlDecision | null | { readonly raise?: string; readonly sleep?: number };
export interface Call {
  readonly mode: "run" | "run_stream";
  readonly input: unknown;
  readonly state?: JsonObject;
  readonly stop_after?: string;
}
/** One answer of the scripted model. */
export interface Step {
  readonly text?: string;
  readonly texts?: readonly string[];
  readonly thinking?: string;
  readonly thinking_raw?: false;
  readonly tool_calls?: readonly { readonly id: string; readonly name: string; readonly input: JsonObject }[];
  readonly usage?: { readonly [K in keyof Usage]?: number | null };
  readonly stop_reason?: string;
  readonly chunks?: readonly (string | { readonly break?: string; readonly type?: string; readonly text?: string })[];
  readonly incomplete?: boolean;
  readonly error?: { readonly category: string; readonly code?: string; readonly status?: number };
  readonly raise?: string;
  readonly message?: string;
}
export interface RecordedTool {
  readonly name: string;
  readonly description: string;
  readonly input_schema: JsonObject;
  readonly capabilities?: {
    readonly concurrency_safe?: boolean;
    readonly read_only?: boolean;
    readonly destructive?: boolean;
    readonly idempotent?: boolean;
    readonly max_result_chars?: number;
  } | null;
  readonly results: readonly ToolAnswer[];
}
export interface ToolAnswer {
  readonly content?: unknown;
  readonly repeat?: number;
  readonly is_error?: boolean;
  readonly display_text?: string;
  readonly state_mutations?: JsonObject;
  readonly new_messages?: readonly { readonly role: "user" | "assistant"; readonly content: string }[];
  readonly crash?: string;
  readonly fail?: string;
  readonly message?: string;
  readonly details?: JsonObject;
  readonly yield?: number;
}
export interface Request {
  readonly [key: string]: unknown;
}
export interface Event {
  readonly call: number;
  readonly channel?: string;
  readonly type: string;
  readonly stage: string;
  readonly iteration: number;
  readonly data: { readonly [key: string]: unknown };
}
export interface Result {
  readonly calls: readonly CallResult[];
  readonly sleeps?: readonly number[];
  readonly callbacks?: readonly unknown[];
  readonly files?: { readonly [path: string]: unknown };
  readonly sub_requests?: readonly Request[];
  readonly client_sink_events?: readonly { readonly type: string; readonly [key: string]: unknown }[];
  readonly tool_calls_received?: { readonly [tool: string]: readonly unknown[] };
  readonly describe?: readonly Description[];
}
export interface CallResult {
  readonly call: number;
  readonly mode: string;
  readonly success?: boolean;
  readonly iterations: number;
  readonly total_cost_usd: number | null;
  readonly turn_token_usage?: readonly unknown[];
  readonly final_state: { readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}
export interface Description {
  readonly order: number;
  readonly name: string;
  readonly category: string;
  readonly is_active: boolean;
  readonly strategies: readonly { readonly slot_name: string; readonly current_impl: string }[];
}

/** A line as it was written: another folder's may lack keys, and then they are not compared. */
export type Line = Pick<Recording, "name" | "scenario"> & Partial<Omit<Recording, "result">> & { readonly result?: Partial<Result> };
/** The line with what it lacks as empty, so that rules need not ask. */
export const complete = (line: Line): Recording => ({
  script: [],
  tools: [],
  requests: [],
  events: [],
  ...line,
  result: { ...line.result, calls: (line.result?.calls ?? []).map((call) => ({ ...call, final_state: call.final_state ?? {} })) },
});
