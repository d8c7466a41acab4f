/** What the model, the state and the disk get of a tool's result. */
import { asError, type ErrorCode, ToolExecutionError } from "../contract/errors.ts";
import { asJson, type ContentBlock } from "../contract/message.ts";
import { isObject, type Json, type JsonObject } from "../contract/schema.ts";
import { STATE } from "../contract/state.ts";
import type { ToolResult } from "../contract/tool.ts";

/** The code in the head line of an error, as the model reads it. */
export type FailureCode = "unknown_tool" | "invalid_input" | "tool_crashed" | "transport_error" | "access_denied" | "timeout";

export const failure = (code: FailureCode, message: string, details: JsonObject): ToolResult => ({
  content: { error: { code, message, details } },
  isError: true,
});

const CODES: { readonly [C in ErrorCode]?: FailureCode } = {
  "exec.tool.unknown": "unknown_tool",
  "exec.tool.invalid_input": "invalid_input",
  "exec.tool.access_denied": "access_denied",
  "exec.tool.crashed": "tool_crashed",
  "exec.tool.transport": "transport_error",
  "exec.tool.timeout": "timeout",
  "exec.mcp.connect_failed": "transport_error",
  "exec.mcp.initialize_failed": "transport_error",
  "exec.mcp.list_tools_failed": "transport_error",
};

/** What was thrown, as a result. An error of ours keeps its code and details; anything else has crashed. */
export const fromThrown = (tool: string, thrown: unknown): ToolResult => {
  const error = asError(thrown);
  const code = CODES[error.code];
  if (code && (error instanceof ToolExecutionError || code !== "tool_crashed"))
    return failure(code, error.message, detailsOf(error.details));
  const type = thrown instanceof Error ? thrown.name : typeof thrown;
  return failure("tool_crashed", `"${tool}" failed: ${type}: ${error.message}`, {
    tool_name: tool,
    exception_type: type,
    exception_message: error.message,
  });
};

const detailsOf = (details: { readonly [key: string]: unknown }): JsonObject => {
  try {
    return asJson(details) as JsonObject;
  } catch (error) {
    return { unreadable: String(error) };
  }
};

/** JSON with a space after each comma and colon, the form that the Python program writes. */
export const spaced = (value: Json): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}: ${spaced(item)}`)
    .join(", ")}}`;
};

type Rendered = string | readonly ContentBlock[];
/** What the model reads, but for `display`. A list is content when every item of it is a block; else it is JSON like any other value. */
export const render = (content: ToolResult["content"]): Rendered => {
  if (typeof content === "string") return content;
  if (isBlocks(content)) return content;
  const value = asJson(content);
  const head = errorHead(value);
  return head === undefined ? spaced(value) : `${head}\n${spaced(value)}`;
};

const BLOCKS = new Set(["text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "opaque"]);
const isBlocks = (content: unknown): content is readonly ContentBlock[] =>
  Array.isArray(content) && content.length > 0 && content.every((item) => isObject(item) && BLOCKS.has(String(item.type)));

/** One line, so that the JSON below it can be found. */
const errorHead = (value: Json): string | undefined => {
  const error = isObject(value) ? value.error : undefined;
  return isObject(error) && typeof error.code === "string" && typeof error.message === "string"
    ? `ERROR ${error.code}: ${error.message.replace(/\s*\n\s*/g, " ")}`
    : undefined;
};

/** Cuts a text to `limit` characters: 40 % from its head and 60 % from its tail, where errors stand, and a line that says what is gone. */
export const cut = (text: string, limit: number): string => {
  if (text.length <= limit) return text;
  const head = Math.floor(limit * 0.4);
  return `${text.slice(0, head)}\n[... ${text.length - limit} characters left out ...]\n${text.slice(text.length - (limit - head))}`;
};

const OURS = new Set(Object.values(STATE as { [key: string]: { wire?: string } }).map((key) => key.wire));

/** The shared keys that a tool may set: under four prefixes, and none that is the harness's own. */
const mayMutate = (key: string): boolean => /^(executor|memory|geny|plugin)\./.test(key) && !OURS.has(`shared.${key}`);

export const allowedMutations = (given: JsonObject, refused: (keys: readonly string[]) => void): JsonObject => {
  const keys = Object.keys(given);
  const wrong = keys.filter((key) => !mayMutate(key));
  if (wrong.length === 0) return given;
  refused(wrong);
  return Object.fromEntries(Object.entries(given).filter(([key]) => mayMutate(key)));
};
