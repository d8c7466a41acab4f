/** Where ours sees more that is wrong with a manifest, and makes other things of it, on purpose. */
import type { Finding, FindingCode } from "geny-executor";
import type { Case } from "./cases.ts";
import type { ModelDifference } from "./differences.ts";
import { isObject } from "./rewrite.ts";
import { type Change, changed, effectOf, type Looked, lookedAt, meets, NAMES, ordersOf, view } from "./validation-cases.ts";

const expecting = ({ file, name, got }: Case, expected: unknown): Case => ({ file, name, expected, got });
const isPart = (value: unknown): value is Record<string, unknown> => isObject(value);

/** What was loaded, and is refused: every error stands where the patch is, and has one of the codes. */
const refused = (rule: string, why: string, codes: readonly FindingCode[]): ModelDifference => ({
  rule,
  why,
  covers: (given) => {
    const looked = lookedAt(given);
    if (looked?.what !== "strict" || !looked.recorded.strict_ok || !looked.errors.length) return false;
    return looked.errors.some(({ code }) => codes.includes(code)) && looked.errors.every((error) => atPatch(looked, error));
  },
  rewrite: (given) => (isPart(given.expected) ? expecting(given, { ...given.expected, ok: false }) : given),
});
/** A required stage is missed where it should stand, the second of two is named, and another name makes another stage of the whole entry. */
const atPatch = ({ recorded: { patch } }: Looked, { path, code }: Finding): boolean =>
  path === "stages" || code.startsWith("stage.duplicate_") || patch.some((p) => meets(path, p.path.replace(/\/name$/, "")));

/** What was built of it, put right. */
const rebuilt = (
  rule: string,
  why: string,
  covers: (looked: Looked) => boolean,
  put: (built: Record<string, unknown>, looked: Looked) => unknown,
): ModelDifference => ({
  rule,
  why,
  covers: (given) => {
    const looked = lookedAt(given);
    return looked?.what === "lenient" && covers(looked);
  },
  rewrite: (given) => {
    const looked = lookedAt(given);
    const { expected } = given;
    if (!looked || !isPart(expected) || !isPart(expected.built)) return given;
    return expecting(given, { ...expected, built: put(expected.built, looked) });
  },
});
type Entry = { readonly [key: string]: unknown };
const entriesOf = (given: unknown): readonly Entry[] =>
  isPart(given) && Array.isArray(given.stages) ? given.stages.filter((entry) => isPart(entry)) : [];
/** The recorded stages, each put right by its entry. */
const stages = (
  built: Record<string, unknown>,
  { given }: Looked,
  put: (stage: Record<string, unknown>, entry: Entry) => Record<string, unknown>,
) => {
  const all = isPart(built.stages) ? built.stages : {};
  const made = Object.entries(all).map(([order, stage]) => {
    const entry = entriesOf(given).find((e) => e.order === Number(order));
    return [order, entry && isPart(stage) ? put(stage, entry) : stage];
  });
  return { ...built, stages: Object.fromEntries(made) };
};
const part = (value: unknown): Record<string, unknown> => (isPart(value) ? value : {});

const inPlace = (entry: Entry): Entry => ({ ...entry, order: NAMES.indexOf(String(entry.name)) + 1 });

/** Of the change what none of our errors names; nothing, when one names all of it. */
const left = (change: Change, { errors, given }: Looked): Change[] => {
  let kept: Change = change;
  const order = Number(/^stages\.(\d+)/.exec(change.path)?.[1]);
  const below = change.path.split(".").slice(2).join(".");
  for (const error of errors.filter(({ code }) => code !== "stage.required_inactive")) {
    const inside = /^stages\[\d+\]\.(.+)$/.exec(error.path)?.[1];
    const mine = ordersOf(error, given).includes(order);
    if (inside === undefined) {
      if (meets(error.path, `/${change.path.replaceAll(".", "/")}`)) return [];
    } else if (error.code.startsWith("stage.duplicate_")) {
      if (mine) return [];
    } else if (inside === "active" || inside === "artifact") {
      if (leftOut(change, mine)) return [];
    } else if (mine && (inside === below || below.startsWith(`${inside}.`))) return [];
    else if (mine && inside.startsWith(`${below}.`)) kept = without(kept, inside.slice(below.length + 1));
  }
  return [kept];
};
/** The stage was left out; here it stays, as it is by default. */
const leftOut = ({ path, change_type, old_value, new_value }: Change, mine: boolean): boolean =>
  path === "registered_orders" ? String(old_value).length > String(new_value).length : mine && change_type === "removed";
const without = (change: Change, key: string): Change => {
  const { [key]: _, ...rest } = part(change.new_value);
  return { ...change, new_value: isPart(change.new_value) ? rest : change.new_value };
};

export const validationRules: readonly ModelDifference[] = [
  refused("a value of the wrong kind is refused", "It was taken as it came, converted, or dropped in silence.", [
    "form.invalid",
    "config.invalid",
    "strategy.config_invalid",
  ]),
  refused("what is not there is refused", "Unknown slots, strategies, chains, items and keys were dropped in silence.", [
    "strategy.unknown_slot",
    "strategy.unknown_impl",
    "strategy.config_unknown_key",
    "strategy.config_dropped",
    "chain.unknown",
    "chain.unknown_impl",
  ]),
  refused("what stands twice is refused", "The last one won in silence.", ["stage.duplicate_order", "stage.duplicate_name"]),
  refused("a manifest without its required stages is refused", "It was built and answered nothing.", ["stage.required_inactive"]),
  refused("a provider is missed under every name of stage 6", "The older names of the stage escaped the check.", ["provider.missing"]),
  {
    rule: "what is wrong is dropped",
    why: "Read leniently, a raw error of the language ended the load all the same; now the default acts and a finding says so.",
    covers: (given) => {
      const looked = lookedAt(given);
      return looked?.what === "lenient" && !looked.recorded.lenient_ok && looked.errors.length > 0;
    },
    rewrite: (given) => {
      const errors = lookedAt(given)?.errors ?? [];
      return errors.some(({ path }) => path === "" || path === "stages") ? given : expecting(given, { ok: true });
    },
  },
  {
    rule: "every strategy can be made from a manifest",
    why: "Two registered names ended in a raw error; they wait for their host here.",
    covers: (given) => {
      const patch = lookedAt(given)?.recorded.patch ?? [];
      return patch.some(({ value }) => value === "dynamic_persona" || value === "pipeline_resume");
    },
    excuses: ["value.ok"],
  },
  {
    rule: "an artifact of stage 6 is a name and no more",
    why: "Its provider stands in the config, whatever the stage is called.",
    covers: (given) => (lookedAt(given)?.recorded.patch ?? []).some(({ value }) => value === "s06_api"),
    excuses: ["value.ok", "value.built"],
  },
  rebuilt(
    "read leniently, the default acts in place of what is wrong",
    "It was taken as it came, and failed later; or its whole stage was left out.",
    ({ errors }) => errors.length > 0,
    (_, looked) =>
      changed(
        looked.base,
        (effectOf(looked.recorded) ?? []).flatMap((change) => left(change, looked)),
      ),
  ),
  rebuilt(
    "settings go with the stage's name, not with its number",
    "Stages were built by name and configured by number; which one was meant shows in the name.",
    ({ recorded }) => recorded.patch.some(({ path }) => path.endsWith("/order")),
    (built, { given }) => (isPart(given) ? view({ ...given, stages: entriesOf(given).map(inPlace) }) : built),
  ),
  rebuilt(
    "a chain is what the manifest lists",
    "Only an exact permutation of the default chain was taken, so that no manifest could bring a guard.",
    ({ recorded }) => recorded.patch.some(({ path, value }) => path.includes("/chain_order/") && Array.isArray(value)),
    (built, looked) =>
      stages(built, looked, (stage, { chain_order }) => {
        const chains = part(stage.chains);
        const listed = Object.entries(part(chain_order)).filter(([chain]) => Object.hasOwn(chains, chain));
        const errors = looked.errors.some(({ code }) => code === "chain.unknown_impl");
        const made = listed.map(([chain, names]) => [chain, errors ? [] : [...new Set(names as string[])].map((name) => ({ name }))]);
        return { ...stage, chains: { ...chains, ...Object.fromEntries(made) } };
      }),
  ),
  rebuilt(
    "a strategy's config is read",
    "Many strategies ignored theirs, and that of a slot for which no strategy was named was lost.",
    ({ recorded, errors }) => errors.length === 0 && recorded.patch.some(({ path }) => path.includes("/strategy_configs/")),
    (built, looked) =>
      stages(built, looked, (stage, { strategy_configs }) => {
        const configs = part(stage.strategy_configs);
        const given = Object.entries(part(strategy_configs)).filter(([slot]) => Object.hasOwn(configs, slot));
        const made = given.map(([slot, config]) => [slot, { ...part(configs[slot]), ...part(config) }]);
        return { ...stage, strategy_configs: { ...configs, ...Object.fromEntries(made) } };
      }),
  ),
  rebuilt(
    "a prompt stands in one place",
    "The stage's own prompt wins over its strategy's; it was copied there.",
    ({ recorded }) => recorded.patch.some(({ path, value }) => path === "/stages/2/config" && part(value).prompt !== undefined),
    (built, looked) =>
      stages(built, looked, (stage, { strategies, strategy_configs }) => {
        const configs = part(stage.strategy_configs);
        if (part(configs.builder).prompt === undefined || part(strategies).builder !== "static") return stage;
        const prompt = part(part(strategy_configs).builder).prompt ?? "You are a helpful assistant.";
        return { ...stage, strategy_configs: { ...configs, builder: { ...part(configs.builder), prompt } } };
      }),
  ),
  rebuilt(
    "a strategy that waits for its host keeps its name",
    "The name was dropped in silence; now a finding says what acts until the host is there.",
    ({ recorded }) => recorded.patch.some(({ value }) => value === "provider_driven"),
    (built, looked) =>
      stages(built, looked, (stage, { strategies }) => {
        const waits = Object.entries(part(strategies)).filter(([, name]) => name === "provider_driven");
        const configs = Object.entries(part(stage.strategy_configs)).filter(([slot]) => !waits.some(([s]) => s === slot));
        return {
          ...stage,
          strategies: { ...part(stage.strategies), ...Object.fromEntries(waits) },
          strategy_configs: Object.fromEntries(configs),
        };
      }),
  ),
  rebuilt(
    "a path for persistence changes no name",
    "The file is written all the same; the manifest keeps the strategy that it names.",
    ({ recorded }) => recorded.patch.some(({ value }) => part(value).persistence_path !== undefined),
    (built, looked) =>
      stages(built, looked, (stage, { strategies }) => {
        const { persistence } = part(strategies);
        return persistence === undefined ? stage : { ...stage, strategies: { ...part(stage.strategies), persistence } };
      }),
  ),
  rebuilt(
    "an override without a temperature has none",
    "Unset means the vendor's default.",
    ({ recorded }) => recorded.patch.some(({ path }) => path.endsWith("/model_override")),
    (built, looked) =>
      stages(built, looked, (stage) => {
        const override = part(stage.model_override);
        return override.temperature === 0 ? { ...stage, model_override: { ...override, temperature: null } } : stage;
      }),
  ),
  rebuilt(
    "the tools of a binding stand in the order that was written",
    "They were kept as a set.",
    ({ recorded }) => recorded.patch.some(({ path, value }) => path.endsWith("/tool_binding") && Array.isArray(part(value).allowed)),
    (built, looked) =>
      stages(built, looked, (stage, { tool_binding }) =>
        isPart(tool_binding) ? { ...stage, tool_binding: { ...part(stage.tool_binding), ...tool_binding } } : stage,
      ),
  ),
  rebuilt(
    "without a list of tools there are none",
    "A text was taken for the list of its letters.",
    ({ errors }) => errors.some(({ path }) => path === "tools.built_in"),
    (built) => ({ ...built, tools: [] }),
  ),
  {
    rule: "a number is no name",
    why: "It was turned into text. Read leniently, its stage is left out.",
    covers: (given) =>
      (lookedAt(given)?.recorded.patch ?? []).some(({ path, value }) => path.endsWith("/name") && typeof value === "number"),
    excuses: ["value.built"],
  },
  {
    rule: "stage 6 without a word on streaming streams as the run does",
    why: "Its own `stream` was never looked at; unset it follows the pipeline's.",
    covers: (given) => {
      const looked = lookedAt(given);
      return looked?.what === "lenient" && entriesOf(looked.given).some((e) => e.order === 6 && typeof part(e.config).stream !== "boolean");
    },
    excuses: ["value.built.stages.6.config.stream"],
  },
  {
    rule: "no key stands in a manifest",
    why: "A key that a file held came back in the built pipeline's settings.",
    covers: (given) => (lookedAt(given)?.recorded.patch ?? []).some(({ value }) => part(value).api_key !== undefined),
    excuses: ["value.built.pipeline.api_key", "value.built.pipeline.base_url"],
  },
  {
    rule: "an empty list of stop sequences is an empty list",
    why: "It means the same as none.",
    covers: (given) => (lookedAt(given)?.recorded.patch ?? []).some(({ value }) => Array.isArray(part(value).stop_sequences)),
    excuses: ["value.built.model.stop_sequences"],
  },
];
