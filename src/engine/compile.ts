/** Manifest entries and stage definitions → a plan. Every finding at once, each with its path and the nearest right name. */
import { messageOf } from "../contract/errors.ts";
import { type Finding, type FindingCode, finding } from "../contract/findings.ts";
import type { StageEntry } from "../contract/manifest.ts";
import { nearest } from "../contract/nearest.ts";
import { check, type Fields, own, type Problem } from "../contract/schema.ts";
import type { Services } from "../contract/services.ts";
import type { Many, One, Strategy } from "../contract/strategy.ts";
import type { BoundStage, ChosenStrategy, Phase, Placed, Plan } from "./plan.ts";

export interface CompileOptions {
  readonly entries: readonly StageEntry[];
  readonly places: readonly Placed[];
  readonly services: Services;
  /** What an unknown key of a stage's `config` is: a warning in a manifest that was loaded, an error in code. */
  readonly unknownKeys: "error" | "warning";
}

type Report = (finding: Omit<Finding, "severity"> & { severity?: Finding["severity"] }) => void;

export const compile = ({ entries, places, services, unknownKeys }: CompileOptions): { plan: Plan; findings: Finding[] } => {
  const findings: Finding[] = [];
  const names = places.flatMap((p) => (p.entry === null ? [] : [p.entry]));
  const entryOf = new Map<string, { entry: StageEntry; path: string }>();
  entries.forEach((entry, i) => {
    const path = `stages[${i}]`;
    const severity = entry.active === false ? "warning" : "error";
    const at = { path: `${path}.name`, severity } as const;
    if (!names.includes(entry.name))
      findings.push({
        ...at,
        code: "stage.unknown_name",
        message: `no stage is named "${entry.name}"`,
        suggestion: nearest(entry.name, names),
      });
    else {
      const first = entryOf.get(entry.name);
      if (!first) entryOf.set(entry.name, { entry, path });
      else
        findings.push({
          ...at,
          severity: first.entry.active === false ? severity : "error",
          code: first.entry.order === entry.order ? "stage.duplicate_order" : "stage.duplicate_name",
          message: `the stage "${entry.name}" stands at ${first.path} already, and that entry counts`,
        });
    }
  });
  const bound = places.map((placed): BoundStage => {
    const found = placed.own ? undefined : entryOf.get(placed.stage.name);
    const active = placed.own || (found !== undefined && found.entry.active !== false);
    const report: Report = (told) => findings.push({ severity: active ? "error" : "warning", ...told });
    if (!active && placed.stage.required)
      findings.push(finding("stage.required_inactive", found?.path ?? "stages", `the stage "${placed.stage.name}" must be active`));
    const { entry = { order: placed.order, name: placed.stage.name }, path = "stages" } = found ?? {};
    return bind({ placed, active, entry, path, services, unknownKeys, report });
  });
  const of = (phase: Phase) => bound.filter((b) => b.phase === phase);
  return { plan: { setup: of("setup"), loop: of("loop"), surface: of("surface") }, findings };
};

interface Binding extends Pick<CompileOptions, "services" | "unknownKeys"> {
  readonly placed: Placed;
  readonly active: boolean;
  readonly entry: StageEntry;
  /** Of the entry. */
  readonly path: string;
  readonly report: Report;
}

const bind = ({ placed, active, entry, path, services, unknownKeys, report }: Binding): BoundStage => {
  const { stage } = placed;
  const slotNames = Object.keys(stage.slots);
  const known = (key: "strategies" | "strategy_configs" | "chain_order", code: FindingCode) => {
    for (const slot of Object.keys(entry[key] ?? {}))
      if (!Object.hasOwn(stage.slots, slot))
        report({
          code,
          path: `${path}.${key}.${slot}`,
          message: `the stage "${stage.name}" has no slot "${slot}"`,
          suggestion: nearest(slot, slotNames),
        });
  };
  known("strategies", "strategy.unknown_slot");
  known("strategy_configs", "strategy.unknown_slot");
  known("chain_order", "chain.unknown");

  const config = check(stage.config, entry.config);
  for (const problem of config.problems)
    if (problem.kind === "unknown") report({ severity: unknownKeys, code: "config.unknown_key", ...told(`${path}.config`, problem) });
    else report({ code: "config.invalid", ...told(`${path}.config`, problem) });

  const slots: Record<string, unknown> = {};
  const chosen: Record<string, string | readonly string[]> = {};
  const strategies: ChosenStrategy[] = [];
  for (const [slot, definition] of Object.entries(stage.slots) as [string, One | Many][]) {
    const picked =
      definition.kind === "one" ? pickOne(entry, path, slot, definition, report) : pickMany(entry, path, slot, definition, report);
    const made = picked.map((one) => create(definition, one, services, report));
    slots[slot] = definition.kind === "one" ? made[0]?.fn : made.map(({ fn }) => fn);
    chosen[slot] = definition.kind === "one" ? (made[0]?.name ?? definition.default) : made.map(({ name }) => name);
    strategies.push({
      slot,
      kind: definition.kind,
      names: picked.map(({ name }) => name),
      available: Object.keys(definition.strategies).sort(),
      configs: Object.fromEntries(made.map(({ name, config }) => [name, config])),
    });
  }
  return {
    ...placed,
    active,
    config: config.value,
    slots,
    chosen,
    strategies,
    modelOverride: entry.model_override ?? null,
    toolBinding: entry.tool_binding ?? null,
    mayWrite: new Set(stage.writes),
  };
};

/** One name of a slot, as the manifest has it. */
interface Picked {
  readonly name: string;
  readonly config: unknown;
  readonly configPath: string;
  readonly namePath: string;
}

const pickOne = (entry: StageEntry, path: string, slot: string, definition: One, report: Report): Picked[] => {
  if (Object.hasOwn(entry.chain_order ?? {}, slot))
    report({
      code: "chain.unknown",
      path: `${path}.chain_order.${slot}`,
      message: `"${slot}" holds one strategy: name it in "strategies"`,
    });
  const name = entry.strategies?.[slot] ?? definition.default;
  const config = entry.strategy_configs?.[slot];
  const configPath = `${path}.strategy_configs.${slot}`;
  if (!Object.hasOwn(entry.strategies ?? {}, slot) && Object.keys(config ?? {}).length)
    report(finding("strategy.config_unpaired", configPath, `no strategy is named for "${slot}": its default "${name}" takes the config`));
  return [{ name, config, configPath, namePath: `${path}.strategies.${slot}` }];
};

const pickMany = (entry: StageEntry, path: string, slot: string, definition: Many, report: Report): Picked[] => {
  if (Object.hasOwn(entry.strategies ?? {}, slot))
    report({
      code: "strategy.unknown_slot",
      path: `${path}.strategies.${slot}`,
      message: `"${slot}" is a chain: list its items in "chain_order"`,
    });
  const order = entry.chain_order?.[slot] ?? definition.default;
  const configs = entry.strategy_configs?.[slot] ?? {};
  const base = `${path}.strategy_configs.${slot}`;
  for (const name of Object.keys(configs))
    if (!order.includes(name))
      report(finding("strategy.config_unpaired", `${base}.${name}`, `"${name}" is not in the chain`, nearest(name, order)));
  const names = Object.keys(definition.strategies);
  const picked: Picked[] = [];
  for (const [i, name] of order.entries()) {
    const namePath = `${path}.chain_order.${slot}[${i}]`;
    if (!names.includes(name))
      report({ code: "chain.unknown_impl", path: namePath, message: `no item is named "${name}"`, suggestion: nearest(name, names) });
    else if (order.indexOf(name) < i)
      report(finding("chain.order_unappliable", namePath, `"${name}" stands in the chain already: it runs once`));
    else picked.push({ name, config: configs[name], configPath: `${base}.${name}`, namePath });
  }
  return picked;
};

/** Makes the strategy's function. A name that is not known, or waits for its host, gives way to the slot's default. */
const create = (slot: One | Many, { name, config: given, configPath, namePath }: Picked, services: Services, report: Report) => {
  const strategies: Record<string, Strategy> = slot.strategies;
  const names = Object.keys(strategies);
  let use = name;
  let strategy = own(strategies, name);
  if (!strategy)
    report({
      code: "strategy.unknown_impl",
      path: namePath,
      message: `no strategy is named "${name}" (known: ${names.join(", ")})`,
      suggestion: nearest(name, names),
    });
  const waits = strategy?.needs !== undefined && services.host[strategy.needs] === undefined;
  if (waits)
    report({
      severity: "warning",
      code: "strategy.needs_host",
      path: namePath,
      message: `"${name}" needs the host's "${strategy?.needs}"; until it is there ${slot.kind === "one" ? `"${slot.default}" acts` : "it does nothing"}`,
    });
  const checked = check(strategy?.config ?? ANYTHING, strategy ? given : {});
  const takesNone = checked.problems.length > 0 && Object.keys(strategy?.config.shape).length === 0;
  if (takesNone) report({ code: "strategy.config_dropped", path: configPath, message: `"${name}" takes no config` });
  else
    for (const problem of checked.problems)
      report({
        code: problem.kind === "unknown" ? "strategy.config_unknown_key" : "strategy.config_invalid",
        ...told(configPath, problem),
      });
  if ((!strategy || waits) && slot.kind === "one") {
    use = slot.default;
    strategy = strategies[use];
  }
  const config = use === name ? checked.value : check(strategy?.config ?? ANYTHING, {}).value;
  let fn: unknown;
  if (checked.problems.every((p) => p.kind === "unknown"))
    try {
      fn = strategy?.create(config, services);
    } catch (error) {
      report({ code: "strategy.config_invalid", path: configPath, message: messageOf(error) });
    }
  return { name: use, fn, config: config as { [key: string]: unknown } };
};
const ANYTHING: Fields = { shape: {} };

const told = (base: string, problem: Problem): Omit<Finding, "severity" | "code"> => ({
  path: problem.path.reduce<string>((path, key) => (typeof key === "number" ? `${path}[${key}]` : `${path}.${key}`), base),
  message: problem.message,
  suggestion: problem.suggestion,
});
