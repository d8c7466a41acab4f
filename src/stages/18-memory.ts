/** Keeps what the turn has taught, and the history itself. */
import { fields, flag, int, list, text } from "../contract/schema.ts";
import { Broken, defineStage } from "../contract/stage.ts";
import { one } from "../contract/strategy.ts";
import { persistence, toFile } from "./18-memory/persistence.ts";
import { strategies } from "./18-memory/strategies.ts";

const iteration = int({ about: "the pass" });
const total = int({ about: "messages of the session" });

export const memory = defineStage({
  name: "memory",
  about: "Keeps what the turn has taught and writes the session's history. Does so for a turn that broke, too.",
  category: "egress",
  config: fields({
    stateless: flag({ default: false, about: "leave the stage out" }),
    persistence_path: text({ default: "", about: "a folder: the history is written to files there, whatever the slot `persistence` says" }),
  }),
  reads: ["sessionId", "messages", "iteration", "pendingInsights", "insights"],
  writes: ["needsReflection", "pendingInsights", "insights"],
  slots: {
    strategy: one({ about: "what is done with the turn", verb: "remembers by", default: "append_only", strategies }),
    persistence: one({ about: "where the history is written", verb: "writes the history by", default: "null", strategies: persistence }),
  },
  events: {
    "memory.reflection_queued": fields({ message_count: total, iteration }),
    "memory.insight_recorded": fields({
      title: text({ about: "its title" }),
      importance: text({ about: "low, medium, high or critical" }),
      category: text({ about: "its category" }),
      tags: list(text({ about: "a tag" }), { about: "its tags" }),
    }),
    "memory.insight_invalid": fields({ error: text({ about: "what is wrong with it" }), iteration }),
    "memory.structured_reflection_done": fields({
      recorded: int({ about: "insights of this turn" }),
      total: int({ about: "insights of the session" }),
      iteration,
    }),
    "memory.provider_recorded": fields({ count: int({ about: "messages that were new" }), total_messages: total }),
    "memory.persisted": fields({
      session_id: text({ about: "the session" }),
      message_count: total,
      persistence: text({ about: "the strategy that wrote" }),
    }),
    "memory.not_persisted": fields({
      persistence: text({ about: "the strategy that had to write" }),
      reason: text({ about: "why it did not" }),
    }),
    "memory.updated": fields({ strategy: text({ about: "the strategy that ran" }) }),
  },
  supportsModelOverride: true,
  brokenTurn: "run",

  bypass(_state, { config, chosen }) {
    if (config.stateless) return "stateless";
    return chosen.strategy === "no_memory" ? "no memory" : undefined;
  },

  async run(state, { config, slots, chosen, services, emit, call }) {
    const { sessionId, messages } = state;
    const kept = await slots.strategy(state, call);
    const path = config.persistence_path;
    const save = path ? toFile(path, services) : slots.persistence;
    const name = path ? "file" : chosen.persistence;
    if (save && !sessionId) {
      const reason = "The run has no session id: give `sessionId`.";
      services.log.warn(`The history was not written. ${reason}`);
      emit("memory.not_persisted", { persistence: name, reason });
    } else if (save) {
      try {
        await save(sessionId, messages, call);
      } catch (error) {
        throw new Broken(error, kept);
      }
      emit("memory.persisted", { session_id: sessionId, message_count: messages.length, persistence: name });
    }
    emit("memory.updated", { strategy: chosen.strategy });
    return kept;
  },
});
