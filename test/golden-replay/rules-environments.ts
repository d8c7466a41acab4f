/** Where diffs, references, secrets, folders of environments and registries of presets differ on purpose. */
import { presetCatalog } from "geny-executor/manifest";
import type { Case } from "./cases.ts";
import type { ModelDifference } from "./differences.ts";
import { isObject } from "./rewrite.ts";

const expecting = (given: Case, expected: unknown): Case => ({ file: given.file, name: given.name, expected, got: given.got });
const refused = (given: Case): Case => expecting(given, { ok: false });
const of =
  (file: string, ...names: readonly string[]) =>
  (given: Case): boolean =>
    given.file === file && (names.length === 0 || names.some((name) => given.name.includes(name)));

/** A list of presets with those that are manifests, after the others that are always there. */
const withCatalogue = (expected: unknown): unknown => {
  if (!isObject(expected) || !Array.isArray(expected.value)) return expected;
  const isOurs = (item: unknown): boolean => (Array.isArray(item) ? item[1] : isObject(item) && item.preset_type) === "built_in";
  const told = expected.value.every((item: unknown) => Array.isArray(item));
  const added = presetCatalog().map(({ key, tags }) =>
    told ? [key, "built_in"] : { environment_id: null, has_description: true, name: key, preset_type: "built_in", tags },
  );
  const [ours, others] = [expected.value.filter(isOurs), expected.value.filter((item: unknown) => !isOurs(item))];
  return { ...expected, value: [...ours, ...added, ...others] };
};

/** Every text under such a name, and no other value. */
const NAMES = /token|secret|password|credential|api_key/i;
/** What 2.1.0 put in place of numbers, lists, empty texts and references, as it was given. */
const textsOnly = (out: unknown, given: unknown): unknown => {
  if (!isObject(out) || !isObject(given)) return out;
  return Object.fromEntries(
    Object.entries(out).map(([key, value]) => {
      const from = given[key];
      const kept = typeof from !== "string" || from === "" || from.startsWith("${");
      if (NAMES.test(key) && kept) return [key, isObject(from) ? withPlaceholders(from) : from];
      return [key, textsOnly(value, from)];
    }),
  );
};
const withPlaceholders = (given: { readonly [key: string]: unknown }): unknown =>
  Object.fromEntries(Object.entries(given).map(([key, value]) => [key, typeof value === "string" ? `\${${key.toUpperCase()}}` : value]));
/** Texts under names that 2.1.0 did not look at. */
const withMissed = (out: unknown): unknown => {
  if (Array.isArray(out)) return out.map(withMissed);
  if (!isObject(out)) return out;
  return Object.fromEntries(
    Object.entries(out).map(([key, value]) => {
      const missed = typeof value === "string" && !value.startsWith("${") && /^(api-?key|auth|authorization|bearer)$/i.test(key);
      return [key, missed ? `\${${key.toUpperCase().replace("-", "_")}}` : withMissed(value)];
    }),
  );
};
const dataOf = ({ name }: Case): unknown => JSON.parse(name.slice(name.indexOf(" ") + 1));

export const environmentRules: readonly ModelDifference[] = [
  {
    rule: "true is not 1",
    why: "They are equal in Python; a manifest that says one where the other belongs is wrong.",
    covers: (given) => of("diffs.json")(given) && /\[\{.*(?:true|false)/.test(given.name),
    excuses: ["value.entries", "value.identical", "value.paths_changed", "value.summary", "value.human_readable"],
  },
  {
    rule: "a line shows no secret",
    why: "Lines are for logs and people.",
    covers: (given) => of("diffs.json")(given) && NAMES.test(JSON.stringify(given.expected)),
    excuses: ["value.human_readable"],
  },
  {
    rule: "only texts are secrets",
    why: "max_tokens became a text, and the file loaded with it; what is a reference already was replaced by another.",
    covers: of("resolver.json", "sanitize "),
    rewrite: (given) => expecting(given, textsOnly(given.expected, dataOf(given))),
  },
  {
    rule: "a placeholder can be resolved again",
    why: "References have letters, digits and underscores; other characters of a key become underscores.",
    covers: of("resolver.json", "sanitize "),
    rewrite: (given) => {
      const text = JSON.stringify(given.expected);
      const named = text.replace(/\$\{([^}]+)\}/g, (_, name: string) => `\${${name.replace(/[^A-Z0-9_]/g, "_")}}`);
      return expecting(given, JSON.parse(named));
    },
  },
  {
    rule: "api-key, apikey, auth, authorization and bearer are secrets' names",
    why: "They were missed.",
    covers: of("resolver.json", "sanitize "),
    rewrite: (given) => expecting(given, withMissed(given.expected)),
  },
  {
    rule: "settings of tokens are no secrets",
    why: "Only texts are.",
    covers: of("manifests/expected.json", " environment"),
    rewrite: (given) => {
      const { secrets, ...rest } = given.expected as { readonly secrets: readonly string[] };
      return expecting(given, { ...rest, secrets: secrets.filter((path) => !path.endsWith("_tokens")) });
    },
  },
  {
    rule: "a placeholder that nobody can resolve is none",
    why: "It stood for a secret, under a name that no reference can have.",
    covers: of("manifests/expected.json", "sanitised-v3.json environment"),
    excuses: ["value.secrets"],
  },
  {
    rule: "selections of a wrong type are refused",
    why: "A text became a list of letters, an empty list everything.",
    covers: (given) => {
      const data = of("resolver.json", "selections ")(given) ? dataOf(given) : null;
      return Array.isArray(data) || (isObject(data) && Object.values(data).some((names) => typeof names === "string"));
    },
    rewrite: refused,
  },
  {
    rule: "a stage of a snapshot is active or not",
    why: "1 passed for true.",
    covers: of("snapshot.json", '"is_active":1'),
    rewrite: refused,
  },
  {
    rule: "a file ends with a line",
    why: "So that it differs well in a repository.",
    covers: of("env_manager.json", "file_text_is"),
    excuses: ["value.value.trailing_newline"],
  },
  {
    rule: "a loaded environment is a fresh value",
    why: "A manifest that somebody had changed in memory was handed to the next.",
    covers: of("env_manager.json", "resolve_and_load"),
    excuses: ["value.value.metadata.name"],
  },
  {
    rule: "a file's name is its id",
    why: "One that was put there by hand kept another id, or none, and was saved beside itself.",
    covers: of("env_manager.json", " load ", " fresh_load ", " update "),
    excuses: ["value.value.metadata.id"],
  },
  {
    rule: "an odd file does not break the list",
    why: "One file with a list or a null model made all others unreachable.",
    covers: (given) => of("env_manager.json", "list_all")(given) && isObject(given.expected) && given.expected.ok === false,
    excuses: ["value"],
  },
  {
    rule: "a preset's type is the same wherever it is told",
    why: "One that the host registers was a plugin in the list and built in by itself.",
    covers: of("presets.json", "registry: register p1 again"),
    excuses: ["value.value.source"],
  },
  {
    rule: "presets that are manifests are in the same list",
    why: "A later release has them, beside the registry and unknown to it.",
    covers: of("presets.json", "registry: list_all initially", "registry: list_all names"),
    rewrite: (given) => expecting(given, withCatalogue(given.expected)),
  },
  {
    rule: "nobody takes the name of a preset that is always there",
    why: "It was registered, and never used.",
    covers: of("presets.json", "registry: register chat"),
    rewrite: refused,
  },
  {
    rule: "an environment that is a preset makes a pipeline",
    why: "It was listed, and unknown when it was asked for.",
    covers: of("presets.json", "registry: create user:"),
    excuses: ["value"],
  },
];
