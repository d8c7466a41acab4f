/** A value from anywhere as JSON of our own: bounded, without cycles, and without the key that would reach a prototype. */
import { ConfigError, type Finding, type FindingCode } from "../contract/errors.ts";
import { finding } from "../contract/findings.ts";
import type { Json } from "../contract/schema.ts";

/** No environment of a person's comes near to these. */
const DEPTH = 64;
const VALUES = 100_000;
const FINDINGS = 100;

/** `stages[3].config`; for the root's keys the key alone. */
export const below = (path: string, key: string | number): string =>
  typeof key === "number" ? `${path}[${key}]` : path ? `${path}.${key}` : key;

/**
 * Copies what `JSON.stringify` would write. Throws `ConfigError`, each finding with its path, for what is not JSON, for a cycle, for a key
 * `__proto__`, and for a value that is too deep (64) or too large (100,000 values).
 */
export const copyOf = (given: unknown): Json => {
  const findings: Finding[] = [];
  const above = new Set<object>();
  const keys: (string | number)[] = [];
  let left = VALUES;
  const wrong = (code: FindingCode, message: string): null => {
    findings.push(finding(code, keys.reduce(below, ""), message));
    if (findings.length === FINDINGS) throw new ConfigError(findings);
    return null;
  };
  const tooLarge = (): never => {
    wrong("form.too_large", `is more than ${VALUES} values in all`);
    throw new ConfigError(findings);
  };
  const copy = (value: unknown): Json => {
    if (--left < 0) return tooLarge();
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number") return Number.isFinite(value) ? value : wrong("form.invalid", "must be a finite number");
    if (typeof value !== "object")
      return wrong("form.invalid", `must be JSON, not ${value === undefined ? "undefined" : `a ${typeof value}`}`);
    if (above.has(value)) return wrong("form.cycle", "refers to something that it stands in");
    if (above.size === DEPTH) return wrong("form.too_deep", `is nested deeper than ${DEPTH}`);
    const parts = partsOf(value);
    if (!parts) return wrong("form.invalid", "cannot be read");
    if (parts.kind === "strange")
      return wrong("form.invalid", `must be JSON, not a ${parts.name}${parts.name === "Promise" ? ": await it" : ""}`);
    if (parts.kind === "list" ? parts.items.length > left : parts.entries.length > left) return tooLarge();
    above.add(value);
    const made =
      parts.kind === "other"
        ? copy(parts.entries[0]?.[1])
        : parts.kind === "list"
          ? Array.from(parts.items, (item, i) => inside(i, item ?? null))
          : Object.fromEntries(parts.entries.map(([key, item]) => [key, inside(key, item)]));
    above.delete(value);
    return made;
  };
  const inside = (key: string | number, item: unknown): Json => {
    keys.push(key);
    const made = key === "__proto__" ? wrong("form.forbidden_key", "is no key of a manifest") : copy(item);
    keys.pop();
    return made;
  };
  const made = copy(given);
  if (findings.length) throw new ConfigError(findings);
  return made;
};

type Parts =
  | { readonly kind: "list"; readonly items: readonly unknown[] }
  | { readonly kind: "object" | "other"; readonly entries: readonly (readonly [string, unknown])[] }
  | { readonly kind: "strange"; readonly name: string };

/** What an object holds; undefined when looking at it throws. "other": what its `toJSON` gives. */
const partsOf = (value: object): Parts | undefined => {
  try {
    if ("toJSON" in value && typeof value.toJSON === "function") return { kind: "other", entries: [["", value.toJSON()]] };
    if (Array.isArray(value)) return { kind: "list", items: value };
    const name = Object.prototype.toString.call(value).slice(8, -1);
    if (name !== "Object") return { kind: "strange", name };
    return { kind: "object", entries: Object.entries(value).filter(([, item]) => item !== undefined) };
  } catch {
    return undefined;
  }
};
