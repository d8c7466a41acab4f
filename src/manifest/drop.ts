/** Loading what is right of a manifest: what an error names is dropped, so that the default acts in its place. */
import type { Finding } from "../contract/findings.ts";
import type { Json } from "../contract/schema.ts";
import { below } from "./copy.ts";
import { isObject } from "./json.ts";

/** Removing one error may reveal another: at most this many passes. */
const PASSES = 8;

/** The document without what stands at the paths, and the paths of all that went. A name goes with what it names, and a server goes whole. */
const without = (document: Json, paths: readonly string[]): { readonly document: Json; readonly gone: ReadonlySet<string> } => {
  const there = pathsOf(document);
  const gone = new Set(paths.flatMap((path) => targets(path, there)).filter((path) => there.has(path)));
  const copy = (value: Json, path: string): Json => {
    if (Array.isArray(value)) return value.flatMap((item, i) => (gone.has(below(path, i)) ? [] : [copy(item, below(path, i))]));
    if (!isObject(value)) return value;
    const kept = Object.entries(value).filter(([key]) => !gone.has(below(path, key)));
    return Object.fromEntries(kept.map(([key, item]) => [key, copy(item, below(path, key))]));
  };
  return { document: copy(document, ""), gone };
};

const pathsOf = (document: Json): ReadonlySet<string> => {
  const there = new Set<string>();
  const walk = (value: Json, path: string): void => {
    there.add(path);
    if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(item, below(path, i));
    else if (isObject(value)) for (const [key, item] of Object.entries(value)) walk(item, below(path, key));
  };
  walk(document, "");
  return there;
};

/** What is worth nothing without a key that it must have: an item of a list, and some blocks. */
const WHOLE = /^memory$|^stages\[\d+\]\.(?:tool_binding|model_override)$|(?<!^stages)\[\d+\]$/;

/** What goes for an error at a path. What is missing goes with the slot, the item or the block that misses it. */
const targets = (path: string, there: ReadonlySet<string>): string[] => {
  const whole = /^(stages\[\d+\](?=\.name$)|subagents\[\d+\](?=\.agent_type$)|tools\.mcp_servers\[\d+\](?=\.))/.exec(path)?.[1];
  if (whole !== undefined) return [whole];
  if (there.has(path)) return [path];
  const [, entry, slot] = /^(stages\[\d+\])\.strategy_configs\.([^.[]+)/.exec(path) ?? [];
  if (slot !== undefined) return ["strategies", "strategy_configs", "chain_order"].map((group) => `${entry}.${group}.${slot}`);
  let above = path;
  while (above && !there.has(above)) above = above.replace(/(?:^|\.)[^.[\]]*$|\[[^\]]*\]$/, "");
  return WHOLE.test(above) ? [above] : [];
};

export interface Cleared<T> {
  readonly document: T;
  /** Those of the given document, and the errors that showed when others had gone; with paths in the given document. */
  readonly findings: readonly Finding[];
  /** Of each stage entry that is left its place in the given list. */
  readonly from: readonly number[];
}

/** The document without what its errors name. `look` gives the findings of a document, `wrong` says which of them name something to drop. */
export const withoutErrors = <T extends { readonly stages?: unknown }>(
  given: T,
  look: (document: T) => readonly Finding[],
  wrong = ({ severity, code }: Finding): boolean => severity === "error" && code !== "stage.required_inactive",
): Cleared<T> => {
  const findings = [...look(given)];
  const told = new Set(findings.map(asText));
  let document = given;
  let from: readonly number[] = Array.isArray(given.stages) ? given.stages.map((_, i) => i) : [];
  let errors = findings.filter(wrong);
  for (let pass = 0; errors.length && pass < PASSES; pass++) {
    const cleared = without(
      document as Json,
      errors.map(({ path }) => path),
    );
    if (cleared.gone.size === 0) break;
    document = cleared.document as unknown as T;
    from = from.filter((_, i) => !cleared.gone.has(`stages[${i}]`));
    errors = look(document).filter(wrong);
    for (const error of within(from, errors)) if (!told.has(asText(error))) findings.push(error);
    for (const error of within(from, errors)) told.add(asText(error));
  }
  return { document, findings, from };
};
const asText = ({ code, path }: Finding): string => `${code} ${path}`;

/** Findings of a document whose stages came from others (-1: from none), with their paths in that of the others. */
export const within = (from: readonly number[], findings: readonly Finding[]): Finding[] =>
  findings.map((found) => {
    const [start, index] = /^stages\[(\d+)\]/.exec(found.path) ?? [];
    if (start === undefined) return found;
    const given = from[Number(index)] ?? -1;
    return { ...found, path: given === -1 ? "stages" : `stages[${given}]${found.path.slice(start.length)}` };
  });
