/** `later/`: what the newest release of the Python program added. Names and keys that its manifests use must be known here. */
import { CATEGORIES, ERRORS, type ErrorCode } from "geny-executor";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";
import { bounds, definitionOf, EVENTS, type Schema, setOf } from "./definition-cases.ts";

interface LaterSlot {
  readonly default: string | readonly string[];
  readonly impls: readonly string[];
  readonly schemas: { readonly [name: string]: Schema };
}
interface Later {
  readonly stages?: readonly {
    readonly name: string;
    readonly config: object;
    readonly config_schema: Schema;
    readonly slots: { readonly [slot: string]: LaterSlot };
    readonly chains: { readonly [chain: string]: LaterSlot };
  }[];
}
interface LaterEvents {
  readonly events?: { readonly [type: string]: { readonly payload: readonly string[] } };
}
interface LaterErrors {
  readonly codes?: { readonly [code: string]: object };
  readonly category_default_code?: { readonly [category: string]: string };
}

export const laterCases = (): Case[] => {
  const { stages = [] } = load<Later>("later/introspection.json") ?? {};
  const { events = {} } = load<LaterEvents>("later/events.json") ?? {};
  const { codes = {}, category_default_code = {} } = load<LaterErrors>("later/errors.json") ?? {};
  return [
    ...stages.map(({ name, config, config_schema, slots, chains }) => ({
      file: "later/introspection.json",
      name,
      expected: { config, schema: bounds(config_schema), slots: slotsOf({ ...slots, ...chains }) },
      got: () => definitionOf(name),
    })),
    // An event that no stage of ours has yet is none that ours says otherwise.
    ...Object.entries(events).flatMap(([type, { payload }]) =>
      EVENTS.has(type) ? [{ file: "later/events.json", name: type, expected: setOf(payload), got: () => EVENTS.get(type) }] : [],
    ),
    { file: "later/errors.json", name: "codes", expected: setOf(Object.keys(codes)), got: () => setOf(Object.keys(ERRORS) as ErrorCode[]) },
    {
      file: "later/errors.json",
      name: "category_default_code",
      expected: category_default_code,
      got: () => Object.fromEntries(Object.entries(CATEGORIES).map(([name, { code }]) => [name, code])),
    },
  ];
};

const slotsOf = (slots: { readonly [slot: string]: LaterSlot }) =>
  Object.fromEntries(
    Object.entries(slots).map(([slot, { default: chosen, impls, schemas }]) => [
      slot,
      {
        default: chosen,
        strategies: Object.fromEntries(impls.map((name) => [name, { schema: bounds(schemas[name] ?? null) }])),
      },
    ]),
  );
