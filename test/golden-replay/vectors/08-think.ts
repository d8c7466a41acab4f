import { newState, type State } from "geny-executor";
import { planners } from "../../../src/stages/08-think/planners.ts";
import { processors } from "../../../src/stages/08-think/processors.ts";
import { testServices } from "../../../src/testing/run-stage.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

/** What the model's own setting is where a planner leaves it alone. */
const OWN = newState().thinkingBudgetTokens;
const KEYS: { readonly [strategy: string]: readonly string[] } = {
  static: ["budget_tokens"],
  adaptive: ["base_budget", "min_budget", "max_budget", "tools_bonus", "reflection_bonus"],
};
const long = (value: unknown): unknown =>
  typeof value === "string" && /^<\d+ chars>$/.test(value) ? "c".repeat(Number(value.slice(1, -7))) : value;

export const replay = async (vector: Vector): Promise<unknown> => (vector.slot === "processor" ? processed(vector) : planned(vector));

const processed = (vector: Vector): unknown => {
  const processor = made(processors, vector, testServices());
  if ("refused" in processor) return processor;
  const { blocks, iteration } = vector.input as { blocks: string[]; iteration: number };
  const { kept, records } = processor.fn(
    blocks.map((text) => ({ text, tokens: 5 })),
    iteration,
    call,
  );
  return { blocks: kept.map(({ text }) => text), thinking_history: records };
};

const planned = (vector: Vector): unknown => {
  const planner = made(planners, vector, testServices());
  if ("refused" in planner) return planner;
  const input = vector.input as {
    system?: State["system"];
    messages?: State["messages"];
    tools?: State["tools"];
    metadata?: { needs_reflection?: boolean };
  };
  const state = newState({
    system: long(input.system ?? "") as State["system"],
    messages: (input.messages ?? []).map((m) => ({ ...m, content: long(m.content) as string })),
    tools: input.tools ?? [],
    needsReflection: input.metadata?.needs_reflection ?? false,
  });
  const config: Record<string, unknown> = { ...planner.config };
  return {
    budget: planner.fn(state, call) ?? OWN,
    get_config: Object.fromEntries((KEYS[vector.strategy] ?? []).map((key) => [key, config[key]])),
  };
};

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "think.max_budget_as_written",
    why: "ours reports max_budget as it was written; a smaller one acts as if it were min_budget, which is the recorded behaviour",
    covers: ({ strategy, config }) => strategy === "adaptive" && Number(config?.min_budget) > Number(config?.max_budget ?? 24000),
  },
  {
    rule: "think.prompt_blocks_count",
    why: "better on purpose: a prompt in blocks is as long as the same prompt in one text; 2.1.0 counted it as nothing",
    covers: ({ strategy, input }) => strategy === "adaptive" && Array.isArray((input as { system?: unknown }).system),
  },
];
