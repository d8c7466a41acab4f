/**
 * npm run prices [-- YYYY-MM-DD]: writes src/providers/prices.ts, the prices in force on that day (default: today) and those stated for later.
 * The facts come out of two packages that carry them as data; they are fetched by name for this run alone and are no dependency.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const PRICES = "@pydantic/genai-prices@0.1.8";
const FACTS = "llm-zoo@1.37.0";

/** Only what answers in text; a model that others serve too has no one price. */
const VENDORS: readonly { id: string; facts: readonly string[]; chat: RegExp; not: RegExp }[] = [
  { id: "anthropic", facts: ["ANTHROPIC_MODELS"], chat: /^claude-[a-z\d]/, not: /^claude-(?:v1|2)/ },
  {
    id: "openai",
    facts: ["OPENAI_MODELS", "OPENAI_REASONING_MODELS"],
    chat: /^(?:gpt-[4-9]|o\d|codex-|chatgpt-)/,
    // Another cloud writes a dash for the dot; "high" is an effort.
    not: /audio|image|realtime|transcribe|tts|search|deep-research|vision|ft-|:|^gpt-\d-\d|-high$|-32k/,
  },
  { id: "google", facts: ["GOOGLE_MODELS"], chat: /^gemini-/, not: /audio|image|tts|live|embedding|omni|vision|:|flash-1\.5|pro-1\.5/ },
];
/** Names that the Python program prices and the source does not list. */
const ALSO: { readonly [name: string]: string } = {
  "claude-opus-4": "claude-opus-4-0",
  "claude-sonnet-4": "claude-sonnet-4-0",
  "claude-haiku-3-5": "claude-3-5-haiku",
  "gemini-3.1-pro": "gemini-3.1-pro-preview",
  "gemini-3-flash": "gemini-3-flash-preview",
};
const DATED = /-(?:20\d{6}|20\d\d-\d\d-\d\d|latest)$/;

type Amount = number | { readonly base: number; readonly tiers: readonly { readonly start: number; readonly price: number }[] };
type Given = { readonly [key: string]: Amount | undefined };
type Dated = { readonly constraint?: { readonly start_date?: string }; readonly prices: Given };
type Match = { readonly or?: readonly Match[]; readonly equals?: string };
type Model = { readonly id: string; readonly context_window?: number; readonly match: Match; readonly prices: Given | readonly Dated[] };
type Fact = { readonly fullName: string; readonly shortName: string; readonly contextWindow: number; readonly maxOutputTokens: number };

const RATES = { input: "input_mtok", output: "output_mtok", cacheRead: "cache_read_mtok", cacheWrite: "cache_write_mtok" } as const;
const rateAt = (amount: Amount | undefined, above: number): number | null =>
  amount === undefined
    ? null
    : typeof amount === "number"
      ? amount
      : (amount.tiers.findLast((t) => t.start <= above)?.price ?? amount.base);

const ratesAt = (given: Given, above: number) => {
  const hour = rateAt(given.cache_write_1h_mtok, above);
  const rates = Object.entries(RATES).map(([ours, theirs]) => [ours, rateAt(given[theirs], above)]);
  return { ...Object.fromEntries(rates), ...(hour === null ? {} : { cacheWrite1h: hour }) };
};
const priceOf = (given: Given) => {
  const starts = Object.values(given).flatMap((amount) => (typeof amount === "object" ? amount.tiers.map((t) => t.start) : []));
  const tiers = [...new Set(starts)].sort((a, b) => a - b).map((above) => ({ above, ...ratesAt(given, above) }));
  return { ...ratesAt(given, 0), ...(tiers.length ? { tiers } : {}) };
};

/** The price of the day, and the next one that is stated. */
const pricesOf = (prices: Model["prices"], day: string) => {
  if (!Array.isArray(prices)) return priceOf(prices as Given);
  const dated = (prices as readonly Dated[]).map((p) => ({ from: p.constraint?.start_date ?? "", prices: p.prices }));
  const now = dated.findLast((p) => p.from <= day);
  const next = dated.find((p) => p.from > day);
  if (!now) throw new Error("a model has no price yet");
  return { ...priceOf(now.prices), ...(next ? { next: { from: next.from, ...priceOf(next.prices) } } : {}) };
};

/** The names that a model is priced under, word for word: a rule that goes by how a name begins prices its successor too. */
const namesOf = ({ or, equals }: Match): string[] => [...(equals ? [equals] : []), ...(or ?? []).flatMap(namesOf)];

/** Two sources, of which one may be rounded. */
const windowOf = (a: number | undefined, b: number | undefined): number | null =>
  a && b ? (Math.max(a, b) / Math.min(a, b) < 1.1 ? Math.max(a, b) : a) : (a ?? b ?? null);

const fetched = async (folder: string, spec: string, file: string) => {
  const tar = execFileSync("npm", ["pack", spec, "--silent", "--pack-destination", folder], { encoding: "utf8" }).trim();
  const into = join(folder, spec.replace(/\W/g, "_"));
  mkdirSync(into);
  execFileSync("tar", ["xzf", join(folder, tar), "-C", into]);
  return await import(pathToFileURL(join(into, "package", file)).href);
};

const day = process.argv[2] ?? new Date().toISOString().slice(0, 10);
const folder = mkdtempSync(join(tmpdir(), "geny-prices-"));
const rows = new Map<string, object>();
try {
  const { findProvider } = await fetched(folder, PRICES, "dist/index.js");
  const zoo = await fetched(folder, FACTS, "dist/index.js");
  for (const { id, facts, chat, not } of VENDORS) {
    const known = facts.flatMap((list) => Object.values(zoo[list] as { [name: string]: Fact }));
    for (const model of findProvider({ providerId: id }).models as Model[]) {
      const names = [model.id, ...namesOf(model.match)].filter((name) => chat.test(name) && !not.test(name));
      const price = names.length ? pricesOf(model.prices, day) : undefined;
      if (!price || !("input" in price) || price.input === null || price.output === null) continue;
      const fact = known.find((f) => names.some((name) => [f.fullName, f.shortName].includes(name.replace(/-latest$/, ""))));
      const row = {
        ...price,
        contextWindow: windowOf(model.context_window, fact?.contextWindow),
        maxOutput: fact?.maxOutputTokens ?? null,
      };
      // A dated form stands under its own name only where the plain one is another model's.
      for (const name of names) {
        const plain = name.replace(DATED, "");
        const taken = rows.get(plain);
        if (!taken) rows.set(plain, row);
        else if (JSON.stringify(taken) !== JSON.stringify(row)) rows.set(name, row);
      }
    }
  }
  for (const [name, like] of Object.entries(ALSO)) {
    const row = rows.get(like);
    if (!row) throw new Error(`the source no longer lists ${like}`);
    if (!rows.has(name)) rows.set(name, row);
  }
} finally {
  rmSync(folder, { recursive: true });
}

const literal = (row: object): string =>
  JSON.stringify(row)
    .replace(/"(\w+)":/g, " $1: ")
    .replaceAll("}", " }");
const lines = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, row]) => `  ${JSON.stringify(name)}: ${literal(row)},`);
const source = `/**
 * Prices and sizes of models as stated on ${day}, out of ${PRICES} and ${FACTS}. Written by \`npm run prices\`; do not edit.
 * US dollars for a million tokens.
 */
// biome-ignore-all format: one line a model
import type { ModelRow } from "./pricing.ts";

export const ROWS: { readonly [model: string]: ModelRow } = {
${lines.join("\n")}
};
`;
writeFileSync(join(import.meta.dirname, "../src/providers/prices.ts"), source);
console.log(`${rows.size} models, as of ${day}`);
