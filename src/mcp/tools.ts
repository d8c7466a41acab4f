/** A server's tools as tools of ours: `mcp__server__tool`. */
import type { Client, Tool as McpTool } from "@modelcontextprotocol/client";
import { redacted, type Server } from "../contract/mcp.ts";
import type { JsonObject } from "../contract/schema.ts";
import type { Effect, Tool } from "../contract/tool.ts";
import { callFailure } from "./failures.ts";
import { resultOf } from "./result.ts";

/** What a name has that some vendor takes in no tool's name becomes `_`. */
export const toolName = (server: string, tool: string): string => `mcp__${plain(server)}__${plain(tool)}`;
const plain = (name: string): string => name.replace(/[^A-Za-z0-9_-]/gu, "_");

/** The SDK has a limit of its own for a call, which the dispatcher's is to be shorter than. */
const NEVER = 2 ** 31 - 1;

export const toolOf = (server: Server, client: Client, { name, description, inputSchema, annotations }: McpTool): Tool<JsonObject> => {
  const called = toolName(server.name, name);
  return {
    name: called,
    description: description ?? annotations?.title ?? name,
    input: inputSchema as JsonObject,
    effect: effectOf(annotations),
    timeoutMs: server.callMs,
    async run(input, { signal }) {
      try {
        const answer = await client.callTool({ name, arguments: { ...input } }, { signal, timeout: NEVER });
        return resultOf(answer, (text) => redacted(text, server.secrets));
      } catch (thrown) {
        signal.throwIfAborted();
        throw callFailure(server, name, called, thrown);
      }
    },
  };
};

/** What a server says of its tool. One that says nothing may do anything. */
const effectOf = ({ readOnlyHint, destructiveHint, idempotentHint }: NonNullable<McpTool["annotations"]> = {}): Effect => {
  if (destructiveHint) return "once";
  if (readOnlyHint) return "read";
  return idempotentHint ? "idempotent" : "once";
};
