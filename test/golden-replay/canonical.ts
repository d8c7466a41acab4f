/** What we have, in the form of the recording. */
import { type ContentBlock, type Message, type ModelRequest, type PipelineEvent, type State, toWire } from "../../src/index.ts";
import type { RunResult } from "../../src/pipeline.ts";
import type { CallResult, Event, Request } from "./recording.ts";

const MARK = { type: "ephemeral" } as const;
type Content = string | readonly ContentBlock[];
/** The last block marked, as the recording's client was handed it. */
const marked = (content: Content): readonly object[] => {
  const blocks: readonly object[] = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return blocks.map((block, i) => (i === blocks.length - 1 ? { ...block, cache_control: MARK } : block));
};
const plainMessage = ({ role, content }: Message) => ({ role, content });

export const requestOf = (request: ModelRequest): Request => {
  const { cache, thinking, messages } = request;
  const marks = new Set((cache?.messages ?? []).map((i) => (i < 0 ? messages.length + i : i)));
  return {
    purpose: request.purpose,
    model: request.model,
    messages: messages.map((m, i) => (marks.has(i) ? { role: m.role, content: marked(m.content) } : plainMessage(m))),
    max_tokens: request.maxTokens,
    system: cache?.system && request.system.length ? marked(request.system) : request.system,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    stop_sequences: request.stopSequences,
    tools: request.tools.length ? (cache?.tools ? marked(request.tools as never) : request.tools) : null,
    tool_choice: request.toolChoice,
    thinking: thinking && {
      type: thinking.type,
      ...(thinking.type === "enabled" ? { budget_tokens: thinking.budgetTokens } : {}),
      ...(thinking.display === null ? {} : { display: thinking.display }),
    },
    stream: request.stream,
    streamed: request.stream,
    response_format: request.outputSchema,
    volatile: request.systemVolatile,
  };
};

export const eventOf = ({ type, stage, iteration, data }: PipelineEvent, call: number): Event => ({ call, type, stage, iteration, data });

export const resultOf = (result: RunResult, error: unknown, mode: string, call: number): CallResult => {
  const { state } = result;
  const wire = toWire(state, { derived: true });
  const { total_cost_usd, token_usage, turn_token_usage, cache_metrics, thinking_history, model } = wire;
  const message = error instanceof Error ? error.message : result.success ? null : result.completionDetail;
  return {
    call,
    mode,
    success: result.success,
    error: message,
    text: result.text,
    output: state.finalOutput,
    iterations: result.iterations,
    total_cost_usd: total_cost_usd as number | null,
    token_usage,
    turn_token_usage: turn_token_usage as readonly unknown[],
    cache_metrics,
    thinking_history,
    model,
    session_id: state.sessionId,
    final_state: finalState(state, wire),
  };
};

const finalState = (state: State, wire: ReturnType<typeof toWire>) => ({
  loop_decision: state.loopDecision,
  completion_signal: state.completionSignal,
  completion_detail: state.completionDetail,
  stage_history: state.stageHistory,
  messages: state.messages.map(plainMessage),
  system: state.system,
  tools: state.tools.map((tool) => tool.name),
  pending_tool_calls: state.pendingToolCalls,
  tool_results: state.toolResults,
  agent_results: state.agentResults,
  evaluation_score: state.evaluationScore,
  evaluation_feedback: state.evaluationFeedback,
  memory_refs: state.memoryRefs,
  max_iterations: state.maxIterations,
  thinking_budget_tokens: state.thinkingBudgetTokens,
  metadata: wire.metadata,
  shared: wire.shared,
});
