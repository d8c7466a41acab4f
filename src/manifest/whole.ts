/** What a file may leave out, filled in; and every key in its place. */
import type { ManifestDocument, StageEntry } from "../contract/manifest.ts";
import { defaults, type Json, type JsonObject } from "../contract/schema.ts";
import { ENTRY, EXTERNAL, HOST_SELECTIONS, MCP_SERVER, MEMORY, METADATA, ordered, SUBAGENT, TOOL_BINDING, TOOLS, TOP } from "./blocks.ts";
import { MODEL, PIPELINE_SETTINGS } from "./settings.ts";

export const VERSION = "3.0";

/** A whole entry, as files have it. */
export const entryOf = (given: StageEntry): StageEntry => ({ ...defaults(ENTRY), tool_binding: null, model_override: null, ...given });

const { extras: _, ...SELECTIONS } = defaults(HOST_SELECTIONS);
const { core_overrides: __, ...NO_TOOLS } = defaults(TOOLS);

/** A whole document. Stage entries stay as sparse as they are. */
export const wholeOf = (given: Partial<ManifestDocument>): ManifestDocument => ({
  ...given,
  version: given.version ?? VERSION,
  metadata: { ...defaults(METADATA), ...given.metadata },
  model: given.model ?? {},
  pipeline: given.pipeline ?? {},
  stages: given.stages ?? [],
  tools: { ...NO_TOOLS, ...given.tools },
  host_selections: { ...SELECTIONS, ...given.host_selections },
});

type Orderly = (value: Json) => Json;
const object =
  (fields: Parameters<typeof ordered>[0], inside: { readonly [key: string]: Orderly } = {}): Orderly =>
  (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return ordered(fields, value as JsonObject, (key, item) => (Object.hasOwn(inside, key) ? (inside[key]?.(item) ?? item) : item));
  };
const each =
  (item: Orderly): Orderly =>
  (value) =>
    Array.isArray(value) ? value.map(item) : value;

const model = object(MODEL);
const document = object(TOP, {
  metadata: object(METADATA),
  model,
  pipeline: object(PIPELINE_SETTINGS),
  stages: each(object(ENTRY, { tool_binding: object(TOOL_BINDING), model_override: model })),
  tools: object(TOOLS, { mcp_servers: each(object(MCP_SERVER)), external: each(object(EXTERNAL)) }),
  host_selections: object(HOST_SELECTIONS),
  subagents: each(object(SUBAGENT, { model_override: model })),
  memory: object(MEMORY),
});
/** The document with every key in its place: known ones in the order of the form, the others after them as they came. */
export const arranged = (given: ManifestDocument): ManifestDocument => document(given as JsonObject) as ManifestDocument;
