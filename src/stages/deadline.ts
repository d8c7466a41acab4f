/** Waiting with a limit, for effects that may not listen to their signal. */
import type { Clock } from "../contract/services.ts";

/** Timers do not take more. */
const LONGEST_MS = 2 ** 31 - 1;
const LATE = Symbol("late");

/**
 * The effect's result, or undefined when it takes longer than `ms` (null: no limit). Its signal aborts with the given one, and at the limit.
 * Rejects with the signal's reason as soon as that aborts, whether the effect listens or not.
 */
export const within = async <T extends object>(
  ms: number | null,
  clock: Clock,
  signal: AbortSignal,
  effect: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> => {
  signal.throwIfAborted();
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const limit = ms === null ? untilAbort(both) : clock.sleep(Math.min(ms, LONGEST_MS), both).then(() => LATE);
  try {
    const first = await Promise.race([effect(both), limit]);
    return typeof first === "symbol" ? undefined : first;
  } finally {
    stop.abort();
  }
};

const untilAbort = (signal: AbortSignal): Promise<never> =>
  new Promise((_ok, no) => {
    signal.addEventListener("abort", () => no(signal.reason), { once: true });
  });
