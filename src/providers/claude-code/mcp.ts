/** The session's tools as an MCP server: one JSON-RPC message in, at most one out. Knows no transport. */
import { randomUUID } from "node:crypto";
import type { ContentBlock } from "../../contract/message.ts";
import type { SessionTools } from "../../contract/provider.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";
import type { PendingToolCall } from "../../contract/state.ts";
import { isObject, object, text } from "../json.ts";

/** The server's name in the CLI, where a tool is `mcp__geny__NAME`. */
export const SERVER = "geny";
const VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;
/** Characters of a result that the CLI hands on whole. The dispatcher has cut it before. */
const RESULT_LIMIT = 500_000;

/** Answers a message; null: a notification, or an answer to nothing that was asked. Never rejects: a failure is an answer. */
export type McpServer = (message: Json | undefined, signal: AbortSignal) => Promise<JsonObject | null>;

const answerOf = (id: Json, answer: { readonly result: JsonObject } | { readonly error: JsonObject }): JsonObject => ({
  jsonrpc: "2.0",
  id,
  ...answer,
});
const failure = (code: number, message: string) => ({ error: { code, message } });
/** What is no JSON at all. */
export const unreadable = answerOf(null, failure(-32700, "The message is no JSON."));

export const mcpServer = (tools: SessionTools): McpServer => {
  /** Calls that run, by the id of their request. */
  const open = new Map<Json, AbortController>();

  const run = async (id: Json, params: JsonObject, signal: AbortSignal) => {
    const asked = callOf(params);
    if (!asked) return failure(-32602, "A call needs a name, and arguments that are an object.");
    const stop = new AbortController();
    open.set(id, stop);
    try {
      const { content, is_error } = await tools.call(asked, AbortSignal.any([signal, stop.signal]));
      return { result: { content: contentOf(content), ...(is_error ? { isError: true } : {}) } };
    } catch {
      return failure(-32603, "The call was stopped."); // it rejects on abort only
    } finally {
      open.delete(id);
    }
  };

  return async (message, signal) => {
    if (!isObject(message) || message.jsonrpc !== "2.0") return answerOf(null, failure(-32600, "This is no JSON-RPC 2.0 message."));
    const { id, method } = message;
    if (typeof method !== "string")
      return "result" in message || "error" in message ? null : answerOf(idOf(id), failure(-32600, "There is no method."));
    const params = object(message.params);
    if (id === undefined) {
      if (method === "notifications/cancelled") open.get(params.requestId ?? null)?.abort(new Error("The caller took the call back."));
      return null;
    }
    if (idOf(id) === null) return answerOf(null, failure(-32600, "An id is a text or a number."));
    switch (method) {
      case "initialize":
        return answerOf(id, { result: greeting(text(params.protocolVersion)) });
      case "ping":
        return answerOf(id, { result: {} });
      case "tools/list":
        return answerOf(id, { result: { tools: tools.specs.map(toolOf) } });
      case "tools/call":
        return answerOf(id, await run(id, params, signal));
      default:
        return answerOf(id, failure(-32601, `There is no method "${method.slice(0, 100)}".`));
    }
  };
};

const idOf = (id: Json | undefined): Json => (typeof id === "string" || typeof id === "number" ? id : null);

const greeting = (asked: string): JsonObject => ({
  protocolVersion: VERSIONS.find((version) => version === asked) ?? VERSIONS[0],
  capabilities: { tools: {} },
  serverInfo: { name: "geny-executor", version: "1" },
});

/** The CLI may put tools away until they are searched for, and cut long results: neither is wanted of ours. */
const toolOf = ({ name, description, input_schema }: SessionTools["specs"][number]): JsonObject => ({
  name,
  description,
  inputSchema: { ...input_schema, type: "object" },
  _meta: { "anthropic/alwaysLoad": true, "anthropic/maxResultSizeChars": RESULT_LIMIT },
});

const callOf = ({ name, arguments: given = {}, _meta }: JsonObject): PendingToolCall | null =>
  typeof name === "string" && name && isObject(given)
    ? { tool_use_id: callId(object(_meta)["claudecode/toolUseId"]), tool_name: name, tool_input: given }
    : null;

/** The id under which the CLI tells the call in its stream; a new one when it says none. */
export const callId = (given: Json | undefined): string => (/^[\w-]{1,128}$/.test(text(given)) ? text(given) : `call_${randomUUID()}`);

const contentOf = (content: string | readonly ContentBlock[]): readonly JsonObject[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : content.map(partOf);

const partOf = (block: ContentBlock): JsonObject => {
  if (block.type === "text") return { type: "text", text: block.text };
  if (block.type === "image" && block.source.type === "base64")
    return { type: "image", data: block.source.data, mimeType: block.source.media_type };
  if (block.type === "document" && block.source.type === "text") return { type: "text", text: block.source.data };
  return { type: "text", text: `[${block.type}]` };
};
