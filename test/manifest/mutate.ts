/** Manifests with something changed at any place, for whoever must bear them. */
import fc from "fast-check";

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
type Path = readonly (string | number)[];

const OPS = ["delete", "replace", "retype", "rename", "misspell", "duplicate", "deepen", "add"] as const;
export interface Mutation {
  readonly op: (typeof OPS)[number];
  /** Which of the places; counted round. */
  readonly at: number;
  readonly key: string;
  readonly value: Value;
}

const KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "length",
  "0",
  "",
  "a.b",
  "[0]",
  "zzz",
  "ключ",
  "name",
  "order",
];
const WORDS = [
  "__proto__",
  "constructor",
  "toString",
  "valueOf",
  "",
  " ",
  "api",
  "cache",
  "stage_3",
  "6",
  "s06_api",
  "default",
  "null",
  "*",
  "2.0",
  "x".repeat(300),
];
const NUMBERS = [0, -0, -1, 1, 6, 0.5, 1e308, 2 ** 53, -(2 ** 31), 1e-300];
const json = (depth: number): fc.Arbitrary<Value> => fc.jsonValue({ maxDepth: depth }) as fc.Arbitrary<Value>;
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(...WORDS, ...NUMBERS, true, false, null),
  fc.constantFrom<Value>([], {}, [null], [[]], [{}], { a: null }),
  json(2),
);
export const mutation: fc.Arbitrary<Mutation> = fc.record({
  op: fc.constantFrom(...OPS),
  at: fc.nat(5000),
  key: fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 8 })),
  value,
});

const isPart = (given: Value): given is { [key: string]: Value } => typeof given === "object" && given !== null && !Array.isArray(given);
const entries = (given: Value): [string | number, Value][] =>
  Array.isArray(given) ? given.map((item, i): [number, Value] => [i, item]) : isPart(given) ? Object.entries(given) : [];
const placesOf = (given: Value, path: Path = []): Path[] => [
  path,
  ...entries(given).flatMap(([key, item]) => placesOf(item, [...path, key])),
];
const within = (given: Value, path: Path): Value =>
  path.reduce<Value>((at, key) => (Array.isArray(at) ? at[Number(key)] : isPart(at) ? at[key] : null) ?? null, given);
/** With an own key, whatever its name. */
const put = (part: { [key: string]: Value }, key: string, item: Value): { [key: string]: Value } =>
  Object.fromEntries([...Object.entries(part).filter(([k]) => k !== key), [key, item]]);

const changed = (given: Value, [key, ...rest]: Path, change: (item: Value) => Value[], named = (k: string) => k): Value => {
  if (key === undefined) return change(given)[0] ?? null;
  const next = (item: Value): Value[] => (rest.length ? [changed(item, rest, change, named)] : change(item));
  if (Array.isArray(given)) return given.flatMap((item, i) => (i === key ? next(item) : [item]));
  if (!isPart(given)) return given;
  return Object.fromEntries(
    Object.entries(given).flatMap(([k, item]) =>
      k === key ? next(item).map((made, i) => [i ? `${k}_${i}` : rest.length ? k : named(k), made]) : [[k, item]],
    ),
  );
};

/** As the findings write it. */
export const pathText = (path: Path): string =>
  path.reduce<string>((text, key) => (typeof key === "number" ? `${text}[${key}]` : text ? `${text}.${key}` : key), "");

/** The document with the mutation, and the path at which it is. */
export const mutated = (document: Value, { op, at, key, value: to }: Mutation): { readonly document: Value; readonly path: string } => {
  const places = placesOf(document);
  const path = places[at % places.length] ?? [];
  const old = within(document, path);
  const made = (() => {
    switch (op) {
      case "delete":
        return changed(document, path, () => []);
      case "replace":
        return changed(document, path, () => [to]);
      case "retype":
        return changed(document, path, (item) => [retyped(item)]);
      case "rename":
        return changed(
          document,
          path,
          (item) => [item],
          () => key,
        );
      case "misspell":
        return changed(document, path, (item) => [typeof item === "string" ? misspelt(item) : item], misspelt);
      case "duplicate":
        return changed(document, path, (item) => [item, structuredClone(item)]);
      case "deepen":
        return changed(document, path, (item) => [nested(item, key || "a", at % 90)]);
      case "add":
        return changed(document, path, (item) => [isPart(item) ? put(item, key, to) : Array.isArray(item) ? [...item, to] : to]);
    }
  })();
  const end =
    op === "duplicate" || (op === "add" && typeof old === "object") || op === "rename" || op === "misspell" ? path.slice(0, -1) : path;
  return { document: made, path: pathText(end) };
};
const misspelt = (word: string): string => (word.length > 2 ? word.slice(0, 1) + word.slice(2) : `${word}q`);
const retyped = (item: Value): Value => {
  if (typeof item === "string") return [item];
  if (typeof item === "number") return String(item);
  if (typeof item === "boolean") return item ? "true" : 0;
  if (item === null) return {};
  return Array.isArray(item) ? Object.fromEntries(item.map((v, i) => [String(i), v])) : Object.values(item);
};
const nested = (item: Value, key: string, levels: number): Value => {
  let made = item;
  for (let i = 0; i < levels; i++) made = i % 2 ? [made] : put({}, key, made);
  return made;
};
