/** Sentences and names of a text, by rule. */

/** Where a sentence may end: white space after . ! ? or, in scripts that write none, right after the full stop and what it closes. */
const BETWEEN = /(?<=[.!?])\s+|(?<=[。！？][」』”’）]*)(?![」』”’）])\s*/u;
/** Words that begin with a capital and have a second letter or digit, and such words in a row. */
const NAMES = /(?<![\p{L}\p{N}_])\p{Lu}[\p{L}\p{M}\p{N}_-]+(?: \p{Lu}[\p{L}\p{M}\p{N}_-]+)*/gu;

export const sentencesOf = (text: string): string[] =>
  text
    .trim()
    .split(BETWEEN)
    .filter((sentence) => sentence !== "");

/** Each name once, in the order of the text. Scripts without capitals have none. */
export const namesOf = (text: string): string[] => [...new Set(text.match(NAMES))];
