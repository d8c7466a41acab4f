/** Reads what a model meant to be JSON. Linear in the text, and never throws. */
import { type Json, own } from "../contract/schema.ts";
import { parsed } from "./json.ts";

/** Values within values. */
const DEPTH = 200;

/**
 * The value; undefined when it cannot be told. Borne are: a code fence around it, single quotes, bare keys, line breaks in texts, Python's
 * True, False and None, commas before a closing bracket, brackets too few or too many at the end, and JSON in a JSON text. A text that is
 * not closed is not mended, for nobody knows how it went on.
 */
export const mended = (source: string): Json | undefined => {
  const from = /^\s*(?:```[a-z0-9]*)?/i.exec(source)?.[0].length ?? 0;
  const value = reading(source, from);
  return typeof value === "string" ? parsed(value) : value;
};

const WORDS: { readonly [word: string]: Json } = { true: true, false: false, null: null, True: true, False: false, None: null };
const ESCAPES: { readonly [letter: string]: string } = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };
const CLOSERS: { readonly [opener: string]: string } = { "{": "}", "[": "]" };

const reading = (source: string, from: number): Json | undefined => {
  let at = from;
  /** The match of a sticky expression here, which is stepped over. */
  const step = (expression: RegExp): string | undefined => {
    expression.lastIndex = at;
    const found = expression.exec(source)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const space = () => step(/\s*/y);

  const value = (depth: number): Json | undefined => {
    space();
    const first = source[at];
    if (first === "{" || first === "[") return depth < DEPTH ? container(first, depth + 1) : undefined;
    if (first === '"' || first === "'") return quoted(first);
    const number = step(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y);
    if (number !== undefined) return Number(number);
    const word = step(/[A-Za-z]+/y) ?? "";
    return own(WORDS, word);
  };
  const quoted = (quote: string): string | undefined => {
    let text = "";
    at++;
    for (;;) {
      text += step(quote === '"' ? /[^"\\]*/y : /[^'\\]*/y) ?? "";
      const end = source[at++];
      if (end === undefined) return undefined;
      if (end === quote) return text;
      const letter = source[at++];
      if (letter === undefined) return undefined;
      const code = letter === "u" ? step(/[0-9a-fA-F]{4}/y) : undefined;
      text += code ? String.fromCharCode(Number.parseInt(code, 16)) : (ESCAPES[letter] ?? letter);
    }
  };
  const key = (): string | undefined => {
    const quote = source[at];
    const name = quote === '"' || quote === "'" ? quoted(quote) : step(/[A-Za-z_$][\w$]*/y);
    space();
    return name !== undefined && source[at++] === ":" ? name : undefined;
  };
  const container = (opener: "{" | "[", depth: number): Json | undefined => {
    const entries: [string, Json][] = [];
    at++;
    for (;;) {
      space();
      // The end of the text closes what is open.
      if (at >= source.length || source.startsWith("```", at)) break;
      if (source[at] === CLOSERS[opener]) {
        at++;
        break;
      }
      const name = opener === "{" ? key() : "";
      const inner = name === undefined ? undefined : value(depth);
      if (name === undefined || inner === undefined) return undefined;
      entries.push([name, inner]);
      space();
      if (source[at] === ",") at++;
      else if (at < source.length && source[at] !== CLOSERS[opener] && !source.startsWith("```", at)) return undefined;
    }
    return opener === "{" ? Object.fromEntries(entries) : entries.map(([, inner]) => inner);
  };

  const whole = value(0);
  step(/[\s\]}]*(?:```)?\s*/y);
  return at >= source.length ? whole : undefined;
};
