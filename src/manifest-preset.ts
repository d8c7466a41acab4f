/** A manifest as a preset: the same options as our own presets take, laid over what it says. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import { finding } from "./contract/findings.ts";
import type { ManifestDocument, StageEntry } from "./contract/manifest.ts";
import type { JsonObject } from "./contract/schema.ts";
import { snake } from "./contract/state.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { MODEL } from "./manifest/settings.ts";
import { Pipeline } from "./pipeline.ts";
import { type PresetOptions, sorted } from "./presets.ts";

/** Options that a stage's config holds: the stage and the key there. */
const IN_STAGES = {
  provider: ["api", "provider"],
  systemPrompt: ["system", "prompt"],
  maxTurns: ["loop", "max_turns"],
} as const;

/**
 * The pipeline of a manifest, by `Pipeline.fromManifest`. Throws `ConfigError` with every finding, also for an option whose stage is not active in
 * it. Missing credentials are no error here.
 */
export const pipelineOf = async (manifest: EnvironmentManifest | ManifestDocument, options: PresetOptions): Promise<Pipeline> => {
  const document = EnvironmentManifest.of(manifest).toJSON();
  const { settings, environment } = sorted(options);
  const wire = Object.entries(settings).map(([key, value]): [string, unknown] => [snake(key), value]);
  const block = (model: boolean): JsonObject =>
    Object.fromEntries(wire.filter(([key]) => Object.hasOwn(MODEL.shape, key) === model)) as JsonObject;
  const findings: Finding[] = [];
  let stages: readonly StageEntry[] = document.stages;
  for (const [option, [stage, key]] of Object.entries(IN_STAGES)) {
    const value = options[option as keyof typeof IN_STAGES];
    if (value === undefined) continue;
    if (!stages.some((entry) => entry.name === stage && entry.active !== false))
      findings.push(finding("option.invalid", `options.${option}`, `is of the stage "${stage}", which is not active here`));
    stages = stages.map((entry) => (entry.name === stage ? { ...entry, config: { ...entry.config, [key]: value } } : entry));
  }
  if (findings.length) throw new ConfigError(findings);
  const { tools, builtInTools } = options;
  return Pipeline.fromManifest(
    {
      ...document,
      model: { ...document.model, ...block(true) },
      pipeline: { ...document.pipeline, ...block(false) },
      stages,
      tools: { ...document.tools, ...(builtInTools ? { built_in: builtInTools } : {}) },
    },
    { ...environment, ...(tools ? { tools } : {}) },
  );
};
