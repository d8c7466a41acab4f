/** What a stage may reach beside its state: one interface. Time, ids and randomness are here and nowhere else. */
import type { HitlDecision, HitlRequest, Host } from "./host.ts";
import type { Message } from "./message.ts";
import type { ModelRequest, Provider } from "./provider.ts";
import type { Json } from "./schema.ts";
import type { PendingToolCall, State, SystemPrompt } from "./state.ts";
import type { Call } from "./strategy.ts";
import type { Tool, ToolOutcome, ToolSpec } from "./tool.ts";

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds from an arbitrary start, never going back. */
  monotonic(): number;
  /** Waits; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `act` once, later, unless the function that it gives is called before. For limits. */
  after(ms: number, act: () => void): () => void;
}

/** US dollars for a million tokens. */
export interface Rates {
  readonly input: number;
  readonly output: number;
  /** Null: there is no discount. */
  readonly cacheRead: number | null;
  /** For five minutes, or as long as the vendor keeps it by itself. Null: 1.25 times the input rate. */
  readonly cacheWrite: number | null;
  /** Default: twice the input rate. */
  readonly cacheWrite1h?: number | null;
}
export interface Price extends Rates {
  /** Rates of a call whose whole prompt has more than `above` tokens, cached ones too. They hold for all its tokens, the answer's as well. No two begin at the same size. */
  readonly tiers?: readonly (Rates & { readonly above: number })[];
}
export interface Pricing {
  /** The price of a model by its exact id or the longest known id that it is a dated form of; null when there is none. */
  price(model: string): Price | null;
}

export interface Tokens {
  /** Estimated tokens of a text. Within a quarter of the truth for common languages. */
  text(text: string): number;
  /** Estimated tokens of one message; counted once a message and remembered. */
  message(message: Message): number;
  /** Estimated tokens of a whole request. */
  request(parts: { system: SystemPrompt; systemVolatile?: string; messages: readonly Message[]; tools: readonly ToolSpec[] }): number;
}

/** What of a request is read by the model. */
export type Prompt = Pick<ModelRequest, "model" | "system" | "systemVolatile" | "messages" | "tools" | "outputSchema">;
/** Beside the estimates of `Tokens`: what budgets are kept by. */
export interface Bounds {
  /** Tokens that a request has at most, whatever the vendor's tokenizer; infinite where nothing bounds them, as for a PDF. */
  atMost(request: Prompt): number;
  /** A vendor's own count of a request: the requests that go on from it are bounded closer. */
  learn(request: Prompt, tokens: number): void;
}

export interface Tools {
  /** Undefined when no tool has the name. */
  get(name: string): Tool | undefined;
  /** What the model is offered, in a stable order. */
  specs(): readonly ToolSpec[];
  /** Rises with every change of the list. */
  readonly version: number;
}

/** Everything between a model's call and its result: find, validate, permit, run, keep. Never rejects but on abort: a failure is an outcome. */
export interface Dispatcher {
  dispatch(call: PendingToolCall, state: Pick<State, "sessionId" | "shared" | "turn" | "toolCallsTotal">, door: Call): Promise<ToolOutcome>;
  /** May the call run beside others? */
  concurrencySafe(call: PendingToolCall): boolean;
}

/** Approvals that wait for somebody outside: `pipeline.resume(token, decision)` answers. */
export interface Approvals {
  wait(request: HitlRequest, signal: AbortSignal): Promise<HitlDecision>;
}

/** Small values by key, for as long as the pipeline lives. */
export interface Store {
  get(key: string): Promise<Json | undefined>;
  set(key: string, value: Json): Promise<void>;
}

export interface Logger {
  debug(...args: unknown[]): void;
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
}

/** One alternative of a route, as stage 6 is told of it. Its credentials are those of its provider and account. */
export interface RouteTarget {
  readonly provider: string;
  /** Empty: the one that is asked for. */
  readonly model: string;
  /** The bundle's entry is `provider:account`; empty: `provider`. */
  readonly account: string;
  /** "plan": a limit holds for the whole account; "metered": for one model of it. Null: as is usual for the provider. */
  readonly kind: "plan" | "metered" | null;
  /** At most so many tokens of answer; null: as many as are asked for. */
  readonly maxTokens: number | null;
  /** False: the target is never asked to think. */
  readonly thinking: boolean;
}
/** How a provider is reached, where it is not as its credentials say. */
export interface Connection {
  readonly baseUrl?: string;
  /** Milliseconds that it may be silent: see `ProviderOptions`. */
  readonly timeoutMs?: number;
  /** Only for `geny_router`: its targets, in order. */
  readonly targets?: readonly RouteTarget[];
  /** Whether targets that stand together and differ in their account alone take turns. */
  readonly balance?: boolean;
}

export interface Services {
  readonly clock: Clock;
  /** A new id: `prefix` and random characters. */
  id(prefix?: string): string;
  /** 0 to 1, without 1. */
  random(): number;
  /**
   * The provider of that name, loaded at its first use. Without a connection stage 6's provider is reached as stage 6 reaches it. Throws
   * `exec.api.no_client` when there is none or its credentials are missing.
   */
  provider(name: string, connection?: Connection): Provider | Promise<Provider>;
  readonly pricing: Pricing;
  readonly tokens: Tokens;
  readonly bounds: Bounds;
  readonly tools: Tools;
  readonly dispatcher: Dispatcher;
  readonly approvals: Approvals;
  readonly store: Store;
  readonly host: Host;
  readonly log: Logger;
}
