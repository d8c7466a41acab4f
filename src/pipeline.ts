/** The composition root: a manifest and what only a host can give become a pipeline that runs turns. */
import { asError, ConfigError, type Finding, GenyExecutorError, PipelineError } from "./contract/errors.ts";
import type { PipelineEvent } from "./contract/events.ts";
import type { HitlDecision, HitlRequest } from "./contract/host.ts";
import type { ManifestDocument, StageEntry } from "./contract/manifest.ts";
import { asJson, type MessageInput } from "./contract/message.ts";
import type { Json } from "./contract/schema.ts";
import type { Stage } from "./contract/stage.ts";
import { beginTurn, newState, type State } from "./contract/state.ts";
import type { StandardSchema } from "./contract/tool.ts";
import { compile } from "./engine/compile.ts";
import { describe, type StageDescription } from "./engine/describe.ts";
import { type Bus, createBus, type End, type Handler, type Tap } from "./engine/events.ts";
import { directHost } from "./engine/host.ts";
import { insert, type Place, type Placed, type Plan } from "./engine/plan.ts";
import { type Run, runTurn } from "./engine/run.ts";
import { load } from "./load.ts";
import { placeOf } from "./manifest/artifacts.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { introspectStage, type StageIntrospection } from "./manifest/introspect.ts";
import type { Settings } from "./manifest/settings.ts";
import { checkRun, type ModelOverrides, overridesOf } from "./options.ts";
import { type OutputSchema, outputOf, wantedOf } from "./output.ts";
import { type Primary, withWindow } from "./primary.ts";
import { bill, type RunResult, resultOf } from "./result.ts";
import { type Environment, type Wiring, wire } from "./services.ts";
import { pricedBy } from "./stages/07-token/calculators.ts";

export interface PipelineOptions extends Environment {
  readonly manifest: EnvironmentManifest | ManifestDocument;
  /** Definitions in place of ours, by stage name: made with `extend`, or a whole stage. */
  readonly stages?: { readonly [name: string]: unknown };
  /** Milliseconds that a turn may take. Default: no limit. */
  readonly maxTurnMs?: number;
  /** Milliseconds that closing a broken turn may take. Default 10000. */
  readonly graceMs?: number;
  /** `false`: what a manifest has wrong is dropped, the default acts, and `pipeline.findings` says so. Default true: it throws, all at once. */
  readonly strict?: boolean;
  /** What an unknown key of a config is. Default "warning": it is kept, as a loaded manifest's must be. */
  readonly unknownKeys?: "error" | "warning";
}

export interface RunOptions {
  /** Cancels the run: the model's stream, tools, subprocesses, waits. */
  readonly signal?: AbortSignal;
  /** The state of an earlier turn, to go on from. */
  readonly state?: State;
  /** The history to go on from, in place of the state's. */
  readonly messages?: readonly MessageInput[];
  readonly sessionId?: string;
  readonly overrides?: ModelOverrides;
  readonly maxTurnMs?: number;
  /**
   * What the answer must match: a Standard Schema (zod, valibot, …) or a JSON Schema. The model is asked again when it does not
   * (`max_output_asks` of stage 9); a turn that ends without a match rejects with `exec.output.invalid`.
   */
  readonly output?: OutputSchema;
  /** Told once, before the terminal event, however the turn ends. */
  readonly onResult?: (result: RunResult) => void;
}

export class Pipeline implements AsyncDisposable {
  /** What is noteworthy of the manifest; with `strict: false` also its errors: what they name was dropped, and the default acts. */
  readonly findings: readonly Finding[];
  readonly #document: ManifestDocument;
  /** Its stages, each under its stage's own name. */
  readonly #entries: readonly StageEntry[];
  readonly #options: PipelineOptions;
  readonly #settings: Settings;
  readonly #primary: Primary;
  readonly #wiring: Wiring;
  readonly #bus: Bus;
  readonly #running = new Set<AbortController>();
  #places: readonly Placed[];
  #plan: Plan;
  #closed = false;

  /** Throws `ConfigError` with all findings. Missing credentials are no error here; they are one at first use. */
  constructor(options: PipelineOptions) {
    const { document, entries, places, primary, examined } = load(options);
    this.#options = options;
    this.#document = document;
    this.#entries = entries;
    this.#places = places;
    this.#primary = primary;
    const priced = entries.find((s) => s.name === "token") ?? {};
    this.#wiring = wire(options, document.tools, primary, (list) => pricedBy(priced, list));
    this.#bus = createBus(this.#wiring.services.clock, this.#wiring.services.log);
    const { plan, settings, findings } = examined(this.#wiring.services);
    this.#plan = plan;
    this.#settings = settings;
    this.findings = findings;
  }

  /** A pipeline from a manifest or its plain JSON. Throws `ConfigError` with all findings. */
  static async fromManifest(
    manifest: EnvironmentManifest | ManifestDocument,
    options: Omit<PipelineOptions, "manifest"> = {},
  ): Promise<Pipeline> {
    return new Pipeline({ ...options, manifest });
  }

  /** The tools that this pipeline offers. Changes are taken up by the next request. */
  get tools() {
    return this.#wiring.registry;
  }

  /** Runs one turn. Rejects for a failure, a refusal by a guard, or an abort; the error's `result` is then a `RunResult` too. */
  run<O>(input: unknown, options: RunOptions & { readonly output: StandardSchema<O> }): Promise<RunResult<O>>;
  run(input: unknown, options?: RunOptions): Promise<RunResult>;
  async run(input: unknown, options: RunOptions = {}): Promise<RunResult> {
    return this.#turn(input, options, this.#wiring.services.id("run_"));
  }

  /**
   * Runs one turn and yields its events; the last one is `pipeline.complete`, `pipeline.error` or `pipeline.cancelled`. Then it throws, if the
   * turn broke. Leaving the loop cancels the run.
   */
  runStream(input: unknown, options: RunOptions = {}): AsyncIterableIterator<PipelineEvent> {
    const runId = this.#wiring.services.id("run_");
    const left = new AbortController();
    let tap: Tap | undefined;
    let turn: Promise<unknown> | undefined;
    const begin = (): Tap => {
      const end = async (): Promise<End> => {
        await turn;
        return { done: true, value: undefined };
      };
      const open = this.#bus.tap({ runId, end });
      turn = this.#turn(input, { ...options, signal: either(left.signal, options.signal) }, runId).finally(() => open.close());
      turn.catch(() => {});
      return open;
    };
    const iterator: AsyncIterableIterator<PipelineEvent> = {
      next: () => {
        tap ??= begin();
        return tap.next();
      },
      return: async () => {
        left.abort(new PipelineError("The run was cancelled: its stream was left.", { code: "exec.pipeline.cancelled" }));
        await tap?.return?.();
        await turn?.catch(() => {});
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Events of every run from now on; with `replayFrom` first those after that sequence number that are still kept (2048). Ends at `close`. */
  events(options: { replayFrom?: number } = {}): AsyncIterableIterator<PipelineEvent> {
    return this.#bus.tap(options);
  }

  /**
   * Calls the handler for each event of a type, of a `prefix.*` at any depth, or of `*`. Never waits for it; what it throws is logged. Gives
   * the function that ends it.
   */
  on(pattern: string, handler: Handler): () => void {
    return this.#bus.on(pattern, handler);
  }

  /** Puts a stage of the host's beside another (`{ after }`, `{ before }`) or in the place of one (`{ at: 7 }`). Runs under way keep theirs. */
  registerStage(stage: Stage, where: Place): void {
    const places = insert(this.#places, stage, where);
    const compiled = this.#compile(places);
    const errors = compiled.findings.filter((f) => f.severity === "error");
    if (errors.length) throw new ConfigError(compiled.findings);
    this.#places = places;
    this.#plan = compiled.plan;
  }

  /** Puts a stage in the place of the one of that name. */
  replaceStage(name: string, stage: Stage): void {
    this.registerStage(stage, { at: name });
  }

  /** The stages as they stand: names, order, strategies and their configs. */
  describe(): StageDescription[] {
    return describe(this.#plan);
  }

  /** One stage as an editor wants it: what it can be set to, and what it is set to. By order, name or module; throws for any other. */
  introspect(stage: string | number): StageIntrospection {
    const { setup, loop, surface } = this.#plan;
    const current = [...setup, ...loop, ...surface].find((bound) => bound.stage.name === placeOf(stage, this.#places).stage.name);
    return introspectStage(stage, "default", { places: this.#places, current });
  }

  /** The manifest that makes this pipeline again. Stages that a host put in are not part of it. */
  snapshot(): EnvironmentManifest {
    return EnvironmentManifest.fromJSON(this.#document);
  }

  /** Approvals that wait for `resume`. */
  listPendingHitl(): readonly HitlRequest[] {
    return this.#wiring.approvals.list();
  }
  /** Answers an approval. Throws for an unknown token or decision. */
  resume(token: string, decision: HitlDecision): void {
    this.#wiring.approvals.resume(token, decision);
  }
  cancelPendingHitl(token: string): boolean {
    return this.#wiring.approvals.cancel(token);
  }

  /** Cancels what runs, ends the streams and closes the providers. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const run of this.#running)
      run.abort(new PipelineError("The run was cancelled: the pipeline was closed.", { code: "exec.pipeline.cancelled" }));
    this.#bus.close();
    await this.#wiring.close();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #compile(places: readonly Placed[]) {
    return compile({
      entries: this.#entries,
      places,
      services: this.#wiring.services,
      unknownKeys: this.#options.unknownKeys ?? "warning",
    });
  }

  async #turn(input: unknown, options: RunOptions, runId: string): Promise<RunResult> {
    if (this.#closed) throw new PipelineError("The pipeline is closed: make a new one.");
    checkRun({ ...options });
    const { services } = this.#wiring;
    const { overrides = {}, maxTurnMs = this.#options.maxTurnMs } = options;
    const stop = new AbortController();
    const cancel = () => stop.abort(cancelled(options.signal?.reason));
    if (options.signal?.aborted) cancel();
    options.signal?.addEventListener("abort", cancel, { once: true });
    const late = () => stop.abort(new PipelineError(`The turn took longer than ${maxTurnMs} ms.`, { code: "exec.pipeline.timeout" }));
    const inTime = maxTurnMs === undefined ? undefined : services.clock.after(maxTurnMs, late);
    this.#running.add(stop);

    const state = this.#begin(input, options);
    const origin = { runId, sessionId: state.sessionId };
    const run: Run = {
      plan: this.#plan,
      services,
      runId,
      state,
      signal: stop.signal,
      graceMs: this.#options.graceMs ?? 10_000,
      publish: (type, stage, data) => this.#bus.publish(type, stage, run.state.iteration, origin, data),
      step: directHost,
    };
    run.publish("pipeline.start", "", { input: preview(state.input) });
    for (const { field, value } of overridesOf(overrides).told)
      run.publish("config.override_applied", "", { field, value, source: "per_run" });
    try {
      const asked = this.#plan.loop.find(({ stage }) => stage.name === "api")?.modelOverride?.model ?? run.state.model;
      run.state = await withWindow(run.state, asked, services, stop.signal);
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
    } finally {
      inTime?.();
      options.signal?.removeEventListener("abort", cancel);
      this.#running.delete(stop);
    }
  }

  /** The state in which the turn begins. */
  #begin(input: unknown, { state, messages, sessionId, overrides = {}, output }: RunOptions): State {
    const { services } = this.#wiring;
    const from = beginTurn(state ?? newState());
    return {
      ...from,
      ...this.#settings,
      ...overridesOf(overrides).state,
      outputSchema: wantedOf(output),
      pipelineId: from.pipelineId || services.id("pl_"),
      sessionId: sessionId ?? from.sessionId,
      primaryProvider: this.#primary.name,
      input: inputOf(input),
      // Stage 1 gives ids and origins to messages that have none.
      messages: messages === undefined ? from.messages : (messages as State["messages"]),
    };
  }
}

const inputOf = (input: unknown): Json => {
  try {
    return asJson(input);
  } catch (cause) {
    throw new GenyExecutorError("The input cannot be written as JSON.", { code: "exec.stage.failed", cause });
  }
};
const preview = (input: Json): string => (typeof input === "string" ? input : JSON.stringify(input)).slice(0, 500);

const cancelled = (reason: unknown): GenyExecutorError =>
  reason instanceof GenyExecutorError
    ? reason
    : new PipelineError("The run was cancelled.", { code: "exec.pipeline.cancelled", cause: reason });

const either = (a: AbortSignal, b: AbortSignal | undefined): AbortSignal => (b ? AbortSignal.any([a, b]) : a);
