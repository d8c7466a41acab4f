/** Introspection in the wire's shape, against what 2.1.0 said of the same stages. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Validator } from "@cfworker/json-schema";
import { type JsonObject, MutationError, PipelinePresets } from "geny-executor";
import { introspectAll, introspectStage, listArtifacts, moduleOf, placeOf } from "geny-executor/manifest";

const folder = process.env.GOLDEN ?? join(import.meta.dirname, "../golden");
const load = (name: string) => (existsSync(join(folder, name)) ? JSON.parse(readFileSync(join(folder, name), "utf8")) : undefined);
const recorded = load("introspection.json");
const artifacts = load("artifacts.json");

type Impls = { readonly [impl: string]: { readonly json_schema: JsonObject | null } };
type Recorded = {
  readonly [key: string]: unknown;
  readonly order: number;
  readonly keys_of_to_dict: readonly string[];
  readonly slots: { readonly [slot: string]: { readonly default: string; readonly available: readonly string[]; readonly impls: Impls } };
  readonly chains: {
    readonly [slot: string]: { readonly default: readonly string[]; readonly available: readonly string[]; readonly impls: Impls };
  };
};

for (const stage of (recorded?.stages ?? []) as readonly Recorded[])
  test(`introspection of stage ${stage.order} has the wire's keys and every recorded name`, () => {
    const ours = introspectStage(stage.order);
    for (const key of stage.keys_of_to_dict) assert.ok(Object.hasOwn(ours, key), key);
    for (const key of [
      "stage",
      "artifact",
      "name",
      "category",
      "artifact_info",
      "tool_binding_supported",
      "model_override_supported",
      "required",
    ])
      assert.deepEqual(ours[key as keyof typeof ours], stage[key], key);
    for (const [name, slot] of Object.entries(stage.slots)) {
      const found = ours.strategy_slots[name];
      assert.ok(found, name);
      assert.equal(found.current_impl, slot.default);
      for (const impl of slot.available) assert.ok(found.available_impls.includes(impl), `${name}.${impl}`);
      for (const [impl, { json_schema }] of Object.entries(slot.impls))
        assert.deepEqual(
          keysOf(json_schema).filter((key) => !keysOf(found.impl_schemas[impl] ?? null).includes(key)),
          [],
          `${name}.${impl}`,
        );
    }
    for (const [name, chain] of Object.entries(stage.chains)) {
      const found = ours.strategy_chains[name];
      assert.ok(found, name);
      assert.deepEqual(found.current_impls, chain.default);
      for (const impl of chain.available) assert.ok(found.available_impls.includes(impl), `${name}.${impl}`);
    }
  });
const keysOf = (schema: JsonObject | null): readonly string[] => Object.keys((schema?.properties as object | undefined) ?? {});

test("stages are found by order, name and module, and by nothing else", { skip: !artifacts }, () => {
  for (const { in: id, module } of artifacts.resolve as readonly { in: string | number; module?: string }[]) {
    // Digits of other scripts are no digits here.
    if (typeof id === "string" && /[^ -~]/.test(id)) continue;
    if (module) assert.equal(moduleOf(placeOf(id)), module, String(id));
    else assert.throws(() => placeOf(id), MutationError, String(id));
  }
  for (const [module, infos] of Object.entries(artifacts.artifacts)) assert.deepEqual(listArtifacts(module), infos, module);
});

test("an artifact of stage 6 sets the provider; one that only brings strategies shows as the default", () => {
  assert.equal(introspectAll({ "6": "google" })[5]?.config.provider, "google");
  assert.equal(introspectAll({ evaluate: "adaptive" })[13]?.artifact, "default");
  assert.equal(introspectStage("evaluate", "adaptive").artifact, "adaptive");
  assert.throws(() => introspectAll({ api: "nobody" }), /Stage "api" has no artifact "nobody"\. It has: default, google, openai\./);
  assert.throws(() => introspectStage("contxt"), /Did you mean "context"/);
});

test("every default config fits its own schema, and forms have the same fields", () => {
  const all = introspectAll();
  assert.equal(all.length, 21);
  for (const stage of all) {
    const forms = [
      [stage.config_schema, stage.config_form, stage.config] as const,
      ...[...Object.values(stage.strategy_slots), ...Object.values(stage.strategy_chains)].flatMap(({ impl_schemas, impl_forms }) =>
        Object.keys(impl_schemas).map((impl) => [impl_schemas[impl] ?? null, impl_forms[impl] ?? null, {}] as const),
      ),
    ];
    for (const [schema, form, config] of forms) {
      assert.deepEqual(
        keysOf(schema),
        (form?.fields ?? []).map(({ name }) => name),
      );
      if (schema)
        assert.ok(
          new Validator(structuredClone(schema), "2020-12").validate(config).valid || form?.fields.some((f) => f.required),
          stage.name,
        );
    }
  }
});

test("a live pipeline's own choices", async () => {
  await using pipeline = PipelinePresets.agent({ provider: "openai" });
  const context = pipeline.introspect("context");
  assert.deepEqual(Object.keys(context.strategy_slots), Object.keys(introspectStage("context").strategy_slots));
  assert.equal(pipeline.introspect("api").config.provider, "openai");
  assert.deepEqual([introspectStage("context").active, introspectStage("context").strategy_slots.strategy?.current_config], [null, null]);
  pipeline.mutate((mutator) => {
    mutator.swapStrategy("context", "strategy", "hybrid", { max_recent_turns: 3 });
    mutator.addToChain("guard", "guards", "cost_budget", { max_cost_usd: 2 });
    mutator.setStageActive("emit", false);
  });
  const all = pipeline.introspectAll();
  assert.deepEqual(
    all.map(({ order, name, active }) => [order, name, active]),
    pipeline.describe().map(({ order, name, isActive }) => [order, name, isActive]),
  );
  const { current_impl, current_config } = pipeline.introspect("context").strategy_slots.strategy ?? {};
  assert.deepEqual([current_impl, current_config], ["hybrid", { max_recent_turns: 3 }]);
  assert.equal(pipeline.introspect("guard").strategy_chains.guards?.current_configs?.cost_budget?.max_cost_usd, 2);
});
