/** What is wrong with a JSON Schema. */
import { didYouMean, nearest } from "./nearest.ts";
import { isObject, type Json, type JsonObject, own } from "./schema.ts";

const TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"];
const ONE = [
  "not",
  "if",
  "then",
  "else",
  "contains",
  "propertyNames",
  "additionalProperties",
  "additionalItems",
  "unevaluatedItems",
  "unevaluatedProperties",
];
const LIST = ["allOf", "anyOf", "oneOf", "prefixItems"];
const MAP = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
const COUNT = ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"];
const NUMBER = ["minimum", "maximum", "multipleOf"];

/** Why a JSON Schema cannot be one, with its path; undefined when nothing is found. */
export const schemaFault = (schema: unknown, path = "schema"): string | undefined => {
  if (typeof schema === "boolean") return undefined;
  if (!isObject(schema)) return `${path} must be an object or a boolean`;
  for (const [key, value] of Object.entries(schema)) {
    const fault = keywordFault(key, value, `${path}.${key}`);
    if (fault) return fault;
  }
  return undefined;
};

const keywordFault = (key: string, value: Json, path: string): string | undefined => {
  if (key === "type") return typeFault(value, path);
  if (ONE.includes(key)) return schemaFault(value, path);
  if (key === "items") return Array.isArray(value) ? listFault(value, path) : schemaFault(value, path);
  if (LIST.includes(key)) return Array.isArray(value) ? listFault(value, path) : `${path} must be a list of schemas`;
  if (MAP.includes(key)) {
    if (!isObject(value)) return `${path} must be an object of schemas`;
    const named = key === "patternProperties" ? Object.keys(value).map((name) => patternFault(name, `${path}.${name}`)) : [];
    return firstOf([...named, ...Object.entries(value).map(([name, schema]) => schemaFault(schema, `${path}.${name}`))]);
  }
  if (key === "required")
    return Array.isArray(value) && value.every((v) => typeof v === "string") ? undefined : `${path} must be a list of names`;
  if (key === "enum") return Array.isArray(value) ? undefined : `${path} must be a list`;
  if (COUNT.includes(key)) return Number.isInteger(value) && Number(value) >= 0 ? undefined : `${path} must be a whole number, 0 or more`;
  if (NUMBER.includes(key)) return typeof value === "number" ? undefined : `${path} must be a number`;
  if (key === "pattern") return patternFault(value, path);
  return undefined;
};

const firstOf = (faults: readonly (string | undefined)[]) => faults.find((fault) => fault !== undefined);
const listFault = (schemas: readonly Json[], path: string) => firstOf(schemas.map((schema, i) => schemaFault(schema, `${path}[${i}]`)));

const typeFault = (value: Json, path: string): string | undefined => {
  const names = Array.isArray(value) ? value : [value];
  const wrong = names.find((name) => !TYPES.includes(name as string));
  if (wrong === undefined) return undefined;
  const near = typeof wrong === "string" ? nearest(wrong, TYPES) : undefined;
  return `${path}: ${JSON.stringify(wrong)} is no type (known: ${TYPES.join(", ")})${near ? "." : ""}${didYouMean(near)}`;
};

const patternFault = (value: Json, path: string): string | undefined => {
  try {
    if (typeof value === "string" && new RegExp(value, "u")) return undefined;
  } catch {
    // told below
  }
  return `${path} is no regular expression`;
};

/** Why no value can be held to a schema: a fault, or a reference within it that leads nowhere. */
export const uncheckable = (schema: JsonObject, path: string): string | undefined =>
  schemaFault(schema, path) ?? strayReference(schema, schema, path);

/** A `$ref` by pointer; what an anchor or another document is called is not looked up. */
const strayReference = (value: Json, root: JsonObject, path: string): string | undefined => {
  if (Array.isArray(value)) return firstOf(value.map((item: Json, i) => strayReference(item, root, `${path}[${i}]`)));
  if (!isObject(value)) return undefined;
  const { $ref } = value;
  if (typeof $ref === "string" && /^#\//.test($ref) && !leads($ref, root)) return `${path}.$ref: nothing stands at ${JSON.stringify($ref)}`;
  return firstOf(Object.entries(value).map(([key, item]) => strayReference(item, root, `${path}.${key}`)));
};

const leads = (reference: string, root: JsonObject): boolean => {
  let at: Json | undefined = root;
  for (const step of reference.split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    at = Array.isArray(at) ? at[Number(key)] : isObject(at) ? own(at, key) : undefined;
    if (at === undefined) return /%/.test(step); // one that is written in another way is not judged
  }
  return true;
};
