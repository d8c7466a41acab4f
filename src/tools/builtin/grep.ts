import { relative, sep } from "node:path";
import { messageOf, ToolExecutionError } from "../../contract/errors.ts";
import { defineTool, type Tool, type ToolContext } from "../../contract/tool.ts";
import { isSystemError, Refused, refusals } from "./paths.ts";
import { matches, parsePattern } from "./pattern.ts";
import { createSearch, type Search } from "./search.ts";
import { decode, isBinary, linesOf, readBytes } from "./text.ts";
import { type Missed, missedNotes, nothingMissed, searchBase, walk } from "./walk.ts";

const MOST_FILES = 200;
const MOST_MATCHES = 300;
const LARGEST = 2 * 1024 * 1024;
const LINE = 1000;
const SKIPPED = new Set([".git", "node_modules", "__pycache__", ".venv", "venv", ".tox"]);

type GrepInput = {
  pattern: string;
  path?: string;
  glob?: string;
  output_mode?: "content" | "files" | "count";
  context?: number;
  case_insensitive?: boolean;
};
interface Hit {
  readonly file: string;
  readonly lines: readonly string[];
  /** Indices of the lines that match. */
  readonly at: readonly number[];
}

export const grepTool: Tool<GrepInput> = defineTool({
  name: "Grep",
  description:
    "Searches files for lines that match a JavaScript regular expression. Gives the files, the lines, or their number. " +
    `Leaves out binary files, files over 2 MiB and folders such as .git and node_modules. At most ${MOST_FILES} files and ${MOST_MATCHES} lines.`,
  input: {
    type: "object",
    properties: {
      pattern: { type: "string", description: "The regular expression, matched line by line." },
      path: { type: "string", description: "A folder or a file. Default: the working folder." },
      glob: { type: "string", description: "Only files whose name, or path from the folder, matches, such as *.ts or src/**/*.{ts,js}." },
      output_mode: { type: "string", enum: ["content", "files", "count"], description: "Default files." },
      context: { type: "integer", minimum: 0, maximum: 10, description: "Lines to show around a match. Default 0." },
      case_insensitive: { type: "boolean", description: "Default false." },
    },
    required: ["pattern"],
  },
  effect: "read",
  run: ({ pattern, path, glob, output_mode: mode = "files", context = 0, case_insensitive = false }, ctx) =>
    refusals(async () => {
      if (pattern === "") throw new Refused("The pattern is empty.");
      const search = await createSearch(compile(pattern, case_insensitive), (file) =>
        invalid(`it takes too long in ${file}; make it simpler`),
      );
      const missed = nothingMissed();
      const most = mode === "count" ? Number.POSITIVE_INFINITY : MOST_FILES;
      const hits: Hit[] = [];
      let found = 0;
      let full = false;
      for await (const hit of searched(candidates(path, glob, ctx, missed), search)) {
        full = hits.length === most || (mode === "content" && found >= MOST_MATCHES);
        if (full) break;
        hits.push(hit);
        found += hit.at.length;
      }
      const notes = missedNotes(missed);
      if (mode === "count") return [`Matching lines: ${found}, in files: ${hits.length}.`, ...notes].join("\n");
      if (hits.length === 0) return [`Nothing matches ${pattern}.`, ...notes].join("\n");
      if (mode === "content") return [...content(hits, context), ...cutNote(full || found > MOST_MATCHES), ...notes].join("\n");
      return [...hits.map((hit) => hit.file), ...cutNote(full), ...notes].join("\n");
    }),
});

const cutNote = (cut: boolean) =>
  cut ? [`[There is more: at most ${MOST_FILES} files and ${MOST_MATCHES} lines are shown. Narrow the search.]`] : [];

const content = (hits: readonly Hit[], context: number): string[] => {
  const out: string[] = [];
  let shown = 0;
  for (const { file, lines, at } of hits)
    for (const match of at) {
      if (shown++ >= MOST_MATCHES) return out;
      for (let i = Math.max(0, match - context); i <= Math.min(lines.length - 1, match + context); i++)
        out.push(`${file}:${i + 1}:${i === match ? ">" : " "} ${short(lines[i] ?? "")}`);
      if (context > 0) out.push("--");
    }
  return out;
};
const short = (line: string) => (line.length > LINE ? `${line.slice(0, LINE)}…` : line);

/** With Unicode properties where the pattern allows it. A leading `(?i)` is understood. Throws invalid_input. */
const compile = (pattern: string, insensitive: boolean): RegExp => {
  const [head = "", inline = ""] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const flags = insensitive || inline.includes("i") ? "i" : "";
  const source = pattern.slice(head.length);
  try {
    return new RegExp(source, `u${flags}`);
  } catch {
    try {
      return new RegExp(source, flags);
    } catch (error) {
      throw invalid(messageOf(error));
    }
  }
};

const invalid = (reason: string) =>
  new ToolExecutionError(`The pattern is not right: ${reason}`, {
    tool: "Grep",
    code: "exec.tool.invalid_input",
    details: { tool_name: "Grep", reason, path: "pattern" },
  });

interface Loaded {
  readonly file: string;
  readonly lines: readonly string[];
}

async function* candidates(path: string | undefined, glob: string | undefined, ctx: ToolContext, missed: Missed): AsyncGenerator<Loaded> {
  const pattern = glob === undefined ? undefined : parsePattern(glob);
  const { base, folder } = await searchBase(path, ctx);
  if (!folder) {
    const lines = await load(base);
    if (lines) yield { file: base, lines };
    return;
  }
  const enter = (name: string) => (SKIPPED.has(name) ? undefined : true);
  for await (const file of walk({ base, start: true, enter, take: () => true }, ctx, missed)) {
    if (pattern && !matches(pattern, relative(base, file).split(sep))) continue;
    const lines = await load(file);
    if (lines) yield { file, lines };
  }
}

/** Undefined for a file that is binary, too large or gone. */
const load = async (file: string): Promise<string[] | undefined> => {
  try {
    const bytes = await readBytes(file, LARGEST);
    return isBinary(bytes) ? undefined : linesOf(decode(bytes));
  } catch (error) {
    if (error instanceof Refused || isSystemError(error)) return undefined;
    throw error;
  }
};

/** Searches in batches: a search costs little more for many files than for one. */
const BATCH_LINES = 10_000;
async function* searched(files: AsyncIterable<Loaded>, search: Search): AsyncGenerator<Hit> {
  let batch: Loaded[] = [];
  let size = 0;
  const flush = function* () {
    const at = search(batch);
    for (const [i, { file, lines }] of batch.entries()) {
      const hits = at[i] ?? [];
      if (hits.length) yield { file, lines, at: hits };
    }
    batch = [];
    size = 0;
  };
  for await (const file of files) {
    batch.push(file);
    size += file.lines.length;
    if (size >= BATCH_LINES) yield* flush();
  }
  yield* flush();
}
