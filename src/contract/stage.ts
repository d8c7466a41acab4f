/** A stage: what it reads, what it writes, which functions may be swapped in it, and one function that makes the patch. */

import type { ModelSettings, ToolBinding } from "./manifest.ts";
import type { Fields, Input, Output } from "./schema.ts";
import type { Services } from "./services.ts";
import type { State, StateKey } from "./state.ts";
import type { Call, Chosen, Slots, SlotValues } from "./strategy.ts";

type Awaitable<T> = T | Promise<T>;
export type Category = "ingress" | "pre_flight" | "execution" | "review" | "orchestration" | "decision" | "gate" | "egress" | "finalize";

export type EventDefs = Record<string, Fields>;
export interface StageContext<S = any, E = any, C = any> extends Omit<Call, "emit"> {
  readonly config: Output<C>;
  readonly slots: SlotValues<S>;
  /** The names behind `slots`. */
  readonly chosen: Chosen<S>;
  readonly services: Services;
  /** The entry's `model_override`: settings that win over the state's, for this stage only. */
  readonly modelOverride: Partial<ModelSettings> | null;
  /** The entry's `tool_binding`: which tools this stage may run. */
  readonly toolBinding: ToolBinding | null;
  /** Gives the next message id of the run. */
  messageId(): string;
  emit<T extends Extract<keyof E, string>>(type: T, data: Input<E[T]>): void;
  /** The same door, for handing on to a slot's function. */
  readonly call: Call;
}

/** Rejects every key outside `W`, typos too; `Partial<Pick<…>>` as a return type rejects nothing. */
export type Exact<P, W extends StateKey> = { readonly [K in keyof P]: K extends W ? State[K] : never };
export type Patch<W extends StateKey> = { readonly [K in W]?: State[K] };
type Read<R extends StateKey> = Readonly<Pick<State, R>>;

/** Thrown by a stage that failed half way: the patch is kept, then `cause` is the failure. So neither words nor bills are lost. */
export class Broken<W extends StateKey = StateKey> {
  readonly cause: unknown;
  readonly patch: Patch<W>;
  constructor(cause: unknown, patch: Patch<W>) {
    this.cause = cause;
    this.patch = patch;
  }
}

interface StageParts<N extends string, R extends StateKey, W extends StateKey, C extends Fields, S extends Slots, E extends EventDefs> {
  readonly name: N;
  readonly about: string;
  readonly category: Category;
  readonly config: C;
  readonly reads: readonly R[];
  readonly writes: readonly W[];
  readonly slots: S;
  readonly events: E;
  /** A pipeline without it is refused. */
  readonly required?: boolean;
  readonly supportsModelOverride?: boolean;
  readonly supportsToolBinding?: boolean;
  /** Whether it runs, after the stage that failed, for a turn that broke. Default "skip". */
  readonly brokenTurn?: "run" | "skip";
  /** Whether the turn needs it, so that it works also where it is switched off. */
  needed?(state: Read<R>): boolean;
  /** The reason why there is nothing to do; undefined to run. */
  bypass?(state: Read<R>, ctx: Pick<StageContext<S, E, C>, "config" | "chosen">): string | undefined;
  /** A patch that mends the failure; undefined lets it pass on. */
  recover?(error: unknown, state: Read<R>, ctx: StageContext<S, E, C>): Awaitable<Patch<W> | undefined>;
}

export interface Stage<
  N extends string = string,
  R extends StateKey = any,
  W extends StateKey = any,
  C extends Fields = any,
  S extends Slots = any,
  E extends EventDefs = any,
> extends StageParts<N, R, W, C, S, E> {
  run(state: Read<R>, ctx: StageContext<S, E, C>): Awaitable<Patch<W>>;
  /** Setup stages: between two passes of the loop. */
  refresh?(state: Read<R>, ctx: StageContext<S, E, C>): Awaitable<Patch<W>>;
  /** Loop stages: at the start of a pass, before the first of them runs. For what must be set before the model is asked. */
  prepare?(state: Read<R>, ctx: StageContext<S, E, C>): Awaitable<Patch<W>>;
}
/** Checks reads, writes, patches and events at compile time. */
export const defineStage = <
  const N extends string,
  const R extends StateKey,
  const W extends StateKey,
  C extends Fields,
  S extends Slots,
  E extends EventDefs,
  P extends Exact<P, W>,
  Q extends Exact<Q, W> = {},
  O extends Exact<O, W> = {},
>(
  stage: StageParts<N, R, W, C, S, E> & {
    run(state: Read<R>, ctx: StageContext<S, E, C>): Awaitable<P>;
    refresh?(state: Read<R>, ctx: StageContext<S, E, C>): Awaitable<Q>;
    prepare?(state: Read<R>, ctx: StageContext<S, E, C>): Awaitable<O>;
  },
): Stage<N, R, W, C, S, E> => stage as never;
