/** The tools of a pipeline: the manifest's built-in ones, the host's own, those that its providers have by name, and those from outside. */
import { BUILTIN_NAMES } from "./contract/builtin.ts";
import { type Finding, finding } from "./contract/findings.ts";
import type { Json, JsonObject } from "./contract/schema.ts";
import type { Logger } from "./contract/services.ts";
import type { Tool } from "./contract/tool.ts";
import { fromProviders, type ToolReport } from "./external-tools.ts";
import { listOf } from "./manifest/json.ts";
import type { Environment } from "./services.ts";
import { builtinTools } from "./tools/builtin/index.ts";
import { ToolRegistry } from "./tools/registry.ts";
import { unchecked } from "./tools/validate.ts";

/** A tool of a provider's, or of an MCP server's. */
export interface OutsideTool {
  readonly tool: Tool;
  /** The server's name; null for a provider's. */
  readonly server: string | null;
}
export interface ToolList {
  readonly registry: ToolRegistry;
  readonly report: ToolReport;
  readonly findings: readonly Finding[];
  /** Those from outside, also the ones that were left out. */
  readonly outside: readonly OutsideTool[];
}

const ownTools = (tools: Environment["tools"]): readonly Tool[] => (tools instanceof ToolRegistry ? tools.list() : (tools ?? []));
/** The names that a manifest's `tools.built_in` may have. */
export const toolNames = ({ tools }: Pick<Environment, "tools">): readonly string[] => [
  ...BUILTIN_NAMES,
  ...ownTools(tools).map(({ name }) => name),
];

/** A name of the host's wins over a provider's, and that over a built-in one. Of those from `outside` the ones come in whose names are free. */
export const toolsOf = (
  { tools, adhocProviders = [] }: Environment,
  declared: JsonObject,
  log: Logger,
  outside: readonly OutsideTool[] = [],
): ToolList => {
  const registry = new ToolRegistry({ log });
  const isCore = coreRule(declared.core_overrides);
  const put = (tool: Tool, core?: boolean) => {
    registry.unregister(tool.name);
    registry.register(tool, { core: isCore(tool.name) ?? core ?? tool.core ?? true });
  };
  const own = ownTools(tools);
  const builtIn = listOf(declared.built_in);
  const every = builtIn.length === 1 && builtIn[0] === "*";
  for (const tool of builtinTools()) if (every || builtIn.includes(tool.name)) put(tool);
  const external = fromProviders(listOf(declared.external), adhocProviders, {
    own: own.map(({ name }) => name),
    builtIn: registry.names(),
  });
  for (const tool of external.tools) put(tool);
  for (const tool of own) put(tool, tools instanceof ToolRegistry ? tools.isCore(tool.name) : undefined);
  const findings = [...external.findings];
  for (const { tool } of outside) {
    if (registry.get(tool.name)) findings.push(finding("tools.name_taken", "tools", taken(tool.name)));
    else put(tool);
  }
  for (const tool of [...own, ...external.tools, ...outside.map(({ tool }) => tool)]) {
    const fault = registry.get(tool.name) === tool ? unchecked(tool) : undefined;
    if (fault) findings.push(finding("tools.schema_unchecked", `tools.${tool.name}`, `${fault}: inputs are not checked`));
  }
  return { registry, report: external.report, findings, outside };
};
const taken = (name: string): string => `a tool is named "${name}" already: the other one is left out`;

/** `name → is it offered from the start?`, undefined where the manifest says nothing. The exact name counts before the longest `prefix*`. */
const coreRule = (overrides: Json | undefined): ((name: string) => boolean | undefined) => {
  const rules = typeof overrides === "object" && overrides !== null ? Object.entries(overrides) : [];
  const prefixes = rules.filter(([rule]) => rule.endsWith("*")).sort(([a], [b]) => b.length - a.length);
  return (name) => {
    const found = rules.find(([rule]) => rule === name) ?? prefixes.find(([rule]) => name.startsWith(rule.slice(0, -1)));
    return typeof found?.[1] === "boolean" ? found[1] : undefined;
  };
};
