/** The Python program's snapshots: made to manifests of ours, and ours shown in their form. */

import {
  defaults,
  type JsonObject,
  type ManifestDocument,
  MODEL,
  type ModelSettings,
  PIPELINE_SETTINGS,
  type Pipeline,
  type Stage,
  type StageEntry,
} from "geny-executor";
import { PIPELINE } from "geny-executor/stages";

export interface Snapshot {
  readonly pipeline_name?: string;
  readonly model_config?: JsonObject;
  readonly pipeline_config?: JsonObject;
  readonly stages?: readonly SnapshotStage[];
}
interface SnapshotStage {
  readonly order: number;
  readonly name: string;
  readonly is_active: boolean;
  readonly strategies?: { readonly [slot: string]: string };
  readonly strategy_configs?: { readonly [slot: string]: JsonObject };
  readonly stage_config?: JsonObject;
  readonly chain_order?: { readonly [chain: string]: readonly string[] };
  readonly tool_binding?: StageEntry["tool_binding"];
  readonly model_override?: JsonObject | null;
}
const STAGES: readonly Stage[] = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface];

/** A manifest of ours that says what the snapshot says. */
export const documentOf = ({ stages = [], model_config = {}, pipeline_config = {} }: Snapshot): ManifestDocument => ({
  version: "3.0",
  metadata: {},
  model: model_config,
  pipeline: pipeline_config,
  stages: stages.map((stage) => merged({ order: stage.order, name: STAGES[stage.order - 1]?.name ?? stage.name }, stage)),
  tools: {},
});
const merged = (entry: StageEntry, stage: SnapshotStage): StageEntry => ({
  ...entry,
  active: stage.is_active,
  strategies: { ...entry.strategies, ...stage.strategies },
  strategy_configs: { ...entry.strategy_configs, ...stage.strategy_configs },
  config: { ...entry.config, ...stage.stage_config },
  chain_order: { ...entry.chain_order, ...stage.chain_order },
  ...("tool_binding" in stage ? { tool_binding: stage.tool_binding ?? null } : {}),
  ...("model_override" in stage ? { model_override: (stage.model_override ?? null) as Partial<ModelSettings> | null } : {}),
});
/** Python's restore goes over what is there; ours takes a whole document. */
export const overlaid = (
  document: ManifestDocument,
  { stages = [], pipeline_name, model_config, pipeline_config }: Snapshot,
): ManifestDocument => ({
  ...document,
  model: { ...document.model, ...model_config },
  pipeline: { ...document.pipeline, ...(pipeline_name ? { name: pipeline_name } : {}), ...pipeline_config },
  stages: [
    ...document.stages.map((entry) => {
      const found = stages.find((stage) => stage.order === entry.order);
      return found ? { ...merged(entry, found), active: entry.active ?? true } : entry;
    }),
    ...stages.filter(({ order }) => !document.stages.some((entry) => entry.order === order)).map(({ order, name }) => ({ order, name })),
  ],
});

/** By stage, those that were recorded as changed; ours may have more settings. */
export const snapshotOf = ({ model_config = {}, pipeline_config = {}, stages = [] }: Snapshot) => ({
  model: model_config,
  pipeline: pipeline_config,
  stages: Object.fromEntries(
    stages.map((stage) => [
      stage.order,
      {
        active: stage.is_active,
        strategies: stage.strategies ?? {},
        configs: stage.strategy_configs ?? {},
        config: stage.stage_config ?? {},
        chains: stage.chain_order ?? {},
        binding: stage.tool_binding ?? null,
        model: overrideOf(stage.model_override),
      },
    ]),
  ),
});

export const ourSnapshot = (pipeline: Pipeline) => {
  const document = pipeline.snapshot().toJSON();
  const entries = new Map(document.stages.map((entry) => [entry.order, entry]));
  return {
    model: { ...defaults(MODEL), ...document.model },
    pipeline: { ...defaults(PIPELINE_SETTINGS), ...document.pipeline },
    stages: Object.fromEntries(
      pipeline.describe().map(({ order, isActive, config, strategies }) => {
        const ones = strategies.filter(({ kind }) => kind === "one");
        return [
          order,
          {
            active: isActive,
            strategies: Object.fromEntries(ones.map(({ slot, names }) => [slot, names[0]])),
            configs: Object.fromEntries(ones.map(({ slot, names, configs }) => [slot, configs[names[0] ?? ""]])),
            config,
            chains: Object.fromEntries(strategies.filter(({ kind }) => kind === "many").map(({ slot, names }) => [slot, names])),
            binding: entries.get(order)?.tool_binding ?? null,
            model: overrideOf(entries.get(order)?.model_override as JsonObject | null | undefined),
          },
        ];
      }),
    ),
  };
};

/** Python wrote all settings of a model; ours writes those that were given. */
const overrideOf = (override: JsonObject | null | undefined) => {
  const usual: JsonObject = { ...(defaults(MODEL) as JsonObject), temperature: 0 };
  return override ? Object.fromEntries(Object.entries(override).filter(([key, value]) => value !== usual[key])) : null;
};
