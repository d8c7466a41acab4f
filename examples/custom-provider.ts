/**
 * A provider of your own in one file: in a pipeline, and held to the suite that ours pass. Its wire is a plain one that the offline model
 * speaks too (Chat Completions, words only); yours may be any.
 */
import {
  APIError,
  type ErrorCode,
  type ModelEvent,
  type ModelRequest,
  noUsage,
  PipelineBuilder,
  type Provider,
  textOf,
} from "geny-executor";
import { capabilities, lower, repair } from "geny-executor/providers";
import { providerSuite, startModel } from "geny-executor/testing";
import { baseUrl } from "./_key.ts";

/** Honest: what is not here is lowered and told. */
const ABLE = capabilities({ supports_thinking: true, supports_stop_sequences: true });

const mine = (address: string, { timeoutMs = 60_000 }: { timeoutMs?: number | undefined } = {}): Provider => {
  const told = new Set<string>();
  return {
    name: "mine",
    capabilities: ABLE,
    async *stream(request, { signal }) {
      signal.throwIfAborted();
      const notices: ModelEvent[] = [];
      const tell = (notice: "parameter_dropped" | "feature_unsupported", field: string) => {
        if (told.size !== told.add(field).size) notices.push({ type: "notice", notice, data: { provider: "mine", field } });
      };
      const sent = lower(
        request,
        { vendor: "mine", capabilities: ABLE },
        { dropped: (field) => tell("parameter_dropped", field), unsupported: (field) => tell("feature_unsupported", field) },
      );
      yield* notices;
      // Whoever stops first: the host, the clock, or a reader who leaves.
      const stop = new AbortController();
      const late = () => stop.abort(new APIError(`mine: silence for ${timeoutMs} ms.`, { code: "exec.api.timeout" }));
      let timer = setTimeout(late, timeoutMs);
      const read = reader();
      try {
        const answer = await fetch(`${address}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: "Bearer any" },
          body: bodyOf(sent),
          redirect: "manual",
          signal: AbortSignal.any([signal, stop.signal]),
        });
        if (!answer.ok) throw failureOf(answer.status, answer.headers.get("retry-after"), await answer.text());
        if (!answer.headers.get("content-type")?.includes("event-stream"))
          throw new APIError("mine: the answer is no stream. Is the address right?", { code: "exec.api.unknown", status: answer.status });
        for await (const piece of answer.body ?? []) {
          clearTimeout(timer);
          timer = setTimeout(late, timeoutMs);
          yield* read.take(piece);
          if (read.finished) return;
        }
        throw new APIError("mine: the answer ended before it was finished. Try again.", { code: "exec.api.stream_incomplete" });
      } catch (error) {
        if (read.finished) return; // too late an abort
        signal.throwIfAborted();
        if (stop.signal.aborted) throw stop.signal.reason;
        throw error instanceof APIError
          ? error
          : new APIError(`mine: the connection broke (${String(error)}). Try again.`, { code: "exec.api.network", cause: error });
      } finally {
        clearTimeout(timer);
        stop.abort();
      }
    },
  };
};

const bodyOf = (request: ModelRequest): string => {
  const { model, maxTokens, temperature, topP, stopSequences, thinking, system, systemVolatile } = request;
  const said = repair(request.messages).messages.map(({ role, content }) => ({ role, content: textOf(content) }));
  const prompt = textOf(system);
  return JSON.stringify({
    ...{ model, max_tokens: maxTokens, stream: true, stream_options: { include_usage: true } },
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(stopSequences ? { stop: stopSequences } : {}),
    ...(thinking && thinking.type !== "disabled" ? { reasoning_effort: "medium" } : {}),
    messages: [
      ...(prompt ? [{ role: "system", content: prompt }] : []),
      ...said,
      ...(systemVolatile ? [{ role: "user", content: systemVolatile }] : []),
    ],
  });
};

const CODES: Record<number, ErrorCode> = {
  401: "exec.api.auth.invalid_key",
  403: "exec.api.auth.invalid_key",
  413: "exec.api.token_limit",
  429: "exec.api.rate_limited",
};
const failureOf = (status: number, wait: string | null, body: string): APIError =>
  new APIError(`mine: ${body.slice(0, 200) || `status ${status}`}`, {
    code: CODES[status] ?? (status >= 500 ? "exec.api.server_error" : "exec.api.bad_request"),
    status,
    retryAfter: wait === null ? null : Number(wait),
  });

interface Chunk {
  id?: string;
  model?: string;
  error?: { message?: string };
  choices?: { delta?: { content?: string; reasoning_content?: string; refusal?: string }; finish_reason?: string }[];
  usage?: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details: { cached_tokens: number; cache_write_tokens: number };
  };
}
const STOPS: Record<string, string> = { length: "max_tokens", content_filter: "content_filter" };

/** The wire's pieces as events. */
const reader = () => {
  const decoder = new TextDecoder();
  let rest = "";
  let id: string | undefined;
  let index = -1;
  let open = "";
  let stopReason = "";
  const state = { finished: false };
  const say = (type: "text" | "thinking", text: string | null | undefined): ModelEvent[] => {
    if (!text) return [];
    if (open !== type) index++;
    open = type;
    return [{ type, index, text }];
  };
  function* hear(data: string): Generator<ModelEvent> {
    if (data === "[DONE]" && stopReason) {
      state.finished = true;
      yield { type: "finish", stopReason };
      return;
    }
    const { error, choices = [], usage, ...chunk } = JSON.parse(data) as Chunk;
    if (error) throw new APIError(`mine: ${error.message}`, { code: "exec.api.server_error" });
    if (id === undefined) yield { type: "start", model: chunk.model ?? "", id: chunk.id ?? "" };
    else if (id !== chunk.id) throw new APIError("mine: another answer came in between. Try again.", { code: "exec.api.network" });
    id = chunk.id ?? "";
    for (const { delta = {}, finish_reason } of choices) {
      yield* say("thinking", delta.reasoning_content);
      yield* say("text", delta.content ?? delta.refusal);
      if (delta.refusal) stopReason = "refusal";
      if (finish_reason) stopReason ||= STOPS[finish_reason] ?? "end_turn";
    }
    if (!usage) return;
    const { cached_tokens: read, cache_write_tokens: written } = usage.prompt_tokens_details;
    const counts = { input_tokens: usage.prompt_tokens - read - written, output_tokens: usage.completion_tokens };
    yield { type: "usage", usage: { ...noUsage, ...counts, cache_read_input_tokens: read, cache_creation_input_tokens: written } };
  }
  return Object.assign(state, {
    *take(piece: Uint8Array): Generator<ModelEvent> {
      const lines = (rest + decoder.decode(piece, { stream: true })).split(/\r?\n/);
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("data: ")) yield* hear(line.slice(6));
    },
  });
};

await using model = baseUrl ? undefined : await startModel();
const address = baseUrl ?? model?.url ?? "";
await using pipeline = new PipelineBuilder("custom", { providers: { mine: mine(address) } }).withProvider("mine").build();
const result = await pipeline.run("What is the capital of France?");
console.log(`${result.provider}: ${result.text}`);

const cases = providerSuite(mine, {
  model: "any",
  traits: {
    own_tools: "words only",
    unsigned: "no signatures",
    joined_texts: "one text",
    silent_stop: "not told",
    no_pause: "no such end",
    no_window_stop: "no such end",
    unnumbered: "no numbers",
  },
});
let passed = 0;
for (const { name, skip, run } of cases) {
  if (skip) continue;
  await run().catch((error: Error) => {
    throw new Error(`${name}: ${error.message}`);
  });
  passed++;
}
console.log(`${passed} cases passed, ${cases.length - passed} cannot be played on this wire.`);
