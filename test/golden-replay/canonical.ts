/** What we have, in the form of the recording. */

import type { RunResult } from "geny-executor";
import { type Message, type ModelRequest, type PipelineEvent, type State, toWire } from "geny-executor";
import type { CallResult, Event, Request } from "./recording.ts";

const plainMessage = ({ role, content }: Message) => ({ role, content });

export const requestOf = (request: ModelRequest): Request => {
  const { cache, thinking, messages } = request;
  const marks = new Set((cache?.messages ?? []).map((i) => (i < 0 ? messages.length + i : i)));
  const mark = (content: Content, on: boolean | undefined) => (on && content.length ? marked(content) : content);
  return {
    purpose: request.purpose,
    model: request.model,
    messages: messages.map(({ role, content }, i) => ({ role, content: mark(content, marks.has(i)) })),
    max_tokens: request.maxTokens,
    system: mark(request.system, cache?.system),
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    stop_sequences: request.stopSequences,
    tools: request.tools.length ? mark(request.tools, cache?.tools) : null,
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

type Content = string | readonly object[];
/** The last block, or tool, marked, as the recording's client was handed it. */
const marked = (content: Content): readonly object[] => {
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return blocks.map((block, i) => (i === blocks.length - 1 ? { ...block, cache_control: { type: "ephemeral" } } : block));
};

/**
 * The request with its cache marks apart from what they stand on, so that each is compared by itself. A text that had to become a block to
 * bear a mark is a text again.
 */
export const unmarked = (request: Request): Request => {
  const { system, messages, tools } = request as { system: unknown; messages: readonly { content: unknown }[]; tools: unknown };
  return {
    ...request,
    system: plain(system),
    tools: plain(tools),
    messages: messages.map((message) => ({ ...message, content: plain(message.content) })),
    marks: { system: marksOn(system), tools: marksOn(tools), messages: messages.flatMap((m, i) => (marksOn(m.content).length ? [i] : [])) },
  };
};
const isMarked = (block: unknown): block is object => typeof block === "object" && block !== null && "cache_control" in block;
const marksOn = (content: unknown): number[] => (Array.isArray(content) ? content.flatMap((block, i) => (isMarked(block) ? [i] : [])) : []);
const plain = (content: unknown): unknown => {
  if (!Array.isArray(content)) return content;
  const blocks: readonly unknown[] = content.map((block) => {
    if (!isMarked(block)) return block;
    const { cache_control: _, ...rest } = block as { cache_control: unknown };
    return rest;
  });
  const [only] = blocks;
  return blocks.length === 1 && typeof only === "object" && only !== null && "text" in only ? only.text : blocks;
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
