/**
 * JSON Schema in the words of Google's own Schema, for versions of the API that do not take JSON Schema as it is. What has no word there is
 * left out: the tool's own validation still holds.
 */
import type { Json, JsonObject } from "../contract/schema.ts";
import { isObject, list, object, text } from "./json.ts";

const SAME = [
  "title",
  "description",
  "format",
  "pattern",
  "default",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "minProperties",
  "maxProperties",
  "required",
];
/** References are followed this deep, and none into itself: beyond that, any value is allowed. */
const DEPTH = 5;

/** Null for an object without properties: the wire wants none declared then. */
export const parametersOf = (schema: Json | undefined): JsonObject | null => {
  const root = object(schema);
  return Object.keys(object(root.properties)).length ? translated(root, root, []) : null;
};

export const schemaOf = (schema: JsonObject): JsonObject => translated(schema, schema, []);

/** `within`: the references that led here. */
const translated = (schema: JsonObject, root: JsonObject, within: readonly string[]): JsonObject => {
  const reference = text(schema.$ref);
  if (within.includes(reference) || within.length > DEPTH) return {};
  if (reference) return translated(resolved(schema, root), root, [...within, reference]);
  const below = (inner: Json): JsonObject => translated(object(inner), root, within);
  const types = typesOf(schema);
  const variants = [...list(schema.anyOf), ...list(schema.oneOf)];
  const nullable = types.includes("null") || variants.some((variant) => object(variant).type === "null");
  const real = types.filter((type) => type !== "null");
  const [type] = real;
  const choices = variants.filter((variant) => object(variant).type !== "null").map(below);
  const anyOf = choices.length ? choices : real.length > 1 ? real.map((one) => ({ type: one.toUpperCase() })) : [];
  const options = schema.const === undefined ? list(schema.enum) : [schema.const];
  const properties = object(schema.properties);
  return {
    ...Object.fromEntries(SAME.flatMap((key) => (schema[key] === undefined ? [] : [[key, schema[key]]]))),
    ...(real.length === 1 && type ? { type: type.toUpperCase() } : {}),
    ...(anyOf.length ? { anyOf } : {}),
    ...(nullable ? { nullable } : {}),
    // The wire has enumerations of texts only.
    ...(options.length && options.every((option) => typeof option === "string") ? { type: "STRING", enum: options } : {}),
    ...(isObject(schema.items) ? { items: below(schema.items) } : type === "array" ? { items: {} } : {}),
    ...(Object.keys(properties).length
      ? { properties: Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, below(inner)])) }
      : {}),
  };
};

const typesOf = ({ type }: JsonObject): readonly string[] => (typeof type === "string" ? [type] : list(type).map(text));

/** A schema with what its reference within the document says; words beside the reference win. */
const resolved = (schema: JsonObject, root: JsonObject): JsonObject => {
  const { $ref, ...own } = schema;
  if (!text($ref).startsWith("#")) return own;
  let found: Json | undefined = root;
  for (const step of text($ref).split("/").slice(1))
    found = object(found)[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")];
  return { ...object(found), ...own };
};
