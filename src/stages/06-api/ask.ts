/** One answer of the model: attempts, each of them a step, and the waits between them. */

import { type Reserved, rejected } from "../../contract/budget.ts";
import { fold } from "../../contract/collect.ts";
import { APIError, GenyExecutorError, messageOf } from "../../contract/errors.ts";
import { type Interrupted, interrupted } from "../../contract/interrupted.ts";
import type { Failover, ModelRequest, ModelResponse, Provider } from "../../contract/provider.ts";
import type { Services } from "../../contract/services.ts";
import type { Call } from "../../contract/strategy.ts";
import { promptTokens } from "../../contract/usage.ts";
import type { Account } from "./account.ts";
import { type CliCalls, cliCalls } from "./cli-calls.ts";
import { uniqueIds } from "./ids.ts";
import { type Attempt, listen } from "./listen.ts";
import { thinks } from "./request.ts";
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
  readonly account: Account;
  /** Told what a failed attempt said and used. */
  broken(partial: ModelResponse, lost: Interrupted): void;
  /** Told of a switch to another target of a route, and what the one before has used. */
  switched(partial: ModelResponse, lost: Interrupted, failover: Failover): void;
}

/** Throws the last attempt's failure, `exec.stage.guard_rejected` before anything is spent, or the signal's reason. */
export const ask = async (asking: Asking, asked: ModelRequest): Promise<ModelResponse> => {
  const { provider, services, retry, call } = asking;
  let reserved = asking.account(asked);
  if ("refused" in reserved) throw rejected(reserved);
  announce(reserved, provider, call);
  const tools = asking.tools?.(reserved.request);
  for (let n = 0; ; n++) {
    const mine = reserved;
    const { request, budgetUsd } = mine;
    const told = cliCalls(call.emit);
    const open = tools?.(told);
    /** A switch was not made, and what was used before it is told. */
    let settled = false;
    const attempt: Attempt = {
      provider,
      request,
      budgetUsd,
      answer: fold(provider.name, request.model),
      shown: false,
      iteration: asking.iteration,
      clock: services.clock,
      uniqueId: uniqueIds(request.messages, () => services.id("call_")),
      announce: asking.announce,
      emit: call.emit,
      switched: (switching) => {
        const failed = new APIError(switching.message, { code: switching.code });
        const before = attempt.answer.response();
        asking.switched(before, interrupted(failed, { response: before, unsaid: attempt.answer.unsaid() }, mine, services), switching);
        // The next target is asked only when this one is heard again: with what is left now, or, after a retry, for less.
        const left = asking.account(request);
        settled = "refused" in left || left.lowered !== null;
        if (settled) throw failed;
      },
      tools: open?.tools,
      told,
    };
    try {
      const response = await call.step(asking.step("model"), (signal) => listen(attempt, signal).finally(() => open?.close()));
      if (!provider.hops) services.bounds.learn(request, promptTokens(response.usage));
      return response;
    } catch (thrown) {
      const error = typed(thrown);
      const partial = attempt.answer.response();
      if (!settled) asking.broken(partial, interrupted(error, { response: partial, unsaid: attempt.answer.unsaid() }, mine, services));
      if (call.signal.aborted) throw call.signal.reason;
      const delay = retry(error, n, call);
      const again = delay === undefined ? undefined : asking.account(asked);
      if (delay === undefined || again === undefined || "refused" in again) {
        if (again && "refused" in again) services.log.warn(`The call is not tried again. ${again.refused}`);
        throw tell(error, provider.name, call);
      }
      reserved = again;
      const { code, category } = error;
      call.emit("api.retry", { attempt: n + 1, category: category ?? "unknown", code, delay, ...(request.stream ? { stream: true } : {}) });
      await call.step(asking.step("wait"), async (signal) => {
        await services.clock.sleep(delay * 1000, signal);
        return null;
      });
      if (attempt.shown) call.emit("api.stream_restart", {});
      lowered(reserved, call);
    }
  }
};

const announce = (reserved: Reserved, provider: Provider, call: Call): void => {
  const { request } = reserved;
  lowered(reserved, call);
  call.emit("api.request", {
    model: request.model,
    provider: provider.name,
    message_count: request.messages.length,
    has_tools: request.tools.length > 0,
    has_thinking: thinks(request),
    stream: request.stream,
  });
};

const lowered = ({ lowered }: Reserved, { emit }: Call): void => {
  if (lowered) emit("api.max_tokens_lowered", lowered);
};

/** What a provider throws without a type of ours is no failure that another attempt would mend. */
const typed = (thrown: unknown): GenyExecutorError =>
  thrown instanceof GenyExecutorError ? thrown : new APIError(messageOf(thrown), { code: "exec.api.unknown", cause: thrown });

export const tell = (thrown: unknown, provider: string, { emit }: Call): GenyExecutorError => {
  const error = typed(thrown);
  emit("api.error", { code: error.code, category: error.category ?? "unknown", provider, message: error.message });
  return error;
};
