/** `slots.json` and `configure.json`: what comes of exchanging, lengthening, ordering and setting strategies, done by the mutator. */

import {
  check,
  defineStage,
  defineStrategy,
  type Fields,
  fields,
  GenyExecutorError,
  type JsonObject,
  json,
  many,
  one,
  Pipeline,
  PipelinePresets,
  type Stage,
} from "geny-executor";
import { PIPELINE } from "geny-executor/stages";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";

interface Described {
  readonly current_impl: string;
  readonly available_impls: readonly string[];
  readonly config: { readonly items?: readonly { readonly name: string; readonly config: JsonObject }[] };
}
interface SlotsFile {
  readonly slot?: readonly (readonly {
    readonly swap: readonly [string, JsonObject?];
    readonly ok: boolean;
    readonly describe: Described;
  }[])[];
  readonly chain?: readonly {
    readonly initial: readonly string[];
    readonly steps: readonly {
      readonly op?: readonly [string, (string | readonly string[])?, JsonObject?];
      readonly ok?: boolean;
      readonly describe: Described;
    }[];
  }[];
  readonly binding?: readonly { readonly op: readonly [string, string?]; readonly to_dict: object }[];
  readonly binding_from_dict?: readonly { readonly in: object; readonly ok: boolean; readonly to_dict?: object }[];
}
interface ConfigureFile {
  readonly strategies?: readonly {
    readonly stage: string;
    readonly slot: string;
    readonly impl: string;
    readonly steps: readonly { readonly config: JsonObject; readonly get_config: JsonObject; readonly ok: boolean }[];
  }[];
  readonly stages?: readonly {
    readonly stage: string;
    readonly pre: { readonly [slot: string]: string };
    readonly steps: readonly { readonly config: JsonObject; readonly get_config: JsonObject; readonly ok: boolean }[];
  }[];
}

const STAGES: readonly Stage[] = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface];

/** Whether the change was made; a failure of no type of ours is a fault. */
const tried = (act: () => unknown): boolean => {
  try {
    act();
    return true;
  } catch (error) {
    if (!(error instanceof GenyExecutorError)) throw error;
    return false;
  }
};

export const slotCases = (): Case[] => {
  const { slot = [], chain = [], binding = [], binding_from_dict = [] } = load<SlotsFile>("slots.json") ?? {};
  const file = "slots.json";
  return [
    ...slot.map((steps, i) => ({
      file,
      name: `slot ${i}`,
      expected: steps.map(({ ok, describe: { current_impl, available_impls, config } }) => ({ ok, current_impl, available_impls, config })),
      got: () => swaps(steps.map(({ swap }) => swap)),
    })),
    ...chain.map(({ initial, steps }, i) => ({
      file,
      name: `chain ${i}`,
      expected: steps.map(({ op, ok = true, describe: { config } }) => ({ op, ok, items: config.items })),
      got: () => chains(initial, steps),
    })),
    { file, name: "binding", expected: binding.map(({ to_dict }) => to_dict), got: () => bindings(binding.map(({ op }) => op)) },
    ...binding_from_dict.map(({ in: given, ok, to_dict }) => ({
      file,
      name: `binding from ${JSON.stringify(given)}`,
      expected: { ok, to_dict },
      got: () => {
        let to_dict: unknown = null;
        const ok = tried(() => {
          to_dict = pipelineWith({ tool_binding: given }).snapshot().toJSON().stages[9]?.tool_binding;
        });
        return { ok, to_dict };
      },
    })),
  ];
};

const strategy = (about: string) =>
  defineStrategy<() => void>()({
    about,
    config: fields({ k: json({ default: null, about: "any" }), x: json({ default: null, about: "any" }) }),
    create: () => () => {},
  });
const strategies = { a: strategy("a"), b: strategy("b"), c: strategy("c"), odd: strategy("odd") };
const slotted = (initial: readonly ("a" | "b" | "c" | "odd")[]) =>
  defineStage({
    name: "token",
    about: "has a slot and a chain",
    category: "execution",
    config: fields({}),
    reads: [],
    writes: [],
    slots: { s: one({ about: "a slot", default: "a", strategies }), c: many({ about: "a chain", default: initial, strategies }) },
    events: {},
    run: () => ({}),
  });
const set = (config: object = {}): object => Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null));

const swaps = (steps: readonly (readonly [string, JsonObject?])[]) => {
  const pipeline = new Pipeline({ manifest: PipelinePresets.minimal({}).snapshot(), stages: { token: slotted([]) } });
  return steps.map(([name, config]) => {
    const ok = tried(() => pipeline.mutator().swapStrategy("token", "s", name, config));
    const now = pipeline.describe()[6]?.strategies.find(({ slot }) => slot === "s");
    const current = now?.names[0] ?? "";
    return { ok, current_impl: current, available_impls: now?.available, config: set(now?.configs[current]) };
  });
};

const chains = (initial: readonly string[], steps: readonly { op?: readonly [string, (string | readonly string[])?, JsonObject?] }[]) => {
  const stage = slotted(initial as readonly ("a" | "b" | "c" | "odd")[]);
  const pipeline = new Pipeline({ manifest: PipelinePresets.minimal({}).snapshot(), stages: { token: stage } });
  const mutator = pipeline.mutator();
  const chain = () => pipeline.describe()[6]?.strategies.find(({ slot }) => slot === "c");
  return steps.map(({ op }) => {
    const [name, given, config] = op ?? [];
    const ok = tried(() => {
      if (name === "append") mutator.addToChain("token", "c", String(given), config);
      if (name === "remove") mutator.removeFromChain("token", "c", String(given));
      if (name === "reorder") mutator.reorderChain("token", "c", given as readonly string[]);
      if (name === "clear") for (const item of chain()?.names ?? []) mutator.removeFromChain("token", "c", item);
    });
    return { op, ok, items: chain()?.names.map((item) => ({ name: item, config: set(chain()?.configs[item]) })) };
  });
};

const pipelineWith = (entry: object): Pipeline => {
  const manifest = PipelinePresets.chat({}).snapshot().toJSON();
  return new Pipeline({ manifest: { ...manifest, stages: manifest.stages.map((s) => (s.name === "tool" ? { ...s, ...entry } : s)) } });
};
const bindings = (ops: readonly (readonly [string, string?])[]) => {
  const pipeline = pipelineWith({});
  const mutator = pipeline.mutator();
  return ops.map(([op, tool = ""]) => {
    if (op === "allow") mutator.bindToolToStage("tool", tool);
    if (op === "block") mutator.unbindToolFromStage("tool", tool);
    if (op === "clear") mutator.setStageToolScope("tool");
    return pipeline.snapshot().toJSON().stages[9]?.tool_binding;
  });
};

/**
 * Of each step what it sets is compared: a value that does not fit was swallowed, coerced or cut there, and what came of it stood in the steps after
 * it. Such a step says so in its name.
 */
export const configureCases = (): Case[] => {
  const { strategies: given = [], stages = [] } = load<ConfigureFile>("configure.json") ?? {};
  const file = "configure.json";
  const named = (what: string, shape: Fields, config: JsonObject, i: number): string =>
    `${what} ${i}: ${JSON.stringify(config)}${check(shape, config).problems.length ? " (does not fit)" : ""}`;
  return [
    ...given.flatMap(({ stage, slot, impl, steps }) => {
      const played = once(() => configured(stage, slot, impl, steps));
      return steps.map(({ config, get_config, ok }, i) => ({
        file,
        name: named(`${stage} ${slot} ${impl}`, shapeOf(stage, slot, impl), config, i),
        expected: { ok, config: of(get_config, config) },
        got: () => played()[i],
      }));
    }),
    ...stages.flatMap(({ stage, pre, steps }) => {
      const played = once(() => stageConfigured(stage, pre, steps));
      return steps.map(({ config, get_config, ok }, i) => ({
        file,
        name: named(`${stage} ${JSON.stringify(pre)}`, STAGES.find(({ name }) => name === stage)?.config ?? { shape: {} }, config, i),
        expected: { ok, config: of(get_config, config) },
        got: () => played()[i],
      }));
    }),
  ];
};

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};
/** The keys that the step sets; lists of words are sets there. */
const of = (now: { readonly [key: string]: unknown } = {}, step: JsonObject): object =>
  Object.fromEntries(
    Object.keys(step)
      .filter((key) => key in now)
      .map((key) => [key, Array.isArray(now[key]) ? [...now[key]].sort() : now[key]]),
  );
const shapeOf = (stage: string, slot: string, impl: string): Fields => {
  const slots: { readonly [slot: string]: { readonly strategies: { readonly [name: string]: { readonly config: Fields } } } } =
    STAGES.find(({ name }) => name === stage)?.slots ?? {};
  return slots[slot]?.strategies[impl]?.config ?? { shape: {} };
};

const configured = (stage: string, slot: string, impl: string, steps: readonly { readonly config: JsonObject }[]) => {
  const pipeline = PipelinePresets.agent({});
  const mutator = pipeline.mutator();
  const shown = () =>
    pipeline
      .describe()
      .find(({ name }) => name === stage)
      ?.strategies.find((s) => s.slot === slot);
  const chain = shown()?.kind === "many";
  if (chain && !shown()?.names.includes(impl)) mutator.addToChain(stage, slot, impl);
  if (!chain) mutator.swapStrategy(stage, slot, impl);
  let given: JsonObject = {};
  return steps.map(({ config }) => {
    const ok = tried(() => {
      if (!chain) return mutator.updateStrategyConfig(stage, slot, config);
      mutator.batch(() => {
        mutator.removeFromChain(stage, slot, impl);
        mutator.addToChain(stage, slot, impl, { ...given, ...config });
      });
      given = { ...given, ...config };
    });
    return { ok, config: of(shown()?.configs[impl], config) };
  });
};

const stageConfigured = (stage: string, pre: { readonly [slot: string]: string }, steps: readonly { readonly config: JsonObject }[]) => {
  const pipeline = PipelinePresets.agent({});
  const mutator = pipeline.mutator();
  for (const [slot, impl] of Object.entries(pre)) mutator.swapStrategy(stage, slot, impl);
  return steps.map(({ config }) => ({
    ok: tried(() => mutator.updateStageConfig(stage, config)),
    config: of(pipeline.describe().find(({ name }) => name === stage)?.config, config),
  }));
};
