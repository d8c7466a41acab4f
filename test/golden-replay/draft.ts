/** A pipeline in the making: a manifest's stages and a host, and the few ways in which a set-up changes them. */

import type { Pipeline } from "geny-executor";
import { fields, type Host, type JsonObject, type ModelRequest, type Stage, type StageEntry, type Strategy } from "geny-executor";
import { PIPELINE } from "../../src/stages/index.ts";

export interface Draft {
  stages: StageEntry[];
  readonly host: { -readonly [K in keyof Host]: Host[K] };
  /** Definitions in place of ours, by stage name. */
  readonly definitions: { [stage: string]: Stage };
  /** An empty folder of this replay's own. */
  readonly dir: string;
  readonly callbacks: unknown[];
  readonly subRequests: { readonly agent: string; readonly request: ModelRequest }[];
  storagePath: string | undefined;
  /** Seconds since the turn began, by how often the model was asked. */
  clock: readonly number[] | undefined;
  /** Called once the pipeline is made. */
  ready(pipeline: Pipeline): void;
}
export const newDraft = (stages: readonly StageEntry[], dir: string): Draft => ({
  stages: structuredClone(stages) as StageEntry[],
  host: {},
  definitions: {},
  dir,
  callbacks: [],
  subRequests: [],
  storagePath: undefined,
  clock: undefined,
  ready: () => {},
});

const STAGES: readonly Stage[] = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface];

export const edit = (draft: Draft, order: number, change: (entry: StageEntry) => Partial<StageEntry>): void => {
  draft.stages = draft.stages.map((entry) => (entry.order === order ? { ...entry, ...change(entry) } : entry));
};
/** Puts a strategy into a slot. */
export const choose = (draft: Draft, order: number, slot: string, name: string, config: JsonObject = {}): void =>
  edit(draft, order, (entry) => ({
    strategies: { ...entry.strategies, [slot]: name },
    strategy_configs: { ...entry.strategy_configs, [slot]: { ...entry.strategy_configs?.[slot], ...config } },
  }));
/** Puts an item at the end of a chain. */
export const append = (draft: Draft, order: number, chain: string, name: string, config?: JsonObject): void =>
  edit(draft, order, (entry) => ({
    chain_order: { ...entry.chain_order, [chain]: [...(entry.chain_order?.[chain] ?? []), name] },
    ...(config ? { strategy_configs: { ...entry.strategy_configs, [chain]: { ...entry.strategy_configs?.[chain], [name]: config } } } : {}),
  }));
export const stageAt = (draft: Draft, order: number): Stage => {
  const stage = STAGES[order - 1];
  if (!stage) throw new Error(`There is no stage ${order}.`);
  return draft.definitions[stage.name] ?? stage;
};
/** A strategy of the host's own: whatever the slot's function is to be, it is made by `create`. */
export const own = (draft: Draft, order: number, slot: string, name: string, create: Strategy["create"]): void => {
  const stage = stageAt(draft, order);
  const strategies = { ...stage.slots[slot].strategies, [name]: { about: "the recording's own", config: fields({}), create } };
  draft.definitions[stage.name] = { ...stage, slots: { ...stage.slots, [slot]: { ...stage.slots[slot], strategies } } };
};
/** A strategy that throws, whether its slot holds a function or an object with that method. */
export const throwing =
  (message: string, method = "run"): Strategy["create"] =>
  () => {
    const fail = () => {
      throw new Error(message);
    };
    return Object.assign(fail, { [method]: fail });
  };
