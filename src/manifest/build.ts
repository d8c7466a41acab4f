/** A manifest from a preset, by name. */
import { ConfigError, type Finding } from "../contract/errors.ts";
import type { StageEntry } from "../contract/manifest.ts";
import { nearest } from "../contract/nearest.ts";
import type { JsonObject } from "../contract/schema.ts";
import { api } from "../stages/06-api.ts";
import { describePreset, MANIFEST_PRESETS } from "./catalogue.ts";
import { documentOf, EnvironmentManifest } from "./document.ts";
import { newEnvironmentId, timestamp } from "./identity.ts";

export type ManifestPreset = keyof typeof MANIFEST_PRESETS | "default";
export interface BuildManifestOptions {
  /** Who answers: `config.provider` of stage 6. Nobody is guessed. */
  readonly provider: string;
  /** Default: none is named, and the manifest's default acts. */
  readonly model?: string;
  /** Names of built-in tools; `["*"]` for all. */
  readonly builtInTools?: readonly string[];
  /** Names of tools that the host provides. */
  readonly externalTools?: readonly (string | JsonObject)[];
  /** Each needs a `name`. */
  readonly mcpServers?: readonly JsonObject[];
  /** Default `preset:NAME`. */
  readonly name?: string;
  readonly description?: string;
}

const isPreset = (name: string): name is keyof typeof MANIFEST_PRESETS => Object.hasOwn(MANIFEST_PRESETS, name);
const PROVIDERS: readonly string[] = api.config.shape.provider.options ?? [];

/**
 * The 21 stages of a preset ("default" is "worker_adaptive") around what is given. Throws `ConfigError` with every finding for an unknown preset
 * or provider and for an MCP server without a name.
 */
export const buildManifest = (preset: ManifestPreset, options: BuildManifestOptions): EnvironmentManifest => {
  const name: string = preset === "default" ? "worker_adaptive" : preset;
  const findings = [...presetFindings(name), ...optionFindings(options)];
  if (findings.length || !isPreset(name)) throw new ConfigError(findings);
  const { provider, model, builtInTools = [], externalTools = [], mcpServers = [] } = options;
  const stages = MANIFEST_PRESETS[name].map(
    (stage, i): StageEntry => ({ ...stage, order: i + 1, ...(stage.name === "api" ? { config: { provider } } : {}) }),
  );
  const document = documentOf(
    {
      metadata: {
        name: options.name ?? `preset:${name}`,
        description: options.description ?? `Made from the preset ${name}.`,
        base_preset: name,
      },
      model: model === undefined ? {} : { model },
      stages,
      tools: { built_in: builtInTools, external: externalTools, mcp_servers: mcpServers },
    },
    newEnvironmentId(),
    timestamp(Date.now()),
  );
  return EnvironmentManifest.fromJSON(document);
};

/** The manifest of a preset of the catalogue; its provider acts where none is given. Throws as `buildManifest`. */
export const buildManifestFor = (key: string, options: Partial<BuildManifestOptions> = {}): EnvironmentManifest => {
  const { basePreset, provider } = describePreset(key);
  return buildManifest(basePreset, { ...options, provider: options.provider ?? provider ?? "" });
};

const presetFindings = (name: string): Finding[] => {
  if (isPreset(name)) return [];
  const known = [...Object.keys(MANIFEST_PRESETS), "default"];
  const message = `there is no preset "${name}" (known: ${known.join(", ")})`;
  return [{ severity: "error", code: "preset.unknown", path: "preset", message, suggestion: nearest(name, known) }];
};

const OPTIONS = ["provider", "model", "builtInTools", "externalTools", "mcpServers", "name", "description"] as const;
const optionFindings = (options: BuildManifestOptions): Finding[] => {
  const unknown = Object.keys(options)
    .filter((key) => !(OPTIONS as readonly string[]).includes(key))
    .map(
      (key): Finding => ({
        severity: "error",
        code: "option.unknown",
        path: `options.${key}`,
        message: `is no option (known: ${OPTIONS.join(", ")})`,
        suggestion: nearest(key, OPTIONS),
      }),
    );
  const nameless = (options.mcpServers ?? []).flatMap((server, i): Finding[] =>
    typeof server.name === "string" && server.name !== ""
      ? []
      : [{ severity: "error", code: "form.invalid", path: `options.mcpServers[${i}].name`, message: "must be the server's name" }],
  );
  if (PROVIDERS.includes(options.provider)) return [...unknown, ...nameless];
  const message = options.provider ? `there is no provider "${options.provider}"` : "must be given";
  const suggestion = nearest(options.provider ?? "", PROVIDERS);
  const which: Finding = {
    severity: "error",
    code: "provider.unknown",
    path: "options.provider",
    message: `${message} (known: ${PROVIDERS.join(", ")})`,
    suggestion,
  };
  return [which, ...unknown, ...nameless];
};
