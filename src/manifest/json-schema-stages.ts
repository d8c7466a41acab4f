/** The JSON Schema of one stage's entry: its slots, strategies with what they do, and the config of each that may be chosen. */
import { type Fields, type JsonObject, jsonSchema } from "../contract/schema.ts";
import type { Stage } from "../contract/stage.ts";
import type { Many, One, Strategy } from "../contract/strategy.ts";
import type { Placed } from "../engine/plan.ts";
import { artifactsOf } from "./artifacts.ts";
import { oldNames } from "./names.ts";

/** What of a stage the schema is made from; what `extend` makes has it too. */
export type StageParts = Pick<Stage, "name" | "about" | "config" | "slots">;

/** An object in which a loaded file may have more keys. */
export const open = (fields: Fields): JsonObject => {
  const { additionalProperties: _, ...schema } = jsonSchema(fields);
  return schema;
};
/** One of several names, each with what it means. */
export const nameSchema = (names: readonly (readonly [name: string, about: string])[]): JsonObject => ({
  anyOf: names.map(([name, about]) => ({ const: name, description: about })),
});
const closed = (properties: { readonly [key: string]: JsonObject }): JsonObject => ({
  type: "object",
  properties,
  additionalProperties: false,
});
const map = <T>(
  given: { readonly [key: string]: T },
  make: (value: T, key: string) => JsonObject,
): { readonly [key: string]: JsonObject } => Object.fromEntries(Object.entries(given).map(([key, value]) => [key, make(value, key)]));

/** `if` the entry is this stage's, `then` this. */
export const stageSchema = (stage: StageParts): JsonObject => {
  const slots: [string, One | Many][] = Object.entries(stage.slots);
  const of = (kind: "one" | "many") => Object.fromEntries(slots.filter(([, slot]) => slot.kind === kind));
  const names = ({ strategies }: One | Many) => nameSchema(Object.entries<Strategy>(strategies).map(([name, s]) => [name, aboutOf(s)]));
  const conditions = Object.entries(of("one")).flatMap(([slot, definition]) => configSchemas(slot, definition));
  return {
    title: stage.name,
    description: stage.about,
    properties: {
      strategies: closed(map(of("one"), (slot) => ({ description: slot.about, default: slot.default, ...names(slot) }))),
      chain_order: closed(
        map(of("many"), (slot) => ({ type: "array", description: slot.about, default: slot.default, items: names(slot) })),
      ),
      strategy_configs: closed(
        map(Object.fromEntries(slots), ({ kind, strategies }) => ({
          type: "object",
          ...(kind === "many"
            ? { properties: map<Strategy>(strategies, ({ config, about }) => ({ description: about, ...jsonSchema(config) })) }
            : {}),
        })),
      ),
      artifact: { enum: artifactsOf(stage).map(({ name }) => name) },
      config: open(stage.config),
    },
    ...(conditions.length ? { allOf: conditions } : {}),
  };
};

const aboutOf = ({ about, needs }: Strategy): string => (needs ? `${about} (needs the host's "${needs}")` : about);

/** The config of the strategy that stands in the slot: the chosen one, or the default when none is named. */
const configSchemas = (slot: string, { strategies, default: standard }: One | Many): JsonObject[] =>
  Object.entries<Strategy>(strategies).map(([name, { config }]) => {
    const is = { properties: { strategies: { properties: { [slot]: { const: name } } } } };
    const named = { properties: { strategies: { ...is.properties.strategies, required: [slot] } }, required: ["strategies"] };
    const schema = jsonSchema(config);
    const needed = schema.required ? { required: [slot] } : {};
    return {
      if: name === standard ? is : named,
      // biome-ignore lint/suspicious/noThenProperty: the word of JSON Schema
      then: {
        properties: { strategy_configs: { properties: { [slot]: schema }, ...needed } },
        ...(schema.required ? { required: ["strategy_configs"] } : {}),
      },
    };
  });

/** Whether an entry names the stage of this place, by its name or an older one. */
export const isStage = (placed: Placed): JsonObject => ({
  properties: { name: { enum: [placed.stage.name, ...oldNames(placed)] } },
  required: ["name"],
});
