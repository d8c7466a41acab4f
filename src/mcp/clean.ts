/** Secrets struck out of JSON: of each text by itself, so that it stays JSON. Numbers are no secrets. */
import type { Json, JsonObject } from "../contract/schema.ts";

type Clean = (text: string) => string;

/** Of its texts and its keys. */
export const cleanJson = (value: Json, clean: Clean): Json => walk(value, clean, clean);

/** Of what it says; the names that it gives and refers to stay, so that it remains the schema of the same values. */
export const cleanSchema = (schema: JsonObject, clean: Clean): JsonObject => entries(schema, clean, (name) => name);

const walk = (value: Json, clean: Clean, named: Clean): Json => {
  if (typeof value === "string") return clean(value);
  if (typeof value !== "object" || value === null) return value;
  return isList(value) ? value.map((item) => walk(item, clean, named)) : entries(value, clean, named);
};
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

const entries = (value: JsonObject, clean: Clean, named: Clean): JsonObject =>
  Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const names = named !== clean && ((key === "required" && isList(item)) || (key === "$ref" && typeof item === "string"));
      return [named(key), names ? item : walk(item, clean, named)];
    }),
  );
