/** What a set of built-in tools remembers of files: which ones a session has seen, and which one is being written. */

export interface Ledger {
  /** The session knows what the file holds. */
  see(session: string, path: string): void;
  seen(session: string, path: string): boolean;
  /** One after another for one path, so that two edits at a time do not lose one. */
  alone<T>(path: string, work: () => Promise<T>): Promise<T>;
}

const PATHS = 500;
const SESSIONS = 1000;

/** Lives as long as the tools do. A session that goes on in another process has to read a file again before it overwrites it. */
export const createLedger = (): Ledger => {
  const sessions = new Map<string, Set<string>>();
  const busy = new Map<string, Promise<unknown>>();
  return {
    see(session, path) {
      const paths = sessions.get(session) ?? new Set();
      newest(sessions, session, SESSIONS);
      sessions.set(session, paths);
      newest(paths, path, PATHS);
      paths.add(path);
    },
    seen: (session, path) => sessions.get(session)?.has(path) ?? false,
    alone(path, work) {
      const before = busy.get(path) ?? Promise.resolve();
      const mine = before.then(work, work);
      busy.set(path, mine);
      return mine.finally(() => {
        if (busy.get(path) === mine) busy.delete(path);
      });
    },
  };
};

/** Makes room for the key as the newest one; the oldest is forgotten. */
const newest = (all: Map<string, unknown> | Set<string>, key: string, most: number): void => {
  all.delete(key);
  if (all.size >= most) for (const oldest of all.keys()) return void all.delete(oldest);
};
