/** `geny manifest edit` and `migrate`: a manifest in another form, printed or written into its file. */
import { EnvironmentManifest, type Finding, type FindingCode, type Json, type JsonObject, type ManifestDocument } from "../index.ts";
import { describeChanges, migrateManifest } from "../manifest/index.ts";
import type { Command, Values } from "./manifest.ts";
import {
  findingsOf,
  INPUT,
  isObject,
  jsonText,
  manifestIn,
  one,
  type Reply,
  readInput,
  told,
  Usage,
  write,
  wrong,
} from "./manifest-files.ts";
import { editsOf } from "./manifest-words.ts";

export { FLAGS } from "./manifest-words.ts";

export const migrate: Command = async (files, values) => {
  const file = fileOf(files, values);
  const given = await readInput(file);
  manifestIn(given, file);
  const { document, steps } = migrateManifest(given);
  return finish(plain(EnvironmentManifest.fromJSON(document)), file, values, { steps }, steps.map(told));
};

export const edit: Command = async (files, values, words) => {
  const file = fileOf(files, values);
  const edits = editsOf(words);
  if (!edits.length) throw new Usage("What is to be changed?");
  const given = await readInput(file);
  const before = manifestIn(given, file).toJSON();
  const after = edits.reduce((document, change) => change(document), before);
  const findings = newFindings(before, after);
  const refused = findings.filter((found) => wrong([found]) || UNKNOWN_KEY.includes(found.code));
  if (refused.length) {
    const notes = [...refused.map(told), "Nothing is changed."];
    return { code: 1, text: "", value: { file, written: false, findings: refused }, notes };
  }
  const edited = EnvironmentManifest.fromJSON(after);
  const changes = describeChanges(before, edited);
  const notes = [...changes.map(({ text }) => `- ${text}`), ...findings.map(told)];
  return finish(sparse(given, before, plain(edited)), file, values, { changes, findings }, notes);
};

const fileOf = (files: readonly string[], { write }: Values): string => {
  const file = one(files);
  if (write && file === INPUT) throw new Usage("Standard input cannot be written: leave --write out.");
  return file;
};

const finish = async (document: JsonObject, file: string, values: Values, done: object, notes: readonly string[]): Promise<Reply> => {
  if (!values.write) return { code: 0, text: jsonText(document), value: { file, written: false, ...done, document }, notes };
  const updated_at = new Date().toISOString().replace("Z", "000+00:00");
  const { metadata } = document;
  await write(file, jsonText({ ...document, metadata: { ...(isObject(metadata) ? metadata : {}), updated_at } }));
  return { code: 0, text: `Wrote ${file}.`, value: { file, written: true, ...done }, notes };
};

/** Keys that nobody reads. In a file they are kept; a person who just wrote one meant another. */
const UNKNOWN_KEY: readonly FindingCode[] = ["manifest.unknown_key", "config.unknown_key"];

/** Findings that the document before it had not. */
const newFindings = (before: ManifestDocument, after: ManifestDocument): readonly Finding[] => {
  const known = new Set(findingsOf(before).map((found) => placed(found, before)));
  return findingsOf(after).filter((found) => !known.has(placed(found, after)));
};
/** A finding as text that stays the same when its entry moves. */
const placed = (found: Finding, { stages }: ManifestDocument): string =>
  told(found).replace(/stages\[(\d+)\]/g, (_, i: string) => `stages[${stages[Number(i)]?.name}]`);

const plain = (value: object): JsonObject => JSON.parse(JSON.stringify(value));

/** `after` without what reading `given` filled in and nothing changed. An older form is written whole. */
const sparse = (given: unknown, before: ManifestDocument, after: JsonObject): JsonObject =>
  isObject(given) && given.version === after.version ? without(given, plain(before), after) : after;
const without = (given: JsonObject, before: JsonObject, after: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(after).flatMap(([key, value]): [string, Json][] => {
      const [was, filled] = [given[key], before[key]];
      if (was === undefined && JSON.stringify(filled) === JSON.stringify(value)) return [];
      return [[key, isObject(value) && isObject(filled) ? without(isObject(was) ? was : {}, filled, value) : value]];
    }),
  );
