/** Approvals that wait for somebody outside the run. */
import { GenyExecutorError } from "../contract/errors.ts";
import type { HitlDecision, HitlRequest } from "../contract/host.ts";
import type { Approvals } from "../contract/services.ts";

const DECISIONS: readonly string[] = ["approve", "reject", "cancel"];

export interface PendingApprovals extends Approvals {
  /** The requests that wait, oldest first. */
  list(): readonly HitlRequest[];
  /** Answers a request. Throws for a token that does not wait and for a word that is no decision. */
  resume(token: string, decision: HitlDecision): void;
  /** Answers with "cancel". False when nothing waits under the token. */
  cancel(token: string): boolean;
}

export const pendingApprovals = (): PendingApprovals => {
  const waiting = new Map<string, { request: HitlRequest; answer(decision: HitlDecision): void }>();
  return {
    wait: (request, signal) =>
      new Promise((ok, no) => {
        const end = () => {
          waiting.delete(request.token);
          signal.removeEventListener("abort", stop);
        };
        const stop = () => {
          end();
          no(signal.reason);
        };
        if (signal.aborted) return no(signal.reason);
        signal.addEventListener("abort", stop, { once: true });
        waiting.set(request.token, {
          request,
          answer(decision) {
            end();
            ok(decision);
          },
        });
      }),
    list: () => [...waiting.values()].map((w) => w.request),
    resume(token, decision) {
      const found = waiting.get(token);
      if (!found)
        throw new GenyExecutorError(
          `No approval waits under the token "${token}": it is unknown or was answered. \`listPendingHitl()\` tells those that wait.`,
          {
            details: { token },
          },
        );
      if (!DECISIONS.includes(decision))
        throw new GenyExecutorError(`"${decision}" is no decision: use ${DECISIONS.join(", ")}.`, { details: { token, decision } });
      found.answer(decision);
    },
    cancel(token) {
      const found = waiting.get(token);
      found?.answer("cancel");
      return found !== undefined;
    },
  };
};
