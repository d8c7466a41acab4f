/** Stage 4: the last word before money is spent. Guards are asked before every request; the first that rejects ends the turn. */
import { GuardRejectError, StageError } from "../contract/errors.ts";
import { fields, flag, int, json, text } from "../contract/schema.ts";
import { defineStage, type Patch, type StageContext } from "../contract/stage.ts";
import type { State } from "../contract/state.ts";
import { after, many } from "../contract/strategy.ts";
import { both, permits } from "../contract/tool-guard.ts";
import { type GuardState, guards, READS, type Verdict } from "./04-guard/guards.ts";

const config = fields({
  max_chain_length: int({ min: 1, default: 32, about: "guards that the chain may have; a longer one is refused, never cut" }),
  fail_fast: flag({ default: true, about: "stop at the first guard that rejects; otherwise ask all and tell of each" }),
});
const slots = { guards: many({ about: "asked in order before every request", default: [], strategies: guards }) };
const events = {
  "guard.check": fields({
    passed: flag({ about: "whether all guards passed" }),
    guard_name: text({ about: "the first that did not pass, or chain" }),
    message: text({ about: "why" }),
    violations: json({ about: "guard_name, message and action of each that did not pass", default: [] }),
    recheck: flag({ about: "asked again between two passes", default: false }),
  }),
  "guard.warn": fields({ message: text({ about: "why" }) }),
};
type Context = StageContext<typeof slots, typeof events, typeof config>;
type Asked = Verdict & { readonly name: string };

export const guard = defineStage({
  name: "guard",
  about: "Checks budgets, limits and permissions before every request.",
  category: "pre_flight",
  config,
  reads: READS,
  writes: ["tools", "toolGuard", "costLimitUsd"],
  slots,
  events,
  run: (state, ctx) => check(state, ctx, false),
  refresh: (state, ctx) => check(state, ctx, true),
});

type Write = Patch<"tools" | "toolGuard" | "costLimitUsd">;

const check = (state: GuardState, ctx: Context, recheck: boolean): Write | Promise<Write> => {
  const { config: options, slots: chain } = ctx;
  if (chain.guards.length > options.max_chain_length)
    throw new StageError(
      `The chain has ${chain.guards.length} guards and max_chain_length is ${options.max_chain_length}: remove guards or raise it.`,
      { code: "exec.pipeline.invalid_manifest", stage: "guard", order: 4 },
    );
  return after(ask(state, ctx), (asked) => judged(state, ctx, recheck, asked));
};

/** Each guard waits for the one before. */
const ask = (state: GuardState, ctx: Context, asked: Asked[] = []): Asked[] | Promise<Asked[]> => {
  const { slots: chain, chosen, call, config } = ctx;
  const guard = chain.guards[asked.length];
  if (!guard) return asked;
  return after(guard(state, call), (verdict) => {
    asked.push({ ...verdict, name: chosen.guards[asked.length] ?? "" });
    return config.fail_fast && !verdict.passed && verdict.action === "reject" ? asked : ask(state, ctx, asked);
  });
};

const judged = (state: GuardState, { emit }: Context, recheck: boolean, asked: readonly Asked[]): Write => {
  const failed = asked.filter((verdict) => !verdict.passed);
  const rejected = failed.find((verdict) => verdict.action === "reject");
  const first = rejected ?? failed[0];
  const warnings = failed.filter((verdict) => verdict.action === "warn");
  emit("guard.check", {
    passed: first === undefined,
    guard_name: first?.name ?? "chain",
    message: first?.message ?? "Every guard passed.",
    violations: failed.map(({ name, message, action }) => ({ guard_name: name, message, action })),
    recheck,
  });
  for (const { message } of warnings) emit("guard.warn", { message });
  if (rejected)
    throw new GuardRejectError(rejected.message, {
      guard: rejected.name,
      details: { violations: failed.map(({ name, message }) => ({ guard: name, message })) },
    });
  return { ...narrowed(state, asked), ...limited(state, asked) };
};

/** The tightest limit binds. */
const limited = ({ costLimitUsd }: GuardState, asked: readonly Asked[]): Patch<"costLimitUsd"> => {
  const limits = asked.flatMap((verdict) => verdict.costLimitUsd ?? []);
  const limit = limits.length ? Math.min(...limits) : null;
  return limit === costLimitUsd ? {} : { costLimitUsd: limit };
};

/** Forbidden tools are no longer offered, and stage 10 is told which may run: a model may call what it was never offered. */
const narrowed = ({ tools, toolGuard }: GuardState, asked: readonly Asked[]): Patch<"tools" | "toolGuard"> => {
  const rule = asked.reduce<State["toolGuard"]>((sum, verdict) => both(sum, verdict.tools ?? null), null);
  if (rule === null) return {};
  const offered = tools.filter((tool) => permits(rule, tool.name));
  return { ...(rule === toolGuard ? {} : { toolGuard: rule }), ...(offered.length === tools.length ? {} : { tools: offered }) };
};
