/** Several targets as one provider: when one cannot answer, the next is asked, as long as nothing was said. */
import { incomplete } from "../contract/collect.ts";
import { APIError } from "../contract/errors.ts";
import type { ClientCapabilities, Hop, ModelEvent, ModelRequest, Provider, StreamOptions } from "../contract/provider.ts";
import { answered, type Bench, benchedUntil, benchTime, emptyBench, failed, orderOf, type Seat, turned } from "./bench.ts";
import { commonCapabilities } from "./capabilities.ts";
import { exhausted, type Miss } from "./exhausted.ts";

export interface FailoverTarget {
  readonly provider: Provider;
  /** Default: the model that is asked for. */
  readonly model?: string | undefined;
  /** The account's label, as events show it; never its key. Targets of one provider name and label share an account. Default: the target's number. */
  readonly account?: string | undefined;
  /** A limit holds for the account with all its models, as with a subscription. Default: for one model of it. */
  readonly plan?: boolean | undefined;
  /** At most so many tokens of answer. */
  readonly maxTokens?: number | undefined;
  /** False: never asked to think. */
  readonly thinking?: boolean | undefined;
}
export interface FailoverOptions {
  /** Default "geny_router". */
  readonly name?: string | undefined;
  /** Targets that stand together and differ in their account alone take turns. Default: the first one that can answer does. */
  readonly balance?: boolean | undefined;
  /** For requests that name no session. */
  readonly sessionId?: string | undefined;
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
}

interface Target extends FailoverTarget {
  readonly account: string;
}
interface Route {
  readonly name: string;
  readonly targets: readonly Target[];
  readonly sessionId: string;
  readonly sole: boolean;
  bench: Bench;
  seat(target: Target, model: string): Seat;
  now(): number;
  order(model: string): readonly Target[];
  /** Seconds until the first target is free. */
  wait(model: string): number;
}

/**
 * A route over its targets, in order. A target that fails before the first piece of its answer, in a way that another account may mend (rate
 * limit, credentials, server, network, time, missing program), gives way to the next, and is left alone for a while: as long as the provider
 * says, else for 15 minutes (credentials, program), 5 minutes (rate limit) or one; at most one when there is no other account. When all are
 * left alone they are asked all the same. Each switch is an event. When no target answers it throws `exec.api.terminal`, or the last failure
 * that time may mend; `details.failures` says who failed how. It can do what every target can.
 */
export const failover = (targets: readonly (Provider | FailoverTarget)[], options: FailoverOptions = {}): Provider => {
  const route = routeOf(targets, options);
  const providers = [...new Set(route.targets.map(({ provider }) => provider))];
  return {
    name: route.name,
    /** A provider may learn what it can do. */
    get capabilities() {
      return commonCapabilities(providers.map(({ capabilities }): ClientCapabilities => capabilities));
    },
    stream: (request, streaming) => ({ [Symbol.asyncIterator]: () => eventsOf(route, request, streaming) }),
    window(model) {
      const known = route.targets.flatMap((target) => target.provider.window?.(target.model ?? model) ?? []);
      return known.length ? Math.min(...known) : null;
    },
    hops: (model) => route.targets.flatMap((target) => target.provider.hops?.(target.model ?? model) ?? [hopOf(target, model)]),
    warmup: async () => void (await Promise.all(providers.map((provider) => provider.warmup?.()))),
    async close() {
      const closed = await Promise.allSettled(providers.map((provider) => provider.close?.()));
      for (const end of closed) if (end.status === "rejected") throw end.reason;
    },
  };
};

const routeOf = (given: readonly (Provider | FailoverTarget)[], options: FailoverOptions): Route => {
  const { name = "geny_router", balance = false, sessionId = "", now = Date.now } = options;
  if (!given.length) throw new APIError(`${name}: a route needs at least one target.`, { code: "exec.api.no_client" });
  const plain = given.map((target): FailoverTarget => ("stream" in target ? { provider: target } : target));
  const numberOf = (mine: Provider) => 1 + plain.findIndex(({ provider, account }) => provider === mine && account === undefined);
  const targets = plain.map((target): Target => ({ ...target, account: target.account ?? String(numberOf(target.provider)) }));
  const seat = ({ provider, account, model, plan = false }: Target, asked: string): Seat => ({
    account: `${provider.name}:${account}`,
    model: model ?? asked,
    plan,
    kin: `${provider.name} ${model ?? asked}`,
  });
  const seats = (model: string) => targets.map((target) => seat(target, model));
  return {
    ...{ name, targets, sessionId, seat, now, bench: emptyBench },
    sole: new Set(seats("").map(({ account }) => account)).size === 1,
    order(model) {
      return orderOf(this.bench, seats(model), now(), balance).flatMap((index) => targets[index] ?? []);
    },
    wait(model) {
      return Math.max(0, Math.min(...seats(model).map((one) => benchedUntil(this.bench, one))) - now()) / 1000;
    },
  };
};

const hopOf = ({ provider, model, account }: Target, asked: string): Hop => ({ provider: provider.name, model: model ?? asked, account });

const requestFor = (request: ModelRequest, { model, maxTokens, thinking }: Target, { sessionId }: Route): ModelRequest => ({
  ...request,
  model: model ?? request.model,
  maxTokens: Math.min(request.maxTokens, maxTokens ?? request.maxTokens),
  thinking: thinking === false ? null : request.thinking,
  sessionId: request.sessionId || sessionId,
});

/** After one of these somebody has seen, or done, something: the answer cannot begin anew elsewhere. */
const SHOWN: ReadonlySet<ModelEvent["type"]> = new Set([
  ...(["text", "thinking", "tool_call_start", "tool_call_delta", "tool_call"] as const),
  ...(["block", "cli_tool", "finish"] as const),
]);

/** One request's events, for one reader. Once something was shown they come straight from the target that answers. */
const eventsOf = (route: Route, request: ModelRequest, options: StreamOptions): AsyncIterator<ModelEvent, undefined, undefined> => {
  const misses: Miss[] = [];
  const [first, ...waiting] = route.order(request.model);
  let target = first;
  let events: AsyncIterator<ModelEvent> | undefined;
  let shown = false;
  let left = false;

  const heard = async (from: Target): Promise<ModelEvent> => {
    if (!events) {
      route.bench = turned(route.bench, route.seat(from, request.model));
      events = from.provider.stream(requestFor(request, from, route), options)[Symbol.asyncIterator]();
    }
    const next = await events.next();
    if (next.done) throw incomplete(from.provider.name);
    const event: ModelEvent = next.value;
    shown = SHOWN.has(event.type);
    if (shown) route.bench = answered(route.bench, route.seat(from, request.model));
    return event.type === "start" ? { ...event, provider: event.provider ?? from.provider.name } : event;
  };
  /** The event of the switch that the failure makes; throws when there is none to make. */
  const switched = (from: Target, thrown: unknown): ModelEvent => {
    options.signal.throwIfAborted();
    if (left || !(thrown instanceof APIError) || benchTime(thrown) === null) throw thrown;
    const hop = hopOf(from, request.model);
    route.bench = failed(route.bench, route.seat(from, request.model), thrown, route.now(), route.sole);
    misses.push({ hop, error: thrown });
    const next = waiting.shift();
    if (!next) throw misses.length > 1 ? exhausted(route.name, misses, route.wait(request.model)) : thrown;
    target = next;
    events = undefined;
    return { type: "failover", from: hop, to: hopOf(next, request.model), code: thrown.code, message: thrown.message };
  };
  const before = async (): Promise<IteratorResult<ModelEvent, undefined>> => {
    options.signal.throwIfAborted();
    const from = target;
    if (left || !from) return { done: true, value: undefined };
    try {
      return { done: false, value: await heard(from) };
    } catch (thrown) {
      return { done: false, value: switched(from, thrown) };
    }
  };
  return {
    next: () => (shown && events ? events.next() : before()),
    async return() {
      left = true;
      await events?.return?.();
      return { done: true, value: undefined };
    },
  };
};
