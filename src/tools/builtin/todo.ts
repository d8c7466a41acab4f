import type { JsonObject } from "../../contract/schema.ts";
import { defineTool, type Tool } from "../../contract/tool.ts";
import { Refused, refusals } from "./paths.ts";

const MOST = 100;
const STATUSES = ["pending", "in_progress", "completed"] as const;
type Status = (typeof STATUSES)[number];
type TodoInput = { content: string; status?: Status; activeForm?: string; id?: string };
type Todo = { id: string; content: string; status: Status; activeForm?: string };
const MARK = { pending: " ", in_progress: "~", completed: "x" } as const;

export const todoTool: Tool<{ todos: readonly TodoInput[] }> = defineTool({
  name: "TodoWrite",
  description: `Replaces the list of todos, at most ${MOST}. Send the whole list every time.`,
  input: {
    type: "object",
    properties: {
      todos: {
        type: "array",
        description: "The whole list, in order.",
        items: {
          type: "object",
          properties: {
            content: { type: "string", minLength: 1, description: "What is to be done." },
            status: { type: "string", enum: [...STATUSES], description: "Default pending." },
            activeForm: { type: "string", description: "How it reads while it is being done." },
            id: { type: "string", description: "Default: made from place and content." },
          },
          required: ["content"],
        },
      },
    },
    required: ["todos"],
  },
  effect: "idempotent",
  run: ({ todos }) =>
    refusals(async () => {
      if (todos.length > MOST) throw new Refused(`${todos.length} todos are too many; the most is ${MOST}.`);
      const { createHash } = await import("node:crypto");
      const hash = (text: string) => createHash("sha1").update(text).digest("hex").slice(0, 8);
      const list = todos.map((todo, i) => read(todo, i, hash));
      const ids = new Set<string>();
      for (const { id } of list) {
        if (ids.has(id)) throw new Refused(`The id '${id}' stands twice.`);
        ids.add(id);
      }
      const count = (status: Status) => list.filter((todo) => todo.status === status).length;
      const counts = { pending: count("pending"), in_progress: count("in_progress"), completed: count("completed") };
      const lines = list.map((t, i) => `- [${MARK[t.status]}] ${i + 1}. [${t.id}] ${t.content}${t.activeForm ? ` — ${t.activeForm}` : ""}`);
      const wire: readonly JsonObject[] = list;
      return {
        content: `Todos: ${list.length} (${counts.pending} pending, ${counts.in_progress} in progress, ${counts.completed} completed)\n\n${lines.join("\n") || "(no todos)"}`,
        metadata: { todos: wire, counts, total: list.length },
        mutations: { "executor.todos": wire },
      };
    }),
});

const read = ({ content: given, status = "pending", activeForm, id }: TodoInput, index: number, hash: (text: string) => string): Todo => {
  const content = given.trim();
  if (!content) throw new Refused(`The todo at index ${index} has no content.`);
  if (id !== undefined && !id.trim()) throw new Refused(`The todo at index ${index} has a blank id.`);
  const active = activeForm?.trim();
  return { id: id?.trim() ?? hash(`${index}:${content}`), content, status, ...(active ? { activeForm: active } : {}) };
};
