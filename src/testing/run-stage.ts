/** Runs one stage by itself, for its author's tests: a state in, the patch and the events out. */
import {
  bounds,
  compile,
  tokens as estimate,
  newState,
  type Services,
  type Stage,
  type StageEntry,
  type State,
  systemClock,
} from "../index.ts";

export interface StageRun {
  /** The state's keys that differ from the defaults. */
  readonly state?: Partial<State>;
  /** The manifest entry: strategies, strategy_configs, config, chain_order, model_override, tool_binding. */
  readonly entry?: Partial<StageEntry>;
  readonly services?: Partial<Services>;
  readonly signal?: AbortSignal;
  readonly call?: "run" | "refresh" | "prepare";
}
export interface StageOutcome {
  readonly bypass: string | undefined;
  readonly patch: Partial<State>;
  readonly events: readonly { readonly type: string; readonly data: Record<string, unknown> }[];
  /** The state after the patch. */
  readonly state: State;
}

/** Services that touch nothing outside: no provider, no tools, ids and randomness that repeat. Override what the test is about. */
export const testServices = (given: Partial<Services> = {}): Services => {
  let ids = 0;
  const values = new Map<string, never>();
  const none = (what: string) => () => {
    throw new Error(`This test gave no ${what}.`);
  };
  const quiet = () => {};
  return {
    clock: systemClock,
    id: (prefix = "") => `${prefix}${++ids}`,
    random: () => 0.5,
    provider: none("provider"),
    pricing: { price: () => null },
    tokens: estimate,
    bounds,
    tools: { get: () => undefined, specs: () => [], version: 0 },
    dispatcher: { dispatch: none("dispatcher"), concurrencySafe: () => false },
    approvals: { wait: none("approvals") },
    store: { get: async (key) => values.get(key), set: async (key, value) => void values.set(key, value as never) },
    host: {},
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    ...given,
  };
};

/** Throws what the stage throws, and on any finding of its configuration. */
export const runStage = async (
  stage: Stage,
  { state = {}, entry = {}, services, signal, call = "run" }: StageRun = {},
): Promise<StageOutcome> => {
  const all = testServices(services);
  const { plan, findings } = compile({
    entries: [{ order: 1, name: stage.name, ...entry }],
    places: [{ stage, order: 1, phase: "loop", own: false, entry: stage.name }],
    services: all,
    unknownKeys: "error",
  });
  const wrong = findings.filter((f) => f.severity === "error");
  if (wrong.length) throw new Error(wrong.map((f) => `${f.path}: ${f.message}`).join("\n"));
  const [bound] = plan.loop;
  if (!bound) throw new Error("The stage was not bound.");
  const before = newState(state);
  const events: { type: string; data: Record<string, unknown> }[] = [];
  const bypass = stage.bypass?.(before, bound);
  if (bypass !== undefined) return { bypass, patch: {}, events, state: before };
  const abort = signal ?? new AbortController().signal;
  const door = {
    emit: (type: string, data: Record<string, unknown>) => void events.push({ type, data }),
    step: <T>(_name: string, effect: (s: AbortSignal) => Promise<T>) => effect(abort),
    signal: abort,
  };
  let messages = 0;
  const { config, slots, chosen, modelOverride, toolBinding } = bound;
  const ctx = { ...door, call: door, config, slots, chosen, modelOverride, toolBinding, services: all, messageId: () => `m${++messages}` };
  const patch = (await stage[call]?.(before, ctx)) ?? {};
  return { bypass: undefined, patch, events, state: { ...before, ...patch } };
};
