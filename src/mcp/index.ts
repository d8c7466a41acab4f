/** MCP: servers whose tools an agent uses. */
export type { MCPServerConfig } from "./config.ts";
export { type ConnectOptions, MCPManager } from "./manager.ts";
