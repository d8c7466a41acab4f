/** The types of how a person writes a stage in TypeScript; `manifest/author.ts` makes the wire's entry of it. */
import type { Flat, Input } from "./schema.ts";
import type { Many, Name, One } from "./strategy.ts";

type ConfigOf<T> = T extends { config: infer C } ? Input<C> : never;
type Choice<S> = { [K in Name<S>]: K | Flat<{ use: K } & ConfigOf<S[K]>> }[Name<S>];
type SlotChoice<T> = T extends One<any, infer S> ? Choice<S> : T extends Many<any, infer S> ? readonly Choice<S>[] : never;
export type Camel<S> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;
export type Definition = { slots: any; config: any; name: string };
/** Reads `T["slots"]`: inferring the slots from `Stage<…>` would give those from before `extend`. */
export type StageOptions<T extends Definition> = Flat<
  { [K in keyof T["slots"]]?: SlotChoice<T["slots"][K]> } & { [K in keyof Input<T["config"]> as Camel<K & string>]?: Input<T["config"]>[K] }
>;
