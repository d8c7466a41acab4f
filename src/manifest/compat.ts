/** What of a manifest the Python program would refuse, or drop without a word. */
import { ConfigError } from "../contract/errors.ts";
import { type Finding, type FindingCode, finding } from "../contract/findings.ts";
import type { ManifestDocument, StageEntry } from "../contract/manifest.ts";
import { nearest } from "../contract/nearest.ts";
import { type Json, type JsonObject, own } from "../contract/schema.ts";
import { below } from "./copy.ts";
import { within } from "./drop.ts";
import { isObject } from "./json.ts";
import { named, orderOf } from "./names.ts";
import { RELEASES } from "./releases.ts";
import { readAny } from "./validate.ts";

/** Release 2.1.0, and 2.79.1 as the newest. */
export type Target = "python-2.1" | "python-2.79";

interface SlotNames {
  readonly default: string | readonly string[];
  /** Strategy → keys of its config; false: it takes none; null: they are not known. */
  readonly impls: { readonly [name: string]: readonly string[] | false | null };
  /** Strategies that it knows and cannot make. */
  readonly unmakable: readonly string[];
}
interface StageNames {
  readonly config: { readonly [key: string]: ValueForm };
  readonly slots: { readonly [slot: string]: SlotNames };
  readonly chains: { readonly [chain: string]: SlotNames };
}
interface ValueForm {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}
export interface Release {
  readonly blocks: {
    readonly top_level: readonly string[];
    readonly stage_entry: readonly string[];
    readonly tools: readonly string[];
    readonly host_selections: readonly string[];
    readonly metadata: readonly string[];
  };
  readonly tools: readonly string[];
  readonly stages: { readonly [name: string]: StageNames };
}

/**
 * What of a manifest that loads here would not be the same there: an error where that release refuses it, a warning where it drops the thing and
 * goes on. Paths are those of what was given. What it does not know of: whether a strategy there takes the value that its config has. Throws
 * `ConfigError` for what is no manifest at all, and for another target.
 */
export const manifestFindingsFor = (manifest: unknown, target: Target): readonly Finding[] => {
  if (!Object.hasOwn(RELEASES, target)) {
    const message = `no release is called "${target}" (known: ${Object.keys(RELEASES).join(", ")})`;
    throw new ConfigError([finding("option.invalid", "target", message, nearest(target, Object.keys(RELEASES)))]);
  }
  const read = readAny(manifest);
  const release = RELEASES[target];
  const entries = read.document.stages.map(named).flatMap((entry, i) => entryFindings(entry, `stages[${i}]`, release, target));
  const found = within(read.from, [...entries, ...blockFindings(read.document, release, target)]);
  const mocks = target === "python-2.1" ? read.steps.filter(({ code }) => code === "provider.legacy_mock") : [];
  return [...found, ...mocks.map(({ path }) => finding("provider.legacy_location", path, `is not its place: ${target} refuses it`))];
};

type Tell = (code: FindingCode, path: string, message: string, suggestion?: string) => void;
interface Telling {
  readonly found: Finding[];
  readonly target: Target;
  /** The release refuses the manifest, if the entry is active. */
  readonly refused: Tell;
  /** The release goes on without it, mostly without a word. */
  readonly dropped: Tell;
  /** A name that is not there: 2.1 drops it, and the default acts. */
  readonly strange: Tell;
}
const telling = (target: Target, active: boolean): Telling => {
  const found: Finding[] = [];
  const as =
    (severity: Finding["severity"], end: string): Tell =>
    (code, path, message, suggestion) =>
      void found.push({ ...finding(code, path, `${message}${end}`, suggestion), severity });
  const refused = as(active ? "error" : "warning", `: ${target} refuses it`);
  const dropped = as("warning", `: ${target} drops it`);
  return { found, target, refused, dropped, strange: target === "python-2.1" ? dropped : refused };
};

const entryFindings = (entry: StageEntry, path: string, release: Release, target: Target): Finding[] => {
  const tell = telling(target, entry.active !== false);
  const names = Object.keys(release.stages);
  const stage = own(release.stages, entry.name);
  if (!stage) tell.refused("stage.unknown_name", `${path}.name`, `no stage is named "${entry.name}"`, nearest(entry.name, names));
  if (entry.order !== orderOf(entry.name))
    tell.dropped("stage.order_mismatch", `${path}.order`, "settings belong to an order there, and these to another");
  for (const key of Object.keys(entry))
    if (!release.blocks.stage_entry.includes(key)) tell.dropped("stage.unknown_key", `${path}.${key}`, "is not a known key");
  if (!stage) return tell.found;
  if (Object.hasOwn(entry.strategies ?? {}, "provider") && !Object.hasOwn(stage.slots, "provider"))
    tell.refused("provider.legacy_location", `${path}.strategies.provider`, "the provider stands in stage 6's config");
  configFindings(entry.config ?? {}, stage, `${path}.config`, tell);
  slotFindings(entry, stage, path, tell);
  chainFindings(entry, stage, path, tell);
  return tell.found;
};

const configFindings = (config: JsonObject, { config: known }: StageNames, path: string, tell: Telling): void => {
  for (const [key, value] of Object.entries(config)) {
    const form = own(known, key);
    if (!form) tell.dropped("config.unknown_key", `${path}.${key}`, "is not a known key", nearest(key, Object.keys(known)));
    else {
      const wrong = unlike(value, form);
      if (wrong)
        tell.refused("config.invalid", `${path}.${key}`, wrong, typeof value === "string" ? nearest(value, form.enum ?? []) : undefined);
    }
  }
};
/** Null passes there. */
const unlike = (value: Json, { type, enum: words, minimum, maximum }: ValueForm): string | undefined => {
  if (value === null) return undefined;
  const kind = Array.isArray(value) ? "array" : typeof value;
  if (kind !== (type === "integer" ? "number" : type) || (type === "integer" && !Number.isInteger(value))) return `must be of type ${type}`;
  if (words && typeof value === "string" && !words.includes(value)) return `must be one of ${words.join(", ")}`;
  if (typeof value !== "number") return undefined;
  return value < (minimum ?? value) || value > (maximum ?? value) ? `must be from ${minimum ?? "…"} to ${maximum ?? "…"}` : undefined;
};

const slotFindings = (entry: StageEntry, stage: StageNames, path: string, tell: Telling): void => {
  const { strategies = {}, strategy_configs = {} } = entry;
  for (const [slot, name] of Object.entries(strategies)) {
    const at = `${path}.strategies.${slot}`;
    const known = own(stage.slots, slot);
    if (!known) {
      if (slot !== "provider")
        tell.strange("strategy.unknown_slot", at, `there is no slot "${slot}"`, nearest(slot, Object.keys(stage.slots)));
    } else if (!Object.hasOwn(known.impls, name)) {
      const names = Object.keys(known.impls);
      tell.strange("strategy.unknown_impl", at, `no strategy is named "${name}" (known: ${names.join(", ")})`, nearest(name, names));
    } else if (known.unmakable.includes(name)) tell.refused("stage.unbuildable", at, `"${name}" cannot be made from a manifest`);
  }
  for (const [slot, config] of Object.entries(strategy_configs)) {
    const at = `${path}.strategy_configs.${slot}`;
    const known = own(stage.slots, slot);
    const name = strategies[slot];
    if (Object.keys(config).length === 0) continue;
    if (Object.hasOwn(stage.chains, slot)) tell.dropped("strategy.config_unpaired", at, "items of a chain have no config");
    else if (!known) tell.strange("strategy.unknown_slot", at, `there is no slot "${slot}"`);
    else if (name === undefined) tell.dropped("strategy.config_unpaired", at, "a config counts only beside the strategy's name");
    else if (Object.hasOwn(known.impls, name)) ofStrategy(config, known.impls[name] ?? null, at, tell);
  }
};
const ofStrategy = (config: JsonObject, keys: readonly string[] | false | null, path: string, tell: Telling): void => {
  if (keys === null) return;
  if (!keys) tell.strange("strategy.config_dropped", path, "the strategy takes no config");
  for (const key of Object.keys(config))
    if (keys && !keys.includes(key))
      tell.dropped("strategy.config_unknown_key", `${path}.${key}`, "is not a known key", nearest(key, keys));
};

const chainFindings = ({ chain_order = {} }: StageEntry, stage: StageNames, path: string, tell: Telling): void => {
  for (const [chain, items] of Object.entries(chain_order)) {
    const at = `${path}.chain_order.${chain}`;
    const known = own(stage.chains, chain);
    if (!known) {
      tell.strange("chain.unknown", at, `there is no chain "${chain}"`, nearest(chain, Object.keys(stage.chains)));
      continue;
    }
    const names = Object.keys(known.impls);
    for (const [i, item] of items.entries())
      if (!names.includes(item)) tell.strange("chain.unknown_impl", below(at, i), `no item is named "${item}"`, nearest(item, names));
    if ([...items].sort().join() !== [...known.default].sort().join())
      tell.dropped("chain.order_unappliable", at, "only the order of the items that are there by default can be told");
  }
};

const blockFindings = (document: ManifestDocument, release: Release, target: Target): Finding[] => {
  const tell = telling(target, true);
  const { blocks } = release;
  const strangers = (given: unknown, known: readonly string[], path: string) => {
    for (const [key, value] of isObject(given) ? Object.entries(given) : [])
      if (!known.includes(key) && !(isObject(value) && Object.keys(value).length === 0))
        tell.dropped("manifest.unknown_key", path ? below(path, key) : key, "is not a known key", nearest(key, known));
  };
  const { $schema: _, ...rest } = document;
  strangers(rest, blocks.top_level, "");
  strangers(document.metadata, blocks.metadata, "metadata");
  strangers(document.tools, blocks.tools, "tools");
  strangers(document.host_selections, blocks.host_selections, "host_selections");
  const { built_in, external } = document.tools;
  const wanted: readonly Json[] = Array.isArray(built_in) ? built_in : [];
  for (const [i, name] of wanted.entries())
    if (!(wanted.length === 1 && name === "*") && !release.tools.includes(String(name)))
      tell.dropped(
        "tools.unknown_builtin",
        `tools.built_in[${i}]`,
        `there is no tool "${String(name)}"`,
        nearest(String(name), release.tools),
      );
  if (target === "python-2.1" && Array.isArray(external))
    for (const [i, tool] of external.entries())
      if (isObject(tool)) tell.dropped("form.invalid", `tools.external[${i}]`, "only names are understood");
  return tell.found;
};
