/** What differs in the stages of two manifests, by the stages' definitions. */
import type { StageEntry } from "../contract/manifest.ts";
import type { Fields, Json, JsonObject } from "../contract/schema.ts";
import type { Many, One, Strategy } from "../contract/strategy.ts";
import { type Layout, place } from "../engine/plan.ts";
import { EnvironmentDiff, same } from "./diff.ts";
import { objectOf } from "./json.ts";
import type { Change } from "./semantic-diff.ts";
import { changed, explained, shown, valueChanges } from "./sentences.ts";

interface Definition {
  readonly order: number;
  readonly name: string;
  readonly config: Fields;
  readonly slots: { readonly [slot: string]: One | Many };
}
/** One stage before and after, and the words that begin its sentences: what it is called, and that with a colon. */
interface Pair extends Definition {
  readonly a: StageEntry;
  readonly b: StageEntry;
  readonly lead: string;
  readonly title: string;
}
const NOTHING: Fields = { shape: {} };

export const stageChanges = (before: readonly StageEntry[], after: readonly StageEntry[], layout: Layout): Change[] => {
  const known: Definition[] = place(layout).map(({ stage, order }) => ({
    order,
    name: stage.name,
    config: stage.config,
    slots: stage.slots,
  }));
  const others = [...before, ...after].filter(({ name }, i, all) => all.findIndex((entry) => entry.name === name) === i);
  const unknown = others.filter(({ name }) => known.every((stage) => stage.name !== name));
  return [...known, ...unknown.map(({ name, order }) => ({ order, name, config: NOTHING, slots: {} }))].flatMap((stage) =>
    changesOf(stage, entryIn(before, stage), entryIn(after, stage)),
  );
};

/** A stage without an entry is one that is off. Of two entries of one name the first counts. */
const entryIn = (entries: readonly StageEntry[], { name, order }: Definition): StageEntry =>
  entries.find((entry) => entry.name === name) ?? { order, name, active: false };

const changesOf = (stage: Definition, a: StageEntry, b: StageEntry): Change[] => {
  const [was, is] = [a.active !== false, b.active !== false];
  const name = `stage ${stage.order} ${stage.name}`;
  const title = was || is ? name : `${name} (off)`;
  const pair: Pair = { ...stage, a, b, title, lead: `${title}: ` };
  const about = { kind: "stage", stage: placeOf(stage), path: `stages[${stage.name}].active` } as const;
  const switched: Change[] = was === is ? [] : [{ ...about, before: was, after: is, text: `${name} is switched ${is ? "on" : "off"}` }];
  return [
    ...switched,
    ...Object.entries(stage.slots).flatMap(([name, slot]) =>
      slot.kind === "one" ? slotChanges(pair, name, slot) : chainChanges(pair, name, slot),
    ),
    ...configChanges(pair),
    ...restChanges(pair),
  ];
};
const placeOf = ({ order, name }: Definition) => ({ order, name });
const pathOf = ({ name }: Definition, ...keys: readonly string[]): string => [`stages[${name}]`, ...keys].join(".");

const slotChanges = (pair: Pair, name: string, slot: One): Change[] => {
  const [before, after] = [pair.a.strategies?.[name] ?? slot.default, pair.b.strategies?.[name] ?? slot.default];
  const [old, now] = [objectOf(pair.a.strategy_configs?.[name]), objectOf(pair.b.strategy_configs?.[name])];
  if (before === after) return itemChanges(pair, [name], before, slot.strategies[before], old, now);
  const does = slot.verb ? `${pair.title} ${slot.verb}` : `${pair.lead}its ${explained(name, slot.about)} is`;
  const text = `${does} ${after}${withConfig(slot.strategies[after], now)} instead of ${before}`;
  return [{ kind: "strategy", stage: placeOf(pair), path: pathOf(pair, "strategies", name), before, after, text }];
};

/** What is set otherwise than its default, after the name of a strategy that is new. */
const withConfig = (strategy: Strategy | undefined, config: JsonObject): string => {
  const set = valueChanges(strategy?.config ?? NOTHING, {}, config, (key) => ({
    about: { kind: "config", stage: null, path: key },
    subject: key,
  }));
  return set.length ? ` (${set.map(({ path, after }) => `${path} ${shown(after)}`).join("; ")})` : "";
};

const chainChanges = (pair: Pair, name: string, chain: Many): Change[] => {
  const [before, after] = [pair.a.chain_order?.[name] ?? chain.default, pair.b.chain_order?.[name] ?? chain.default];
  const about = { kind: "chain", stage: placeOf(pair), path: pathOf(pair, "chain_order", name), before, after } as const;
  const what = `its ${explained(name, chain.about)}`;
  const added = [...new Set(after.filter((item) => !before.includes(item)))];
  const removed = before.filter((item) => !after.includes(item));
  const left = before.filter((item) => after.includes(item));
  const moved = !same(
    left,
    after.filter((item) => before.includes(item)),
  );
  const [old, now] = [objectOf(pair.a.strategy_configs?.[name]), objectOf(pair.b.strategy_configs?.[name])];
  const items = new Set(after.filter((item) => before.includes(item)));
  return [
    ...added.map((item) => {
      const next = after[after.indexOf(item) + 1];
      const where = next === undefined ? "" : `, before ${next}`;
      return { ...about, text: `${pair.lead}${what} also have ${item}${withConfig(chain.strategies[item], objectOf(now[item]))}${where}` };
    }),
    ...(removed.length ? [{ ...about, text: `${pair.lead}${what} no longer have ${removed.join(", ")}` }] : []),
    ...(moved ? [{ ...about, text: `${pair.lead}${what} stand in another order: ${after.join(", ")}` }] : []),
    ...[...items].flatMap((item) =>
      itemChanges(pair, [name, item], item, chain.strategies[item], objectOf(old[item]), objectOf(now[item])),
    ),
  ];
};

/** The config of a strategy that stays. */
const itemChanges = (
  pair: Pair,
  keys: readonly string[],
  name: string,
  strategy: Strategy | undefined,
  a: JsonObject,
  b: JsonObject,
): Change[] =>
  valueChanges(strategy?.config ?? NOTHING, a, b, (key, what) => ({
    about: { kind: "config", stage: placeOf(pair), path: pathOf(pair, "strategy_configs", ...keys, key) },
    subject: `${pair.lead}for ${name}, ${what}`,
  }));

const configChanges = (pair: Pair): Change[] =>
  valueChanges(pair.config, objectOf(pair.a.config), objectOf(pair.b.config), (key, what) => ({
    about: { kind: "config", stage: placeOf(pair), path: pathOf(pair, "config", key) },
    subject: `${pair.lead}${what}`,
  }));

const TOLD: readonly string[] = ["order", "name", "active", "config"];
const BY_SLOT: readonly string[] = ["strategies", "strategy_configs", "chain_order"];
/** Binding, model, artifact, slots that the definition has not and keys that nobody knows, path by path. */
const restChanges = (pair: Pair): Change[] => {
  const rest = (entry: StageEntry): JsonObject => {
    const kept = Object.entries(entry).flatMap(([key, value]): [string, Json][] => {
      if (TOLD.includes(key)) return [];
      if (!BY_SLOT.includes(key)) return [[key, value as Json]];
      return [[key, Object.fromEntries(Object.entries(objectOf(value)).filter(([slot]) => !Object.hasOwn(pair.slots, slot)))]];
    });
    const whole = { artifact: "default", tool_binding: null, model_override: null, strategies: {}, strategy_configs: {}, chain_order: {} };
    return { ...whole, ...Object.fromEntries(kept) };
  };
  return EnvironmentDiff.compute(rest(pair.a), rest(pair.b)).entries.flatMap(({ path, oldValue, newValue }) =>
    changed({ kind: "stage", stage: placeOf(pair), path: pathOf(pair, path) }, `${pair.lead}${path}`, oldValue, newValue),
  );
};
