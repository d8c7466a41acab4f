/** Writes the state as a checkpoint from which the session can go on. */
import { messageOf } from "../contract/errors.ts";
import { fields, int, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { STATE_KEYS } from "../contract/state.ts";
import { one } from "../contract/strategy.ts";
import { payloadOf } from "./20-persist/checkpoint.ts";
import { frequencies, persisters } from "./20-persist/strategies.ts";

/** The state names so many checkpoints, as many as files keep. */
const NAMED = 100;

const iteration = int({ about: "the pass" });
const persister = text({ about: "the strategy that writes" });

export const persist = defineStage({
  name: "persist",
  about: "Writes the state as a checkpoint when one is due. A turn that broke is always due. A failure to write is told by an event only.",
  category: "finalize",
  config: fields({}),
  // A checkpoint is the state.
  reads: STATE_KEYS,
  writes: ["lastCheckpoint", "checkpointHistory"],
  slots: {
    persister: one({ about: "where checkpoints go", verb: "saves by", default: "no_persist", strategies: persisters }),
    frequency: one({ about: "when one is due", verb: "times checkpoints by", default: "every_turn", strategies: frequencies }),
  },
  events: {
    "checkpoint.written": fields({
      checkpoint_id: text({ about: "its id" }),
      session_id: text({ about: "the session" }),
      iteration,
      persister,
    }),
    "checkpoint.skipped": fields({ frequency: text({ about: "the strategy that says when" }), iteration }),
    "checkpoint.persister_error": fields({ persister, error: text({ about: "the message" }) }),
  },
  brokenTurn: "run",

  bypass: (_state, { chosen }) => (chosen.persister === "no_persist" ? "no persister" : undefined),

  async run(state, { slots, chosen, services, emit, call }) {
    const { sessionId: session_id, iteration } = state;
    if (state.interrupted === null && !slots.frequency(state)) {
      emit("checkpoint.skipped", { frequency: chosen.frequency, iteration });
      return {};
    }
    const checkpoint_id = services.id("ckpt_");
    const entry = { checkpoint_id, session_id, iteration, created_at: new Date(services.clock.now()).toISOString() };
    try {
      await slots.persister({ ...entry, payload: payloadOf(state) }, call);
    } catch (error) {
      emit("checkpoint.persister_error", { persister: chosen.persister, error: messageOf(error) });
      return {};
    }
    emit("checkpoint.written", { checkpoint_id, session_id, iteration, persister: chosen.persister });
    return { lastCheckpoint: checkpoint_id, checkpointHistory: [...state.checkpointHistory, entry].slice(-NAMED) };
  },
});
