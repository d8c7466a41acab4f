/** Functions that a host has called when a stage is entered, is left, or fails. A stage with hooks is another stage around it. */
import type { Logger } from "./contract/services.ts";
import { Broken, type Stage, type StageContext } from "./contract/stage.ts";
import type { State } from "./contract/state.ts";

export const HOOK_EVENTS = ["on_enter", "on_exit", "on_error"] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

export interface HookCall {
  readonly stage: string;
  readonly state: State;
  /** What the stage changes; only for `on_exit`. */
  readonly patch?: Partial<State>;
  /** Only for `on_error`. */
  readonly error?: unknown;
  readonly signal: AbortSignal;
}
/**
 * Is waited for. `on_enter` before the stage runs and `on_exit` after it, when it did not fail: what either throws is the stage's failure. `on_error`
 * when it failed, before it may mend the failure: what it throws is logged. Not called for refreshes, nor for a run that is cancelled.
 */
export type HookFunction = (call: HookCall) => unknown;
export interface Hook {
  readonly id: string;
  /** Where the stage stands: the manifest's name of the place, else the stage's own. */
  readonly place: string;
  readonly event: HookEvent;
  readonly call: HookFunction;
}

/** The stage, with its hooks called around it; itself when there are none. */
export const hooked = (stage: Stage, hooks: readonly Hook[], log: Logger): Stage => {
  const of = (event: HookEvent) => hooks.filter((hook) => hook.event === event);
  const [entering, leaving, failing] = [of("on_enter"), of("on_exit"), of("on_error")];
  if (hooks.length === 0) return stage;
  return {
    ...stage,
    async run(state: State, ctx: StageContext) {
      const call = { stage: stage.name, state, signal: ctx.signal };
      for (const hook of entering) await hook.call(call);
      const patch = await stage.run(state, ctx);
      try {
        for (const hook of leaving) await hook.call({ ...call, patch });
      } catch (error) {
        throw new Broken(error, patch);
      }
      return patch;
    },
    async recover(error, state: State, ctx: StageContext) {
      for (const hook of failing)
        try {
          await hook.call({ stage: stage.name, state, error, signal: ctx.signal });
        } catch (second) {
          log.warn(`A hook of the stage "${stage.name}" failed while a failure was told to it.`, second);
        }
      return stage.recover?.(error, state, ctx);
    },
  };
};
