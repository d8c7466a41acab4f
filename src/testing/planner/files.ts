/** Plans about which files there are, and which is the largest. */
import type { FileKind } from "./ask.ts";
import { describe, joined, plural, readText } from "./describe.ts";
import { type Call, callOne, complaint, type Done, needs, type Plan } from "./plan.ts";

type Tools = readonly string[];
interface Found {
  readonly paths: readonly string[];
  /** How many there are. More than `paths` where these are only some of them. */
  readonly total: number;
  readonly skipped: number;
  readonly note: string;
  readonly error: string;
}
const ignored = /(?:^|\/)(?:node_modules|dist|\.git)\//;
/** How many files are read to compare them when nothing else can tell their sizes. */
const mostReads = 30;
/** Paths that one command line holds, and whose sizes the conversation bears. */
const mostNamed = 200;

/** Whether Glob had more than it shows, or the host has since thinned out what it showed. */
const isPart = ({ note }: Pick<Found, "note">): boolean => /newest \d+ of \d+|characters left out/i.test(note);

/** A command whose output has one line a file of the kind, in the order of `find`. */
const finding = (what: FileKind, dir: string, act: string): string => {
  const names = what.extensions.map((ext) => `-name '*.${ext}'`).join(" -o ");
  return `find ${shellQuoted(dir || ".")} \\( -name node_modules -o -name dist -o -name .git \\) -prune -o -type f ${names ? `\\( ${names} \\) ` : ""}${act}`;
};

/** The files of the kind by Glob; where that shows a part only and there is a shell, `find` counts them and gives the first `some`. */
function* listed(what: FileKind, dir: string, tools: Tools, some: number): Plan<Found> {
  const found = yield* globbed(what, dir);
  if (!isPart(found) || !tools.includes("Bash")) return found;
  const counted = yield* callOne("Bash", { command: finding(what, dir, "-print | wc -l") });
  const total = Number.parseInt(counted.text, 10);
  if (counted.is_error || Number.isNaN(total)) return found;
  const shown = some ? yield* callOne("Bash", { command: finding(what, dir, `-print | sort | head -n ${some}`) }) : null;
  const paths = (shown?.text ?? "").split("\n").filter(Boolean).map(here);
  return { paths, total, skipped: 0, note: "", error: shown?.is_error ? complaint("Bash", shown) : "" };
}
const here = (path: string): string => path.replace(/^\.\//, "");

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
  const notes =
    all.length || lines.some((line) => isPart({ note: line }))
      ? lines.filter((line) => !isPath(line) && !/^no (?:files?|match)/i.test(line))
      : [];
  return {
    paths,
    total: paths.length,
    skipped: all.length - paths.length,
    note: notes.join(" "),
    error: failed ? complaint("Glob", failed) : "",
  };
}

const endings = (what: FileKind): string => joined(what.extensions.map((ext) => `*.${ext}`));
const kindWords = (what: FileKind, n: number): string => `${n} ${what.label ? `${what.label} ` : ""}file${n === 1 ? "" : "s"}`;

function countLine(what: FileKind, dir: string, found: Found): string {
  const where = dir ? `in ${dir}` : "here";
  const which = [
    what.extensions.length ? endings(what) : "",
    found.skipped ? `leaving out ${found.skipped} in node_modules, dist or .git` : "not counting node_modules and dist",
  ];
  const least = isPart(found) ? "at least " : "";
  const line = `There ${found.total === 1 ? "is" : "are"} ${least}${kindWords(what, found.total)} ${where} (${which.filter(Boolean).join("; ")}).`;
  return line + (found.note ? ` Glob added: ${found.note}` : "") + (found.error ? ` This may not be all: ${found.error}` : "");
}

export function* countFiles(task: { what: FileKind; dir: string; count: boolean; largest: boolean }, tools: Tools): Plan<Done> {
  if (!tools.includes("Glob")) return needs("Glob", "count files");
  const found = yield* listed(task.what, task.dir, tools, 0);
  if (found.error && !found.total) return { ok: false, text: found.error };
  const line = countLine(task.what, task.dir, found);
  if (!task.largest || !found.total) return { ok: true, text: line };
  const byShell = tools.includes("Bash") && (found.paths.length < found.total || found.total > mostNamed);
  const largest = byShell ? yield* largestByFind(task.what, task.dir, tools) : yield* describeLargest(found.paths, tools);
  return { ok: largest.ok, text: `${line}\n${largest.text}` };
}

const kindOf = (path: string): string => {
  const ext = /[^/]\.(\w+)$/.exec(path)?.[1];
  return ext ? `.${ext}` : "no extension";
};
/** The same in a shell: a line for each kind, its count before it. */
const KINDS = "sed -E -e 's#^.*[^/]\\.([A-Za-z0-9_]+)$#.\\1#' -e t -e 's#^.*$#no extension#' | sort | uniq -c";

export function* countKinds(dir: string, tools: Tools): Plan<Done> {
  if (!tools.includes("Glob")) return needs("Glob", "count files");
  const any: FileKind = { label: "", extensions: [] };
  const found = yield* listed(any, dir, tools, 0);
  if (found.error && !found.total) return { ok: false, text: found.error };
  const counts = new Map<string, number>();
  if (found.paths.length === found.total) for (const path of found.paths) counts.set(kindOf(path), (counts.get(kindOf(path)) ?? 0) + 1);
  else {
    const counted = yield* callOne("Bash", { command: finding(any, dir, `-print | ${KINDS}`) });
    if (counted.is_error) return { ok: false, text: `${countLine(any, dir, found)} ${complaint("Bash", counted)}` };
    for (const [, n, name = ""] of counted.text.matchAll(/^\s*(\d+) (.+)$/gm)) counts.set(name, Number(n));
  }
  const rows = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([name, n]) => `- ${name}: ${n}`);
  return { ok: true, text: [countLine(any, dir, found), ...rows].join("\n") };
}

const mostShown = 60;
export function* listFiles(what: FileKind, dir: string, tools: Tools): Plan<Done> {
  if (!tools.includes("Glob")) return needs("Glob", "list files");
  const found = yield* listed(what, dir, tools, mostShown);
  if (found.error && !found.paths.length) return { ok: false, text: found.error };
  const shown = found.paths.slice(0, mostShown).map((path) => `- ${path}`);
  const more = found.total > shown.length ? [`and ${found.total - shown.length} more`] : [];
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

/** Sizes by `wc`. Empty, with a reason, when it did not work. */
function* sizesByShell(paths: readonly string[]): Plan<{ readonly sizes: readonly Size[]; readonly note: string }> {
  const result = yield* callOne("Bash", { command: `wc -lc -- ${paths.map(shellQuoted).join(" ")}` });
  const names = new Set(paths);
  const sizes = sizesIn(result.text).filter(({ path }) => names.has(path));
  return { sizes, note: result.is_error ? complaint("Bash", result) : "" };
}
const sizesIn = (text: string): readonly Size[] =>
  [...text.matchAll(/^\s*(\d+)\s+(\d+)\s+(.+)$/gm)].map(([, lines, size, path = ""]) => ({
    path: here(path),
    size: Number(size),
    lines: Number(lines),
  }));

/** The sums that `wc` adds have no path. */
const LARGEST = "-exec wc -lc {} + | grep -v '^ *[0-9]* *[0-9]* total$' | sort -k2,2nr | head -n 1";

/** Where there are too many to name them. */
function* largestByFind(what: FileKind, dir: string, tools: Tools): Plan<Done> {
  const result = yield* callOne("Bash", { command: finding(what, dir, LARGEST) });
  const [first] = sizesIn(result.text);
  if (result.is_error || !first) return { ok: false, text: complaint("Bash", result) };
  return yield* described(first, "", tools);
}

const byteOrder = (a: Size, b: Size): number => b.size - a.size || (a.path < b.path ? -1 : 1);

function* describeLargest(paths: readonly string[], tools: Tools): Plan<Done> {
  let note = "";
  if (tools.includes("Bash")) {
    const { sizes, note: problem } = yield* sizesByShell(paths);
    note = problem;
    const [first] = [...sizes].sort(byteOrder);
    const partial = sizes.length < paths.length ? ` (I know the size of ${sizes.length} of the ${paths.length}. ${note})` : "";
    if (first) return yield* described(first, partial, tools);
  }
  if (!tools.includes("Read"))
    return { ok: false, text: `${note} I cannot compare their sizes: neither Bash nor Read is of use here.`.trim() };
  const read = yield* largestByReading(paths);
  return { ok: read.ok, text: [note, read.text].filter(Boolean).join("\n") };
}

function* described({ path, size, lines }: Size, partial: string, tools: Tools): Plan<Done> {
  const head = `The largest is ${path}, with ${plural(size, "byte")} in ${plural(lines, "line")}.${partial}`;
  if (!tools.includes("Read")) return { ok: false, text: `${head} ${needs("Read", "say what it does").text}` };
  const body = yield* describeFile(path, lines);
  return { ok: body.ok, text: `${head}\n${body.text}` };
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
