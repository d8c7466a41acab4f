/** A recording's tools: each gives its results in order, the last one again and again. */
import { defineTool, type ErrorCode, type Json, type JsonObject, type Tool, ToolExecutionError, type ToolResult } from "geny-executor";
import type { RecordedTool, ToolAnswer } from "./recording.ts";

const CODES: Record<string, ErrorCode> = {
  unknown_tool: "exec.tool.unknown",
  invalid_input: "exec.tool.invalid_input",
  tool_crashed: "exec.tool.crashed",
  access_denied: "exec.tool.access_denied",
  transport_error: "exec.tool.transport",
};

/** `received` gets the inputs that reach each tool. */
export const scriptedTool = (recorded: RecordedTool, received: { [tool: string]: unknown[] }): Tool => {
  const { name, description, input_schema, capabilities, results } = recorded;
  const mine: unknown[] = [];
  received[name] = mine;
  return defineTool({
    name,
    description,
    input: input_schema,
    effect: capabilities?.read_only ? "read" : "idempotent",
    concurrencySafe: capabilities?.concurrency_safe ?? false,
    ...(capabilities?.max_result_chars === undefined ? {} : { resultLimit: capabilities.max_result_chars }),
    async run(input: JsonObject): Promise<ToolResult> {
      const answer = results[Math.min(mine.length, results.length - 1)] ?? {};
      mine.push(input);
      // So many turns of the event loop later: calls that run side by side end in the order of these numbers.
      for (let i = 0; i < (answer.yield ?? 0); i++) await new Promise((ok) => setImmediate(ok));
      return give(name, answer);
    },
  });
};

const give = (tool: string, answer: ToolAnswer): ToolResult => {
  if (answer.crash) throw Object.assign(new Error(answer.message), { name: answer.crash });
  if (answer.fail) throw new ToolExecutionError(answer.message ?? "", { tool, code: CODES[answer.fail], details: answer.details ?? {} });
  const { content, repeat, is_error, display_text, state_mutations, new_messages } = answer;
  return {
    content: repeat ? String(content).repeat(repeat) : (content as Json),
    ...(is_error ? { isError: true } : {}),
    ...(display_text === undefined ? {} : { display: display_text }),
    ...(state_mutations ? { mutations: state_mutations } : {}),
    ...(new_messages ? { newMessages: new_messages } : {}),
  };
};
