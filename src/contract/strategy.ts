/** A strategy is a function made from a typed config; a slot is where the manifest chooses one of them, or several in order. */
import type { Host } from "./host.ts";
import type { Fields, JsonObject, Output } from "./schema.ts";
import type { Services } from "./services.ts";

/** The door of a strategy: the last parameter of every slot's function. */
export interface Call {
  /** Aborts when the run is cancelled. Hand it to every wait. */
  readonly signal: AbortSignal;
  /** The only channel out. The type must be one that the stage declares. */
  emit(type: string, data: JsonObject): void;
  /** The only door to the outside world (model, tool, file, wait). See `Step`. */
  readonly step: Step;
}
/**
 * Runs one effect under a name. A direct host runs it; a journaling host records its result, which must be JSON, and does not repeat it on
 * replay. Effects must obey the signal.
 */
export type Step = <T>(name: string, effect: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** What comes after a value that may have to be waited for: at once when it is there, so that a stage that need not wait costs no promise. */
export const after = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value);

export interface Strategy<Fn = any, C extends Fields = any> {
  readonly about: string;
  readonly config: C;
  /** A part of the host that it cannot work without. While that is missing the slot's default acts, with the finding `strategy.needs_host`. */
  readonly needs?: keyof Host;
  create(config: Output<C>, services: Services): Fn;
}
/** Curried: the slot's contract first, so that nothing inside needs an annotation. `defineStrategy<Load>()({ about, config, create })` */
export const defineStrategy =
  <Fn>() =>
  <C extends Fields>(strategy: {
    about: string;
    config: C;
    needs?: keyof Host;
    create(config: Output<C>, services: Services): Fn;
  }): Strategy<Fn, C> =>
    strategy;

export type Strategies = Record<string, Strategy>;
export type Name<S> = Extract<keyof S, string>;
type FnOf<S> = S[keyof S] extends Strategy<infer Fn, any> ? Fn : never;
export interface One<Fn = any, S = any> {
  readonly kind: "one";
  readonly about: string;
  /** What the stage does by the strategy, for sentences about it: `loads by`. */
  readonly verb?: string | undefined;
  readonly default: string;
  readonly strategies: S;
  readonly "~fn"?: Fn;
}
export interface Many<Fn = any, S = any> {
  readonly kind: "many";
  readonly about: string;
  readonly default: readonly string[];
  readonly strategies: S;
  readonly "~fn"?: Fn;
}
/** A slot that holds one strategy. */
export const one = <S extends Strategies>(slot: {
  about: string;
  verb?: string;
  default: NoInfer<Name<S>>;
  strategies: S;
}): One<FnOf<S>, S> => ({ kind: "one", ...slot });
/** A chain: several strategies in the order of the manifest's `chain_order`. */
export const many = <S extends Strategies>(slot: {
  about: string;
  default: readonly NoInfer<Name<S>>[];
  strategies: S;
}): Many<FnOf<S>, S> => ({ kind: "many", ...slot });
export type Slots = Record<string, One | Many>;
/** `any` stays `any`: the engine goes through stages without knowing their slots. */
type Erased<S, T> = 0 extends 1 & S ? Readonly<Record<string, any>> : T;
export type SlotValues<S> = Erased<
  S,
  { readonly [K in keyof S]: S[K] extends One<infer F, any> ? F : S[K] extends Many<infer F, any> ? readonly F[] : never }
>;
export type Chosen<S> = Erased<
  S,
  { readonly [K in keyof S]: S[K] extends One<any, infer X> ? Name<X> : S[K] extends Many<any, infer X> ? readonly Name<X>[] : never }
>;

type FnAt<T> = T extends { "~fn"?: infer F } ? F : never;
type Made<X, Fn> = { [P in keyof X]: X[P] extends Fields ? Strategy<Fn, X[P]> : never };
/** Adds a host's own strategies to one slot; inline `create` is typed from its own config and from the slot's contract. */
export const extend = <T extends { slots: Slots }, K extends Extract<keyof T["slots"], string>, X extends Record<string, Fields>>(
  stage: T,
  slot: K,
  strategies: {
    [P in keyof X]: {
      about: string;
      config: X[P];
      create(config: Output<X[P]>, services: Services): FnAt<T["slots"][K]>;
    };
  },
): Omit<T, "slots"> & {
  slots: {
    [P in keyof T["slots"]]: P extends K
      ? T["slots"][P] extends One<infer F, infer S>
        ? One<F, S & Made<X, F>>
        : T["slots"][P] extends Many<infer F, infer S>
          ? Many<F, S & Made<X, F>>
          : never
      : T["slots"][P];
  };
} => {
  const { [slot]: into } = stage.slots as Slots;
  return { ...stage, slots: { ...stage.slots, [slot]: { ...into, strategies: { ...into?.strategies, ...strategies } } } } as never;
};
