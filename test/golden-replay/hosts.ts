/** The recorded hosts' functions: people who approve, agents who are asked, criteria that score. */

import type { AgentResult, Criterion, HitlDecision, Host, Pipeline } from "geny-executor";
import { PipelineBuilder } from "geny-executor";
import type { Draft } from "./draft.ts";
import { scriptedProvider } from "./provider.ts";
import type { Decision, Step } from "./recording.ts";

/** The next of some values at each call; the last one again and again. */
export const inTurn = <T>(values: readonly T[]): (() => T | undefined) => {
  let at = 0;
  return () => values[Math.min(at++, values.length - 1)];
};

/** Ends with the signal only. */
export const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason), { once: true }));

export const approver = (decisions: readonly Decision[], draft: Draft): NonNullable<Host["approve"]> => {
  const next = inTurn(decisions);
  return async ({ token, reason, severity }, { signal }) => {
    draft.callbacks.push({ hitl: { token, reason, severity } });
    const decision = next() ?? null;
    if (decision === null || typeof decision === "string") return decision;
    if (decision.raise) throw new Error(decision.raise);
    return await never(signal);
  };
};

/** Answers what waits, after it tried the answers that must be refused. */
export const answer = (
  pipeline: Pipeline,
  decision: HitlDecision | "cancel_pending",
  bad: readonly { readonly token?: string; readonly decision: string }[],
  draft: Draft,
): void => {
  const waiting = pipeline.listPendingHitl().map((request) => request.token);
  const token = waiting[0] ?? "";
  draft.callbacks.push({ pending: waiting });
  for (const wrong of bad)
    try {
      pipeline.resume(wrong.token ?? token, wrong.decision as HitlDecision);
    } catch (error) {
      draft.callbacks.push({ resume_error: error instanceof Error ? error.name : String(error), decision: wrong.decision });
    }
  if (decision === "cancel_pending") draft.callbacks.push({ cancelled: pipeline.cancelPendingHitl(token) });
  else pipeline.resume(token, decision);
};

export interface Agent {
  readonly script: readonly Step[];
  /** It cannot be made, for this reason. */
  readonly fails?: string | undefined;
}
/** Each agent is a pipeline of its own with its own script. */
export const delegating = (agents: ReadonlyMap<string, Agent>, draft: Draft): NonNullable<Host["delegate"]> => {
  const asked = new Map<string, number>();
  return async ({ agent_type, task }): Promise<Omit<AgentResult, "agent_type" | "task">> => {
    const agent = agents.get(agent_type);
    if (!agent) throw new Error(`unknown_agent_type: ${agent_type}`);
    if (agent.fails) throw new Error(`factory_error: ${agent.fails}`);
    const from = asked.get(agent_type) ?? 0;
    asked.set(agent_type, from + 1);
    const provider = scriptedProvider(agent.script.slice(from));
    const result = await new PipelineBuilder(agent_type, { providers: { anthropic: provider } }).build().run(task);
    for (const request of provider.requests) draft.subRequests.push({ agent: agent_type, request });
    return { success: result.success, text: result.text, error: null };
  };
};

export const criterion = ({
  name,
  weight,
  scores,
}: {
  name: string;
  weight?: number;
  scores: readonly (number | "raise")[];
}): Criterion => {
  const next = inTurn(scores);
  return {
    name,
    ...(weight === undefined ? {} : { weight }),
    check() {
      const score = next();
      if (typeof score !== "number") throw new Error("scripted criterion");
      return score;
    },
  };
};
