/** Regular expressions as Python programs write them. */

const FLAGS = /^\(\?([a-zA-Z]+)\)/;
/** Flags that mean the same in both languages, and those that JavaScript does not need. */
const KNOWN: Readonly<Record<string, string>> = { i: "i", m: "m", s: "s", u: "", a: "" };

/** Compiles a pattern; leading flags such as `(?i)` and named groups in Python's form are understood. Throws for what is no pattern. */
export const pattern = (source: string): RegExp => {
  const letters = FLAGS.exec(source)?.[1] ?? "";
  const flags = [...letters].map((letter) => {
    const flag = KNOWN[letter];
    if (flag === undefined) throw new SyntaxError(`the flag "${letter}" of (?${letters}) is not known: use i, m or s`);
    return flag;
  });
  const body = source
    .replace(FLAGS, "")
    .replaceAll("(?P<", "(?<")
    .replace(/\(\?P=(\w+)\)/g, "\\k<$1>");
  return new RegExp(body, [...new Set(flags)].join(""));
};
