/** Who does the work that the model hands on. All of them reach other agents through the host's `delegate`. */

import { billed, type Spent } from "../../contract/bill.ts";
import { messageOf } from "../../contract/errors.ts";
import type { Delegated, Host, SubagentMetadata } from "../../contract/host.ts";
import { fields, type JsonObject } from "../../contract/schema.ts";
import { type AgentResult, type DelegateRequest, type State, unread } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

export interface Orchestration {
  /** Whether another agent was asked. */
  readonly delegated: boolean;
  /** One for each request that was taken. */
  readonly results: readonly AgentResult[];
  /** Whether the requests are done with. False: they stay. */
  readonly served: boolean;
  /** What a judge said, for stage 14; null takes back what one said before. */
  readonly evaluationInput?: JsonObject | null;
}
/** Where other agents' costs go. */
export interface Books {
  readonly spent: readonly Spent[];
  spend(spent: Spent): void;
}
export type Orchestrator = (requests: readonly DelegateRequest[], state: State, call: Call & Books) => Promise<Orchestration>;
type Answer = Omit<AgentResult, "agent_type" | "task">;

const nothing: Orchestration = { delegated: false, results: [], served: false };
const failed = (error: string): Answer => ({ success: false, text: "", error });

/** Asks the host's agent, as one step; it knows what those before it have spent. A failure is an answer; only an abort is thrown. */
const ask = async (host: Host, request: DelegateRequest, name: string, state: State, call: Call & Books, prefix = ""): Promise<Answer> => {
  try {
    const answer = await call.step(`agent:${name}`, async (signal): Promise<Delegated> => {
      if (!host.delegate) return failed("this host has no other agents");
      const { emit, step } = call;
      return host.delegate(request, paid(state, call.spent), { emit, step, signal });
    });
    if (answer.spent) call.spend(answer.spent);
    call.signal.throwIfAborted();
    const { success, text, error, subagent_metadata } = answer;
    return { success, text, error: error ?? null, ...(subagent_metadata === undefined ? {} : { subagent_metadata }) };
  } catch (error) {
    call.signal.throwIfAborted();
    return failed(`${prefix}${messageOf(error)}`);
  }
};

/** The newest call of the turn's own stays the last: the size of the next request is reckoned from it. */
export const paid = <S extends Seen>(state: S, all: readonly Spent[]): S => {
  let books = state;
  for (const one of all) books = { ...books, ...billed(books, one), turnTokenUsage: books.turnTokenUsage.toSpliced(-1, 0, one.usage) };
  return books;
};
type Seen = Parameters<typeof billed>[0];

const single_agent = defineStrategy<Orchestrator>()({
  about: "No delegation: requests stay where they are.",
  config: fields({}),
  create: () => async () => nothing,
});

const delegate = defineStrategy<Orchestrator>()({
  about: "Hands each request to the host's agent of that type, one after another.",
  needs: "delegate",
  config: fields({}),
  create:
    (_config, { host }) =>
    async (requests, state, call) => {
      const results: AgentResult[] = [];
      for (const [i, request] of requests.entries()) {
        const { success, text, error } = await ask(host, request, `${request.agent_type}#${i}`, state, call);
        results.push({ ...request, success, text, error });
      }
      return { delegated: results.length > 0, results, served: true };
    },
});

const JUDGE = `Judge the answer below. Begin with "Score: N/100", where 100 is as good as it can be, then say in one or two sentences what is missing or wrong.

Answer:
`;

const evaluator = defineStrategy<Orchestrator>()({
  about: "Has the host's agent `evaluator` score the answer, for stage 14's `agent_evaluation`.",
  needs: "delegate",
  config: fields({}),
  create:
    (_config, { host }) =>
    async (_requests, state, call) => {
      // A text beside tool calls is no answer yet.
      if (!state.finalText || unread(state)) return { ...nothing, evaluationInput: null };
      const request = { agent_type: "evaluator", task: `${JUDGE}${state.finalText}` };
      const { success, text, error } = await ask(host, request, "evaluator", state, call);
      const evaluationInput = { evaluator_response: text, evaluator_success: success, ...(success ? {} : { evaluator_error: error }) };
      return { delegated: true, results: [], served: false, evaluationInput };
    },
});

/**
 * Runs `work` on all items, at most `limit` of them at once; results in the order of the items. Once one has failed none is begun any more, and
 * the failure is thrown when those that were begun have ended: what they have spent is told by then.
 */
const inParallel = async <T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length && !failures.length; i = next++) results[i] = await work(items[i] as T);
  };
  const workers = Array.from({ length: Math.min(limit, items.length) }, () => worker().catch((error) => void failures.push(error)));
  await Promise.all(workers);
  if (failures.length) throw failures[0];
  return results;
};

const subagent_type = defineStrategy<Orchestrator>()({
  about: "Like `delegate`, by what is known of the types: serial ones first, then the parallel ones together.",
  needs: "delegate",
  config: fields({}),
  create:
    (_config, { host }) =>
    async (requests, state, call) => {
      const jobs = requests.map((request, i) => ({
        request,
        name: `${request.agent_type}#${i}`,
        type: host.agentType?.(request.agent_type),
      }));
      const work = async ({ request, name, type }: (typeof jobs)[number]): Promise<AgentResult> => {
        const answer =
          type === null ? failed(`unknown_agent_type: ${request.agent_type}`) : await ask(host, request, name, state, call, "run_error: ");
        const { success, text, error, subagent_metadata } = answer;
        return { ...request, subagent_metadata: type ?? subagent_metadata ?? null, success, text, error };
      };
      const beside = (type: SubagentMetadata | null | undefined): boolean => type?.parallel ?? false;
      const parallel = jobs.filter((job) => beside(job.type));
      const results: AgentResult[] = [];
      for (const job of jobs) if (!beside(job.type)) results.push(await work(job));
      const limit = Math.max(1, Math.min(...parallel.map((job) => job.type?.max_concurrent ?? 1)));
      results.push(...(await inParallel(parallel, limit, work)));
      return { delegated: results.length > 0, results, served: true };
    },
});

export const orchestrators = { single_agent, delegate, evaluator, subagent_type };
