/** The presets that are always there, under their names, and which names are left for others. */
import { providerFor } from "./builder.ts";
import { type Finding, type FindingCode, finding } from "./contract/findings.ts";
import { buildManifestFor } from "./manifest/build.ts";
import { presetCatalog, presetKey } from "./manifest/catalogue.ts";
import { pipelineOf } from "./manifest-preset.ts";
import { Pipeline } from "./pipeline.ts";
import type { PresetFactory } from "./plugin-presets.ts";
import { PipelinePresets, type Preset, sorted } from "./presets.ts";

export interface BuiltIn {
  readonly description: string;
  readonly tags: readonly string[];
  readonly create: PresetFactory;
}

/** What it writes is made once more, by the way that is awaited. */
const awaited = (description: string, preset: Preset): BuiltIn => ({
  description,
  tags: [],
  create: async (options) => {
    const { toolProviders: _, signal: __, ...here } = options;
    await using made = preset(here);
    const { tools } = options;
    return Pipeline.fromManifest(made.snapshot(), { ...sorted(options).environment, ...(tools ? { tools } : {}) });
  },
});

/** By the wire's names, in the order of a list: those of the Python program first. */
export const BUILT_IN: ReadonlyMap<string, BuiltIn> = new Map([
  ["minimal", awaited("One answer.", PipelinePresets.minimal)],
  ["chat", awaited("A conversation with history, tools and a cached prompt.", PipelinePresets.chat)],
  ["agent", awaited("All 21 stages, for a task that takes many steps.", PipelinePresets.agent)],
  ["evaluator", awaited("One answer that judges another.", PipelinePresets.evaluator)],
  ["geny_vtuber", awaited("All 21 stages, with the emitters for an avatar's face and voice.", PipelinePresets.genyVtuber)],
  ...presetCatalog().map(({ key, description, tags, provider }): [string, BuiltIn] => [
    key,
    {
      description,
      tags,
      create: (options) => pipelineOf(buildManifestFor(key, { provider: provider ?? providerFor(options.model ?? "") }), options),
    },
  ]),
]);

/** Undefined for a name that is free to be taken. */
export const nameFinding = (name: string): Finding | undefined => {
  const wrong = (code: FindingCode, message: string): Finding => finding(code, "name", message);
  if (typeof name !== "string" || !/^[A-Za-z0-9][\w.-]{0,99}$/.test(name))
    return wrong("preset.invalid", `${JSON.stringify(name)} is no name: letters, digits, "_", "." and "-", at most 100`);
  return BUILT_IN.has(presetKey(name))
    ? wrong("preset.reserved", `"${name}" is one of the presets that are always there: choose another name`)
    : undefined;
};
