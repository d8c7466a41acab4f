/** A strategy made from a recorded vector, outside of any pipeline. */
import { type Call, check, type Strategy } from "geny-executor";
import { testServices } from "../../src/testing/run-stage.ts";
import type { Vector } from "./types.ts";

const signal = new AbortController().signal;
/** A door that runs effects and drops events. */
export const call: Call = { signal, emit: () => {}, step: (_name, effect) => effect(signal) };

/** The strategy's function, or the problems of its config. */
export const made = <S extends Record<string, Strategy>>(
  strategies: S,
  { strategy, config, constructor_ }: Pick<Vector, "strategy" | "config" | "constructor_">,
  services = testServices(),
): { fn: ReturnType<S[keyof S]["create"]>; config: Record<string, unknown> } | { refused: readonly string[] } => {
  const found = strategies[strategy];
  if (!found) throw new Error(`No strategy is named "${strategy}".`);
  const { value, problems } = check(found.config, config ?? constructor_ ?? {});
  if (problems.length) return { refused: problems.map((p) => `${p.path.join(".")} ${p.message}`) };
  return { fn: found.create(value, services) as ReturnType<S[keyof S]["create"]>, config: value as Record<string, unknown> };
};
