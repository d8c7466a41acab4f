/** How a person writes a stage in TypeScript: a slot is a name or `{ use, ...config }`; config keys stand beside the slots in camelCase. */
import type { Definition } from "../contract/author.ts";
import { ConfigError } from "../contract/errors.ts";
import { finding } from "../contract/findings.ts";
import type { StageEntry } from "../contract/manifest.ts";
import { type JsonObject, own } from "../contract/schema.ts";
import { snake } from "../contract/state.ts";
import type { Many, One } from "../contract/strategy.ts";
import { isObject } from "./json.ts";

type Item = string | ({ readonly use: string } & JsonObject);
const nameOf = (item: Item): string => (typeof item === "string" ? item : item.use);
const configOf = (item: Item): JsonObject => {
  if (typeof item === "string") return {};
  const { use: _, ...config } = item;
  return config;
};

/** The wire's entry. What is unknown goes through, so that `compile` finds it and says what would have been right. */
export const stageEntry = (stage: Definition, order: number, options: { readonly [key: string]: unknown }): StageEntry => {
  const strategies: Record<string, string> = {};
  const configs: Record<string, JsonObject> = {};
  const chains: Record<string, string[]> = {};
  const config: Record<string, never> = {};
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const slot: One | Many | undefined = own(stage.slots, key);
    const path = `stages.${stage.name}.${key}`;
    if (!slot) config[snake(key)] = value as never;
    else if (slot.kind === "many") {
      if (!Array.isArray(value)) throw new ConfigError([finding("option.invalid", path, "must be a list: it is a chain")]);
      const items = value as readonly Item[];
      chains[key] = items.map(nameOf);
      const given = items.filter((item) => typeof item !== "string").map((item) => [nameOf(item), configOf(item)]);
      if (given.length) configs[key] = Object.fromEntries(given);
    } else {
      if (typeof value !== "string" && !isObject(value))
        throw new ConfigError([finding("option.invalid", path, "must be a strategy's name, or an object with `use` and its config")]);
      strategies[key] = nameOf(value as Item);
      if (typeof value !== "string") configs[key] = configOf(value as Item);
    }
  }
  return { order, name: stage.name, active: true, strategies, strategy_configs: configs, config, chain_order: chains };
};
