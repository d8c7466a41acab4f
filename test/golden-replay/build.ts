/** The pipeline that a recording describes, made by our own public means, with a scripted provider. */

import {
  type Clock,
  fromWire,
  newState,
  Pipeline,
  PipelineBuilder,
  type PipelineOptions,
  PipelinePresets,
  type PresetOptions,
  type State,
} from "geny-executor";
import { type Draft, newDraft } from "./draft.ts";
import { type Scripted, scriptedProvider } from "./provider.ts";
import type { Recording } from "./recording.ts";
import { setUp } from "./setup.ts";
import { scriptedTool } from "./tools.ts";

export interface Built {
  readonly pipeline: Pipeline;
  readonly provider: Scripted;
  readonly draft: Draft;
  readonly state: State;
  /** Seconds that stage 6 waited. */
  readonly sleeps: readonly number[];
  readonly received: { readonly [tool: string]: readonly unknown[] };
}

export const camel = (key: string): string => key.replaceAll(/_([a-z])/g, (_, c: string) => c.toUpperCase());
const camelKeys = (given: object = {}): object => Object.fromEntries(Object.entries(given).map(([key, value]) => [camel(key), value]));
/** The Python presets have three names for the prompt. */
const PROMPTS = ["system_prompt", "evaluation_prompt", "persona", "persona_prompt"];
const presetOptions = (args: object = {}): PresetOptions =>
  Object.fromEntries(Object.entries(args).map(([key, value]) => [PROMPTS.includes(key) ? "systemPrompt" : camel(key), value]));

export const build = (recording: Recording, dir: string): Built => {
  const { scenario, manifest, script, tools } = recording;
  const received: { [tool: string]: unknown[] } = {};
  const sleeps: number[] = [];
  const draft = newDraft(manifest?.stages ?? [], dir);
  setUp(draft, scenario.setup);
  const time = { at: 0, stage: "" };
  const provider = scriptedProvider(script, scenario.capabilities, (count) => {
    const seconds = draft.clock;
    if (seconds) time.at = 1000 * (seconds[Math.min(count, seconds.length - 1)] ?? 0);
  });
  const own = tools.map((tool) => scriptedTool(tool, received));
  const environment: Omit<PipelineOptions, "manifest"> = {
    ...(scenario.no_client
      ? {}
      : { providers: { anthropic: provider, openai: provider, google: provider, vllm: provider, mock: provider } }),
    tools: own,
    host: draft.host,
    stages: draft.definitions,
    random: () => 0.5,
    clock: clockOf(time, sleeps),
    ...(draft.storagePath === undefined ? {} : { storagePath: draft.storagePath }),
  };
  const pipeline = make(recording, draft, environment);
  pipeline.on("stage.enter", (event) => {
    time.stage = event.stage;
  });
  draft.ready(pipeline);
  return { pipeline, provider, draft, state: newState(fromWire(scenario.state ?? {})), sleeps, received };
};

/** Calls the builder's method of that Python name. */
export const step = (builder: PipelineBuilder, method: string, options: object): void => {
  const call: unknown = Reflect.get(builder, camel(method));
  if (typeof call !== "function") throw new Error(`The builder has no method for "${method}".`);
  Reflect.apply(call, builder, [options]);
};

const make = ({ scenario, manifest, tools }: Recording, draft: Draft, environment: Omit<PipelineOptions, "manifest">): Pipeline => {
  const { kind, name, args, with: steps = [] } = scenario.build;
  if (kind === "manifest" && manifest) return new Pipeline({ ...environment, manifest: { ...manifest, stages: draft.stages } });
  const { tools: own, ...rest } = environment;
  if (kind === "preset") {
    const preset = Object.entries(PipelinePresets).find(([key]) => key === camel(name ?? ""))?.[1];
    if (!preset) throw new Error(`There is no preset "${name}".`);
    return preset({ apiKey: "test-key", ...rest, ...(tools.length ? { tools: environment.tools ?? [] } : {}), ...presetOptions(args) });
  }
  if (kind !== "builder") throw new Error(`A recording of kind "${kind}" cannot be built.`);
  const builder = new PipelineBuilder(name ?? "default", { apiKey: "test-key", ...rest });
  for (const [method, options] of steps)
    step(builder, method, { ...camelKeys(options), ...(method === "with_tools" ? { registry: own } : {}) });
  return builder.build();
};

/**
 * Waits of stage 6 are recorded and over at once; so is any other wait below a second. A longer one never ends by itself: nothing in a
 * recording lasts that long.
 */
const clockOf = (time: { at: number; stage: string }, sleeps: number[]): Clock => ({
  now: () => Date.UTC(2030, 0, 1) + time.at,
  monotonic: () => time.at,
  after: () => () => {},
  sleep: (ms, signal) => {
    const retry = time.stage === "api";
    if (retry) sleeps.push(ms / 1000);
    return new Promise((ok, no) => {
      if (signal.aborted) return no(signal.reason);
      signal.addEventListener("abort", () => no(signal.reason), { once: true });
      if (retry || ms < 1000) setTimeout(ok, 1);
    });
  },
});
