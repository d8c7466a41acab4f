/** Runs emitters in the order of what they require. None can break the chain: it fails, is too slow or is left out, and says so. */
import { messageOf } from "../../contract/errors.ts";
import type { Clock } from "../../contract/services.ts";
import type { State } from "../../contract/state.ts";
import type { Call } from "../../contract/strategy.ts";
import { within } from "../deadline.ts";
import type { EmitResult, Emitter } from "./emitters.ts";
import type { Emotion } from "./emotion.ts";

/** After so many time-outs in a row an emitter is left out for the rest of the session. */
const PATIENCE = 3;

export interface Link {
  readonly name: string;
  readonly emitter: Emitter;
}
export type Outcome = {
  readonly emitter: string;
  readonly emitted: boolean;
  readonly skipped: "dep_failed" | "backpressure" | null;
  readonly timed_out: boolean;
  readonly error: string | null;
};
export type Timeouts = { readonly [emitter: string]: number };

export interface ChainResult {
  readonly outcomes: readonly Outcome[];
  /** Time-outs in a row, by emitter; none is left out. */
  readonly timeouts: Timeouts;
  readonly emotion: Emotion | undefined;
}

export const runChain = async (links: readonly Link[], before: Timeouts, state: State, call: Call, clock: Clock): Promise<ChainResult> => {
  const outcomes = new Map<string, Outcome>();
  const timeouts = new Map(Object.entries(before));
  let emotion: Emotion | undefined;
  for (const { name, emitter } of inOrder(links, call)) {
    call.signal.throwIfAborted();
    const end = (outcome: Partial<Outcome>) =>
      outcomes.set(name, { emitter: name, emitted: false, skipped: null, timed_out: false, error: null, ...outcome });
    const failed = emitter.requires.filter((other) => outcomes.get(other)?.emitted === false);
    const slow = timeouts.get(name) ?? 0;
    if (failed.length) {
      call.emit("emit.skipped_dep_failed", { emitter: name, deps: failed });
      end({ skipped: "dep_failed" });
    } else if (slow >= PATIENCE) {
      call.emit("emit.skipped_backpressure", { emitter: name, consecutive_timeouts: slow });
      end({ skipped: "backpressure", timed_out: true });
    } else {
      const attempt = await call.step(`emit.${name}`, (signal) => tryOne(emitter, state, { ...call, signal }, clock));
      if (attempt.late) {
        timeouts.set(name, slow + 1);
        call.emit("emit.timeout", { emitter: name, timeout_seconds: emitter.timeoutSeconds, consecutive_timeouts: slow + 1 });
      } else timeouts.delete(name);
      emotion = attempt.emotion ?? emotion;
      end({ emitted: attempt.emitted, timed_out: attempt.late, error: attempt.error });
    }
  }
  return { outcomes: [...outcomes.values()], timeouts: Object.fromEntries(timeouts), emotion };
};

type Attempt = EmitResult & { readonly late: boolean; readonly error: string | null };

const tryOne = async (emitter: Emitter, state: State, call: Call, clock: Clock): Promise<Attempt> => {
  const { timeoutSeconds: limit } = emitter;
  const work = async (signal: AbortSignal) => ({ late: false, error: null, ...(await emitter.emit(state, { ...call, signal })) });
  try {
    if (limit === null) return await work(call.signal);
    return (await within(limit * 1000, clock, call.signal, work)) ?? { emitted: false, late: true, error: null };
  } catch (error) {
    return { emitted: false, late: false, error: messageOf(error) };
  }
};

/** Each after those that it requires, else as declared. A circle: all as declared. */
const inOrder = (links: readonly Link[], call: Call): readonly Link[] => {
  const names = new Set(links.map((link) => link.name));
  for (const { name, emitter } of links)
    for (const dependency of emitter.requires)
      if (!names.has(dependency)) call.emit("emit.unknown_dependency", { emitter: name, dependency });
  const placed = new Set<string>();
  const ordered: Link[] = [];
  const ready = ({ name, emitter }: Link) => !placed.has(name) && emitter.requires.every((other) => placed.has(other) || !names.has(other));
  for (let next = links.find(ready); next; next = links.find(ready)) {
    placed.add(next.name);
    ordered.push(next);
  }
  if (ordered.length === links.length) return ordered;
  call.emit("emit.cycle_detected", { ordered_count: ordered.length, total: links.length, emitters: links.map((link) => link.name) });
  return links;
};
