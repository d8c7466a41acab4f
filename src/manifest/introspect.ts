/** The stages as data, in the wire's shape: enough to draw an editor from. Nothing is made or run for it. */
import { defaults, type Field, type Fields, type Json, type JsonObject, jsonSchema, title } from "../contract/schema.ts";
import type { Stage } from "../contract/stage.ts";
import type { Many, One, Strategy } from "../contract/strategy.ts";
import type { BoundStage, Placed } from "../engine/plan.ts";
import { type Artifact, artifactOf, artifactsOf, moduleOf, PLACES, placeOf } from "./artifacts.ts";

/** One field as forms of the wire have it. */
export type ConfigField = {
  readonly name: string;
  readonly type: string;
  readonly label: string;
  readonly description: string;
  readonly default: Json;
  readonly required: boolean;
  readonly min_value: number | null;
  readonly max_value: number | null;
  readonly min_length: number | null;
  readonly max_length: number | null;
  readonly pattern: null;
  readonly options: readonly { readonly value: string; readonly label: string }[] | null;
  readonly item_type: string | null;
  readonly properties: readonly ConfigField[] | null;
  readonly ui_widget: string | null;
  readonly ui_group: null;
  readonly ui_order: number;
  readonly visible_when: null;
};
export type ConfigForm = {
  readonly name: string;
  readonly version: "1.0";
  readonly fields: readonly ConfigField[];
  readonly groups: readonly never[];
};

type Impls = {
  readonly available_impls: readonly string[];
  /** JSON Schema of each strategy's config; null for one without. */
  readonly impl_schemas: { readonly [impl: string]: JsonObject | null };
  /** The same as a form. */
  readonly impl_forms: { readonly [impl: string]: ConfigForm | null };
  readonly impl_descriptions: { readonly [impl: string]: string };
  /** The part of the host without which the slot's default acts in the strategy's place; null: it needs none. */
  readonly impl_needs: { readonly [impl: string]: string | null };
};
export type SlotIntrospection = {
  readonly slot_name: string;
  readonly description: string;
  readonly required: true;
  readonly current_impl: string;
  /** Of a pipeline: what the strategy is set to, defaults filled in. Null without one. */
  readonly current_config: JsonObject | null;
} & Impls;
export type ChainIntrospection = {
  readonly chain_name: string;
  readonly description: string;
  readonly current_impls: readonly string[];
  /** Of a pipeline: what each of them is set to. Null without one. */
  readonly current_configs: { readonly [impl: string]: JsonObject } | null;
} & Impls;
export type ArtifactInfo = {
  readonly stage: string;
  readonly name: string;
  readonly description: string;
  readonly version: "1.0";
  readonly stability: "stable";
  readonly requires: readonly never[];
  readonly is_default: boolean;
  readonly provides_stage: boolean;
  readonly extra: JsonObject;
};
export type StageIntrospection = {
  /** The module's name: `s02_context`. */
  readonly stage: string;
  readonly artifact: string;
  readonly order: number;
  readonly name: string;
  readonly category: string;
  /** Of a pipeline: whether it runs. Null without one. */
  readonly active: boolean | null;
  readonly artifact_info: ArtifactInfo;
  /** Null: the stage has no config. */
  readonly config_schema: JsonObject | null;
  readonly config_form: ConfigForm | null;
  readonly config: JsonObject;
  readonly strategy_slots: { readonly [slot: string]: SlotIntrospection };
  readonly strategy_chains: { readonly [chain: string]: ChainIntrospection };
  readonly tool_binding_supported: boolean;
  readonly model_override_supported: boolean;
  readonly required: boolean;
  readonly extra: { readonly about: string; readonly phase: string; readonly reads: readonly string[]; readonly writes: readonly string[] };
};

/** A stage, and in a pipeline also what it has chosen in the place of the defaults. */
type Place = Placed & Partial<Pick<BoundStage, "active" | "config" | "chosen" | "strategies">>;
export interface IntrospectOptions {
  /** Default: our stages, with their defaults. Those of a pipeline, or with a host's own stages and strategies. */
  readonly places?: readonly Place[];
}

/**
 * One stage, by order, name or module. Throws `exec.mutation.invalid` for a stage or artifact that does not exist, and for an artifact that only
 * brings strategies.
 */
export const introspectStage = (
  id: string | number,
  artifact = "default",
  { places = PLACES }: IntrospectOptions = {},
): StageIntrospection => {
  const placed = placeOf(id, places);
  return shown(placed, artifactOf(placed.stage, artifact));
};

/** All stages in order. `artifacts`: which artifact of a stage, by any name of it; one that only brings strategies shows as the default. */
export const introspectAll = (
  artifacts: { readonly [stage: string]: string } = {},
  { places = PLACES }: IntrospectOptions = {},
): readonly StageIntrospection[] => {
  const asked = new Map(Object.entries(artifacts).map(([id, name]) => [placeOf(id, places), name]));
  return places.map((placed) => {
    const artifact = artifactOf(placed.stage, asked.get(placed) ?? "default");
    return shown(placed, artifact.providesStage ? artifact : artifactOf(placed.stage, "default"));
  });
};

const shown = (placed: Place, artifact: Artifact): StageIntrospection => {
  const stage: Stage = placed.stage;
  const slots = Object.entries(stage.slots as Readonly<Record<string, One | Many>>);
  const chosen = (name: string, slot: One | Many) => placed.chosen?.[name] ?? slot.default;
  const configs = (name: string) =>
    placed.strategies?.find(({ slot }) => slot === name)?.configs as { [impl: string]: JsonObject } | undefined;
  const named = <K extends string>(key: K, name: string, slot: One | Many) =>
    ({ [key]: name, description: slot.about, ...implsOf(slot.strategies) }) as { readonly [P in K]: string } & {
      description: string;
    } & Impls;
  return {
    stage: moduleOf(placed),
    artifact: artifact.name,
    order: placed.order,
    name: stage.name,
    category: stage.category,
    active: placed.active ?? null,
    artifact_info: artifactInfo(moduleOf(placed), artifact),
    config_schema: schemaOf(stage.name, stage.config),
    config_form: formOf(stage.name, stage.config),
    config: (placed.config ?? { ...defaults(stage.config), ...artifact.config }) as JsonObject,
    strategy_slots: Object.fromEntries(
      slots.flatMap(([name, slot]) =>
        slot.kind === "one"
          ? [
              [
                name,
                { ...named("slot_name", name, slot), required: true as const, ...currentIn(String(chosen(name, slot)), configs(name)) },
              ],
            ]
          : [],
      ),
    ),
    strategy_chains: Object.fromEntries(
      slots.flatMap(([name, slot]) =>
        slot.kind === "many"
          ? [
              [
                name,
                { ...named("chain_name", name, slot), current_impls: [chosen(name, slot)].flat(), current_configs: configs(name) ?? null },
              ],
            ]
          : [],
      ),
    ),
    tool_binding_supported: stage.supportsToolBinding ?? false,
    model_override_supported: stage.supportsModelOverride ?? false,
    required: stage.required ?? false,
    extra: { about: stage.about, phase: placed.phase, reads: stage.reads, writes: stage.writes },
  };
};

const currentIn = (impl: string, configs: { readonly [impl: string]: JsonObject } | undefined) => ({
  current_impl: impl,
  current_config: configs?.[impl] ?? null,
});

/** The artifacts of a stage, as the wire tells of them. */
export const listArtifacts = (id: string | number): readonly ArtifactInfo[] => {
  const placed = placeOf(id);
  return artifactsOf(placed.stage).map((artifact) => artifactInfo(moduleOf(placed), artifact));
};
const artifactInfo = (stage: string, { name, providesStage }: Artifact): ArtifactInfo => ({
  ...{ stage, name, description: "", version: "1.0", stability: "stable", requires: [], extra: {} },
  is_default: name === "default",
  provides_stage: providesStage,
});

const implsOf = (strategies: { readonly [name: string]: Strategy }): Impls => {
  const of = <T>(tell: (strategy: Strategy, name: string) => T) =>
    Object.fromEntries(Object.entries(strategies).map(([name, strategy]) => [name, tell(strategy, name)]));
  return {
    available_impls: Object.keys(strategies).toSorted(),
    impl_schemas: of((strategy, name) => schemaOf(name, strategy.config)),
    impl_forms: of((strategy, name) => formOf(name, strategy.config)),
    impl_descriptions: of(({ about }) => about),
    impl_needs: of(({ needs }) => needs ?? null),
  };
};

const has = ({ shape }: Fields): boolean => Object.keys(shape).length > 0;
const schemaOf = (name: string, config: Fields): JsonObject | null => (has(config) ? { title: name, ...jsonSchema(config) } : null);
const formOf = (name: string, config: Fields): ConfigForm | null =>
  has(config) ? { name, version: "1.0", fields: fieldsOf(config), groups: [] } : null;
const fieldsOf = ({ shape }: Fields): readonly ConfigField[] =>
  Object.entries(shape as Readonly<Record<string, Field>>).map(([name, field]) => fieldOf(name, field));

const fieldOf = (name: string, field: Field): ConfigField => {
  const { kind, about, default: given = null, optional, min = null, max = null, options, item, row, widget = null } = field;
  const measured = kind === "string" || kind === "array";
  return {
    name,
    // A form has no word for a value of any kind.
    type: kind === "json" ? "object" : kind,
    label: title(name),
    description: about,
    default: given,
    required: !optional,
    ...{ min_value: measured ? null : min, max_value: measured ? null : max },
    ...{ min_length: measured ? min : null, max_length: measured ? max : null },
    pattern: null,
    options: options ? options.map((value) => ({ value, label: value })) : null,
    item_type: row ? "object" : (item?.kind ?? null),
    properties: row ? fieldsOf(row) : null,
    ...{ ui_widget: widget, ui_group: null, ui_order: 0, visible_when: null },
  };
};
