/** Compares what was recorded with what we got, and says where they differ. */

export interface Mismatch {
  /** `requests[0].temperature` */
  readonly path: string;
  readonly expected: unknown;
  readonly got: unknown;
}
export interface MatchOptions {
  /** Paths, as the list of differences writes them, under which further keys of ours are free. */
  readonly open?: readonly string[];
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** `requests[0].messages[2].content` → `requests.messages.content`. */
export const pattern = (path: string): string => path.replaceAll(/\[\d+\]/g, "");
/** Is the path at, or below, the pattern? */
export const within = (path: string, at: string): boolean => {
  const plain = pattern(path);
  return plain === at || plain.startsWith(`${at}.`);
};

/** Every place where the two differ. Wild cards of the recording match as its README says; numbers to 1e-9. */
export const differ = (expected: unknown, got: unknown, path: string, options: MatchOptions = {}): Mismatch[] => {
  if (typeof expected === "string")
    return typeof got === "string" || wild(expected) ? text(expected, got, path) : [{ path, expected, got }];
  if (typeof expected === "number" && typeof got === "number")
    return Math.abs(expected - got) <= 1e-9 * Math.max(1, Math.abs(expected)) ? [] : [{ path, expected, got }];
  if (Array.isArray(expected)) {
    if (!Array.isArray(got)) return [{ path, expected, got }];
    const found = expected.flatMap((item, i) => (i < got.length ? differ(item, got[i], `${path}[${i}]`, options) : []));
    if (expected.length !== got.length) found.push({ path: `${path}.length`, expected, got });
    return found;
  }
  if (isObject(expected)) {
    if (!isObject(got)) return [{ path, expected, got }];
    const open = options.open?.some((at) => within(path, at)) ?? false;
    const keys = [...new Set([...Object.keys(expected), ...(open ? [] : Object.keys(got))])];
    return keys.flatMap((key) => differ(expected[key], got[key], `${path}.${key}`, options));
  }
  return (expected ?? null) === (got ?? null) ? [] : [{ path, expected, got }];
};

const wild = (expected: string): boolean => /^<(?:text|timestamp|ms|dir|state|repr:[^>]*)>$/.test(expected);
const MARK = /<(?:text|timestamp|ms|id|dir|state|id:[^>]*|repr:[^>]*)>/;

/** Prose is free, and so are the blanks of JSON inside a text. */
const text = (expected: string, got: unknown, path: string): Mismatch[] => {
  if (expected === got || wild(expected)) return [];
  const length = /^<string:(\d+)>$/.exec(expected);
  if (typeof got !== "string" || (length && got.length !== Number(length[1]))) return [{ path, expected, got }];
  if (length) return [];
  const form = new RegExp(`^${expected.split(MARK).map(escaped).join("[\\s\\S]*")}$`);
  if (MARK.test(expected) && form.test(got)) return [];
  const [a, b] = [jsonPart(expected), jsonPart(got)];
  if (a && b) return [...text(a.head, b.head, path), ...differ(a.json, b.json, path)];
  return [{ path, expected, got }];
};
const escaped = (literal: string): string => literal.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A text that is JSON, or ends with a line that is. */
const jsonPart = (value: string): { head: string; json: unknown } | undefined => {
  const at = /(?:^|\n)(?=[[{])/.exec(value);
  if (!at) return undefined;
  const start = at.index + at[0].length;
  try {
    return { head: value.slice(0, start), json: JSON.parse(value.slice(start)) };
  } catch {
    return undefined;
  }
};

/** A few lines a person can read. */
export const told = (found: readonly Mismatch[]): string =>
  found
    .slice(0, 12)
    .map(({ path, expected, got }) => `  ${path}\n    expected ${short(expected)}\n    got      ${short(got)}`)
    .concat(found.length > 12 ? [`  … and ${found.length - 12} more`] : [])
    .join("\n");
const short = (value: unknown): string => {
  const shown = JSON.stringify(value) ?? "nothing";
  return shown.length > 600 ? `${shown.slice(0, 600)}… (${shown.length} characters)` : shown;
};
