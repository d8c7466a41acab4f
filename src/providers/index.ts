/** The providers by name. Each is loaded when it is first made, so that a pipeline pays only for its own. */
import type { Provider } from "../contract/provider.ts";
import type { Logger } from "../contract/services.ts";
import type { AnthropicOptions } from "./anthropic.ts";
import type { ClaudeCodeOptions } from "./claude-code/client.ts";
import type { ClaudeStatus } from "./claude-code/status.ts";
import type { ProviderCredentials } from "./credentials.ts";
import type { GoogleOptions } from "./google.ts";
import { noProvider } from "./no-provider.ts";
import type { OpenAIOptions } from "./openai.ts";
import type { LocalServer, ProbeOptions } from "./probe.ts";
import type { PROFILES } from "./profiles.ts";
import type { RouterOptions } from "./router.ts";
import type { ProviderTimeouts } from "./timeouts.ts";
import type { VllmOptions, VllmProvider } from "./vllm.ts";

/** What every provider may be given; each takes what it understands. */
export interface ProviderOptions extends ProviderCredentials {
  /** Used in place of the provider's own transport. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /**
   * Milliseconds in place of each of `timeouts`: until the answer begins and between two pieces of it, any byte counts; a connection gets its
   * own limit, if that is shorter. For a backend that is a program: that one call may take. Default: `timeouts`, or the program's own limit.
   */
  readonly timeoutMs?: number | undefined;
  readonly timeouts?: Partial<ProviderTimeouts> | undefined;
  readonly log?: Logger | undefined;
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Makes another provider by its name, the host's own too: for a provider that is made of others. */
  readonly resolve?: ((name: string, options: ProviderOptions) => Provider | Promise<Provider>) | undefined;
}

const speaking =
  (name: keyof typeof PROFILES) =>
  async (options: VllmOptions = {}): Promise<VllmProvider> =>
    (await import("./vllm.ts")).compatible(name, options);

/** Makes a provider. None of them fails for want of credentials: their first use does, with `exec.api.no_client`. */
export const providers = {
  claude_code_cli: async (options: ClaudeCodeOptions = {}): Promise<Provider> =>
    (await import("./claude-code/client.ts")).claudeCodeCli(options),
  geny_claude_code: async (options: ClaudeCodeOptions = {}): Promise<Provider> =>
    (await import("./claude-code/tokens.ts")).genyClaudeCode(options),
  anthropic: async (options: AnthropicOptions = {}): Promise<Provider> => (await import("./anthropic.ts")).anthropic(options),
  openai: async (options: OpenAIOptions = {}): Promise<Provider> => (await import("./openai.ts")).openai(options),
  google: async (options: GoogleOptions = {}): Promise<Provider> => (await import("./google.ts")).google(options),
  vllm: speaking("vllm"),
  ollama: speaking("ollama"),
  lmstudio: speaking("lmstudio"),
  custom: speaking("custom"),
  /** Another name of `custom`. */
  local: speaking("custom"),
  /** Its targets are made by `resolve`; default: from this table. */
  geny_router: async (options: RouterOptions = {}): Promise<Provider> =>
    (await import("./router.ts")).router(options.resolve ?? providerNamed, options),
} as const satisfies { readonly [name: string]: (options?: ProviderOptions) => Promise<Provider> };
export type ProviderName = keyof typeof providers;

/** Whether the `claude` program is here and logged in. Null: it is not here. Asks no model. */
export const claudeStatus = async (
  ...args: Parameters<typeof import("./claude-code/status.ts").claudeStatus>
): Promise<ClaudeStatus | null> => (await import("./claude-code/status.ts")).claudeStatus(...args);

/** The local servers that answer at their own addresses. One that is not there is no failure; rejects with the signal's reason only. */
export const probeLocal = async (options: ProbeOptions = {}): Promise<readonly LocalServer[]> =>
  (await import("./probe.ts")).probeLocal(options);

/** Throws `exec.api.no_client` for a name that is not in the table. */
const providerNamed = (name: string, options: ProviderOptions): Promise<Provider> => {
  if (!Object.hasOwn(providers, name)) throw noProvider(name, Object.keys(providers));
  return providers[name as ProviderName](options);
};

/** A provider whose model takes no tools, with tools: they are offered in its prompt, and its calls are read from its text. */
export const textTools = async (provider: Provider): Promise<Provider> => (await import("./claude-code/text-tools.ts")).textTools(provider);

export type { AnthropicOptions } from "./anthropic.ts";
export { capabilities } from "./capabilities.ts";
export type { ClaudeCodeOptions } from "./claude-code/client.ts";
export type { ClaudeStatus } from "./claude-code/status.ts";
export { type CredentialInput, type Reference, VARIABLES } from "./credential-sources.ts";
export { CredentialBundle, PREFERENCE, type ProviderCredentials, secretsOf } from "./credentials.ts";
export { type FailoverOptions, type FailoverTarget, failover } from "./failover.ts";
export type { CapabilityFlags } from "./flags.ts";
export type { GoogleOptions } from "./google.ts";
export { type LowerTelling, lower } from "./lower.ts";
export type { LowerTarget } from "./lower-message.ts";
export type { OpenAIOptions } from "./openai.ts";
export {
  contextWindow,
  createPricing,
  type ModelFacts,
  maxOutput,
  modelFacts,
  type PriceTable,
  type PricingOptions,
} from "./pricing.ts";
export type { LocalServer, ProbeOptions } from "./probe.ts";
export { repair } from "./repair.ts";
export type { ProviderTimeouts } from "./timeouts.ts";
export type { VllmOptions, VllmProvider } from "./vllm.ts";
