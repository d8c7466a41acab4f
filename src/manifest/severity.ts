/** Which findings keep a manifest from loading, or a change from being made. An entry that is not active never does. */
import { FINDINGS, type Finding } from "../contract/findings.ts";
import type { Json } from "../contract/schema.ts";
import { isObject } from "./json.ts";

const ENTRY = /^stages\[(\d+)\]/;

/** The findings, those about inactive entries as warnings where their code allows it. Paths are those of `stages`. */
export const softened = (findings: readonly Finding[], stages: Json | readonly unknown[] | undefined): Finding[] =>
  findings.map((found) => {
    const entry = Array.isArray(stages) ? stages[Number(ENTRY.exec(found.path)?.[1])] : undefined;
    const inactive = isObject(entry) && entry.active === false;
    return inactive && FINDINGS[found.code].severity === "active" ? { ...found, severity: "warning" } : found;
  });

/** Errors of the one that the other has not. */
export const newErrors = (now: readonly Finding[], before: readonly Finding[]): readonly Finding[] => {
  const keyOf = ({ code, path, message }: Finding): string => JSON.stringify([code, path, message]);
  const known = new Set(before.map(keyOf));
  return now.filter((found) => found.severity === "error" && !known.has(keyOf(found)));
};
