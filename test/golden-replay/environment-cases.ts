/** `diffs.json`, `resolver.json`, `snapshot.json`: documents beside each other, their references and secrets, and the form of a live pipeline. */
import { EnvironmentManifest, type JsonObject } from "geny-executor";
import {
  type Comparable,
  EnvironmentDiff,
  fromSnapshot,
  hostSelectionsOf,
  readSnapshot,
  resolveSelection,
  resolveVariables,
  sanitizeSecrets,
  toSnapshot,
  variablesOf,
} from "geny-executor/manifest";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";
import { manifestNamed } from "./manifest-cases.ts";

interface RecordedDiff {
  readonly entries: readonly JsonObject[];
  readonly human_readable: readonly (string | null)[];
  readonly identical: boolean;
  readonly paths_changed: readonly string[];
  readonly summary: JsonObject;
  readonly filter_by_type?: { readonly [type: string]: readonly string[] };
  readonly filter_by_prefix?: { readonly [prefix: string]: readonly string[] };
}
type PatchStep = { readonly op: string; readonly path: string; readonly value?: unknown };
interface DiffCase {
  readonly id: string;
  readonly base?: string;
  readonly patch?: readonly PatchStep[];
  readonly a?: string;
  readonly b?: string;
  readonly a_value?: JsonObject;
  readonly b_value?: JsonObject;
  readonly kwargs?: { readonly ignore_keys?: readonly string[]; readonly prefix?: string };
  readonly diff: RecordedDiff;
  readonly reverse_summary?: JsonObject;
}

export const diffCases = (): Case[] =>
  (load<{ readonly cases: readonly DiffCase[] }>("diffs.json")?.cases ?? []).map((recorded) => {
    const { round_trip_equal: _, ...diff } = recorded.diff as RecordedDiff & { round_trip_equal?: boolean };
    return {
      file: "diffs.json",
      name: recorded.a_value ? `${recorded.id} ${JSON.stringify([recorded.a_value, recorded.b_value])}` : recorded.id,
      expected: { ...diff, ...(recorded.reverse_summary ? { reverse_summary: recorded.reverse_summary } : {}) },
      got: () => diffOf(recorded),
    };
  });

const diffOf = (recorded: DiffCase) => {
  const [a, b] = sidesOf(recorded);
  const { ignore_keys: ignore, prefix } = recorded.kwargs ?? {};
  const options = { ...(ignore ? { ignore } : {}), ...(prefix ? { prefix } : {}) };
  const diff = EnvironmentDiff.compute(a, b, options);
  const { filter_by_type = {}, filter_by_prefix = {}, human_readable } = recorded.diff;
  const paths = (entries: EnvironmentDiff["entries"]) => entries.map((entry) => entry.path);
  const lines = diff.lines();
  return {
    ...diff.toJSON(),
    // Where a value is no text or number the recording has no line.
    human_readable: human_readable.map((line, i) => (line === null ? null : lines[i])),
    paths_changed: diff.pathsChanged,
    filter_by_type: Object.fromEntries(
      (["added", "removed", "changed"] as const)
        .filter((type) => type in filter_by_type)
        .map((type) => [type, paths(diff.filterByType(type))]),
    ),
    filter_by_prefix: Object.fromEntries(Object.keys(filter_by_prefix).map((prefix) => [prefix, paths(diff.filterByPrefix(prefix))])),
    reverse_summary: EnvironmentDiff.compute(b, a, options).summary,
  };
};
const loaded = (document: unknown): Comparable => EnvironmentManifest.fromJSON(document, { strict: false });
const sidesOf = ({ base, patch = [], a, b, a_value, b_value }: DiffCase): [Comparable, Comparable] => {
  if (a_value && b_value) return [a_value, b_value];
  if (base) return [loaded(manifestNamed(base)), loaded(patched(manifestNamed(base) as unknown as JsonObject, patch))];
  return [loaded(manifestNamed(a ?? "")), loaded(manifestNamed(b ?? ""))];
};

type Container = { [key: string]: unknown } | unknown[];
/** A copy with the JSON Patch steps add, replace and remove. */
const patched = (document: JsonObject, steps: readonly PatchStep[]): unknown => {
  const copy: Container = structuredClone(document) as Container;
  for (const { op, path, value } of steps) {
    const keys = path.slice(1).split("/");
    const last = keys.pop() ?? "";
    const at = keys.reduce<Container>((inside, key) => Reflect.get(inside, key) as Container, copy);
    if (!Array.isArray(at)) {
      if (op === "remove") delete at[last];
      else at[last] = value;
    } else if (op === "remove") at.splice(Number(last), 1);
    else if (op === "replace") at[Number(last)] = value;
    else at.splice(last === "-" ? at.length : Number(last), 0, value);
  }
  return copy;
};

interface ResolverFile {
  readonly process_env?: { readonly [name: string]: string };
  readonly resolve?: readonly {
    readonly data: JsonObject;
    readonly env_vars: { readonly [name: string]: string } | null;
    readonly out: JsonObject;
    readonly variables: readonly string[];
  }[];
  readonly sanitize?: readonly { readonly data: JsonObject; readonly out: JsonObject }[];
  readonly host_from_dict?: readonly { readonly in: JsonObject | null; readonly out?: JsonObject }[];
  readonly host_resolve?: readonly {
    readonly selection: readonly string[];
    readonly available: readonly string[];
    readonly out: unknown;
  }[];
}

const attempt = (make: () => unknown) => {
  try {
    return { ok: true, out: make() };
  } catch {
    return { ok: false };
  }
};

export const resolverCases = (): Case[] => {
  const {
    process_env = {},
    resolve = [],
    sanitize = [],
    host_from_dict = [],
    host_resolve = [],
  } = load<ResolverFile>("resolver.json") ?? {};
  const about = (name: string, given: unknown, expected: unknown, got: () => unknown): Case => ({
    file: "resolver.json",
    name: `${name} ${JSON.stringify(given)}`,
    expected,
    got,
  });
  return [
    ...resolve.map(({ data, env_vars, out, variables }) =>
      about("resolve", [data, env_vars], { out, variables }, () => ({
        out: resolveVariables(data, env_vars ?? {}, process_env),
        variables: variablesOf(data),
      })),
    ),
    ...sanitize.map(({ data, out }) => about("sanitize", data, out, () => sanitizeSecrets(data))),
    ...host_from_dict.map(({ in: given, out }) =>
      about("selections", given, out ? { ok: true, out } : { ok: false }, () => attempt(() => hostSelectionsOf(given))),
    ),
    ...host_resolve.map(({ selection, available, out }) =>
      about("select", [selection, available], out, () => resolveSelection(selection, available)),
    ),
  ];
};

interface RecordedManifest {
  readonly variables: readonly string[];
  readonly sanitized_changed_paths: readonly string[];
  readonly snapshot: JsonObject;
}
/** What each manifest asks for, which of its values are secrets, and what begins its snapshot. */
export const documentCases = (): Case[] =>
  Object.entries(load<{ readonly [file: string]: RecordedManifest }>("manifests/expected.json") ?? {}).map(([file, recorded]) => {
    const { stages_are_saved_stages_renamed: _, stages: __, ...snapshot } = recorded.snapshot;
    const document = () => EnvironmentManifest.fromJSON(manifestNamed(file), { strict: false }).toJSON() as JsonObject;
    return {
      file: "manifests/expected.json",
      name: `${file} environment`,
      expected: { variables: recorded.variables, secrets: recorded.sanitized_changed_paths, snapshot },
      got: () => ({
        variables: variablesOf(document()),
        secrets: EnvironmentDiff.compute(document(), sanitizeSecrets(document()) as JsonObject).pathsChanged,
        snapshot: toSnapshot(EnvironmentManifest.fromJSON(document())),
      }),
    };
  });

interface SnapshotFile {
  readonly from_dict?: readonly { readonly in: unknown; readonly ok: boolean; readonly out?: JsonObject }[];
  readonly to_manifest_and_back?: readonly {
    readonly snapshot: JsonObject;
    readonly manifest: JsonObject;
    readonly back_to_snapshot: JsonObject;
  }[];
  readonly key_order?: readonly string[];
  readonly stage_key_order?: readonly string[];
}

export const snapshotCases = (): Case[] => {
  const { from_dict = [], to_manifest_and_back = [], key_order = [], stage_key_order = [] } = load<SnapshotFile>("snapshot.json") ?? {};
  const file = "snapshot.json";
  const keysOf = () => readSnapshot({ stages: [{ order: 1, name: "input", is_active: true }] });
  return [
    ...from_dict.map(({ in: given, ok, out }) => ({
      file,
      name: `read ${JSON.stringify(given)}`,
      expected: ok ? { ok, out } : { ok },
      got: () => attempt(() => readSnapshot(given)),
    })),
    ...to_manifest_and_back.map(({ snapshot, manifest, back_to_snapshot }) => ({
      file,
      name: "to a manifest and back",
      expected: { manifest, back: back_to_snapshot },
      got: () => {
        const made = fromSnapshot(snapshot, { name: "n", description: "d", tags: ["t"], tools: { built_in: ["Read"] } });
        return { manifest: made.toJSON(), back: toSnapshot(made) };
      },
    })),
    { file, name: "key order", expected: key_order, got: () => Object.keys(keysOf()) },
    { file, name: "stage key order", expected: stage_key_order, got: () => Object.keys(keysOf().stages[0] ?? {}) },
  ];
};
