/** What is wrong with the blocks beside the stages: memory, sub-agents, tools. Their form is `formOf`'s business. */

import { BUILTIN_NAMES } from "../contract/builtin.ts";
import { type Finding, finding } from "../contract/findings.ts";
import type { ManifestDocument } from "../contract/manifest.ts";
import { configOf } from "../contract/mcp.ts";
import { nearest } from "../contract/nearest.ts";
import { type JsonObject, own } from "../contract/schema.ts";
import { isObject } from "./json.ts";
import { variablesOf } from "./resolve.ts";

export interface Names {
  /** Who can answer. */
  readonly providers: readonly string[];
  /** Built-in tools and those of the host. Left out: the built-in ones. */
  readonly tools?: readonly string[] | undefined;
  /** The provider of stage 6. */
  readonly primary: string;
}

export const blockFindings = (document: ManifestDocument, names: Names): Finding[] => [
  ...artifacts(document.pipeline.artifacts),
  ...memory(document.memory),
  ...subagents(document.subagents, names),
  ...tools(document.tools, names.tools),
];

const artifacts = (given: unknown): Finding[] => {
  const message = "is kept, and chooses nothing: `config.provider` of stage 6 does";
  return isObject(given) && Object.keys(given).length ? [finding("pipeline.artifacts_unconsumed", "pipeline.artifacts", message)] : [];
};

/** Memory provider → the keys of its config. */
const MEMORY: { readonly [provider: string]: readonly string[] } = {
  file: ["embedding", "provider", "root", "scope", "session_id", "timezone"],
  sql: ["dialect", "dsn", "embedding", "provider", "scope", "session_id", "timezone"],
  ephemeral: ["provider", "scope"],
  composite: ["layers", "provider", "providers", "scope", "scope_providers", "session_id", "user_id"],
};

const memory = (given: unknown): Finding[] => {
  if (!isObject(given) || !Object.keys(given).length) return [];
  const { provider, config } = given;
  const known = Object.keys(MEMORY);
  if (typeof provider !== "string" || !provider)
    return [finding("memory.missing_provider", "memory.provider", `is required (known: ${known.join(", ")})`)];
  const keys = own(MEMORY, provider);
  if (!keys) {
    const message = `no memory provider is named "${provider}" (known: ${known.join(", ")})`;
    return [finding("memory.unknown_provider", "memory.provider", message, nearest(provider, known))];
  }
  return (isObject(config) ? Object.keys(config) : [])
    .filter((key) => !keys.includes(key))
    .map((key) =>
      finding("memory.unknown_config_key", `memory.config.${key}`, `is no key of "${provider}"; it is kept`, nearest(key, keys)),
    );
};

const subagents = (given: unknown, names: Names): Finding[] => {
  if (!Array.isArray(given)) return [];
  const types = new Map<string, number>();
  return given.flatMap((agent: unknown, i) => {
    if (!isObject(agent)) return [];
    const path = `subagents[${i}]`;
    const found = sources(agent, path, names);
    const { agent_type: type } = agent;
    if (typeof type !== "string" || !type) return [finding("subagent.missing_type", `${path}.agent_type`, "is required"), ...found];
    const first = types.get(type);
    if (first !== undefined)
      return [finding("subagent.duplicate_type", `${path}.agent_type`, `"${type}" stands at subagents[${first}] too`), ...found];
    types.set(type, i);
    return found;
  });
};

/** Whether what a sub-agent is made from fits together. */
const sources = (agent: JsonObject, path: string, { providers, primary }: Names): Finding[] => {
  const { provider, env_id, manifest } = agent;
  const found: Finding[] = [];
  if (env_id && manifest) found.push(finding("subagent.dual_source", `${path}.env_id`, "stands beside a `manifest`, which counts"));
  const models = ["model", "model_override"].filter((key) => agent[key]);
  if (env_id || manifest)
    for (const key of [...(provider ? ["provider"] : []), ...models])
      found.push(finding("subagent.overrides_ignored", `${path}.${key}`, "does not count beside an environment of its own"));
  if (typeof provider !== "string" || !provider) return found;
  if (!providers.includes(provider)) {
    const message = `no provider is named "${provider}" (known: ${providers.join(", ")})`;
    found.push(finding("subagent.unknown_provider", `${path}.provider`, message, nearest(provider, providers)));
  } else if (provider !== primary && !models.length && !env_id && !manifest)
    found.push(
      finding(
        "subagent.model_default_mismatch",
        `${path}.provider`,
        `"${provider}" is asked for the model of "${primary}": add a \`model\``,
      ),
    );
  return found;
};

const tools = (given: JsonObject, known: readonly string[] = BUILTIN_NAMES): Finding[] => {
  const found: Finding[] = [];
  if (Array.isArray(given.adhoc) && given.adhoc.length)
    found.push(finding("tools.adhoc_unconsumed", "tools.adhoc", "is kept, and makes no tools: the host gives those as code"));
  if (isObject(given.scope) && Object.keys(given.scope).length)
    found.push(finding("tools.scope_unconsumed", "tools.scope", "is kept, and limits nothing: stage 10 has `tool_binding`"));
  const wanted: readonly unknown[] = Array.isArray(given.built_in) ? given.built_in : [];
  const every = wanted.length === 1 && wanted[0] === "*";
  if (!every)
    for (const [i, name] of wanted.entries())
      if (!known.includes(String(name)))
        found.push({
          ...finding("tools.unknown_builtin", `tools.built_in[${i}]`, `there is no tool "${String(name)}"`, nearest(String(name), known)),
          severity: "warning",
        });
  return [...found, ...servers(given.mcp_servers)];
};

/** What can be said of MCP servers before references are resolved. */
const servers = (given: unknown): Finding[] => {
  const names = new Set<string>();
  return (Array.isArray(given) ? given : []).flatMap((entry: unknown, i): Finding[] => {
    if (!isObject(entry) || typeof entry.name !== "string" || !entry.name) return [];
    const path = `tools.mcp_servers[${i}]`;
    const twice = names.has(entry.name) ? [finding("tools.mcp_invalid", `${path}.name`, `another server is named "${entry.name}"`)] : [];
    names.add(entry.name);
    return [...twice, ...configOf(entry.name, opaque(entry), path).findings];
  });
};

/** A config whose references are not resolved: one in its address or transport is taken as right. */
export const opaque = (given: JsonObject): JsonObject => {
  const refers = (key: string) => variablesOf(given[key] ?? null).length > 0;
  return { ...given, ...(refers("url") ? { url: "http://host" } : {}), ...(refers("transport") ? { transport: "stdio" } : {}) };
};
