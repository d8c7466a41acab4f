/** References to the environment: `${NAME}` in any text of a document stands for a value that the document does not hold. */
import type { Json } from "../contract/schema.ts";
import { mapTexts } from "./json.ts";

const REFERENCE = /\$\{([A-Z_][A-Z0-9_]*)\}/g;
export type Variables = { readonly [name: string]: string | undefined };

/**
 * A copy in which every `${NAME}` is the value of that name: of `vars`, else of `env` (default: the process's environment). What has no value
 * stays as it is, and so do keys, values that are no text, and references inside of values that were put in.
 */
export const resolveVariables = (value: Json, vars: Variables = {}, env: Variables = process.env): Json => {
  const given = (name: string): string | undefined => (Object.hasOwn(vars, name) ? vars[name] : env[name]);
  return mapTexts(value, (text) => text.replace(REFERENCE, (whole, name: string) => given(name) ?? whole));
};

/** The names that `${NAME}` asks for anywhere in the value, sorted, each once. */
export const variablesOf = (value: Json): readonly string[] => {
  const names = new Set<string>();
  mapTexts(value, (text) => {
    for (const [, name = ""] of text.matchAll(REFERENCE)) names.add(name);
    return text;
  });
  return [...names].sort();
};

/** The text without its references. */
export const withoutReferences = (text: string): string => text.replace(REFERENCE, "");

/** The two functions above, under the names that the Python program has for them. */
export const EnvironmentResolver = { resolve: resolveVariables, extractVariables: variablesOf } as const;
