/** `state.json`: defaults, sums, settings and limits. */

import {
  addUsage,
  check,
  compile,
  defineStage,
  type Fields,
  fields,
  fromWire,
  type LoopDecision,
  newState,
  noUsage,
  type State,
  systemClock,
  toWire,
} from "geny-executor";
import { MODEL, PIPELINE_SETTINGS } from "geny-executor/manifest";
import { directHost } from "../../src/engine/host.ts";
import { place } from "../../src/engine/plan.ts";
import { runTurn } from "../../src/engine/run.ts";
import { settingsOf } from "../../src/manifest/settings.ts";
import { testServices } from "../../src/testing/run-stage.ts";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";

type Class = readonly { readonly name: string; readonly default?: unknown }[];
type Config = { readonly [key: string]: unknown };
interface Limit {
  readonly iteration: number;
  readonly max_iterations: number;
  readonly total_cost_usd: number;
  readonly cost_budget_usd: number | null;
  readonly is_over_budget: boolean;
  readonly is_over_iterations: boolean;
}
interface StateFile {
  readonly classes?: { readonly [name: string]: Class };
  readonly token_usage_add?: readonly { readonly a: Config; readonly b: Config; readonly sum: unknown }[];
  readonly model_config?: readonly Read[];
  readonly pipeline_config?: readonly Read[];
  readonly apply_to_state?: readonly { readonly config: Config; readonly written: Config }[];
  readonly limits?: readonly Limit[];
}
interface Read {
  readonly in: Config;
  readonly ok: boolean;
  readonly to_dict?: Config;
}
const file = "state.json";

export const stateCases = (): Case[] => {
  const {
    classes = {},
    token_usage_add = [],
    model_config = [],
    pipeline_config = [],
    apply_to_state = [],
    limits = [],
  } = load<StateFile>(file) ?? {};
  return [
    ...Object.entries(OURS).flatMap(([name, got]) => (classes[name] ? [{ file, name, expected: defaultsOf(classes[name]), got }] : [])),
    ...token_usage_add.map(({ a, b, sum }, i) => ({
      file,
      name: `token_usage_add ${i}`,
      expected: sum,
      got: () => addUsage({ ...noUsage, ...a }, { ...noUsage, ...b }),
    })),
    ...model_config.map((read) => ({ file, name: `model_config ${JSON.stringify(read.in)}`, ...reading(MODEL, read) })),
    ...pipeline_config.map((read) => ({ file, name: `pipeline_config ${JSON.stringify(read.in)}`, ...reading(PIPELINE_SETTINGS, read) })),
    ...apply_to_state.map(({ config, written }, i) => ({
      file,
      name: `apply_to_state ${i}`,
      expected: written,
      got: () => applied(config),
    })),
    ...limits.map((limit, i) => ({ file, name: `limits ${i}`, expected: reached(limit), got: () => stoppedBy(limit) })),
  ];
};

const wire = () => toWire(newState(), { derived: true });
const OURS: { readonly [name: string]: () => unknown } = {
  PipelineState: wire,
  TokenUsage: () => noUsage,
  CacheMetrics: () => wire().cache_metrics,
  ModelConfig: () => check(MODEL, {}).value,
  PipelineConfig: () => check(PIPELINE_SETTINGS, {}).value,
};
/** Objects of a class are what they hold. */
const defaultsOf = (fields: Class): Config =>
  Object.fromEntries(
    fields.map(({ name, default: value }) => {
      const { $dataclass: _, ...plain } = typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Config) : {};
      return [name, Object.keys(plain).length ? plain : value];
    }),
  );

const reading = (form: Fields, { in: given, ok, to_dict }: Read) => ({
  expected: ok ? { ok, ...to_dict } : { ok },
  got: () => {
    const { value, problems } = check(form, given);
    return problems.some((p) => p.kind !== "unknown") ? { ok: false } : { ok: true, ...value };
  },
});

const applied = ({ model, ...pipeline }: Config) => {
  const { settings, findings } = settingsOf(model, pipeline, "warning");
  if (findings.some((f) => f.severity === "error")) throw new Error(findings.map((f) => `${f.path}: ${f.message}`).join("; "));
  return toWire({ ...newState(), ...settings }, { derived: true });
};

/** Iterations count first. */
const reached = (limit: Limit) => (limit.is_over_iterations ? "max_iterations" : limit.is_over_budget ? "cost_budget" : undefined);

/** A loop of one stage that always says to go on, but in the second pass: which limit ends it after the first? */
const stoppedBy = async ({ iteration, ...limits }: Limit): Promise<unknown> => {
  const seen: unknown[] = [];
  const stage = defineStage({
    name: "loop",
    about: "goes on once",
    category: "decision",
    config: fields({}),
    reads: ["passes"],
    writes: ["loopDecision"],
    slots: {},
    events: {},
    run: ({ passes }): { loopDecision: LoopDecision } => ({ loopDecision: passes > 1 ? "complete" : "continue" }),
  });
  const services = testServices();
  const { plan } = compile({
    entries: [{ order: 1, name: "loop" }],
    places: place({ setup: [], loop: [stage], surface: [] }),
    services,
    unknownKeys: "error",
  });
  const state: State = newState({ ...fromWire({ ...limits }), iteration: iteration - 1 });
  await runTurn({
    plan,
    services: { ...services, clock: systemClock },
    runId: "r",
    state,
    signal: new AbortController().signal,
    graceMs: 1000,
    publish: (type, _stage, data) => {
      if (type === "loop.force_complete") seen.push(data.reason);
    },
    step: directHost,
  });
  return seen[0];
};
