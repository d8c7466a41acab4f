/** Where reading and building a manifest, and checking a config, differ on purpose. */
import type { ManifestDocument, StageEntry } from "geny-executor";
import type { Case } from "./cases.ts";
import type { ModelDifference } from "./differences.ts";
import { manifestNamed } from "./manifest-cases.ts";
import { isObject } from "./rewrite.ts";

const BUILDS = ["strict", "lenient"];
/** The manifest of a case; only of those cases, when they are named. */
const of = ({ file, name }: Case, ...cases: readonly string[]): ManifestDocument | undefined => {
  const [, manifest = "", what = ""] = (file === "manifests/expected.json" && /^(\S+) (.*)$/.exec(name)) || [];
  return cases.length === 0 || cases.includes(what) ? manifestNamed(manifest) : undefined;
};
const some = (given: ManifestDocument | undefined, is: (entry: StageEntry) => boolean): boolean => given?.stages?.some(is) ?? false;
const active = (entry: StageEntry): boolean => entry.active !== false;
const twice = (given: ManifestDocument | undefined): boolean =>
  some(given, (entry) => given?.stages.some((other) => other !== entry && other.name === entry.name) ?? false);
const isOld = (given: ManifestDocument | undefined): boolean => given !== undefined && given.version !== "3.0" && given.version !== "4.0";
const renumbered = (given: ManifestDocument | undefined): boolean =>
  isOld(given) && some(given, (e) => e.name === "yield" && e.order === 16);
const mock = (given: ManifestDocument | undefined): boolean => some(given, (e) => e.strategies?.provider === "mock");

const expecting = (given: Case, expected: unknown): Case => ({ file: given.file, name: given.name, expected, got: given.got });
const refused = (given: Case): Case => expecting(given, { ok: false });
const changed = (given: Case, key: string, change: (value: unknown) => unknown): Case =>
  isObject(given.expected) && key in given.expected ? expecting(given, { ...given.expected, [key]: change(given.expected[key]) }) : given;

/** Strategies that need a part of the host's. */
const HOSTS = ["memory_aware", "provider_driven", "subagent_type"];
const schema = (given: Case, ...data: readonly string[]): boolean =>
  given.file === "schema.json" && data.some((part) => given.name.includes(part));

export const manifestRules: readonly ModelDifference[] = [
  {
    rule: "a manifest without a temperature has none",
    why: "The newest models of two vendors refuse a temperature; unset means the vendor's default.",
    covers: (given) => {
      const manifest = of(given, ...BUILDS);
      return manifest !== undefined && manifest.model?.temperature === undefined;
    },
    rewrite: (given) =>
      changed(given, "model", (model) => (isObject(model) && model.temperature === 0 ? { ...model, temperature: null } : model)),
  },
  {
    rule: "a manifest's prompt stands in one place",
    why: "The stage's own prompt wins over its strategy's; it was copied there.",
    covers: (given) => some(of(given, ...BUILDS), (e) => active(e) && e.name === "system"),
    excuses: ["value.stages.system.strategy_configs.builder.prompt"],
  },
  {
    rule: "a manifest's stage 6 streams as the run does",
    why: "Its own `stream` was never looked at; unset it follows the pipeline's.",
    covers: (given) => some(of(given, ...BUILDS), (e) => e.name === "api" && e.config?.stream === undefined),
    excuses: ["value.stages.api.config.stream"],
  },
  {
    rule: "a chain is what the manifest lists",
    why: "Only an exact permutation of the default chain was taken, so that no manifest could bring a guard.",
    covers: (given) => of(given, ...BUILDS) !== undefined,
    rewrite: (given) => changed(given, "stages", (stages) => (isObject(stages) ? chained(stages, of(given)) : stages)),
  },
  {
    rule: "a strategy that waits for its host keeps its place",
    why: "The name was dropped in silence; now a finding says what acts until the host is there.",
    covers: (given) =>
      some(of(given, ...BUILDS), (e) => active(e) && Object.values(e.strategies ?? {}).some((name) => HOSTS.includes(name))),
    excuses: [
      "value.stages.context.strategies.retriever",
      "value.stages.context.strategy_configs.retriever",
      "value.stages.agent.strategy_configs.orchestrator",
      "value.stages.memory.strategies.strategy",
      "value.stages.memory.strategy_configs.strategy",
    ],
  },
  {
    rule: "a stage that stands twice is refused",
    why: "The last one won in silence. Read leniently, the first one counts.",
    covers: (given) => twice(of(given, "strict")),
    rewrite: refused,
  },
  {
    rule: "of a stage that stands twice the first counts",
    why: "It stands where a reader finds it, and the finding names the other.",
    covers: (given) => twice(of(given, "lenient")),
    excuses: ["value.stages.loop"],
  },
  {
    rule: "a manifest without its required stages is refused",
    why: "It was built and answered nothing.",
    covers: (given) => of(given, "strict") !== undefined && !some(of(given), (e) => active(e) && e.name === "api"),
    rewrite: refused,
  },
  {
    rule: "without its stages a turn says nothing",
    why: "Only a lenient load comes so far.",
    covers: (given) => of(given, "one turn") !== undefined && !some(of(given), (e) => active(e) && e.name === "api"),
    rewrite: (given) => expecting(given, ""),
  },
  {
    rule: "slots and config keys that do not exist are refused",
    why: "They were dropped in silence.",
    covers: (given) => some(of(given, "strict"), (e) => Object.hasOwn(e.strategy_configs ?? {}, "nope")),
    rewrite: refused,
  },
  {
    rule: "an MCP server that cannot be connected as it stands is refused",
    why: "Two of one name, and one without a program or an address, were found when they were connected, or never.",
    covers: ({ file, name }) => file === "manifests/expected.json" && /^(mcp-servers|secrets)-v3\.json strict$/.test(name),
    rewrite: refused,
  },
  {
    rule: "a text in place of a number is refused",
    why: "It reached the model's request. Read leniently, the default counts.",
    covers: (given) => typeof of(given, "strict")?.model?.max_tokens === "string",
    rewrite: refused,
  },
  {
    rule: "read leniently, the default counts in place of a text",
    why: "The request would be refused.",
    covers: (given) => typeof of(given, "lenient")?.model?.max_tokens === "string",
    excuses: ["value.model.max_tokens"],
  },
  {
    rule: "an artifact without a stage is the default one",
    why: "What it brought is a strategy of the stage here.",
    covers: (given) => some(of(given, ...BUILDS), (e) => e.artifact === "adaptive"),
    excuses: ["value.ok", "value.orders", "value.stages.evaluate"],
  },
  {
    rule: "the provider mock becomes anthropic",
    why: "Old blank manifests have it by an accident; the newest release mends it too.",
    covers: (given) => mock(of(given, "strict")),
    excuses: ["value.ok"],
  },
  {
    rule: "the provider mock leaves its slot",
    why: "The provider stands in stage 6's config.",
    covers: (given) => mock(of(given, "saved")),
    excuses: ["value.stages.strategies.provider"],
  },
  {
    rule: "settings go with the stage's name, not with its number",
    why: "Stages were built by name and configured by number; which one was meant shows in the name.",
    covers: (given) => some(of(given, ...BUILDS), (e) => e.name === "loop" && e.order !== 16),
    excuses: ["value.stages.loop"],
  },
  {
    rule: "settings of a file with 16 stages go with the stage's name",
    why: "Stages were built by name and configured by place, so that six of them had another's settings or none.",
    covers: (given) => renumbered(of(given, "saved", "migrate", ...BUILDS)),
    rewrite: (given) =>
      isObject(given.expected) && Array.isArray(given.expected.stages) ? expecting(given, byName(given.expected)) : given,
    excuses: [
      "value.orders",
      "value.added",
      ...["agent", "evaluate", "loop", "emit", "memory", "yield"].map((name) => `value.stages.${name}`),
    ],
  },
  {
    rule: "a truth is no number",
    why: "It passed for one.",
    covers: (given) => schema(given, 'validate {"i":true', 'validate {"n":true'),
    excuses: ["value"],
  },
  {
    rule: "2.0 is a whole number",
    why: "JSON knows one kind of number.",
    covers: (given) => schema(given, 'validate {"i":2,'),
    excuses: ["value"],
  },
  {
    rule: "null is no value where none is declared",
    why: "It reached code that waited for true or false.",
    covers: (given) => schema(given, 'validate {"b":null'),
    excuses: ["value"],
  },
  {
    rule: "what a list holds is checked",
    why: "Any item passed.",
    covers: (given) => schema(given, 'validate {"a":[1,2]', 'validate {"lst2":["x"]'),
    excuses: ["value"],
  },
  {
    rule: "an unknown key is told",
    why: "It was ignored in silence.",
    covers: (given) => schema(given, 'validate {"extra"'),
    excuses: ["value"],
  },
  {
    rule: "lists of objects are declared by their rows",
    why: "There is a word of its own for them; a bare list takes any JSON.",
    covers: (given) => schema(given, "nested json_schema"),
    excuses: ["value.fields.list.items"],
  },
];

/** The chains that the manifest lists, in its order; which config each has by default is compared elsewhere. */
const chained = (stages: Record<string, unknown>, given: ManifestDocument | undefined): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(stages).map(([name, stage]) => {
      const listed = given?.stages?.find((entry) => entry.name === name)?.chain_order ?? {};
      if (!isObject(stage) || !isObject(stage.chains)) return [name, stage];
      const chains = Object.entries(stage.chains).map(([chain, items]) => [
        chain,
        Object.hasOwn(listed, chain) ? listed[chain]?.map((item) => ({ name: item })) : items,
      ]);
      return [name, { ...stage, chains: Object.fromEntries(chains) }];
    }),
  );

const ADDED = ["tool_review", "task_registry", "hitl"];
const PLACES: { readonly [name: string]: number } = { agent: 12, evaluate: 14, loop: 16, emit: 17, memory: 18, yield: 21 };
/** A saved file with each entry at the place of its name, and all five new stages. */
const byName = (saved: Record<string, unknown>): Record<string, unknown> => {
  const stages = (saved.stages as readonly StageEntry[]).map((entry) => ({ ...entry, order: PLACES[entry.name] ?? entry.order }));
  const like = stages.find((entry) => entry.name === "summarize");
  const added = ADDED.map((name, i) => ({ ...like, name, order: 11 + 2 * i }));
  return { ...saved, stages: [...stages, ...added].sort((a, b) => a.order - b.order) };
};
