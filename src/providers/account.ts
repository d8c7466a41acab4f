/** What every account of a provider over HTTP has: keys, an address, headers, limits. */
import { APIError } from "../contract/errors.ts";
import { VARIABLES } from "./credential-sources.ts";
import { type ProviderCredentials, secretsOf } from "./credentials.ts";
import { type ProviderTimeouts, timeoutsOf } from "./timeouts.ts";
import type { Wire } from "./wire.ts";

export interface AccountOptions extends Pick<ProviderCredentials, "apiKey" | "authToken" | "baseUrl" | "defaultHeaders" | "extras"> {
  /** Used in place of the provider's own transport. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly timeouts?: Partial<ProviderTimeouts> | undefined;
  /** Milliseconds that the vendor may be silent, in place of `timeouts`. Default: those hold. */
  readonly timeoutMs?: number | undefined;
  /** Default "geny-executor". */
  readonly userAgent?: string | undefined;
}
type Headers = { readonly [name: string]: string };

/** The part of a wire that says nothing of the vendor. */
export const transportOf = (options: AccountOptions): Pick<Wire, "timeouts" | "timeoutMs" | "fetch" | "secrets"> => ({
  timeouts: timeoutsOf(options.timeouts),
  timeoutMs: options.timeoutMs,
  fetch: options.fetch,
  secrets: () => secretsOf(options),
});

/** As a header bears them: without the line break that a key read from a file has. Empty for none. */
export const keysOf = ({ apiKey, authToken }: AccountOptions): { readonly key: string; readonly token: string } => ({
  key: apiKey?.trim() ?? "",
  token: authToken?.trim() ?? "",
});

/** Of every request: the account's own headers, by names in small letters, win over `vendor`'s. */
export const headersWith = ({ defaultHeaders = {}, userAgent = "geny-executor" }: AccountOptions, vendor: Headers): Headers => {
  const own = Object.entries(defaultHeaders).map(([name, value]) => [name.toLowerCase(), value] as const);
  return { accept: "application/json", "content-type": "application/json", "user-agent": userAgent, ...vendor, ...Object.fromEntries(own) };
};

/** Throws `exec.api.no_client` where none of the headers that bear a key is there. */
export const needKey = (provider: string, headers: Headers, bearing: readonly string[]): Headers => {
  if (bearing.some((name) => headers[name])) return headers;
  const variables = VARIABLES[provider]?.apiKey?.join(" or ") ?? "";
  throw new APIError(
    `${provider} has no credentials. Give \`apiKey\` (or \`authToken\`), or set ${variables} for \`CredentialBundle.fromEnvironment()\`.`,
    { code: "exec.api.no_client", details: { provider } },
  );
};
