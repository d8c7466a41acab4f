/** What can be said truthfully about a file from its text: its leading comment, what it declares, where it imports from. */

export interface ReadText {
  readonly lines: readonly string[];
  /** What the tool said besides the lines, such as that there is more. */
  readonly note: string;
}

/** A Read tool's answer: lines with their numbers before them, or a plain text. */
export function readText(answer: string): ReadText {
  const lines = answer === "" ? [] : answer.split("\n");
  const numbered = lines.map((line) => /^\s*\d+(?:\t|→)(.*)$/.exec(line)?.[1]);
  if (!numbered.some((line) => line !== undefined)) return { lines, note: "" };
  return {
    lines: numbered.filter((line) => line !== undefined),
    note: lines
      .filter((line, i) => numbered[i] === undefined && line.trim())
      .join(" ")
      .trim(),
  };
}

export const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1).trimEnd()}…` : text);
export const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : word.endsWith("s") ? "es" : "s"}`;
const extension = (path: string): string => /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";

/** Sentences about a file of which `lines` are the first. */
export function describe(path: string, lines: readonly string[]): string[] {
  const ext = extension(path);
  if (/^[cm]?[jt]sx?$/.test(ext)) return describeScript(lines);
  if (ext === "py") return describePython(lines);
  if (ext === "md") return [headings(lines)];
  if (ext === "json") return [jsonKeys(lines)];
  const first = lines.filter((line) => line.trim()).slice(0, 3);
  return first.length ? [`It begins: ${first.map((line) => JSON.stringify(cut(line.trim(), 100))).join(" / ")}.`] : ["It is empty."];
}

/** The comment a script begins with, as one line of prose; empty when there is none. */
function leadingComment(lines: readonly string[]): string {
  const text = lines
    .join("\n")
    .replace(/^#!.*\n/, "")
    .trimStart();
  const block = /^\/\*\*?([\s\S]*?)\*\//.exec(text)?.[1];
  const run = /^(?:(?:\/\/|#).*(?:\n|$))+/.exec(text)?.[0];
  return (block?.replace(/^\s*\* ?/gm, "") ?? run?.replace(/^\s*(?:\/\/+|#+) ?/gm, "") ?? "").replace(/\s+/g, " ").trim();
}

const declared =
  /^(export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(function|class|const|let|var|interface|type|enum|namespace)\b\*?\s+([\w$]+)/;
const nouns: { readonly [word: string]: string } = { const: "constant", let: "variable", var: "variable" };

function describeScript(lines: readonly string[]): string[] {
  const comment = leadingComment(lines);
  const exported = new Map<string, string[]>();
  const internal: string[] = [];
  for (const line of lines) {
    const [, exports, word = "", name = ""] = declared.exec(line) ?? [];
    if (!name) continue;
    const noun = nouns[word] ?? word;
    if (!exports) internal.push(name);
    else if (!exported.get(noun)?.includes(name)) exported.set(noun, [...(exported.get(noun) ?? []), name]);
  }
  const text = lines.join("\n");
  const passed = [...text.matchAll(/^export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+["']([^"']+)["']/gm)].map((m) => m[1]);
  const from = [...text.matchAll(/^import\s[^;"']*["']([^"']+)["']/gm)].map((m) => m[1]);
  const lists = [...exported].map(([noun, names]) => `${plural(names.length, noun)} (${some(names)})`);
  return [
    comment ? `Its leading comment says: "${cut(comment, 400)}"` : "It has no leading comment.",
    lists.length ? `It exports ${joined(lists)}.` : internal.length ? `It exports nothing by name; it declares ${some(internal)}.` : "",
    passed.length ? `It passes on what ${some([...new Set(passed)])} export.` : "",
    from.length ? `It imports from ${some([...new Set(from)])}.` : "",
  ].filter(Boolean);
}

function describePython(lines: readonly string[]): string[] {
  const doc =
    /^(?:#.*\n|\s)*(?:"""|''')([\s\S]*?)(?:"""|''')/.exec(lines.join("\n"))?.[1]?.replace(/\s+/g, " ").trim() ?? leadingComment(lines);
  const names = lines.flatMap((line) => /^(?:async\s+)?(?:def|class)\s+(\w+)/.exec(line)?.[1] ?? []);
  return [
    doc ? `It says of itself: "${cut(doc, 400)}"` : "It has no docstring.",
    names.length ? `It defines ${some(names)}.` : "It defines nothing at the top.",
  ];
}

function headings(lines: readonly string[]): string {
  const found = lines.flatMap((line) => /^#{1,6}\s+(.+)$/.exec(line)?.[1] ?? []);
  return found.length ? `Its headings are ${some(found.map((h) => JSON.stringify(h)))}.` : "It has no headings.";
}

function jsonKeys(lines: readonly string[]): string {
  try {
    const value: unknown = JSON.parse(lines.join("\n"));
    if (Array.isArray(value)) return `It is a list of ${plural(value.length, "element")}.`;
    return typeof value === "object" && value !== null ? `Its keys are ${some(Object.keys(value))}.` : "It is a single value.";
  } catch {
    return "What I read of it is not whole JSON.";
  }
}

export const some = (names: readonly (string | undefined)[], most = 12): string =>
  names.slice(0, most).join(", ") + (names.length > most ? ` and ${names.length - most} more` : "");
export const joined = (parts: readonly string[]): string =>
  parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : (parts[0] ?? "");
