/** `manifests/`, `raw_text.json`, `schema.json`: what loading, migrating, saving and building a manifest makes of it, and one turn of each. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AdhocToolProvider,
  builtinTools,
  ConfigError,
  check,
  EnvironmentManifest,
  type JsonObject,
  type ManifestDocument,
  Pipeline,
} from "geny-executor";
import { MODEL, migrateManifest, PIPELINE_SETTINGS } from "geny-executor/manifest";
import { providers } from "geny-executor/providers";
import { startModel } from "geny-executor/testing";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";

interface RecordedStage {
  readonly name: string;
  readonly order: number;
  readonly artifact: string;
  readonly config: JsonObject;
  readonly strategies: JsonObject;
  readonly strategy_configs: { readonly [slot: string]: JsonObject };
  readonly chains: JsonObject;
  readonly tool_binding: JsonObject | null;
  readonly model_override: JsonObject | null;
}
interface Outcome {
  readonly ok: boolean;
  readonly same_as?: "strict";
  readonly warnings: readonly { readonly args: readonly unknown[] }[];
  readonly pipeline?: {
    readonly registered_orders: readonly number[];
    readonly model: JsonObject;
    readonly pipeline: JsonObject;
    readonly tools: readonly string[];
    readonly stages: readonly RecordedStage[];
  };
}
interface Expected {
  readonly from_dict: { readonly ok: boolean; readonly version_out: string };
  readonly saved?: JsonObject;
  readonly migrate?: { readonly v2_to_v3: { readonly orders: readonly number[]; readonly added_orders: readonly number[] } };
  readonly strict: Outcome;
  readonly lenient: Outcome;
}

/** Sorted, as they were recorded. */
const BUILT_IN = builtinTools()
  .map((t) => t.name)
  .sort();
export const manifestNamed = (file: string): ManifestDocument | undefined => load<ManifestDocument>(`manifests/${file}`);

export const manifestCases = (): Case[] =>
  Object.entries(load<{ readonly [file: string]: Expected }>("manifests/expected.json") ?? {}).flatMap(([file, expected]) => {
    const given = manifestNamed(file);
    return given ? casesOf(file, given, expected) : [];
  });

const casesOf = (file: string, given: ManifestDocument, recorded: Expected): Case[] => {
  const about = (what: string, expected: unknown, got: () => unknown): Case => ({
    file: "manifests/expected.json",
    name: `${file} ${what}`,
    expected,
    got,
  });
  const { strict } = recorded;
  const lenient = recorded.lenient.same_as ? strict : recorded.lenient;
  const loaded = () => EnvironmentManifest.fromJSON(given, { strict: false });
  return [
    about("version", recorded.from_dict.version_out, () => loaded().toJSON().version),
    about("saved", recorded.saved ?? given, () => saved(loaded())),
    about("saved again", true, async () => {
      const text = JSON.stringify(await saved(loaded()));
      return text === JSON.stringify(await saved(EnvironmentManifest.fromJSON(JSON.parse(text))));
    }),
    about("snapshot", true, () => {
      const pipeline = new Pipeline({ manifest: given, strict: false });
      const text = JSON.stringify(pipeline.snapshot());
      if (pipeline.findings.every((f) => f.severity === "warning")) return text === JSON.stringify(loaded());
      return text === JSON.stringify(new Pipeline({ manifest: pipeline.snapshot(), strict: false }).snapshot());
    }),
    ...(recorded.migrate
      ? [
          about("migrate", { orders: recorded.migrate.v2_to_v3.orders, added: recorded.migrate.v2_to_v3.added_orders }, () =>
            migrated(given),
          ),
        ]
      : []),
    about("strict", outcomeOf(strict), () => built(given, true)),
    about("lenient", outcomeOf(lenient), () => built(given, false)),
    about("one turn", "Hello.", () => oneTurn(given)),
  ];
};

/** What stands in the file. */
const saved = async (manifest: EnvironmentManifest): Promise<JsonObject> => JSON.parse(await textOf(manifest));
const textOf = async (manifest: EnvironmentManifest): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "geny-manifest-"));
  try {
    await manifest.save(join(folder, "a.geny-env.json"));
    return await readFile(join(folder, "a.geny-env.json"), "utf8");
  } finally {
    await rm(folder, { recursive: true });
  }
};

const migrated = (given: ManifestDocument) => {
  const orders = migrateManifest(given).document.stages.map((s) => s.order);
  const before = new Set(given.stages?.map((s) => s.order));
  return { orders, added: orders.filter((order) => !before.has(order)) };
};

/** Of what was built all that ours has too; of the 38 tools those that are here. */
const outcomeOf = ({ ok, pipeline, warnings }: Outcome) => {
  if (!ok || !pipeline) return { ok };
  const { api_key: _, base_url: __, ...settings } = pipeline.pipeline;
  return {
    ok,
    orders: pipeline.registered_orders,
    model: pipeline.model,
    pipeline: settings,
    tools: pipeline.tools[0] === "*" ? BUILT_IN : pipeline.tools.filter((name) => BUILT_IN.includes(name)),
    unknown_tools: warnings.flatMap(({ args }) => args.filter((arg) => typeof arg === "string")),
    stages: Object.fromEntries(pipeline.stages.map(({ name, ...stage }) => [name, stage])),
  };
};

/** A host that has the tools which a manifest requires: the Python program of the recordings lets them be missing. */
const required = (given: unknown): AdhocToolProvider => ({
  get: (name) =>
    JSON.stringify(given).includes(`{"name":${JSON.stringify(name)},"required":true}`)
      ? { name, description: "", input: { type: "object" }, effect: "read", run: () => "" }
      : undefined,
});

/** What is built of a manifest, in the recordings' words; only `ok` when it is refused. */
export const built = (given: unknown, strict: boolean) => {
  let pipeline: Pipeline;
  try {
    pipeline = new Pipeline({ manifest: given as ManifestDocument, strict, adhocProviders: strict ? [required(given)] : [] });
  } catch (error) {
    if (error instanceof ConfigError) return { ok: false };
    throw error;
  }
  const document = pipeline.snapshot().toJSON();
  const wanted = Array.isArray(document.tools.built_in) ? document.tools.built_in : [];
  const active = pipeline.describe().filter((stage) => stage.isActive);
  return {
    ok: true,
    orders: active.map((stage) => stage.order),
    model: check(MODEL, Object.keys(document.model).length ? document.model : document.pipeline.model).value,
    pipeline: check(PIPELINE_SETTINGS, document.pipeline).value,
    tools: pipeline.tools
      .list()
      .map((t) => t.name)
      .sort(),
    unknown_tools: pipeline.findings.filter((f) => f.code === "tools.unknown_builtin").map((f) => wanted[Number(/\d+/.exec(f.path)?.[0])]),
    stages: Object.fromEntries(active.map((stage) => [stage.name, { ...stageOf(stage), ...entryOf(document, stage.order) }])),
  };
};
type Described = ReturnType<Pipeline["describe"]>[number];
const stageOf = ({ order, config, strategies }: Described) => {
  const of = (kind: "one" | "many") => strategies.filter((s) => s.kind === kind);
  return {
    order,
    config,
    strategies: Object.fromEntries(of("one").map(({ slot, names }) => [slot, names[0]])),
    strategy_configs: Object.fromEntries(of("one").map(({ slot, names, configs }) => [slot, configs[names[0] ?? ""]])),
    chains: Object.fromEntries(
      of("many").map(({ slot, names, configs }) => [slot, names.map((name) => ({ name, config: configs[name] }))]),
    ),
  };
};
const entryOf = ({ stages }: ManifestDocument, order: number) => {
  const entry = stages.find((s) => s.order === order);
  const override = entry?.model_override;
  return {
    artifact: entry?.artifact ?? "default",
    tool_binding: entry?.tool_binding ?? null,
    model_override: override ? check(MODEL, override).value : null,
  };
};

/** The offline model answers, whichever provider the manifest names. */
const oneTurn = async (given: ManifestDocument): Promise<string> => {
  await using model = await startModel({ script: [{ text: "Hello." }] });
  const options = { apiKey: "k", baseUrl: model.url };
  const offline = () => providers.anthropic(options);
  const names = ["anthropic", "openai", "google", "vllm", "claude_code_cli"];
  const folder = await mkdtemp(join(tmpdir(), "geny-manifest-"));
  await using pipeline = new Pipeline({
    manifest: elsewhere(given, folder),
    strict: false,
    providers: Object.fromEntries(names.map((name) => [name, offline])),
  });
  try {
    return (await pipeline.run("Hi.")).text;
  } finally {
    await rm(folder, { recursive: true });
  }
};
/** The one folder that a recorded manifest names, put where it can be removed. */
const elsewhere = (given: ManifestDocument, folder: string): ManifestDocument =>
  JSON.parse(JSON.stringify(given).replaceAll('"base_dir":"ckpt"', JSON.stringify({ base_dir: folder }).slice(1, -1)));

/** The text as it was written: the same data, and the same text where numbers have one form only. */
export const textCases = (): Case[] =>
  Object.entries(load<{ readonly texts: { readonly [name: string]: string } }>("raw_text.json")?.texts ?? {}).map(([name, text]) => ({
    file: "raw_text.json",
    name,
    expected: normal(text),
    got: async () => normal(await textOf(EnvironmentManifest.fromJSON(JSON.parse(text)))),
  }));
/** Python writes 1.0, -0.0 and all digits of any number; and no last line end. */
const normal = (text: string): string =>
  text.trimEnd().replaceAll(/(?<=": )-?[\d.]+(?:e[+-]?\d+)?(?=,?\n)/g, (number) => JSON.stringify(Number(number)));
