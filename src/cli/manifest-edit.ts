/** Edits of a manifest as words of the command line. */
import type { Json, JsonObject, ManifestDocument } from "../index.ts";
import { type DocumentMutation, mutate } from "../manifest/index.ts";
import { Usage, type Values } from "./manifest.ts";

export const FLAGS =
  "--use STAGE.SLOT=STRATEGY, --set model.KEY=VALUE, pipeline.KEY=VALUE, STAGE.KEY=VALUE or STAGE.SLOT.KEY=VALUE,\n                   --on STAGE, --off STAGE, --chain STAGE.CHAIN=A,B; each as often as needed";

/** Throws `Usage` for words that do not fit, and `MutationError` for a stage, slot or chain that there is none of. */
export const edited = (document: ManifestDocument, { on = [], off = [], use = [], chain = [], set = [] }: Values): ManifestDocument => {
  const mutations: readonly DocumentMutation[] = [
    ...on.map((stage): DocumentMutation => ({ kind: "set_stage_active", stage, active: true })),
    ...off.map((stage): DocumentMutation => ({ kind: "set_stage_active", stage, active: false })),
    ...use.map(used),
    ...chain.flatMap((words) => chained(document, words)),
    ...set.map(given),
  ];
  if (!mutations.length) throw new Usage("What is to be changed?");
  return mutations.reduce((before, mutation) => mutate(before, mutation).document, document);
};

const split = (words: string, parts: readonly number[], form: string): { readonly path: readonly string[]; readonly value: string } => {
  const at = words.indexOf("=");
  const path = words.slice(0, Math.max(0, at)).split(".");
  if (at < 1 || !parts.includes(path.length) || path.includes("")) throw new Usage(`"${words}" is not ${form}.`);
  return { path, value: words.slice(at + 1) };
};

const used = (words: string): DocumentMutation => {
  const { path, value } = split(words, [2], "STAGE.SLOT=STRATEGY");
  const [stage = "", slot = ""] = path;
  return { kind: "swap_strategy", stage, slot, to: value };
};

/** The chain anew: what is in it goes, what is named comes. */
const chained = (document: ManifestDocument, words: string): readonly DocumentMutation[] => {
  const { path, value } = split(words, [2], "STAGE.CHAIN=A,B");
  const [stage = "", chain = ""] = path;
  const now = document.stages.find(({ name }) => name === stage)?.chain_order?.[chain] ?? [];
  const items = value.split(",").filter(Boolean);
  return [
    ...now.map((item): DocumentMutation => ({ kind: "remove_from_chain", stage, chain, item })),
    ...items.map((item): DocumentMutation => ({ kind: "add_to_chain", stage, chain, item })),
  ];
};

const given = (words: string): DocumentMutation => {
  const { path, value } = split(words, [2, 3], "model.KEY=VALUE, pipeline.KEY=VALUE, STAGE.KEY=VALUE or STAGE.SLOT.KEY=VALUE");
  const [stage = "", second = "", third] = path;
  const changes: JsonObject = { [third ?? second]: jsonOr(value) };
  if (third !== undefined) return { kind: "update_strategy_config", stage, slot: second, changes };
  if (stage === "model") return { kind: "update_model_config", changes };
  if (stage === "pipeline") return { kind: "update_pipeline_config", changes };
  return { kind: "update_stage_config", stage, changes };
};

/** JSON where it is JSON, else the words themselves. */
const jsonOr = (words: string): Json => {
  try {
    return JSON.parse(words);
  } catch {
    return words;
  }
};
