/** What changes a pipeline while it serves: mutations with their log and undo, locks, and what the host gives anew. */

import { type Blueprint, type Configuration, configure, worksAlike } from "./configuration.ts";
import { ConfigError, MutationError, PipelineError } from "./contract/errors.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { JsonObject } from "./contract/schema.ts";
import type { Run } from "./engine/run.ts";
import { placeOf } from "./manifest/artifacts.ts";
import { misfit } from "./manifest/mutate.ts";
import type { MutationKind, MutationRecord, StageId } from "./manifest/mutation.ts";
import { newErrors } from "./manifest/severity.ts";
import { change, type Mutation, mutationOf } from "./mutation.ts";
import { providerPool } from "./pool.ts";
import { inForce, type Parts, partsBy, renewsProviders, withParts } from "./runtime.ts";
import { type Environment, type Lasting, wire } from "./services.ts";
import { type OutsideTool, type ToolList, toolsOf } from "./tool-list.ts";

export interface MutationResult {
  /** Always true: a change that cannot be made throws. */
  readonly success: true;
  /** A hook's id, or a remark; empty for none. */
  readonly message: string;
  readonly record: MutationRecord;
}
export interface ChangeOptions {
  /** What a change of a stage does that a run is executing. Default "refuse": `exec.mutation.locked`. "defer": the run goes on as it began. */
  readonly whenExecuting?: "refuse" | "defer";
}
/** What one `undo` takes back. */
interface Step {
  readonly records: readonly MutationRecord[];
  readonly before: Blueprint;
}
/** So many steps can be undone. */
const STEPS = 1000;
/** These are about how a stage works: they are refused while it is locked, also when they would change nothing. */
const LOCKABLE: ReadonlySet<MutationKind> = new Set<MutationKind>([
  "swap_strategy",
  "update_stage_config",
  "update_strategy_config",
  "set_stage_active",
  "replace_stage",
  "remove_stage",
  "reorder_chain",
  "add_to_chain",
  "remove_from_chain",
]);

export class Changes {
  readonly runs = new Set<Run>();
  readonly #stays: Lasting;
  readonly #tell: (type: string, data: JsonObject) => void;
  #now: Configuration;
  #steps: Step[] = [];
  #locked = new Set<string>();
  #hooks = 0;
  #closed = false;
  /** Inside a batch: what it has come to. Runs see nothing of it. */
  #draft: { readonly at: Configuration; readonly records: readonly MutationRecord[] } | undefined;

  constructor(now: Configuration, stays: Lasting, tell: (type: string, data: JsonObject) => void) {
    this.#now = now;
    this.#stays = stays;
    this.#tell = tell;
  }

  /** What a run that begins goes by. */
  get now(): Configuration {
    return this.#now;
  }
  /** Every change that stands, oldest first; the newest 1000 batches. */
  get log(): readonly MutationRecord[] {
    return [...this.#steps.flatMap(({ records }) => records), ...(this.#draft?.records ?? [])];
  }
  /** Forgets what was changed: it cannot be undone any more. */
  clearLog(): void {
    this.#steps = [];
  }
  /** The document as it stands, also inside a batch. */
  get document(): ManifestDocument {
    return (this.#draft?.at ?? this.#now).document;
  }

  /** Nothing is changed any more. */
  close(): void {
    this.#closed = true;
  }
  /** Throws `exec.pipeline.not_initialized` for a pipeline that is closed. */
  assertOpen(): void {
    if (this.#closed) throw new PipelineError("The pipeline is closed: make a new one.");
  }

  /**
   * Makes one change, or none: throws `exec.mutation.invalid` with every finding, or `exec.mutation.locked`. Runs take it up between two passes,
   * or when they begin.
   */
  apply(mutation: Mutation, options: ChangeOptions = {}): MutationResult {
    return this.batch(() => this.#add(mutation, options));
  }

  /** All that `act` changes, at once when it is done; nothing of it when it throws. `act` may not be asynchronous. */
  batch<T>(act: () => T): T {
    this.assertOpen();
    const outer = this.#draft;
    const locked = new Set(this.#locked);
    this.#draft = outer ?? { at: this.#now, records: [] };
    try {
      const done = act();
      if (done instanceof Promise) {
        done.catch(() => {});
        throw new MutationError("A batch must be done when its function returns: make it without await.");
      }
      const { at, records } = this.#draft;
      this.#draft = outer && this.#draft;
      if (!outer) this.#commit(at, records);
      return done;
    } catch (error) {
      this.#draft = outer;
      this.#locked = locked;
      throw error;
    }
  }

  /** Takes back the last change, or batch. Gives its records; none when there is nothing to undo. Throws `exec.mutation.locked`. */
  undo({ whenExecuting = "refuse" }: ChangeOptions = {}): readonly MutationRecord[] {
    this.assertOpen();
    if (this.#draft) throw new MutationError("A batch cannot undo: throw, and nothing of it stays.");
    const step = this.#steps.at(-1);
    if (!step) return [];
    const next = configure(step.before, this.#now.wiring, this.#now);
    this.#refuseTouched(next, this.#now, whenExecuting);
    this.#now = next;
    this.#steps.pop();
    for (const { kind, target } of step.records.toReversed()) this.#tell("mutation.undone", { kind, target });
    return step.records;
  }

  /** Until it is unlocked, changes of how the stage works throw `exec.mutation.locked`. */
  lock(stage: StageId): void {
    this.#locked.add(this.#nameOf(stage));
  }
  unlock(stage: StageId): void {
    this.#locked.delete(this.#nameOf(stage));
  }

  hookId(): string {
    return this.#stays.id(`hook_${this.#hooks++}_`);
  }

  /** Takes parts of the host anew. Throws `ConfigError`, and then nothing is changed. */
  rewire(layer: "attached" | "refreshed", parts: Parts): void {
    this.assertOpen();
    if (this.#draft) throw new MutationError("A batch changes the manifest: give parts of the host before it, or after.");
    const before = this.#now;
    const runtime = withParts(before.wiring.runtime, layer, parts, before.primary.name);
    const env = inForce(runtime);
    const { clock, log } = this.#stays;
    const pool = renewsProviders(parts) ? providerPool(runtime, clock, log) : before.wiring.pool;
    const tools = Object.hasOwn(parts, "tools") ? this.#toolsOf(env, before.wiring.tools.outside) : before.wiring.tools;
    const next = configure(before, wire(runtime, tools, pool, this.#stays), before);
    const errors = newErrors(next.findings, before.findings);
    if (errors.length) throw new ConfigError(errors);
    this.#now = next;
    if (pool !== before.wiring.pool) before.wiring.pool.retire();
    // What a refresh gives is told by every turn that has it.
    const attached = layer === "attached" ? partsBy(runtime, layer) : [];
    for (const field of attached)
      if (Object.hasOwn(parts, field)) this.#tell("config.override_applied", { field, value: null, source: layer });
  }

  /** Offers tools from outside too. */
  addTools(tools: readonly OutsideTool[]): void {
    if (!tools.length) return;
    const { runtime, pool, tools: had } = this.#now.wiring;
    const list = this.#toolsOf(inForce(runtime), [...had.outside, ...tools]);
    this.#now = configure(this.#now, wire(runtime, list, pool, this.#stays), this.#now);
  }
  #toolsOf(env: Environment, outside: readonly OutsideTool[]): ToolList {
    return toolsOf(env, this.#now.document.tools, this.#stays.log, outside);
  }

  #add(given: Mutation, { whenExecuting = "refuse" }: ChangeOptions): MutationResult {
    const mutation = mutationOf(given);
    const { at, records } = this.#draft ?? { at: this.#now, records: [] };
    const placed = "stage" in mutation ? placeOf(mutation.stage, at.places) : undefined;
    if (placed && LOCKABLE.has(mutation.kind)) this.#refuseLocked(placed.stage.name, whenExecuting);
    const { blueprint, message, ...told } = change(at, mutation);
    const next = configure(blueprint, at.wiring, at);
    const findings = newErrors(next.findings, at.findings);
    if (findings.length) throw misfit(mutation.kind, findings, placed ? { stage: placed.stage.name, order: placed.order } : {});
    this.#refuseTouched(next, at, whenExecuting);
    const record = { ...told, timestamp: new Date(this.#stays.clock.now()).toISOString() };
    this.#draft = { at: next, records: [...records, record] };
    return { success: true, message, record };
  }

  #commit(at: Configuration, records: readonly MutationRecord[]): void {
    if (records.length === 0) return;
    const { document, places, hooks } = this.#now;
    this.#steps = [...this.#steps.slice(1 - STEPS), { records, before: { document, places, hooks } }];
    this.#now = at;
    for (const { kind, target, oldValue, newValue } of records)
      this.#tell("mutation.applied", { kind, target, old_value: oldValue, new_value: newValue });
  }

  #nameOf(stage: StageId): string {
    return placeOf(stage, (this.#draft?.at ?? this.#now).places).stage.name;
  }

  /** For stages that are locked and would work otherwise by the next configuration than by this one. */
  #refuseTouched(next: Configuration, at: Configuration, whenExecuting: "refuse" | "defer"): void {
    const executing = [...this.runs].flatMap((run) => run.executing?.stage.name ?? []);
    for (const name of [...this.#locked, ...executing]) if (!worksAlike(name, next, at)) this.#refuseLocked(name, whenExecuting);
  }

  #refuseLocked(stage: string, whenExecuting: "refuse" | "defer"): void {
    const executing = whenExecuting === "refuse" && [...this.runs].some((run) => run.executing?.stage.name === stage);
    if (!executing && !this.#locked.has(stage)) return;
    const why = executing ? `is executing: try between two passes, or with \`whenExecuting: "defer"\`` : "is locked: unlock it first";
    throw new MutationError(`The stage "${stage}" ${why}.`, { code: "exec.mutation.locked", details: { stage } });
  }
}
