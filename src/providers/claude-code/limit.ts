/** The time that a call may take. It stands still while a person is asked. */
export interface Limit {
  still<T>(work: () => Promise<T>): Promise<T>;
  clear(): void;
}

/** `act` once `ms` are over; 0: never. */
export const limitOf = (ms: number, act: () => void): Limit => {
  let left = ms;
  let since = 0;
  let asking = 0;
  let over = ms <= 0;
  let timer: NodeJS.Timeout | undefined;
  const go = () => {
    since = performance.now();
    if (!over) timer = setTimeout(act, left);
  };
  go();
  return {
    async still(work) {
      if (asking++ === 0) {
        clearTimeout(timer);
        left -= performance.now() - since;
      }
      try {
        return await work();
      } finally {
        if (--asking === 0) go();
      }
    },
    clear() {
      over = true;
      clearTimeout(timer);
    },
  };
};
