/** Which targets of a route are left alone for a while, and which was asked when: a fold over what happened to them. Knows no clock. */
import type { APIError, ErrorCategory } from "../contract/errors.ts";

/** A target, as far as limits are concerned. */
export interface Seat {
  readonly account: string;
  readonly model: string;
  /** A limit holds for the account with all its models. */
  readonly plan: boolean;
  /** Neighbours with the same word differ in their account alone. */
  readonly kin: string;
}
interface Benched extends Pick<Seat, "account" | "model"> {
  /** Epoch milliseconds. */
  readonly until: number;
}
export interface Bench {
  readonly benched: readonly Benched[];
  /** Accounts, the one that was asked last at the end. */
  readonly asked: readonly string[];
}
export const emptyBench: Bench = { benched: [], asked: [] };

const MINUTE = 60_000;
/** Milliseconds by kind of failure, where the provider names no time. A failure of another kind is one that no other account would mend. */
const TIMES: { readonly [C in ErrorCategory]?: number } = {
  auth: 15 * MINUTE,
  cli_not_found: 15 * MINUTE,
  cli_auth_failed: 15 * MINUTE,
  rate_limited: 5 * MINUTE,
  server_error: MINUTE,
  network: MINUTE,
  timeout: MINUTE,
  cli_timeout: MINUTE,
  terminal: MINUTE,
};
/** Without another account there is nothing to gain by a longer wait. */
const SOLE = MINUTE;

/** How long a failure benches, in milliseconds; null: another account would fail in the same way. Missing credentials are a matter of the account. */
export const benchTime = ({ code, category }: Pick<APIError, "code" | "category">): number | null =>
  code === "exec.api.no_client" ? 15 * MINUTE : ((category && TIMES[category]) ?? null);

const same = (seat: Pick<Seat, "account" | "model">) => (entry: Benched) => entry.account === seat.account && entry.model === seat.model;

/** Until when the seat is left alone, in epoch milliseconds; 0: it is not. */
export const benchedUntil = ({ benched }: Bench, seat: Seat): number =>
  Math.max(0, ...benched.filter(seat.plan ? (entry) => entry.account === seat.account : same(seat)).map(({ until }) => until));

/** The seat failed. What the provider says counts; else a time by the kind of failure, which shortens no longer one. */
export const failed = (bench: Bench, seat: Seat, error: APIError, now: number, sole: boolean): Bench => {
  const time = benchTime(error);
  if (time === null) return bench;
  const before = bench.benched.find(same(seat))?.until ?? 0;
  const until = asked(error, now) ?? Math.max(before, now + time);
  const { account, model } = seat;
  const others = bench.benched.filter((entry) => entry.until > now && !same(seat)(entry));
  return { ...bench, benched: [...others, { account, model, until: sole ? Math.min(until, now + SOLE) : until }] };
};

/** The provider's own word, in epoch milliseconds. A reset is meant for rate limits; other answers carry it too. */
const asked = ({ retryAfter, resetAt, category }: APIError, now: number): number | undefined => {
  if (retryAfter !== null) return now + retryAfter * 1000;
  return category === "rate_limited" && resetAt !== null && resetAt > now ? resetAt : undefined;
};

/** The seat answered: it is benched no more. What another model of the account did stands. */
export const answered = (bench: Bench, seat: Seat): Bench =>
  bench.benched.some(same(seat)) ? { ...bench, benched: bench.benched.filter((entry) => !same(seat)(entry)) } : bench;

/** The seat is being asked. */
export const turned = (bench: Bench, { account }: Seat): Bench => ({
  ...bench,
  asked: [...bench.asked.filter((other) => other !== account), account],
});

/**
 * In which order to ask, as indices: those that are free as they stand, then those on the bench, the one that is free first before. `balance`:
 * neighbours of one kin begin with the account that was asked longest ago.
 */
export const orderOf = (bench: Bench, seats: readonly Seat[], now: number, balance: boolean): readonly number[] => {
  const all = seats.map((seat, index) => ({ seat, index, until: benchedUntil(bench, seat) }));
  const free = balance ? rotated(all, bench.asked) : all;
  const waiting = all.filter(({ until }) => until > now).sort((a, b) => a.until - b.until);
  return [...free.filter(({ until }) => until <= now), ...waiting].map(({ index }) => index);
};

const rotated = <P extends { readonly seat: Seat }>(places: readonly P[], asked: readonly string[]): readonly P[] => {
  const groups: P[][] = [];
  for (const place of places) {
    const group = groups.at(-1);
    if (group?.[0]?.seat.kin === place.seat.kin) group.push(place);
    else groups.push([place]);
  }
  const turn = ({ seat }: P) => asked.indexOf(seat.account);
  return groups.flatMap((group) => group.sort((a, b) => turn(a) - turn(b)));
};
