/** One answer of the model: attempts, each of them a step, and the waits between them. */
import { fold } from "../../contract/collect.ts";
import { APIError, GenyExecutorError } from "../../contract/errors.ts";
import type { Failover, ModelRequest, ModelResponse, Provider } from "../../contract/provider.ts";
import type { Services } from "../../contract/services.ts";
import type { Call } from "../../contract/strategy.ts";
import { type CliCalls, cliCalls } from "./cli-calls.ts";
import { uniqueIds } from "./ids.ts";
import { type Attempt, listen } from "./listen.ts";
import type { Retry } from "./retry.ts";
import type { OpenTools } from "./session-tools.ts";

export interface Asking {
  readonly provider: Provider;
  readonly services: Services;
  readonly retry: Retry;
  readonly call: Call;
  readonly iteration: number;
  readonly announce: boolean;
  /** The session's own tools for a request, if the provider runs a loop by itself. */
  readonly tools: ((request: ModelRequest) => (told: CliCalls) => OpenTools) | null;
  /** Names the next step of its kind: `model#1`, `wait#1`. */
  step(kind: string): string;
  /** Told what a failed attempt said and used. */
  broken(partial: ModelResponse): void;
  /** Told of a switch to another target of a route, and what the one before has used. */
  switched(partial: ModelResponse, failover: Failover): void;
}

/** Throws the last attempt's failure, or the signal's reason. */
export const ask = async (asking: Asking, request: ModelRequest): Promise<ModelResponse> => {
  const { provider, services, retry, call } = asking;
  const tools = asking.tools?.(request);
  for (let n = 0; ; n++) {
    const told = cliCalls(call.emit);
    const open = tools?.(told);
    const attempt: Attempt = {
      provider,
      request,
      answer: fold(provider.name, request.model),
      shown: false,
      iteration: asking.iteration,
      clock: services.clock,
      uniqueId: uniqueIds(request.messages, () => services.id("call_")),
      announce: asking.announce,
      emit: call.emit,
      switched: asking.switched,
      tools: open?.tools,
      told,
    };
    try {
      return await call.step(asking.step("model"), (signal) => listen(attempt, signal).finally(() => open?.close()));
    } catch (thrown) {
      const error = typed(thrown);
      asking.broken(attempt.answer.response());
      if (call.signal.aborted) throw call.signal.reason;
      const delay = retry(error, n, call);
      if (delay === undefined) throw tell(error, provider.name, call);
      const { code, category } = error;
      call.emit("api.retry", { attempt: n + 1, category: category ?? "unknown", code, delay, ...(request.stream ? { stream: true } : {}) });
      await call.step(asking.step("wait"), async (signal) => {
        await services.clock.sleep(delay * 1000, signal);
        return null;
      });
      if (attempt.shown) call.emit("api.stream_restart", {});
    }
  }
};

/** What a provider throws without a type of ours is no failure that another attempt would mend. */
const typed = (thrown: unknown): GenyExecutorError =>
  thrown instanceof GenyExecutorError
    ? thrown
    : new APIError(thrown instanceof Error ? thrown.message : String(thrown), { code: "exec.api.unknown", cause: thrown });

export const tell = (thrown: unknown, provider: string, { emit }: Call): GenyExecutorError => {
  const error = typed(thrown);
  emit("api.error", { code: error.code, category: error.category ?? "unknown", provider, message: error.message });
  return error;
};
