/** `introspection.json`, `defaults.json`, `events.json`: what the definitions of our 21 stages say. Ours may say more, never less. */

import { compile, defaults, ENGINE_EVENTS, type Fields, jsonSchema, newState, type Stage } from "geny-executor";
import { type Phase, place } from "../../src/engine/plan.ts";
import { PIPELINE } from "../../src/stages/index.ts";
import { testServices } from "../../src/testing/run-stage.ts";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";

export type Schema = { readonly properties?: { readonly [name: string]: Property }; readonly required?: readonly string[] } | null;
type Property = { readonly [key: string]: unknown };
interface RecordedSlot {
  readonly default: string | readonly string[];
  readonly impls: { readonly [name: string]: { readonly default_config?: object | null; readonly json_schema?: Schema } };
}
interface RecordedStage {
  readonly name: string;
  readonly order: number;
  readonly category: string;
  readonly phase: string;
  readonly required: boolean;
  readonly bypassed_with_default_state: boolean;
  readonly model_override_supported: boolean;
  readonly tool_binding_supported: boolean;
  readonly config: object;
  readonly config_schema: Schema;
  readonly slots: { readonly [slot: string]: RecordedSlot };
  readonly chains: { readonly [chain: string]: RecordedSlot };
}
interface RecordedDefaults {
  readonly order: number;
  readonly config: object;
  readonly current: { readonly [slot: string]: string };
  readonly current_chains: { readonly [chain: string]: readonly string[] };
  readonly strategies: { readonly [slot: string]: { readonly [name: string]: object | null } };
  readonly chains: { readonly [chain: string]: { readonly [name: string]: object | null } };
}
interface RecordedEvent {
  readonly type: string;
  readonly source_keys: readonly string[];
  readonly data?: object;
}

const PLACES = place(PIPELINE);
const PHASES: Record<Phase, string> = { setup: "once_before_loop", loop: "loop", surface: "finalize" };

export const definitionCases = (): Case[] => [
  ...(load<{ stages: readonly RecordedStage[] }>("introspection.json")?.stages ?? []).map((recorded) => ({
    file: "introspection.json",
    name: recorded.name,
    expected: expectedOf(recorded),
    got: () => definitionOf(recorded.name),
  })),
  ...Object.entries(load<{ stages: { readonly [name: string]: RecordedDefaults } }>("defaults.json")?.stages ?? {}).map(
    ([name, recorded]) => ({
      file: "defaults.json",
      name,
      expected: { ...recorded, strategies: constructible(recorded.strategies), chains: constructible(recorded.chains) },
      got: () => defaultsOf(name),
    }),
  ),
  ...(load<{ events: readonly RecordedEvent[] }>("events.json")?.events ?? []).map(({ type, source_keys, data = {} }) => ({
    file: "events.json",
    name: type,
    // `*computed*` stands for keys that come from an object; the type is in the envelope.
    expected: setOf([...source_keys, ...Object.keys(data)].filter((key) => !key.startsWith("*") && key !== "type")),
    got: () => EVENTS.get(type),
  })),
];

/** Null is the config of a strategy that Python cannot make without arguments. */
const constructible = (slots: { readonly [slot: string]: { readonly [name: string]: object | null } }) =>
  Object.fromEntries(
    Object.entries(slots).map(([slot, impls]) => [
      slot,
      Object.fromEntries(Object.entries(impls).map(([name, config]) => [name, settled(config ?? {})])),
    ]),
  );
/** The one list that is a set is sorted. */
const settled = (config: object): object =>
  Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, key === "significant_events" && Array.isArray(value) ? [...value].sort() : value]),
  );

export const setOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, true]));

/** Every event that a stage or the engine declares, with its keys. */
export const EVENTS = new Map<string, { [key: string]: true }>();
for (const events of [ENGINE_EVENTS, ...PLACES.map((p) => p.stage.events)] as { [type: string]: Fields }[])
  for (const [type, form] of Object.entries(events)) {
    const keys = EVENTS.get(type) ?? {};
    for (const key of Object.keys(form.shape)) keys[key] = true;
    EVENTS.set(type, keys);
  }

const expectedOf = ({ slots, chains, config_schema, ...recorded }: RecordedStage) => ({
  order: recorded.order,
  category: recorded.category,
  phase: recorded.phase,
  required: recorded.required,
  bypassed: recorded.bypassed_with_default_state,
  model_override: recorded.model_override_supported,
  tool_binding: recorded.tool_binding_supported,
  config: recorded.config,
  schema: bounds(config_schema),
  slots: Object.fromEntries(
    Object.entries({ ...slots, ...chains }).map(([slot, { default: chosen, impls }]) => [
      slot,
      {
        default: chosen,
        strategies: Object.fromEntries(
          Object.entries(impls).map(([name, { default_config, json_schema }]) => [
            name,
            { config: settled(default_config ?? {}), schema: bounds(json_schema ?? null) },
          ]),
        ),
      },
    ]),
  ),
});

/** Of a schema what counts: types, bounds, choices as a set. Titles and descriptions are each one's own. */
export const bounds = (schema: Schema) =>
  Object.fromEntries(
    Object.entries(schema?.properties ?? {}).map(([name, { type, minimum, maximum, enum: choices, items }]) => [
      name,
      {
        type: Array.isArray(type) ? type[0] : type,
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum === undefined ? {} : { maximum }),
        ...(Array.isArray(choices) ? { choices: setOf(choices.filter((choice) => choice !== null)) } : {}),
        ...(typeof items === "object" && items !== null && "type" in items ? { items: items.type } : {}),
      },
    ]),
  );

const stageOf = (name: string) => {
  const found = PLACES.find((p) => p.stage.name === name);
  if (!found) throw new Error(`There is no stage "${name}".`);
  return found;
};
const shown = (form: Fields) => ({ config: settled(defaults(form)), schema: bounds(jsonSchema(form) as Schema) });

export const definitionOf = (name: string) => {
  const { stage, order, phase } = stageOf(name);
  return {
    order,
    category: stage.category,
    phase: PHASES[phase],
    required: stage.required ?? false,
    bypassed: bypassed(stage),
    model_override: stage.supportsModelOverride ?? false,
    tool_binding: stage.supportsToolBinding ?? false,
    ...shown(stage.config),
    slots: Object.fromEntries(
      Object.entries(stage.slots as RecordedSlots).map(([slot, { default: chosen, strategies }]) => [
        slot,
        { default: chosen, strategies: Object.fromEntries(Object.entries(strategies).map(([of, s]) => [of, shown(s.config)])) },
      ]),
    ),
  };
};
type RecordedSlots = {
  readonly [slot: string]: {
    readonly default: string | readonly string[];
    readonly strategies: { readonly [name: string]: { readonly config: Fields } };
  };
};

const bypassed = (stage: Stage): boolean => {
  const places = [{ stage, order: 1, phase: "loop" as const, own: false, entry: stage.name }];
  const { plan } = compile({ entries: [{ order: 1, name: stage.name }], places, services: testServices(), unknownKeys: "error" });
  const [bound] = plan.loop;
  return bound !== undefined && stage.bypass?.(newState(), bound) !== undefined;
};

const defaultsOf = (name: string) => {
  const { stage, order } = stageOf(name);
  const slots = Object.entries(stage.slots as RecordedSlots);
  const of = (many: boolean) => slots.filter(([, slot]) => Array.isArray(slot.default) === many);
  const configs = (given: typeof slots) =>
    Object.fromEntries(
      given.map(([slot, { strategies }]) => [
        slot,
        Object.fromEntries(Object.entries(strategies).map(([n, s]) => [n, settled(defaults(s.config))])),
      ]),
    );
  const current = (given: typeof slots) => Object.fromEntries(given.map(([slot, { default: chosen }]) => [slot, chosen]));
  return {
    order,
    config: defaults(stage.config),
    current: current(of(false)),
    current_chains: current(of(true)),
    strategies: configs(of(false)),
    chains: configs(of(true)),
  };
};
