/** A person's decision, in whichever stage it is asked for: the question is told, then the answer, or why there is none. */
import { messageOf } from "../contract/errors.ts";
import type { HitlDecision, HitlRequest } from "../contract/host.ts";
import { fields, type JsonObject, number, object, oneOf, text } from "../contract/schema.ts";
import type { Clock } from "../contract/services.ts";
import type { Call } from "../contract/strategy.ts";
import { within } from "./deadline.ts";
import type { Requester } from "./requesters.ts";

/** How long the answer may take, and what holds when there is none. */
export interface Timeout {
  /** Null: no limit. */
  readonly seconds: number | null;
  /** Holds when the time is up, and when the requester gives no decision. */
  readonly verdict: HitlDecision;
}

export const DECISIONS = ["approve", "reject", "cancel"] as const;

const token = text({ about: "names the request" });
const verdict = oneOf(DECISIONS, { about: "what holds in place of a decision" });

export const decisionEvents = {
  "hitl.request": fields({
    token,
    reason: text({ about: "why a person is asked" }),
    severity: oneOf(["info", "warn", "error"], { about: "how grave it is" }),
    tool_call_id: text({ about: "the call that it is about; empty for none", default: null }),
    payload: object({ about: "what the decision is about" }),
    created_at: text({ about: "ISO 8601" }),
  }),
  "hitl.decision": fields({ token, decision: oneOf(DECISIONS, { about: "the decision" }), via: text({ about: "where it came from" }) }),
  "hitl.no_decision": fields({ token, verdict }),
  "hitl.timeout": fields({ token, timeout_seconds: number({ about: "how long was waited" }), verdict }),
  "hitl.requester_error": fields({ requester: text({ about: "who was to ask" }), error: text({ about: "the failure" }) }),
};

export interface Decided {
  readonly decision: HitlDecision;
  /** The requester's name; or "timeout", "no_decision", "requester_error". */
  readonly via: string;
}
export interface Asking {
  readonly requester: Requester;
  /** The requester's name. */
  readonly name: string;
  readonly timeout: Timeout;
  readonly clock: Clock;
  readonly call: Call;
}
/** What became of the wait. */
type Answer = { readonly decision: HitlDecision } | { readonly none: true } | { readonly late: true } | { readonly error: string };

/** Rejects only when the signal aborts, and then at once. `unreadable`: why the request cannot be put to anybody; then it is cancelled. */
export const decide = async (request: HitlRequest, asking: Asking, unreadable?: string): Promise<Decided> => {
  const { name, timeout, call } = asking;
  const waiting = call.step(`hitl:${request.token}`, (signal) =>
    unreadable === undefined ? ask(request, asking, signal) : Promise.resolve({ error: unreadable }),
  );
  // Told after the wait began, so that whoever hears it can answer at once.
  call.emit("hitl.request", request);
  const answer: Answer = await waiting;

  const { token } = request;
  const { seconds, verdict } = timeout;
  if ("late" in answer) call.emit("hitl.timeout", { token, timeout_seconds: seconds ?? 0, verdict });
  if ("none" in answer) call.emit("hitl.no_decision", { token, verdict });
  if ("error" in answer) call.emit("hitl.requester_error", { requester: name, error: answer.error });
  const [decision, via]: [HitlDecision, string] =
    "decision" in answer
      ? [answer.decision, name]
      : "error" in answer
        ? ["cancel", "requester_error"]
        : [verdict, "late" in answer ? "timeout" : "no_decision"];
  call.emit("hitl.decision", { token, decision, via });
  return { decision, via };
};

const ask = async (request: HitlRequest, { requester, timeout, clock, call }: Asking, signal: AbortSignal): Promise<Answer> => {
  const { seconds } = timeout;
  try {
    const answer = await within(seconds === null ? null : seconds * 1000, clock, signal, async (signal): Promise<Answer> => {
      const decision = asDecision(await requester(request, { ...call, signal }));
      return decision === null ? { none: true } : { decision };
    });
    return answer ?? { late: true };
  } catch (error) {
    signal.throwIfAborted();
    return { error: messageOf(error) };
  }
};

/** A decision in any case, or null when it is none. */
export const asDecision = (given: unknown): HitlDecision | null => {
  const word = typeof given === "string" ? given.toLowerCase() : "";
  return DECISIONS.find((known) => known === word) ?? null;
};

/** So many decisions of a session are remembered. */
const HISTORY = 500;
export const remembered = (
  history: readonly JsonObject[],
  request: HitlRequest,
  { decision }: Decided,
  decided_at: string,
): readonly JsonObject[] => [...history, { request, decision, decided_at, note: "" }].slice(-HISTORY);
