import { stat } from "node:fs/promises";
import { join } from "node:path";
import { defineTool, type Tool } from "../../contract/tool.ts";
import { Refused, refusals, resolvePath } from "./paths.ts";
import { advance, complete, type Positions, parsePattern } from "./pattern.ts";
import { missedNotes, nothingMissed, searchBase, walk } from "./walk.ts";

const MOST = 500;
/** Their files would crowd out all others. A pattern that names such a folder does go in. */
const CROWDED = [".git", "node_modules"];

export const globTool: Tool<{ pattern: string; path?: string }> = defineTool({
  name: "Glob",
  description: `Finds files by a pattern such as src/**/*.ts or *.{md,txt}, newest first, at most ${MOST}. Leaves out ${CROWDED.join(" and ")} unless the pattern names them.`,
  input: {
    type: "object",
    properties: {
      pattern: { type: "string", description: "The pattern, from the folder. ** stands for any folders." },
      path: { type: "string", description: "The folder. Default: the working folder." },
    },
    required: ["pattern"],
  },
  effect: "read",
  run: ({ pattern: given, path }, ctx) =>
    refusals(async () => {
      const pattern = parsePattern(given);
      const asked = await searchBase(path, ctx);
      if (!asked.folder) throw new Refused(`${asked.base} is not a folder.`);
      const base = pattern.up ? await resolvePath(join(asked.base, ...Array(pattern.up).fill("..")), ctx) : asked.base;
      const missed = nothingMissed();
      const found: { file: string; time: number }[] = [];
      const closed = CROWDED.filter((name) => !given.split("/").includes(name));
      const enter = (name: string, at: Positions) => {
        if (closed.includes(name)) return undefined;
        const next = advance(at, name);
        return next.length ? next : undefined;
      };
      const take = (name: string, at: Positions) => complete(advance(at, name));
      for await (const file of walk({ base, start: pattern.start, enter, take }, ctx, missed))
        found.push({ file, time: await stat(file).then((s) => s.mtimeMs, gone) });
      found.sort((a, b) => b.time - a.time || (a.file < b.file ? -1 : 1));
      const lines = found.slice(0, MOST).map(({ file }) => file);
      if (found.length === 0) lines.push(`No file matches ${given} in ${asked.base}.`);
      if (found.length > MOST) lines.push(`[The newest ${MOST} of ${found.length} files.]`);
      return [...lines, ...missedNotes(missed)].join("\n");
    }),
});

/** A file that went away since it was listed. */
const gone = () => 0;
