/** The keys of a pipeline's providers. They are read by providers and shown nowhere: every textual form is redacted. */
import type { Json, JsonObject } from "../contract/schema.ts";

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
const guarded = (given: ProviderCredentials): ProviderCredentials => {
  const copy = { ...given };
  const show = () => redacted(copy);
  for (const key of ["toJSON", INSPECT]) Object.defineProperty(copy, key, { value: show });
  Object.defineProperty(copy, "toString", { value: () => JSON.stringify(show()) });
  return Object.freeze(copy);
};

/** Credentials by provider name. Immutable. */
export class CredentialBundle {
  readonly #byProvider: ReadonlyMap<string, ProviderCredentials>;
  constructor(byProvider: { readonly [provider: string]: ProviderCredentials | undefined }) {
    this.#byProvider = new Map(Object.entries(byProvider).flatMap(([name, given]) => (given ? [[name, guarded(given)] as const] : [])));
  }
  /** Undefined when the bundle has none for that provider. */
  get(provider: string): ProviderCredentials | undefined {
    return this.#byProvider.get(provider);
  }
  /** The providers that it has credentials for. */
  names(): readonly string[] {
    return [...this.#byProvider.keys()];
  }
  toJSON(): JsonObject {
    return Object.fromEntries([...this.#byProvider].map(([name, given]) => [name, redacted(given)]));
  }
  toString(): string {
    return `CredentialBundle ${JSON.stringify(this)}`;
  }
  [INSPECT](): string {
    return this.toString();
  }
}
