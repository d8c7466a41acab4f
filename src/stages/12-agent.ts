/** Stage 12: has other agents do what the model hands on, and tells it their answers. */
import type { Spent } from "../contract/bill.ts";
import type { Message } from "../contract/message.ts";
import { fields, flag, int, text } from "../contract/schema.ts";
import { Broken, defineStage } from "../contract/stage.ts";
import { STATE_KEYS, type State } from "../contract/state.ts";
import { one } from "../contract/strategy.ts";
import { type Orchestration, orchestrators, paid } from "./12-agent/orchestrators.ts";
import { requestsOf, summary } from "./12-agent/requests.ts";

export const agent = defineStage({
  name: "agent",
  about: "Hands requests to other agents and gives the model their answers.",
  category: "execution",
  config: fields({
    max_delegations: int({ about: "requests served in one pass at most; the model is told of the others", min: 0, default: 4 }),
    result_chars: int({ about: "characters of an agent's answer that the model reads", min: 1, default: 4000 }),
  }),
  // The host's agent may look at anything.
  reads: STATE_KEYS,
  writes: [
    "messages",
    "agentResults",
    "delegateRequests",
    "evaluationInput",
    "toolIteration",
    "tokenUsage",
    "turnTokenUsage",
    "totalCostUsd",
    "sessionCostUsd",
    "heldCostUsd",
  ],
  slots: {
    orchestrator: one({ about: "who does the work", verb: "delegates by", default: "single_agent", strategies: orchestrators }),
  },
  events: {
    "agent.orchestrate_start": fields({
      orchestrator: text({ about: "its name" }),
      delegate_count: int({ about: "requests" }),
    }),
    "agent.delegations_capped": fields({ requested: int({ about: "requests" }), cap: int({ about: "how many of them are served" }) }),
    "agent.orchestrate_complete": fields({
      delegated: flag({ about: "whether another agent was asked" }),
      sub_result_count: int({ about: "answers" }),
    }),
  },
  bypass: ({ delegateRequests }, { chosen }) =>
    chosen.orchestrator === "single_agent" && delegateRequests.length === 0 ? "nothing is delegated" : undefined,
  async run(state, { config, slots, chosen, emit, call, messageId }) {
    const requests = requestsOf(state);
    const { max_delegations: cap } = config;
    emit("agent.orchestrate_start", { orchestrator: chosen.orchestrator, delegate_count: requests.length });
    const spent: Spent[] = [];
    const door = { emit: call.emit, step: call.step, signal: call.signal, spent, spend: (one: Spent) => void spent.push(one) };
    let done: Orchestration;
    try {
      done = await slots.orchestrator(requests.slice(0, cap), state, door);
    } catch (error) {
      throw spent.length ? new Broken(error, bill(state, spent)) : error;
    }
    if (done.served && requests.length > cap) emit("agent.delegations_capped", { requested: requests.length, cap });
    emit("agent.orchestrate_complete", { delegated: done.delegated, sub_result_count: done.results.length });

    const judged = done.evaluationInput === undefined ? {} : { evaluationInput: done.evaluationInput };
    if (!done.served || !requests.length) return { ...judged, ...bill(state, spent) };
    const told = summary(done.results, requests.slice(cap), config.result_chars);
    const message: Message = { id: messageId(), origin: "note", role: "user", content: [{ type: "text", text: told }] };
    return {
      ...judged,
      ...bill(state, spent),
      messages: [...state.messages, message],
      agentResults: [...state.agentResults, ...done.results],
      delegateRequests: [],
      // The answers are unread, as tool results are.
      toolIteration: state.iteration,
    };
  },
});

/** What other agents have spent, the turn pays. */
const bill = (
  state: State,
  spent: readonly Spent[],
): Partial<Pick<State, "tokenUsage" | "turnTokenUsage" | "totalCostUsd" | "sessionCostUsd" | "heldCostUsd">> => {
  if (!spent.length) return {};
  const { tokenUsage, turnTokenUsage, totalCostUsd, sessionCostUsd, heldCostUsd } = paid(state, spent);
  return { tokenUsage, turnTokenUsage, totalCostUsd, sessionCostUsd, heldCostUsd };
};
