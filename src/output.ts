/** What a run's answer must match: a schema as hosts write it, what the model is asked for, and what the host gets. */
import { type Finding, type FindingCode, GenyExecutorError } from "./contract/errors.ts";
import { finding } from "./contract/findings.ts";
import type { Json, JsonObject } from "./contract/schema.ts";
import { schemaFault } from "./contract/schema-fault.ts";
import type { StandardSchema } from "./contract/tool.ts";
import { mismatch } from "./stages/09-parse/json-schema.ts";
import { isStandard, jsonSchemaOf, standardCheck } from "./tools/validate.ts";

/** Any Standard Schema that has a JSON Schema, or a raw JSON Schema. */
export type OutputSchema<O = unknown> = StandardSchema<O> | JsonObject;

/** What is wrong with a schema, before anything runs. */
export const outputFindings = (schema: OutputSchema): Finding[] => {
  const wrong = (code: FindingCode, message: string): Finding[] => [finding(code, "options.output", message)];
  if (typeof schema !== "object" || schema === null) return wrong("option.invalid", "must be a Standard Schema or a JSON Schema");
  const json = jsonSchemaOf(schema);
  if (!json) return wrong("option.invalid", "its schema library cannot give a JSON Schema: give the JSON Schema itself");
  const fault = schemaFault(json, "options.output");
  return fault ? wrong("option.invalid", fault) : [];
};

export const wantedOf = (schema: OutputSchema | undefined): JsonObject | null => (schema && jsonSchemaOf(schema)) ?? null;

/**
 * The answer as the host's schema makes it, which may do more than a JSON Schema says. Throws `exec.output.invalid` when there is none that
 * fits; `error`: what the last answer had wrong.
 */
export const outputOf = async (schema: OutputSchema, found: Json, error: string | null): Promise<unknown> => {
  if (error !== null) throw invalid(error);
  if (!isStandard(schema)) {
    const wrong = await mismatch(schema, found);
    if (wrong) throw invalid(`schema mismatch at ${wrong.path}: ${wrong.reason}`);
    return found;
  }
  const checked = await standardCheck(schema)(found);
  if (!checked.ok) throw invalid(checked.reason);
  return checked.input;
};

const invalid = (reason: string): GenyExecutorError =>
  new GenyExecutorError(
    `The turn ended without an answer that matches \`output\`: ${reason}. Its words are in \`error.result\`; a simpler schema may help.`,
    { code: "exec.output.invalid" },
  );
