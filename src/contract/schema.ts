/**
 * The words a config is written in. One value gives the TypeScript types, the check, the JSON Schema and the wire's ConfigField form.
 * A set of `fields` is strict: an unknown key is a finding, named together with the nearest right one.
 */
import * as v from "valibot";
import { nearest } from "./nearest.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** The JSON text of a value with its keys sorted: equal values have equal texts. */
export const canonical = (value: Json): string => JSON.stringify(sorted(value));
const sorted = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
};

declare const io: unique symbol;

export type FieldKind = "string" | "integer" | "number" | "boolean" | "select" | "array" | "object" | "json" | "custom";

/** One field. `In` is what a manifest may write, `Out` what the code gets. Opaque, so that declaration files stay small. */
export interface Field<In = any, Out = any, Optional extends boolean = boolean> {
  readonly kind: FieldKind;
  readonly about: string;
  readonly default?: Out | undefined;
  readonly optional: Optional;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly options?: readonly string[] | undefined;
  readonly item?: Field | undefined;
  /** What each object of a list holds. */
  readonly row?: Fields | undefined;
  readonly widget?: string | undefined;
  readonly schema: v.GenericSchema<In, Out>;
  readonly [io]?: [In, Out];
}

type Options<T> = {
  readonly about: string;
  readonly min?: number;
  readonly max?: number;
  /** Left out: the field is required. `null`: the field may be null, and is when it is left out. */
  readonly default?: T | null;
  /** A hint for forms: "toggle", "slider", "textarea", "code". */
  readonly widget?: string;
};
/** Follows the options object itself: a default that is inferred from the return type would turn every field into `any`. */
type FieldOf<T, O> = O extends { readonly default: infer D } ? Field<T | Extract<D, null>, T | Extract<D, null>, true> : Field<T, T, false>;

type More = { options?: readonly string[]; item?: Field; row?: Fields };
const make = (kind: FieldKind, base: () => v.GenericSchema<any, any>, o: Options<any>, more: More = {}): any => {
  let built: v.GenericSchema<any, any> | undefined;
  const { about, min, max, widget } = o;
  return {
    kind,
    about,
    default: o.default,
    optional: o.default !== undefined,
    min,
    max,
    widget,
    ...more,
    /** Built at its first use: most programs never check most of the fields. */
    get schema() {
      built ??= o.default === undefined ? base() : v.optional(o.default === null ? v.nullable(base()) : base(), o.default);
      return built;
    },
  };
};

const range = ({ min, max }: Options<any>): string =>
  min === undefined ? `at most ${max}` : max === undefined ? `at least ${min}` : `between ${min} and ${max}`;
const inside = (size: (value: any) => number, what: string, o: Options<any>) =>
  v.check(
    (value: any) => (o.min === undefined || size(value) >= o.min) && (o.max === undefined || size(value) <= o.max),
    `${what} ${range(o)}`,
  );

export const int = <const O extends Options<number>>(o: O): FieldOf<number, O> =>
  make(
    "integer",
    () =>
      v.pipe(
        v.number("must be a whole number"),
        v.integer("must be a whole number"),
        inside((n) => n, "must be", o),
      ),
    o,
  );
export const number = <const O extends Options<number>>(o: O): FieldOf<number, O> =>
  make(
    "number",
    () =>
      v.pipe(
        v.number("must be a number"),
        v.finite("must be finite"),
        inside((n) => n, "must be", o),
      ),
    o,
  );
export const text = <const O extends Options<string>>(o: O): FieldOf<string, O> =>
  make(
    "string",
    () =>
      v.pipe(
        v.string("must be text"),
        inside((s) => s.length, "its length must be", o),
      ),
    o,
  );
export const flag = <const O extends Options<boolean>>(o: O): FieldOf<boolean, O> =>
  make("boolean", () => v.boolean("must be true or false"), { widget: "toggle", ...o });
export const oneOf = <const T extends string, const O extends Options<NoInfer<T>>>(values: readonly T[], o: O): FieldOf<T, O> =>
  make("select", () => v.picklist(values, `must be one of ${values.join(", ")}`), o, { options: values });
export const list = <T, const O extends Options<readonly NoInfer<T>[]>>(item: Field<T, T, false>, o: O): FieldOf<readonly T[], O> =>
  make(
    "array",
    () =>
      v.pipe(
        v.array(item.schema, "must be a list"),
        inside((a) => a.length, "its length must be", o),
      ),
    o,
    { item },
  );
/** Objects with fields of their own, in which an unknown key is an error too. Default: none. */
export const rows = <F extends Fields>(row: F, o: { readonly about: string }): Field<readonly Input<F>[], readonly Output<F>[], true> =>
  make("array", () => v.pipe(v.array(v.unknown(), "must be a list"), v.rawTransform(checkRows(row))), { ...o, default: [] }, { row });
const checkRows =
  (row: Fields): Parameters<typeof v.rawTransform<unknown[], unknown[]>>[0] =>
  ({ dataset, addIssue }) =>
    dataset.value.map((given, i) => {
      const { value, problems } = check(row, given);
      for (const { path, message } of problems) {
        const below = { type: "object", origin: "value", input: {}, value: given } as const;
        addIssue({
          message,
          path: [
            { type: "array", origin: "value", input: dataset.value, key: i, value: given },
            ...path.map((key) => ({ ...below, key: String(key) })),
          ],
        });
      }
      return value;
    });
/** An object with values of one kind under names of the user's. */
export const record = <T, const O extends Options<{ readonly [name: string]: NoInfer<T> }>>(
  item: Field<T, T, false>,
  o: O,
): FieldOf<{ readonly [name: string]: T }, O> => make("object", () => v.pipe(plainObject, v.rawTransform(checkValues(item))), o, { item });
/** A record of valibot's passes over some keys, as "constructor". */
const checkValues =
  (item: Field): Parameters<typeof v.rawTransform<object, object>>[0] =>
  ({ dataset, addIssue }) =>
    Object.fromEntries(
      Object.entries(dataset.value).map(([key, value]) => {
        const checked = v.safeParse(item.schema, value);
        for (const { message, path = [] } of checked.issues ?? [])
          addIssue({ message, path: [{ type: "object", origin: "value", input: {}, key, value }, ...path] });
        return [key, checked.output];
      }),
    );
/** Any JSON value. */
export const json = <const O extends Options<Json>>(o: O): FieldOf<Json, O> =>
  make("json", () => v.custom<Json>(isJson, "must be JSON"), o);
/** Any JSON object. */
export const object = <const O extends Options<JsonObject>>(o: O): FieldOf<JsonObject, O> =>
  make("object", () => v.pipe(plainObject, v.custom<JsonObject>(isJson, "must be JSON")), o);

/** What no other word says, a function too: whatever `is` takes. `about` ends the sentence "must be …". */
export const custom = <T, const O extends Options<NoInfer<T>>>(is: (value: unknown) => value is T, o: O): FieldOf<T, O> =>
  make("custom", () => v.custom<T>(is, `must be ${o.about}`), o);

/** Whether a value is an object that is no list: what JSON calls an object. */
export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
/** What a table itself has under a key: not what every object has, as `constructor`. */
export const own = <T>(table: { readonly [key: string]: T }, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;
const plainObject = v.custom<any>(isObject, "must be an object");
const isJson = (value: unknown): boolean => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  return isObject(value) && Object.values(value).every(isJson);
};

export type Shape = Record<string, Field>;
export interface Fields<S extends Shape = any> {
  readonly shape: S;
}
export const fields = <S extends Shape>(shape: S): Fields<S> => ({ shape });

type OutOf<F> = F extends Field<any, infer O, any> ? O : never;
type InOf<F> = F extends Field<infer I, any, any> ? I : never;
type OptionalKeys<S> = { [K in keyof S]: S[K] extends Field<any, any, true> ? K : never }[keyof S];
/** Flattened: an intersection would let excess keys pass. */
export type Flat<T> = { [K in keyof T]: T[K] };
export type Output<C> = C extends Fields<infer S> ? { readonly [K in keyof S]: OutOf<S[K]> } : never;
export type Input<C> =
  C extends Fields<infer S>
    ? Flat<{ [K in Exclude<keyof S, OptionalKeys<S>>]: InOf<S[K]> } & { [K in OptionalKeys<S>]?: InOf<S[K]> }>
    : never;

/** What is wrong with a value, where, and what would have been right. */
export interface Problem {
  /** Keys from the value that was checked down to the fault. */
  readonly path: readonly (string | number)[];
  readonly kind: "unknown" | "missing" | "invalid";
  readonly message: string;
  /** The nearest right name, for an unknown key or name. */
  readonly suggestion?: string | undefined;
}

/** Checks a config against its fields and fills in defaults, also for a value that is wrong. All problems are found at once; never throws. */
export const check = <C extends Fields>(config: C, value: unknown): { value: Output<C>; problems: Problem[] } => {
  const problems: Problem[] = [];
  const out: Record<string, unknown> = {};
  const given: { readonly [key: string]: unknown } = isObject(value) ? value : {};
  if (value !== undefined && value !== null && !isObject(value)) problems.push({ path: [], kind: "invalid", message: "must be an object" });
  const names = Object.keys(config.shape);
  for (const key of Object.keys(given))
    if (!Object.hasOwn(config.shape, key)) {
      const suggestion = nearest(key, names);
      const known = names.length ? `known: ${names.join(", ")}` : "no key is known here";
      problems.push({ path: [key], kind: "unknown", message: `is not a known key (${known})`, suggestion });
    }
  for (const name of names) {
    const field: Field = config.shape[name];
    if (!Object.hasOwn(given, name) || (given[name] === undefined && field.optional)) {
      if (field.optional) out[name] = field.default;
      else problems.push({ path: [name], kind: "missing", message: `is required: ${field.about}` });
      continue;
    }
    const result = v.safeParse(field.schema, given[name], { abortEarly: false });
    if (result.success) out[name] = result.output;
    else {
      if (field.optional) out[name] = field.default;
      for (const issue of result.issues) {
        const below = (issue.path ?? []).map((p) => p.key as string | number);
        problems.push({ path: [name, ...below], kind: "invalid", message: issue.message });
      }
    }
  }
  return { value: out as Output<C>, problems };
};

const scalar = {
  string: "string",
  integer: "integer",
  number: "number",
  boolean: "boolean",
  select: "string",
  array: "array",
  object: "object",
};

/** The JSON Schema of one field. */
const fieldSchema = (name: string, field: Field): JsonObject => {
  const numeric = field.kind === "integer" || field.kind === "number";
  const [min, max] = numeric ? ["minimum", "maximum"] : field.kind === "array" ? ["minItems", "maxItems"] : ["minLength", "maxLength"];
  const type = field.kind === "json" || field.kind === "custom" ? undefined : scalar[field.kind];
  return {
    ...(type === undefined ? {} : { type: field.default === null ? [type, "null"] : type }),
    ...(name ? { title: title(name) } : {}),
    ...(field.about ? { description: field.about } : {}),
    ...(field.default === undefined || field.default === null ? {} : { default: field.default }),
    ...(field.min === undefined ? {} : { [min as string]: field.min }),
    ...(field.max === undefined ? {} : { [max as string]: field.max }),
    ...(field.options ? { enum: field.default === null ? [...field.options, null] : field.options } : {}),
    ...(field.kind === "array" && field.item ? { items: fieldSchema("", field.item) } : {}),
    ...(field.row ? { items: jsonSchema(field.row) } : {}),
    ...(field.kind === "object" && field.item ? { additionalProperties: fieldSchema("", field.item) } : {}),
    ...(field.widget ? { "x-ui-widget": field.widget } : {}),
  };
};

export const title = (name: string): string => name.replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());

/** The JSON Schema of a config: an object that takes no other key. */
export const jsonSchema = (config: Fields): JsonObject => {
  const entries = Object.entries(config.shape) as [string, Field][];
  const required = entries.filter(([, f]) => !f.optional).map(([name]) => name);
  return {
    type: "object",
    properties: Object.fromEntries(entries.map(([name, f]) => [name, fieldSchema(name, f)])),
    ...(required.length ? { required } : {}),
    additionalProperties: false,
  };
};

/** What a config is when nothing is set. Required fields are left out. */
export const defaults = <C extends Fields>(config: C): Partial<Output<C>> =>
  Object.fromEntries(
    (Object.entries(config.shape) as [string, Field][]).filter(([, f]) => f.optional).map(([name, f]) => [name, f.default]),
  ) as Partial<Output<C>>;
