/** The JSON Schema of a whole manifest, for editors and for checks outside of this library. */
import { ConfigError } from "../contract/errors.ts";
import { type Fields, type JsonObject, jsonSchema } from "../contract/schema.ts";
import type { Placed } from "../engine/plan.ts";
import { PLACES } from "./artifacts.ts";
import { ENTRY, EXTERNAL, HOST_SELECTIONS, MCP_SERVER, MEMORY, METADATA, SUBAGENT, TOOL_BINDING, TOOLS, TOP } from "./blocks.ts";
import { stageFindings } from "./define.ts";
import { VERSIONS } from "./form.ts";
import { isStage, nameSchema, open, type StageParts, stageSchema } from "./json-schema-stages.ts";
import { MODEL, PIPELINE_SETTINGS } from "./settings.ts";

export interface SchemaParts {
  /** Names to complete in `tools.built_in`; others are allowed too. */
  readonly builtInTools?: readonly string[];
}

const DRAFT = "http://json-schema.org/draft-07/schema#";
const MEMORIES = [
  ["file", "files in a folder"],
  ["sql", "a database"],
  ["ephemeral", "nothing outlives the process"],
  ["composite", "several of them together"],
] as const;
/** Also known in other spellings. */
const TRANSPORTS = ["stdio", "http", "sse", "streamable-http", "streamable_http"];

const ref = (name: string): JsonObject => ({ $ref: `#/definitions/${name}` });
/** The block with some of its keys told in more detail. */
const detailed = (fields: Fields, details: { readonly [key: string]: JsonObject }): JsonObject => {
  const block = open(fields);
  const plain = Object.entries(block.properties ?? {}) as [string, JsonObject][];
  return {
    ...block,
    properties: Object.fromEntries(
      plain.map(([key, schema]) => [key, { ...schema, ...(Object.hasOwn(details, key) ? details[key] : {}) }]),
    ),
  };
};
/** In place of a block's free-form object that may be null. */
const orNull = (schema: JsonObject): JsonObject => ({ type: ["object", "null"], anyOf: [schema, { type: "null" }] });

/**
 * The schema (draft 7) of a manifest. `stages`: definitions in place of ours by stage name, as `Pipeline.fromManifest` takes them, so that it
 * knows a host's own strategies too; throws `ConfigError` for a name that no stage has. Unknown keys are allowed where a manifest may have them:
 * not among slots, and not in a strategy's config.
 */
export const manifestSchema = (
  stages: { readonly [name: string]: StageParts } = {},
  { builtInTools = [] }: SchemaParts = {},
): JsonObject => {
  const findings = stageFindings(stages);
  if (findings.length) throw new ConfigError(findings);
  const used = PLACES.map((placed) => ({ placed, stage: stages[placed.stage.name] ?? placed.stage }));
  return {
    $schema: DRAFT,
    title: "geny environment",
    description: "A pipeline as one document: its model, settings, stages and tools.",
    ...detailed(TOP, {
      version: { anyOf: [{ enum: [...VERSIONS].reverse() }, { type: ["string", "number"] }], type: ["string", "number"] },
      metadata: open(METADATA),
      model: ref("model"),
      pipeline: open(PIPELINE_SETTINGS),
      stages: { items: ref("stage") },
      tools: toolsSchema(builtInTools),
      host_selections: { ...open(HOST_SELECTIONS), type: ["object", "null"] },
      subagents: { items: detailed(SUBAGENT, { model_override: orNull(ref("model")), manifest: orNull({ $ref: "#" }) }) },
      memory: detailed(MEMORY, { provider: nameSchema(MEMORIES) }),
    }),
    definitions: {
      model: open(MODEL),
      stage: entrySchema(used),
      ...Object.fromEntries(used.map(({ stage }) => [`stage_${stage.name}`, stageSchema(stage)])),
    },
  };
};

const toolsSchema = (builtIn: readonly string[]): JsonObject =>
  detailed(TOOLS, {
    built_in: { items: { anyOf: [{ enum: ["*", ...builtIn] }, { type: "string" }] } },
    mcp_servers: {
      items: detailed(MCP_SERVER, { transport: { enum: TRANSPORTS } }),
    },
    external: { items: { anyOf: [{ type: "string" }, open(EXTERNAL)] } },
  });

/** An inactive entry may be called `stage_N`, as older snapshots do. */
const entrySchema = (stages: readonly { readonly placed: Placed; readonly stage: StageParts }[]): JsonObject => ({
  ...detailed(ENTRY, {
    name: {
      anyOf: [
        ...stages.map(({ stage: { name, about } }) => ({ const: name, description: about })),
        { pattern: "^(stage_\\d+|\\d+|s\\d\\d_\\w+)$" },
      ],
    },
    tool_binding: orNull(jsonSchema(TOOL_BINDING)),
    model_override: orNull(ref("model")),
  }),
  allOf: stages.map(({ placed, stage }) => ({
    if: isStage(placed),
    // biome-ignore lint/suspicious/noThenProperty: the word of JSON Schema
    then: ref(`stage_${stage.name}`),
  })),
});
