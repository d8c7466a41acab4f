/** Where a turn's text goes. What receives it is the host's: `host.emitters`. */
import { fields, list, number, text } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { type Emotion, emotionOf } from "./emotion.ts";

/** `emitted`: there was something to hand on, and it was. */
export type EmitResult = { readonly emitted: boolean; readonly emotion?: Emotion };

export interface Emitter {
  /** Emitters that must have emitted before this one may. */
  readonly requires: readonly string[];
  /** Null: no limit. */
  readonly timeoutSeconds: number | null;
  /** A throw counts as not emitted. The signal aborts when the time is over. */
  emit(state: State, call: Call): Promise<EmitResult>;
}

export const ORDERING = fields({
  requires: list(text({ about: "an emitter" }), { default: [], about: "emitters of this chain that must have emitted first" }),
  timeout_seconds: number({ min: 0.001, default: null, about: "seconds after which it is given up; null for no limit" }),
});

const emitter = defineStrategy<Emitter>();

export const emitters = {
  text: emitter({
    about: "Hands the text to `host.emitters.text`; nothing is emitted when there is no text.",
    config: ORDERING,
    create: ({ requires, timeout_seconds }, { host }) => ({
      requires,
      timeoutSeconds: timeout_seconds,
      emit: async ({ finalText }) => {
        if (finalText) await host.emitters?.text?.(finalText);
        return { emitted: finalText !== "" };
      },
    }),
  }),
  callback: emitter({
    about: "Hands the whole state to `host.emitters.callback`; nothing is emitted without one.",
    config: ORDERING,
    create: ({ requires, timeout_seconds }, { host }) => ({
      requires,
      timeoutSeconds: timeout_seconds,
      emit: async (state) => {
        await host.emitters?.callback?.(state);
        return { emitted: host.emitters?.callback !== undefined };
      },
    }),
  }),
  vtuber: emitter({
    about: "Finds the mood of the text, keeps it as the last emotion and hands both to `host.emitters.vtuber`.",
    config: ORDERING,
    create: ({ requires, timeout_seconds }, { host }) => ({
      requires,
      timeoutSeconds: timeout_seconds,
      emit: async ({ finalText }) => {
        const emotion = emotionOf(finalText);
        await host.emitters?.vtuber?.(finalText, emotion);
        return { emitted: true, emotion };
      },
    }),
  }),
  tts: emitter({
    about: "Hands the text to `host.emitters.tts`, to be spoken; nothing is emitted when there is no text.",
    config: ORDERING,
    create: ({ requires, timeout_seconds }, { host }) => ({
      requires,
      timeoutSeconds: timeout_seconds,
      emit: async ({ finalText }) => {
        if (finalText) await host.emitters?.tts?.(finalText);
        return { emitted: finalText !== "" };
      },
    }),
  }),
};
