/** What a host may write beside a manifest, checked by name: the types say it to TypeScript, this says it to everybody. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import { unknownKeys } from "./contract/findings.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { MessageInput } from "./contract/message.ts";
import { check, type JsonObject } from "./contract/schema.ts";
import type { State } from "./contract/state.ts";
import type { EnvironmentManifest } from "./manifest/document.ts";
import type { HostOffers } from "./manifest/selections.ts";
import { MODEL } from "./manifest/settings.ts";
import type { MemoryParts } from "./memory-parts.ts";
import { type OutputSchema, outputFindings } from "./output.ts";
import type { RunResult } from "./result.ts";
import type { Environment } from "./services.ts";
import type { Agent } from "./subagents.ts";

/** Settings for one run; they win over everything else, and each is told by the event `config.override_applied`. */
export interface ModelOverrides {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly thinkingEnabled?: boolean;
  readonly thinkingBudgetTokens?: number;
}
export const ModelOverrides = (overrides: ModelOverrides): ModelOverrides => overrides;

/** Ours → the wire's. */
const OVERRIDES: { readonly [K in keyof Required<ModelOverrides>]: keyof typeof MODEL.shape } = {
  model: "model",
  maxTokens: "max_tokens",
  temperature: "temperature",
  topP: "top_p",
  thinkingEnabled: "thinking_enabled",
  thinkingBudgetTokens: "thinking_budget_tokens",
};

/** What only a host can give; it may be given anew while the pipeline lives. */
export const PARTS = [
  "credentials",
  "apiKey",
  "baseUrl",
  "providers",
  "tools",
  "host",
  "workingDir",
  "allowedPaths",
  "storagePath",
  "env",
  "prices",
  "fetch",
] as const;
export interface PipelineOptions extends Environment {
  readonly manifest: EnvironmentManifest | ManifestDocument;
  /** Who does what stage 12 hands on, by type of agent. They win over those of the manifest's `subagents`. */
  readonly subagents?: { readonly [agentType: string]: Agent };
  /** What the manifest's `memory` is at this host. Wins over the same parts in `host`. */
  readonly memory?: MemoryParts;
  /** The names of the hooks, skills and permissions that the host has; what the manifest's `host_selections` picks of them is `pipeline.selected`. */
  readonly offers?: HostOffers;
  /** Definitions in place of ours, by stage name: made with `extend`, or a whole stage. */
  readonly stages?: { readonly [name: string]: unknown };
  /** Milliseconds that a turn may take. Default: no limit. */
  readonly maxTurnMs?: number;
  /** Milliseconds that closing a broken turn may take. Default 10000. */
  readonly graceMs?: number;
  /** `false`: what a manifest has wrong is dropped, the default acts, and `pipeline.findings` says so. Default true: it throws, all at once. */
  readonly strict?: boolean;
  /** What an unknown key of a config is. Default "warning": it is kept, as a loaded manifest's must be. */
  readonly unknownKeys?: "error" | "warning";
}

export interface RunOptions {
  /** Cancels the run: the model's stream, tools, subprocesses, waits. */
  readonly signal?: AbortSignal;
  /** The state of an earlier turn, to go on from. */
  readonly state?: State;
  /** The history to go on from, in place of the state's. */
  readonly messages?: readonly MessageInput[];
  readonly sessionId?: string;
  readonly overrides?: ModelOverrides;
  readonly maxTurnMs?: number;
  /**
   * What the answer must match: a Standard Schema (zod, valibot, …) or a JSON Schema. The model is asked again when it does not
   * (`max_output_asks` of stage 9); a turn that ends without a match rejects with `exec.output.invalid`.
   */
  readonly output?: OutputSchema;
  /** Told once, before the terminal event, however the turn ends. */
  readonly onResult?: (result: RunResult) => void;
}

const PIPELINE_OPTIONS = [
  "manifest",
  "stages",
  "maxTurnMs",
  "graceMs",
  "strict",
  "unknownKeys",
  ...PARTS,
  "adhocProviders",
  "subagents",
  "memory",
  "offers",
  "logger",
  "clock",
  "random",
  "id",
] as const;
const RUN_OPTIONS = ["signal", "state", "messages", "sessionId", "overrides", "maxTurnMs", "onResult", "output"] as const;

const positive = (given: { readonly [key: string]: unknown }, keys: readonly string[], path: string): Finding[] =>
  keys
    .filter((key) => given[key] !== undefined && !(typeof given[key] === "number" && given[key] > 0 && given[key] <= MOST))
    .map((key) => ({
      severity: "error",
      code: "option.invalid",
      path: `${path}.${key}`,
      message: `must be milliseconds above 0 and at most ${MOST}`,
    }));
/** What a timer can hold. */
const MOST = 2 ** 31 - 1;

/** Findings on the options of a pipeline. */
export const pipelineFindings = (options: object): Finding[] => [
  ...unknownKeys(options, PIPELINE_OPTIONS, "options"),
  ...positive(options as { readonly [key: string]: unknown }, ["maxTurnMs", "graceMs"], "options"),
];

/** Throws `ConfigError` for options of a run that are wrong. */
export const checkRun = (options: {
  readonly overrides?: ModelOverrides;
  readonly output?: OutputSchema;
  readonly [key: string]: unknown;
}): void => {
  const findings = [
    ...unknownKeys(options, RUN_OPTIONS, "options"),
    ...positive(options, ["maxTurnMs"], "options"),
    ...(options.overrides ? overrideFindings(options.overrides) : []),
    ...(options.output === undefined ? [] : outputFindings(options.output)),
  ];
  if (findings.length) throw new ConfigError(findings);
};

/** Findings on the overrides of a run. */
export const overrideFindings = (overrides: ModelOverrides): Finding[] => {
  const wire = Object.fromEntries(Object.entries(overrides).map(([key, value]) => [OVERRIDES[key as keyof ModelOverrides] ?? key, value]));
  const wrong = check(MODEL, wire).problems.filter((p) => p.kind !== "unknown");
  return [
    ...unknownKeys(overrides, Object.keys(OVERRIDES), "options.overrides"),
    ...wrong.map(
      (p): Finding => ({ severity: "error", code: "option.invalid", path: `options.overrides.${p.path.join(".")}`, message: p.message }),
    ),
  ];
};

/** The overrides as the state has them, and under the wire's names. */
export const overridesOf = (overrides: ModelOverrides): { state: Partial<State>; wire: JsonObject } => ({
  state: overrides,
  wire: Object.fromEntries(Object.entries(overrides).map(([key, value]) => [OVERRIDES[key as keyof ModelOverrides], value])),
});
