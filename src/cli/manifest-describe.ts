/** `geny manifest describe`: what a host without parts of its own would run. What is wrong is left out, and told. */
import { defaults, type Json, type JsonObject, MODEL, PIPELINE_SETTINGS, Pipeline, type StageDescription } from "../index.ts";
import { introspectStage, type StageIntrospection, sanitizeSecrets } from "../manifest/index.ts";
import type { Command } from "./manifest.ts";
import { isObject, manifestIn, one, readInput, told } from "./manifest-files.ts";

export const describe: Command = async (files) => {
  const file = one(files);
  const manifest = manifestIn(await readInput(file), file, { strict: false });
  await using pipeline = new Pipeline({ manifest, strict: false, logger: { warn: () => {} } });
  // Servers are not connected here, which says nothing about the manifest.
  const findings = pipeline.findings.filter(({ code }) => code !== "tools.mcp_not_connected");
  const shown = { ...headOf(pipeline), findings, stages: pipeline.describe().map(acting) };
  return { code: 0, text: textOf(shown), value: shown, notes: findings.map(told) };
};

interface Head {
  readonly name: string;
  readonly description: string;
  readonly provider: string;
  readonly model: string;
  readonly costBudgetUsd: number | null;
  readonly maxIterations: number;
  /** Settings of the model and the pipeline that are not their defaults, beside those above. */
  readonly settings: JsonObject;
  readonly tools: readonly string[];
  /** Asked of the host. */
  readonly hostTools: readonly string[];
  readonly mcpServers: readonly string[];
  readonly subagents: readonly string[];
}
const headOf = (pipeline: Pipeline): Head => {
  const { metadata, stages, model, pipeline: limits, tools, subagents } = pipeline.snapshot().toJSON();
  const api = pipeline.describe().find(({ name }) => name === "api");
  const override = stages.find(({ order }) => order === api?.order)?.model_override ?? {};
  const usual: JsonObject = { ...defaults(PIPELINE_SETTINGS), ...defaults(MODEL) };
  const all: JsonObject = { ...usual, ...limits, ...model, ...override };
  const { model: id, cost_budget_usd, max_iterations, name: _, ...others } = all;
  return {
    name: String(metadata.name || all.name),
    description: String(metadata.description ?? ""),
    provider: String(api?.config.provider ?? ""),
    model: String(id),
    costBudgetUsd: typeof cost_budget_usd === "number" ? cost_budget_usd : null,
    maxIterations: Number(max_iterations),
    settings: unusual(others, usual),
    tools: pipeline.tools.list().map(({ name }) => name),
    hostTools: namesIn(tools.external, "name"),
    mcpServers: namesIn(tools.mcp_servers, "name"),
    subagents: namesIn(subagents, "agent_type"),
  };
};
const namesIn = (list: unknown, key: string): readonly string[] =>
  Array.isArray(list) ? list.map((item: unknown) => String(isObject(item) ? item[key] : item)) : [];
/** The values that are not the defaults, without secrets. */
const unusual = (given: { readonly [key: string]: unknown }, usual: { readonly [key: string]: unknown }): JsonObject => {
  const entries = Object.entries(given).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(usual[key]));
  const safe: Json = sanitizeSecrets(JSON.parse(JSON.stringify(Object.fromEntries(entries))));
  return isObject(safe) ? safe : {};
};

/** A strategy that waits for the host's part gives way to its slot's default: that one is named. */
const acting = (stage: StageDescription): StageDescription => ({
  ...stage,
  strategies: stage.strategies.map((chosen) => (chosen.kind === "one" ? { ...chosen, names: Object.keys(chosen.configs) } : chosen)),
});

const textOf = (shown: Head & { readonly stages: readonly StageDescription[] }): string => {
  const { name, description, provider, model, settings, costBudgetUsd, maxIterations } = shown;
  const rows: readonly (readonly [string, string])[] = [
    ["provider", provider || "none"],
    ["model", model],
    ["limits", `${costBudgetUsd === null ? "no budget" : `$${costBudgetUsd} a turn`}, ${maxIterations} passes of the loop`],
    ["settings", configText(settings)],
    ["tools", shown.tools.join(", ") || "none"],
    ["of the host", shown.hostTools.join(", ")],
    ["MCP servers", shown.mcpServers.join(", ")],
    ["sub-agents", shown.subagents.join(", ")],
  ];
  const head = rows.flatMap(([title, value]) => (value ? [`${title.padEnd(12)} ${value}`] : []));
  return [description ? `${name}: ${description}` : name, ...head, "", ...shown.stages.map(lineOf)].join("\n");
};

const lineOf = ({ order, name, isActive, config, strategies }: StageDescription): string => {
  const start = `${String(order).padStart(2)} ${name.padEnd(13)}`;
  if (!isActive) return `${start} off`;
  const usual = introspectStage(order);
  const chosen = strategies.map(({ slot, kind, names, configs }) => {
    const items = names.map((item) => {
      const set = configText(unusual(configs[item] ?? {}, usualOf(usual, slot, item)));
      return set ? `${item}(${set})` : item;
    });
    return `${slot}=${kind === "one" ? items.join() : `[${items.join(", ")}]`}`;
  });
  return [start, ...chosen, configText(unusual(config, usual.config))].join(" ").trimEnd();
};
/** The defaults of a strategy's config. */
const usualOf = ({ strategy_slots, strategy_chains }: StageIntrospection, slot: string, impl: string): JsonObject => {
  const form = (strategy_slots[slot] ?? strategy_chains[slot])?.impl_forms[impl];
  return Object.fromEntries((form?.fields ?? []).map((field) => [field.name, field.default]));
};

const MOST = 60;
const configText = (config: JsonObject): string =>
  Object.entries(config)
    .map(([key, value]) => {
      const text = JSON.stringify(value);
      return `${key}=${text.length > MOST ? `${text.slice(0, MOST)}…` : text}`;
    })
    .join(", ");
