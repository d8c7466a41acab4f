import { type JsonObject, systemClock, type ToolResult } from "geny-executor";
import { createDispatcher, ToolRegistry } from "geny-executor/tools";
import { call } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

type Recorded = { readonly content: ToolResult["content"]; readonly is_error?: boolean; readonly display_text?: string };

/** What a tool's result becomes on its way through the dispatcher. */
const dispatched = (result: ToolResult) => {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const tools = new ToolRegistry({ log });
  tools.register({ name: "t", description: "", input: { type: "object" }, effect: "read", run: () => result });
  const pending = { tool_use_id: "t1", tool_name: "t", tool_input: {} };
  return createDispatcher({ tools, clock: systemClock, log }).dispatch(
    pending,
    { sessionId: "s", shared: {}, turn: 1, toolCallsTotal: 0 },
    call,
  );
};

export const replay = async ({ strategy, input }: Vector): Promise<unknown> => {
  if (strategy === "state_mutations") return (await dispatched({ content: "", mutations: input as JsonObject })).mutations;
  const { content, is_error, display_text } = input as Recorded;
  const display = display_text === undefined ? {} : { display: display_text };
  return (await dispatched({ content, ...(is_error ? { isError: true } : {}), ...display })).block;
};

const contentOf = ({ input }: Vector): unknown => (input as Partial<Recorded>).content;
export const differences: readonly Difference<Vector>[] = [
  {
    rule: "tool.scalars_as_json",
    why: "better on purpose: null and true stand as JSON before the model, not in the Python text form",
    covers: (v) => v.strategy === "tool_result" && (contentOf(v) === null || typeof contentOf(v) === "boolean"),
  },
  {
    rule: "tool.list_of_no_blocks",
    why: "better on purpose: a list that is not made of content blocks becomes JSON text; a provider would refuse the request",
    covers: (v) => {
      const content = contentOf(v);
      return v.strategy === "tool_result" && Array.isArray(content) && content.some((item) => typeof item !== "object");
    },
  },
];
