/** `geny manifest check` and `diff`: what is wrong, and what differs. */
import { ConfigError, type Finding } from "../index.ts";
import { describeChanges, EnvironmentDiff, manifestFindingsFor, type Target } from "../manifest/index.ts";
import type { Command } from "./manifest.ts";
import { FileError, findingsOf, INPUT, manifestIn, readInput, told, Usage, wrong } from "./manifest-files.ts";

const TARGETS: readonly Target[] = ["python-2.1", "python-2.79"];

export const check: Command = async (files, values) => {
  if (!files.length) throw new Usage("Which file?");
  const target = TARGETS.find((known) => known === values.for);
  if (values.for !== undefined && !target) throw new Usage(`--for knows ${TARGETS.join(" and ")}.`);
  const checked = await Promise.all([...new Set(files)].map((file) => checkedFile(file, target)));
  const failed = checked.some(({ findings }) => (values.strict ? findings.length > 0 : wrong(findings)));
  const lines = checked.flatMap(({ file, findings, error }) => {
    if (error) return [];
    const head = findings.length ? `${findings.length} finding${findings.length === 1 ? "" : "s"}` : "right";
    return [`${file}: ${head}`, ...findings.map((found) => `  ${told(found)}`)];
  });
  return {
    code: checked.some(({ error }) => error) ? 2 : failed ? 1 : 0,
    text: lines.join("\n"),
    value: checked,
    notes: checked.flatMap(({ error }) => (error ? [error.message] : [])),
  };
};

interface Checked {
  readonly file: string;
  readonly findings: readonly Finding[];
  /** It could not be read. */
  readonly error?: { readonly code: string; readonly message: string };
}
const checkedFile = async (file: string, target: Target | undefined): Promise<Checked> => {
  try {
    const document = await readInput(file);
    const ours = findingsOf(document);
    return { file, findings: target ? [...ours, ...findingsFor(document, target, ours)] : ours };
  } catch (error) {
    // Text that is not JSON is something to find, as any other fault of a file that was read.
    if (error instanceof ConfigError) return { file, findings: error.findings };
    if (error instanceof FileError) return { file, findings: [], error: { code: error.code, message: error.message } };
    throw error;
  }
};

/** What that release finds and we do not. */
const findingsFor = (document: unknown, target: Target, ours: readonly Finding[]): readonly Finding[] => {
  try {
    const known = new Set(ours.map(told));
    return manifestFindingsFor(document, target).filter((found) => !known.has(told(found)));
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
};

export const diff: Command = async (files, values) => {
  const [a, b] = files;
  if (!a || !b || files.length > 2) throw new Usage("Two files, please.");
  if (a === INPUT && b === INPUT) throw new Usage("Standard input holds one file.");
  const [before, after] = [manifestIn(await readInput(a), a), manifestIn(await readInput(b), b)];
  const found = EnvironmentDiff.compute(before, after, { stages: "name" });
  const changes = describeChanges(before, after);
  const lines = values.entries ? found.lines() : changes.map(({ text }) => `- ${text}`);
  return { code: lines.length ? 1 : 0, text: lines.join("\n") || "Nothing differs.", value: values.entries ? found : changes };
};
