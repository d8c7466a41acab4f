/** The suite that every provider passes, ours and others': what a model does, and what must then be heard and sent. */
import { FAILURES } from "./provider-suite/failures.ts";
import { HISTORY } from "./provider-suite/history.ts";
import { MEDIA } from "./provider-suite/media.ts";
import { type Peer, type Playing, play } from "./provider-suite/play.ts";
import { type Scenario, TRAITS, type Trait } from "./provider-suite/scenario.ts";
import { READERS, STREAMS } from "./provider-suite/streams.ts";
import { STOPS, TEXT } from "./provider-suite/text.ts";
import { TOOLS } from "./provider-suite/tools.ts";
import type { Turn } from "./script.ts";
import { startModel } from "./simulator.ts";

/** By their subject. Their names are unique. */
export const SCENARIOS = {
  "Text, thinking, usage": TEXT,
  "Ends of an answer": STOPS,
  Tools: TOOLS,
  "Images and documents": MEDIA,
  Histories: HISTORY,
  Failures: FAILURES,
  "Broken and slow streams": STREAMS,
  "Readers who turn away": READERS,
} as const satisfies { readonly [subject: string]: readonly Scenario[] };

export interface SuiteOptions {
  /** The model to ask for. */
  readonly model: string;
  /** How the wire differs from the others, each with the reason. */
  readonly traits?: { readonly [T in Trait]?: string };
  /** Plays the script in place of the offline model, for a wire that this one does not speak. */
  readonly peer?: (script: readonly Turn[]) => Promise<Peer>;
}

export interface ProviderCase {
  readonly subject: keyof typeof SCENARIOS;
  readonly name: string;
  /** The trait, and its reason, with which it cannot be played; null: it can. */
  readonly skip: string | null;
  /** The traits, and their reasons, by which something else than on other wires is expected; empty: nothing is. */
  readonly differs: readonly string[];
  /**
   * Rejects with an `AssertionError` when the provider does not do what it must. Resolves with the milliseconds from the reader's turning away
   * to the closed socket; null when no reader turned away. One at a time: it judges how quickly things end.
   */
  run(): Promise<number | null>;
}

/**
 * The cases for one provider, for any test runner. `make` gets the peer's address, without `/v1`, and how long the provider may wait for the
 * first and between two pieces of an answer; undefined for its own limits. It is called once a case.
 */
export const providerSuite = (
  make: Playing["make"],
  { model, traits = {}, peer = (script) => startModel({ script }) }: SuiteOptions,
): readonly ProviderCase[] => {
  const playing = { make, peer, model, wholeCalls: traits.whole_calls !== undefined, earlyStart: traits.early_start !== undefined };
  const told = (trait: Trait): string => `${TRAITS[trait]}: ${traits[trait]}`;
  const claimed = (Object.keys(TRAITS) as Trait[]).filter((trait) => traits[trait] !== undefined);
  return Object.entries(SCENARIOS).flatMap(([subject, scenarios]) =>
    scenarios.map((scenario: Scenario): ProviderCase => {
      const hindrance = claimed.find((trait) => scenario.not?.includes(trait));
      return {
        subject: subject as keyof typeof SCENARIOS,
        name: scenario.name,
        skip: hindrance ? told(hindrance) : null,
        differs: claimed.filter((trait) => matters(trait, scenario)).map(told),
        run: () => play(having(scenario, claimed), playing),
      };
    }),
  );
};

const having = (scenario: Scenario, traits: readonly Trait[]): Scenario => {
  let own = scenario;
  for (const trait of traits) own = { ...own, ...scenario.having?.[trait] };
  return own;
};

const matters = (trait: Trait, { having, events }: Scenario): boolean => {
  if (trait === "whole_calls" && events.some(({ type }) => type === "tool_call_delta")) return true;
  if (trait === "early_start" && events.length === 0) return true;
  return having?.[trait] !== undefined;
};
