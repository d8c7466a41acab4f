/** `mutations.json`: sequences of changes, what each was told as, and how the pipeline stands after them. */

import {
  defineTool,
  type EnvironmentManifest,
  GenyExecutorError,
  type ManifestDocument,
  type MutationRecord,
  type MutationResult,
  Pipeline,
  type PipelineMutator,
  type Stage,
} from "geny-executor";
import { PIPELINE } from "geny-executor/stages";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";
import { documentOf, ourSnapshot, overlaid, type Snapshot, snapshotOf } from "./mutation-snapshots.ts";

interface Op {
  readonly op: string;
  // biome-ignore lint/suspicious/noExplicitAny: the recorded arguments, each as its operation takes it
  readonly args: readonly any[];
  readonly ops?: readonly Op[];
  readonly raise?: boolean;
  readonly as?: string;
}
interface RecordedRecord {
  readonly kind: string;
  readonly target: string;
  readonly old_value: unknown;
  readonly new_value: unknown;
}
interface Step {
  readonly op: Op;
  readonly ok: boolean;
  readonly error?: { readonly code: string | null };
  readonly record?: RecordedRecord;
  readonly log?: readonly RecordedRecord[];
  readonly inner?: readonly Step[];
  readonly registered_orders: readonly number[];
}
interface Sequence {
  readonly id: string;
  readonly start: object;
  readonly steps: readonly Step[];
  readonly snapshot_after: Snapshot;
}
interface MutationsFile {
  readonly sequences?: readonly Sequence[];
  readonly starts?: readonly { readonly start: object; readonly snapshot_before: Snapshot }[];
}
type Outcome = { ok: boolean; code?: string; record?: unknown; inner?: unknown; log?: unknown; orders: readonly number[] };

const file = "mutations.json";
const STAGES: readonly Stage[] = [...PIPELINE.setup, ...PIPELINE.loop, ...PIPELINE.surface];

export const mutationCases = (): Case[] => {
  const { sequences = [], starts = [] } = load<MutationsFile>(file) ?? {};
  return sequences.flatMap(({ id, start, steps, snapshot_after }) => {
    const from = starts.find((known) => JSON.stringify(known.start) === JSON.stringify(start))?.snapshot_before;
    let played: ReturnType<typeof play> | undefined;
    const got = () => {
      played ??= play(documentOf(from ?? {}), steps);
      return played;
    };
    return [
      ...steps.map((step, i) => ({
        file,
        name: `${id} ${i}: ${step.op.op} ${JSON.stringify(step.op.args)}`,
        expected: expectedOf(step),
        got: () => got().outcomes[i],
      })),
      { file, name: `${id}: snapshot`, expected: snapshotOf(snapshot_after), got: () => got().snapshot },
    ];
  });
};

const expectedOf = ({ ok, error, record, log, inner, registered_orders }: Step): Outcome => ({
  ok,
  // A failure without a code was an accident there: ours need only refuse.
  ...(error?.code ? { code: error.code } : {}),
  ...(record ? { record: recordedOf(record) } : {}),
  ...(log ? { log: log.map(recordedOf) } : {}),
  // What is active is asked after the batch.
  ...(inner ? { inner: inner.map((one) => ({ ...expectedOf(one), orders: [] })) } : {}),
  orders: registered_orders,
});
const recordedOf = ({ kind, target, old_value, new_value }: RecordedRecord) => ({ kind, target, old_value, new_value });
const ourRecord = ({ kind, target, oldValue, newValue }: MutationRecord) => ({ kind, target, old_value: oldValue, new_value: newValue });

const play = (document: ManifestDocument, steps: readonly Step[]) => {
  const tools = ["Read", "Grep"].map((name) => defineTool({ name, description: name, input: {}, effect: "read", run: () => "" }));
  const pipeline = new Pipeline({ manifest: document, tools, apiKey: "k" });
  const player = { pipeline, mutator: pipeline.mutator(), kept: new Map<string, EnvironmentManifest>(), hooks: [] as Hooked[] };
  const outcomes = steps.map(({ op }) => outcomeOf(player, op));
  return { outcomes, snapshot: ourSnapshot(pipeline) };
};
type Hooked = { readonly order: number; readonly event: string; readonly id: string };
interface Player {
  readonly pipeline: Pipeline;
  readonly mutator: PipelineMutator;
  readonly kept: Map<string, EnvironmentManifest>;
  readonly hooks: Hooked[];
}

const outcomeOf = (player: Player, op: Op): Outcome => {
  const inner: Outcome[] = [];
  const orders = () =>
    player.pipeline
      .describe()
      .filter(({ isActive }) => isActive)
      .map(({ order }) => order);
  try {
    const done = op.ops
      ? player.mutator.batch(() => {
          for (const one of op.ops ?? []) {
            const outcome = outcomeOf(player, one);
            inner.push({ ...outcome, orders: [] });
            if (!outcome.ok) throw new GenyExecutorError("an operation failed", { code: "exec.mutation.invalid" });
          }
          if (op.raise) throw new Error("scripted");
        })
      : perform(player, op);
    const log = op.op === "change_log" ? { log: player.mutator.getChangeLog().map(ourRecord) } : {};
    return { ok: true, ...(done ? { record: ourRecord(done.record) } : {}), ...(op.ops ? { inner } : {}), ...log, orders: orders() };
  } catch (error) {
    const code = error instanceof GenyExecutorError ? { code: error.code } : {};
    return { ok: false, ...code, ...(op.ops ? { inner } : {}), orders: orders() };
  }
};

/** Undefined for what is no change. */
const perform = ({ mutator, kept, hooks }: Player, { op, args, as }: Op): MutationResult | undefined => {
  const [a, b, c, d] = args;
  switch (op) {
    case "swap_strategy":
      return mutator.swapStrategy(a, b, c, d);
    case "update_stage_config":
      return mutator.updateStageConfig(a, b);
    case "update_strategy_config":
      return mutator.updateStrategyConfig(a, b, c);
    case "update_model_config":
      return mutator.updateModelConfig(a);
    case "update_pipeline_config":
      return mutator.updatePipelineConfig(a);
    case "set_stage_active":
      return mutator.setStageActive(a, b);
    case "replace_stage":
      return mutator.replaceStage(a, STAGES.find(({ name }) => name === b) as Stage);
    case "reorder_chain":
      return mutator.reorderChain(a, b, c);
    case "add_to_chain":
      return mutator.addToChain(a, b, c, d);
    case "remove_from_chain":
      return mutator.removeFromChain(a, b, c);
    case "bind_tool_to_stage":
      return mutator.bindToolToStage(a, b);
    case "unbind_tool_from_stage":
      return mutator.unbindToolFromStage(a, b);
    case "set_stage_tool_scope":
      return mutator.setStageToolScope(a, { allowed: b ?? null, blocked: c ?? null });
    case "set_stage_model":
      return mutator.setStageModel(a, b);
    case "register_hook": {
      const result = mutator.registerHook(a, b, () => {});
      hooks.push({ order: a, event: b, id: result.message });
      return result;
    }
    case "unregister_hook":
      return mutator.unregisterHook(a, b, c);
    case "unregister_last_hook":
      return mutator.unregisterHook(a, b, hooks.findLast(({ order, event }) => order === a && event === b)?.id ?? "");
    case "restore":
      return mutator.restore(kept.get(a) ?? overlaid(mutator.snapshot().toJSON(), a));
    case "snapshot":
      kept.set(as ?? "", mutator.snapshot(a));
      return undefined;
    case "lock_stage":
      mutator.lockStage(a);
      return undefined;
    case "unlock_stage":
      mutator.unlockStage(a);
      return undefined;
    case "clear_change_log":
      mutator.clearChangeLog();
      return undefined;
    case "change_log":
      return undefined;
    default:
      throw new Error(`The replay knows no operation "${op}".`);
  }
};
