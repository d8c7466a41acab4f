/** What the CLI's process gets of our environment, and which secrets it is given. */
import { APIError } from "../../contract/errors.ts";
import type { ProviderCredentials } from "../credentials.ts";
import type { Environment } from "../lanes.ts";
import type { Extras } from "./settings.ts";

const ALLOWED = [
  ...["HOME", "PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR", "TZ"],
  ...["CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"],
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"],
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"],
];
const WINDOWS = [
  "APPDATA",
  "COMSPEC",
  "LOCALAPPDATA",
  "PATHEXT",
  "PROGRAMDATA",
  "PROGRAMFILES",
  "SYSTEMROOT",
  "TEMP",
  "TMP",
  "USERPROFILE",
];

/** Stage 6 alone retries, and nothing of the CLI's outlives the call. */
const FIXED = { CLAUDE_CODE_MAX_RETRIES: "0", CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: "1", DISABLE_AUTOUPDATER: "1" };

export type Keys = Pick<ProviderCredentials, "apiKey" | "authToken" | "authMode" | "baseUrl" | "defaultHeaders">;

export interface ChildEnvironment {
  readonly env: { readonly [name: string]: string };
  /** An API key is in it. */
  readonly hasKey: boolean;
  /** Values that are shown nowhere. */
  readonly secrets: readonly string[];
  /** Those of them that no tool of ours gets either: what `env_extras` holds may be a part of what a tool is rightly told. */
  readonly keys: readonly string[];
}

/**
 * By `authMode`: "auto" passes a key or token that was given, and otherwise leaves the CLI to its own login; "oauth" always leaves it to that;
 * "api_key" and "setup_token" look in `host` too (ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN) and throw `exec.api.no_client` without one.
 */
export const environmentOf = (keys: Keys, { env_extras }: Pick<Extras, "env_extras">, host: Environment): ChildEnvironment => {
  const names = process.platform === "win32" ? [...ALLOWED, ...WINDOWS] : ALLOWED;
  const inherited = Object.fromEntries(names.flatMap((name) => (host[name] === undefined ? [] : [[name, host[name]]])));
  const login = loginOf(keys, host);
  const headers = Object.entries(keys.defaultHeaders ?? {});
  const env = {
    ...inherited,
    ...FIXED,
    ...login,
    ...(keys.baseUrl ? { ANTHROPIC_BASE_URL: keys.baseUrl.replace(/\/+$/, "") } : {}),
    ...(headers.length ? { ANTHROPIC_CUSTOM_HEADERS: headers.map(([name, value]) => `${name}: ${value}`).join("\n") } : {}),
    ...env_extras,
  };
  const long = (values: readonly string[]) => values.filter((value) => value.length >= SECRET);
  const own = long([...Object.values(login), ...headers.map(([, value]) => value)]);
  return { env, hasKey: "ANTHROPIC_API_KEY" in login, secrets: [...own, ...long(Object.values(env_extras))], keys: own };
};

/** A shorter value hides nothing: striking it out would only spoil words. */
const SECRET = 8;

const loginOf = ({ apiKey, authToken, authMode = "auto" }: Keys, host: Environment): { readonly [name: string]: string } => {
  const key = apiKey?.trim() || "";
  const token = authToken?.trim() || "";
  switch (authMode) {
    case "oauth":
      return {};
    case "api_key":
      return needed("ANTHROPIC_API_KEY", key || host.ANTHROPIC_API_KEY?.trim(), "apiKey");
    case "setup_token":
      return needed("CLAUDE_CODE_OAUTH_TOKEN", token || key || host.CLAUDE_CODE_OAUTH_TOKEN?.trim(), "authToken");
    default:
      return { ...(key ? { ANTHROPIC_API_KEY: key } : {}), ...(token ? { ANTHROPIC_AUTH_TOKEN: token } : {}) };
  }
};

const needed = (name: string, value: string | undefined, option: string) => {
  if (value) return { [name]: value };
  throw new APIError(`claude_code_cli has no credentials. Give \`${option}\`, or set ${name}.`, {
    code: "exec.api.no_client",
    details: { provider: "claude_code_cli" },
  });
};

/** Struck out wherever they stand. */
export const redacted = (words: string, secrets: readonly string[]): string =>
  secrets.reduce((text, secret) => (text.includes(secret) ? text.replaceAll(secret, "***") : text), words);
