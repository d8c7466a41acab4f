/** The failure of a route none of whose targets answered. */
import { APIError, type ErrorCategory } from "../contract/errors.ts";
import type { Hop } from "../contract/provider.ts";

export interface Miss {
  readonly hop: Hop;
  readonly error: APIError;
}

/** A retry may mend these. Everything else of a route that is worn out stays as it is for a while. */
const PASSING: readonly (ErrorCategory | null)[] = ["server_error", "network", "timeout", "cli_timeout"];

/** `wait`: seconds until a target is free again. */
export const exhausted = (name: string, misses: readonly Miss[], wait: number): APIError => {
  const passing = misses.findLast(({ error }) => PASSING.includes(error.category))?.error;
  const failures = misses.map(({ hop, error: { code, message, status, requestId } }) => ({ ...hop, code, message, status, requestId }));
  const told = failures.map(({ provider, model, account, message }) => `${provider}${account ? ` (${account})` : ""} ${model}: ${message}`);
  return new APIError(`${name}: no target answered. ${told.join("; ")}`, {
    code: passing?.code ?? "exec.api.terminal",
    status: passing?.status ?? null,
    requestId: passing?.requestId ?? null,
    retryAfter: passing ? passing.retryAfter : wait,
    details: { provider: name, failures },
    cause: misses.at(-1)?.error,
  });
};
