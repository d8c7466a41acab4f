/** Where a value does not fit a JSON Schema. */
import type { Json, JsonObject } from "../../contract/schema.ts";

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
