/** `validation.json`: one thing wrong in a manifest that is right. Whether it loads, what is said of it, and what is built of it. */
import { type Finding, type ManifestDocument, validateManifest } from "geny-executor";
import { PIPELINE } from "geny-executor/stages";
import { builtinTools } from "geny-executor/tools";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";
import { built, manifestNamed } from "./manifest-cases.ts";
import { isObject } from "./rewrite.ts";

interface Expectation {
  readonly severity: "error" | "warning";
  readonly deliberate?: boolean;
  readonly stage_order?: number;
  readonly raised_in_stage_module?: string;
  readonly fields?: readonly string[];
  readonly args?: readonly unknown[];
}
export interface Change {
  readonly path: string;
  readonly change_type: "added" | "removed" | "changed";
  readonly old_value: unknown;
  readonly new_value: unknown;
}
interface Patch {
  readonly op: "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}
/** One recorded case, with the manifest that its patch makes of the base. */
export interface Validation {
  readonly id: string;
  readonly base: string;
  readonly patch: readonly Patch[];
  readonly expect: readonly Expectation[];
  readonly strict_ok: boolean;
  readonly lenient_ok: boolean;
  readonly effect?: readonly Change[];
  readonly effect_lenient?: readonly Change[];
}

/** The stages, in order. */
export const NAMES: readonly string[] = Object.values(PIPELINE).flatMap((stages) => stages.map(({ name }) => name));
const TOOLS = builtinTools().map(({ name }) => name);
const all = (): readonly Validation[] => load<{ readonly cases: readonly Validation[] }>("validation.json")?.cases ?? [];

/** The recorded case behind a case of ours, its manifest, and the errors that ours finds in it. */
export interface Looked {
  readonly recorded: Validation;
  readonly base: ManifestDocument;
  readonly given: unknown;
  readonly errors: readonly Finding[];
  readonly what: "strict" | "lenient";
}
const known = new Map<string, Omit<Looked, "what"> | undefined>();
export const lookedAt = ({ file, name }: Pick<Case, "file" | "name">): Looked | undefined => {
  const [id = "", what] = name.split(" ");
  if (file !== "validation.json" || (what !== "strict" && what !== "lenient")) return undefined;
  if (!known.has(id)) known.set(id, lookAt(all().find((recorded) => recorded.id === id)));
  const looked = known.get(id);
  return looked && { ...looked, what };
};
const lookAt = (recorded: Validation | undefined): Omit<Looked, "what"> | undefined => {
  const base = recorded && manifestNamed(recorded.base);
  if (!base) return undefined;
  const given = recorded.patch.reduce(patched, JSON.parse(JSON.stringify(base)) as unknown);
  const errors = validateManifest(given, { tools: TOOLS }).filter(({ severity }) => severity === "error");
  return { recorded, base, given, errors };
};

export const validationCases = (): Case[] =>
  all().flatMap((recorded) => {
    const about = (what: string) => ({ file: "validation.json", name: `${recorded.id} ${what}` });
    const looked = lookedAt(about("strict"));
    if (!looked) return [];
    const { base, given } = looked;
    const effect = effectOf(recorded);
    return [
      { ...about("strict"), expected: said(recorded), got: () => strict(looked) },
      {
        ...about("lenient"),
        expected: { ok: recorded.lenient_ok, ...(effect ? { built: changed(base, effect) } : {}) },
        got: () => ({ ok: view(given).ok, ...(effect ? { built: view(given) } : {}) }),
      },
    ];
  });
/** What was built differs so from what is built of the base. */
export const effectOf = ({ effect, effect_lenient }: Validation): readonly Change[] | undefined =>
  (effect_lenient ?? effect)?.filter(({ path }) => path !== "config_to_dict_raises");

/** `named`: an error names the stage, or else what was patched. */
const said = ({ strict_ok, expect }: Validation) => ({
  ok: strict_ok,
  named: true,
  fields: expect.flatMap(({ fields = [] }) => fields),
  warned: expect.flatMap(({ args = [] }) => args.filter((arg) => typeof arg === "string")),
});
const strict = ({ recorded: { expect, patch }, given, errors }: Looked) => {
  const findings = validateManifest(given, { tools: TOOLS });
  const { ok } = built(given, true);
  if (ok !== (errors.length === 0)) throw new Error("validateManifest and Pipeline do not agree.");
  const named = expect.every((expected) => {
    if (expected.severity === "warning") return true;
    const order = expected.stage_order ?? Number(/^s(\d+)/.exec(expected.raised_in_stage_module ?? "")?.[1]);
    return errors.some((error) => (order ? ordersOf(error, given).includes(order) : patch.some(({ path }) => meets(error.path, path))));
  });
  return {
    ok,
    named: named || errors.length === 0,
    fields: expect.flatMap(({ fields = [] }) => fields.filter((field) => errors.some(({ path }) => path.endsWith(`.${field}`)))),
    warned: expect.flatMap(({ args = [] }) =>
      args.filter((arg) => findings.some(({ severity, message }) => severity === "warning" && message.includes(`"${String(arg)}"`))),
    ),
  };
};

/** Of the entry that a finding is about: the order of its stage, and the one that it says. */
export const ordersOf = ({ path }: Finding, given: unknown): number[] => {
  const index = Number(/^stages\[(\d+)\]/.exec(path)?.[1]);
  const entry = isObject(given) && Array.isArray(given.stages) ? given.stages[index] : undefined;
  return isObject(entry) ? [NAMES.findIndex((name) => String(entry.name).endsWith(name)) + 1, Number(entry.order)] : [index + 1];
};
/** `stages[4].name` and `/stages/4/name`: one above the other, or the same. */
export const meets = (path: string, pointer: string): boolean => {
  const asPointer = `/${path.replaceAll(/\[(\d+)\]/g, ".$1").replaceAll(".", "/")}`;
  return path === "" || asPointer.startsWith(pointer) || pointer.startsWith(asPointer);
};

type Built = { readonly ok: boolean; readonly stages?: Record<string, Stage> };
interface Stage {
  readonly order: number;
  readonly chains: { readonly [chain: string]: readonly { readonly name: string }[] };
  readonly tool_binding: { readonly [key: string]: unknown } | null;
  readonly [key: string]: unknown;
}
/** What is built, by order, without what the recordings of effects leave out: the configs of a chain's items. */
export const view = (given: unknown) => {
  const { stages, unknown_tools: _, ...made }: Built & { unknown_tools?: unknown } = built(given, false);
  const numbered = Object.values(stages ?? {}).map((stage) => {
    const chains = Object.entries(stage.chains).map(([chain, items]) => [chain, items.map(({ name }) => ({ name }))]);
    const { tool_binding } = stage;
    const binding = tool_binding && { allowed: null, blocked: null, extra_context: {}, ...tool_binding };
    return [String(stage.order), { ...stage, chains: Object.fromEntries(chains), tool_binding: binding }];
  });
  return { ...made, stages: Object.fromEntries(numbered) as Record<string, unknown> };
};

/** The base with what was recorded to be other. */
export const changed = (base: unknown, effect: readonly Change[]): unknown =>
  effect
    .map(({ path, change_type, new_value }): Patch => {
      const pointer = `/${path
        .replace("registered_orders", "orders")
        .replaceAll(/\[(\d+)\]/g, ".$1")
        .replaceAll(".", "/")}`;
      if (change_type === "removed") return { op: "remove", path: pointer };
      const every = path === "tools" && Array.isArray(new_value) && new_value[0] === "*";
      const { name: _, ...value } = isObject(new_value) ? new_value : { name: "" };
      return { op: "add", path: pointer, value: every ? [...TOOLS].sort() : isObject(new_value) ? value : new_value };
    })
    .reduce(patched, view(base));

/** JSON Patch, of which a list's items are only replaced, appended (`-`) and removed. */
const patched = (document: unknown, { op, path, value }: Patch): unknown => {
  if (path === "") return value;
  const keys = path.slice(1).split("/");
  const last = keys.pop() ?? "";
  const parent = keys.reduce((at, key) => (at as Record<string, unknown>)[key], document) as Record<string, unknown>;
  if (Array.isArray(parent)) {
    if (op === "remove") parent.splice(Number(last), 1);
    else if (last === "-") parent.push(value);
    else parent[Number(last)] = value;
  } else if (op === "remove") delete parent[last];
  else parent[last] = value;
  return document;
};
