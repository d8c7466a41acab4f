/** `presets.json` and `builder.json`: which stages, strategies and settings come out. */

import type { Pipeline } from "geny-executor";
import { defaults, defineTool, PipelineBuilder, PipelinePresets, type PresetOptions } from "geny-executor";
import { MODEL, PIPELINE_SETTINGS } from "geny-executor/manifest";
import { camel, step } from "./build.ts";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";

type Described = readonly [order: number, name: string, category: string, active: boolean, slots: readonly (readonly [string, string])[]];
interface RecordedPipeline {
  readonly model: object;
  readonly pipeline: { readonly [key: string]: unknown };
  readonly stages: readonly {
    readonly name: string;
    readonly category: string;
    readonly config: { readonly [key: string]: unknown };
    readonly strategies: { readonly [slot: string]: string };
    readonly strategy_configs: { readonly [slot: string]: object };
    readonly chains: { readonly [chain: string]: readonly (string | { readonly name: string })[] };
  }[];
}
interface RecordedPreset {
  readonly preset?: string;
  readonly name?: string;
  readonly kwargs: { readonly [key: string]: unknown };
  readonly ok: boolean;
  readonly describe?: readonly Described[];
  readonly pipeline?: RecordedPipeline;
}
interface PresetsFile {
  readonly summary?: {
    readonly [preset: string]: { readonly model: string; readonly pipeline_name: string; readonly stages: readonly number[] };
  };
  readonly presets?: readonly RecordedPreset[];
  readonly variants?: readonly RecordedPreset[];
}
type BuilderCall = readonly [method: string, args: readonly unknown[], kwargs: { readonly [key: string]: unknown }];
interface BuilderFile {
  readonly cases?: readonly {
    readonly ctor: { readonly name: string; readonly api_key?: string; readonly model?: string };
    readonly calls: readonly BuilderCall[];
    readonly ok: boolean;
    readonly pipeline?: RecordedPipeline;
  }[];
}

const PROMPTS = ["system_prompt", "evaluation_prompt", "persona"];

export const presetCases = (): Case[] => {
  const { summary = {}, presets = [], variants = [] } = load<PresetsFile>("presets.json") ?? {};
  const file = "presets.json";
  return [
    ...Object.entries(summary).map(([name, { stages, pipeline_name, model }]) => ({
      file,
      name: `summary ${name}`,
      expected: { stages: setOf(stages), name: pipeline_name, model },
      got: () => summaryOf(preset(name, {})),
    })),
    ...[...presets, ...variants].map(({ preset: of, name, kwargs, ok, describe = [], pipeline }) => ({
      file,
      name: `${of ?? name} ${JSON.stringify(kwargs)}`,
      expected: ok ? { ok, describe: describedOf(describe), settings: settingsOf(pipeline) } : { ok },
      got: () =>
        attempt(
          () => preset(String(of ?? name), kwargs),
          (made) => ({ describe: described(made), settings: ourSettings(made) }),
        ),
    })),
  ];
};

const setOf = (orders: readonly number[]) => Object.fromEntries(orders.map((order) => [order, true]));
const preset = (name: string, { tools, ...kwargs }: { readonly [key: string]: unknown }): Pipeline => {
  const make = Object.entries(PipelinePresets).find(([key]) => key === camel(name))?.[1];
  if (!make) throw new Error(`There is no preset "${name}".`);
  const options = Object.fromEntries(
    Object.entries(kwargs).map(([key, value]) => [PROMPTS.includes(key) ? "systemPrompt" : camel(key), value]),
  );
  return make({ ...(options as PresetOptions), ...(Array.isArray(tools) ? { tools: tools.map(stub) } : {}) });
};
/** A tool of that name; what it does is of no account here. */
const stub = (name: unknown) =>
  defineTool({ name: String(name), description: "", input: { type: "object" }, effect: "read", run: () => "" });

const attempt = <T extends object>(make: () => Pipeline, show: (made: Pipeline) => T) => {
  let made: Pipeline;
  try {
    made = make();
  } catch {
    return { ok: false };
  }
  return { ok: true, ...show(made) };
};

const summaryOf = (made: Pipeline) => {
  const { model, pipeline } = made.snapshot().toJSON();
  return {
    stages: setOf(
      made
        .describe()
        .filter((s) => s.isActive)
        .map((s) => s.order),
    ),
    name: pipeline.name,
    model: model.model,
  };
};
const describedOf = (stages: readonly Described[]) =>
  Object.fromEntries(
    stages.map(([order, name, category, active, slots]) => [name, { order, category, active, slots: Object.fromEntries(slots) }]),
  );
const described = (made: Pipeline) =>
  Object.fromEntries(
    made.describe().map(({ order, name, category, isActive, strategies }) => [
      name,
      {
        order,
        category,
        active: isActive,
        slots: Object.fromEntries(strategies.map(({ slot, names }) => [slot, names.join(", ") || "none"])),
      },
    ]),
  );

/** Of the settings those that are not the default say what was built. */
const settingsOf = (recorded: RecordedPipeline | undefined) => {
  const { artifacts: _, metadata: __, api_key: ___, base_url: ____, ...pipeline } = recorded?.pipeline ?? {};
  const provider = recorded?.stages.find((s) => s.name === "api")?.config.provider;
  return { ...recorded?.model, ...pipeline, provider };
};
const ourSettings = (made: Pipeline) => {
  const { model, pipeline } = made.snapshot().toJSON();
  const api = made.describe().find((s) => s.name === "api");
  return { ...defaults(MODEL), ...model, ...defaults(PIPELINE_SETTINGS), ...pipeline, provider: api?.config.provider };
};

export const builderCases = (): Case[] =>
  (load<BuilderFile>("builder.json")?.cases ?? []).map(({ ctor, calls, ok, pipeline }) => ({
    file: "builder.json",
    name: JSON.stringify([ctor, ...calls]),
    expected: ok ? { ok, settings: settingsOf(pipeline), stages: stagesOf(pipeline) } : { ok },
    got: () =>
      attempt(
        () => built(ctor, calls),
        (made) => ({ settings: ourSettings(made), stages: ourStages(made) }),
      ),
  }));

/** What a method takes in first place, by its name here. */
const FIRST: Record<string, string> = { with_cache: "strategy", with_loop: "max_turns", with_system: "prompt", with_model: "model" };

const built = ({ name, api_key, model }: { name: string; api_key?: string; model?: string }, calls: readonly BuilderCall[]): Pipeline => {
  const builder = new PipelineBuilder(name, { ...(api_key ? { apiKey: api_key } : {}), ...(model ? { model } : {}) });
  for (const [method, args, kwargs] of calls) {
    const options = { ...Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [camel(key), value])) };
    const [first, second] = args;
    if (method === "with_artifact") builder.withArtifact(String(first), String(second));
    else if (method === "with_provider") builder.withProvider(String(first));
    else if (method === "with_tools") builder.withTools({ ...options, registry: (first as readonly string[]).map(stub) });
    else {
      const key = FIRST[method];
      step(builder, method, { ...(first !== undefined && key ? { [camel(key)]: first } : {}), ...options });
    }
  }
  return builder.build();
};

const stagesOf = (recorded: RecordedPipeline | undefined) =>
  Object.fromEntries(
    (recorded?.stages ?? []).map(({ name, category, config, strategies, strategy_configs, chains }) => [
      name,
      {
        category,
        config,
        strategies,
        strategy_configs,
        chains: Object.fromEntries(
          Object.entries(chains).map(([chain, items]) => [chain, items.map((item) => (typeof item === "string" ? item : item.name))]),
        ),
      },
    ]),
  );
const ourStages = (made: Pipeline) =>
  Object.fromEntries(
    made
      .describe()
      .filter((s) => s.isActive)
      .map(({ name, category, config, strategies }) => {
        const one = strategies.filter((s) => s.kind === "one");
        return [
          name,
          {
            category,
            config,
            strategies: Object.fromEntries(one.map(({ slot, names }) => [slot, names[0]])),
            strategy_configs: Object.fromEntries(one.map(({ slot, names, configs }) => [slot, configs[names[0] ?? ""]])),
            chains: Object.fromEntries(strategies.filter((s) => s.kind === "many").map(({ slot, names }) => [slot, names])),
          },
        ];
      }),
  );
