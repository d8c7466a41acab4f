/** From what a file holds to a document of the current form. */
import { ConfigError, type Finding } from "../contract/errors.ts";
import type { ManifestDocument } from "../contract/manifest.ts";
import type { Json } from "../contract/schema.ts";
import { copyOf } from "./copy.ts";
import { formOf, isObject, versionText } from "./form.ts";
import { migrate } from "./migrate.ts";
import { arranged, wholeOf } from "./whole.ts";

export interface Read {
  readonly document: ManifestDocument;
  /** What is wrong or noteworthy, with paths of what was given. */
  readonly findings: readonly Finding[];
  /** Those of the findings that say what migrating did. */
  readonly steps: readonly Finding[];
}

/** See `EnvironmentManifest.fromJSON`. */
export const read = (given: unknown, strict: boolean): Read => {
  const copy = copyOf(given);
  const findings = formOf(copy);
  const errors = findings.filter((f) => f.severity === "error");
  const bad = new Set(errors.map((f) => /^stages\[(\d+)\]/.exec(f.path)?.[1]));
  if (!isObject(copy) || (errors.length && (strict || bad.has(undefined)))) throw new ConfigError(findings);
  const { document, steps } = migrate(wholeOf(withoutBad({ ...copy, version: versionText(copy.version) }, bad)));
  return { document: arranged(document), findings: [...findings, ...steps], steps };
};

/** `formOf` has looked at it: what is left has the form of a document. */
const withoutBad = (copy: { readonly [key: string]: Json }, bad: ReadonlySet<string | undefined>): Partial<ManifestDocument> => {
  const document = copy as Partial<ManifestDocument>;
  return document.stages ? { ...document, stages: document.stages.filter((_, i) => !bad.has(String(i))) } : document;
};

/**
 * A document of any version in the form of the newest, with what was done: each step a finding with the code `version.migrated`,
 * `stage.renumbered`, `stage.added` or `provider.legacy_mock` and its path in the given document. The input stays as it is. Throws `ConfigError`
 * with every finding when its form is wrong.
 */
export const migrateManifest = (document: unknown): Pick<Read, "document" | "steps"> => {
  const { document: migrated, steps } = read(document, true);
  return { document: migrated, steps };
};
