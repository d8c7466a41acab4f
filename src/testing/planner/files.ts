/** Plans about which files there are, and which is the largest. */
import type { FileKind } from "./ask.ts";
import { describe, joined, plural, readText } from "./describe.ts";
import { type Call, callOne, complaint, type Done, needs, type Plan } from "./plan.ts";

type Tools = readonly string[];
interface Found {
  readonly paths: readonly string[];
  readonly skipped: number;
  readonly note: string;
  readonly error: string;
}
const ignored = /(?:^|\/)(?:node_modules|dist|\.git)\//;
/** How many files are read to compare them when nothing else can tell their sizes. */
const mostReads = 30;

/** All files of the kind: by Glob, and where that had more than it shows and there is a shell, by `find`. */
function* listed(what: FileKind, dir: string, tools: Tools): Plan<Found> {
  const found = yield* globbed(what, dir);
  if (!/newest \d+ of \d+/i.test(found.note) || !tools.includes("Bash")) return found;
  const names = what.extensions.map((ext) => `-name '*.${ext}'`).join(" -o ");
  const command = `find ${shellQuoted(dir || ".")} \\( -name node_modules -o -name dist -o -name .git \\) -prune -o -type f ${names ? `\\( ${names} \\) ` : ""}-print`;
  const result = yield* callOne("Bash", { command });
  if (result.is_error) return found;
  const paths = result.text.split("\n").filter((line) => line && !ignored.test(line));
  return { paths: paths.sort(), skipped: 0, note: "", error: "" };
}

function* globbed(what: FileKind, dir: string): Plan<Found> {
  const base = dir ? `${dir.replace(/\/$/, "")}/` : "";
  const patterns = what.extensions.length ? what.extensions.map((ext) => `${base}**/*.${ext}`) : [`${base}**/*`];
  const results = yield patterns.map((pattern): Call => ({ name: "Glob", input: { pattern } }));
  const good = results.filter((result) => !result.is_error);
  const lines = good.flatMap((result) => result.text.split("\n").map((line) => line.trim())).filter(Boolean);
  // A line with a star repeats the pattern that matched nothing.
  const isPath = (line: string): boolean => {
    if (line.includes("*") || /^no (?:files?|match)/i.test(line)) return false;
    return what.extensions.length
      ? what.extensions.includes(/\.(\w+)$/.exec(line)?.[1] ?? "")
      : /^[^\s([:][^:]*$/.test(line) && !/^(?:found|error)\s/i.test(line);
  };
  const named = new Set(lines.filter(isPath));
  const folders = new Set([...named].flatMap((path) => /^(.+)\/[^/]+$/.exec(path)?.[1] ?? []));
  const all = [...named].filter((path) => !folders.has(path) && !path.endsWith("/"));
  const paths = all.filter((path) => !ignored.test(path)).sort();
  const failed = results.find((result) => result.is_error);
  const notes = all.length ? lines.filter((line) => !isPath(line) && !/^no (?:files?|match)/i.test(line)) : [];
  return { paths, skipped: all.length - paths.length, note: notes.join(" "), error: failed ? complaint("Glob", failed) : "" };
}

const endings = (what: FileKind): string => joined(what.extensions.map((ext) => `*.${ext}`));
const kindWords = (what: FileKind, n: number): string => `${n} ${what.label ? `${what.label} ` : ""}file${n === 1 ? "" : "s"}`;

function countLine(what: FileKind, dir: string, found: Found): string {
  const where = dir ? `in ${dir}` : "here";
  const which = [
    what.extensions.length ? endings(what) : "",
    found.skipped ? `leaving out ${found.skipped} in node_modules, dist or .git` : "not counting node_modules and dist",
  ];
  const line = `There ${found.paths.length === 1 ? "is" : "are"} ${kindWords(what, found.paths.length)} ${where} (${which.filter(Boolean).join("; ")}).`;
  return line + (found.note ? ` Glob added: ${found.note}` : "") + (found.error ? ` This may not be all: ${found.error}` : "");
}

export function* countFiles(task: { what: FileKind; dir: string; count: boolean; largest: boolean }, tools: Tools): Plan<Done> {
  if (!tools.includes("Glob")) return needs("Glob", "count files");
  const found = yield* listed(task.what, task.dir, tools);
  if (found.error && !found.paths.length) return { ok: false, text: found.error };
  const line = countLine(task.what, task.dir, found);
  if (!task.largest || !found.paths.length) return { ok: true, text: line };
  const largest = yield* describeLargest(found.paths, tools);
  return { ok: largest.ok, text: `${line}\n${largest.text}` };
}

export function* countKinds(dir: string, tools: Tools): Plan<Done> {
  if (!tools.includes("Glob")) return needs("Glob", "count files");
  const found = yield* listed({ label: "", extensions: [] }, dir, tools);
  if (found.error && !found.paths.length) return { ok: false, text: found.error };
  const counts = new Map<string, number>();
  for (const path of found.paths) {
    const ext = /[^/]\.(\w+)$/.exec(path)?.[1];
    const name = ext ? `.${ext}` : "no extension";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const rows = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([name, n]) => `- ${name}: ${n}`);
  return { ok: true, text: [countLine({ label: "", extensions: [] }, dir, found), ...rows].join("\n") };
}

export function* listFiles(what: FileKind, dir: string, tools: Tools): Plan<Done> {
  if (!tools.includes("Glob")) return needs("Glob", "list files");
  const found = yield* listed(what, dir, tools);
  if (found.error && !found.paths.length) return { ok: false, text: found.error };
  const shown = found.paths.slice(0, 60).map((path) => `- ${path}`);
  const more = found.paths.length > 60 ? [`and ${found.paths.length - 60} more`] : [];
  return { ok: true, text: [countLine(what, dir, found), ...shown, ...more].join("\n") };
}

export function* locateFile(pattern: string, tools: Tools): Plan<Done> {
  if (!tools.includes("Glob")) return needs("Glob", "find files by name");
  const result = yield* callOne("Glob", { pattern: pattern.includes("/") ? pattern : `**/${pattern}` });
  return result.is_error ? { ok: false, text: complaint("Glob", result) } : { ok: true, text: `Glob answered:\n${result.text}` };
}

interface Size {
  readonly path: string;
  readonly size: number;
  readonly lines: number;
}
const shellQuoted = (path: string): string => (/^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

/** Sizes by `wc`, in batches that a command line holds. Empty, with a reason, when it did not work. */
function* sizesByShell(paths: readonly string[]): Plan<{ readonly sizes: readonly Size[]; readonly note: string }> {
  const batches: Call[] = [];
  for (let at = 0; at < paths.length; at += 200) {
    batches.push({
      name: "Bash",
      input: {
        command: `wc -lc -- ${paths
          .slice(at, at + 200)
          .map(shellQuoted)
          .join(" ")}`,
      },
    });
  }
  const results = yield batches;
  const names = new Set(paths);
  const rows = results.flatMap((result) => [...result.text.matchAll(/^\s*(\d+)\s+(\d+)\s+(.+)$/gm)]);
  const sizes = rows
    .map(([, lines, size, path = ""]) => ({ path, size: Number(size), lines: Number(lines) }))
    .filter(({ path }) => names.has(path));
  const failed = results.find((result) => result.is_error);
  return { sizes, note: failed ? complaint("Bash", failed) : "" };
}

const byteOrder = (a: Size, b: Size): number => b.size - a.size || (a.path < b.path ? -1 : 1);

function* describeLargest(paths: readonly string[], tools: Tools): Plan<Done> {
  let note = "";
  if (tools.includes("Bash")) {
    const { sizes, note: problem } = yield* sizesByShell(paths);
    note = problem;
    const [first] = [...sizes].sort(byteOrder);
    if (first) {
      const head = `The largest is ${first.path}, with ${plural(first.size, "byte")} in ${plural(first.lines, "line")}.`;
      const partial = sizes.length < paths.length ? ` (I know the size of ${sizes.length} of the ${paths.length}. ${note})` : "";
      if (!tools.includes("Read")) return { ok: false, text: `${head}${partial} ${needs("Read", "say what it does").text}` };
      const body = yield* describeFile(first.path, first.lines);
      return { ok: body.ok, text: `${head}${partial}\n${body.text}` };
    }
  }
  if (!tools.includes("Read"))
    return { ok: false, text: `${note} I cannot compare their sizes: neither Bash nor Read is of use here.`.trim() };
  const read = yield* largestByReading(paths);
  return { ok: read.ok, text: [note, read.text].filter(Boolean).join("\n") };
}

function* largestByReading(paths: readonly string[]): Plan<Done> {
  const some = paths.slice(0, mostReads);
  const results = yield some.map((path): Call => ({ name: "Read", input: { file_path: path } }));
  const texts = results.map((result) => (result.is_error ? null : readText(result.text)));
  const sizes = texts.flatMap((text, i) =>
    text ? [{ path: some[i] ?? "", size: text.lines.join("\n").length, lines: text.lines.length, text }] : [],
  );
  const [first] = sizes.sort(byteOrder);
  if (!first) return { ok: false, text: results[0] ? complaint("Read", results[0]) : "There was nothing to read." };
  const scope = sizes.length < paths.length ? ` of the ${sizes.length} files that I could read of ${paths.length}` : "";
  const least = first.text.note
    ? `at least ${plural(first.size, "character")} (${first.text.note})`
    : `${plural(first.size, "character")} in ${plural(first.lines, "line")}`;
  return { ok: true, text: [`The largest${scope} is ${first.path}, with ${least}.`, ...describe(first.path, first.text.lines)].join("\n") };
}

/** Reads the head of a file whose line count is known, or a whole file, and says what is in it. */
export function* describeFile(path: string, lineCount?: number): Plan<Done> {
  const most = 400;
  const result = yield* callOne("Read", lineCount === undefined ? { file_path: path } : { file_path: path, limit: most });
  if (result.is_error) return { ok: false, text: complaint("Read", result) };
  const { lines, note } = readText(result.text);
  if (!lines.length) return { ok: true, text: `${path} is empty.` };
  const size =
    lineCount === undefined
      ? `${path} has ${note ? "at least " : ""}${plural(lines.length, "line")}.${note ? ` Read added: ${note}` : ""}`
      : "";
  const scope = (lineCount ?? 0) > lines.length ? `This is from its first ${lines.length} lines.` : "";
  return { ok: true, text: [size, ...describe(path, lines), scope].filter(Boolean).join("\n") };
}
