/** What Gemini refuses in a function's declaration: `parameters` is a schema of its own kind, `parametersJsonSchema` is JSON Schema. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { isObject, type WireError } from "./wire.ts";

const declarationNames = ["behavior", "description", "name", "parameters", "parametersJsonSchema", "response", "responseJsonSchema"];
const schemaNames = [
  "anyOf",
  "default",
  "description",
  "enum",
  "example",
  "format",
  "items",
  "maxItems",
  "maxLength",
  "maxProperties",
  "maximum",
  "minItems",
  "minLength",
  "minProperties",
  "minimum",
  "nullable",
  "pattern",
  "properties",
  "propertyOrdering",
  "required",
  "title",
  "type",
];

export const functionName = /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/;

export function unknownName(body: JsonObject, known: readonly string[], at: string): WireError | null {
  const name = Object.keys(body).find((key) => !known.includes(key));
  if (name === undefined) return null;
  return { status: 400, message: `Invalid JSON payload received. Unknown name "${name}"${at ? ` at '${at}'` : ""}: Cannot find field.` };
}

export function refuseDeclaration(declaration: JsonObject, at: string): WireError | null {
  const unknown = unknownName(declaration, declarationNames, at);
  if (unknown) return unknown;
  const { name, parameters, parametersJsonSchema } = declaration;
  if (typeof name !== "string" || !functionName.test(name))
    return {
      status: 400,
      message: `* GenerateContentRequest.${at}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.\n`,
    };
  if (parameters !== undefined && parametersJsonSchema !== undefined)
    return { status: 400, message: `* GenerateContentRequest.${at}: only one of parameters and parameters_json_schema may be set.\n` };
  return parameters === undefined ? null : refuseSchema(parameters, `${at}.parameters`);
}

function refuseSchema(schema: Json, at: string): WireError | null {
  if (!isObject(schema))
    return { status: 400, message: `Invalid value at '${at}' (type.googleapis.com/google.ai.generativelanguage.Schema)` };
  const unknown = unknownName(schema, schemaNames, at);
  if (unknown) return unknown;
  if (Array.isArray(schema.type))
    return {
      status: 400,
      message: `Invalid JSON payload received. Unknown name "type" at '${at}': Proto field is not repeating, cannot start list.`,
    };
  const nested: readonly [Json, string][] = [
    ...(isObject(schema.properties)
      ? Object.entries(schema.properties).map(([key, value]): [Json, string] => [value, `${at}.properties[${key}].value`])
      : []),
    ...(schema.items === undefined ? [] : [[schema.items, `${at}.items`] as [Json, string]]),
    ...(Array.isArray(schema.anyOf) ? schema.anyOf.map((value: Json, i): [Json, string] => [value, `${at}.any_of[${i}]`]) : []),
  ];
  for (const [value, path] of nested) {
    const refused = refuseSchema(value, path);
    if (refused) return refused;
  }
  return null;
}
