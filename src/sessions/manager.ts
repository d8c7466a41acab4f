/** The sessions of a process, by id. They live in memory; checkpoints (stage 20) outlive it. */
import type { MessageInput } from "../contract/message.ts";
import type { Clock } from "../contract/services.ts";
import { newState, type State } from "../contract/state.ts";
import { FRESHNESS, type Freshness, type FreshnessPolicy } from "./freshness.ts";
import { type Ended, type Runs, Session, type TurnOptions } from "./session.ts";

export interface SessionInfo {
  readonly sessionId: string;
  readonly freshness: Freshness;
  readonly messageCount: number;
  /** Index of the last turn's last pass. */
  readonly iteration: number;
  /** US dollars of all turns; null once a model without a known price has answered. */
  readonly totalCostUsd: number | null;
}

export interface SessionManagerOptions {
  readonly freshness?: Partial<FreshnessPolicy>;
  readonly clock?: Pick<Clock, "now">;
}

export interface NewSession {
  readonly sessionId?: string;
  /** To go on from, such as a checkpoint's. */
  readonly state?: State;
  /** The history to go on from, in place of the state's. It is kept as it is, and checked by the first turn. */
  readonly messages?: readonly MessageInput[];
}

export class SessionManager {
  readonly #sessions = new Map<string, Session>();
  readonly #policy: FreshnessPolicy;
  readonly #clock: Pick<Clock, "now">;

  constructor({ freshness = {}, clock = Date }: SessionManagerOptions = {}) {
    this.#policy = { ...FRESHNESS, ...freshness };
    this.#clock = clock;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * A new session that runs on the pipeline, from the beginning or from a state such as a checkpoint's. The default id is 12 hexadecimal
   * digits; a session of the same id is replaced.
   */
  create<R extends Ended, O extends TurnOptions>(
    pipeline: Runs<R, O>,
    { sessionId = newId(), state, messages }: NewSession = {},
  ): Session<R, O> {
    // Stage 1 gives ids and origins to messages that have none.
    const from = messages ? { ...(state ?? newState()), messages: messages as State["messages"] } : state;
    const session = new Session(sessionId, pipeline, this.#policy, this.#clock, from);
    this.#sessions.set(sessionId, session);
    return session;
  }

  get(sessionId: string): Session | undefined {
    return this.#sessions.get(sessionId);
  }

  /** Forgets the session; whoever holds it may go on with it. False: there was none. */
  delete(sessionId: string): boolean {
    return this.#sessions.delete(sessionId);
  }

  listSessions(): SessionInfo[] {
    return [...this.#sessions.values()].map(({ id, freshness, state }) => ({
      sessionId: id,
      freshness,
      messageCount: state.messages.length,
      iteration: state.iteration,
      totalCostUsd: state.sessionCostUsd,
    }));
  }
}

const newId = (): string => crypto.randomUUID().replaceAll("-", "").slice(0, 12);
