/** What a call that broke is billed, and what it may have cost beyond. */
import { costOf } from "./bill.ts";
import type { Reserved } from "./budget.ts";
import { APIError, type ErrorCategory } from "./errors.ts";
import type { ModelResponse } from "./provider.ts";
import type { Services } from "./services.ts";
import { promptTokens, type Usage } from "./usage.ts";

export interface Interrupted {
  readonly usage: Usage;
  /** Whether part of it was counted here, because the wire did not tell it. */
  readonly estimated: boolean;
  /** US dollars to hold: nobody knows how far the model went on. */
  readonly held: number;
}
/** `unsaid`: what was heard since the wire last counted. */
export const interrupted = (
  error: unknown,
  { response, unsaid }: { readonly response: ModelResponse; readonly unsaid: string },
  { request, worst }: Pick<Reserved, "request" | "worst">,
  { pricing, tokens, bounds }: Pick<Services, "pricing" | "tokens" | "bounds">,
): Interrupted => {
  const { usage: told, content, message_id } = response;
  const began = message_id !== "" || content.length > 0 || unsaid !== "" || promptTokens(told) + told.output_tokens > 0;
  if (!began) return { usage: told, estimated: false, held: turnedAway(error) ? 0 : worst };
  const blind = promptTokens(told) === 0 && told.cost_usd === null;
  const usage = {
    ...told,
    ...(blind ? { input_tokens: Math.min(tokens.request(request), bounds.atMost(request)) } : {}),
    ...(told.cost_usd === null ? { output_tokens: Math.min(told.output_tokens + tokens.text(unsaid), request.maxTokens) } : {}),
  };
  const cost = costOf(usage, pricing.price(response.model)) ?? 0;
  // What the backend itself says it cost is its last word.
  return { usage, estimated: blind || unsaid !== "", held: told.cost_usd === null ? Math.max(0, worst - cost) : 0 };
};

const UNREACHED = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"];
/** A gateway says so for a vendor that may still be at work. */
const GAVE_UP = [408, 504, 524];
const REFUSALS: readonly (ErrorCategory | null)[] = ["rate_limited", "auth", "cli_not_found", "cli_auth_failed"];
/** Whether the failure, before an answer began, means that no model was at work. */
const turnedAway = (error: unknown): boolean =>
  error instanceof APIError &&
  ((error.status !== null && error.status >= 400 && !GAVE_UP.includes(error.status)) ||
    error.code === "exec.api.no_client" ||
    REFUSALS.includes(error.category) ||
    UNREACHED.includes(String(error.details.cause_code)));
