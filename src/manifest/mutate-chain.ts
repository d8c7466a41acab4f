/** Changes of a stage's chain. */
import { isDeepStrictEqual } from "node:util";
import { check, fields, type JsonObject, object } from "../contract/schema.ts";
import { objectOf } from "./json.ts";
import { misformed, told } from "./mutate-form.ts";
import { effective, type Scene, slotOf, type Told } from "./scene.ts";

const chainOf = (scene: Scene, chain: string): readonly string[] => {
  const { default: usual } = slotOf(scene, chain, "many");
  return scene.entry.chain_order?.[chain] ?? usual;
};
const withChain = ({ entry, ...scene }: Scene, chain: string, names: readonly string[], configs = entry.strategy_configs ?? {}) =>
  scene.with({ ...entry, chain_order: { ...entry.chain_order, [chain]: names }, strategy_configs: configs });

export const reordered = (scene: Scene, chain: string, order: readonly string[]): Told => {
  const before = chainOf(scene, chain);
  if (!isDeepStrictEqual([...before].sort(), [...order].sort()))
    scene.refuse(`has in its chain "${chain}" ${listed(before)}: give exactly these in another order, not ${listed(order)}`, chain);
  return { target: `${scene.target}.${chain}`, oldValue: before, newValue: order, document: withChain(scene, chain, order) };
};

export const added = (scene: Scene, chain: string, item: string, config: JsonObject | null = null): Told => {
  const before = chainOf(scene, chain);
  const { [chain]: items = {}, ...others } = scene.entry.strategy_configs ?? {};
  if (config && before.includes(item) && !isDeepStrictEqual(items[item] ?? {}, config))
    scene.refuse(`has "${item}" in its chain "${chain}" with another config, and items of one name share theirs: remove it first`, chain);
  const configs = config ? { ...others, [chain]: { ...items, [item]: config } } : scene.entry.strategy_configs;
  return {
    target: `${scene.target}.${chain}`,
    oldValue: null,
    newValue: { impl: item, config: config ?? {} },
    document: withChain(scene, chain, [...before, item], configs),
  };
};

export const removed = (scene: Scene, chain: string, item: string): Told => {
  const before = chainOf(scene, chain);
  const at = before.indexOf(item);
  if (at < 0) scene.refuse(`has no "${item}" in its chain "${chain}": there is ${listed(before)}`, chain);
  const names = before.toSpliced(at, 1);
  const { [chain]: items = {}, ...others } = scene.entry.strategy_configs ?? {};
  const { [item]: _, ...rest } = items;
  const kept = names.includes(item) ? items : rest;
  const configs = Object.keys(kept).length ? { ...others, [chain]: kept } : others;
  return { target: `${scene.target}.${chain}`, oldValue: item, newValue: null, document: withChain(scene, chain, names, configs) };
};

/** Of each item that is named; keys that are not named stay. */
export const itemConfigs = (scene: Scene, chain: string, changes: JsonObject): Told => {
  const { strategies } = slotOf(scene, chain, "many");
  const names = chainOf(scene, chain);
  if (names.length === 0) scene.refuse(`has nothing in its chain "${chain}": add an item first`, chain);
  const items = fields(Object.fromEntries(names.map((name) => [name, object({ about: "an item's config", default: {} })])));
  const { value, problems } = check(items, changes);
  if (problems.length) throw misformed("update_strategy_config", told(problems, "changes"));
  const named = Object.keys(changes);
  if (named.length === 0) scene.refuse(`has in its chain "${chain}" ${listed(names)}: say what is to change of which item`, chain);
  const before = scene.entry.strategy_configs?.[chain] ?? {};
  const configs = Object.fromEntries(named.map((name) => [name, { ...objectOf(before[name]), ...value[name] }]));
  return {
    target: `${scene.target}.${chain}`,
    oldValue: Object.fromEntries(named.map((name) => [name, effective(strategies[name]?.config, objectOf(before[name]))])),
    newValue: changes,
    document: scene.with({ ...scene.entry, strategy_configs: { ...scene.entry.strategy_configs, [chain]: { ...before, ...configs } } }),
  };
};

const listed = (names: readonly string[]): string => names.join(", ") || "nothing";
