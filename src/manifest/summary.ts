/** One line of a list of environments. */
import type { Json, JsonObject } from "../contract/schema.ts";
import { listOf, objectOf } from "./json.ts";

export interface EnvironmentSummary {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly model: string;
  /** Entries as the file has them. */
  readonly stageCount: number;
  /** Entries of `tools.built_in` and `tools.adhoc`; `["*"]` is one. */
  readonly toolCount: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const textOf = (value: Json | undefined, missing = ""): string => (typeof value === "string" ? value : value === undefined ? missing : "");

/** Of any JSON object; what has the wrong form is empty. */
export const summaryOf = (document: JsonObject, id: string): EnvironmentSummary => {
  const [metadata, model, tools] = [objectOf(document.metadata), objectOf(document.model), objectOf(document.tools)];
  return {
    id,
    name: textOf(metadata.name, "Unnamed"),
    description: textOf(metadata.description),
    tags: listOf(metadata.tags).filter((tag) => typeof tag === "string"),
    model: textOf(model.model),
    stageCount: listOf(document.stages).length,
    toolCount: listOf(tools.built_in).length + listOf(tools.adhoc).length,
    createdAt: textOf(metadata.created_at),
    updatedAt: textOf(metadata.updated_at),
  };
};
