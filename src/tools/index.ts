/** Tools: the registry, the dispatcher and the built-in ones. */

export type { BuiltinName } from "../contract/builtin.ts";
export { defineTool, type Effect, type StandardSchema, type Tool, type ToolContext, type ToolResult } from "../contract/tool.ts";
export { builtinTools } from "./builtin/index.ts";
export { createDispatcher, type DispatcherOptions, type Verdict } from "./dispatch.ts";
export { ToolRegistry } from "./registry.ts";
