/** A program that is started ahead and waits for its input: for the next call with the same command line. */
import type { Argument } from "./argv.ts";
import type { Started } from "./begin.ts";

export interface Spare {
  /** The one that waits, if it has this command line and lives. */
  take(argv: readonly Argument[]): Started | undefined;
  /** Starts one in place of that which waits. */
  keep(argv: readonly Argument[], begin: () => Promise<Started>): Promise<void>;
  /** Ends it; none waits any more. */
  close(): void;
}

/** Milliseconds after which one that nobody needed is ended. */
const IDLE = 300_000;

interface Waiting extends Started {
  readonly key: string;
  readonly timer: NodeJS.Timeout;
  alive: boolean;
}

/** `track` is given what is still to be cleared away. */
export const spareOf = (track: (ending: Promise<void>) => void): Spare => {
  let waiting: Waiting | undefined;
  let closed = false;
  const drop = () => {
    if (!waiting) return;
    clearTimeout(waiting.timer);
    track(waiting.end());
    waiting = undefined;
  };
  return {
    take(argv) {
      const found = waiting;
      if (!found?.alive || found.key !== JSON.stringify(argv)) return undefined;
      clearTimeout(found.timer);
      waiting = undefined;
      return found;
    },
    async keep(argv, begin) {
      if (closed) return;
      const started = await begin();
      drop();
      const mine: Waiting = { ...started, key: JSON.stringify(argv), timer: setTimeout(drop, IDLE), alive: true };
      waiting = mine;
      started.running.exit.then(() => {
        mine.alive = false;
      });
      if (closed) drop();
    },
    close() {
      closed = true;
      drop();
    },
  };
};
