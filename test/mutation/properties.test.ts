/** Whatever is changed, in whatever order: the plan is what the document compiles to, and everything can be taken back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EnvironmentManifest, type Json, type JsonObject, type Mutation, MutationError, Pipeline, PipelinePresets } from "geny-executor";
import { PIPELINE } from "geny-executor/stages";
import { mutated, mutation as spoiling, type Value } from "../manifest/mutate.ts";
import { noop } from "./scripted.ts";

const STAGES = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface];
const FIRST = PipelinePresets.agent({}).snapshot();
type Slots = {
  readonly [slot: string]: { readonly kind: string; readonly strategies: { readonly [name: string]: { config: { shape: object } } } };
};

const values: fc.Arbitrary<Json> = fc.oneof(
  fc.integer({ min: -2, max: 50 }),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom("", "x", "signal_based"),
);
const configOf = (keys: readonly string[]): fc.Arbitrary<JsonObject> =>
  fc.dictionary(keys.length ? fc.constantFrom(...keys, "zzz") : fc.constant("zzz"), values, { maxKeys: 2 });

/** Mostly of right names: with wrong ones all through, nothing would ever be changed. */
const mutationOf = (n: number): fc.Arbitrary<Mutation> => {
  const stage = STAGES[n % STAGES.length];
  assert.ok(stage);
  const slots: Slots = stage.slots;
  const id = fc.constantFrom<string | number>(stage.name, (n % STAGES.length) + 1);
  const config = configOf(Object.keys(stage.config.shape));
  const slotted = Object.entries(slots).flatMap(([slot, { kind, strategies }]): fc.Arbitrary<Mutation>[] => {
    const name = fc.constantFrom(...Object.keys(strategies), "zzz");
    const own = configOf(Object.values(strategies).flatMap((s) => Object.keys(s.config.shape)));
    return kind === "one"
      ? [
          fc.record({ kind: fc.constant("swap_strategy" as const), stage: id, slot: fc.constant(slot), to: name }),
          fc.record({ kind: fc.constant("swap_strategy" as const), stage: id, slot: fc.constant(slot), to: name, config: own }),
          fc.record({ kind: fc.constant("update_strategy_config" as const), stage: id, slot: fc.constant(slot), changes: own }),
        ]
      : [
          fc.record({ kind: fc.constant("add_to_chain" as const), stage: id, chain: fc.constant(slot), item: name, config: own }),
          fc.record({ kind: fc.constant("add_to_chain" as const), stage: id, chain: fc.constant(slot), item: name }),
          fc.record({
            kind: fc.constant("update_strategy_config" as const),
            stage: id,
            slot: fc.constant(slot),
            changes: fc.dictionary(name, own, { maxKeys: 2 }),
          }),
          fc.record({ kind: fc.constant("remove_from_chain" as const), stage: id, chain: fc.constant(slot), item: name }),
          fc.record({
            kind: fc.constant("reorder_chain" as const),
            stage: id,
            chain: fc.constant(slot),
            order: fc.array(name, { maxLength: 3 }),
          }),
        ];
  });
  return fc.oneof(
    ...slotted,
    fc.record({ kind: fc.constant("update_stage_config" as const), stage: id, changes: config }),
    fc.record({ kind: fc.constant("set_stage_active" as const), stage: id, active: fc.boolean() }),
    fc.record({ kind: fc.constant("bind_tool" as const), stage: id, tool: fc.constantFrom("noop", "Read") }),
    fc.record({ kind: fc.constant("unbind_tool" as const), stage: id, tool: fc.constantFrom("noop", "Read") }),
    fc.record({
      kind: fc.constant("set_tool_scope" as const),
      stage: id,
      allowed: fc.constantFrom(null, [], ["noop"]),
      blocked: fc.constantFrom(null, ["Read"]),
    }),
    fc.record({ kind: fc.constant("set_stage_model" as const), stage: id, model: fc.constantFrom(null, { model: "m" }, { top_k: -1 }) }),
    fc.record({ kind: fc.constant("update_model_config" as const), changes: configOf(["max_tokens", "temperature", "top_k"]) }),
    fc.record({ kind: fc.constant("update_pipeline_config" as const), changes: configOf(["max_iterations", "stream", "name"]) }),
    fc.record({ kind: fc.constant("restore_snapshot" as const), snapshot: fc.constant(FIRST.toJSON()) }),
    fc.record({ kind: fc.constant("remove_stage" as const), stage: id }),
  );
};
const mutation = fc.nat(STAGES.length - 1).chain(mutationOf);

const pipelineOf = (manifest = FIRST) => new Pipeline({ manifest, tools: [noop], apiKey: "k" });
/** False when it was refused; whatever else is thrown is a fault. */
const tried = (pipeline: Pipeline, change: Mutation): boolean => {
  try {
    pipeline.mutator().apply(change);
    return true;
  } catch (error) {
    if (!(error instanceof MutationError)) throw error;
    return false;
  }
};

test("after every change the pipeline is what its document makes, and undoing all of them gives the first document", () => {
  let made = 0;
  fc.assert(
    fc.property(fc.array(mutation, { maxLength: 12 }), (mutations) => {
      const pipeline = pipelineOf();
      const documents = [pipeline.snapshot().toJSON()];
      for (const change of mutations) {
        const before = pipeline.snapshot().toJSON();
        if (tried(pipeline, change)) documents.push(pipeline.snapshot().toJSON());
        else assert.deepEqual(pipeline.snapshot().toJSON(), before, "a change that is refused leaves nothing behind");
        assert.deepEqual(pipeline.describe(), pipelineOf(pipeline.snapshot()).describe());
      }
      made += documents.length - 1;
      assert.equal(pipeline.mutator().getChangeLog().length, documents.length - 1);
      for (const document of documents.slice(0, -1).toReversed()) {
        assert.equal(pipeline.mutator().undo().length, 1);
        assert.deepEqual(pipeline.snapshot().toJSON(), document);
      }
      assert.deepEqual(pipeline.mutator().undo(), []);
      assert.deepEqual(pipeline.describe(), pipelineOf().describe());
    }),
    { numRuns: 150 },
  );
  assert.ok(made > 150, `only ${made} changes were made: the property says nothing`);
});

test("a batch that throws at its end leaves everything as it was; one that does not is undone at once", () => {
  fc.assert(
    fc.property(fc.array(mutation, { maxLength: 4 }), fc.array(mutation, { maxLength: 8 }), (first, batch) => {
      const pipeline = pipelineOf();
      for (const change of first) tried(pipeline, change);
      const [document, described, log] = [pipeline.snapshot().toJSON(), pipeline.describe(), pipeline.mutator().getChangeLog()];
      const same = () => {
        assert.deepEqual(pipeline.snapshot().toJSON(), document);
        assert.deepEqual(pipeline.describe(), described);
        assert.deepEqual(pipeline.mutator().getChangeLog(), log);
      };
      const all = () => batch.filter((change) => tried(pipeline, change)).length;
      const end = new Error("the end");
      assert.throws(
        () =>
          pipeline.mutate(() => {
            all();
            throw end;
          }),
        end,
      );
      same();
      if (pipeline.mutate(all) > 0) pipeline.mutator().undo();
      same();
    }),
    { numRuns: 80 },
  );
});

const asValue = (given: unknown): Value => JSON.parse(JSON.stringify(given));
/** Changes as a host reads them from anywhere: a right one with something spoilt in it, or any JSON at all. */
const anything: fc.Arbitrary<Value> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(mutation, fc.array(spoiling, { maxLength: 3 }))
      .map(([change, spoilt]) => spoilt.reduce<Value>((value, one) => mutated(value, one).document, asValue(change))),
  },
  { weight: 1, arbitrary: fc.jsonValue().map(asValue) },
);

test("whatever JSON is applied is refused and changes nothing, or leaves a pipeline whose snapshot loads", () => {
  let [made, refused] = [0, 0];
  fc.assert(
    fc.property(fc.array(anything, { minLength: 1, maxLength: 4 }), (changes) => {
      const pipeline = pipelineOf();
      for (const change of changes) {
        const [before, log] = [pipeline.snapshot().toJSON(), pipeline.mutator().getChangeLog()];
        if (tried(pipeline, change as never)) made += 1;
        else {
          refused += 1;
          assert.deepEqual([pipeline.snapshot().toJSON(), pipeline.mutator().getChangeLog()], [before, log]);
        }
        const snapshot = EnvironmentManifest.fromJSON(JSON.parse(JSON.stringify(pipeline.snapshot())));
        assert.deepEqual(pipelineOf(snapshot).describe(), pipeline.describe());
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(made > 50 && refused > 50, `${made} were made and ${refused} refused: the property says little`);
});
