import { newState, systemClock } from "geny-executor";
import { type Link, runChain, type Timeouts } from "../../../src/stages/17-emit/chain.ts";
import { emotionOf } from "../../../src/stages/17-emit/emotion.ts";
import { call } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

interface Recorded {
  readonly name: string;
  readonly requires: readonly string[];
  readonly ok?: boolean;
  readonly boom?: boolean;
  /** Seconds that it takes. */
  readonly slow?: number;
  /** Its limit in seconds. */
  readonly to?: number;
}

const asLink = ({ name, requires, ok = true, boom, slow, to }: Recorded): Link => ({
  name,
  emitter: {
    requires,
    timeoutSeconds: to ?? null,
    async emit(_state, { signal }) {
      if (boom) throw new Error("boom");
      if (slow) await systemClock.sleep(slow * 1000, signal);
      return { emitted: ok };
    },
  },
});

export const replay = async ({ strategy, input }: Vector): Promise<unknown> => {
  if (strategy === "vtuber") return emotionOf(String(input));
  const { emitters, passes } = input as { emitters: readonly Recorded[]; passes: number };
  const events: unknown[] = [];
  const emit = (type: string, data: unknown) => void events.push({ type, data });
  let timeouts: Timeouts = {};
  const told: unknown[] = [];
  for (let pass = 0; pass < passes; pass++) {
    const result = await runChain(emitters.map(asLink), timeouts, newState(), { ...call, emit }, systemClock);
    timeouts = result.timeouts;
    told.push(result.outcomes.map(({ error: _, ...outcome }) => outcome));
  }
  return { passes: told, events, consecutive_timeouts: timeouts };
};

export const differences: readonly Difference<Vector>[] = [];
