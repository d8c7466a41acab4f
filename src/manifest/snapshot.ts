/** The form in which the Python program keeps a live pipeline, `PipelineSnapshot`: a manifest in other words. */
import { ConfigError, type Finding } from "../contract/errors.ts";
import { finding } from "../contract/findings.ts";
import type { ManifestDocument, StageEntry } from "../contract/manifest.ts";
import { asJson } from "../contract/message.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import { documentOf, EnvironmentManifest } from "./document.ts";
import { newEnvironmentId, timestamp } from "./identity.ts";
import { isObject } from "./json.ts";
import { entryOf } from "./whole.ts";

export type StageSnapshot = Omit<Required<StageEntry>, "active" | "config"> & {
  readonly is_active: boolean;
  readonly stage_config: JsonObject;
};
export type PipelineSnapshot = {
  readonly version: string;
  readonly pipeline_name: string;
  readonly created_at: string;
  readonly description: string;
  readonly pipeline_config: JsonObject;
  readonly model_config: JsonObject;
  readonly stages: readonly StageSnapshot[];
};
const VERSION = "2.0";

/**
 * A snapshot as a file or the wire has it, with what it leaves out filled in. A stage must say its `order`, its `name` and `is_active`. Throws
 * `ConfigError` with every finding. Unknown keys are left out.
 */
export const readSnapshot = (document: unknown): PipelineSnapshot => {
  const given = asJson(document);
  const findings: Finding[] = [];
  const wrong = (path: string, message: string) => void findings.push(finding("form.invalid", path, message));
  const object = isObject(given) ? given : {};
  if (!isObject(given)) wrong("", "must be a JSON object");
  const rows: Json = object.stages ?? [];
  if (!Array.isArray(rows)) wrong("stages", "must be a list of stages");
  for (const key of ["version", "pipeline_name", "created_at", "description"])
    if (object[key] !== undefined && typeof object[key] !== "string") wrong(key, "must be text");
  for (const key of ["pipeline_config", "model_config"])
    if (object[key] !== undefined && !isObject(object[key])) wrong(key, "must be an object");
  for (const [i, row] of (Array.isArray(rows) ? rows : []).entries())
    if (!isObject(row)) wrong(`stages[${i}]`, "must be an object");
    else for (const [key, type] of REQUIRED) if (typeof row[key] !== type) wrong(`stages[${i}].${key}`, `must be a ${type}`);
  if (findings.length) throw new ConfigError(findings);
  const read = object as Partial<PipelineSnapshot>;
  return {
    version: read.version ?? VERSION,
    pipeline_name: read.pipeline_name ?? "",
    created_at: read.created_at ?? "",
    description: read.description ?? "",
    pipeline_config: read.pipeline_config ?? {},
    model_config: read.model_config ?? {},
    stages: (read.stages ?? []).map(wholeStage),
  };
};
const REQUIRED = [
  ["order", "number"],
  ["name", "string"],
  ["is_active", "boolean"],
] as const;

const wholeStage = (row: Partial<StageSnapshot> & Pick<StageSnapshot, "order" | "name" | "is_active">): StageSnapshot => ({
  order: row.order,
  name: row.name,
  is_active: row.is_active,
  strategies: row.strategies ?? {},
  strategy_configs: row.strategy_configs ?? {},
  stage_config: row.stage_config ?? {},
  artifact: row.artifact ?? "default",
  tool_binding: row.tool_binding ?? null,
  model_override: row.model_override ?? null,
  chain_order: row.chain_order ?? {},
});

/** The snapshot that a manifest would be. It has the name of the manifest's preset, or else of the manifest; tools are not part of it. */
export const toSnapshot = (manifest: EnvironmentManifest | ManifestDocument): PipelineSnapshot => {
  const { metadata = {}, model, pipeline, stages } = manifest instanceof EnvironmentManifest ? manifest.toJSON() : manifest;
  return readSnapshot({
    pipeline_name: metadata.base_preset || metadata.name || "",
    created_at: metadata.created_at ?? "",
    description: metadata.description ?? "",
    pipeline_config: pipeline ?? {},
    model_config: model ?? {},
    stages: stages.map(({ active = true, config = {}, ...entry }) => ({ ...entry, is_active: active, stage_config: config })),
  });
};

export interface FromSnapshotOptions {
  readonly name?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  /** The manifest's `tools` block; a snapshot has none. */
  readonly tools?: JsonObject;
}
/** A new manifest of a snapshot, with an id of its own. Throws `ConfigError` as `readSnapshot` and `EnvironmentManifest.fromJSON`. */
export const fromSnapshot = (document: unknown, options: FromSnapshotOptions = {}): EnvironmentManifest => {
  const { pipeline_name, pipeline_config, model_config, stages } = readSnapshot(document);
  const { name = "", description = "", tags = [], tools = {} } = options;
  const entries = stages.map(({ is_active, stage_config, ...stage }) => entryOf({ ...stage, active: is_active, config: stage_config }));
  return EnvironmentManifest.fromJSON(
    documentOf(
      {
        metadata: { name, description, tags, base_preset: pipeline_name },
        model: model_config,
        pipeline: pipeline_config,
        stages: entries,
        tools,
      },
      newEnvironmentId(),
      timestamp(Date.now()),
    ),
  );
};
