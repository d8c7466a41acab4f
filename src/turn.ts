/** One turn of a pipeline: the state in which it begins, and how it takes up what is changed while it goes. */
import { isDeepStrictEqual } from "node:util";
import type { Changes } from "./changes.ts";
import { overridesTold } from "./channels.ts";
import type { Configuration } from "./configuration.ts";
import { asError, GenyExecutorError } from "./contract/errors.ts";
import { asJson } from "./contract/message.ts";
import type { Json, JsonObject } from "./contract/schema.ts";
import { beginTurn, newState, type State } from "./contract/state.ts";
import type { Bus } from "./engine/events.ts";
import { directHost } from "./engine/host.ts";
import { type Run, runTurn } from "./engine/run.ts";
import type { Settings } from "./manifest/settings.ts";
import { type ModelOverrides, overridesOf, type RunOptions } from "./options.ts";
import { outputOf, wantedOf } from "./output.ts";
import { withWindow } from "./primary.ts";
import { bill, type RunResult, resultOf } from "./result.ts";
import { overrideOf } from "./runtime.ts";

type TurnOptions = Pick<RunOptions, "state" | "messages" | "sessionId" | "overrides" | "output">;
export interface Turn {
  readonly run: Run;
  /** The state with a budget that the model's window holds, once that is known. Rejects with the signal's reason only. */
  fitted(): Promise<State>;
  /** The turn is over. */
  leave(): void;
}

/** Begins a turn: it is told of, and nothing has run. */
export const openTurn = (
  input: unknown,
  options: TurnOptions,
  { changes, bus, ...given }: { changes: Changes; bus: Bus } & Pick<Run, "runId" | "signal" | "graceMs">,
): Turn => {
  let at = changes.now;
  const state = beginning(input, options, at);
  const origin = { runId: given.runId, sessionId: state.sessionId };
  let leavePool = at.wiring.pool.enter();
  const fitted = (): Promise<State> => {
    const asked = at.plan.loop.find(({ stage }) => stage.name === "api")?.modelOverride?.model ?? run.state.model;
    return withWindow(run.state, asked, at.services, given.signal);
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
      run.plan = at.plan;
      run.services = at.services;
      run.state = renewed(run.state, before, at, options.overrides);
      tellWinners(run, at, options.overrides, before);
      return fitted().then((state) => {
        run.state = state;
      });
    },
  };
  const leave = () => {
    changes.runs.delete(run);
    leavePool();
  };
  run.publish("pipeline.start", "", { input: preview(state.input) });
  tellWinners(run, at, options.overrides);
  changes.runs.add(run);
  return { run, fitted, leave };
};

/** Goes through an opened turn, and tells how it ended. */
export const goThrough = async ({ run, fitted }: Turn, options: Pick<RunOptions, "output" | "onResult">): Promise<RunResult> => {
  try {
    run.state = await fitted();
    await runTurn(run);
    const output = options.output && (await outputOf(options.output, run.state.structuredOutput, run.state.structuredOutputError));
    const result = { ...resultOf(run, true), ...(options.output ? { output: output as Json } : {}) };
    options.onResult?.(result);
    run.publish("pipeline.complete", "", {
      result: { text: result.text, output: options.output ? run.state.structuredOutput : result.output },
      ...bill(run),
    });
    return result;
  } catch (thrown) {
    const error = asError(thrown);
    const result = resultOf(run, false);
    error.result = result;
    options.onResult?.(result);
    if (error.code === "exec.pipeline.cancelled") run.publish("pipeline.cancelled", "", bill(run));
    else run.publish("pipeline.error", "", { error: error.message, code: error.code, exception_type: error.name, ...bill(run) });
    throw error;
  }
};

/** Says what the manifest did not decide: all of it, or only what is another now than it was before. */
const tellWinners = ({ publish }: Run, now: Configuration, overrides: ModelOverrides | undefined, before?: Configuration): void => {
  const told = ({ layers, told }: Configuration): readonly JsonObject[] =>
    overrides ? overridesTold({ ...layers, per_run: overridesOf(overrides).wire }) : told;
  const was = before ? told(before) : [];
  for (const one of told(now)) if (!was.some((other) => isDeepStrictEqual(one, other))) publish("config.override_applied", "", one);
  const client = overrideOf(now.wiring.runtime, now.primary.name);
  const known = before && overrideOf(before.wiring.runtime, before.primary.name);
  if (client && !isDeepStrictEqual(client, known)) publish("runtime.llm_client_override", "", client);
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
const renewed = (state: State, before: Configuration, now: Configuration, overrides: ModelOverrides = {}): State => {
  const { state: own } = overridesOf(overrides);
  const changed = (Object.keys(now.settings) as (keyof Settings)[]).filter(
    (key) => !Object.hasOwn(own, key) && !isDeepStrictEqual(now.settings[key], before.settings[key]),
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
