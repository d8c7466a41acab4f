/** Reading JSON that somebody else wrote: a value of the wrong kind is as good as none. */
import { isObject, type Json, type JsonObject } from "../contract/schema.ts";

export { isObject };

export const object = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
export const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
export const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");
export const textOrNull = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);
export const count = (value: Json | undefined): number | undefined => (typeof value === "number" && value >= 0 ? value : undefined);

/** Undefined for what is no JSON. */
export const parsed = (source: string): Json | undefined => {
  try {
    return JSON.parse(source) as Json;
  } catch {
    return undefined;
  }
};
