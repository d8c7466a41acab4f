/** Options for a pipeline that does one task for another: never more tools, keys or budget than its parent has. */
import { purseOf } from "./contract/budget.ts";
import { GuardRejectError } from "./contract/errors.ts";
import type { ManifestDocument, StageEntry } from "./contract/manifest.ts";
import type { Provider } from "./contract/provider.ts";
import type { Json } from "./contract/schema.ts";
import type { State } from "./contract/state.ts";
import type { Tool } from "./contract/tool.ts";
import { permits } from "./contract/tool-guard.ts";
import { isObject } from "./manifest/json.ts";
import { named } from "./manifest/names.ts";
import { textsOf } from "./manifest/roster.ts";
import type { PipelineOptions } from "./pipeline.ts";
import { providerOf } from "./primary.ts";
import { accessOf, inForce, type Runtime } from "./runtime.ts";
import type { ProviderSource, Wiring } from "./services.ts";
import type { OutsideTool } from "./tool-list.ts";

export interface Child {
  readonly options: PipelineOptions;
  /** Tools from outside that its parent shares with it. */
  readonly outside: readonly OutsideTool[];
}
export interface Parent {
  /** As it is in force. */
  wiring(): Wiring;
}

/** `allowed`: the only tools it may have; null: all that its manifest names. Throws `exec.stage.guard_rejected` when nothing is left to spend. */
export const childOf = (document: ManifestDocument, allowed: readonly string[] | null, state: State, parent: Parent): Child => {
  const names = namesTool(document);
  const { runtime, tools } = parent.wiring();
  const serverOf = new Map(tools.outside.map(({ tool, server }) => [tool, server]));
  const may = (tool: Tool) =>
    names(tool, serverOf.get(tool) ?? null) && (allowed?.includes(tool.name) ?? true) && permits(state.toolGuard, tool.name);
  const its = new Set(tools.registry.list().filter(may));
  return {
    options: {
      ...inherited(document, runtime),
      manifest: {
        ...document,
        stages: booking(document.stages),
        pipeline: { ...document.pipeline, ...budgetOf(document, state) },
        tools: { ...document.tools, built_in: [], external: [], mcp_servers: [] },
      },
      tools: [...its].filter((tool) => !serverOf.has(tool)),
    },
    outside: tools.outside.filter(({ tool }) => its.has(tool)),
  };
};

/** Of the host's own parts only the person who approves. A key goes to no other provider than the one that it is for. */
const inherited = (document: ManifestDocument, runtime: Runtime): Omit<PipelineOptions, "manifest"> => {
  const { host, adhocProviders: _, providers = {}, ...rest } = inForce(runtime);
  return {
    ...rest,
    ...accessOf(runtime, providerOf(document)),
    subagents: {},
    memory: {},
    providers: Object.fromEntries(Object.entries(providers).map(([name, source]) => [name, lent(source)])),
    host: host?.approve ? { approve: host.approve } : {},
  };
};

/** What the host has made stays open when the child is closed. */
const lent = (source: ProviderSource): ProviderSource => {
  if (typeof source === "function") return source;
  const { name, capabilities } = source;
  return {
    name,
    capabilities,
    stream: (request, options) => source.stream(request, options),
    ...(source.models ? { models: (options) => source.models?.(options) ?? Promise.resolve([]) } : {}),
    ...(source.window ? { window: (model) => source.window?.(model) ?? null } : {}),
    ...(source.hops ? { hops: (model) => source.hops?.(model) ?? [] } : {}),
  } satisfies Provider;
};

/** Stage 7 at its defaults where the manifest has none, or one that is switched off: what a child spends is on its parent's bill. */
const booking = (stages: readonly StageEntry[]): readonly StageEntry[] => {
  const at = stages.findIndex((entry) => named(entry).name === "token");
  if (at >= 0 && stages[at]?.active !== false) return stages;
  const token = { order: 7, name: "token", active: true };
  return at < 0 ? [...stages, token] : stages.with(at, token);
};

/** What the parent's turn may still spend, or less. */
const budgetOf = ({ pipeline }: ManifestDocument, state: State) => {
  const most = limitOf(pipeline.cost_budget_usd, state);
  if (most === null) return {};
  return { cost_budget_usd: most, ...(state.unknownPrice === "refuse" ? { unknown_price: "refuse" } : {}) };
};

/**
 * What an agent may spend whose own limit is `own`: no more than is left of the turn's; null where the turn has no limit. Throws
 * `exec.stage.guard_rejected` when nothing is left.
 */
export const limitOf = (own: Json | undefined, state: State): number | null => {
  const { limit, spent, unknownPrice } = purseOf(state);
  if (limit === null || (spent === null && unknownPrice === "allow")) return null;
  const left = spent === null ? 0 : limit - spent;
  if (left <= 0) throw new GuardRejectError(`Nothing is left of the $${limit} that the turn may cost.`, { guard: "cost_budget" });
  return typeof own === "number" ? Math.min(own, left) : left;
};

/** Whether a manifest names a tool of the parent's: as built-in (`["*"]`: every one), as external, or by its MCP server. */
const namesTool = ({ tools }: ManifestDocument): ((tool: Tool, server: string | null) => boolean) => {
  const builtIn = textsOf(tools.built_in);
  if (builtIn.length === 1 && builtIn[0] === "*") return () => true;
  const listed = (value: Json | undefined) => (Array.isArray(value) ? value.map((item) => (isObject(item) ? item.name : item)) : []);
  const names = new Set([...builtIn, ...textsOf(listed(tools.external).filter((name) => name !== undefined))]);
  const servers = textsOf(listed(tools.mcp_servers).filter((name) => name !== undefined));
  return ({ name }, server) => names.has(name) || (server !== null && servers.includes(server));
};
