/** One turn of a pipeline: the state in which it begins, and how it takes up what is changed while it goes. */
import { isDeepStrictEqual } from "node:util";
import type { Changes } from "./changes.ts";
import { overridesTold } from "./channels.ts";
import type { Configuration } from "./configuration.ts";
import { GenyExecutorError } from "./contract/errors.ts";
import { asJson, type MessageInput } from "./contract/message.ts";
import type { Json, JsonObject } from "./contract/schema.ts";
import { beginTurn, newState, type State } from "./contract/state.ts";
import type { Bus } from "./engine/events.ts";
import { directHost } from "./engine/host.ts";
import type { Run } from "./engine/run.ts";
import type { Settings } from "./manifest/settings.ts";
import { type ModelOverrides, overridesOf } from "./options.ts";
import { type OutputSchema, wantedOf } from "./output.ts";
import { withWindow } from "./primary.ts";
import { overrideOf } from "./runtime.ts";

export interface TurnOptions {
  readonly state?: State;
  readonly messages?: readonly MessageInput[];
  readonly sessionId?: string;
  readonly overrides?: ModelOverrides;
  readonly output?: OutputSchema;
}
export interface Turn {
  readonly run: Run;
  /** Waits until it is known how large the model's window is. Rejects with the signal's reason only. */
  fit(): Promise<void>;
  /** The turn is over. */
  leave(): void;
}

/** Begins a turn: it is told of, and nothing has run. */
export const openTurn = (
  input: unknown,
  options: TurnOptions,
  { changes, bus, ...given }: { changes: Changes; bus: Bus } & Pick<Run, "runId" | "signal" | "graceMs">,
): Turn => {
  const { overrides = {} } = options;
  let at = changes.now;
  let leavePool = at.wiring.pool.enter();
  const state = beginning(input, options, at);
  const origin = { runId: given.runId, sessionId: state.sessionId };
  const fit = async () => {
    const asked = at.plan.loop.find(({ stage }) => stage.name === "api")?.modelOverride?.model ?? run.state.model;
    run.state = await withWindow(run.state, asked, at.services, given.signal);
  };
  const run: Run = {
    ...given,
    plan: at.plan,
    services: at.services,
    state,
    publish: (type, stage, data) => bus.publish(type, stage, run.state.iteration, origin, data),
    step: directHost,
    renew() {
      const before = at;
      if (changes.now === before) return undefined;
      at = changes.now;
      leavePool();
      leavePool = at.wiring.pool.enter();
      Object.assign(run, { plan: at.plan, services: at.services, state: renewed(run.state, before, at, overrides) });
      const was = told(before);
      for (const one of told(at)) if (!was.some((other) => isDeepStrictEqual(one, other))) run.publish("config.override_applied", "", one);
      return fit();
    },
  };
  const told = ({ layers, told }: Configuration): readonly JsonObject[] =>
    options.overrides ? overridesTold({ ...layers, per_run: overridesOf(overrides).wire }) : told;
  run.publish("pipeline.start", "", { input: preview(state.input) });
  for (const one of told(at)) run.publish("config.override_applied", "", one);
  const client = overrideOf(at.wiring.runtime, at.primary.name);
  if (client) run.publish("runtime.llm_client_override", "", client);
  changes.runs.add(run);
  const leave = () => {
    changes.runs.delete(run);
    leavePool();
  };
  return { run, fit, leave };
};

const beginning = (input: unknown, { state, messages, sessionId, overrides = {}, output }: TurnOptions, at: Configuration): State => {
  const from = beginTurn(state ?? newState());
  return {
    ...from,
    ...at.settings,
    ...overridesOf(overrides).state,
    outputSchema: wantedOf(output),
    pipelineId: from.pipelineId || at.services.id("pl_"),
    sessionId: sessionId ?? from.sessionId,
    primaryProvider: at.primary.name,
    input: inputOf(input),
    // Stage 1 gives ids and origins to messages that have none.
    messages: messages === undefined ? from.messages : (messages as State["messages"]),
  };
};

/** Settings that are other ones now are taken over; what a stage or the run's own overrides have set stays. */
const renewed = (state: State, before: Configuration, now: Configuration, overrides: ModelOverrides): State => {
  const changed = (Object.keys(now.settings) as (keyof Settings)[]).filter(
    (key) => !Object.hasOwn(overrides, key) && !isDeepStrictEqual(now.settings[key], before.settings[key]),
  );
  return {
    ...state,
    ...Object.fromEntries(changed.map((key) => [key, now.settings[key]])),
    contextWindowBudget: now.settings.contextWindowBudget,
    primaryProvider: now.primary.name,
    // The tools of another registry are sent again.
    ...(now.services.tools === before.services.tools ? {} : { toolsVersion: -1 }),
  };
};

const inputOf = (input: unknown): Json => {
  try {
    return asJson(input);
  } catch (cause) {
    throw new GenyExecutorError("The input cannot be written as JSON.", { code: "exec.stage.failed", cause });
  }
};
const preview = (input: Json): string => (typeof input === "string" ? input : JSON.stringify(input)).slice(0, 500);
