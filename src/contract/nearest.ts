/** The name among `names` that a misspelt one most likely meant; undefined when none is near enough. */
export const nearest = (name: string, names: readonly string[]): string | undefined => {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase(), least);
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
};

/** What ends a text about a name that is not known; empty without a suggestion. */
export const didYouMean = (suggestion: string | undefined): string => (suggestion ? ` Did you mean "${suggestion}"?` : "");

/** Edits between two words, counted up to `limit`. */
const distance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) >= limit || a.length > 64 || b.length > 64) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? limit;
};
