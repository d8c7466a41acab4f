/** The blocks of a manifest beside `model` and `pipeline`: their keys, in the order in which they are written, defaults and kinds. */
export { MCP_SERVER } from "../contract/mcp.ts";

import { type Fields, fields, flag, int, type Json, type JsonObject, json, list, object, record, text } from "../contract/schema.ts";

const word = (about: string) => text({ about });
const line = (about: string) => text({ about, default: "" });
const free = (about: string) => object({ about, default: {} });
const names = (about: string) => list(word("a name"), { about, default: [] });
const chosen = (about: string) => list(word('a name; `["*"]` for all'), { about, default: ["*"] });

export const METADATA = fields({
  id: line('"env_" and eight hexadecimal digits'),
  name: line("the environment's name"),
  description: line("what it is for"),
  author: line("who made it"),
  tags: names("words to find it by"),
  created_at: line("when it was made: UTC, ISO 8601"),
  updated_at: line("when it was changed: UTC, ISO 8601"),
  base_preset: line("the preset that it was made from"),
});

export const ENTRY = fields({
  order: int({ about: "place among the stages; what counts is the name", default: 0 }),
  name: word("the stage"),
  active: flag({ about: "false: the stage is passed by, and its settings are kept", default: true }),
  artifact: text({ about: 'the stage\'s make; "default" but for older files', default: "default" }),
  strategies: record(word("a strategy"), { about: "slot → strategy", default: {} }),
  strategy_configs: record(object({ about: "config" }), { about: "slot → its strategy's config; chain → item → config", default: {} }),
  config: free("the stage's own config"),
  tool_binding: object({ about: "which tools the stage may run; null: every one", default: null }),
  model_override: object({ about: "settings that win over `model`, for this stage; null: none", default: null }),
  chain_order: record(list(word("an item"), { about: "items" }), { about: "chain → its items, in order", default: {} }),
});

export const TOOL_BINDING = fields({
  stage_order: int({ about: "the stage's order" }),
  allowed: list(word("a tool"), { about: "the only tools; null: every one", default: null }),
  blocked: list(word("a tool"), { about: "wins over `allowed`", default: null }),
  extra_context: free("handed to the tools"),
});

export const TOOLS = fields({
  built_in: names('names of built-in tools; `["*"]` for all'),
  adhoc: list(object({ about: "a definition" }), { about: "kept for the host; nothing here makes tools of them", default: [] }),
  mcp_servers: list(object({ about: "a server" }), { about: "MCP servers whose tools are offered", default: [] }),
  external: list(json({ about: "a name, or `{ name, required }`" }), { about: "tools that the host provides, by name", default: [] }),
  scope: free("kept for the host; nothing here reads it"),
  core_overrides: record(flag({ about: "core" }), { about: "tool, or `prefix*` → whether it is offered from the start", default: {} }),
});

export const EXTERNAL = fields({
  name: word("the tool"),
  required: flag({ about: "true: without it the environment does not load", default: false }),
});

export const HOST_SELECTIONS = fields({
  hooks: chosen("which of the host's hooks"),
  skills: chosen("which of the host's skills"),
  permissions: chosen("which of the host's permission rules"),
  extras: free("the host's own"),
});

export const SUBAGENT = fields({
  agent_type: line("the name by which it is delegated to"),
  description: line("what it is good at, for the model that delegates"),
  provider: text({ about: "who answers; null or empty: the parent's", default: null }),
  model: text({ about: "its model; null or empty: the parent's", default: null }),
  model_override: object({ about: "settings that win over the parent's", default: null }),
  allowed_tools: list(word("a tool"), { about: "the only tools; null: the parent's", default: null }),
  env_id: text({ about: "an environment of the host's that it runs in", default: null }),
  manifest: object({ about: "the environment that it runs in", default: null }),
});

export const MEMORY = fields({
  provider: line("file, sql, ephemeral or composite"),
  config: free("the provider's own"),
});

/** The document's own keys. */
export const TOP: Fields = fields({
  $schema: line("where an editor finds the schema of this file"),
  version: text({ about: "of the form", default: "3.0" }),
  metadata: free("what the environment is"),
  model: free("settings of the model"),
  pipeline: free("settings of the turn"),
  stages: list(object({ about: "a stage" }), { about: "the stages, in order", default: [] }),
  tools: free("which tools there are"),
  host_selections: free("which of the host's own parts are used"),
  subagents: list(json({ about: "an agent" }), { about: "agents that may be delegated to", default: [] }),
  memory: free("where the memory lives"),
});

/** The object with the block's keys first, in their order, and the others after them as they came. */
export const ordered = (
  { shape }: Fields,
  given: JsonObject,
  inside: (key: string, value: Json) => Json = (_, value) => value,
): JsonObject => {
  const known = Object.keys(shape).filter((key) => Object.hasOwn(given, key));
  const others = Object.keys(given).filter((key) => !Object.hasOwn(shape, key));
  return Object.fromEntries([...known, ...others].map((key) => [key, inside(key, given[key] ?? null)]));
};
