/** The composition root: a manifest and what only a host can give become a pipeline that runs turns. */
import { type ChangeOptions, Changes } from "./changes.ts";
import { type Resolved, resolve } from "./channels.ts";
import type { Child } from "./child.ts";
import { configure } from "./configuration.ts";
import { ConfigError, type Finding, GenyExecutorError, PipelineError } from "./contract/errors.ts";
import type { PipelineEvent } from "./contract/events.ts";
import type { HitlDecision, HitlRequest } from "./contract/host.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { JsonObject } from "./contract/schema.ts";
import type { Stage } from "./contract/stage.ts";
import type { StandardSchema } from "./contract/tool.ts";
import { describe, type StageDescription } from "./engine/describe.ts";
import { type Bus, createBus, type Handler } from "./engine/events.ts";
import { type Place, stagesOf } from "./engine/plan.ts";
import type { ToolReport } from "./external-tools.ts";
import { load } from "./load.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { within } from "./manifest/drop.ts";
import { introspectAll, introspectStage, type StageIntrospection } from "./manifest/introspect.ts";
import type { HostOffers } from "./manifest/selections.ts";
import { PipelineMutator } from "./mutator.ts";
import { checkRun, type ModelOverrides, overrideFindings, overridesOf, type PipelineOptions, type RunOptions } from "./options.ts";
import { type Outside, type OutsideOptions, reachOutside } from "./outside.ts";
import { providerPool } from "./pool.ts";
import { providerOf } from "./primary.ts";
import type { RunResult } from "./result.ts";
import { type Parts, runtimeOf } from "./runtime.ts";
import { serversOf } from "./servers.ts";
import { type Lasting, lasting, wire } from "./services.ts";
import { streamOf } from "./stream.ts";
import { agentsOf } from "./subagents.ts";
import { toolsOf } from "./tool-list.ts";
import { goThrough, openTurn } from "./turn.ts";

export type { PipelineOptions, RunOptions };

/** Milliseconds that a run has beside its grace time to leave a pipeline that is closed. */
const LEAVING = 1000;

export class Pipeline implements AsyncDisposable {
  /** For `PipelineMutator`: what the pipeline goes by, and what changes it. */
  readonly changes: Changes;
  /** Of the hooks, skills and permissions in the option `offers` those that the manifest's `host_selections` picks. */
  readonly selected: HostOffers;
  readonly #options: PipelineOptions;
  readonly #manifest: EnvironmentManifest | ManifestDocument;
  readonly #stays: Lasting;
  readonly #bus: Bus;
  /** Of the options, the manifest's form, and what was dropped. */
  readonly #found: readonly Finding[];
  readonly #running = new Set<AbortController>();
  #outside: Outside | undefined;
  #closing: Promise<void> | undefined;
  /** Called when the last run has left. */
  #rested = () => {};

  /**
   * Throws `ConfigError` with all findings. Missing credentials are no error here; they are one at first use. `connecting`: MCP servers are going
   * to be connected, as only `fromManifest` does.
   */
  constructor(given: PipelineOptions, connecting = false) {
    const { options, manifest, document, places, findings, from, selected } = load(given, connecting);
    this.#options = options;
    this.#manifest = manifest;
    this.#found = findings;
    this.selected = selected;
    const make = ({ options, outside }: Child) => {
      const child = new Pipeline(options);
      child.changes.addTools(outside);
      return child;
    };
    const making = { make, wiring: () => this.changes.now.wiring, id: () => this.#stays.id("") };
    this.#stays = lasting(options, agentsOf(options.subagents, document, making));
    const { clock, log } = this.#stays;
    this.#bus = createBus(clock, log);
    const runtime = runtimeOf(options, providerOf(document));
    const pool = providerPool(runtime, clock, log);
    const wiring = wire(runtime, toolsOf(options, document.tools, log), pool, this.#stays);
    const tell = (type: string, data: JsonObject) => this.#bus.publish(type, "", 0, { runId: "", sessionId: "" }, data);
    this.changes = new Changes(configure({ document, places, hooks: [] }, wiring), this.#stays, tell);
    const all = [...findings, ...within(from, this.#told())];
    if (options.strict !== false && all.some(({ severity }) => severity === "error")) throw new ConfigError(all);
  }

  /**
   * What is noteworthy of the manifest as it stands; with `strict: false` also the errors of the one that was given: what they name was dropped,
   * and the default acts.
   */
  get findings(): readonly Finding[] {
    const known = new Set(this.#found.map(({ code, path }) => `${code} ${path}`));
    return [...this.#found, ...this.#told().filter(({ code, path }) => !known.has(`${code} ${path}`))];
  }
  #told(): readonly Finding[] {
    const { unknownKeys: severity = "warning" } = this.#options;
    return this.changes.now.findings.map((f) => (f.code === "config.unknown_key" ? { ...f, severity } : f));
  }

  /**
   * A pipeline from a manifest or its plain JSON, with its tool providers started and its MCP servers connected; or nothing of it is left. Throws
   * `ConfigError` with all findings before anything starts, `MCPConnectionError` for a server, and `exec.pipeline.cancelled` on abort.
   */
  static async fromManifest(
    manifest: EnvironmentManifest | ManifestDocument,
    { toolProviders = [], signal = new AbortController().signal, ...options }: Omit<PipelineOptions, "manifest"> & OutsideOptions = {},
  ): Promise<Pipeline> {
    const pipeline = new Pipeline({ ...options, manifest }, true);
    try {
      const servers = serversOf(pipeline.changes.now.document.tools, options);
      pipeline.#outside = await reachOutside(toolProviders, servers, { signal, log: pipeline.#stays.log });
      pipeline.changes.addTools(pipeline.#outside.tools);
      return pipeline;
    } catch (error) {
      await pipeline.close();
      throw signal?.aborted ? cancelled(signal.reason) : error;
    }
  }

  /** The tools that this pipeline offers. Changes are taken up by the next request. */
  get tools() {
    return this.changes.now.wiring.tools.registry;
  }
  /** What became of the tools that the manifest asks the host for. */
  get toolReport(): ToolReport {
    return this.changes.now.wiring.tools.report;
  }

  /**
   * Before the first turn, if that is to be quick: loads the provider and opens its socket; a local server is asked for its models' windows. A key that
   * is missing, and a server that does not answer, are told by the first turn.
   */
  async warmup(): Promise<void> {
    const { services, primary } = this.changes.now;
    const provider = await services.provider(primary.name);
    await provider.warmup?.();
  }

  /** Runs one turn. Rejects for a failure, a refusal by a guard, or an abort; the error's `result` is then a `RunResult` too. */
  run<O>(input: unknown, options: RunOptions & { readonly output: StandardSchema<O> }): Promise<RunResult<O>>;
  run(input: unknown, options?: RunOptions): Promise<RunResult>;
  async run(input: unknown, options: RunOptions = {}): Promise<RunResult> {
    return this.#turn(input, options, this.#stays.id("run_"));
  }

  /**
   * Runs one turn and yields its events; the last one is `pipeline.complete`, `pipeline.error` or `pipeline.cancelled`. Then it throws, if the
   * turn broke. Leaving the loop cancels the run.
   */
  runStream(input: unknown, options: RunOptions = {}): AsyncIterableIterator<PipelineEvent> {
    const runId = this.#stays.id("run_");
    return streamOf(this.#bus, runId, (left) => this.#turn(input, { ...options, signal: either(left, options.signal) }, runId));
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

  /** Puts a stage of the host's beside another (`{ after }`, `{ before }`) or in the place of one (`{ at: 7 }`). As `mutator().registerStage`. */
  registerStage(stage: Stage, where: Place): void {
    this.mutator().registerStage(stage, where);
  }

  /** Puts a stage in the place of the one of that name. As `mutator().replaceStage`. */
  replaceStage(name: string, stage: Stage): void {
    this.mutator().replaceStage(name, stage);
  }

  /** What changes this pipeline while it serves. Throws `ConfigError` for options that are wrong. */
  mutator(options: ChangeOptions = {}): PipelineMutator {
    return new PipelineMutator(this, options);
  }

  /** Makes several changes at once, or none: `mutator(options).batch(change)`. */
  mutate<T>(change: (mutator: PipelineMutator) => T, options: ChangeOptions = {}): T {
    return this.mutator(options).batch(change);
  }

  /**
   * Gives parts of the host that were not there when the pipeline was made. Throws `exec.pipeline.busy` while a turn runs. Throws `ConfigError` for an
   * unknown or wrong part, and for a provider whose own name differs from the one it is given under (unless `overrideManifest`).
   */
  attach(parts: Parts): void {
    if (this.changes.runs.size > 0)
      throw new PipelineError("A turn is running: attach before the first one or between two, or use `refresh`.", {
        code: "exec.pipeline.busy",
      });
    this.changes.rewire("attached", parts);
  }

  /**
   * Puts parts of the host in the place of those that were attached; one that is undefined is taken back. A running turn takes them up between two passes,
   * providers are made anew for other credentials, and those before are closed when the last turn has left them. Throws `ConfigError` as `attach` does.
   */
  refresh(parts: Parts): void {
    this.changes.rewire("refreshed", parts);
  }

  /** Every setting, and every part of the host, with who decided it; with a run's overrides, as that run would have it. */
  settings(overrides: ModelOverrides = {}): { readonly [field: string]: Resolved } {
    const findings = overrideFindings(overrides);
    if (findings.length) throw new ConfigError(findings);
    return resolve({ ...this.changes.now.layers, per_run: overridesOf(overrides).wire });
  }

  /** The stages as they stand: names, order, strategies and their configs. */
  describe(): StageDescription[] {
    return describe(this.changes.now.plan);
  }

  /** One stage as an editor wants it: what it can be set to, and what it is set to. By order, name or module; throws for any other. */
  introspect(stage: string | number): StageIntrospection {
    return introspectStage(stage, "default", { places: stagesOf(this.changes.now.plan) });
  }
  /** All of them, in order. */
  introspectAll(): readonly StageIntrospection[] {
    return introspectAll({}, { places: stagesOf(this.changes.now.plan) });
  }

  /** The manifest that makes this pipeline again, as mutations left it. Stages and hooks that a host put in are not part of it. */
  snapshot(): EnvironmentManifest {
    const { document, manifest } = this.changes.now;
    const now = document === manifest ? this.#manifest : document;
    return EnvironmentManifest.of(now);
  }

  /** Approvals that wait for `resume`. */
  listPendingHitl(): readonly HitlRequest[] {
    return this.#stays.approvals.list();
  }
  /** Answers an approval. Throws for an unknown token or decision. */
  resume(token: string, decision: HitlDecision): void {
    this.#stays.approvals.resume(token, decision);
  }
  cancelPendingHitl(token: string): boolean {
    return this.#stays.approvals.cancel(token);
  }

  /**
   * Cancels what runs and waits until it has ended (`graceMs` and a second at most), then disconnects MCP servers, stops tool providers and closes the
   * providers. `events` ends at once, the stream of a run with its last event. A second call waits for the first.
   */
  close(): Promise<void> {
    this.changes.close();
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }
  async #close(): Promise<void> {
    this.#bus.close();
    for (const run of this.#running)
      run.abort(new PipelineError("The run was cancelled: the pipeline was closed.", { code: "exec.pipeline.cancelled" }));
    if (this.#running.size) await this.#rest();
    await this.#outside?.close();
    await this.changes.now.wiring.pool.close();
  }
  /** Resolves when the last run has left, or has had the time that it takes to close a broken turn. */
  async #rest(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#rested = resolve;
    const inTime = this.#stays.clock.after(this.#graceMs + LEAVING, resolve);
    await promise;
    inTime();
  }
  get #graceMs(): number {
    return this.#options.graceMs ?? 10_000;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #turn(input: unknown, options: RunOptions, runId: string): Promise<RunResult> {
    this.changes.assertOpen();
    checkRun(options);
    const { clock } = this.changes.now.services;
    const { maxTurnMs = this.#options.maxTurnMs } = options;
    const stop = new AbortController();
    const cancel = () => stop.abort(cancelled(options.signal?.reason));
    if (options.signal?.aborted) cancel();
    options.signal?.addEventListener("abort", cancel, { once: true });
    const late = () => stop.abort(new PipelineError(`The turn took longer than ${maxTurnMs} ms.`, { code: "exec.pipeline.timeout" }));
    const inTime = maxTurnMs === undefined ? undefined : clock.after(maxTurnMs, late);
    this.#running.add(stop);
    const given = { changes: this.changes, bus: this.#bus, runId, signal: stop.signal, graceMs: this.#graceMs };
    let leave = () => {};
    try {
      const turn = openTurn(input, options, given);
      leave = turn.leave;
      return await goThrough(turn, options);
    } finally {
      leave();
      inTime?.();
      options.signal?.removeEventListener("abort", cancel);
      this.#running.delete(stop);
      if (!this.#running.size) this.#rested();
    }
  }
}

const cancelled = (reason: unknown): GenyExecutorError =>
  reason instanceof GenyExecutorError
    ? reason
    : new PipelineError("The run was cancelled.", { code: "exec.pipeline.cancelled", cause: reason });

const either = (a: AbortSignal, b: AbortSignal | undefined): AbortSignal => (b ? AbortSignal.any([a, b]) : a);
