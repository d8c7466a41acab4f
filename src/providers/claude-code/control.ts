/** The CLI's control protocol, over its own output and input: it asks for the session's tools and for permission. Every question is answered. */
import { APIError, messageOf } from "../../contract/errors.ts";
import type { SessionTools } from "../../contract/provider.ts";
import type { JsonObject } from "../../contract/schema.ts";
import { object, text } from "../json.ts";
import { callId, type McpServer, SERVER } from "./mcp.ts";

export interface Control {
  /** A line of the CLI's. Throws `exec.cli.protocol_error` when it refuses to be greeted. */
  take(line: JsonObject): void;
}
export interface ControlOptions {
  readonly tools: SessionTools;
  /** Null: there is no tool. */
  readonly server: McpServer | null;
  /** The tool is one of the session's. */
  own(name: string): boolean;
  send(line: string): void;
  /** Ends what is still asked. */
  readonly signal: AbortSignal;
}

const lineOf = (value: JsonObject): string => `${JSON.stringify(value)}\n`;

/** Comes before the first message. */
export const greeting = (hasTools: boolean): string =>
  lineOf({
    type: "control_request",
    request_id: "geny-1",
    request: { subtype: "initialize", ...(hasTools ? { sdkMcpServers: [SERVER] } : {}) },
  });

export const controlOf = ({ tools, server, own, send, signal }: ControlOptions): Control => {
  const open = new Map<string, AbortController>();

  const permission = async (request: JsonObject, signal: AbortSignal): Promise<JsonObject> => {
    const input = object(request.input);
    const allowed = { behavior: "allow", updatedInput: input };
    // The dispatcher decides about these.
    if (own(text(request.tool_name))) return allowed;
    const asked = { tool_use_id: callId(request.tool_use_id), tool_name: text(request.tool_name), tool_input: input };
    const { allow, reason } = await tools.approve(asked, signal);
    return allow ? allowed : { behavior: "deny", message: reason };
  };

  const answer = async (request: JsonObject, signal: AbortSignal): Promise<JsonObject> => {
    const { subtype } = request;
    if (subtype === "can_use_tool") return permission(request, signal);
    if (subtype === "mcp_message" && server && request.server_name === SERVER)
      return { mcp_response: (await server(request.message, signal)) ?? { jsonrpc: "2.0", result: {} } };
    throw new Error(`"${text(subtype)}" is not understood here.`);
  };

  const serve = async (request_id: string, request: JsonObject): Promise<void> => {
    const stop = new AbortController();
    open.set(request_id, stop);
    let response: JsonObject;
    try {
      response = { subtype: "success", request_id, response: await answer(request, AbortSignal.any([signal, stop.signal])) };
    } catch (error) {
      response = { subtype: "error", request_id, error: messageOf(error) };
    }
    open.delete(request_id);
    if (!signal.aborted) send(lineOf({ type: "control_response", response }));
  };

  return {
    take(line) {
      const id = text(line.request_id);
      if (line.type === "control_request") void serve(id, object(line.request));
      else if (line.type === "control_cancel_request") open.get(id)?.abort(new Error("The program took its question back."));
      else if (object(line.response).subtype === "error")
        throw new APIError(`claude_code_cli: the program refused to begin: ${text(object(line.response).error).slice(0, 300)}`, {
          code: "exec.cli.protocol_error",
          details: { provider: "claude_code_cli" },
        });
    },
  };
};
