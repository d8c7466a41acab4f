/** Tools inside the backend's own loop, as events: each call and each answer once, whether the stream or the tool itself is heard first. */
import type { ModelEvent } from "../../contract/provider.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";
import type { Call } from "../../contract/strategy.ts";

export interface CliCalls {
  use(call: { readonly id: string; readonly name: string; readonly input: JsonObject }): void;
  result(id: string, result: { readonly content: Json; readonly is_error: boolean }): void;
  /** What the backend's stream says. */
  hear(event: Extract<ModelEvent, { type: "cli_tool" }>): void;
}

export const cliCalls = (emit: Call["emit"]): CliCalls => {
  const used = new Set<string>();
  const answered = new Set<string>();
  const first = (ids: Set<string>, id: string): boolean => ids.size !== ids.add(id).size;
  const calls: CliCalls = {
    use({ id, name, input }) {
      if (first(used, id)) emit("api.tool_use", { id, name, input, source: "cli" });
    },
    result(id, { content, is_error }) {
      if (first(answered, id)) emit("api.tool_result", { tool_use_id: id, content, is_error, source: "cli" });
    },
    hear({ id, name, input, result }) {
      if (input) calls.use({ id, name, input });
      if (result) calls.result(id, result);
    },
  };
  return calls;
};
