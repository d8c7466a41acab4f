/** A regular expression with a bound on its time: some patterns take longer than the universe has. */

/** For every file the indices of its lines that match. Throws what `late` makes when it takes too long. */
export type Search = (files: readonly { readonly file: string; readonly lines: readonly string[] }[]) => readonly (readonly number[])[];

/** Milliseconds that one search may block the process. */
const BOUND = 1000;

/** The expression must not be global or sticky. */
export const createSearch = async (expression: RegExp, late: (file: string) => Error): Promise<Search> => {
  const { createContext, Script } = await import("node:vm");
  const room: { scan: () => void } = { scan: () => undefined };
  const context = createContext(room);
  const script = new Script("scan()");
  return (files) => {
    const found: number[][] = [];
    let current = "";
    room.scan = () => {
      for (const { file, lines } of files) {
        current = file;
        const at: number[] = [];
        for (let i = 0; i < lines.length; i++) if (expression.test(lines[i] ?? "")) at.push(i);
        found.push(at);
      }
    };
    try {
      script.runInContext(context, { timeout: BOUND });
    } catch (error) {
      // Made in the other context, so it is no Error of this one.
      if (typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")
        throw late(current);
      throw error;
    }
    return found;
  };
};
