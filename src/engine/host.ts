/** Where effects happen. The direct host runs them; nothing is recorded. */

import type { Clock } from "../contract/services.ts";
import type { Step } from "../contract/strategy.ts";

export type StepHost = (signal: AbortSignal) => Step;

export const directHost: StepHost = (signal) => (_name, effect) => effect(signal);

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  sleep: (ms, signal) =>
    new Promise((ok, no) => {
      if (signal.aborted) return no(signal.reason);
      const stop = () => {
        clearTimeout(timer);
        no(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", stop);
        ok();
      }, ms);
      signal.addEventListener("abort", stop, { once: true });
    }),
};
