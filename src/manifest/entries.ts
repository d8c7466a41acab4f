/** What is wrong with stage entries beside what their stage's definition says: order, artifact, and where the provider and the model stand. */
import { type Finding, finding } from "../contract/findings.ts";
import type { ManifestDocument, StageEntry } from "../contract/manifest.ts";
import { nearest } from "../contract/nearest.ts";
import type { Placed } from "../engine/plan.ts";
import { artifactsOf } from "./artifacts.ts";
import { MODEL } from "./settings.ts";

type Look = (entry: StageEntry, path: string, placed: Placed) => readonly (Finding | undefined)[];

/** `entries`: the document's, each under its stage's own name. */
export const entryFindings = (document: ManifestDocument, entries: readonly StageEntry[], places: readonly Placed[]): Finding[] => {
  const found = entries.flatMap((entry, i) => {
    const path = `stages[${i}]`;
    const placed = places.find((p) => p.entry === entry.name);
    if (!placed) return [];
    const looks: readonly Look[] = [order, artifact, unsupported, provider, model(document)];
    return looks.flatMap((look) => look(entry, path, placed));
  });
  return [...found.filter((f) => f !== undefined), ...sameOrder(entries)];
};

const order: Look = (entry, path, placed) =>
  entry.order === undefined || entry.order === placed.order
    ? []
    : [finding("stage.order_mismatch", `${path}.order`, `the stage "${entry.name}" stands at ${placed.order}; its name counts`)];

const artifact: Look = ({ artifact = "default", name }, path, { stage }) => {
  const names = artifactsOf(stage).flatMap((a) => (a.providesStage ? [a.name] : []));
  if (names.includes(artifact)) return [];
  const message = `the stage "${name}" has no artifact "${artifact}" (known: ${names.join(", ")})`;
  return [finding("stage.unknown_artifact", `${path}.artifact`, message, nearest(artifact, names))];
};

const unsupported: Look = (entry, path, { stage }) => [
  entry.model_override && !stage.supportsModelOverride
    ? finding("stage.override_unsupported", `${path}.model_override`, `the stage "${entry.name}" asks no model: it does nothing here`)
    : undefined,
  entry.tool_binding && !stage.supportsToolBinding
    ? finding("stage.binding_unsupported", `${path}.tool_binding`, `the stage "${entry.name}" runs no tools: it does nothing here`)
    : undefined,
];

/** In both places "" and null are as good as nothing. */
const provider: Look = (entry, path, { stage }) => [
  Object.hasOwn(entry.strategies ?? {}, "provider") && !Object.hasOwn(stage.slots, "provider")
    ? finding("provider.legacy_location", `${path}.strategies.provider`, 'is not its place: stage 6 has it as "config.provider"')
    : undefined,
  entry.active !== false && Object.hasOwn(stage.config.shape, "provider") && !entry.config?.provider
    ? finding("provider.missing", `${path}.config.provider`, "is required: who answers")
    : undefined,
];

const model =
  (document: ManifestDocument): Look =>
  (entry, path, { stage }) => {
    if (stage.name !== "api" || entry.active === false) return [];
    const { provider } = entry.config ?? {};
    const [whole, own] = [document.model.model, entry.model_override?.model];
    if (whole !== undefined && own !== undefined)
      return [finding("model.dual_home", `${path}.model_override.model`, 'stands in "model" too; the one here is asked')];
    if (whole !== undefined || own !== undefined || !OF_OTHERS.includes(provider)) return [];
    return [
      finding("model.default_mismatch", "model.model", `is not set, and "${provider}" has not the default, ${MODEL.shape.model.default}`),
    ];
  };
/** Providers that have no model of the default's vendor. */
const OF_OTHERS: readonly unknown[] = ["openai", "google", "vllm", "ollama", "lmstudio", "custom"];

/** The same stage twice is told by `compile`. */
const sameOrder = (entries: readonly StageEntry[]): Finding[] =>
  entries.flatMap((entry, i) => {
    const first = entries.findIndex((other) => other.order === entry.order && other.name !== entry.name);
    if (first === -1 || first >= i || entry.order === undefined) return [];
    const found = finding("stage.duplicate_order", `stages[${i}].order`, `${entry.order} is the order of stages[${first}] too`);
    const active = [entry, entries[first]].some((e) => e?.active !== false);
    return [active ? found : { ...found, severity: "warning" }];
  });
