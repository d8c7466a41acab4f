/** `host_selections`: which of the hooks, skills and permissions that a host offers an environment takes. */
import { ConfigError } from "../contract/errors.ts";
import { type Finding, finding } from "../contract/findings.ts";
import { nearest } from "../contract/nearest.ts";
import type { Json } from "../contract/schema.ts";

const KINDS = ["hooks", "skills", "permissions"] as const;
export type HostSelections = { readonly [K in (typeof KINDS)[number]]: readonly string[] };
/** The names of what a host has to select from. */
export type HostOffers = Partial<HostSelections>;

/** The block with what it leaves out filled in: everything, `["*"]`. Throws `ConfigError` when it is no object of lists of names. */
export const hostSelectionsOf = (block: Json | undefined): HostSelections => {
  const wrong = (path: string, message: string) => new ConfigError([finding("form.invalid", path, message)]);
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

/** What is selected of a host's offers, by kind; and what is selected and not offered. Throws as `hostSelectionsOf` does. */
export const selectedOf = (
  block: Json | undefined,
  offers: HostOffers,
): { readonly selected: HostOffers; readonly findings: readonly Finding[] } => {
  const selections = hostSelectionsOf(block);
  const offered = KINDS.flatMap((kind) => (offers[kind] ? [[kind, offers[kind]] as const] : []));
  const found = KINDS.flatMap((kind) => {
    const { [kind]: names } = selections;
    const { [kind]: available } = offers;
    const path = `host_selections.${kind}`;
    if (names.length === 1 && names[0] === "*") return [];
    if (!available)
      return [finding("selection.needs_host", path, `does nothing: the host says in the option \`offers\` which ${kind} there are`)];
    return names.flatMap((name, i) =>
      available.includes(name)
        ? []
        : [finding("selection.unknown", `${path}[${i}]`, `the host offers no "${name}": it is left out`, nearest(name, available))],
    );
  });
  return {
    selected: Object.fromEntries(offered.map(([kind, names]) => [kind, resolveSelection(selections[kind], names)])),
    findings: found,
  };
};
