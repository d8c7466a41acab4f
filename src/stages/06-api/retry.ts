/** When a failed call of the model is tried again. */
import type { ErrorCategory } from "../../contract/errors.ts";
import { APIError, type GenyExecutorError } from "../../contract/errors.ts";
import { fields, int, number } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

/** Seconds to wait before the next attempt; undefined: the failure stands. `attempt` is 0 after the first failure. */
export type Retry = (error: GenyExecutorError, attempt: number, call: Call) => number | undefined;

/** Seconds that the provider itself asked for. */
const asked = (error: GenyExecutorError): number | undefined => (error instanceof APIError ? (error.retryAfter ?? undefined) : undefined);

const PACED: readonly (ErrorCategory | null)[] = ["rate_limited", "timeout", "server_error"];

export const retries = {
  exponential_backoff: defineStrategy<Retry>()({
    about: "Tries recoverable failures again, each time after twice the wait. Never earlier than the provider asks for.",
    config: fields({
      max_retries: int({ about: "attempts after the first one", min: 0, default: 3 }),
      base_delay: number({ about: "seconds before the first retry", min: 0, default: 1 }),
      max_delay: number({ about: "longest wait in seconds, unless the provider asks for more", min: 0, default: 60 }),
      jitter: number({ about: "random share by which a wait is longer or shorter", min: 0, max: 1, default: 0.1 }),
    }),
    create:
      ({ max_retries, base_delay, max_delay, jitter }, { random }) =>
      (error, attempt) => {
        if (attempt >= max_retries || !error.recoverable) return undefined;
        const delay = Math.min(base_delay * 2 ** attempt, max_delay);
        return Math.max(0, delay + jitter * delay * (2 * random() - 1), asked(error) ?? 0);
      },
  }),
  no_retry: defineStrategy<Retry>()({
    about: "Every failure stands.",
    config: fields({}),
    create: () => () => undefined,
  }),
  rate_limit_aware: defineStrategy<Retry>()({
    about: "Tries rate limits, timeouts and server errors again, after the wait that the provider asks for.",
    config: fields({
      max_retries: int({ about: "attempts after the first one", min: 0, default: 5 }),
      fallback_delay: number({ about: "seconds to wait when the provider says nothing", min: 0, default: 5 }),
    }),
    create:
      ({ max_retries, fallback_delay }) =>
      (error, attempt) =>
        attempt < max_retries && PACED.includes(error.category) ? (asked(error) ?? fallback_delay) : undefined,
  }),
};
