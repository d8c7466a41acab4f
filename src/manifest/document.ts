/** The manifest as a value: read, written, and kept as it was, unknown keys too. */
import type { Finding } from "../contract/errors.ts";
import type { ManifestDocument, StageEntry } from "../contract/manifest.ts";
import { asJson } from "../contract/message.ts";
import { readJson, writeWhole } from "./file.ts";
import { type Read, read } from "./read.ts";
import { arranged, entryOf, wholeOf } from "./whole.ts";

/** A pipeline as one JSON document: `*.geny-env.json`. The value never changes; `toJSON` gives a copy. */
export class EnvironmentManifest {
  readonly #document: ManifestDocument;
  /** What reading it found: warnings, what migrating did, and with `strict: false` also what was left out. Paths are those of what was read. */
  readonly findings: readonly Finding[];

  private constructor({ document, findings }: Pick<Read, "document" | "findings">) {
    this.#document = document;
    this.findings = findings;
  }

  /**
   * Takes a document of version "1.0" (also when it says none), "2.0" or "3.0" and brings it into the form of "3.0"; the input is not kept and
   * not changed. What a file may leave out is filled in, keys are put in order, unknown ones are kept. An unknown version is a finding and read as
   * the last. Throws `ConfigError` with every finding when the form is wrong. With `strict: false` what is of wrong form is left out and stands in
   * `findings` instead; what is no object, or has stages that are no list, is refused all the same.
   */
  static fromJSON(document: unknown, { strict = true }: { strict?: boolean } = {}): EnvironmentManifest {
    return new EnvironmentManifest(read(document, strict));
  }

  /** A manifest as it is; its plain JSON as `fromJSON` reads it. */
  static of(given: EnvironmentManifest | ManifestDocument): EnvironmentManifest {
    return given instanceof EnvironmentManifest ? given : EnvironmentManifest.fromJSON(given);
  }

  /** The same document, with more said of it. */
  noting(findings: readonly Finding[]): EnvironmentManifest {
    return new EnvironmentManifest({ document: this.#document, findings: [...this.findings, ...findings] });
  }

  /** Reads a file, as `fromJSON`. Throws what the file system throws, and `ConfigError`. */
  static async load(path: string | URL, options: { strict?: boolean } = {}): Promise<EnvironmentManifest> {
    return EnvironmentManifest.fromJSON(await readJson(path), options);
  }

  /** Writes the document with an indent of 2, at once or not at all. The file's mode stays, and a link. */
  async save(path: string | URL): Promise<void> {
    await writeWhole(path, `${JSON.stringify(this.#document, null, 2)}\n`);
  }

  toJSON(): ManifestDocument {
    return asJson(this.#document) as ManifestDocument;
  }
}

/** A whole document around its stages, each of them whole. */
export const documentOf = (
  given: Partial<ManifestDocument> & { readonly stages: readonly StageEntry[] },
  id: string,
  now: string,
): ManifestDocument =>
  arranged(
    wholeOf({
      ...given,
      metadata: { id, created_at: now, updated_at: now, ...given.metadata },
      stages: given.stages.map(entryOf),
    }),
  );
