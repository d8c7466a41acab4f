/** MCP: servers whose tools an agent uses. */
export type { MCPServerConfig } from "../contract/mcp.ts";
export { type ConnectOptions, MCPManager } from "./manager.ts";
