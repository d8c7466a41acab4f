/** One plan for each kind of task. */
import type { Task } from "./ask.ts";
import { cut, plural, readText } from "./describe.ts";
import { countFiles, countKinds, describeFile, listFiles, locateFile } from "./files.ts";
import { callOne, complaint, type Done, needs, type Plan } from "./plan.ts";

type Tools = readonly string[];
type Of<K extends Task["kind"]> = Extract<Task, { readonly kind: K }>;

export function planTask(task: Task, tools: Tools): Plan<Done> {
  switch (task.kind) {
    case "files":
      return countFiles(task, tools);
    case "kinds":
      return countKinds(task.dir, tools);
    case "list":
      return listFiles(task.what, task.dir, tools);
    case "locate":
      return locateFile(task.pattern, tools);
    case "describe":
      return describeNamed(task.file, tools);
    case "show":
      return show(task.file, tools);
    case "find":
      return find(task, tools);
    case "write":
      return write(task, tools);
    case "replace":
      return replace(task, tools);
    case "run":
      return run(task.command, tools);
    case "todo":
      return todo(task.items, tools);
  }
}

/** A few words for a list of what is to be done. */
export function title(task: Task): string {
  switch (task.kind) {
    case "files":
      return `${task.count ? "Count" : "Find"} ${task.largest && !task.count ? "the largest of " : ""}the ${task.what.label || ""} files`.replace(
        "  ",
        " ",
      );
    case "kinds":
      return "Count the files of each kind";
    case "list":
      return "List the files";
    case "locate":
      return `Find the file ${task.pattern}`;
    case "describe":
      return `Say what ${task.file} does`;
    case "show":
      return `Show ${task.file}`;
    case "find":
      return `Search for ${task.word}`;
    case "write":
      return `Write ${task.file}`;
    case "replace":
      return `Replace ${task.from} in ${task.file}`;
    case "run":
      return `Run ${task.command}`;
    case "todo":
      return "Write the todo list";
  }
}

function* describeNamed(file: string, tools: Tools): Plan<Done> {
  return tools.includes("Read") ? yield* describeFile(file) : needs("Read", `say what ${file} does`);
}

function* show(file: string, tools: Tools): Plan<Done> {
  if (!tools.includes("Read")) return needs("Read", `show ${file}`);
  const result = yield* callOne("Read", { file_path: file });
  if (result.is_error) return { ok: false, text: complaint("Read", result) };
  const { lines, note } = readText(result.text);
  if (!lines.length) return { ok: true, text: `${file} is empty.` };
  const head = lines.slice(0, 40);
  const rest = lines.length > head.length ? ` The first ${head.length} of the ${lines.length} lines that I read:` : "";
  return { ok: true, text: `${file}:${rest}\n\`\`\`\n${head.join("\n")}\n\`\`\`${note ? `\nRead added: ${note}` : ""}` };
}

const literal = (word: string): string => word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

function* find(task: Of<"find">, tools: Tools): Plan<Done> {
  if (!tools.includes("Grep")) return needs("Grep", `search for ${task.word}`);
  const where = task.path ? { path: task.path } : {};
  const result = yield* callOne("Grep", { pattern: literal(task.word), ...where, output_mode: "content" });
  if (result.is_error) return { ok: false, text: complaint("Grep", result) };
  const hits = result.text.split("\n").filter((line) => line.includes(task.word) && /^.*?:\d+:/.test(line));
  if (!hits.length)
    return {
      ok: true,
      text: `Grep shows no line with ${JSON.stringify(task.word)}. It answered: ${cut(result.text.trim() || "nothing", 300)}`,
    };
  const files = new Set(hits.map((line) => line.replace(/:\d+:.*$/s, "")));
  const shown = hits.slice(0, 20).map((line) => `- ${cut(line, 200)}`);
  const more = hits.length > 20 ? [`and ${hits.length - 20} more`] : [];
  return {
    ok: true,
    text: [
      `${JSON.stringify(task.word)} stands in ${plural(hits.length, "line")} of ${plural(files.size, "file")}:`,
      ...shown,
      ...more,
    ].join("\n"),
  };
}

function* write(task: Of<"write">, tools: Tools): Plan<Done> {
  if (!tools.includes("Write")) return needs("Write", `write ${task.file}`);
  const result = yield* callOne("Write", { file_path: task.file, content: task.text });
  if (result.is_error) return { ok: false, text: complaint("Write", result) };
  return {
    ok: true,
    text: `I wrote ${plural(task.text.length, "character")} to ${task.file}. Write answered: ${cut(result.text.trim(), 200)}`,
  };
}

function* replace(task: Of<"replace">, tools: Tools): Plan<Done> {
  if (!tools.includes("Edit")) return needs("Edit", `change ${task.file}`);
  let many = true;
  if (tools.includes("Read")) {
    const before = yield* callOne("Read", { file_path: task.file });
    if (before.is_error) return { ok: false, text: `${complaint("Read", before)} I changed nothing.` };
    const { lines, note } = readText(before.text);
    const count = lines.join("\n").split(task.from).length - 1;
    if (!count && !note) return { ok: false, text: `${task.file} does not contain ${JSON.stringify(task.from)}. I changed nothing.` };
    many = count !== 1 || note !== "";
  }
  const result = yield* callOne("Edit", {
    file_path: task.file,
    old_string: task.from,
    new_string: task.to,
    ...(many && { replace_all: true }),
  });
  if (result.is_error) return { ok: false, text: complaint("Edit", result) };
  return {
    ok: true,
    text: `I replaced ${JSON.stringify(task.from)} by ${JSON.stringify(task.to)} in ${task.file}. Edit answered: ${cut(result.text.trim(), 200)}`,
  };
}

function* run(command: string, tools: Tools): Plan<Done> {
  if (!tools.includes("Bash")) return needs("Bash", `run ${command}`);
  const result = yield* callOne("Bash", { command });
  const output = `\`\`\`\n${cut(result.text.trimEnd(), 3000)}\n\`\`\``;
  return { ok: !result.is_error, text: `\`${command}\` ${result.is_error ? "failed. It said" : "ran. It printed"}:\n${output}` };
}

function* todo(items: readonly string[], tools: Tools): Plan<Done> {
  if (!tools.includes("TodoWrite")) return needs("TodoWrite", "write a todo list");
  const result = yield* callOne("TodoWrite", { todos: items.map((content) => ({ content, status: "pending" })) });
  return result.is_error
    ? { ok: false, text: complaint("TodoWrite", result) }
    : { ok: true, text: `I wrote a todo list with ${plural(items.length, "entry").replace("entrys", "entries")}.` };
}
