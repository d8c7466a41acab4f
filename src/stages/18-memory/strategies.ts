/** What is done with a turn once it is over. */
import { messageOf } from "../../contract/errors.ts";
import type { Json } from "../../contract/schema.ts";
import { fields } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { type Insight, insightOf } from "./insight.ts";

type Turn = Pick<State, "sessionId" | "messages" | "iteration" | "pendingInsights" | "insights">;
type Kept = Partial<Pick<State, "needsReflection" | "pendingInsights" | "insights">>;
export type Remember = (turn: Turn, call: Call) => Kept | Promise<Kept>;

const strategy = defineStrategy<Remember>();
const nothing: Kept = {};

export const strategies = {
  append_only: strategy({ about: "The history in the state is the memory.", config: fields({}), create: () => () => nothing }),
  no_memory: strategy({ about: "Leaves the stage out.", config: fields({}), create: () => () => nothing }),
  reflective: strategy({
    about: "Marks the turn as one to reflect on.",
    config: fields({}),
    create:
      () =>
      ({ messages, iteration }, call) => {
        call.emit("memory.reflection_queued", { message_count: messages.length, iteration });
        return { needsReflection: true };
      },
  }),
  structured_reflective: strategy({
    about: "Checks the insights that were queued in this turn and keeps the good ones; each bad one is told by an event.",
    config: fields({}),
    create:
      () =>
      ({ pendingInsights, insights, iteration }, call) => {
        if (pendingInsights.length === 0) return nothing;
        const good = pendingInsights.flatMap((queued) => accepted(queued, iteration, call));
        for (const { title, importance, category, tags } of good)
          call.emit("memory.insight_recorded", { title, importance, category, tags });
        const all = [...insights, ...good];
        if (good.length) call.emit("memory.structured_reflection_done", { recorded: good.length, total: all.length, iteration });
        return { needsReflection: false, pendingInsights: [], ...(good.length ? { insights: all } : {}) };
      },
  }),
  provider_driven: strategy({
    about: "Hands every new message to the host's memory.",
    config: fields({}),
    needs: "recordTurns",
    create:
      (_config, { host }) =>
      async (turn, call) => {
        const count = await call.step(
          "memory.record",
          async (signal) => (await host.recordTurns?.(turn.messages, turn, { ...call, signal })) ?? 0,
        );
        call.emit("memory.provider_recorded", { count, total_messages: turn.messages.length });
        return nothing;
      },
  }),
};

const accepted = (queued: Json, iteration: number, call: Call): Insight[] => {
  try {
    return [insightOf(queued)];
  } catch (error) {
    call.emit("memory.insight_invalid", { error: messageOf(error), iteration });
    return [];
  }
};
