/** JSON Schema as OpenAI takes it: for a tool, and for an answer that the server holds to it. */
import type { Json, JsonObject } from "../contract/schema.ts";
import { isObject, list, object, text } from "./json.ts";

/** Refused at the top of a tool's schema, whether strict or not. The tool's own validation still holds. */
const NOT_AT_TOP = new Set(["anyOf", "oneOf", "allOf", "not", "enum"]);

export const parametersOf = (schema: JsonObject): JsonObject => ({
  type: "object",
  properties: {},
  ...Object.fromEntries(Object.entries(schema).filter(([key]) => !NOT_AT_TOP.has(key))),
});

/** The words of a schema that the server can hold an answer to. Any other makes it refuse the whole. */
const WORDS = new Set([
  "$schema",
  "$defs",
  "definitions",
  "title",
  "description",
  "type",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "anyOf",
  "enum",
  "const",
  "pattern",
  "format",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
]);
const FORMATS = new Set(["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"]);
const DEPTH = 10;

/** Whether the server can hold an answer to the schema: every object is closed, and each of its properties required. */
export const holds = (schema: JsonObject): boolean => schema.anyOf === undefined && strict(schema, 0);

const strict = (value: Json | undefined, depth: number): boolean => {
  if (!isObject(value) || depth > DEPTH) return false;
  if (value.$ref !== undefined) return text(value.$ref).startsWith("#") && Object.keys(value).length === 1;
  if (Object.keys(value).some((word) => !WORDS.has(word)) || (value.type === undefined && value.anyOf === undefined)) return false;
  if (value.format !== undefined && !FORMATS.has(text(value.format))) return false;
  const below = (inner: Json | undefined) => strict(inner, depth + 1);
  const types = [value.type, ...list(value.type)];
  return (
    list(value.anyOf).every(below) &&
    [value.$defs, value.definitions].every((defs) => Object.values(object(defs)).every((inner) => strict(inner, depth))) &&
    (!types.includes("array") || below(value.items)) &&
    (!types.includes("object") || closed(value, below))
  );
};

const closed = ({ properties, required, additionalProperties }: JsonObject, below: (inner: Json) => boolean): boolean => {
  const inner = Object.entries(object(properties));
  const names = list(required);
  return (
    additionalProperties === false && inner.length === names.length && inner.every(([name, one]) => names.includes(name) && below(one))
  );
};
