/** Reads recordings of tools: normalised texts, long texts, and the files that a call starts from. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

export const golden = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(join(process.env.GOLDEN ?? "test/golden", "tools", name), "utf8"));

export type Content = string | { readonly base64: string };
export interface Fixture {
  readonly tree: { readonly [path: string]: Content };
  readonly base_mtime: number;
}

const bytes = (content: Content): Buffer => (typeof content === "string" ? Buffer.from(content) : Buffer.from(content.base64, "base64"));

export const temporary = async (): Promise<string> => realpath(await mkdtemp(join(tmpdir(), "geny-tools-")));

/** Writes the recorded files; the i-th in byte order is i minutes newer. */
export const writeTree = async (
  root: string,
  { tree, base_mtime }: Fixture,
  more: { readonly [path: string]: Content } = {},
  links: { readonly [path: string]: string } = {},
): Promise<void> => {
  const names = Object.keys(tree).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const put = async (name: string, content: Content) => {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), bytes(content));
  };
  for (const [i, name] of names.entries()) {
    await put(name, tree[name] ?? "");
    await utimes(join(root, name), base_mtime + 60 * i, base_mtime + 60 * i);
  }
  for (const [name, content] of Object.entries(more)) await put(name, content);
  for (const [name, target] of Object.entries(links)) await symlink(target.replaceAll("<root>", root), join(root, name));
};

/** Every file below, by its relative path, as base64. */
export const snapshot = (root: string): Map<string, string> => {
  const files = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      files.set(relative(root, path), readFileSync(path, "base64"));
    }
  return files;
};

/** The files that are not as they were; null for one that is gone. */
export const changed = (before: Map<string, string>, after: Map<string, string>): { [path: string]: string | null } => {
  const out: { [path: string]: string | null } = {};
  for (const [path, content] of after) if (before.get(path) !== content) out[path] = Buffer.from(content, "base64").toString();
  for (const path of before.keys()) if (!after.has(path)) out[path] = null;
  return out;
};

/** Puts the real folder where the recording says `<root>`, at any depth. */
export const placed = <T>(value: T, root: string): T =>
  JSON.parse(JSON.stringify(value).replaceAll("<root>", root).replaceAll("<parent>", dirname(root)));

/** Whether ours is as recorded: `<text>` is any text, `<text|a|b>` one with those values in that order, a long text its length and hash. */
export const fits = (ours: unknown, recorded: unknown): boolean => {
  if (recorded === "<n>") return typeof ours === "number";
  if (typeof recorded === "string") return typeof ours === "string" && pattern(recorded).test(ours);
  if (typeof recorded !== "object" || recorded === null) return ours === recorded;
  if (Array.isArray(recorded)) return Array.isArray(ours) && ours.length === recorded.length && recorded.every((r, i) => fits(ours[i], r));
  if (isLong(recorded)) return typeof ours === "string" && long(ours, recorded);
  if (typeof ours !== "object" || ours === null || Array.isArray(ours)) return false;
  const keys = Object.keys(recorded);
  const mine = new Map(Object.entries(ours));
  return mine.size === keys.length && Object.entries(recorded).every(([key, value]) => mine.has(key) && fits(mine.get(key), value));
};

const isLong = (value: object): value is { chars: number; sha256: string; head: string } => "chars" in value && "sha256" in value;
/** One that holds prose of the original can be compared by the values in its head only. */
const long = (ours: string, { chars, sha256, head }: { chars: number; sha256: string; head: string }): boolean =>
  head.startsWith("<text")
    ? pattern(`${head}>`).test(ours)
    : ours.length === chars && createHash("sha256").update(ours).digest("hex") === sha256;

const pattern = (recorded: string): RegExp => {
  const ANY = "\u0000";
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const parts = recorded.replaceAll("<text>", ANY).split(/(<text\|[^<>]*>)/);
  const source = parts.map((part) => {
    const values = part.startsWith("<text|") ? part.slice(6, -1).split("|") : undefined;
    return values ? `[\\s\\S]*?${values.map(literal).join("[\\s\\S]*?")}[\\s\\S]*` : literal(part);
  });
  return new RegExp(`^${source.join("").replaceAll(ANY, "[\\s\\S]*")}$`);
};
