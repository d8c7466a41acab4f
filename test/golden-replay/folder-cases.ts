/** `env_manager.json`: what a folder of environments does, call after call. Every call is a case; each plays the sequence up to itself. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, EnvironmentManifest, type JsonObject } from "geny-executor";
import { type EnvironmentDiff, EnvironmentManager } from "geny-executor/manifest";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";
import { manifestNamed } from "./manifest-cases.ts";

interface Step {
  readonly op: string;
  readonly args: readonly unknown[];
  readonly ok: boolean;
  readonly value?: unknown;
}
interface FolderFile {
  readonly sequences?: readonly { readonly id: string; readonly steps: readonly Step[] }[];
}
/** About Python's own objects. */
const PYTHON = ["load_same_object", "direct_update", "mutate_loaded_without_update"];

export const folderCases = (): Case[] =>
  (load<FolderFile>("env_manager.json")?.sequences ?? []).flatMap(({ id, steps }) => {
    const played = once(() => play(steps));
    return steps.flatMap(({ op, args, ok, value }, i): Case[] =>
      PYTHON.includes(op)
        ? []
        : [
            {
              file: "env_manager.json",
              name: `${id} ${i} ${op} ${JSON.stringify(args).slice(0, 100)}`,
              expected: ok ? { ok, value } : { ok },
              got: async () => (await played())[i],
            },
          ],
    );
  });

const once = <T>(make: () => Promise<T>) => {
  let made: Promise<T> | undefined;
  return (): Promise<T> => {
    made ??= make();
    return made;
  };
};

interface World {
  readonly manager: EnvironmentManager;
  readonly folder: string;
  /** Saved ids and kept texts by the recording's names. */
  readonly ids: Map<string, string>;
  readonly texts: Map<string, string>;
}

const play = async (steps: readonly Step[]): Promise<readonly unknown[]> => {
  const folder = await mkdtemp(join(tmpdir(), "geny-"));
  const world: World = { manager: new EnvironmentManager(folder), folder, ids: new Map(), texts: new Map() };
  const out: unknown[] = [];
  try {
    for (const { op, args } of steps) {
      const run = Object.hasOwn(OPS, op) ? OPS[op] : undefined;
      const value = run?.(world, args).then(
        (got) => ({ ok: true, value: named(got ?? null, world) }),
        (error: unknown) => {
          if (!(error instanceof ConfigError)) throw error;
          return { ok: false };
        },
      );
      out.push(await value);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return out;
};

/** Our ids under the recording's names. Files come in the order of their ids; the recording's in that of their names. */
const named = (value: unknown, { ids }: World): unknown => {
  const names = new Map([...ids].map(([key, id]) => [id, `<id:${key}>`]));
  const text = JSON.stringify(value).replaceAll(/env_[0-9a-f]{8}/g, (id) => names.get(id) ?? id);
  const read: unknown = JSON.parse(text);
  return Array.isArray(read) ? read.toSorted((a, b) => order(a).localeCompare(order(b))) : read;
};
const order = (item: unknown): string =>
  typeof item === "object" && item !== null && "id" in item ? String(item.id) : JSON.stringify(item);

type Op = (world: World, args: readonly unknown[]) => Promise<unknown>;
const idOf = ({ ids }: World, key: unknown): string => ids.get(String(key)) ?? String(key);

const metadataOf = (manifest: EnvironmentManifest) => manifest.toJSON().metadata;
const blocksOf = (manifest: EnvironmentManifest) => {
  const { metadata, model, pipeline, version, stages, tools } = manifest.toJSON();
  return { metadata, model, pipeline, version, stages: stages.length, tools };
};
const diffed = (diff: EnvironmentDiff) => ({ identical: diff.identical, paths: diff.pathsChanged, summary: diff.summary });

const OPS: { readonly [op: string]: Op } = {
  async save(world, [key, preset, given]) {
    const { tools, ...metadata } = given as JsonObject;
    const document = manifestNamed(`preset-${preset}-v3.json`);
    // Saved without tools, so without their stage.
    const none = manifestNamed("preset-minimal-v3.json")?.stages.find((stage) => stage.order === 10);
    const id = await world.manager.save(
      EnvironmentManifest.fromJSON({
        ...document,
        stages: document?.stages.map((stage) => (stage.order === 10 ? none : stage)),
        metadata: { ...document?.metadata, description: "", tags: [], ...metadata },
        ...(tools ? { tools } : {}),
      }),
    );
    world.ids.set(String(key), id);
    return id;
  },
  async list_all({ manager }) {
    return (await manager.list()).environments.map((e) => ({
      id: e.id,
      name: e.name,
      description: e.description,
      tags: e.tags,
      model: e.model,
      stage_count: e.stageCount,
      tool_count: e.toolCount,
      created_at: e.createdAt,
      updated_at: e.updatedAt,
    }));
  },
  async files({ folder }) {
    return (await readdir(folder)).sort();
  },
  async file_text_is(world, [key]) {
    const text = await readFile(join(world.folder, `${idOf(world, key)}.json`), "utf8");
    const { metadata, stages, tools, ...top } = JSON.parse(text) as { metadata: object; stages: object[]; tools: object };
    return {
      equals_json_indent2_ensure_ascii_false: text.trimEnd() === JSON.stringify(JSON.parse(text), null, 2),
      metadata_key_order: Object.keys(metadata),
      stage_entry_key_order: Object.keys(stages[0] ?? {}),
      tools_key_order: Object.keys(tools),
      top_level_key_order: Object.keys(JSON.parse(text) as object).filter(
        (key) => key in top || ["metadata", "stages", "tools"].includes(key),
      ),
      trailing_newline: text.endsWith("\n"),
    };
  },
  async load(world, [key]) {
    return blocksOf(await world.manager.load(idOf(world, key)));
  },
  async fresh_load(world, [key]) {
    const manifest = await world.manager.get(idOf(world, key));
    const stage_names = manifest.toJSON().stages.map(({ order: at, name, active }) => [at, name, active]);
    return { ...blocksOf(manifest), stage_names };
  },
  /** What cannot be changed is refused; then the rest is changed. */
  async update(world, [key, given]) {
    const id = idOf(world, key);
    const { metadata, model, pipeline, ...rest } = given as { readonly [block: string]: JsonObject };
    const { base_preset, id: own, ...allowed } = metadata ?? {};
    const refused = Object.keys({ ...rest, ...(base_preset === undefined && own === undefined ? {} : { metadata: {} }) });
    if (refused.length)
      await world.manager.update(id, given as JsonObject).then(
        () => Promise.reject(new Error("what cannot be changed was taken")),
        () => {},
      );
    const changes = { ...(metadata ? { metadata: allowed } : {}), ...(model ? { model } : {}), ...(pipeline ? { pipeline } : {}) };
    const { stages: _, tools: __, ...blocks } = blocksOf(await world.manager.update(id, changes));
    return blocks;
  },
  async diff(world, [a, b]) {
    return diffed(await world.manager.diff(idOf(world, a), idOf(world, b)));
  },
  async required_variables(world, [key]) {
    return world.manager.requiredVariables(idOf(world, key));
  },
  async resolve_and_load(world, [key, vars]) {
    const path = join(world.folder, `${idOf(world, key)}.json`);
    const before = await readFile(path, "utf8");
    const manifest = await world.manager.resolveAndLoad(idOf(world, key), (vars ?? {}) as { readonly [name: string]: string });
    return { ...blocksOf(manifest), stored_unchanged: before === (await readFile(path, "utf8")) };
  },
  async export(world, [key]) {
    const id = idOf(world, key);
    const text = await world.manager.exportJson(id);
    const file = await readFile(join(world.folder, `${id}.json`), "utf8");
    return {
      equals_file: text === file.trimEnd(),
      keys: Object.keys(JSON.parse(text) as object),
      metadata: metadataOf(await world.manager.load(id)),
    };
  },
  async keep_export(world, [as, key]) {
    world.texts.set(String(as), await world.manager.exportJson(idOf(world, key)));
  },
  async import(world, [key, given, name]) {
    const text = world.texts.get(String(given)) ?? String(given);
    const id = await world.manager.importJson(text, { name: name as string | null });
    world.ids.set(String(key), id);
    const { metadata, version, stages } = (await world.manager.load(id)).toJSON();
    return { id, metadata, version, stage_orders: stages.map((stage) => stage.order) };
  },
  async delete(world, [key]) {
    return world.manager.delete(idOf(world, key));
  },
  async write_raw({ folder }, [name, text]) {
    await writeFile(join(folder, String(name)), String(text));
  },
};
