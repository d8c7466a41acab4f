/** Checks a call's input against its tool's schema: any Standard Schema, or raw JSON Schema. */
import type { OutputUnit } from "@cfworker/json-schema";
import type { JsonObject } from "../contract/schema.ts";
import { uncheckable } from "../contract/schema-fault.ts";
import type { StandardSchema, Tool } from "../contract/tool.ts";

export type Checked =
  | { readonly ok: true; readonly input: unknown }
  | { readonly ok: false; readonly reason: string; readonly path: string };
type Check = (input: unknown) => Checked | Promise<Checked>;

export const isStandard = <I>(schema: StandardSchema<I> | JsonObject): schema is StandardSchema<I> => {
  const standard: unknown = "~standard" in schema ? schema["~standard"] : undefined;
  return typeof standard === "object" && standard !== null && "validate" in standard && typeof standard.validate === "function";
};

/** Undefined when the schema's library cannot give one. */
export const jsonSchemaOf = (schema: StandardSchema | JsonObject): JsonObject | undefined =>
  isStandard(schema) ? (schema["~standard"].jsonSchema?.input({ target: "draft-2020-12" }) as JsonObject | undefined) : schema;

const ROOT = "<root>";
const checks = new WeakMap<Tool, Check>();

/** The input as the tool gets it, or the first faults with the path of the first, dotted, `<root>` for the input itself. */
export const validate = (tool: Tool, input: unknown): Checked | Promise<Checked> => {
  const known = checks.get(tool);
  if (known) return known(input);
  const remember = (check: Check) => {
    checks.set(tool, check);
    return check(input);
  };
  return isStandard(tool.input) ? remember(standardCheck(tool.input)) : jsonCheck(tool.input).then(remember);
};

export const standardCheck = (schema: StandardSchema): Check => {
  const told = (result: Awaited<ReturnType<StandardSchema["~standard"]["validate"]>>): Checked => {
    if (!result.issues) return { ok: true, input: result.value };
    const faults = result.issues.map(({ message, path = [] }) => ({
      message,
      path: path.map((key) => String(typeof key === "object" ? key.key : key)).join(".") || ROOT,
    }));
    return refused(faults);
  };
  return (input) => {
    const result = schema["~standard"].validate(input);
    return result instanceof Promise ? result.then(told) : told(result);
  };
};

/** Keywords that only say that something below them is wrong. */
const WRAPPERS = new Set(["properties", "patternProperties", "items", "prefixItems", "$ref", "allOf", "if", "false"]);

/** Why a tool's inputs are not checked; undefined when they are. */
export const unchecked = ({ input }: Tool): string | undefined => (isStandard(input) ? undefined : uncheckable(input, "input_schema"));

/** For a schema that cannot be compiled: whoever wrote it has to see what it gets. */
const passing: Check = (input) => ({ ok: true, input });

/** The library is loaded with the first tool that needs it, and a tool's validator is made once. */
const jsonCheck = async (given: JsonObject): Promise<Check> => {
  if (uncheckable(given, "input_schema") !== undefined) return passing;
  const { Validator } = await import("@cfworker/json-schema");
  const schema = structuredClone(given); // it is marked all over
  try {
    return validating(new Validator(schema, "2020-12", true), new Validator(schema, "2020-12", false));
  } catch {
    return passing;
  }
};

interface Validating {
  validate(input: unknown): { readonly valid: boolean; readonly errors: readonly OutputUnit[] };
}
const validating =
  (quick: Validating, thorough: Validating): Check =>
  (input) => {
    let errors: readonly OutputUnit[];
    try {
      if (quick.validate(input).valid) return { ok: true, input };
      errors = thorough.validate(input).errors;
    } catch {
      return passing(input); // a part that is compiled when it is come upon
    }
    const faults = errors.filter((e) => !WRAPPERS.has(e.keyword));
    return refused((faults.length ? faults : errors).map((e) => ({ message: e.error, path: dotted(e.instanceLocation) })));
  };

/** `#/a/1/b` → `a.1.b` */
const dotted = (pointer: string): string =>
  pointer
    .slice(2)
    .split("/")
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(".") || ROOT;

const refused = (faults: readonly { readonly message: string; readonly path: string }[]): Checked => ({
  ok: false,
  reason: faults
    .slice(0, 5)
    .map(({ message, path }) => (path === ROOT ? message : `${path}: ${message}`))
    .join(" "),
  path: faults[0]?.path ?? ROOT,
});
