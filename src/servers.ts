/** The MCP servers that a manifest names. */
import { type Finding, finding } from "./contract/findings.ts";
import { configOf, isSecretReference, type MCPServerConfig } from "./contract/mcp.ts";
import type { JsonObject } from "./contract/schema.ts";
import { opaque } from "./manifest/around.ts";
import { isObject, listOf } from "./manifest/json.ts";
import { resolveVariables, variablesOf } from "./manifest/resolve.ts";

/** Added to the process's environment. */
type Added = { readonly env?: { readonly [name: string]: string } };

export interface Servers {
  /** By name. */
  readonly configs: { readonly [name: string]: MCPServerConfig };
  /** Values of references that nobody is to see. */
  readonly secrets: readonly string[];
  readonly findings: readonly Finding[];
}

/** `${NAME}` stands for that variable. A wrong entry is left out; what validation already told is no finding here. */
export const serversOf = ({ mcp_servers: entries }: JsonObject, { env = {} }: Added): Servers => {
  const configs = new Map<string, MCPServerConfig>();
  const secrets: string[] = [];
  const findings: Finding[] = [];
  for (const [i, entry] of listOf(entries).entries()) {
    const path = `tools.mcp_servers[${i}]`;
    if (!isObject(entry) || typeof entry.name !== "string" || !entry.name) continue;
    const { name } = entry;
    const values = variablesOf(entry).map((reference) => ({
      reference,
      value: Object.hasOwn(env, reference) ? env[reference] : process.env[reference],
    }));
    const missing = values.filter(({ value }) => value === undefined);
    findings.push(...missing.map(({ reference }) => finding("tools.mcp_unresolved", path, unresolved(reference))));
    secrets.push(...values.flatMap(({ reference, value = "" }) => (isSecretReference(reference, value) ? [value] : [])));
    const { config, findings: faults } = configOf(name, resolveVariables(entry, env) as JsonObject, path);
    const told = configOf(name, opaque(entry), path).findings.map((found) => found.path);
    if (!missing.length) findings.push(...faults.filter((fault) => !told.includes(fault.path)));
    if (config && !missing.length && !configs.has(name)) configs.set(name, config);
  }
  return { configs: Object.fromEntries(configs), secrets, findings };
};

const unresolved = (name: string): string => `\${${name}} has no value: set it in the environment, or give it in the option \`env\``;

/** Findings on the servers: all of them when they will be connected, otherwise one that they are not. */
export const serverFindings = (tools: JsonObject, added: Added, connecting: boolean): readonly Finding[] => {
  if (connecting) return serversOf(tools, added).findings;
  const message = "are not connected: make the pipeline with `await Pipeline.fromManifest(…)`";
  return listOf(tools.mcp_servers).length ? [finding("tools.mcp_not_connected", "tools.mcp_servers", message)] : [];
};
