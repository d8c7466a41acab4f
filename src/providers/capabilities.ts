/** What a provider can do, from the few words in which it differs. */
import type { ClientCapabilities } from "../contract/provider.ts";

const DEFAULTS: ClientCapabilities = {
  supports_thinking: false,
  supports_tools: false,
  supports_streaming: true,
  supports_tool_choice: false,
  supports_stop_sequences: false,
  supports_top_k: false,
  supports_system_prompt: true,
  supports_structured_output: false,
  supports_session_continuity: false,
  supports_mcp_passthrough: false,
  supports_budget_limit: false,
  supports_token_usage: true,
  supports_cost_usage: false,
  supports_vision: false,
  supports_vision_tool_results: true,
  supports_documents: false,
  supports_prompt_caching: false,
  is_subprocess: false,
  requires_workspace: false,
  streaming_granularity: "token",
  drops: [],
};

export const capabilities = (own: Partial<ClientCapabilities> = {}): ClientCapabilities => ({ ...DEFAULTS, ...own });

const NEEDS = ["is_subprocess", "requires_workspace"] as const;
const GRAIN = ["none", "message", "token"] as const;

/** What several can do, whichever of them answers: what all can, what one needs or drops. */
export const commonCapabilities = (all: readonly ClientCapabilities[]): ClientCapabilities => {
  const every = Object.keys(DEFAULTS).map((key) => [key, all.every((one) => one[key as keyof ClientCapabilities])]);
  const some = NEEDS.map((key) => [key, all.some((one) => one[key])]);
  return {
    ...DEFAULTS,
    ...Object.fromEntries([...every, ...some]),
    streaming_granularity: GRAIN.find((grain) => all.some((one) => one.streaming_granularity === grain)) ?? "token",
    drops: [...new Set(all.flatMap(({ drops }) => drops))],
  };
};
