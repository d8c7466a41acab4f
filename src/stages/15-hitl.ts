/** Stage 15: where a tool or a stage asked for a person's decision, the turn waits for it here. */
import { fields } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { defineStrategy, one } from "../contract/strategy.ts";
import { asRequest } from "./15-hitl/request.ts";
import { timeouts } from "./15-hitl/timeouts.ts";
import { decide, decisionEvents, remembered } from "./decision.ts";
import { persons, type Requester } from "./requesters.ts";

const approveAll = defineStrategy<Requester>()({ about: "Approves everything.", config: fields({}), create: () => async () => "approve" });

// Without the host's part `callback` gives no decision: to fall back to "null", which approves, would open what was to be guarded.
const requesters = { null: approveAll, ...persons };

export const hitl = defineStage({
  name: "hitl",
  about: "Asks a person, waits for the answer and lets the turn go on, end or be escalated.",
  category: "gate",
  config: fields({}),
  reads: ["hitlRequest", "hitlHistory"],
  writes: ["hitlRequest", "hitlLastDecision", "hitlHistory", "loopDecision", "completionSignal", "completionDetail"],
  slots: {
    requester: one({ about: "who is asked", verb: "asks by", default: "null", strategies: requesters }),
    timeout: one({ about: "how long the answer may take", verb: "times approvals by", default: "indefinite", strategies: timeouts }),
  },
  events: decisionEvents,
  bypass: ({ hitlRequest }) => (hitlRequest === null ? "nobody asks for a decision" : undefined),
  async run(state, { slots, chosen, services, call }) {
    const now = () => new Date(services.clock.now()).toISOString();
    const asked = asRequest(state.hitlRequest, () => services.id(), now());
    // What cannot be read cannot be approved.
    const request = asked ?? { ...unreadable, token: services.id(), created_at: now() };
    const { requester, timeout } = slots;
    const asking = { requester, name: chosen.requester, timeout, clock: services.clock, call };
    const decided = await decide(request, asking, asked ? undefined : "the request is no object");
    const { decision } = decided;
    return {
      hitlRequest: null,
      hitlLastDecision: decision,
      hitlHistory: remembered(state.hitlHistory, request, decided, now()),
      ...(decision === "approve" ? {} : { ...ends[decision], completionDetail: request.reason }),
    };
  },
});

const unreadable = { reason: "", severity: "error", tool_call_id: "", payload: {} } as const;

const ends = {
  reject: { loopDecision: "complete", completionSignal: "HITL_REJECTED" },
  cancel: { loopDecision: "escalate", completionSignal: "HITL_CANCELLED" },
} as const;
