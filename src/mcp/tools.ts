/** A server's tools as tools of ours: `mcp__server__tool`. */
import type { Client, Tool as McpTool } from "@modelcontextprotocol/client";
import { redacted, type Server } from "../contract/mcp.ts";
import { asJson } from "../contract/message.ts";
import type { JsonObject } from "../contract/schema.ts";
import type { Effect, Tool } from "../contract/tool.ts";
import { cleanSchema } from "./clean.ts";
import { callFailure } from "./failures.ts";
import { asCall } from "./http.ts";
import { resultOf } from "./result.ts";

/** OpenAI takes no longer name. */
const LONGEST = 64;
/** Characters that some vendor refuses in a tool's name become `_`; a name that is too long ends in a checksum of the whole. */
export const toolName = (server: string, tool: string): string => {
  const name = `mcp__${plain(server)}__${plain(tool)}`;
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 8)}_${checksum(name)}`;
};
/** FNV-1a of 32 bits, 7 characters. */
const checksum = (text: string): string => {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  return (sum >>> 0).toString(36).padStart(7, "0");
};
const plain = (name: string): string => name.replace(/[^A-Za-z0-9_-]/gu, "_");

/** The SDK has a limit of its own for a call, which the dispatcher's is to be shorter than. */
const NEVER = 2 ** 31 - 1;

export const toolOf = (server: Server, client: Client, { name, description, inputSchema, annotations }: McpTool): Tool<JsonObject> => {
  const clean = (text: string) => redacted(text, server.secrets);
  const called = toolName(server.name, clean(name));
  return {
    name: called,
    description: clean(description ?? annotations?.title ?? name),
    input: cleanSchema(asJson(inputSchema) as JsonObject, clean),
    effect: effectOf(annotations),
    timeoutMs: server.callMs,
    async run(input, { signal }) {
      try {
        const params = { name, arguments: { ...input } };
        return resultOf(await asCall(signal, (stop) => client.callTool(params, { signal: stop, timeout: NEVER })), clean);
      } catch (thrown) {
        signal.throwIfAborted();
        throw callFailure(server, clean(name), called, thrown);
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
