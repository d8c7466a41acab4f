/** The contract of a provider: one function that streams. Waiting for the whole answer is the fold `collect`. */
import type { ErrorCode } from "./errors.ts";
import type { ContentBlock, Message, ToolResultBlock } from "./message.ts";
import type { JsonObject } from "./schema.ts";
import type { PendingToolCall, SystemPrompt, ToolChoice } from "./state.ts";
import type { ToolSpec } from "./tool.ts";
import type { Usage } from "./usage.ts";

export interface ModelRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  /** The stable part of the prompt. */
  readonly system: SystemPrompt;
  /** Comes after every cache mark: sent beside the newest user message, never stored. Empty for none. */
  readonly systemVolatile: string;
  readonly maxTokens: number;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly topK: number | null;
  readonly stopSequences: readonly string[] | null;
  readonly tools: readonly ToolSpec[];
  readonly toolChoice: ToolChoice | null;
  readonly thinking: Thinking | null;
  /** Ask the provider to stream its wire. The events come either way. */
  readonly stream: boolean;
  /** Where to write cache marks: after the tools, after the stable prompt, after the messages with these indices. */
  readonly cache: {
    readonly tools: boolean;
    readonly system: boolean;
    readonly messages: readonly number[];
    readonly ttl: "5m" | "1h";
  } | null;
  /** A JSON Schema that the answer's text must match; providers without the capability never get one. */
  readonly outputSchema: JsonObject | null;
  /** What the call is for: "api", "s02.compact", … It stands in events and logs, not on the wire. */
  readonly purpose: string;
  /** The session that asks, for backends that keep a conversation. Empty: none. */
  readonly sessionId: string;
  /** Names the cacheable prefix, for vendors that route by a key. Empty: none. */
  readonly cacheKey: string;
}

const PLAIN = {
  system: "",
  systemVolatile: "",
  temperature: null,
  topP: null,
  topK: null,
  stopSequences: null,
  tools: [],
  toolChoice: null,
  thinking: null,
  stream: true,
  cache: null,
  outputSchema: null,
  purpose: "",
  sessionId: "",
  cacheKey: "",
} as const satisfies Partial<ModelRequest>;
type Needed = "model" | "messages" | "maxTokens";
/** A request in which nothing is asked for but what is given. */
export const modelRequest = (given: Pick<ModelRequest, Needed> & Partial<ModelRequest>): ModelRequest => ({ ...PLAIN, ...given });

export interface Thinking {
  readonly type: "enabled" | "adaptive" | "disabled";
  /** Tokens; only for type "enabled". */
  readonly budgetTokens: number;
  readonly display: "summarized" | "omitted" | null;
}

/**
 * What a provider's stream says. Events of one block share its `index`; blocks come one after another. `finish` is the last event of every
 * stream that did not throw.
 */
export type ModelEvent =
  /** The answer has begun. `provider`: who answers, when it is not the one that was asked. */
  | { readonly type: "start"; readonly model: string; readonly id: string; readonly requestId?: string | null; readonly provider?: string }
  /** Another one is asked in place of one that failed, before anything was said. Becomes the event `api.failover`. */
  | ({ readonly type: "failover" } & Failover)
  /** A piece of the text of block `index`. */
  | { readonly type: "text"; readonly index: number; readonly text: string }
  /** A piece of the model's thinking; the signature comes with the last piece, whose text may be empty. */
  | { readonly type: "thinking"; readonly index: number; readonly text: string; readonly signature?: string }
  /** The model begins to call a tool. */
  | { readonly type: "tool_call_start"; readonly index: number; readonly id: string; readonly name: string }
  /** A piece of the call's arguments, as JSON text. */
  | { readonly type: "tool_call_delta"; readonly index: number; readonly json: string }
  /** The call is complete. `unparsed`: the arguments were not JSON; `input` is then `{ __unparsed_arguments__: text }`. */
  | {
      readonly type: "tool_call";
      readonly index: number;
      readonly id: string;
      readonly name: string;
      readonly input: JsonObject;
      readonly unparsed?: true;
    }
  /** A block that is kept as it is: redacted thinking, a server tool's. */
  | { readonly type: "block"; readonly index: number; readonly block: ContentBlock }
  /** A tool that the backend ran by itself: the call, or its result. Never run again. */
  | {
      readonly type: "cli_tool";
      readonly id: string;
      readonly name: string;
      readonly input?: JsonObject;
      readonly result?: { readonly content: string; readonly is_error: boolean };
    }
  /** Tokens counted so far: replaces what was said before. */
  | { readonly type: "usage"; readonly usage: Usage }
  /** Something of the request or the answer that the host should know: becomes the event `llm_client.<notice>`. */
  | { readonly type: "notice"; readonly notice: ClientNotice; readonly data: JsonObject }
  /** The answer is whole. */
  | { readonly type: "finish"; readonly stopReason: string; readonly stopSequence?: string | null };

/** One target of a route. `account`: its label, never its key. */
export type Hop = { readonly provider: string; readonly model: string; readonly account: string };
/** A switch from one target to another, and the failure that made it. */
export type Failover = { readonly from: Hop; readonly to: Hop; readonly code: ErrorCode; readonly message: string };

export type ClientNotice =
  | "feature_unsupported"
  | "parameter_dropped"
  | "drift_healed"
  | "unknown_wire_shape"
  | "tool_args_repaired"
  | "usage_estimated";

/** A whole answer, as the state keeps it. */
export type ModelResponse = {
  readonly content: readonly ContentBlock[];
  /** end_turn, tool_use, max_tokens, stop_sequence, pause_turn, refusal, model_context_window_exceeded, content_filter. */
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
  readonly usage: Usage;
  /** The model that answered, by the provider's word. */
  readonly model: string;
  readonly message_id: string;
  /** The provider that answered. */
  readonly provider: string;
};

/** Honest: what is false here is dropped from requests and announced once as an event. */
export interface ClientCapabilities {
  readonly supports_thinking: boolean;
  readonly supports_tools: boolean;
  readonly supports_streaming: boolean;
  readonly supports_tool_choice: boolean;
  readonly supports_stop_sequences: boolean;
  readonly supports_top_k: boolean;
  readonly supports_system_prompt: boolean;
  readonly supports_structured_output: boolean;
  readonly supports_session_continuity: boolean;
  readonly supports_mcp_passthrough: boolean;
  readonly supports_budget_limit: boolean;
  readonly supports_token_usage: boolean;
  readonly supports_cost_usage: boolean;
  readonly supports_vision: boolean;
  readonly supports_vision_tool_results: boolean;
  readonly supports_documents: boolean;
  readonly supports_prompt_caching: boolean;
  readonly is_subprocess: boolean;
  readonly requires_workspace: boolean;
  readonly streaming_granularity: "token" | "message" | "none";
  /** Request fields that never reach the wire. */
  readonly drops: readonly string[];
}

/** The session's own tools, for a backend that runs a loop by itself (`supports_mcp_passthrough`). */
export interface SessionTools {
  readonly specs: readonly ToolSpec[];
  /** Through the dispatcher that stage 10 uses. A failure is a result; rejects on abort only. */
  call(call: PendingToolCall, signal: AbortSignal): Promise<ToolResultBlock>;
  /** Whether the backend may run a tool of its own: a question for the host's permission path and, at its end, a person. */
  approve(call: PendingToolCall, signal: AbortSignal): Promise<{ readonly allow: boolean; readonly reason: string }>;
}
export interface StreamOptions {
  readonly signal: AbortSignal;
  /** Given by stage 6; a call beside the conversation has none. */
  readonly tools?: SessionTools | undefined;
  /** US dollars that a backend with a loop of its own may spend (`supports_budget_limit`). Left out: no limit. */
  readonly budgetUsd?: number | undefined;
}

/** A model as its provider knows it. Null: not known. */
export type ModelInfo = { readonly id: string; readonly contextWindow: number | null; readonly maxOutput: number | null };

export interface Provider {
  readonly name: string;
  readonly capabilities: ClientCapabilities;
  /**
   * Throws `APIError` with code, status, request id and the provider's own waiting time. Ends the request and its socket when the signal
   * aborts or when the consumer stops. Ends with `finish`, or throws: `exec.api.stream_incomplete` when the wire broke off.
   */
  stream(request: ModelRequest, options: StreamOptions): AsyncIterable<ModelEvent>;
  /** The models that it offers, asked of the vendor. Throws `APIError` as `stream` does. */
  models?(options: { readonly signal: AbortSignal }): Promise<readonly ModelInfo[]>;
  /** Tokens that a request and its answer may fill together, by what is known without asking; null when it is not known. */
  window?(model: string): number | null;
  /** Who may come to answer a request for that model. Left out: only this provider, with that model. */
  hops?(model: string): readonly Hop[];
  /** Opens what takes time: imports, connections. Never blocks a turn. */
  warmup?(): Promise<void>;
  /** May be called twice. */
  close?(): Promise<void>;
}
