/** The conformance table, from what the last run of the suite wrote down. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SCENARIOS } from "geny-executor/testing";

export const FILE = join(import.meta.dirname, "../docs/reference/conformance.json");

export interface Outcome {
  readonly outcome: "passed" | "skipped" | "failed";
  /** Why it was skipped, or why something else than on other wires is expected. */
  readonly reasons: readonly string[];
}
export interface Results {
  [provider: string]: {
    /** The program that was asked. Empty: the provider speaks its wire itself. */
    readonly played: string;
    /** The longest time from a reader's turning away to the closed socket. */
    readonly closed_ms: number;
    readonly cases: { readonly [scenario: string]: Outcome };
  };
}

/** A line a case. */
export const writtenDown = (results: Results): string => {
  const columns = Object.entries(results).map(([provider, { cases, ...head }]) => {
    const lines = Object.entries(cases).map(([name, outcome]) => `${JSON.stringify(name)}: ${JSON.stringify(outcome)}`);
    return `${JSON.stringify(provider)}: ${JSON.stringify(head).slice(0, -1)},"cases": {\n${lines.join(",\n")}\n}}`;
  });
  return `{\n${columns.join(",\n")}\n}\n`;
};

const SIGNS = { passed: "✓", skipped: "–", failed: "✗" } as const;

/** Empty cells are scenarios that the last run did not have. */
export const conformancePage = (head: string, results = JSON.parse(readFileSync(FILE, "utf8")) as Results): string => {
  const providers = Object.keys(results);
  const notes: string[] = [];
  const note = (reason: string): number => (notes.includes(reason) ? notes.indexOf(reason) + 1 : notes.push(reason));
  const cell = (outcome: Outcome | undefined): string =>
    outcome ? `${SIGNS[outcome.outcome]}${outcome.reasons.map((reason) => ` [${note(reason)}]`).join("")}` : "";
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const tables = Object.entries(SCENARIOS).map(([subject, scenarios]) => {
    const rows = scenarios.map(({ name }) => row([name, ...providers.map((provider) => cell(results[provider]?.cases[name]))]));
    return [`## ${subject}\n`, row(["scenario", ...providers]), row(["---", ...providers.map(() => ":-:")]), ...rows].join("\n");
  });
  const closed = providers.map((provider) => `\`${provider}\` ${results[provider]?.closed_ms} ms`).join(", ");
  const played = Object.entries(results).flatMap(([provider, { played }]) => (played ? [`\`${provider}\` was played by ${played}.`] : []));
  return `${[
    `${head}# Conformance`,
    "One table of scenarios for every provider: the same script of the offline model, and the same events, answer and error expected. " +
      "✓ passed; ✓ [n] passed with a difference of the wire, – [n] cannot be played on it: the reasons stand below. " +
      "`npm run conformance` runs it and writes this page; a provider of your own is held to it as [the guide](../guide/testing.md) says.",
    `When a reader turned away, by abort or by leaving, the socket was closed after at most ${closed}. ${played.join(" ")}`.trim(),
    ...tables,
    `## Reasons\n\n${notes.map((reason, i) => `${i + 1}. ${reason}`).join("\n")}`,
  ].join("\n\n")}\n`;
};
