/** A recording's script as a provider: it keeps what it was asked, and answers step by step. */
import {
  APIError,
  type ClientCapabilities,
  type ErrorCategory,
  type ErrorCode,
  type ModelEvent,
  type ModelRequest,
  noUsage,
  type Provider,
  type Usage,
} from "geny-executor";
import type { Step } from "./recording.ts";

const CAPABILITIES: ClientCapabilities = {
  supports_thinking: true,
  supports_tools: true,
  supports_streaming: true,
  supports_tool_choice: true,
  supports_stop_sequences: true,
  supports_top_k: true,
  supports_system_prompt: true,
  supports_structured_output: true,
  supports_session_continuity: false,
  supports_mcp_passthrough: false,
  supports_budget_limit: false,
  supports_token_usage: true,
  supports_cost_usage: true,
  supports_vision: true,
  supports_documents: true,
  supports_vision_tool_results: true,
  supports_prompt_caching: true,
  is_subprocess: false,
  requires_workspace: false,
  streaming_granularity: "token",
  drops: [],
};

export interface Scripted extends Provider {
  readonly requests: readonly ModelRequest[];
}
/** `asked` is called with the number of requests so far, before each is answered. */
export const scriptedProvider = (
  script: readonly Step[],
  capabilities: Partial<ClientCapabilities> = {},
  asked: (count: number) => void = () => {},
): Scripted => {
  const requests: ModelRequest[] = [];
  return {
    name: "scripted",
    capabilities: { ...CAPABILITIES, ...capabilities },
    requests,
    async *stream(request, { signal }) {
      const step = script[requests.length] ?? { text: "end of script" };
      const { taken, dropped } = within(request, capabilities);
      requests.push(taken);
      asked(requests.length);
      signal.throwIfAborted();
      if (step.error) throw failure(step.error);
      if (step.raise) throw Object.assign(new Error(step.message), { name: step.raise });
      for (const field of dropped) yield { type: "notice", notice: "feature_unsupported", data: { provider: "scripted", field } };
      yield* answer(step, request);
    },
  };
};

/** What is left of the request, and which settings the provider says it cannot take. The recorded client sent a tool choice all the same. */
const within = (request: ModelRequest, capabilities: Partial<ClientCapabilities>) => {
  const refused = FEATURES.filter(({ key, support }) => request[key] !== null && capabilities[support] === false);
  const gone = refused.filter(({ key }) => key !== "toolChoice").map(({ key }) => [key, null]);
  return { taken: { ...request, ...Object.fromEntries(gone) }, dropped: refused.map(({ field }) => field) };
};
const FEATURES = [
  { key: "thinking", support: "supports_thinking", field: "thinking_enabled" },
  { key: "topK", support: "supports_top_k", field: "top_k" },
  { key: "toolChoice", support: "supports_tool_choice", field: "tool_choice" },
  { key: "stopSequences", support: "supports_stop_sequences", field: "stop_sequences" },
] as const;

const failure = ({ category, code, status }: NonNullable<Step["error"]>): APIError =>
  new APIError("scripted failure", {
    category: category as ErrorCategory,
    code: code as ErrorCode | undefined,
    status: status ?? null,
  });

/** Thinking, then texts, then calls: the order in which the recorded client gave its blocks. */
function* answer(step: Step, request: ModelRequest): Generator<ModelEvent> {
  yield { type: "start", model: request.model, id: "msg_scripted" };
  let index = 0;
  if (step.thinking !== undefined) yield { type: "thinking", index: index++, text: step.thinking };
  for (const text of step.texts ?? (step.text === undefined ? [] : [step.text])) {
    const chunks = step.chunks ?? [text];
    for (const chunk of chunks)
      if (typeof chunk === "string") yield { type: "text", index, text: chunk };
      else if (chunk.break) throw failure({ category: chunk.break });
    index += 1;
  }
  for (const call of step.tool_calls ?? []) {
    yield { type: "tool_call_start", index, id: call.id, name: call.name };
    yield { type: "tool_call", index: index++, ...call };
  }
  if (step.incomplete) return;
  yield { type: "usage", usage: usageOf(step.usage) };
  yield { type: "finish", stopReason: step.stop_reason ?? (step.tool_calls?.length ? "tool_use" : "end_turn") };
}

const usageOf = (given: Step["usage"] = {}): Usage => ({
  ...noUsage,
  input_tokens: given.input_tokens ?? 0,
  output_tokens: given.output_tokens ?? 0,
  cache_creation_input_tokens: given.cache_creation_input_tokens ?? 0,
  cache_read_input_tokens: given.cache_read_input_tokens ?? 0,
  cost_usd: given.cost_usd ?? null,
  duration_ms: given.duration_ms ?? null,
});
