/** The offline planner: a few rules that answer questions about files by calling the tools they are offered. It is no model, and says so. */
import { createHash } from "node:crypto";
import { type Question, readQuestion } from "./planner/ask.ts";
import { advance, type Call, callOne, complaint, type Plan, type Result } from "./planner/plan.ts";
import { planTask, title } from "./planner/tasks.ts";
import type { Asked, Part, Turn } from "./script.ts";

const signature = "(Written by the offline planner: fixed rules, not a language model.)";
const abilities =
  "I can count and list files, find the largest one, say what a file contains, search for a word, write a file, replace text in a file, run a command you spell out, and keep a todo list. " +
  'For example: "How many TypeScript files are here, and what does the largest one do?"';

/** A script: what the rules make of the conversation so far. The same conversation gives the same turn. */
export function planner(request: Asked): Turn {
  const at = request.messages.findLastIndex((m) => m.role === "user" && questionOf(m.parts) !== "");
  const question = readQuestion(questionOf(request.messages[at]?.parts ?? []));
  if (!question.tasks.length)
    return final(
      request,
      `I am the offline stand-in for a model, and I have no rule for this request.\n${abilities}`,
      "No rule fits this request.",
    );
  const steps = stepsOf(request.messages.slice(at + 1).flatMap((m) => m.parts));
  const next = advance(whole(question, request.tools), steps);
  if ("value" in next) return final(request, next.value, "All results are here: I sum them up.");
  const names = [...new Set(next.calls.map((call) => call.name))].join(" and ");
  return { ...thought(request, `The rules for this request call ${names} next.`), tool_calls: next.calls };
}

/** The last text a person wrote in a message; empty for one that carries tool results, whatever a host adds to those. */
function questionOf(parts: readonly Part[]): string {
  if (parts.some((part) => part.type === "tool_result")) return "";
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text.replace(/<([\w-]+)>[\s\S]*?<\/\1>/g, "").trim()] : []));
  return texts.filter(Boolean).at(-1) ?? "";
}

function stepsOf(parts: readonly Part[]): readonly (Call & { readonly result: Result })[] {
  const results = new Map(parts.flatMap((part) => (part.type === "tool_result" ? [[part.id, part] as const] : [])));
  return parts.flatMap((part) => {
    const result = part.type === "tool_call" ? results.get(part.id) : undefined;
    return part.type === "tool_call" && result ? [{ name: part.name, input: part.input, result }] : [];
  });
}

/** All tasks one after the other; more than one are kept on a todo list when there is one. */
function* whole({ tasks, unclear }: Question, tools: readonly string[]): Plan<string> {
  const keeping = tasks.length > 1 && tools.includes("TodoWrite") && !tasks.some((task) => task.kind === "todo");
  const answers: string[] = [];
  const states: ("pending" | "in_progress" | "completed")[] = tasks.map(() => "pending");
  let note = "";
  const keep = function* (): Plan<void> {
    if (!keeping || note) return;
    const result = yield* callOne("TodoWrite", {
      todos: tasks.map((task, i) => ({ content: title(task), status: states[i] ?? "pending" })),
    });
    if (result.is_error) note = `I kept no todo list: ${complaint("TodoWrite", result)}`;
  };
  for (const [i, task] of tasks.entries()) {
    states[i] = "in_progress";
    yield* keep();
    const done = yield* planTask(task, tools);
    states[i] = done.ok ? "completed" : "pending";
    answers.push(tasks.length > 1 ? `${i + 1}. ${title(task)}${done.ok ? "" : " (not done)"}\n${done.text}` : done.text);
  }
  yield* keep();
  const lost = unclear.length ? `I have no rule for: ${unclear.map((part) => JSON.stringify(part)).join(", ")}.` : "";
  return [...answers, note, lost].filter(Boolean).join("\n\n");
}

const final = (request: Asked, text: string, why: string): Turn => ({ ...thought(request, why), text: `${text}\n\n${signature}` });

function thought(request: Asked, why: string): Turn {
  if (request.thinking === "off") return {};
  const text = `Offline planner, no model. ${why}`;
  const signed = createHash("sha256").update(text).digest("base64");
  return { thinking: { text: request.thinking === "omitted" ? "" : text, signature: signed } };
}
