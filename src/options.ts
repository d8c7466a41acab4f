/** What a host may write beside a manifest, checked by name: the types say it to TypeScript, this says it to everybody. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import { nearest } from "./contract/nearest.ts";
import { check, type JsonObject } from "./contract/schema.ts";
import type { State } from "./contract/state.ts";
import { MODEL } from "./manifest/settings.ts";
import { type OutputSchema, outputFindings } from "./output.ts";

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
const PIPELINE_OPTIONS = [
  "manifest",
  "stages",
  "maxTurnMs",
  "graceMs",
  "strict",
  "unknownKeys",
  ...PARTS,
  "logger",
  "clock",
  "random",
  "id",
] as const;
const RUN_OPTIONS = ["signal", "state", "messages", "sessionId", "overrides", "maxTurnMs", "onResult", "output"] as const;

export const unknownKeys = (given: object, known: readonly string[], path: string): Finding[] =>
  Object.keys(given)
    .filter((key) => !known.includes(key))
    .map((key) => ({
      severity: "error",
      code: "option.unknown",
      path: `${path}.${key}`,
      message: `is no option (known: ${known.join(", ")})`,
      suggestion: nearest(key, known),
    }));

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
