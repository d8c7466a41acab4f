/** A manifest as a person writes it in TypeScript: completed and checked at compile time, handed on as the wire's document. */
import type { Camel, Definition, StageOptions } from "../contract/author.ts";
import type { BuiltinName } from "../contract/builtin.ts";
import { ConfigError, type Finding } from "../contract/errors.ts";
import { finding, unknownKeys } from "../contract/findings.ts";
import type { ManifestDocument, ModelSettings, PipelineSettings, StageEntry } from "../contract/manifest.ts";
import { nearest } from "../contract/nearest.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import type { Stage } from "../contract/stage.ts";
import { snake } from "../contract/state.ts";
import { PLACES } from "./artifacts.ts";
import { stageEntry } from "./author.ts";
import { documentOf, type EnvironmentManifest } from "./document.ts";
import type { HostOffers } from "./selections.ts";
import { placesWith } from "./validate.ts";

type OurStages = typeof import("../stages/index.ts").PIPELINE["setup" | "loop" | "surface"][number];
type Registry = { readonly [S in OurStages as S["name"]]: S };
type CamelKeys<T> = { readonly [K in keyof T as Camel<K & string>]?: T[K] };

/** `R`: the stages by name. A stage is its slots and config keys, or `false`: it does not run. One that is not named runs as it is by default. */
export type Authored<R> = {
  readonly name?: string;
  readonly description?: string;
  readonly author?: string;
  readonly tags?: readonly string[];
  readonly model?: CamelKeys<ModelSettings>;
  readonly pipeline?: CamelKeys<Omit<PipelineSettings, "name">>;
  readonly stages?: { readonly [K in keyof R]?: false | (R[K] extends Definition ? StageOptions<R[K]> & Beside : never) };
  /** Names of built-in tools; `["*"]` for all. */
  readonly builtInTools?: readonly (BuiltinName | "*" | (string & {}))[];
  /** Tools that a host's providers give, by name. */
  readonly externalTools?: readonly (string | { readonly name: string; readonly required: boolean })[];
  readonly mcpServers?: readonly JsonObject[];
  /** Tool, or `prefix*` → whether requests offer it from the start. */
  readonly coreOverrides?: { readonly [tool: string]: boolean };
  /** Which of the hooks, skills and permissions of its host it takes. */
  readonly hostSelections?: HostOffers;
  /** The agents that stage 12 hands work to, by type. */
  readonly subagents?: { readonly [agentType: string]: AuthoredAgent };
  /** The memory that its host is to give. */
  readonly memory?: { readonly provider: "file" | "sql" | "ephemeral" | "composite"; readonly config?: JsonObject };
};
interface Beside {
  /** The tools that run here: only the allowed ones, and none of the blocked. */
  readonly toolBinding?: { readonly allowed?: readonly string[]; readonly blocked?: readonly string[] };
  /** Settings that win over `model` in this stage. */
  readonly modelOverride?: CamelKeys<ModelSettings>;
}
export interface AuthoredAgent {
  readonly description?: string;
  /** Left out: the host gives the agent in the option `subagents`. */
  readonly manifest?: ManifestDocument | EnvironmentManifest;
  /** The only tools of its parent that it may have. Left out: those that its manifest names. */
  readonly allowedTools?: readonly string[];
}
const KEYS = [
  ...[
    "name",
    "description",
    "author",
    "tags",
    "model",
    "pipeline",
    "stages",
    "builtInTools",
    "externalTools",
    "mcpServers",
    "coreOverrides",
  ],
  ...["hostSelections", "subagents", "memory"],
];
/** The same, whatever the stages are. */
type Loose = Omit<Authored<unknown>, "stages"> & { readonly stages?: { readonly [name: string]: false | Beside | undefined } };
type Define<R> = (manifest?: Authored<R>) => ManifestDocument;

const define =
  (stages: { readonly [name: string]: Definition }) =>
  (given: Loose = {}): ManifestDocument => {
    const {
      name = "default",
      description = "",
      author = "",
      tags = [],
      model = {},
      pipeline = {},
      hostSelections,
      subagents,
      memory,
    } = given;
    const findings = [...unknownKeys(given, KEYS, "manifest"), ...stageFindings(given.stages ?? {})];
    if (findings.length) throw new ConfigError(findings);
    const entries = PLACES.map(({ stage, order }): StageEntry => {
      const options = given.stages?.[stage.name] ?? {};
      if (options === false) return { order, name: stage.name, active: false };
      const { toolBinding, modelOverride, ...own } = options;
      return {
        ...stageEntry(stages[stage.name] ?? stage, order, stage.name === "api" ? { provider: "anthropic", ...own } : own),
        ...(toolBinding ? { tool_binding: { stage_order: order, allowed: null, blocked: null, extra_context: {}, ...toolBinding } } : {}),
        ...(modelOverride ? { model_override: wire(modelOverride) } : {}),
      };
    });
    return documentOf(
      {
        metadata: { name, description, author, tags },
        model: wire(model),
        pipeline: { name, ...wire(pipeline) },
        stages: entries,
        tools: present({
          built_in: given.builtInTools,
          external: given.externalTools,
          mcp_servers: given.mcpServers,
          core_overrides: given.coreOverrides,
        }),
        ...present({ host_selections: hostSelections, subagents: subagents && Object.entries(subagents).map(agent), memory }),
      },
      `env_${name}`,
      "",
    );
  };

const present = (given: { readonly [key: string]: Json | undefined }): JsonObject => JSON.parse(JSON.stringify(given));
const wire = (settings: object): JsonObject =>
  present(Object.fromEntries(Object.entries(settings).map(([key, value]) => [snake(key), value])));
const agent = ([agent_type, options]: [string, AuthoredAgent]): JsonObject => ({ agent_type, ...wire(options) });

/** On stages that do not exist, or that are no object, as TypeScript would have found them; the rest is `compile`'s business. */
export const stageFindings = (given: object): Finding[] => {
  const names = PLACES.map(({ stage }) => stage.name);
  return Object.entries(given).flatMap(([name, options]): Finding[] => {
    const path = `stages.${name}`;
    if (!names.includes(name))
      return [finding("stage.unknown_name", path, `is no stage (known: ${names.join(", ")})`, nearest(name, names))];
    const fits = options === undefined || options === false || (typeof options === "object" && options !== null && !Array.isArray(options));
    return fits ? [] : [finding("option.invalid", path, "must be false, or an object with the stage's slots and config")];
  });
};

/**
 * The wire's document. Throws `ConfigError` for keys and stages that do not exist; `validateManifest` and `Pipeline` say the rest.
 * `defineManifest.for(stages)` knows a host's own stages and strategies: `defineManifest.for({ context: extend(context, "strategy", { … }) })`.
 */
export const defineManifest: Define<Registry> & {
  for<R extends { readonly [name: string]: Stage }>(stages: R): Define<Omit<Registry, keyof R> & R>;
} = Object.assign(define({}) as Define<Registry>, {
  for: <R extends { readonly [name: string]: Stage }>(stages: R) => {
    const { findings } = placesWith({ stages });
    if (findings.length) throw new ConfigError(findings);
    return define(stages) as Define<Omit<Registry, keyof R> & R>;
  },
});
