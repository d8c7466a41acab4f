/** A conversation: one state that goes from turn to turn, one turn at a time. */
import { orAbort } from "../contract/abort.ts";
import { PipelineError } from "../contract/errors.ts";
import type { PipelineEvent } from "../contract/events.ts";
import type { Clock } from "../contract/services.ts";
import { newState, type State } from "../contract/state.ts";
import { type Freshness, type FreshnessPolicy, freshnessOf } from "./freshness.ts";

export interface Ended {
  readonly state: State;
}
export interface TurnOptions {
  readonly state?: State;
  readonly sessionId?: string;
  readonly signal?: AbortSignal;
  onResult?(result: Ended): void;
}
/** What a session needs of a pipeline. `onResult` is called once, however the turn ends, before the caller is told. */
export interface Runs<R extends Ended = Ended, O extends TurnOptions = TurnOptions> {
  run(input: unknown, options?: O): Promise<R>;
  runStream(input: unknown, options?: O): AsyncIterable<PipelineEvent>;
}

export interface Queueing {
  /** What to do while another turn runs. Default "wait": turns run in the order in which they were asked for. */
  readonly whenBusy?: "wait" | "reject";
}
export class Session<R extends Ended = Ended, O extends TurnOptions = TurnOptions> {
  readonly id: string;
  readonly #pipeline: Runs<R>;
  readonly #policy: FreshnessPolicy;
  readonly #clock: Pick<Clock, "now">;
  #state: State;
  #created: number;
  #active: number;
  /** Turns that run or wait. */
  #turns = 0;
  /** Resolves when the last of them is over; never rejects. */
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(id: string, pipeline: Runs<R, O>, policy: FreshnessPolicy, clock: Pick<Clock, "now">, state: State = newState()) {
    this.id = id;
    this.#pipeline = pipeline;
    this.#policy = policy;
    this.#clock = clock;
    this.#state = { ...state, sessionId: id };
    this.#created = this.#active = clock.now();
  }

  /** As the last turn left it, whole or broken. */
  get state(): State {
    return this.#state;
  }

  get freshness(): Freshness {
    const now = this.#clock.now();
    return freshnessOf({ ageMs: now - this.#created, idleMs: now - this.#active, messages: this.#state.messages.length }, this.#policy);
  }

  /**
   * Runs one turn on from the last, or from the `state` that is given. Rejects as the pipeline does, and with `exec.pipeline.busy` when another turn runs and
   * `whenBusy` is "reject". A signal that aborts while the turn still waits rejects with `exec.pipeline.cancelled`; nothing has run then.
   */
  async run(input: unknown, options?: O & Queueing): Promise<R> {
    const leave = await this.#enter(options ?? {});
    try {
      return await this.#pipeline.run(input, this.#turn(options ?? {}));
    } finally {
      leave();
    }
  }

  /** The same, yielding the turn's events. The turn takes its place in the queue when the first event is asked for. */
  async *runStream(input: unknown, options?: O & Queueing): AsyncGenerator<PipelineEvent, void, undefined> {
    const leave = await this.#enter(options ?? {});
    try {
      yield* this.#pipeline.runStream(input, this.#turn(options ?? {}));
    } finally {
      leave();
    }
  }

  /** Forgets everything but the id. Throws `exec.pipeline.busy` while a turn runs. */
  reset(): void {
    if (this.#turns) throw this.#busy("reset it afterwards");
    this.#state = newState({ sessionId: this.id });
    this.#created = this.#active = this.#clock.now();
  }

  /** Takes no further turn, nor those that wait; resolves when the running one is over. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }

  /** Waits for this turn's place; gives the function that ends it. */
  async #enter({ whenBusy = "wait", signal }: Queueing & TurnOptions): Promise<() => void> {
    if (this.#closed) throw this.#over();
    if (this.#turns && whenBusy === "reject") throw this.#busy('wait for it, or leave `whenBusy` at "wait"');
    const before = this.#last;
    const mine = Promise.withResolvers<void>();
    this.#last = mine.promise;
    const leave = () => {
      this.#turns -= 1;
      mine.resolve();
    };
    this.#turns += 1;
    try {
      if (this.#turns > 1) await place(before, signal);
      if (this.#closed) throw this.#over();
    } catch (error) {
      void before.then(leave);
      throw error;
    }
    return leave;
  }

  #turn({ whenBusy: _, onResult, ...given }: Queueing & TurnOptions): TurnOptions {
    this.#active = this.#clock.now();
    return {
      ...given,
      state: given.state ?? this.#state,
      sessionId: this.id,
      onResult: (result) => {
        this.#state = result.state;
        this.#active = this.#clock.now();
        onResult?.(result);
      },
    };
  }

  #busy(advice: string): PipelineError {
    return new PipelineError(`The session "${this.id}" is running a turn: ${advice}.`, { code: "exec.pipeline.busy" });
  }
  #over(): PipelineError {
    return new PipelineError(`The session "${this.id}" is closed: make a new one.`);
  }
}

const place = async (before: Promise<void>, signal: AbortSignal | undefined): Promise<void> => {
  if (!signal) return before;
  await orAbort(before, signal).catch((cause: unknown) => {
    throw new PipelineError("The turn was cancelled while it waited.", { code: "exec.pipeline.cancelled", cause });
  });
};
