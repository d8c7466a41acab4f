/** Compares one case of a model file after the rules that cover it have had their say. */
import type { Case } from "./cases.ts";
import type { ModelDifference } from "./differences.ts";
import { differ, type Mismatch, within } from "./match.ts";

/** Objects of ours may say more everywhere: names are a superset. */
const OPEN = { open: ["value"] };

export const compareCase = async (given: Case, rules: readonly ModelDifference[]) => {
  const covering = rules.filter((rule) => rule.covers(given));
  const used = new Set<ModelDifference>(covering.filter((rule) => rule.all));
  if (used.size) return { found: [], used: [...used] };
  let expected = given;
  for (const rule of covering) {
    const next = rule.rewrite?.(expected) ?? expected;
    if (JSON.stringify(next.expected) !== JSON.stringify(expected.expected)) used.add(rule);
    expected = next;
  }
  const found: Mismatch[] = differ(expected.expected, await given.got(), "value", OPEN).filter((mismatch) => {
    const excusing = covering.filter((rule) => rule.excuses?.some((at) => within(mismatch.path, at)));
    for (const rule of excusing) used.add(rule);
    return excusing.length === 0;
  });
  return { found, used: [...used] };
};
