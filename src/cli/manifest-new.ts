/** `geny manifest new`: a manifest from a preset. */
import { EnvironmentManifest, PresetRegistry } from "../index.ts";
import { buildManifestFor, didYouMean, nearest, presetCatalog } from "../manifest/index.ts";
import type { Command } from "./manifest.ts";
import { FileError, INPUT, jsonText, Usage, write } from "./manifest-files.ts";

const presets = new PresetRegistry();
export const presetNames = async (): Promise<readonly string[]> => {
  const catalogue = presetCatalog().map(({ key }) => key);
  return [...new Set([...catalogue, ...(await presets.list()).map(({ name }) => name)])];
};

export const make: Command = async (files, values) => {
  if (files.length > 1) throw new Usage("One file, please.");
  const { preset = "worker_adaptive", force = false } = values;
  const names = await presetNames();
  if (!names.includes(preset))
    throw new FileError(`There is no preset "${preset}": ${names.join(", ")}.${didYouMean(nearest(preset, names))}`, "preset.unknown");
  const manifest = await made(preset, values);
  const [file] = files;
  if (!file || file === INPUT) return { code: 0, text: jsonText(manifest), value: manifest };
  await write(file, jsonText(manifest), { fresh: !force });
  return { code: 0, text: `Wrote ${file}.`, value: { file, written: true, preset } };
};

type Given = { readonly provider?: string; readonly model?: string; readonly name?: string };
const made = async (preset: string, { provider, model, name }: Given): Promise<EnvironmentManifest> => {
  const asked = model ? { model } : {};
  const known = presetCatalog().find(({ key }) => key === preset);
  if (known) {
    const who = provider ?? known.provider ?? "anthropic";
    return buildManifestFor(preset, { ...asked, builtInTools: ["*"], provider: who, ...(name ? { name } : {}) });
  }
  await using pipeline = await presets.create(preset, { ...asked, ...(provider ? { provider } : {}) });
  const document = pipeline.snapshot().toJSON();
  const usesTools = document.stages.some((stage) => stage.name === "tool" && stage.active !== false);
  return EnvironmentManifest.fromJSON({
    ...document,
    metadata: { ...document.metadata, ...(name ? { name } : {}) },
    tools: { ...document.tools, built_in: usesTools ? ["*"] : [] },
  });
};
