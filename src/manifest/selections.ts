/** `host_selections`: which of the hooks, skills and permissions that a host offers an environment takes. */
import { ConfigError } from "../contract/errors.ts";
import type { Json } from "../contract/schema.ts";

const KINDS = ["hooks", "skills", "permissions"] as const;
export type HostSelections = { readonly [K in (typeof KINDS)[number]]: readonly string[] };

/** The block with what it leaves out filled in: everything, `["*"]`. Throws `ConfigError` when it is no object of lists of names. */
export const hostSelectionsOf = (block: Json | undefined): HostSelections => {
  const wrong = (path: string, message: string) => new ConfigError([{ severity: "error", code: "form.invalid", path, message }]);
  if (block !== undefined && block !== null && (typeof block !== "object" || Array.isArray(block)))
    throw wrong("host_selections", "must be an object");
  const namesOf = (kind: string): readonly string[] => {
    const list = (block as { readonly [key: string]: Json } | null | undefined)?.[kind];
    if (list === undefined) return ["*"];
    if (!Array.isArray(list) || !list.every((name) => typeof name === "string"))
      throw wrong(`host_selections.${kind}`, 'must be a list of names; ["*"] is all of them');
    return list;
  };
  return { hooks: namesOf("hooks"), skills: namesOf("skills"), permissions: namesOf("permissions") };
};

/** Of what is there, the names that were selected, in the selection's order. `["*"]`: all; `[]`: none. */
export const resolveSelection = (selection: readonly string[], available: readonly string[]): readonly string[] =>
  selection.length === 1 && selection[0] === "*" ? available : selection.filter((name) => available.includes(name));
