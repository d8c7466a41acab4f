/** What the calls of `EnvironmentManager` take, checked: what is not known would be ignored. */
import { ConfigError } from "../contract/errors.ts";
import { type Finding, finding, unknownKeys } from "../contract/findings.ts";
import { own } from "../contract/schema.ts";
import { isObject } from "./json.ts";

/** Whether the path is that of a key in one of the blocks, or leads below it. */
export const isOf = (path: string, blocks: { readonly [block: string]: object }): boolean =>
  Object.entries(blocks).some(([block, keys]) =>
    Object.keys(keys).some((key) => [".", "["].some((end) => `${path}.`.startsWith(`${block}.${key}${end}`))),
  );

/** Throws `ConfigError` for what is no object, and for a key that is not known. */
export const checkOptions = (options: object, known: readonly string[]): void => {
  const findings = isObject(options)
    ? unknownKeys(options, known, "options")
    : [finding("option.invalid", "options", `must be an object (known: ${known.join(", ")})`)];
  if (findings.length) throw new ConfigError(findings);
};
/** The name in options that hold nothing else. Throws `ConfigError` for anything else. */
export const nameIn = (options: { readonly name?: string | null }): string | undefined => {
  checkOptions(options, ["name"]);
  const { name } = options;
  if (name === undefined || name === null || typeof name === "string") return name ?? undefined;
  throw new ConfigError([finding("option.invalid", "options.name", "must be text")]);
};
/** Throws `ConfigError` for what is no tag. */
export const checkTags = (tags: readonly unknown[]): void => {
  const findings = tags.flatMap((tag, i) =>
    typeof tag === "string" && tag !== ""
      ? []
      : [finding("option.invalid", `tags[${i}]`, 'must be a text that is not empty; several are given one after another: "a", "b"')],
  );
  if (findings.length) throw new ConfigError(findings);
};

const CHANGEABLE: { readonly [block: string]: readonly string[] | "any" } = {
  metadata: ["name", "description", "author", "tags"],
  model: "any",
  pipeline: "any",
};
/** On changes of an environment, but for what its settings say of their values. */
export const changeFindings = (changes: object): Finding[] => {
  const wrong = (path: string, message: string): Finding => finding("option.invalid", path, message);
  const blocks = Object.keys(CHANGEABLE);
  if (!isObject(changes)) return [wrong("changes", `must be an object (known: ${blocks.join(", ")})`)];
  return Object.entries(changes).flatMap(([block, value]): Finding[] => {
    const keys = own(CHANGEABLE, block);
    if (keys === undefined) return [wrong(block, `cannot be changed here (known: ${blocks.join(", ")})`)];
    if (!isObject(value)) return [wrong(block, "must be an object")];
    return Object.entries(value).flatMap(([key, given]) => {
      const path = `${block}.${key}`;
      if (keys === "any") return [];
      if (!keys.includes(key)) return [wrong(path, `cannot be changed here (known: ${keys.join(", ")})`)];
      const list = key === "tags";
      const fits = list ? Array.isArray(given) && given.every((tag) => typeof tag === "string") : typeof given === "string";
      return fits ? [] : [wrong(path, list ? "must be a list of texts" : "must be text")];
    });
  });
};
