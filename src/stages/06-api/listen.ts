/** One attempt: the provider's stream is folded into an answer while its pieces go out as events. */
import { type Fold, incomplete } from "../../contract/collect.ts";
import type { Failover, ModelEvent, ModelRequest, ModelResponse, Provider, SessionTools } from "../../contract/provider.ts";
import type { Clock } from "../../contract/services.ts";
import type { Call } from "../../contract/strategy.ts";
import type { CliCalls } from "./cli-calls.ts";

export interface Attempt {
  readonly provider: Provider;
  readonly request: ModelRequest;
  /** US dollars that a backend with a loop of its own may spend; null: no limit. */
  readonly budgetUsd: number | null;
  /** Holds what was said, also when the attempt fails. */
  readonly answer: Fold;
  /** Whether anything of the answer was shown. */
  shown: boolean;
  readonly iteration: number;
  readonly clock: Clock;
  readonly uniqueId: (id: string) => string;
  /** Whether the call of a tool is told as soon as it is whole. */
  readonly announce: boolean;
  readonly emit: Call["emit"];
  /** Told of a switch to another target of a route, while `answer` holds what the one before has used. What it throws ends the attempt. */
  switched(failover: Failover): void;
  /** The session's own tools, for a backend that runs a loop by itself. */
  readonly tools: SessionTools | undefined;
  readonly told: CliCalls;
}

/** Rejects with the signal's reason as soon as it aborts, whatever the provider does. */
export const listen = async (attempt: Attempt, signal: AbortSignal): Promise<ModelResponse> => {
  signal.throwIfAborted();
  const { provider, request, budgetUsd, answer, tools } = attempt;
  const iterator = provider.stream(request, { signal, tools, ...(budgetUsd === null ? {} : { budgetUsd }) })[Symbol.asyncIterator]();
  const stop = { asked: false };
  await new Promise<void>((ok, no) => {
    const onAbort = () => {
      stop.asked = true;
      no(signal.reason);
      iterator.return?.().catch(() => {}); // the reason of the abort is the failure that counts
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const consumed = consume(attempt, { [Symbol.asyncIterator]: () => iterator }, stop);
    consumed.then(ok, no).then(() => signal.removeEventListener("abort", onAbort));
  });
  if (!answer.finished) throw incomplete(provider.name);
  return answer.response();
};

/** The hot path: nothing is made for a piece of text but its event's data. */
const consume = async (attempt: Attempt, events: AsyncIterable<ModelEvent>, stop: { readonly asked: boolean }): Promise<void> => {
  const { answer, emit, uniqueId, announce } = attempt;
  const streaming = attempt.request.stream;
  const from = attempt.clock.monotonic();
  let open = -1;
  const enter = (index: number, kind: string) => {
    if (!attempt.shown) first(attempt, kind, attempt.clock.monotonic() - from);
    if (streaming && open >= 0 && index !== open) emit("api.content_block_stop", {});
    open = index;
  };
  for await (const event of events) {
    if (stop.asked) return;
    switch (event.type) {
      case "text":
        answer.add(event);
        if (event.index !== open) enter(event.index, "text");
        if (streaming && event.text) emit("text.delta", { text: event.text });
        break;
      case "thinking":
        answer.add(event);
        if (event.index !== open) enter(event.index, "thinking");
        if (streaming && event.text) emit("thinking.delta", { text: event.text });
        break;
      case "tool_call_start":
        answer.add(event);
        enter(event.index, "tool_use");
        break;
      case "tool_call_delta":
        answer.add(event);
        if (streaming) emit("api.input_json_delta", { delta: event.json });
        break;
      case "tool_call": {
        const id = uniqueId(event.id);
        answer.add(id === event.id ? event : { ...event, id });
        enter(event.index, "tool_use");
        if (announce) emit("api.tool_use", { id, name: event.name, input: event.input, source: "api" });
        break;
      }
      case "cli_tool":
        attempt.told.hear(event);
        break;
      case "failover": {
        const { type: _, ...failover } = event;
        emit("api.failover", failover);
        attempt.switched(failover);
        answer.add(event);
        break;
      }
      case "notice":
        emit(`llm_client.${event.notice}`, event.data);
        break;
      case "block":
        answer.add(event);
        enter(event.index, "block");
        break;
      case "finish":
        answer.add(event);
        if (streaming && open >= 0) emit("api.content_block_stop", {});
        break;
      default:
        answer.add(event);
    }
  }
};

const first = (attempt: Attempt, first_visible: string, ttft_ms: number): void => {
  const { request, answer, iteration } = attempt;
  const { provider, model } = answer.response();
  const who = provider === attempt.provider.name ? request.model : model;
  attempt.shown = true;
  attempt.emit("api.ttft", { ttft_ms, provider, model: who, stream: request.stream, iteration, first_visible });
};
