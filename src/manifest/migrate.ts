/** Older versions of the document → the current one. What is given stays as it is. */
import type { Finding, FindingCode } from "../contract/findings.ts";
import type { ManifestDocument, StageEntry } from "../contract/manifest.ts";
import { named, orderOf } from "./names.ts";
import { entryOf, VERSION } from "./whole.ts";

/** Version 2 had 16 stages; these came with version 3. */
const ADDED = ["tool_review", "task_registry", "hitl", "summarize", "persist"];

interface Migrated {
  readonly document: ManifestDocument;
  /** What was done, each a warning. Paths are those of the given document. */
  readonly steps: readonly Finding[];
  /** Of each entry its place in the given list; -1: it was added. */
  readonly from: readonly number[];
}

/**
 * From version "1.0" or "2.0" to "3.0": every entry whole, the stages that came with 3.0 added as inactive, each entry at the place of the stage
 * that it names, in order. In every version the provider "mock" of stage 6, which old blank files have, becomes "anthropic". An unknown version
 * is kept, and taken for the last.
 */
export const migrate = (given: ManifestDocument): Migrated => {
  const steps: Finding[] = [];
  const step = (code: FindingCode, path: string, message: string) => void steps.push({ severity: "warning", code, path, message });
  const stages = given.stages.map((entry, i) => withoutMock(entry, `stages[${i}]`, step));
  if (given.version !== "1.0" && given.version !== "2.0") return { document: { ...given, stages }, steps, from: stages.map((_, i) => i) };
  step("version.migrated", "version", `"${given.version}" is read as "${VERSION}"`);
  const whole = given.version === "1.0" ? stages.map(entryOf) : stages;
  const placed = whole.map((entry, i) => {
    const { name } = named(entry);
    const order = orderOf(name);
    if (order === undefined || order === entry.order) return entry;
    step("stage.renumbered", `stages[${i}].order`, `the stage "${name}" stands at ${order}; its settings go with its name`);
    return { ...entry, order };
  });
  const missing = ADDED.filter((name) => !placed.some((entry) => named(entry).name === name || entry.order === orderOf(name)));
  if (missing.length) step("stage.added", "stages", `the stages ${missing.join(", ")} are added as inactive`);
  const added = missing.map((name) => entryOf({ order: orderOf(name) ?? 0, name, active: false }));
  const sorted = [...placed, ...added]
    .map((entry, i) => ({ entry, from: i < placed.length ? i : -1 }))
    .sort((a, b) => a.entry.order - b.entry.order);
  const document = { ...given, version: VERSION, stages: sorted.map(({ entry }) => entry) };
  return { document, steps, from: sorted.map(({ from }) => from) };
};

const withoutMock = (entry: StageEntry, path: string, step: (code: FindingCode, path: string, message: string) => void): StageEntry => {
  if (named(entry).name !== "api" || entry.strategies?.provider !== "mock") return entry;
  step("provider.legacy_mock", `${path}.strategies.provider`, '"mock" never answered: the provider is "anthropic"');
  const { provider: _, ...strategies } = entry.strategies;
  return { ...entry, strategies, config: { ...entry.config, provider: entry.config?.provider ?? "anthropic" } };
};
