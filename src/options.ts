/** What a host may write beside a manifest, checked by name: the types say it to TypeScript, this says it to everybody. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import { finding, unknownKeys } from "./contract/findings.ts";
import { HOST_PARTS } from "./contract/host.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { MessageInput } from "./contract/message.ts";
import { check, fields, isObject, type JsonObject } from "./contract/schema.ts";
import type { State } from "./contract/state.ts";
import type { EnvironmentManifest } from "./manifest/document.ts";
import type { HostOffers } from "./manifest/selections.ts";
import { MODEL, PIPELINE_SETTINGS } from "./manifest/settings.ts";
import { MEMORY_PARTS, type MemoryParts } from "./memory-parts.ts";
import { type OutputSchema, outputFindings } from "./output.ts";
import type { RunResult } from "./result.ts";
import type { Environment } from "./services.ts";
import type { Agent } from "./subagents.ts";
import { ToolRegistry } from "./tools/registry.ts";

/** Settings for one run; they win over everything else, and each is told by the event `config.override_applied`. */
export interface ModelOverrides {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly thinkingEnabled?: boolean;
  readonly thinkingBudgetTokens?: number;
  /** US dollars that the run may cost. */
  readonly costBudgetUsd?: number;
}
export const ModelOverrides = (overrides: ModelOverrides): ModelOverrides => overrides;

const OVERRIDABLE = fields({ ...MODEL.shape, cost_budget_usd: PIPELINE_SETTINGS.shape.cost_budget_usd });
/** Ours → the wire's. */
const OVERRIDES: { readonly [K in keyof Required<ModelOverrides>]: keyof typeof OVERRIDABLE.shape } = {
  model: "model",
  maxTokens: "max_tokens",
  temperature: "temperature",
  topP: "top_p",
  thinkingEnabled: "thinking_enabled",
  thinkingBudgetTokens: "thinking_budget_tokens",
  costBudgetUsd: "cost_budget_usd",
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
  /** What the manifest's `memory` is at this host; may be an instance of a class. Wins over the same parts in `host`. */
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

/** What is wrong with a value at a path. */
type Look = (value: unknown, path: string) => readonly Finding[];
const is =
  (fits: (value: unknown) => boolean, message: string): Look =>
  (value, path) =>
    fits(value) ? [] : [finding("option.invalid", path, message)];
const has = (value: unknown, name: string): boolean =>
  isObject(value) && typeof (value as { readonly [key: string]: unknown })[name] === "function";

const whatever: Look = () => [];
const text = is((value) => typeof value === "string", "must be text");
const aFunction = is((value) => typeof value === "function", "must be a function");
const anObject = is(isObject, "must be an object");
/** What a timer can hold. */
const MOST = 2 ** 31 - 1;
const milliseconds = is(
  (value) => typeof value === "number" && value > 0 && value <= MOST,
  `must be milliseconds above 0 and at most ${MOST}`,
);
const listOf =
  (look: Look): Look =>
  (value, path) =>
    Array.isArray(value) ? value.flatMap((item, i) => look(item, `${path}[${i}]`)) : [finding("option.invalid", path, "must be a list")];
const mapOf =
  (look: Look): Look =>
  (value, path) =>
    isObject(value)
      ? Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : look(item, `${path}.${key}`)))
      : anObject(value, path);
/** What an instance of a class has beside the members that are asked for is its own business. */
const members =
  (known: readonly string[], look: Look = whatever): Look =>
  (value, path) => [...mapOf(look)(value, path), ...(isObject(value) && isLiteral(value) ? unknownKeys(value, known, path) : [])];
const isLiteral = (value: object): boolean => [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** Every option of a pipeline. What is undefined is not given. */
const OPTIONS: { readonly [K in keyof Required<PipelineOptions>]: Look } = {
  manifest: whatever,
  stages: whatever,
  maxTurnMs: milliseconds,
  graceMs: milliseconds,
  strict: is((value) => typeof value === "boolean", "must be true or false"),
  unknownKeys: is((value) => value === "error" || value === "warning", 'must be "error" or "warning"'),
  credentials: is((value) => has(value, "get"), "must be credentials: `new CredentialBundle({ anthropic: { apiKey } })`"),
  apiKey: text,
  baseUrl: text,
  providers: mapOf(is((value) => typeof value === "function" || has(value, "stream"), "must be a provider, or a function that makes one")),
  tools: is((value) => Array.isArray(value) || value instanceof ToolRegistry, "must be a list of tools, or a ToolRegistry"),
  adhocProviders: listOf(is((value) => has(value, "get"), "must have the function `get(name)`")),
  host: members(HOST_PARTS),
  memory: members(MEMORY_PARTS),
  subagents: mapOf(is((value) => typeof value === "function" || isObject(value), "must be a function, a pipeline or a manifest")),
  offers: members(["hooks", "skills", "permissions"], listOf(text)),
  workingDir: text,
  allowedPaths: listOf(text),
  storagePath: text,
  env: mapOf(text),
  prices: anObject,
  fetch: aFunction,
  logger: anObject,
  clock: anObject,
  random: aFunction,
  id: aFunction,
};

const looked = (given: object, looks: { readonly [key: string]: Look }, path: string): Finding[] => [
  ...unknownKeys(given, Object.keys(looks), path),
  ...Object.entries(given).flatMap(([key, value]) =>
    value === undefined || !Object.hasOwn(looks, key) ? [] : (looks[key]?.(value, `${path}.${key}`) ?? []),
  ),
];
/** Findings on the options of a pipeline. */
export const pipelineFindings = (options: object): Finding[] => looked(options, OPTIONS, "options");
/** Findings on parts of the host that are given anew. */
export const partFindings = (parts: object, path: string): Finding[] => {
  const looks = Object.fromEntries(PARTS.map((part) => [part, OPTIONS[part]]));
  return looked(parts, { ...looks, overrideManifest: is((value) => typeof value === "boolean", "must be true or false") }, path);
};

const RUN_OPTIONS = {
  signal: is((value) => value instanceof AbortSignal, "must be an AbortSignal"),
  state: anObject,
  messages: is(Array.isArray, "must be a list of messages"),
  sessionId: text,
  overrides: (value) => overrideFindings(value as ModelOverrides),
  maxTurnMs: milliseconds,
  onResult: aFunction,
  output: (value) => outputFindings(value as OutputSchema),
} satisfies { readonly [K in keyof Required<RunOptions>]: Look };

/** Throws `ConfigError` for options of a run that are wrong. */
export const checkRun = (options: object): void => {
  const findings = looked(options, RUN_OPTIONS, "options");
  if (findings.length) throw new ConfigError(findings);
};

/** Findings on the overrides of a run. What is undefined is not overridden. */
export const overrideFindings = (overrides: ModelOverrides): Finding[] => {
  if (typeof overrides !== "object" || overrides === null) return [finding("option.invalid", "options.overrides", "must be an object")];
  const wire = Object.fromEntries(Object.entries(overrides).map(([key, value]) => [OVERRIDES[key as keyof ModelOverrides] ?? key, value]));
  const wrong = check(OVERRIDABLE, wire).problems.filter((p) => p.kind !== "unknown");
  return [
    ...unknownKeys(overrides, Object.keys(OVERRIDES), "options.overrides"),
    ...wrong.map((p) => finding("option.invalid", `options.overrides.${p.path.join(".")}`, p.message)),
  ];
};

/** The overrides as the state has them, and under the wire's names. */
export const overridesOf = (overrides: ModelOverrides): { state: Partial<State>; wire: JsonObject } => {
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return {
    state: Object.fromEntries(given),
    wire: Object.fromEntries(given.map(([key, value]) => [OVERRIDES[key as keyof ModelOverrides], value])),
  };
};
