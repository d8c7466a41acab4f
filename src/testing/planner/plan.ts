/** A plan is a generator: it yields the calls it wants made and is given their results. Run again from its start with the results so far, it goes on. */
import type { JsonObject } from "../../contract/schema.ts";

export interface Call {
  readonly name: string;
  readonly input: JsonObject;
}
export interface Result {
  readonly text: string;
  readonly is_error: boolean;
}
/** Yields calls that may be made at once. */
export type Plan<T> = Generator<readonly Call[], T, readonly Result[]>;

export interface Done {
  readonly ok: boolean;
  readonly text: string;
}

export function* callOne(name: string, input: JsonObject): Plan<Result> {
  const [result] = yield [{ name, input }];
  return result ?? { text: "no result came", is_error: true };
}

const key = ({ name, input }: Call): string => JSON.stringify([name, Object.entries(input).sort(([a], [b]) => (a < b ? -1 : 1))]);

/** Runs a plan against the results so far. Answers with the calls whose results are missing, or with what the plan returned. */
export function advance<T>(
  plan: Plan<T>,
  steps: readonly (Call & { readonly result: Result })[],
): { readonly calls: readonly Call[] } | { readonly value: T } {
  const known = new Map<string, Result[]>();
  for (const step of steps) known.set(key(step), [...(known.get(key(step)) ?? []), step.result]);
  let at = plan.next();
  while (!at.done) {
    const results = at.value.map((call) => known.get(key(call))?.shift());
    const missing = at.value.filter((_, i) => results[i] === undefined);
    if (missing.length) return { calls: missing };
    at = plan.next(results.filter((result) => result !== undefined));
  }
  return { value: at.value };
}

/** What a tool said went wrong, on one line. */
export function complaint(tool: string, { text }: Result): string {
  const message = /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text;
  const line = message
    .split("\n")
    .map((part) => part.trim())
    .filter(Boolean)
    .slice(0, 4)
    .join(" ");
  return `${tool} failed: ${line.length > 400 ? `${line.slice(0, 399)}…` : line || "it gave no reason"}`;
}

export const needs = (tool: string, what: string): Done => ({
  ok: false,
  text: `To ${what} I need the tool ${tool}, and this request does not offer it.`,
});
