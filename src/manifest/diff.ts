/** What differs between two documents, value by value. */
import type { ManifestDocument } from "../contract/manifest.ts";
import { type Json, type JsonObject, own } from "../contract/schema.ts";
import { isObject } from "./json.ts";
import { isSecretName } from "./sanitize.ts";

export type ChangeType = "added" | "removed" | "changed";
export interface DiffEntry {
  /** `stages[3].config.x` */
  readonly path: string;
  readonly changeType: ChangeType;
  /** Null for what was added. */
  readonly oldValue: Json;
  /** Null for what was removed. */
  readonly newValue: Json;
}
export interface DiffOptions {
  /** Whole paths that are left out. Default: what says nothing about a pipeline, `metadata.id`, `.created_at` and `.updated_at`. */
  readonly ignore?: readonly string[];
  /**
   * How `stages` are paired: by their place in the list (default; lists of unequal length are compared whole), or by name. Then the paths read
   * `stages[guard].config.x`, and the order in the list says nothing, as it says nothing to a pipeline.
   */
  readonly stages?: "place" | "name";
  /** Stands before every path. */
  readonly prefix?: string;
}
const IGNORED: readonly string[] = ["metadata.id", "metadata.created_at", "metadata.updated_at"];

/** A document, or what has one: an `EnvironmentManifest`. */
export type Comparable = JsonObject | ManifestDocument | { toJSON(): object };

/** The differences between two documents. They do not depend on the order of keys. */
export class EnvironmentDiff {
  readonly entries: readonly DiffEntry[];

  private constructor(entries: readonly DiffEntry[]) {
    this.entries = entries;
  }

  /**
   * Objects are compared key by key, in the order of the keys' names; lists of objects that are equally long item by item; all else as a whole.
   * A key that is null differs from one that is not there; `true` differs from 1.
   */
  static compute(a: Comparable, b: Comparable, { ignore = IGNORED, stages = "place", prefix = "" }: DiffOptions = {}): EnvironmentDiff {
    const how = { ignore, byName: stages === "name" ? join(prefix, "stages") : undefined };
    return new EnvironmentDiff(compare(plain(a), plain(b), prefix, how));
  }

  get identical(): boolean {
    return this.entries.length === 0;
  }
  get summary(): { readonly [T in ChangeType]: number } {
    const count = (type: ChangeType) => this.filterByType(type).length;
    return { added: count("added"), removed: count("removed"), changed: count("changed") };
  }
  /** Sorted, each once. */
  get pathsChanged(): readonly string[] {
    return [...new Set(this.entries.map((entry) => entry.path))].sort();
  }
  filterByType(type: ChangeType): readonly DiffEntry[] {
    return this.entries.filter((entry) => entry.changeType === type);
  }
  /** Of entries whose path begins with that text: `stages[1` is also `stages[12]`. */
  filterByPrefix(prefix: string): readonly DiffEntry[] {
    return this.entries.filter((entry) => entry.path.startsWith(prefix));
  }
  /** `+ path: new`, `- path: old`, `~ path: old → new`. The text under a secret's name is not shown. */
  lines(): readonly string[] {
    return this.entries.map(({ path, changeType, oldValue, newValue }) => {
      const [before, after] = [shown(oldValue, path), shown(newValue, path)];
      if (changeType === "added") return `+ ${path}: ${after}`;
      return changeType === "removed" ? `- ${path}: ${before}` : `~ ${path}: ${before} → ${after}`;
    });
  }
  /** The wire's form. It holds the values, secrets too. */
  toJSON(): { readonly entries: readonly JsonObject[]; readonly summary: JsonObject; readonly identical: boolean } {
    const entries = this.entries.map((e) => ({
      path: e.path,
      change_type: e.changeType,
      old_value: e.oldValue,
      new_value: e.newValue,
    }));
    return { entries, summary: this.summary, identical: this.identical };
  }
}

interface Comparison {
  readonly ignore: readonly string[];
  /** The path of the list whose items are paired by their `name`. */
  readonly byName: string | undefined;
}
const plain = (value: Comparable): Json => JSON.parse(JSON.stringify(value)) as Json;
const isRows = (value: Json): value is readonly JsonObject[] => Array.isArray(value) && value.every(isObject);
const join = (path: string, key: string): string => (path ? `${path}.${key}` : key);

const compare = (a: Json, b: Json, path: string, how: Comparison): DiffEntry[] => {
  if (isObject(a) && isObject(b)) return compareKeys(a, b, (key) => join(path, key), how);
  if (isRows(a) && isRows(b)) {
    const [left, right] = path === how.byName ? [named(a), named(b)] : [undefined, undefined];
    if (left && right) return compareKeys(left, right, (name) => `${path}[${name}]`, how);
    if (a.length === b.length) return a.flatMap((item, i) => compare(item, b[i] ?? null, `${path}[${i}]`, how));
  }
  return same(a, b) ? [] : [{ path, changeType: "changed", oldValue: a, newValue: b }];
};

const compareKeys = (a: JsonObject, b: JsonObject, pathOf: (key: string) => string, how: Comparison): DiffEntry[] => {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return keys.flatMap((key): DiffEntry[] => {
    const path = pathOf(key);
    if (how.ignore.includes(path)) return [];
    const oldValue = own(a, key);
    const newValue = own(b, key);
    if (oldValue === undefined) return [{ path, changeType: "added", oldValue: null, newValue: newValue ?? null }];
    if (newValue === undefined) return [{ path, changeType: "removed", oldValue, newValue: null }];
    return compare(oldValue, newValue, path, how);
  });
};

/** The rows by name; undefined when two have the same or one has none. */
const named = (rows: readonly JsonObject[]): JsonObject | undefined => {
  const byName = new Map(rows.map((row) => [row.name, row]));
  if (byName.size !== rows.length || rows.some((row) => typeof row.name !== "string")) return undefined;
  return Object.fromEntries(byName) as JsonObject;
};

/** Equal as data: the order of keys does not count. */
export const same = (a: Json, b: Json): boolean => {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key] ?? null, b[key] ?? null));
};

const shown = (value: Json, path: string): string => {
  if (typeof value !== "string") return JSON.stringify(value, hideSecrets);
  return isSecretName(path.split(".").at(-1) ?? "") && !/^\$\{[^{}]+\}$/.test(value) ? HIDDEN : value;
};
const HIDDEN = "(hidden)";
const hideSecrets = (key: string, value: Json): Json => (typeof value === "string" && isSecretName(key) ? HIDDEN : value);
