/** Reads a question: which of the few things the offline planner can do it asks for. */

export interface FileKind {
  /** As in "TypeScript files"; empty for files of any kind. */
  readonly label: string;
  readonly extensions: readonly string[];
}

export type Task =
  | { readonly kind: "files"; readonly what: FileKind; readonly dir: string; readonly count: boolean; readonly largest: boolean }
  | { readonly kind: "kinds"; readonly dir: string }
  | { readonly kind: "list"; readonly what: FileKind; readonly dir: string }
  | { readonly kind: "describe" | "show"; readonly file: string }
  | { readonly kind: "find"; readonly word: string; readonly path: string }
  | { readonly kind: "locate"; readonly pattern: string }
  | { readonly kind: "write"; readonly file: string; readonly text: string }
  | { readonly kind: "replace"; readonly file: string; readonly from: string; readonly to: string }
  | { readonly kind: "run"; readonly command: string }
  | { readonly kind: "todo"; readonly items: readonly string[] };

export interface Question {
  readonly tasks: readonly Task[];
  /** Sentences that fit no rule. */
  readonly unclear: readonly string[];
}

const kinds: { readonly [word: string]: FileKind } = {
  typescript: { label: "TypeScript", extensions: ["ts", "tsx"] },
  javascript: { label: "JavaScript", extensions: ["js", "mjs", "cjs", "jsx"] },
  python: { label: "Python", extensions: ["py"] },
  markdown: { label: "Markdown", extensions: ["md"] },
  rust: { label: "Rust", extensions: ["rs"] },
  java: { label: "Java", extensions: ["java"] },
  yaml: { label: "YAML", extensions: ["yaml", "yml"] },
  shell: { label: "shell", extensions: ["sh"] },
  text: { label: "text", extensions: ["txt"] },
};
const bareExtensions = "ts|tsx|js|mjs|cjs|jsx|py|md|json|yml|html|css|go|rs|sh|sql|toml|xml|csv|txt|c|h|cpp";

/** What the quotes of a text hold is set aside, so that no rule reads it: `«0»` stands for it. */
function mask(text: string): { readonly masked: string; readonly unmask: (part: string) => string } {
  const held: string[] = [];
  const hold = (_: string, before: string, inner: string): string => `${before}«${held.push(inner) - 1}»`;
  const masked = text
    .replace(/()```\w*\n([\s\S]*?)\n?```/g, hold)
    .replace(/()`([^`\n]+)`/g, hold)
    .replace(/()"([^"]*)"/g, hold)
    .replace(/()“([^”]*)”/g, hold)
    .replace(/(^|[\s(:])'([^'\n]*)'(?=[\s).,;?!]|$)/g, hold);
  return { masked, unmask: (part) => part.trim().replace(/«(\d+)»/g, (_, n: string) => held[Number(n)] ?? "") };
}

const verbs = "run|execute|write|create|save|replace|change|find|grep|search|list|read|show|count|describe|explain|make";
const polite =
  /^(?:(?:please|now|first|second|third|next|finally|also|and|then|can you|could you|would you|will you|i want you to|tell me|hey|ok)[,:]?\s+)+/i;
const breaks = new RegExp(
  `\\n+(?!«)|;\\s*|(?<=[?!])\\s+|\\.\\s+(?=[A-Z«])|,?\\s+(?:and\\s+)?then,?\\s+|,?\\s+and\\s+(?=(?:${verbs})\\s)`,
  "i",
);

/** The tasks in a text, in order. */
export function readQuestion(text: string): Question {
  const { masked, unmask } = mask(text);
  const segments = masked.split(breaks).map((part) =>
    part
      .replace(/^\s*(?:\d+[.)]|[-*•])\s+/, "")
      .trim()
      .replace(polite, ""),
  );
  const tasks: Task[] = [];
  const unclear: string[] = [];
  for (const segment of segments.filter((part) => /[\p{L}\p{N}«]/u.test(part))) {
    const task = readTask(segment, unmask);
    const last = tasks.at(-1);
    if (!task) unclear.push(unmask(segment));
    else if (task.kind === "files" && !task.count && !task.what.label && last?.kind === "files")
      tasks[tasks.length - 1] = { ...last, largest: true };
    else tasks.push(task);
  }
  return { tasks, unclear };
}

type Rule = (s: string, unmask: (part: string) => string) => Task | null;

const readTask = (segment: string, unmask: (part: string) => string): Task | null => {
  for (const rule of rules) {
    const task = rule(segment, unmask);
    if (task) return task;
  }
  return null;
};

const isPath = (token: string): boolean => /«\d+»/.test(token) || /[\w*-]\.[A-Za-z]\w*$|\/|^\.\w/.test(token);
const trimmed = (s: string): string => s.replace(/(?<=[\w«»*"/])[.?!,:]+$/, "");

const todo: Rule = (s, unmask) => {
  const items = /\b(?:to-?do|task)\s*list\b[^:]*:\s*(.+)$/is.exec(s)?.[1];
  return items
    ? {
        kind: "todo",
        items: items
          .split(/\s*,\s*(?:and\s+)?|\s+and\s+/)
          .map((item) => trimmed(unmask(item)))
          .filter(Boolean),
      }
    : null;
};

const run: Rule = (s, unmask) => {
  const rest = /^(?:run|execute)\s*:?\s+(?:the\s+command:?\s+)?(.+)$/is.exec(s)?.[1];
  if (!rest || /^(?:the|a|an|all|my|some|every|this|that|it|tests?|them)\b/i.test(rest)) return null;
  const quoted = /^«\d+»/.exec(rest)?.[0];
  return { kind: "run", command: unmask(quoted ?? trimmed(rest)) };
};

const replace: Rule = (s, unmask) => {
  const m =
    /\b(?:replace|change)\s+(?:(?:all|every|each|the|word|text|string|occurrences? of)\s+)*(.+?)\s+(?:by|with|to|into)\s+(.+?)\s+in\s+(?:the\s+)?(?:file\s+)?(\S+)$/i.exec(
      trimmed(s),
    );
  return m ? { kind: "replace", from: unmask(m[1] ?? ""), to: unmask(m[2] ?? ""), file: unmask(m[3] ?? "") } : null;
};

const article = "(?:(?:a|an|the|new|empty|file|called|named)\\s+)*";
const write: Rule = (s, unmask) => {
  const to = new RegExp(`^(?:write|save|put)\\s+(.+?)\\s+(?:to|into|in)\\s+${article}(\\S+)$`, "is").exec(trimmed(s));
  if (to && isPath(to[2] ?? "")) return { kind: "write", file: unmask(to[2] ?? ""), text: unmask(to[1] ?? "") };
  const m = new RegExp(
    `^(?:write|create|make|save)\\s+${article}(\\S+?)(?:\\s*:\\s*|\\s+(?:with|containing|that says|saying)\\s+(?:the\\s+)?(?:(?:text|contents?|line|words?)\\b)?:?\\s*)(.+)$`,
    "is",
  ).exec(s);
  if (m && isPath(m[1] ?? ""))
    return { kind: "write", file: unmask(m[1] ?? ""), text: unmask(/^«\d+»/.exec(m[2] ?? "")?.[0] ?? m[2] ?? "") };
  const bare = new RegExp(`^create\\s+${article}(\\S+)$`, "i").exec(trimmed(s));
  return bare && isPath(bare[1] ?? "") ? { kind: "write", file: unmask(bare[1] ?? ""), text: "" } : null;
};

const find: Rule = (s, unmask) => {
  const named = /^(?:find|locate)\s+(?:(?:the|a|all|files?|called|named)\s+)*(\S+)$/i.exec(trimmed(s))?.[1];
  if (named && isPath(named) && (/\bfiles?\b|^locate/i.test(s) || !/^«/.test(named))) return { kind: "locate", pattern: unmask(named) };
  const m =
    /^(?:find|grep|search)\s+(?:(?:for|the|all|every|files?|places?|lines?|containing|that|which|contains?|mentions?|uses?|word|text|string|pattern|of|occurrences?)\s+)*(.+?)(?:\s+in\s+(.+))?$/i.exec(
      trimmed(s),
    ) ??
    /^where\s+(?:is|are|do(?:es)?)\s+(.+?)\s+(?:used|defined|mentioned|occurs?|appears?)(?:\s+in\s+(.+))?$/i.exec(trimmed(s)) ??
    /^(?:which|what)\s+files\s+(?:contain|mention|use|have)\s+(?:the\s+)?(?:(?:word|text|string)\s+)?(.+?)(?:\s+in\s+(.+))?$/i.exec(
      trimmed(s),
    );
  return m?.[1] ? { kind: "find", word: unmask(m[1]), path: folder(` in ${m[2] ?? "here"}`, unmask) } : null;
};

/** The folder a sentence names with "in", "under" or "inside"; empty for here. */
function folder(s: string, unmask: (part: string) => string): string {
  const m = /\b(?:in|under|inside|within)\s+(?:(?:the|folder|directory)\s+)*([\w./~-]+|«\d+»)/i.exec(s);
  const named = unmask(m?.[1] ?? "").replace(/(?<=.)[/.?]+$/, "");
  return !m || /^(?:here|there|this|project|repo|repository|folder|directory|workspace|code|codebase|it|total|all|my|our|\.)$/i.test(named)
    ? ""
    : named;
}

function fileKind(s: string): FileKind | null {
  const word = /\b([A-Za-z]+)\s+(?:source\s+)?files?\b/i.exec(s)?.[1]?.toLowerCase() ?? "";
  const known = kinds[word];
  if (known) return known;
  const dotted =
    /(?:^|\s)\*?\.([A-Za-z0-9]+)\b\s+files?\b/.exec(s)?.[1] ?? (new RegExp(`^(?:${bareExtensions})$`).test(word) ? word : undefined);
  if (dotted) return { label: `.${dotted.toLowerCase()}`, extensions: [dotted.toLowerCase()] };
  return null;
}
const anyKind: FileKind = { label: "", extensions: [] };

const files: Rule = (s, unmask) => {
  const dir = folder(s, unmask);
  const counting = /\b(?:how many|count|number of)\b/i.test(s) && /\bfiles?\b/i.test(s);
  if (counting && /\b(?:of each|by|per|each)\b.*\b(?:kind|type|extension|language)s?\b/i.test(s)) return { kind: "kinds", dir };
  const largest = /\b(?:largest|biggest|longest)\b/i.test(s);
  if (counting || largest) return { kind: "files", what: fileKind(s) ?? anyKind, dir, count: counting, largest };
  return /^(?:list|show|give|what|which)\b.*\bfiles\b/i.test(s) ? { kind: "list", what: fileKind(s) ?? anyKind, dir } : null;
};

const about: Rule = (s, unmask) => {
  const named = s.split(/\s+/).map(trimmed).find(isPath);
  if (named === undefined) return null;
  const file = unmask(named);
  if (/^(?:read|show|print|cat|open|display)\b|\b(?:contents? of|(?:is|stands) in)\b/i.test(s)) return { kind: "show", file };
  return /^(?:what|describe|explain|summari[sz]e|look at|about|how)\b/i.test(s) ? { kind: "describe", file } : null;
};

const rules: readonly Rule[] = [todo, run, replace, write, find, files, about];
