/** A body as it comes from the socket: pushed on one side, iterated once on the other, never more than a limit ahead of its reader. */

export interface ByteQueue extends AsyncIterable<Uint8Array> {
  push(piece: Uint8Array): void;
  /** What was pushed is still read, then it ends. */
  close(): void;
  /** What was pushed is still read, then it throws. */
  fail(error: unknown): void;
  /** Forgets what waits: it ends at once, or throws the error. */
  drop(error?: unknown): void;
}

interface Source {
  /** Bytes waiting at which the source is paused. */
  readonly limit: number;
  pause(): void;
  resume(): void;
  /** The reader left before the end. */
  cancel(): void;
}

type Result = IteratorResult<Uint8Array, undefined>;
const done: Result = { done: true, value: undefined };

export const byteQueue = (source: Source): ByteQueue => {
  const pieces: Uint8Array[] = [];
  let head = 0;
  let waiting = 0;
  let paused = false;
  let ended: { readonly error?: unknown } | undefined;
  let reader: { resolve(result: Result): void; reject(error: unknown): void } | undefined;

  const take = (): Result => {
    const value = pieces[head++] as Uint8Array;
    if (head === pieces.length) {
      pieces.length = 0;
      head = 0;
    }
    waiting -= value.length;
    if (paused && waiting < source.limit / 2) {
      paused = false;
      source.resume();
    }
    return { done: false, value };
  };
  const finish = (how: { readonly error?: unknown }) => {
    if (ended) return;
    ended = how;
    if (reader && "error" in how) reader.reject(how.error);
    else reader?.resolve(done);
    reader = undefined;
  };
  const next = (): Promise<Result> => {
    if (head < pieces.length) return Promise.resolve(take());
    if (ended) return "error" in ended ? Promise.reject(ended.error) : Promise.resolve(done);
    return new Promise((resolve, reject) => {
      reader = { resolve, reject };
    });
  };
  return {
    push(piece) {
      if (ended) return;
      if (reader) {
        const { resolve } = reader;
        reader = undefined;
        return resolve({ done: false, value: piece });
      }
      pieces.push(piece);
      waiting += piece.length;
      if (paused || waiting < source.limit) return;
      paused = true;
      source.pause();
    },
    close: () => finish({}),
    fail: (error) => finish({ error }),
    drop(error) {
      pieces.length = head = waiting = 0;
      finish(error === undefined ? {} : { error });
    },
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        const open = !ended;
        pieces.length = head = waiting = 0;
        finish({});
        if (open) source.cancel();
        return done;
      },
    }),
  };
};
