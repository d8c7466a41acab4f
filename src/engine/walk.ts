/** How one stage is run: bypass or enter, run, apply its patch, recover or fail. */
import { asError, GenyExecutorError, messageOf, StageError } from "../contract/errors.ts";
import type { JsonObject } from "../contract/schema.ts";
import { Broken, type StageContext } from "../contract/stage.ts";
import type { StateKey } from "../contract/state.ts";
import type { Step } from "../contract/strategy.ts";
import type { BoundStage } from "./plan.ts";
import type { Run } from "./run.ts";

/** So many names of entered stages are kept of a turn. */
const HISTORY = 2000;
/** Milliseconds that a stage has, once the run is aborted, to hand over what it has. */
const PATIENCE = 250;

export class Walk {
  /** Event types that stages emitted in this pass. */
  readonly seen = new Set<string>();
  /** The stage that was entered last; undefined while one is refreshed. */
  last: BoundStage | undefined;
  readonly #run: Run;
  readonly #history: string[] = [];
  readonly #contexts = new Map<BoundStage, StageContext>();
  #signal: AbortSignal;
  #step: Step;
  #messages = 0;
  /** Ends the wait for the stage that is running. */
  #stop: ((reason: unknown) => void) | undefined;
  #endPatience = () => {};
  readonly #onAbort = () => {
    this.#endPatience = this.#run.services.clock.after(PATIENCE, () => this.#stop?.(this.#signal.reason));
  };

  constructor(run: Run) {
    this.#run = run;
    this.#signal = run.signal;
    this.#step = run.step(run.signal);
    run.signal.addEventListener("abort", this.#onAbort);
  }

  /** From here on stages obey another signal: that of the grace time. */
  follow(signal: AbortSignal): void {
    this.#endPatience();
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#signal = signal;
    this.#step = this.#run.step(signal);
    this.#contexts.clear();
    signal.addEventListener("abort", this.#onAbort);
  }

  end(): void {
    this.#endPatience();
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#run.state = { ...this.#run.state, stageHistory: this.#history };
  }

  readonly messageId = (): string => {
    this.#messages += 1;
    return `${this.#run.runId}.${this.#messages}`;
  };

  /** Undefined when the stage was done at once. */
  enter(bound: BoundStage): Promise<void> | undefined {
    const run = this.#run;
    const { stage } = bound;
    const { clock } = run.services;
    this.last = bound;
    this.#signal.throwIfAborted();
    const works = bound.active || stage.needed?.(run.state);
    const reason = works ? stage.bypass?.(run.state, bound) : "not active";
    if (reason !== undefined) {
      run.publish("stage.bypass", stage.name, { reason });
      return undefined;
    }
    if (this.#history.length < HISTORY) this.#history.push(stage.name);
    run.executing = bound;
    run.publish("stage.enter", stage.name, {});
    const from = clock.monotonic();
    const done = this.#do(bound, "run");
    if (done instanceof Promise) return done.then((whole) => this.#exit(bound, from, whole));
    this.#exit(bound, from, done);
    return undefined;
  }

  #exit({ stage }: BoundStage, from: number, whole: boolean): void {
    const { publish, services } = this.#run;
    if (whole) publish("stage.exit", stage.name, { duration_ms: services.clock.monotonic() - from });
  }

  /** A setup stage between two passes. */
  refresh(bound: BoundStage): Promise<unknown> | undefined {
    const { stage, active } = bound;
    this.last = undefined;
    this.#signal.throwIfAborted();
    const due = active && stage.refresh && stage.bypass?.(this.#run.state, bound) === undefined;
    const done = due && this.#do(bound, "refresh");
    return done instanceof Promise ? done : undefined;
  }

  /** A loop stage before a pass. */
  prepare(bound: BoundStage): Promise<unknown> | undefined {
    const done = bound.active && bound.stage.prepare && this.#do(bound, "prepare");
    return done instanceof Promise ? done : undefined;
  }

  /** Runs one function of the stage and applies its patch. False: it failed and the stage mended it. */
  #do(bound: BoundStage, what: "run" | "refresh" | "prepare"): boolean | Promise<boolean> {
    const ctx = this.#contexts.get(bound) ?? this.#context(bound);
    this.#run.executing = bound;
    try {
      const patch = bound.stage[what]?.(this.#run.state, ctx);
      if (patch instanceof Promise) return this.#later(bound, patch, ctx);
      this.#apply(bound, patch);
      return true;
    } catch (thrown) {
      return this.#failed(bound, thrown, ctx);
    }
  }

  async #later(bound: BoundStage, patch: Promise<object | undefined>, ctx: StageContext): Promise<boolean> {
    try {
      this.#apply(bound, await this.#orAbort(patch));
      return true;
    } catch (thrown) {
      return this.#failed(bound, thrown, ctx);
    }
  }

  async #failed(bound: BoundStage, thrown: unknown, ctx: StageContext): Promise<boolean> {
    const run = this.#run;
    const { stage } = bound;
    if (thrown instanceof Broken) this.#apply(bound, thrown.patch);
    const error = thrown instanceof Broken ? thrown.cause : thrown;
    if (this.#signal.aborted) throw this.#signal.reason;
    const mended = await stage.recover?.(error, run.state, ctx);
    const { message, code } = asError(error);
    const exception_type = error instanceof Error ? error.name : typeof error;
    run.publish("stage.error", stage.name, { error: message, code, exception_type, recovered: mended !== undefined });
    if (mended === undefined) throw named(error, bound);
    this.#apply(bound, mended);
    return false;
  }

  /** The promise, or the signal's reason soon after it aborts: a stage that does not listen cannot hold the turn. */
  #orAbort<T>(promise: Promise<T>): Promise<T> {
    return new Promise((ok, no) => {
      this.#stop = no;
      promise.then(ok, no);
    });
  }

  #apply(bound: BoundStage, patch: object | undefined): void {
    let changes = false;
    for (const key in patch) {
      if (!bound.mayWrite.has(key as StateKey)) throw undeclared(key, bound);
      changes = true;
    }
    this.#run.executing = undefined;
    if (changes) this.#run.state = { ...this.#run.state, ...patch };
  }

  #context(bound: BoundStage): StageContext {
    const run = this.#run;
    const { name } = bound.stage;
    const emit = (type: string, data: JsonObject) => {
      this.seen.add(type);
      run.publish(type, name, data);
    };
    const call = { emit, step: this.#step, signal: this.#signal };
    const { config, slots, chosen, modelOverride, toolBinding } = bound;
    const { services } = run;
    const ctx = { ...call, call, config, slots, chosen, modelOverride, toolBinding, services, messageId: this.messageId };
    this.#contexts.set(bound, ctx);
    return ctx;
  }
}

const undeclared = (key: string, { stage, order }: BoundStage): StageError =>
  new StageError(`The stage "${stage.name}" returned "${key}", which it does not declare in "writes".`, {
    code: "exec.stage.bad_patch",
    stage: stage.name,
    order,
    details: { key, writes: stage.writes },
  });

/** A foreign error gets the stage's name; an error of ours passes as it is. */
const named = (error: unknown, { stage, order }: BoundStage): GenyExecutorError =>
  error instanceof GenyExecutorError
    ? error
    : new StageError(`The stage "${stage.name}" failed: ${messageOf(error)}`, {
        stage: stage.name,
        order,
        cause: error,
      });
