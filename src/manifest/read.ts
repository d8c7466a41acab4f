/** From what a file holds to a document of the current form. */
import { ConfigError, type Finding } from "../contract/errors.ts";
import type { ManifestDocument } from "../contract/manifest.ts";
import type { JsonObject } from "../contract/schema.ts";
import { copyOf } from "./copy.ts";
import { withoutErrors } from "./drop.ts";
import { formOf, versionText } from "./form.ts";
import { isObject } from "./json.ts";
import { migrate } from "./migrate.ts";
import { softened } from "./severity.ts";
import { arranged, VERSION, wholeOf } from "./whole.ts";

export interface Read {
  readonly document: ManifestDocument;
  /** What is wrong or noteworthy, with paths of what was given. */
  readonly findings: readonly Finding[];
  /** Those of the findings that say what migrating did. */
  readonly steps: readonly Finding[];
  /** Of each entry of the document its place in the list that was given; -1: migrating added it. */
  readonly from: readonly number[];
}

/**
 * What is of wrong form is left out: of an inactive entry in any case, of others with `strict: false`. Throws `ConfigError` with every finding
 * otherwise, and for what is no manifest at all: no object, or with stages that are no list.
 */
export const read = (given: unknown, strict: boolean): Read => {
  const copy = copyOf(given);
  if (!isObject(copy)) throw new ConfigError(formOf(copy));
  const { document: kept, findings, from: left } = withoutErrors(copy, look, wrong);
  if (findings.some(({ severity, path }) => severity === "error" && (strict || path === "stages"))) throw new ConfigError(findings);
  const version = copy.version !== undefined && kept.version === undefined ? VERSION : versionText(kept.version);
  const { document, steps, from } = migrate(wholeOf({ ...kept, version } as Partial<ManifestDocument>));
  return { document: arranged(document), findings: [...findings, ...steps], steps, from: from.map((i) => left[i] ?? -1) };
};
const look = (document: JsonObject): Finding[] => softened(formOf(document), document.stages);
const wrong = ({ severity, code }: Finding): boolean => severity === "error" || code === "form.invalid";

/**
 * A document of any version in the form of the newest, with what was done: each step a finding with the code `version.migrated`,
 * `stage.renumbered`, `stage.added` or `provider.legacy_mock` and its path in the given document. The input stays as it is. Throws `ConfigError`
 * with every finding when its form is wrong.
 */
export const migrateManifest = (document: unknown): Pick<Read, "document" | "steps"> => {
  const { document: migrated, steps } = read(document, true);
  return { document: migrated, steps };
};
