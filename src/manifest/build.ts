/** A manifest from a preset, by name. */
import { ConfigError } from "../contract/errors.ts";
import { type Finding, finding, unknownKeys } from "../contract/findings.ts";
import type { StageEntry } from "../contract/manifest.ts";
import { nearest } from "../contract/nearest.ts";
import type { JsonObject } from "../contract/schema.ts";
import { api } from "../stages/06-api.ts";
import { describePreset, MANIFEST_PRESETS, presetKey, unknownPreset } from "./catalogue.ts";
import { documentOf, EnvironmentManifest } from "./document.ts";
import { newEnvironmentId, timestamp } from "./identity.ts";
import { isObject } from "./json.ts";

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
  const name = presetKey(preset);
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
  if (!isObject(options)) throw new ConfigError([noOptions]);
  return buildManifest(basePreset, { ...options, provider: options.provider ?? provider ?? "" });
};

const presetFindings = (name: string): Finding[] =>
  isPreset(name) ? [] : [unknownPreset(name, [...Object.keys(MANIFEST_PRESETS), "default"], "preset")];

const OPTIONS = ["provider", "model", "builtInTools", "externalTools", "mcpServers", "name", "description"] as const;
const noOptions = finding("option.invalid", "options", `must be given: an object with the provider (known: ${PROVIDERS.join(", ")})`);

const optionFindings = (options: BuildManifestOptions): Finding[] => {
  if (!isObject(options)) return [noOptions];
  const { provider = "", mcpServers = [] } = options;
  const message = provider ? `there is no provider "${provider}"` : "must be given";
  const which = finding(
    "provider.unknown",
    "options.provider",
    `${message} (known: ${PROVIDERS.join(", ")})`,
    nearest(String(provider), PROVIDERS),
  );
  return [...(PROVIDERS.includes(provider) ? [] : [which]), ...unknownKeys(options, OPTIONS, "options"), ...serverFindings(mcpServers)];
};

const serverFindings = (servers: unknown): Finding[] => {
  if (!Array.isArray(servers)) return [finding("option.invalid", "options.mcpServers", "must be a list of servers, each with a name")];
  return servers.flatMap((server: unknown, i) =>
    isObject(server) && typeof server.name === "string" && server.name !== ""
      ? []
      : [finding("form.invalid", `options.mcpServers[${i}].name`, "must be the server's name")],
  );
};
