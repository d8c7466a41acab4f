/** An entry that is not active never keeps a manifest from loading. */
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
