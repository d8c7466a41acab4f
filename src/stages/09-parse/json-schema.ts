/** JSON Schema: what is wrong with one, and what is wrong with a value. */
import { nearest } from "../../contract/nearest.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";

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

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

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
    return firstOf(Object.entries(value).map(([name, schema]) => schemaFault(schema, `${path}.${name}`)));
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
  return `${path}: ${JSON.stringify(wrong)} is no type (known: ${TYPES.join(", ")})${near ? `. Did you mean "${near}"?` : ""}`;
};

const patternFault = (value: Json, path: string): string | undefined => {
  try {
    if (typeof value === "string" && new RegExp(value, "u")) return undefined;
  } catch {
    // told below
  }
  return `${path} is no regular expression`;
};

const DRAFTS = ["2020-12", "2019-09", "4"] as const;

/** Where a value does not fit: path and reason of the deepest fault; undefined when it fits. Draft 7, unless `$schema` says otherwise. */
export const mismatch = async (schema: JsonObject, value: Json): Promise<{ path: string; reason: string } | undefined> => {
  const { Validator } = await import("@cfworker/json-schema");
  const draft = DRAFTS.find((d) => String(schema.$schema ?? "").includes(d === "4" ? "draft-04" : d)) ?? "7";
  const { valid, errors } = new Validator(structuredClone(schema), draft, false).validate(value);
  if (valid) return undefined;
  const deepest = errors.reduce((a, b) => (depth(b.instanceLocation) > depth(a.instanceLocation) ? b : a));
  return { path: named(deepest.instanceLocation), reason: deepest.error };
};

const steps = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"));
const depth = (pointer: string): number => steps(pointer).length;
const named = (pointer: string): string => steps(pointer).join(".") || "<root>";
