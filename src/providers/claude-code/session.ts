/** One conversation that the CLI keeps on its side: who may speak in it, whether it exists yet, and what it has cost so far. */
import { noUsage, type Usage } from "../../contract/usage.ts";
import type { SessionHint } from "./settings.ts";
import { type Bill, sinceThen } from "./usage.ts";

/** One call's part in it. */
export interface Turn {
  readonly session: SessionHint;
  /** US dollars on the CLI's bill so far; 0 when that is not known. */
  readonly costUsd: number;
  /** This call's share of the CLI's bill, which counts from the conversation's beginning. */
  share(bill: Bill): Usage;
  /** The CLI has begun to work in it, so that it exists. */
  began(): void;
  /** The CLI says that there is no such conversation. */
  lost(): void;
  /** The next one may speak. */
  release(): void;
}

export interface Conversation {
  /** Resolves when no other call is in it. */
  take(): Promise<Turn>;
}

export const conversationOf = ({ id, resume }: SessionHint): Conversation => {
  let exists = resume;
  /** The bill of the newest result; null: not known. */
  let before: Usage | null = resume ? null : noUsage;
  let free = Promise.resolve();
  return {
    async take() {
      const mine = Promise.withResolvers<void>();
      const earlier = free;
      free = mine.promise;
      await earlier;
      let open = false;
      return {
        session: { id, resume: exists },
        costUsd: before?.cost_usd ?? 0,
        share(bill) {
          const share = sinceThen(bill, before);
          before = bill.usage;
          open = false;
          return share;
        },
        began() {
          exists = true;
          open = true;
        },
        lost() {
          exists = false;
          before = noUsage;
        },
        release() {
          if (open) before = null;
          mine.resolve();
        },
      };
    },
  };
};
