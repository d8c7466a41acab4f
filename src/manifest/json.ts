/** Words for JSON values. */
import { isObject, type Json, type JsonObject } from "../contract/schema.ts";

export { isObject };

/** Empty for what is no object. */
export const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});
/** Empty for what is no list. */
export const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

export type Path = readonly (string | number)[];
/** The value with its texts changed: `change` is given each and the keys down to it. Keys stay as they are; the input is not touched. */
export const mapTexts = (value: Json, change: (text: string, path: Path) => string, path: Path = []): Json => {
  if (typeof value === "string") return change(value, path);
  if (Array.isArray(value)) return value.map((item, i) => mapTexts(item, change, [...path, i]));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change, [...path, key])]));
};
