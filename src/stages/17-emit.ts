/** Hands the turn's text to whoever shows, speaks or acts it. */
import { fields, flag, int, json, list, number, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { STATE_KEYS } from "../contract/state.ts";
import { many } from "../contract/strategy.ts";
import { runChain } from "./17-emit/chain.ts";
import { emitters } from "./17-emit/emitters.ts";

const names = (about: string) => list(text({ about: "an emitter" }), { about });
const emitterName = text({ about: "the emitter" });

export const emit = defineStage({
  name: "emit",
  about:
    "Hands the turn's text to the host's emitters. A turn that broke is not emitted: its words were streamed and stand in the error's result.",
  category: "egress",
  config: fields({}),
  // An emitter may look at anything.
  reads: STATE_KEYS,
  writes: ["lastEmotion", "emitTimeouts"],
  slots: { emitters: many({ about: "who gets the text, in order", default: [], strategies: emitters }) },
  events: {
    "emit.start": fields({ emitter_count: int({ about: "emitters in the chain" }), channels: names("their names") }),
    "emit.complete": fields({
      channels_emitted: names("those that emitted"),
      all_emitted: flag({ about: "whether every one did" }),
      results: json({ about: "what became of each: { emitter, emitted, skipped, timed_out, error }" }),
    }),
    "emit.timeout": fields({
      emitter: emitterName,
      timeout_seconds: number({ about: "its limit" }),
      consecutive_timeouts: int({ about: "time-outs in a row" }),
    }),
    "emit.skipped_backpressure": fields({ emitter: emitterName, consecutive_timeouts: int({ about: "time-outs in a row" }) }),
    "emit.skipped_dep_failed": fields({ emitter: emitterName, deps: names("required emitters that did not emit") }),
    "emit.cycle_detected": fields({
      ordered_count: int({ about: "emitters outside of the circle" }),
      total: int({ about: "emitters in the chain" }),
      emitters: names("all, as declared: the order that is used"),
    }),
    "emit.unknown_dependency": fields({ emitter: emitterName, dependency: text({ about: "the name that is not in the chain" }) }),
  },

  bypass: (_state, { chosen }) => (chosen.emitters.length ? undefined : "no emitters"),

  async run(state, { slots, chosen, services, emit, call }) {
    const links = slots.emitters.map((emitter, i) => ({ name: chosen.emitters[i] ?? `emitter_${i}`, emitter }));
    const channels = links.map((link) => link.name);
    emit("emit.start", { emitter_count: links.length, channels });
    const { outcomes, timeouts, emotion } = await runChain(links, state.emitTimeouts, state, call, services.clock);
    const emitted = outcomes.filter((o) => o.emitted).map((o) => o.emitter);
    emit("emit.complete", { channels_emitted: emitted, all_emitted: emitted.length === links.length, results: outcomes });
    const slow = Object.keys({ ...state.emitTimeouts, ...timeouts }).length > 0;
    return { ...(slow ? { emitTimeouts: timeouts } : {}), ...(emotion ? { lastEmotion: emotion } : {}) };
  },
});
