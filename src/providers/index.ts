/** The providers by name. Each is loaded when it is first made, so that a pipeline pays only for its own. */
import type { Provider } from "../contract/provider.ts";
import type { Logger } from "../contract/services.ts";
import type { AnthropicOptions } from "./anthropic.ts";
import type { ClaudeCodeOptions } from "./claude-code/client.ts";
import type { ClaudeStatus } from "./claude-code/status.ts";
import type { ProviderCredentials } from "./credentials.ts";
import type { GoogleOptions } from "./google.ts";
import type { ProviderTimeouts } from "./timeouts.ts";

/** What every provider may be given; each takes what it understands. */
export interface ProviderOptions extends ProviderCredentials {
  /** Used in place of the provider's own transport. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Milliseconds that a whole request may take. Default: no limit but `timeouts`. */
  readonly timeoutMs?: number | undefined;
  readonly timeouts?: Partial<ProviderTimeouts> | undefined;
  readonly log?: Logger | undefined;
}

/** Makes a provider. None of them fails for want of credentials: their first use does, with `exec.api.no_client`. */
export const providers = {
  claude_code_cli: async (options: ClaudeCodeOptions = {}): Promise<Provider> =>
    (await import("./claude-code/client.ts")).claudeCodeCli(options),
  geny_claude_code: async (options: ClaudeCodeOptions = {}): Promise<Provider> =>
    (await import("./claude-code/tokens.ts")).genyClaudeCode(options),
  anthropic: async (options: AnthropicOptions = {}): Promise<Provider> => (await import("./anthropic.ts")).anthropic(options),
  google: async (options: GoogleOptions = {}): Promise<Provider> => (await import("./google.ts")).google(options),
} as const satisfies { readonly [name: string]: (options?: ProviderOptions) => Promise<Provider> };
export type ProviderName = keyof typeof providers;

/** Whether the `claude` program is here and logged in. Null: it is not here. Asks no model. */
export const claudeStatus = async (
  ...args: Parameters<typeof import("./claude-code/status.ts").claudeStatus>
): Promise<ClaudeStatus | null> => (await import("./claude-code/status.ts")).claudeStatus(...args);

/** A provider whose model takes no tools, with tools: they are offered in its prompt, and its calls are read from its text. */
export const textTools = async (provider: Provider): Promise<Provider> => (await import("./claude-code/text-tools.ts")).textTools(provider);

export type { AnthropicOptions } from "./anthropic.ts";
export { capabilities } from "./capabilities.ts";
export type { ClaudeCodeOptions } from "./claude-code/client.ts";
export type { ClaudeStatus } from "./claude-code/status.ts";
export { type CredentialInput, type Reference, VARIABLES } from "./credential-sources.ts";
export { CredentialBundle, PREFERENCE, type ProviderCredentials, secretsOf } from "./credentials.ts";
export type { GoogleOptions } from "./google.ts";
export { createPricing, PRICES, type PriceTable } from "./pricing.ts";
export type { ProviderTimeouts } from "./timeouts.ts";
