/** `geny.schema.json`, judged by a validator of another hand: it takes what loads, and refuses what `compile` refuses. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Schema, Validator } from "@cfworker/json-schema";
import {
  ConfigError,
  check,
  EnvironmentManifest,
  extend,
  type Fields,
  fields,
  int,
  type ManifestDocument,
  Pipeline,
  PipelinePresets,
  type StageEntry,
} from "geny-executor";
import schema from "geny-executor/geny.schema.json" with { type: "json" };
import { manifestSchema } from "geny-executor/manifest";
import { context, PIPELINE } from "geny-executor/stages";
import { schemaText } from "../../scripts/schema.ts";

const validator = (of: object) => new Validator(of as Schema, "7", false);
const ours = validator(schema);
const wrong = (document: unknown, by = ours): readonly string[] => [
  ...new Set(by.validate(document).errors.map((e) => e.instanceLocation)),
];
const takes = (document: unknown, by = ours): boolean => by.validate(document).valid;

const STAGES = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface];
const base = (): ManifestDocument => PipelinePresets.minimal({ apiKey: "k" }).snapshot().toJSON();
const withEntry = (name: string, change: { readonly [key in keyof StageEntry | "zzz"]?: unknown }) => ({
  ...base(),
  stages: base().stages.map((entry) => (entry.name === name ? { ...entry, active: true, ...change } : entry)),
});

test("geny.schema.json is current (npm run docs)", () => {
  assert.ok(readFileSync(join(import.meta.dirname, "../../geny.schema.json"), "utf8") === schemaText(), "run npm run docs");
});

describe("it takes", () => {
  const folder = join(import.meta.dirname, "../golden/manifests");
  for (const file of readdirSync(folder).filter((name) => name !== "expected.json"))
    test(`the recorded manifest ${file}, unless loading refuses it too`, () => {
      const given = JSON.parse(readFileSync(join(folder, file), "utf8"));
      const saved = EnvironmentManifest.fromJSON(given, { strict: false }).toJSON();
      // What no schema says: that a stage stands once, that four must be there, that an artifact may bring no stage, and what goes with a transport.
      const unsaid = ["stage.duplicate_order", "stage.required_inactive", "stage.unknown_artifact", "tools.mcp_invalid"];
      const { findings } = new Pipeline({ manifest: given, strict: false });
      const refused = findings.some((f) => f.severity === "error" && !unsaid.includes(f.code));
      assert.equal(takes(saved), !refused, JSON.stringify(wrong(saved)));
      // Old files themselves too, but for what migrating mends.
      if (!findings.some((f) => f.code === "provider.legacy_mock")) assert.equal(takes(given), !refused, JSON.stringify(wrong(given)));
    });

  for (const [name, preset] of Object.entries(PipelinePresets))
    test(`the preset ${name}`, () =>
      assert.deepEqual(
        wrong(
          preset({ apiKey: "k", ...(name === "minimal" || name === "evaluator" ? {} : { builtInTools: ["*"] }) })
            .snapshot()
            .toJSON(),
        ),
        [],
      ));

  test("unknown keys where a manifest may have them, and $schema", () => {
    const more = { zzz: 1 };
    const document = {
      ...{ $schema: "./geny.schema.json", ...base(), ...more },
      metadata: { ...base().metadata, ...more },
      model: more,
      pipeline: more,
      tools: { ...base().tools, ...more, mcp_servers: [{ name: "a", ...more }], external: ["a", { name: "b", ...more }] },
      host_selections: { ...base().host_selections, ...more },
      subagents: [{ agent_type: "a", ...more }],
      memory: { provider: "file", ...more },
    };
    assert.deepEqual(wrong(document), []);
    assert.deepEqual(wrong(withEntry("tool", { ...more, config: more, model_override: more })), []);
    const { $schema } = EnvironmentManifest.fromJSON(document).toJSON();
    assert.equal($schema, "./geny.schema.json");
  });
});

describe("it refuses", () => {
  const cases: { readonly [what: string]: readonly [unknown, string] } = {
    "a misspelt strategy": [withEntry("tool", { strategies: { executor: "paralel" } }), "/stages/9/strategies/executor"],
    "a misspelt slot": [withEntry("tool", { strategies: { executer: "parallel" } }), "/stages/9/strategies/executer"],
    "a misspelt item of a chain": [withEntry("guard", { chain_order: { guards: ["cost_budjet"] } }), "/stages/3/chain_order/guards/0"],
    "a misspelt chain": [withEntry("guard", { chain_order: { gards: [] } }), "/stages/3/chain_order/gards"],
    "a chain among the slots": [withEntry("guard", { strategies: { guards: "iteration" } }), "/stages/3/strategies/guards"],
    "a misspelt stage": [{ ...base(), stages: [...base().stages, { order: 22, name: "yeild" }] }, "/stages/21/name"],
    "a misspelt artifact": [withEntry("api", { artifact: "opneai" }), "/stages/5/artifact"],
    "a config value out of range": [withEntry("tool", { config: { max_concurrency: 65 } }), "/stages/9/config/max_concurrency"],
    "a model setting out of range": [{ ...base(), model: { max_tokens: 0 } }, "/model/max_tokens"],
    "an override out of range": [withEntry("api", { model_override: { top_p: 2 } }), "/stages/5/model_override/top_p"],
    "a pipeline setting of another kind": [{ ...base(), pipeline: { stream: "yes" } }, "/pipeline/stream"],
    "a strategy's value out of range": [
      withEntry("context", { strategies: { compactor: "truncate" }, strategy_configs: { compactor: { keep_last: 0 } } }),
      "/stages/1/strategy_configs/compactor/keep_last",
    ],
    "a default strategy's value out of range": [
      withEntry("context", { strategies: {}, strategy_configs: { compactor: { keep_last: 0 } } }),
      "/stages/1/strategy_configs/compactor/keep_last",
    ],
    "another strategy's key": [
      withEntry("context", { strategies: { compactor: "sliding_window" }, strategy_configs: { compactor: { keep_last: 5 } } }),
      "/stages/1/strategy_configs/compactor/keep_last",
    ],
    "an item's value out of range": [
      withEntry("guard", { chain_order: { guards: ["iteration"] }, strategy_configs: { guards: { iteration: { max_iterations: 0 } } } }),
      "/stages/3/strategy_configs/guards/iteration/max_iterations",
    ],
    "a provider that nobody is": [withEntry("api", { config: { provider: "anthropc" } }), "/stages/5/config/provider"],
    "a memory of no known kind": [{ ...base(), memory: { provider: "fils" } }, "/memory/provider"],
  };
  for (const [what, [document, at]] of Object.entries(cases))
    test(what, () => assert.ok(wrong(document).includes(`#${at}`), JSON.stringify(wrong(document))));
});

test("of every strategy's config it takes and refuses what checking takes and refuses", () => {
  const values = [null, true, -1, 0, 2.5, 65, 1e9, "", "x", [], ["x"], [1], {}, { a: "x" }];
  const entries = validator({ $ref: "#/definitions/stage", definitions: schema.definitions });
  let count = 0;
  for (const stage of STAGES)
    for (const [slot, { kind, strategies }] of Object.entries(stage.slots))
      for (const [name, { config }] of Object.entries(strategies as { [name: string]: { config: Fields } }))
        for (const key of [...Object.keys(config.shape), "no_such_key"])
          for (const value of values) {
            const given = { [key]: value };
            const entry =
              kind === "one"
                ? { name: stage.name, strategies: { [slot]: name }, strategy_configs: { [slot]: given } }
                : { name: stage.name, chain_order: { [slot]: [name] }, strategy_configs: { [slot]: { [name]: given } } };
            const [problem] = check(config, given).problems;
            assert.equal(takes(entry, entries), !problem, `${stage.name}.${slot} ${name} ${JSON.stringify(given)}: ${problem?.message}`);
            count++;
          }
  assert.ok(count > 1000, `${count}`);
});

test("every name and key comes with what it means", () => {
  const { definitions } = schema;
  const names = definitions.stage_context.properties.strategies.properties.compactor.anyOf;
  assert.ok(names.some((n) => n.const === "truncate" && n.description.length > 10));
  assert.ok(definitions.stage.properties.name.anyOf.filter((n) => n.const && n.description).length === 21);
  assert.ok(definitions.stage_tool.properties.config.properties.max_concurrency.description.length > 5);
  assert.ok(schema.properties.tools.properties.built_in.items.anyOf.some((n) => n.enum?.includes("Read")));
});

test("a host's own strategies are in a schema of its own", () => {
  const own = extend(context, "strategy", {
    last_only: {
      about: "The newest messages.",
      config: fields({ keep: int({ min: 1, default: 4, about: "messages" }) }),
      create: () => (state) => state,
    },
  });
  const by = validator(manifestSchema({ context: own }));
  const of = (keep: number) => withEntry("context", { strategies: { strategy: "last_only" }, strategy_configs: { strategy: { keep } } });
  assert.deepEqual(wrong(of(3), by), []);
  assert.ok(!takes(of(0), by));
  assert.ok(!takes(of(3)));
  assert.throws(
    () => manifestSchema({ contxt: own }),
    (error) => error instanceof ConfigError && error.findings[0]?.suggestion === "context",
  );
});
