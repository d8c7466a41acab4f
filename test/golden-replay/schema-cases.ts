/** `schema.json`: what our field words make of a recorded config schema: its JSON Schema, what they refuse, and its defaults. */
import {
  check,
  defaults,
  type Field,
  type Fields,
  fields,
  flag,
  int,
  json,
  jsonSchema,
  list,
  number,
  object,
  oneOf,
  text,
} from "geny-executor";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";
import { bounds, type Schema } from "./definition-cases.ts";

interface Recorded {
  readonly name: string;
  readonly type: string;
  readonly required?: boolean;
  readonly default?: unknown;
  readonly min_value?: number;
  readonly max_value?: number;
  readonly min_length?: number;
  readonly max_length?: number;
  readonly options?: readonly { readonly value: string }[];
  readonly item_type?: string;
}
interface RecordedSchema {
  readonly schema: { readonly name: string; readonly fields: readonly Recorded[] };
  readonly json_schema: Schema;
  readonly validate: readonly { readonly data: object; readonly fields: readonly string[] }[];
  readonly apply_defaults: readonly { readonly data: object; readonly out: object }[];
}

const fieldOf = ({ type, required, item_type, options = [], ...given }: Recorded): Field => {
  const min = given.min_value ?? given.min_length;
  const max = given.max_value ?? given.max_length;
  const o = {
    about: "",
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(required ? {} : { default: (given.default ?? null) as never }),
  };
  switch (type) {
    case "integer":
      return int(o);
    case "number":
      return number(o);
    case "boolean":
      return flag(o);
    case "select":
      return oneOf(
        options.map((option) => option.value),
        o,
      );
    case "array":
      return list(item_type === "integer" ? int({ about: "" }) : item_type === "string" ? text({ about: "" }) : json({ about: "" }), o);
    case "object":
      return object(o);
    default:
      return text(o);
  }
};

export const schemaCases = (): Case[] =>
  (load<{ readonly cases: readonly RecordedSchema[] }>("schema.json")?.cases ?? []).flatMap(({ schema, ...recorded }) => {
    const made: Fields = fields(Object.fromEntries(schema.fields.map((field) => [field.name, fieldOf(field)])));
    const about = (what: string, expected: unknown, got: () => unknown): Case => ({
      file: "schema.json",
      name: `${schema.name} ${what}`,
      expected,
      got,
    });
    return [
      about("json_schema", { fields: bounds(recorded.json_schema), required: recorded.json_schema?.required ?? [] }, () => {
        const ours = jsonSchema(made) as Schema;
        return { fields: bounds(ours), required: ours?.required ?? [] };
      }),
      ...recorded.validate.map(({ data, fields: wrong }) =>
        about(`validate ${JSON.stringify(data)}`, [...wrong].sort(), () =>
          [...new Set(check(made, data).problems.map((p) => String(p.path[0])))].sort(),
        ),
      ),
      ...recorded.apply_defaults.map(({ data, out }) =>
        about(`defaults ${JSON.stringify(data)}`, out, () => ({ ...withoutNull(defaults(made)), ...data })),
      ),
    ];
  });
const withoutNull = (given: object) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
