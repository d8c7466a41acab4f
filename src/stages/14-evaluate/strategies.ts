/** How an answer is judged. */
import { type Fields, fields, int, list, number, text } from "../../contract/schema.ts";
import type { Services } from "../../contract/services.ts";
import { type State, unread } from "../../contract/state.ts";
import { type Call, defineStrategy, type Strategy } from "../../contract/strategy.ts";
import type { CriterionResult, Evaluate, Evaluation } from "./evaluation.ts";

/** What the model's own signal says; undefined for none, `continue` and unknown ones. */
const bySignal = ({ completionSignal, completionDetail: detail }: State): Evaluation | undefined => {
  switch (completionSignal) {
    case "complete":
      return { passed: true, score: 1, decision: "complete", feedback: detail ?? "The model says that it is done." };
    case "blocked":
      return { passed: false, score: 0, decision: "escalate", feedback: detail ?? "Task blocked." };
    case "error":
      return { passed: false, score: 0, decision: "error", feedback: detail ?? "The model reports an error." };
    case "delegate":
      return { ...goOn, feedback: "The model hands work on." };
  }
};
const goOn: Evaluation = { passed: true, score: null, decision: "continue", feedback: "No verdict: the loop decides." };
const accept = (feedback = ""): Evaluation => ({ passed: true, score: null, decision: "complete", feedback });

const signal_based = defineStrategy<Evaluate>()({
  about: "Goes by the model's own signal: complete, blocked, error; else the loop decides.",
  config: fields({}),
  create: () => (state) => bySignal(state) ?? goOn,
});

const criteria_based = defineStrategy<Evaluate>()({
  about: "The weighted mean of the host's criteria; below the threshold the model tries again. Without criteria every answer is complete.",
  config: fields({ pass_threshold: number({ about: "mean from which on an answer passes", min: 0, max: 1, default: 0.6 }) }),
  create:
    ({ pass_threshold }, { host, log }) =>
    async (state, call) => {
      if (!host.criteria?.length) return accept();
      const criteria: CriterionResult[] = [];
      for (const criterion of host.criteria) {
        const { name, weight = 1, threshold = 0.5 } = criterion;
        const score = await call.step(`criterion:${name}`, async (signal) => {
          try {
            const value = await criterion.check(state);
            return Number.isFinite(value) ? value : 0;
          } catch (error) {
            signal.throwIfAborted();
            log.warn(`The criterion "${name}" failed and counts as 0.`, error);
            return 0;
          }
        });
        criteria.push({ name, score, weight, passed: score >= threshold });
      }
      const total = criteria.reduce((sum, c) => sum + c.weight, 0);
      const score = total ? criteria.reduce((sum, c) => sum + c.weight * c.score, 0) / total : 0;
      const passed = score >= pass_threshold;
      const missed = criteria.filter((c) => !c.passed).map((c) => `${c.name} (${c.score.toFixed(2)})`);
      const below = missed.length ? ` Not met: ${missed.join(", ")}.` : "";
      const feedback = `The answer scores ${score.toFixed(2)}; ${pass_threshold} is needed.${below}`;
      return { passed, score, decision: passed ? "complete" : "retry", feedback, criteria };
    },
});

const PASS = 0.6;
/** "Score: 85/100" or "score 0.9"; a number above 1 is of 100. */
const scoreIn = (said: string): number | null => {
  const ofHundred = /[Ss]core[:\s]+(\d+(?:\.\d+)?)\s*\/\s*100/.exec(said);
  if (ofHundred) return Number(ofHundred[1]) / 100;
  const plain = /[Ss]core[:\s]+(\d+(?:\.\d+)?)/.exec(said);
  if (!plain) return null;
  const value = Number(plain[1]);
  return value > 1 ? value / 100 : value;
};

const agent_evaluation = defineStrategy<Evaluate>()({
  about: "Goes by what stage 12's evaluator said. Without a verdict, or when the evaluator failed, the answer is accepted.",
  config: fields({}),
  create:
    () =>
    ({ evaluationInput }) => {
      if (!evaluationInput) return accept();
      const { evaluator_success, evaluator_response } = evaluationInput;
      if (evaluator_success !== true) return accept("The evaluator failed; the answer is accepted.");
      const feedback = typeof evaluator_response === "string" ? evaluator_response : "";
      const score = scoreIn(feedback);
      const passed = score === null || score >= PASS;
      return { passed, score, decision: passed ? "complete" : "retry", feedback };
    },
});

const turnCaps = {
  easy_max_turns: int({ about: "passes of an easy task at most", min: 1, default: 1 }),
  not_easy_max_turns: int({ about: "passes of another task at most", min: 1, default: 30 }),
};

const binary_classify = defineStrategy<Evaluate>()({
  about:
    "The first pass tells easy tasks (answered at once) from others (tools, other agents or more to come), each with its limit of passes.",
  config: fields(turnCaps),
  create:
    ({ easy_max_turns, not_easy_max_turns }) =>
    (state) => {
      const busy = state.pendingToolCalls.length > 0 || unread(state);
      if (state.iteration <= 1 && state.taskClass === null)
        return busy || state.completionSignal === "continue"
          ? { ...goOn, feedback: "Not an easy task.", taskClass: "not_easy", maxTurns: not_easy_max_turns }
          : { ...accept("An easy task, answered."), score: 1, taskClass: "easy", maxTurns: easy_max_turns };
      if (busy) return { ...goOn, feedback: "Work is under way." };
      const said = bySignal(state);
      if (said) return said;
      const { completionSignal: signal, finalText } = state;
      return (signal === null || signal === "continue") && finalText ? { ...accept("There is an answer."), score: 0.8 } : goOn;
    },
});

const single = { signal_based, criteria_based, agent_evaluation, binary_classify };
const isSingle = (name: string): name is keyof typeof single => Object.hasOwn(single, name);

const evaluation_chain = defineStrategy<Evaluate>()({
  about:
    "Asks several evaluators in order; the first that does not say `continue` decides. One that throws is skipped. Without any, every answer is complete.",
  config: fields({
    evaluators: list(text({ about: "an evaluator's name" }), { about: `in order, out of ${Object.keys(single).join(", ")}`, default: [] }),
    easy_max_turns: int({ about: "handed on to binary_classify; null: its own default", min: 1, default: null }),
    not_easy_max_turns: int({ about: "handed on to binary_classify; null: its own default", min: 1, default: null }),
  }),
  create: ({ evaluators, ...given }, services) => {
    const chain = evaluators.map((name) => {
      if (!isSingle(name)) throw new RangeError(`no evaluator is named "${name}" (known: ${Object.keys(single).join(", ")})`);
      return { name, evaluate: made(single[name], given, services) };
    });
    return async (state, call) => {
      if (!chain.length) return accept("No evaluator is in the chain.");
      let sofar: Evaluation = goOn;
      for (const { name, evaluate } of chain) {
        const said = await attempt(name, () => evaluate(state, call), services, call);
        if (!said) continue;
        // What an earlier one found (a class, a limit) stays.
        sofar = { ...sofar, ...said };
        if (said.decision !== "continue") break;
      }
      return sofar;
    };
  },
});

/** The strategy with its own defaults and those of the given values that it knows. */
const made = (strategy: Strategy<Evaluate>, given: Readonly<Record<string, unknown>>, services: Services): Evaluate => {
  const shape: Fields["shape"] = strategy.config.shape;
  const config = Object.fromEntries(
    Object.entries(shape).map(([key, field]) => [key, given[key] ?? (field as { default?: unknown }).default]),
  );
  return strategy.create(config as never, services);
};

const attempt = async (name: string, work: () => Evaluation | Promise<Evaluation>, { log }: Services, call: Call) => {
  try {
    return await work();
  } catch (error) {
    call.signal.throwIfAborted();
    log.warn(`The evaluator "${name}" failed and is skipped.`, error);
    return undefined;
  }
};

export const strategies = { ...single, evaluation_chain };
