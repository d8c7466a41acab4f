/** The pipeline: 21 stages in three phases. `ls` reads the same. */
import { input } from "./01-input.ts";
import { context } from "./02-context.ts";
import { system } from "./03-system.ts";
import { guard } from "./04-guard.ts";
import { cache } from "./05-cache.ts";
import { api } from "./06-api.ts";
import { token } from "./07-token.ts";
import { think } from "./08-think.ts";
import { parse } from "./09-parse.ts";
import { tool } from "./10-tool.ts";
import { toolReview } from "./11-tool-review.ts";
import { agent } from "./12-agent.ts";
import { taskRegistry } from "./13-task-registry.ts";
import { evaluate } from "./14-evaluate.ts";
import { hitl } from "./15-hitl.ts";
import { loop } from "./16-loop.ts";
import { emit } from "./17-emit.ts";
import { memory } from "./18-memory.ts";
import { summarize } from "./19-summarize.ts";
import { persist } from "./20-persist.ts";
import { yieldStage } from "./21-yield.ts";

export const PIPELINE = {
  /** Once a turn. */
  setup: [input, context, system, guard, cache],
  /** Until stage 16 says that the turn is done. */
  loop: [api, token, think, parse, tool, toolReview, agent, taskRegistry, evaluate, hitl, loop],
  /** Once a turn, also when it broke. */
  surface: [emit, memory, summarize, persist, yieldStage],
} as const;

export {
  agent,
  api,
  cache,
  context,
  emit,
  evaluate,
  guard,
  hitl,
  input,
  loop,
  memory,
  parse,
  persist,
  summarize,
  system,
  taskRegistry,
  think,
  token,
  tool,
  toolReview,
  yieldStage,
};
