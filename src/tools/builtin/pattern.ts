/**
 * File patterns: `*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}` within a name, `**` for any number of folders; a backslash takes the next sign as it
 * is. Matching takes time in proportion to pattern times name, whatever the pattern.
 */
import { posix } from "node:path";
import { Refused } from "./paths.ts";

type Token = "star" | ((sign: string) => boolean);
type Segment = "**" | ((name: string) => boolean);
/** Where a path that was followed so far stands in one of the pattern's alternatives. */
interface Position {
  readonly segments: readonly Segment[];
  readonly at: number;
}
export type Positions = readonly Position[];

export interface Pattern {
  /** Folders to go up from the base before the pattern begins. */
  readonly up: number;
  readonly start: Positions;
}

const ALTERNATIVES = 1000;

/** Throws `Refused` for a pattern that is empty, absolute or goes up in its midst. */
export const parsePattern = (given: string): Pattern => {
  if (given === "") throw new Refused("The pattern is empty.");
  if (posix.isAbsolute(given)) throw new Refused(`The pattern ${given} is absolute. Give the folder as path and the pattern from there.`);
  const parts = given.split("/").filter((part) => part !== "" && part !== ".");
  const up = parts.findIndex((part) => part !== "..");
  const rest = up < 0 ? [] : parts.slice(up);
  if (rest.includes("..")) throw new Refused(`The pattern ${given} goes up in its midst; ".." may only stand at its start.`);
  const start = expand(rest.join("/")).map((alternative) => ({
    segments: alternative.split("/").map((part): Segment => (part === "**" ? part : segment(part))),
    at: 0,
  }));
  return { up: up < 0 ? parts.length : up, start };
};

/** The positions after one more name of a path. None: nothing below can match. */
export const advance = (positions: Positions, name: string): Positions => {
  const next: Position[] = [];
  const add = (position: Position) => {
    if (!next.some((p) => p.segments === position.segments && p.at === position.at)) next.push(position);
  };
  for (const { segments, at: first } of positions)
    for (let at = first; at < segments.length; at++) {
      const part = segments[at];
      const last = at === segments.length - 1;
      if (part === "**") {
        add({ segments, at });
        if (last) add({ segments, at: at + 1 });
        continue;
      }
      if (part?.(name)) add({ segments, at: at + 1 });
      break;
    }
  return next;
};

export const complete = (positions: Positions): boolean => positions.some(({ segments, at }) => at === segments.length);

/** Whether a path, or for a pattern of one name the path's last name, matches. */
export const matches = (pattern: Pattern, names: readonly string[]): boolean => {
  const nameOnly = pattern.start.every(({ segments }) => segments.length === 1);
  return complete((nameOnly ? names.slice(-1) : names).reduce<Positions>(advance, pattern.start));
};

/** `a{b,c}d` → `abd`, `acd`. Braces without a comma are signs like any other. */
const expand = (pattern: string): string[] => {
  let depth = 0;
  let open = -1;
  let cuts: number[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const sign = pattern[i];
    if (sign === "\\") i++;
    else if (sign === "{") {
      if (depth++ === 0) [open, cuts] = [i, [i]];
    } else if (sign === "," && depth === 1) cuts.push(i);
    else if (sign === "}" && depth > 0 && --depth === 0) {
      if (cuts.length < 2) continue;
      cuts.push(i);
      const choices = cuts.slice(1).map((end, n) => pattern.slice((cuts[n] ?? open) + 1, end));
      const all = choices.flatMap((choice) => expand(pattern.slice(0, open) + choice + pattern.slice(i + 1)));
      if (all.length > ALTERNATIVES) throw new Refused(`The pattern has more than ${ALTERNATIVES} alternatives.`);
      return all;
    }
  }
  return [pattern];
};

const segment = (text: string): ((name: string) => boolean) => {
  if (!/[*?[\\]/.test(text)) return (name) => name === text;
  const tokens = tokenize([...text]);
  return (name) => wild(tokens, [...name]);
};

const tokenize = (signs: readonly string[]): Token[] => {
  const tokens: Token[] = [];
  for (let i = 0; i < signs.length; i++) {
    const sign = signs[i] ?? "";
    const close = sign === "[" ? signs.indexOf("]", i + (signs[i + 1] === "!" || signs[i + 1] === "^" ? 3 : 2)) : -1;
    if (sign === "*") tokens.push("star");
    else if (sign === "?") tokens.push(() => true);
    else if (close > 0) {
      tokens.push(set(signs.slice(i + 1, close)));
      i = close;
    } else {
      if (sign === "\\" && i + 1 < signs.length) i++;
      const exact = signs[i];
      tokens.push((other) => other === exact);
    }
  }
  return tokens;
};

const set = (inside: readonly string[]): ((sign: string) => boolean) => {
  const not = inside[0] === "!" || inside[0] === "^";
  const signs = not ? inside.slice(1) : inside;
  const has = (sign: string) =>
    signs.some((from, i) => {
      const to = signs[i + 1] === "-" ? signs[i + 2] : undefined;
      return to === undefined ? from === sign : from <= sign && sign <= to;
    });
  return (sign) => has(sign) !== not;
};

/** Goes back to the last star only, so it never takes more than tokens times signs. */
const wild = (tokens: readonly Token[], name: readonly string[]): boolean => {
  let t = 0;
  let n = 0;
  let star = -1;
  let from = 0;
  while (n < name.length) {
    const token = tokens[t];
    if (token === "star") [star, from, t] = [t, n, t + 1];
    else if (token?.(name[n] ?? "")) [t, n] = [t + 1, n + 1];
    else if (star >= 0) [t, n, from] = [star + 1, from + 1, from + 1];
    else return false;
  }
  while (tokens[t] === "star") t++;
  return t === tokens.length;
};
