/** A turn as a stream of its events. */
import { PipelineError } from "./contract/errors.ts";
import type { PipelineEvent } from "./contract/events.ts";
import type { Bus, End, Tap } from "./engine/events.ts";

/** Begins the turn when the first event is asked for; leaving the stream aborts the signal that the turn was given. */
export const streamOf = (bus: Bus, runId: string, turn: (left: AbortSignal) => Promise<unknown>): AsyncIterableIterator<PipelineEvent> => {
  const left = new AbortController();
  let tap: Tap | undefined;
  let going: Promise<unknown> | undefined;
  const begin = (): Tap => {
    const end = async (): Promise<End> => {
      await going;
      return { done: true, value: undefined };
    };
    const open = bus.tap({ runId, end });
    going = turn(left.signal).finally(() => open.close());
    going.catch(() => {});
    return open;
  };
  const iterator: AsyncIterableIterator<PipelineEvent> = {
    next: () => {
      tap ??= begin();
      return tap.next();
    },
    return: async () => {
      left.abort(new PipelineError("The run was cancelled: its stream was left.", { code: "exec.pipeline.cancelled" }));
      await tap?.return?.();
      await going?.catch(() => {});
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
};
