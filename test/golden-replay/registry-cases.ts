/** `presets.json`: the options of presets, and what a registry of them does, call after call. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, PipelineBuilder, PipelinePresets, type PresetOptions, PresetRegistry } from "geny-executor";
import { EnvironmentManager } from "geny-executor/manifest";
import { camel } from "./build.ts";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";

interface Option {
  readonly name: string;
  readonly required: boolean;
}
interface RegistryFile {
  readonly signatures?: { readonly [preset: string]: readonly Option[] };
  readonly registry_steps?: readonly { readonly step: string; readonly ok: boolean; readonly value?: unknown }[];
}

export const registryCases = (): Case[] => {
  const { signatures = {}, registry_steps = [] } = load<RegistryFile>("presets.json") ?? {};
  const file = "presets.json";
  const played = playOnce();
  return [
    ...Object.entries(signatures).flatMap(([preset, options]) =>
      options.map(({ name }) => ({ file, name: `option ${preset} ${name}`, expected: true, got: () => takes(preset, name) })),
    ),
    ...registry_steps.map(({ step, ok, value }) => ({
      file,
      name: `registry: ${step}`,
      expected: ok ? { ok, value } : { ok },
      got: async () => (await played()).get(step),
    })),
  ];
};

const PROMPTS = ["system_prompt", "evaluation_prompt", "persona"];
const SAMPLES: { readonly [option: string]: unknown } = { max_turns: 2, tools: [] };
const takes = (name: string, option: string): boolean => {
  const preset = Object.entries(PipelinePresets).find(([key]) => key === camel(name))?.[1];
  const key = PROMPTS.includes(option) ? "systemPrompt" : camel(option);
  return preset?.({ [key]: SAMPLES[option] ?? "x" } as PresetOptions).findings.some((f) => f.code === "option.unknown") === false;
};

const playOnce = () => {
  let playing: Promise<ReadonlyMap<string, unknown>> | undefined;
  return () => {
    playing ??= play();
    return playing;
  };
};

const play = async (): Promise<ReadonlyMap<string, unknown>> => {
  const folder = await mkdtemp(join(tmpdir(), "geny-"));
  const environments = new EnvironmentManager(folder);
  const registry = new PresetRegistry({ environments });
  const out = new Map<string, unknown>();
  const step = async (name: string, run: () => unknown) => {
    try {
      out.set(name, { ok: true, value: (await run()) ?? null });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      out.set(name, { ok: false });
    }
  };
  const f1 = () => PipelinePresets.minimal();
  const f2 = () => new PipelineBuilder("f2").build();
  const own = async () => (await registry.list()).filter(({ type }) => type === "plugin");
  const nameOf = async (preset: string) => (await registry.create(preset)).snapshot().toJSON().pipeline?.name;
  const infoOf = async (preset: string) => {
    const info = await registry.get(preset);
    return info && { description: info.description, name: info.name, source: info.type, tags: info.tags };
  };
  try {
    await step("list_all initially", async () =>
      (await registry.list()).map(({ environmentId, description, name, type, tags }) => ({
        environment_id: environmentId,
        has_description: description !== "",
        name,
        preset_type: type,
        tags,
      })),
    );
    await step('register "" ', () => registry.register("", f1));
    await step("register p1 (no description, tags [t])", () => registry.register("p1", f1, { tags: ["t"] }));
    await step("register p2 (factory with a doc string, no description): description = first doc line?", async () => {
      registry.register("p2", f2, { description: "first line" });
      return (await registry.get("p2"))?.description === "first line";
    });
    await step("register p1 again (replaces; description d)", () => {
      registry.register("p1", f2, { description: "d" });
      return infoOf("p1");
    });
    await step("get unknown", () => registry.get("zzz"));
    await step("list", async () => (await own()).map(({ name }) => name));
    await step("register chat (same name as a built-in)", () => registry.register("chat", f1));
    await step("list_all names+types", async () => (await registry.list()).map(({ name, type }) => [name, type]));
    await step("create chat -> pipeline name", () => nameOf("chat"));
    await step("create p1 -> pipeline name", () => nameOf("p1"));
    await step("create unknown", () => registry.create("zzz"));
    await step("create minimal without api_key", async () => Boolean(await registry.create("minimal")));
    const document = PipelinePresets.minimal().snapshot().toJSON();
    const id = await environments.save({ ...document, metadata: { ...document.metadata, name: "e", tags: ["x"] } });
    await step("save_as_preset", async () => void (await registry.saveAsPreset(id)));
    await step("tags after", async () => (await environments.load(id)).toJSON().metadata?.tags);
    await step("save_as_preset twice", () => registry.saveAsPreset(id));
    await step("list_all user entry", async () =>
      (await registry.list())
        .filter(({ type }) => type === "user")
        .map(({ environmentId, name, tags, type }) => ({ environment_id: environmentId, name, tags, type })),
    );
    await step("create user:<id>", () => nameOf(`user:${id}`));
    await step("remove_preset_flag", () => registry.removePresetFlag(id));
    await step("remove_preset_flag twice", () => registry.removePresetFlag(id));
    await step("save_as_preset unknown id", () => registry.saveAsPreset("env_missing"));
    await step("unregister p1", () => registry.unregister("p1"));
    await step("unregister p1 again", () => registry.unregister("p1"));
    const discover = async () => (await registry.discover(folder)).count;
    await step("discover (no plugin packages installed)", discover);
    await step("discover again", discover);
    await step("refresh_plugins", discover);
    await step("clear, list", async () => {
      registry.clear();
      return (await own()).length;
    });
    await step("decorator-registered", () => {
      registry.register("deco", f1, { tags: ["a", "b"] });
      return infoOf("deco");
    });
  } finally {
    await rm(folder, { recursive: true });
  }
  return out;
};
