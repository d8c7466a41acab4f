/** The keys of a pipeline's providers. They are read by providers and shown nowhere: every textual form is redacted. */
import type { Json, JsonObject } from "../contract/schema.ts";
import { type CredentialInput, fromEnvironment, readInputs, resolved } from "./credential-sources.ts";
import type { Environment } from "./lanes.ts";

export interface ProviderCredentials {
  readonly apiKey?: string | undefined;
  /** A bearer token in place of a key. */
  readonly authToken?: string | undefined;
  /** As the vendor's SDK takes it. */
  readonly baseUrl?: string | undefined;
  /** Sent with every request. */
  readonly defaultHeaders?: { readonly [name: string]: string } | undefined;
  readonly binaryPath?: string | undefined;
  readonly authMode?: "auto" | "api_key" | "oauth" | "setup_token" | undefined;
  /** What only one provider understands, under the names of the manifest's world: `workspace_dir`, `capabilities`, … */
  readonly extras?: JsonObject | undefined;
}

const INSPECT = Symbol.for("nodejs.util.inspect.custom");
const HIDDEN = "***";

const hidden = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(hidden);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(inner)]));
  return typeof value === "string" && value ? HIDDEN : value;
};
const redacted = ({ apiKey, authToken, baseUrl, defaultHeaders, binaryPath, authMode, extras }: ProviderCredentials): JsonObject => ({
  ...(apiKey ? { apiKey: HIDDEN } : {}),
  ...(authToken ? { authToken: HIDDEN } : {}),
  ...(baseUrl ? { baseUrl: baseUrl.replace(/\/\/[^/@]*@/, `//${HIDDEN}@`) } : {}),
  ...(defaultHeaders ? { defaultHeaders: hidden(defaultHeaders) } : {}),
  ...(binaryPath ? { binaryPath } : {}),
  ...(authMode ? { authMode } : {}),
  ...(extras ? { extras: hidden(extras) } : {}),
});

/** A copy whose JSON and inspected forms are redacted. */
const guarded = (own: ProviderCredentials): ProviderCredentials => {
  const copy = { ...own };
  const show = () => redacted(copy);
  for (const key of ["toJSON", INSPECT]) Object.defineProperty(copy, key, { value: show });
  Object.defineProperty(copy, "toString", { value: () => JSON.stringify(show()) });
  return Object.freeze(copy);
};

/** A shorter value hides nothing: striking it out would only spoil words. */
const SECRET = 6;
const SENSITIVE = /key|token|secret|password|auth|headers|env_extras|cookie/i;

/** Every value of the credentials that must be shown nowhere, whoever echoes it. */
export const secretsOf = ({ apiKey, authToken, baseUrl, defaultHeaders, extras }: ProviderCredentials): readonly string[] => {
  const user = URL.canParse(baseUrl ?? "") ? new URL(baseUrl ?? "") : undefined;
  const all = [apiKey, authToken, ...Object.values(defaultHeaders ?? {}), user?.password && decodeURIComponent(user.password)];
  return [...all.map((value) => value?.trim() ?? ""), ...sensitive(extras ?? {}, false)].filter((value) => value.length >= SECRET);
};

/** The texts under a key that names a secret. */
const sensitive = (value: Json, secret: boolean): readonly string[] => {
  if (typeof value === "string") return secret ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => sensitive(inner, secret || SENSITIVE.test(key)));
};

/** Which provider is taken when several could be: what routes first, then the backends with a login of their own, then the vendors' APIs. */
export const PREFERENCE: readonly string[] = [
  ...["geny_router", "geny_claude_code", "claude_code_cli", "anthropic", "openai", "google"],
  ...["vllm", "ollama", "lmstudio", "custom", "local"],
];

const given = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.keys(value).length > 0 : value !== undefined && value !== "";

/** Credentials by provider name. Immutable. The one channel by which keys reach providers. */
export class CredentialBundle {
  readonly #byProvider: ReadonlyMap<string, ProviderCredentials>;

  /** Values may be references. Throws `ConfigError` with every reference that leads nowhere. */
  constructor(byProvider: { readonly [provider: string]: CredentialInput | undefined }, env: Environment = process.env) {
    this.#byProvider = new Map(resolved(byProvider, env).map(([name, own]) => [name, guarded(own)]));
  }
  /** Those of the providers' usual variables that are set (`VARIABLES`). */
  static fromEnvironment(env: Environment = process.env): CredentialBundle {
    return new CredentialBundle(fromEnvironment(env), env);
  }
  /** From a JSON file, in snake_case: `{ "anthropic": { "api_key": { "env": "MY_KEY" } } }`. Throws `ConfigError` with all findings. */
  static fromFile(path: string, env: Environment = process.env): CredentialBundle {
    return new CredentialBundle(readInputs(path), env);
  }

  /** Undefined when the bundle has none for that provider. */
  get(provider: string): ProviderCredentials | undefined {
    return this.#byProvider.get(provider);
  }
  /** The providers that it has credentials for. */
  names(): readonly string[] {
    return [...this.#byProvider.keys()];
  }
  /** The first of `order` with anything in its credentials, then any other; null when there is none. */
  preferredProvider(order: readonly string[] = PREFERENCE): string | null {
    const filled = this.names().filter((name) => Object.values(this.get(name) ?? {}).some(given));
    return order.find((name) => filled.includes(name)) ?? filled[0] ?? null;
  }
  toJSON(): JsonObject {
    return Object.fromEntries([...this.#byProvider].map(([name, own]) => [name, redacted(own)]));
  }
  toString(): string {
    return `CredentialBundle ${JSON.stringify(this)}`;
  }
  [INSPECT](): string {
    return this.toString();
  }
}
