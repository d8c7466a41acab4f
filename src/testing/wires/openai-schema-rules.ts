/** What OpenAI refuses of the schema that an answer is to be held to. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { bad, missing } from "./openai.ts";
import { isObject, objects, type WireError } from "./wire.ts";

/** Words of JSON Schema that a strict schema may not hold. */
const foreign = [
  "allOf",
  "oneOf",
  "not",
  "if",
  "then",
  "else",
  "default",
  "patternProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "unevaluatedProperties",
  "dependentRequired",
  "dependentSchemas",
  "uniqueItems",
  "contains",
];

/** `format` as it stands in `text`. */
export function refuseFormat(format: Json | undefined): WireError | null {
  if (!isObject(format) || format.type !== "json_schema") return null;
  const at = "text.format";
  const { name, schema, strict } = format;
  if (name === undefined) return missing(`${at}.name`);
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(String(name)))
    return bad(
      `Invalid '${at}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
      `${at}.name`,
      "invalid_value",
    );
  if (!isObject(schema)) return missing(`${at}.schema`);
  const refuse = (what: string) =>
    bad(`Invalid schema for response_format '${String(name)}': ${what}`, `${at}.schema`, "invalid_json_schema");
  if (schema.type !== "object") {
    const type = schema.type === undefined ? "None" : String(schema.type);
    return refuse(`schema must be a JSON Schema of 'type: "object"', got 'type: "${type}"'.`);
  }
  const problem = strict === true ? loose(schema, []) : null;
  return problem === null ? null : refuse(problem);
}

/** Why a schema is not strict; null when it is. */
function loose(schema: JsonObject, path: readonly string[]): string | null {
  const context = `In context=(${path.map((step) => `'${step}'`).join(", ")})`;
  const word = foreign.find((key) => key in schema);
  if (word) return `${context}, '${word}' is not permitted.`;
  if (!["type", "$ref", "anyOf"].some((key) => key in schema)) return `${context}, schema must have a 'type' key.`;
  const properties = isObject(schema.properties) ? schema.properties : {};
  if (schema.type === "object" && schema.additionalProperties !== false)
    return `${context}, 'additionalProperties' is required to be supplied and to be false.`;
  const required = Array.isArray(schema.required) ? schema.required : [];
  const optional = schema.type === "object" ? Object.keys(properties).find((key) => !required.includes(key)) : undefined;
  if (optional !== undefined)
    return `${context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${optional}'.`;
  const below: readonly (readonly [readonly string[], JsonObject])[] = [
    ...Object.entries(properties).flatMap(([key, inner]) => (isObject(inner) ? [[["properties", key], inner] as const] : [])),
    ...Object.entries(isObject(schema.$defs) ? schema.$defs : {}).flatMap(([key, inner]) =>
      isObject(inner) ? [[["$defs", key], inner] as const] : [],
    ),
    ...(isObject(schema.items) ? [[["items"], schema.items] as const] : []),
    ...objects(schema.anyOf).map((inner, i) => [["anyOf", String(i)], inner] as const),
  ];
  for (const [steps, inner] of below) {
    const problem = loose(inner, [...path, ...steps]);
    if (problem !== null) return problem;
  }
  return null;
}
