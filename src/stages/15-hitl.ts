/** Stage 15: where a tool or a stage asked for a person's decision, the turn waits for it here. */
import type { HitlDecision, HitlRequest } from "../contract/host.ts";
import { fields, number, object, oneOf, text } from "../contract/schema.ts";
import type { Clock } from "../contract/services.ts";
import { defineStage } from "../contract/stage.ts";
import { type Call, one } from "../contract/strategy.ts";
import { asDecision, asRequest } from "./15-hitl/request.ts";
import { type Requester, requesters } from "./15-hitl/requesters.ts";
import { timeouts } from "./15-hitl/timeouts.ts";
import { within } from "./deadline.ts";

/** So many decisions of a session are remembered. */
const HISTORY = 500;
const DECISIONS = ["approve", "reject", "cancel"] as const;
/** What became of the wait. */
type Answer = { readonly decision: HitlDecision } | { readonly none: true } | { readonly late: true } | { readonly error: string };

const token = text({ about: "names the request" });
const verdict = oneOf(DECISIONS, { about: "what holds in place of a decision" });

export const hitl = defineStage({
  name: "hitl",
  about: "Asks a person, waits for the answer and lets the turn go on, end or be escalated.",
  category: "gate",
  config: fields({}),
  reads: ["hitlRequest", "hitlHistory"],
  writes: ["hitlRequest", "hitlLastDecision", "hitlHistory", "loopDecision", "completionSignal", "completionDetail"],
  slots: {
    requester: one({ about: "who is asked", default: "null", strategies: requesters }),
    timeout: one({ about: "how long the answer may take", default: "indefinite", strategies: timeouts }),
  },
  events: {
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
  },
  bypass: ({ hitlRequest }) => (hitlRequest === null ? "nobody asks for a decision" : undefined),
  async run(state, { slots, chosen, services, emit, call }) {
    const now = () => new Date(services.clock.now()).toISOString();
    const asked = asRequest(state.hitlRequest, () => services.id(), now());
    // What cannot be read cannot be approved.
    const request = asked ?? { ...unreadable, token: services.id(), created_at: now() };
    const { requester, timeout } = slots;
    const waiting = call.step(`hitl:${request.token}`, (signal) =>
      asked
        ? ask(requester, asked, timeout.seconds, services.clock, { ...call, signal })
        : Promise.resolve({ error: "the request is no object" }),
    );
    // Told after the wait began, so that whoever hears it can answer at once.
    emit("hitl.request", request);
    const answer: Answer = await waiting;

    const { token } = request;
    const { seconds, verdict } = timeout;
    if ("late" in answer) emit("hitl.timeout", { token, timeout_seconds: seconds ?? 0, verdict });
    if ("none" in answer) emit("hitl.no_decision", { token, verdict });
    if ("error" in answer) emit("hitl.requester_error", { requester: chosen.requester, error: answer.error });
    const [decision, via]: [HitlDecision, string] =
      "decision" in answer
        ? [answer.decision, chosen.requester]
        : "error" in answer
          ? ["cancel", "requester_error"]
          : [verdict, "late" in answer ? "timeout" : "no_decision"];
    emit("hitl.decision", { token, decision, via });
    return {
      hitlRequest: null,
      hitlLastDecision: decision,
      hitlHistory: [...state.hitlHistory, { request, decision, decided_at: now(), note: "" }].slice(-HISTORY),
      ...(decision === "approve" ? {} : { ...ends[decision], completionDetail: request.reason }),
    };
  },
});

const unreadable = { reason: "", severity: "error", tool_call_id: "", payload: {} } as const;

/** Rejects only when the signal aborts, and then at once. */
const ask = async (requester: Requester, request: HitlRequest, seconds: number | null, clock: Clock, call: Call): Promise<Answer> => {
  try {
    const answer = await within(seconds === null ? null : seconds * 1000, clock, call.signal, async (signal): Promise<Answer> => {
      const decision = asDecision(await requester(request, { ...call, signal }));
      return decision === null ? { none: true } : { decision };
    });
    return answer ?? { late: true };
  } catch (error) {
    call.signal.throwIfAborted();
    return { error: error instanceof Error ? error.message : String(error) };
  }
};

const ends = {
  reject: { loopDecision: "complete", completionSignal: "HITL_REJECTED" },
  cancel: { loopDecision: "escalate", completionSignal: "HITL_CANCELLED" },
} as const;
