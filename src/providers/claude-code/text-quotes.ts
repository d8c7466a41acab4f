/** Follows a text as it comes and knows whether what stands next is code or a quotation. Every character is looked at once. */

export interface Quotes {
  read(words: string): void;
  /** What comes next is quoted: in a code fence, a block quote, indented code, a code span, or right after a quotation mark. */
  readonly quoted: boolean;
  /** The text is over: its last line is told. */
  end(): void;
}

/** Characters of a line's beginning that are looked at. */
const LEAD = 80;
const OPENER = /^(\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*)(`{3,}|~{3,})(.*)$/s;
const CLOSER = /^(\s*)(`{3,}|~{3,})\s*$/;
const BLOCK_QUOTE = /^\s*>/;
const INDENTED = /^(?: {4}| {0,3}\t)/;
const MARKS = "\"'“”„‘’«»‹›";

interface Fence {
  readonly indent: number;
  readonly mark: string;
}
/** The code fence that a line opens, also inside a list. */
const opener = (lead: string): Fence | undefined => {
  const [, before = "", mark = "", after = ""] = OPENER.exec(lead) ?? [];
  const inline = mark.startsWith("`") && after.includes("`");
  return mark && !inline ? { indent: before.length, mark } : undefined;
};

/** `line`: told the beginning of every line that does not itself begin quoted. */
export const quotes = (line: (lead: string) => void): Quotes => {
  let fence: Fence | undefined;
  let lead = "";
  let last = "";
  /** Length of the open run of backticks, and of the one that opened a code span. */
  let run = 0;
  let span = 0;

  const endRun = () => {
    if (span === 0) span = run;
    else if (span === run) span = 0;
    run = 0;
  };
  const endLine = () => {
    const opening = opener(lead);
    if (fence) {
      const [, indent = "", mark = ""] = CLOSER.exec(lead) ?? [];
      if (mark.startsWith(fence.mark) && indent.length <= fence.indent + 3) fence = undefined;
    } else if (opening) fence = opening;
    else if (!BLOCK_QUOTE.test(lead) && !INDENTED.test(lead)) line(lead);
    lead = last = "";
    run = span = 0;
  };
  return {
    read(words) {
      for (const sign of words) {
        if (sign === "\n") {
          endLine();
          continue;
        }
        if (sign === "`") run++;
        else if (run) endRun();
        if (lead.length < LEAD) lead += sign;
        last = sign;
      }
    },
    get quoted() {
      if (run) endRun();
      return (
        Boolean(fence) ||
        span > 0 ||
        opener(lead) !== undefined ||
        BLOCK_QUOTE.test(lead) ||
        INDENTED.test(lead) ||
        (last !== "" && MARKS.includes(last))
      );
    },
    end: endLine,
  };
};
