/** The presets that are manifests: their stages, and the catalogue that names them. */
import { ConfigError } from "../contract/errors.ts";
import { type Finding, finding } from "../contract/findings.ts";
import type { StageEntry } from "../contract/manifest.ts";
import { nearest } from "../contract/nearest.ts";

/** A preset's stages in the order of the pipeline, from 1. */
export type PresetStage = Omit<StageEntry, "order">;

const WORKER: readonly PresetStage[] = [
  { name: "input", strategies: { validator: "default", normalizer: "default" } },
  { name: "context", strategies: { strategy: "simple_load", compactor: "truncate", retriever: "null" } },
  { name: "system", strategies: { builder: "composable" } },
  { name: "guard", chain_order: { guards: ["token_budget", "cost_budget", "iteration", "permission"] } },
  { name: "cache", strategies: { strategy: "aggressive_cache" } },
  { name: "api", strategies: { retry: "exponential_backoff", router: "adaptive" } },
  { name: "token", strategies: { tracker: "default", calculator: "anthropic_pricing" } },
  { name: "think", strategies: { processor: "extract_and_store", budget_planner: "adaptive" } },
  { name: "parse", strategies: { parser: "default", signal_detector: "regex" } },
  { name: "tool", strategies: { executor: "partition", router: "registry" }, config: { max_concurrency: 8 } },
  { name: "tool_review", chain_order: { reviewers: ["schema", "sensitive", "destructive", "network", "size"] } },
  { name: "agent", strategies: { orchestrator: "subagent_type" }, config: { max_delegations: 4 } },
  { name: "task_registry", strategies: { registry: "in_memory", policy: "fire_and_forget" } },
  {
    name: "evaluate",
    strategies: { strategy: "evaluation_chain", scorer: "no_scorer" },
    strategy_configs: { strategy: { evaluators: ["binary_classify", "signal_based"], easy_max_turns: 1, not_easy_max_turns: 30 } },
  },
  { name: "hitl", strategies: { requester: "null", timeout: "indefinite" } },
  {
    name: "loop",
    strategies: { controller: "multi_dim_budget" },
    strategy_configs: { controller: { dimensions: ["iterations"] } },
    config: { max_turns: 30 },
  },
  { name: "emit", chain_order: { emitters: [] } },
  { name: "memory", strategies: { strategy: "structured_reflective", persistence: "null" } },
  { name: "summarize", strategies: { summarizer: "rule_based", importance: "heuristic" } },
  { name: "persist", strategies: { persister: "no_persist", frequency: "on_significant" } },
  { name: "yield", strategies: { formatter: "default" } },
];

/** What a conversation has in other form. Each stands in the place of the worker's stage of that name. */
const VTUBER: readonly PresetStage[] = [
  { name: "guard" },
  { name: "cache", strategies: { strategy: "system_cache" } },
  { name: "api", strategies: { retry: "exponential_backoff", router: "passthrough" } },
  { name: "think", active: false },
  { name: "tool", strategies: { executor: "sequential", router: "registry" } },
  { name: "tool_review", chain_order: { reviewers: ["schema", "sensitive"] } },
  { name: "task_registry", active: false, strategies: { registry: "in_memory", policy: "fire_and_forget" } },
  { name: "evaluate", strategies: { strategy: "signal_based", scorer: "no_scorer" } },
  { name: "hitl", active: false, strategies: { requester: "null", timeout: "indefinite" } },
  { name: "loop", strategies: { controller: "standard" }, config: { max_turns: 10 } },
  { name: "memory", strategies: { strategy: "append_only", persistence: "null" } },
];

/** The stages behind each name that `buildManifest` takes. */
export const MANIFEST_PRESETS = {
  worker_adaptive: WORKER,
  vtuber: WORKER.map((stage) => VTUBER.find(({ name }) => name === stage.name) ?? stage),
} as const;

export interface CatalogueEntry {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly basePreset: keyof typeof MANIFEST_PRESETS;
  /** The provider that is meant; null: the caller says which. */
  readonly provider: string | null;
  readonly tags: readonly string[];
}

const CATALOGUE: readonly CatalogueEntry[] = [
  {
    key: "worker_adaptive",
    name: "Worker",
    description: "Works on a task with tools, a few steps for an easy one and up to 30 for others, under guards and a tool review.",
    basePreset: "worker_adaptive",
    provider: null,
    tags: ["worker"],
  },
  {
    key: "vtuber",
    name: "VTuber",
    description: "Talks, with tools one at a time and at most 10 passes a turn. No thinking, no guards.",
    basePreset: "vtuber",
    provider: null,
    tags: ["vtuber", "conversation"],
  },
  {
    key: "claude_code_worker",
    name: "Worker on Claude Code",
    description: "The worker, with the claude program as the one who answers.",
    basePreset: "worker_adaptive",
    provider: "claude_code_cli",
    tags: ["worker", "claude_code"],
  },
  {
    key: "claude_code_vtuber",
    name: "VTuber on Claude Code",
    description: "The VTuber, with the claude program as the one who answers.",
    basePreset: "vtuber",
    provider: "claude_code_cli",
    tags: ["vtuber", "conversation", "claude_code"],
  },
];

/** Every preset of the catalogue, for a list to choose from. */
export const presetCatalog = (): readonly CatalogueEntry[] => CATALOGUE;

/** "default" is another name of "worker_adaptive". */
export const presetKey = (name: string): string => (name === "default" ? "worker_adaptive" : name);

/** The entry of that key ("default" is "worker_adaptive"). Throws `ConfigError` when there is none. */
export const describePreset = (key: string): CatalogueEntry => {
  const found = CATALOGUE.find((entry) => entry.key === presetKey(key));
  if (found) return found;
  throw new ConfigError([unknownPreset(key, [...CATALOGUE.map((entry) => entry.key), "default"], "preset")]);
};

export const unknownPreset = (name: string, known: readonly string[], path: string): Finding =>
  finding("preset.unknown", path, `there is no preset "${name}" (known: ${known.join(", ")})`, nearest(String(name), known));
