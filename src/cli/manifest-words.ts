/** Edits of a manifest as words of the command line. */
import type { Json, JsonObject, ManifestDocument, StageEntry } from "../index.ts";
import { type DocumentMutation, introspectStage, mutate, stageNamed } from "../manifest/index.ts";
import type { Words } from "./manifest.ts";
import { isObject, Usage } from "./manifest-files.ts";

export const FLAGS = `--use STAGE.SLOT=STRATEGY, --chain STAGE.CHAIN=A,B, --on STAGE, --off STAGE,
                   --set model.KEY=VALUE, pipeline.KEY=VALUE, metadata.KEY=TEXT, tools.KEY=VALUE,
                   STAGE.KEY=VALUE, STAGE.SLOT.KEY=VALUE or STAGE.CHAIN.ITEM.KEY=VALUE;
                   each as often as needed, in the order in which they are to be done`;

type Edit = (document: ManifestDocument) => ManifestDocument;

/**
 * The edits among the words, in their order. Throws `Usage` for words that do not fit; the edits throw `MutationError` for a stage, slot, chain or
 * item that does not exist.
 */
export const editsOf = (words: Words): readonly Edit[] =>
  words.flatMap(({ option, value }) => (Object.hasOwn(EDITS, option) ? (EDITS[option]?.(value) ?? []) : []));

const EDITS: { readonly [option: string]: (value: string) => Edit } = {
  on: (stage) => by({ kind: "set_stage_active", stage, active: true }),
  off: (stage) => by({ kind: "set_stage_active", stage, active: false }),
  use: (words) => {
    const { path, value } = split(words, [2], "STAGE.SLOT=STRATEGY");
    const [stage = "", slot = ""] = path;
    return by({ kind: "swap_strategy", stage, slot, to: value });
  },
  chain: (words) => {
    const { path, value } = split(words, [2], "STAGE.CHAIN=A,B");
    const [stage = "", chain = ""] = path;
    return chained(stage, chain, value.split(",").filter(Boolean));
  },
  set: (words) => {
    const { path, value } = split(words, [2, 3, 4], "BLOCK.KEY=VALUE, STAGE.KEY=VALUE, STAGE.SLOT.KEY=VALUE or STAGE.CHAIN.ITEM.KEY=VALUE");
    const [first = "", second = "", third, fourth] = path;
    if (BLOCKS.includes(first) && third !== undefined)
      throw new Usage(`"${words}" names a key within a key: give ${first}.${second} whole.`);
    if (first === "metadata") return described(second, value);
    if (first === "tools") return equipped(second, value);
    if (third !== undefined && fourth !== undefined) return configured(first, second, third, { [fourth]: jsonOr(value) });
    const changes = { [third ?? second]: jsonOr(value) };
    if (third !== undefined) return by({ kind: "update_strategy_config", stage: first, slot: second, changes });
    if (first === "model") return by({ kind: "update_model_config", changes });
    if (first === "pipeline") return by({ kind: "update_pipeline_config", changes });
    return by({ kind: "update_stage_config", stage: first, changes });
  },
};
const BLOCKS: readonly string[] = ["model", "pipeline", "metadata", "tools"];

const by =
  (...mutations: readonly DocumentMutation[]): Edit =>
  (document) =>
    mutations.reduce((before, mutation) => mutate(before, mutation).document, document);

const split = (words: string, parts: readonly number[], form: string): { readonly path: readonly string[]; readonly value: string } => {
  const at = words.indexOf("=");
  const path = words.slice(0, Math.max(0, at)).split(".");
  if (at < 1 || !parts.includes(path.length) || path.includes("")) throw new Usage(`"${words}" is not ${form}.`);
  return { path, value: words.slice(at + 1) };
};

/** The items of a chain: those of the entry, else the default. None for a chain that does not exist. */
const itemsOf = (document: ManifestDocument, stage: string, chain: string): readonly string[] => {
  const { strategy_chains } = introspectStage(stage);
  const known = Object.hasOwn(strategy_chains, chain) ? strategy_chains[chain] : undefined;
  return known ? (entryOf(document, stage)?.chain_order?.[chain] ?? known.current_impls) : [];
};
const entryOf = ({ stages }: ManifestDocument, stage: string): StageEntry | undefined => {
  const { name } = introspectStage(stage);
  return stages.find((entry) => stageNamed(entry.name) === name);
};

/** The chain as named. Items that stay keep their config. */
const chained =
  (stage: string, chain: string, items: readonly string[]): Edit =>
  (document) => {
    const now = itemsOf(document, stage, chain);
    return by(
      ...minus(now, items).map((item): DocumentMutation => ({ kind: "remove_from_chain", stage, chain, item })),
      ...minus(items, now).map((item): DocumentMutation => ({ kind: "add_to_chain", stage, chain, item })),
      { kind: "reorder_chain", stage, chain, order: items },
    )(document);
  };
/** What is in the first list and not in the second, as often as it is more often there. */
const minus = (some: readonly string[], others: readonly string[]): readonly string[] => {
  const left = [...others];
  return some.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
};

/** The config of an item that stands in a chain. */
const configured =
  (stage: string, chain: string, item: string, changes: JsonObject): Edit =>
  (document) => {
    const order = itemsOf(document, stage, chain);
    const before = entryOf(document, stage)?.strategy_configs?.[chain]?.[item];
    return by(
      { kind: "remove_from_chain", stage, chain, item },
      { kind: "add_to_chain", stage, chain, item, config: { ...(isObject(before) ? before : {}), ...changes } },
      { kind: "reorder_chain", stage, chain, order },
    )(document);
  };

const METADATA: readonly string[] = ["name", "description", "author", "tags"];
const described = (key: string, value: string): Edit => {
  if (!METADATA.includes(key)) throw new Usage(`Of metadata there can be set ${METADATA.join(", ")}, not "${key}".`);
  return (document) => ({ ...document, metadata: { ...document.metadata, [key]: key === "tags" ? listOr(value) : value } });
};
const equipped =
  (key: string, value: string): Edit =>
  (document) => ({ ...document, tools: { ...document.tools, [key]: NAMES.includes(key) ? listOr(value) : jsonOr(value) } });
const NAMES: readonly string[] = ["built_in", "external"];

/** JSON where it is JSON, else the words themselves. */
const jsonOr = (words: string): Json => {
  try {
    return JSON.parse(words);
  } catch {
    return words;
  }
};
/** A list as JSON, or as `A,B`. */
const listOr = (words: string): Json => {
  const value = jsonOr(words);
  return Array.isArray(value) ? value : words.split(",").filter(Boolean);
};
