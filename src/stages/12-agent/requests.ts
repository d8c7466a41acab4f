/** What the model asked of other agents, and what it reads of their answers. */
import type { AgentResult, DelegateRequest, State } from "../../contract/state.ts";

type Seen = Pick<State, "delegateRequests" | "completionSignal" | "completionDetail" | "finalText">;

/** The waiting requests, and the one that stage 9 read as `[DELEGATE: type task]`. Without a task in the mark, the text around it is the task. */
export const requestsOf = ({ delegateRequests, completionSignal, completionDetail, finalText }: Seen): readonly DelegateRequest[] => {
  const given = delegateRequests.map(({ agent_type, task }) => ({ agent_type: agent_type || "default", task }));
  if (completionSignal !== "delegate") return given;
  const [, type, named] = /^\s*([^\s:]+)[\s:]*(.*)$/s.exec(completionDetail ?? "") ?? [];
  const task = named?.trim() || finalText.replace(/\[DELEGATE[^\]]*\]/i, "").trim();
  return task ? [...given, { agent_type: type ?? "default", task }] : given;
};

/** The message that tells the model; a failure without a text is told by its error. `dropped`: requests that the cap left out. */
export const summary = (results: readonly AgentResult[], dropped: readonly DelegateRequest[], chars: number): string =>
  [
    "Sub-agent results:",
    ...results.map((r) => `[Agent:${r.agent_type}] (${r.success ? "success" : "failed"}) ${cut(r.text || (r.error ?? ""), chars)}`),
    ...dropped.map((r) => `[Agent:${r.agent_type}] (not run: too many requests at once) ${cut(r.task, 200)}`),
  ].join("\n");

const cut = (text: string, chars: number): string => [...text].slice(0, chars).join("");
