/** Where our definitions, defaults and presets differ on purpose. */
import type { Case } from "./cases.ts";
import type { ModelDifference } from "./differences.ts";
import { isObject } from "./rewrite.ts";

const from =
  (...files: readonly string[]) =>
  ({ file }: Case): boolean =>
    files.includes(file);
/** The case with another expectation. */
const expecting = (given: Case, expected: unknown): Case => ({ ...given, expected, got: given.got });
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((v, key) => (isObject(v) ? v[key] : undefined), value);
const setting = (value: unknown, path: readonly string[], to: unknown): unknown => {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  return isObject(value) ? { ...value, [key]: setting(value[key], rest, to) } : value;
};
const calls = (given: Case): string => (given.file === "builder.json" ? given.name : "");

export const definitionRules: readonly ModelDifference[] = [
  {
    rule: "no default temperature",
    why: "The newest models of two vendors refuse a temperature; unset means the vendor's default.",
    covers: ({ file, expected }) =>
      ["state.json", "presets.json", "builder.json"].includes(file) && TEMPERATURES.some((path) => at(expected, ...path) === 0),
    rewrite: (given) =>
      expecting(
        given,
        TEMPERATURES.reduce<unknown>((value, path) => (at(value, ...path) === 0 ? setting(value, path, null) : value), given.expected),
      ),
  },
  {
    rule: "a prefix pattern matches at any depth",
    why: "`api.*` is everything of the api, also `api.router.error`; it looked at the last dot only.",
    covers: (given) => from("bus.json")(given) && given.name.startsWith('"api.router.error"'),
    excuses: ["value"],
  },
  {
    rule: "the state holds no events, handles or times of its own",
    why: "Events are on the bus, handles with the services; a state is JSON and the same on every replay.",
    covers: (given) => from("state.json")(given) && given.name === "PipelineState",
    excuses: ["value.current_stage", "value.events", "value.created_at", "value.updated_at"],
  },
  {
    rule: "settings hold no keys, addresses or models inside each other",
    why: "Credentials are given beside a manifest and never stood in it; the model's settings are a block of their own.",
    covers: (given) => from("state.json")(given) && /^(PipelineConfig|pipeline_config)/.test(given.name),
    excuses: ["value.model", "value.api_key", "value.base_url"],
  },
  {
    rule: "an empty list of stop texts stays one",
    why: "It came back as null.",
    covers: (given) => from("state.json")(given) && given.name.includes('"stop_sequences":[]'),
    excuses: ["value.stop_sequences"],
  },
  {
    rule: "settings of a wrong type are refused",
    why: "Nothing was checked: a text became a list of letters, null a model's name.",
    covers: (given) => from("state.json")(given) && WRONG.some((wrong) => given.name.includes(wrong)),
    rewrite: (given) => expecting(given, { ok: false }),
  },
  {
    rule: "a locked stage throws a MutationError",
    why: "One class for changes that cannot be made; the code tells them apart.",
    covers: (given) => from("errors.json")(given) && given.name === "raised MutationLocked",
    excuses: ["value.exception_type"],
  },
  {
    rule: "configuration and MCP failures have their codes",
    why: "Their classes were outside of the hierarchy, so that events said exec.unknown.",
    covers: (given) => from("errors.json")(given) && /^raised (ConfigError|MCPConnectionError)/.test(given.name),
    excuses: ["value.code"],
  },
  {
    rule: "the stages before the model run once a turn",
    why: "As documented; between two passes they are refreshed.",
    covers: (given) => from("introspection.json")(given) && ["context", "system", "guard", "cache"].includes(given.name),
    excuses: ["value.phase"],
  },
  {
    rule: "stage 6 streams as the run does",
    why: "Its own `stream` was never looked at; unset it follows the pipeline's.",
    covers: (given) =>
      ["introspection.json", "defaults.json"].includes(given.file) ? given.name === "api" : given.file === "builder.json",
    excuses: ["value.config.stream", "value.stages.api.config.stream"],
  },
  {
    rule: "what a memory provider tells belongs to a later part",
    why: "Recall and record go through the memory that comes with sessions.",
    covers: (given) =>
      from("events.json", "later/events.json")(given) && (given.name.startsWith("memory.") || given.name === "context.built"),
    excuses: ["value"],
  },
  {
    rule: "a record's keys stand in its event",
    why: "The catalogue names the object from which they come.",
    covers: (given) => from("later/events.json")(given) && given.name === "summary.written",
    excuses: ["value.record"],
  },
  {
    rule: "what a CLI backend tells belongs to a later part",
    why: "Its version is known to the process that starts it.",
    covers: (given) => from("later/events.json")(given) && given.name === "api.error",
    excuses: ["value.cli_version"],
  },
  {
    rule: "presets have a tool stage, and the large ones all stages",
    why: "A preset is a place to start from; a stage without work is passed by.",
    covers: from("presets.json"),
    excuses: ["value.describe.tool", "value.describe.agent", "value.describe.emit", "value.stages"],
  },
  {
    rule: "missing credentials are no error until they are needed",
    why: "A manifest can be built, looked at and saved without a key.",
    covers: (given) =>
      ["presets.json", "builder.json"].includes(given.file) &&
      at(given.expected, "ok") === false &&
      !/"api_key":"k"|^registry: (?!create minimal)/.test(given.name),
    rewrite: (given) => expecting(given, { ok: true }),
  },
  {
    rule: "the builder refuses what it does not know",
    why: "Unknown cache names, and options that no stage has, were dropped in silence.",
    covers: (given) =>
      /"with_cache",\["zzz"\]|"with_cache".*"stable_history_offset"|"with_artifact",\["s18_memory","vector"\]/.test(calls(given)),
    rewrite: (given) => expecting(given, { ok: false }),
  },
  {
    rule: "the builder takes the manifest's names for caches",
    why: "The name system_cache meant no cache at all.",
    covers: (given) => /"with_cache",\["system_cache"\]/.test(calls(given)),
    rewrite: (given) => expecting(given, setting(given.expected, ["stages", "cache", "strategies", "strategy"], "system_cache")),
  },
  {
    rule: "options of guard and think act",
    why: "The documented options were errors.",
    covers: (given) => /"with_guard",\[\],\{"cost|"with_think",\[\],\{"budget|"with_provider"/.test(calls(given)),
    rewrite: (given) => expecting(given, { ok: true }),
  },
  {
    rule: "withThink asks for thinking",
    why: "It put stage 8 there, which had nothing to do.",
    covers: (given) => /"with_think",\[\],\{\}/.test(calls(given)),
    rewrite: (given) => expecting(given, setting(given.expected, ["settings", "thinking_enabled"], true)),
  },
  {
    rule: "a prompt stands in one place",
    why: "The stage's own prompt wins over its strategy's; it was copied there.",
    covers: (given) => /"with_system"/.test(calls(given)),
    excuses: ["value.stages.system.strategy_configs.builder.prompt"],
  },
  {
    rule: "persistence_path is a setting, not another strategy",
    why: "It decides where; a copy of the decision in the slot could contradict it.",
    covers: (given) => /"persistence_path"/.test(calls(given)),
    excuses: ["value.stages.memory.strategies.persistence"],
  },
  {
    rule: "a stage's artifact is set by any of its names",
    why: "The number of stage 6 was recorded and had no effect.",
    covers: (given) => /"with_artifact",\["6"/.test(calls(given)),
    excuses: ["value.settings.provider", "value.stages.api.config.provider"],
  },
  {
    rule: "the default artifact leaves the provider to the model",
    why: "A model of one vendor was sent to another.",
    covers: (given) => /"with_artifact",\["s06_api","default"\]/.test(calls(given)),
    excuses: ["value.settings.provider", "value.stages.api.config.provider"],
  },
];

const TEMPERATURES = [["temperature"], ["model", "temperature"], ["settings", "temperature"], ["resolved", "temperature"]];
const WRONG = ['"stop_sequences":"', 'model_config {"model":null', '"max_tokens":"', '"artifacts":null', '"metadata":null'];
