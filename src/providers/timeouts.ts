/** How long a provider waits: the options, then the `GENY_LLM_*_TIMEOUT_S` variables (seconds, 0 for ever), then the defaults. */
import type { Timeouts } from "./http.ts";
import type { Environment } from "./lanes.ts";

export interface ProviderTimeouts extends Timeouts {
  /** Until the head of an answer that is not streamed: the model writes all of it first. */
  readonly requestMs: number;
}

export const timeoutsOf = (given: Partial<ProviderTimeouts> = {}, env: Environment = process.env): ProviderTimeouts => {
  const seconds = (name: string, fallback: number) => {
    const value = Number.parseFloat(env[`GENY_LLM_${name}_TIMEOUT_S`] ?? "");
    return (value >= 0 ? value : fallback) * 1000;
  };
  return {
    connectMs: given.connectMs ?? seconds("CONNECT", 10),
    firstByteMs: given.firstByteMs ?? seconds("FIRST_CHUNK", 300),
    idleMs: given.idleMs ?? seconds("IDLE", 120),
    requestMs: given.requestMs ?? seconds("REQUEST", 600),
  };
};

/**
 * One time in place of each: until the answer begins, between two pieces of it, and until all of an answer that is not streamed; and no longer
 * until there is a connection. Every byte is a sign of life, a ping too. 0 or undefined: as they stand.
 */
export const limited = (timeouts: ProviderTimeouts, ms: number | undefined): ProviderTimeouts =>
  ms ? { connectMs: Math.min(timeouts.connectMs || ms, ms), firstByteMs: ms, idleMs: ms, requestMs: ms } : timeouts;
