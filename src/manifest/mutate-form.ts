/** Whether a change has the form of its kind: what every change goes through, and what is said of one that is wrong. */
import { ConfigError, type Finding, MutationError } from "../contract/errors.ts";
import { finding, lineOf } from "../contract/findings.ts";
import { nearest } from "../contract/nearest.ts";
import { check, type Field, type Fields, own, type Problem } from "../contract/schema.ts";
import { below, copyOf } from "./copy.ts";
import { isObject } from "./json.ts";
import type { MutationKind } from "./mutation.ts";

/** `exec.mutation.invalid` with every finding. */
export const refusal = (what: string, findings: readonly Finding[], details: { readonly [key: string]: unknown } = {}): MutationError => {
  const lines = findings.map((f) => `  ${lineOf(f)}`);
  return new MutationError(`${what}:\n${lines.join("\n")}`, { findings, details });
};
/** The same of a change whose form is wrong. */
export const misformed = (kind: MutationKind, findings: readonly Finding[]): MutationError =>
  refusal(`The change ${kind} is of the wrong form`, findings);

/** What is wrong with a change, or with what stands in it at `path`. */
export const told = (problems: readonly Problem[], path = ""): Finding[] =>
  problems.map(({ kind, path: within, message, suggestion }) =>
    finding(kind === "unknown" ? "mutation.unknown" : "form.invalid", within.reduce(below, path), message, suggestion),
  );
/** Findings of what stands in a change under a key. */
export const under = (key: string, findings: readonly Finding[]): Finding[] =>
  findings.map((found) => ({ ...found, path: found.path.startsWith("[") || !found.path ? `${key}${found.path}` : `${key}.${found.path}` }));

/**
 * A copy of the change, with what it leaves out filled in. Throws `exec.mutation.invalid` with every finding for a kind that the table has not, and
 * for whatever is of another form than the table says.
 */
export const formed = <M extends { readonly kind: MutationKind }>(given: M, forms: { readonly [kind: string]: Fields }): M => {
  const kinds = Object.keys(forms);
  if (!isObject(given)) throw new MutationError(`A change is an object with its kind: one of ${kinds.join(", ")}.`);
  const { kind, ...parts } = given;
  const form = typeof kind === "string" ? own(forms, kind) : undefined;
  if (!form) {
    const near = typeof kind === "string" ? nearest(kind, kinds) : undefined;
    throw refusal("There is no such change", [finding("mutation.unknown", "kind", `must be one of ${kinds.join(", ")}`, near)]);
  }
  const { value, problems } = check(form, copied(kind, form, parts));
  if (problems.length) throw misformed(kind, told(problems));
  return { ...given, ...value };
};

/** The parts that are said, data by value. Throws for data that is not JSON. */
const copied = (kind: MutationKind, { shape }: Fields<{ [key: string]: Field }>, parts: object): { [key: string]: unknown } => {
  const findings: Finding[] = [];
  const copy = (key: string, value: unknown): unknown => {
    try {
      return Object.hasOwn(shape, key) && shape[key]?.kind !== "custom" ? copyOf(value) : value;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      findings.push(...under(key, error.findings));
      return undefined;
    }
  };
  const said = Object.entries(parts).filter(([, value]) => value !== undefined);
  const copies = Object.fromEntries(said.map(([key, value]) => [key, copy(key, value)]));
  if (findings.length) throw misformed(kind, findings);
  return copies;
};
