/** What differs between two manifests, for people: one sentence for each thing that a pipeline would do otherwise. */
import type { ManifestDocument } from "../contract/manifest.ts";
import type { Fields, Json, JsonObject } from "../contract/schema.ts";
import type { Layout } from "../engine/plan.ts";
import { PIPELINE } from "../stages/index.ts";
import { EnvironmentDiff, same } from "./diff.ts";
import { EnvironmentManifest } from "./document.ts";
import { isObject, objectOf } from "./json.ts";
import { named } from "./names.ts";
import { changed, valueChanges } from "./sentences.ts";
import { MODEL, PIPELINE_SETTINGS } from "./settings.ts";
import { stageChanges } from "./stage-changes.ts";

export interface Change {
  readonly kind: "metadata" | "model" | "pipeline" | "stage" | "strategy" | "chain" | "config" | "tools" | "other";
  /** Null for what is about the whole pipeline. */
  readonly stage: { readonly order: number; readonly name: string } | null;
  /** Where it stands; stages by name: `stages[guard].chain_order.guards`. */
  readonly path: string;
  /** What acted before and what acts now, defaults filled in, secrets taken out; null where there is nothing. */
  readonly before: Json;
  readonly after: Json;
  /** `stage 17 emit is switched off` */
  readonly text: string;
}

type Given = EnvironmentManifest | ManifestDocument;

/**
 * The changes from `a` to `b`, in the order of the pipeline. What is left out counts as its default, so that a short manifest and a whole one
 * that do the same have no changes. `layout`: the stages with their definitions, where a host has its own. Never shows a secret.
 */
export const describeChanges = (a: Given, b: Given, layout: Layout = PIPELINE): readonly Change[] => {
  const [before, after] = [documentOf(a), documentOf(b)];
  return [
    ...metadataChanges(objectOf(before.metadata), objectOf(after.metadata)),
    ...settingChanges("model", MODEL, objectOf(before.model), objectOf(after.model)),
    ...settingChanges("pipeline", PIPELINE_SETTINGS, objectOf(before.pipeline), objectOf(after.pipeline)),
    ...stageChanges(before.stages, after.stages, layout),
    ...toolChanges(objectOf(before.tools), objectOf(after.tools)),
    ...namedChanges("subagents", "the sub-agent", "agent_type", before.subagents, after.subagents),
    ...otherChanges(before, after),
  ];
};

const documentOf = (given: Given): ManifestDocument => {
  const document = given instanceof EnvironmentManifest ? given.toJSON() : given;
  return { ...document, stages: document.stages.map(named) };
};

const METADATA = ["name", "description", "author", "tags", "base_preset"] as const;
const metadataChanges = (a: JsonObject, b: JsonObject): Change[] =>
  METADATA.flatMap((key) => {
    const about = { kind: "metadata", stage: null, path: `metadata.${key}` } as const;
    const valueIn = (metadata: JsonObject): Json => {
      const { [key]: value = null } = metadata;
      return value === "" || (Array.isArray(value) && value.length === 0) ? null : value;
    };
    return changed(about, `the ${key.replace("_", " ")}`, valueIn(a), valueIn(b));
  });

const settingChanges = (block: "model" | "pipeline", fields: Fields, a: JsonObject, b: JsonObject): Change[] =>
  valueChanges(fields, a, b, (key, what) => ({
    about: { kind: block, stage: null, path: `${block}.${key}` },
    subject: block === "model" && key === "model" ? "the model" : what,
  }));

/** Lists in `tools`, and what one of each is called. */
const TOOLS = { built_in: "the tool", external: "the host's tool", adhoc: "the ad-hoc tool", mcp_servers: "the MCP server" } as const;
const toolChanges = (a: JsonObject, b: JsonObject): Change[] =>
  Object.entries(TOOLS).flatMap(([list, word]) => namedChanges(`tools.${list}`, word, "name", a[list], b[list]));

/** A list of names, or of objects that have one, which come and go. */
const namedChanges = (path: string, word: string, key: string, a: unknown, b: unknown): Change[] => {
  const [before, after] = [byName(a, key), byName(b, key)];
  if (!before || !after) return changed({ kind: "tools", stage: null, path }, path, (a ?? null) as Json, (b ?? null) as Json);
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name): Change[] => {
    const [old, now] = [before.get(name), after.get(name)];
    const about = { kind: "tools", stage: null, path: `${path}[${name}]` } as const;
    if (old === undefined || now === undefined) {
      const text = `${word} ${name} is ${old === undefined ? "added" : "removed"}`;
      return [{ ...about, before: old === undefined ? null : name, after: now === undefined ? null : name, text }];
    }
    if (!isObject(old) || !isObject(now))
      return same(old, now) ? [] : [{ ...about, before: name, after: name, text: `${word} ${name} is asked for otherwise` }];
    return EnvironmentDiff.compute(old, now).entries.flatMap((entry) =>
      changed({ ...about, path: `${about.path}.${entry.path}` }, `${word} ${name}: ${entry.path}`, entry.oldValue, entry.newValue),
    );
  });
};
/** Undefined when it is no such list, or a name stands twice. */
const byName = (list: unknown, key: string): ReadonlyMap<string, Json> | undefined => {
  const items = (list ?? []) as readonly Json[];
  if (!Array.isArray(items)) return undefined;
  const names = items.map((item: Json) => (isObject(item) ? item[key] : item));
  if (!names.every((name) => typeof name === "string") || new Set(names).size !== names.length) return undefined;
  return new Map(names.map((name, i) => [name, items[i] ?? null]));
};

const TOLD: readonly string[] = ["version", "$schema", "metadata", "model", "pipeline", "stages", "subagents"];
const ALL = ["*"];
const SELECTIONS: JsonObject = { hooks: ALL, skills: ALL, permissions: ALL };
/** What no sentence of its own is about, path by path. */
const otherChanges = (a: ManifestDocument, b: ManifestDocument): Change[] => {
  const rest = (document: ManifestDocument): JsonObject => {
    const tools = Object.entries(objectOf(document.tools)).filter(([key, value]) => !Object.hasOwn(TOOLS, key) && !empty(value));
    const others = Object.entries(document).filter(([key, value]) => !TOLD.includes(key) && !empty(value as Json));
    const host_selections = { ...SELECTIONS, ...objectOf(document.host_selections) };
    return { ...(Object.fromEntries(others) as JsonObject), tools: Object.fromEntries(tools), host_selections };
  };
  return EnvironmentDiff.compute(rest(a), rest(b)).entries.flatMap(({ path, oldValue, newValue }) =>
    changed({ kind: "other", stage: null, path }, path, oldValue, newValue),
  );
};
const empty = (value: Json | undefined): boolean =>
  value === undefined || value === null || (isObject(value) && !Object.keys(value).length);
