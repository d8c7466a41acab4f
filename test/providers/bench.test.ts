/** The bench of a route: who is asked in which order, whatever happened before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { APIError, type ErrorCode } from "geny-executor";
import {
  answered,
  type Bench,
  benchedUntil,
  benchTime,
  emptyBench,
  failed,
  orderOf,
  type Seat,
  turned,
} from "../../src/providers/bench.ts";

const MINUTE = 60_000;
const seatOf = (account: string, model = "m", plan = false): Seat => ({ account, model, plan, kin: model });
const error = (code: ErrorCode, more: ConstructorParameters<typeof APIError>[1] = {}) => new APIError("x", { code, ...more });
const limit = (more = {}) => error("exec.api.rate_limited", more);
const after = (failure: APIError, { before = emptyBench, seat = seatOf("a"), now = 0, sole = false } = {}) =>
  benchedUntil(failed(before, seat, failure, now, sole), seat);

test("fifteen minutes for credentials and programs, five for rate limits, one for what passes by itself", () => {
  const minutes = (code: ErrorCode) => after(error(code)) / MINUTE;
  assert.deepEqual(
    (["exec.api.auth.invalid_key", "exec.api.auth.expired", "exec.api.no_client", "exec.cli.binary_not_found"] as const).map(minutes),
    [15, 15, 15, 15],
  );
  assert.equal(minutes("exec.api.rate_limited"), 5);
  assert.deepEqual(
    (["exec.api.server_error", "exec.api.network", "exec.api.timeout", "exec.api.stream_incomplete", "exec.cli.timeout"] as const).map(
      minutes,
    ),
    [1, 1, 1, 1, 1],
  );
});

test("what is the request's own fault benches nobody", () => {
  for (const code of ["exec.api.bad_request", "exec.api.token_limit", "exec.api.unknown", "exec.cli.permission_denied"] as const) {
    assert.equal(benchTime(error(code)), null, code);
    assert.equal(after(error(code)), 0, code);
  }
});

test("the provider's own time comes first, also when it is shorter; a default never shortens", () => {
  assert.equal(after(limit({ retryAfter: 7 }), { now: 1000 }), 8000);
  assert.equal(after(limit({ resetAt: 9_000_000 })), 9_000_000);
  assert.equal(after(limit({ resetAt: 5 }), { now: 10 }), 10 + 5 * MINUTE, "a reset that is over says nothing");
  assert.equal(after(error("exec.api.server_error", { resetAt: 9_000_000 })), MINUTE, "other failures carry the limit's reset too");
  const before = failed(emptyBench, seatOf("a"), limit({ retryAfter: 3600 }), 0, false);
  assert.equal(after(error("exec.api.network"), { before }), 3600_000);
  assert.equal(after(limit({ retryAfter: 1 }), { before }), 1000);
});

test("a plan's limit holds for all models of the account, a metered one for one model", () => {
  const bench = [seatOf("plan", "m1", true), seatOf("api", "m1")].reduce((b, seat) => failed(b, seat, limit(), 0, false), emptyBench);
  assert.deepEqual(
    [seatOf("plan", "m2", true), seatOf("api", "m2"), seatOf("api", "m1")].map((seat) => benchedUntil(bench, seat) > 0),
    [true, false, true],
  );
});

const accounts = ["a", "b", "c"] as const;
const anySeat = fc.record({
  account: fc.constantFrom(...accounts),
  model: fc.constantFrom("m1", "m2"),
  plan: fc.boolean(),
  kin: fc.constantFrom("x", "y"),
});
const anyFailure = fc
  .record({
    code: fc.constantFrom<ErrorCode>("exec.api.rate_limited", "exec.api.auth.invalid_key", "exec.api.server_error", "exec.api.bad_request"),
    retryAfter: fc.option(fc.integer({ min: 0, max: 10_000 })),
    resetAt: fc.option(fc.integer({ min: 0, max: 10_000_000 })),
  })
  .map(({ code, ...more }) => error(code, more));
const anyStep = fc.record({
  what: fc.constantFrom("failed", "answered", "turned"),
  seat: anySeat,
  failure: anyFailure,
  ms: fc.nat(400_000),
});
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

const step = (bench: Bench, { what, seat, failure }: Step, now: number, sole: boolean): Bench =>
  what === "failed" ? failed(bench, seat, failure, now, sole) : what === "answered" ? answered(bench, seat) : turned(bench, seat);

test("after any story: everybody is asked once, the free before the benched, those by their time; nobody is freed by another's success", () => {
  fc.assert(
    fc.property(
      fc.array(anyStep, { maxLength: 40 }),
      fc.array(anySeat, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      (story, seats, balance) => {
        let bench = emptyBench;
        let now = 0;
        for (const one of story) {
          now += one.ms;
          const frozen = JSON.stringify(bench);
          const next = step(bench, one, now, false);
          assert.equal(JSON.stringify(bench), frozen, "the bench before is as it was");
          for (const seat of seats) {
            const [was, is] = [benchedUntil(bench, seat), benchedUntil(next, seat)];
            const mine = seat.account === one.seat.account && (seat.plan || seat.model === one.seat.model);
            if (one.what !== "failed" && !mine) assert.equal(is, was);
            if (one.what === "failed" && !mine && was > now) assert.equal(is, was);
            if (one.what === "answered" && !seat.plan && mine) assert.equal(is, 0);
          }
          if (one.what === "failed" && benchTime(one.failure) !== null) assert.ok(benchedUntil(next, { ...one.seat, plan: false }) >= now);
          bench = next;
        }
        const order = orderOf(bench, seats, now, balance);
        assert.deepEqual(
          [...order].sort((a, b) => a - b),
          seats.map((_, i) => i),
        );
        const times = order.map((i) => benchedUntil(bench, seats[i] as Seat)).map((until) => (until > now ? until : 0));
        assert.deepEqual(
          times,
          [...times].sort((a, b) => a - b),
        );
        const free = order.filter((i) => benchedUntil(bench, seats[i] as Seat) <= now);
        if (!balance)
          assert.deepEqual(
            free,
            [...free].sort((a, b) => a - b),
            "the free ones as they stand",
          );
        assert.ok(bench.benched.length <= accounts.length * 2 && bench.asked.length <= accounts.length, "it stays small");
      },
    ),
    { numRuns: 2000 },
  );
});

test("a sole account waits a minute at most", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (story) => {
      let now = 0;
      let bench = emptyBench;
      for (const one of story) {
        now += one.ms;
        bench = step(bench, one, now, true);
        for (const account of accounts) assert.ok(benchedUntil(bench, seatOf(account, "m1", true)) <= now + MINUTE);
      }
    }),
  );
});

test("balance: neighbours of one kin take turns, strangers keep their place", () => {
  const seats = [seatOf("a"), seatOf("b"), { ...seatOf("c"), kin: "other" }, seatOf("a")];
  const asked = turned(turned(emptyBench, seatOf("a")), seatOf("c"));
  assert.deepEqual(orderOf(asked, seats, 0, true), [1, 0, 2, 3]);
  assert.deepEqual(orderOf(asked, seats, 0, false), [0, 1, 2, 3]);
  assert.deepEqual(orderOf(failed(asked, seatOf("b"), limit(), 0, false), seats, 0, true), [0, 2, 3, 1]);
});
