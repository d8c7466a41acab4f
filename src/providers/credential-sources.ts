/** Where credentials come from: code, the environment, a file; a value may be a reference to either of the latter. */
import { readFileSync } from "node:fs";
import { ConfigError, type Finding } from "../contract/errors.ts";
import { finding } from "../contract/findings.ts";
import { asJson } from "../contract/message.ts";
import { nearest } from "../contract/nearest.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import type { ProviderCredentials } from "./credentials.ts";
import { isObject } from "./json.ts";
import type { Environment } from "./lanes.ts";

/** A value, or where it stands: an environment variable, or a file whose text it is. Surrounding white space is left out. */
export type Reference = string | { readonly env: string } | { readonly file: string };
/** Credentials before their references are looked up. */
export interface CredentialInput extends Omit<ProviderCredentials, "apiKey" | "authToken" | "baseUrl" | "defaultHeaders"> {
  readonly apiKey?: Reference | undefined;
  readonly authToken?: Reference | undefined;
  readonly baseUrl?: Reference | undefined;
  readonly defaultHeaders?: { readonly [name: string]: Reference } | undefined;
}

type Field = "apiKey" | "authToken" | "baseUrl" | "binaryPath";
/** Which variables hold what, the first that is set counts. The names are those of the vendors' own programs. */
export const VARIABLES: { readonly [provider: string]: { readonly [F in Field]?: readonly string[] } } = {
  anthropic: { apiKey: ["ANTHROPIC_API_KEY"], authToken: ["ANTHROPIC_AUTH_TOKEN"], baseUrl: ["ANTHROPIC_BASE_URL"] },
  openai: { apiKey: ["OPENAI_API_KEY"], baseUrl: ["OPENAI_BASE_URL"] },
  google: { apiKey: ["GOOGLE_API_KEY", "GEMINI_API_KEY"], baseUrl: ["GOOGLE_GEMINI_BASE_URL"] },
  vllm: { apiKey: ["VLLM_API_KEY"], baseUrl: ["VLLM_BASE_URL"] },
  ollama: { baseUrl: ["OLLAMA_HOST"] },
  claude_code_cli: { binaryPath: ["CLAUDE_CODE_BINARY"] },
  geny_claude_code: { authToken: ["CLAUDE_CODE_OAUTH_TOKEN"], binaryPath: ["CLAUDE_CODE_BINARY"] },
};

/** Providers of which a variable is set. */
export const fromEnvironment = (env: Environment): { readonly [provider: string]: ProviderCredentials } =>
  Object.fromEntries(
    Object.entries(VARIABLES).flatMap(([provider, fields]) => {
      const found = Object.entries(fields).flatMap(([field, names]) => {
        const value = names.map((name) => env[name]?.trim()).find(Boolean);
        return value ? [[field, value] as const] : [];
      });
      return found.length ? [[provider, Object.fromEntries(found)]] : [];
    }),
  );

/** Looks references up. Throws `ConfigError` with every one that leads nowhere; no value stands in it. */
export const resolved = (
  inputs: { readonly [provider: string]: CredentialInput | undefined },
  env: Environment,
): readonly (readonly [string, ProviderCredentials])[] => {
  const findings: Finding[] = [];
  const look = (value: Reference, path: string): string => {
    if (typeof value === "string") return value;
    const found = "env" in value ? env[value.env]?.trim() : textOf(value.file);
    if (found) return found;
    const message =
      "env" in value ? `the environment variable ${value.env} is not set` : `the file ${value.file} cannot be read, or is empty`;
    findings.push(finding("credentials.unresolved", path, message));
    return "";
  };
  const entries = Object.entries(inputs).flatMap(([provider, given]) => {
    if (!given) return [];
    const { apiKey, authToken, baseUrl, defaultHeaders, ...rest } = given;
    const own: { -readonly [K in keyof ProviderCredentials]: ProviderCredentials[K] } = { ...rest };
    if (apiKey !== undefined) own.apiKey = look(apiKey, `${provider}.apiKey`);
    if (authToken !== undefined) own.authToken = look(authToken, `${provider}.authToken`);
    if (baseUrl !== undefined) own.baseUrl = look(baseUrl, `${provider}.baseUrl`);
    if (defaultHeaders)
      own.defaultHeaders = Object.fromEntries(
        Object.entries(defaultHeaders).map(([name, value]) => [name, look(value, `${provider}.defaultHeaders.${name}`)]),
      );
    return [[provider, own] as const];
  });
  if (findings.length) throw new ConfigError(findings);
  return entries;
};

const textOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return ""; // told as a reference that leads nowhere, without the system's words
  }
};

const KEYS = {
  api_key: "apiKey",
  auth_token: "authToken",
  base_url: "baseUrl",
  default_headers: "defaultHeaders",
  binary_path: "binaryPath",
  auth_mode: "authMode",
  extras: "extras",
} as const satisfies { readonly [wire: string]: keyof CredentialInput };
const MODES = ["auto", "api_key", "oauth", "setup_token"];

/**
 * A document as a credentials file holds it: provider → `{ api_key, auth_token, base_url, default_headers, binary_path, auth_mode, extras }`,
 * where keys, tokens, addresses and headers may be `{ "env": NAME }` or `{ "file": PATH }`. Throws `ConfigError` with all findings.
 */
const inputsOf = (document: Json): { readonly [provider: string]: CredentialInput } => {
  const findings: Finding[] = [];
  const wrong = (path: string, message: string, suggestion?: string) =>
    findings.push(finding("credentials.invalid", path, message, suggestion));
  const inputs: { [provider: string]: CredentialInput } = {};
  if (!isObject(document)) wrong("", "must be an object: provider → credentials");
  else
    for (const [provider, given] of Object.entries(document)) {
      if (!isObject(given)) wrong(provider, "must be an object");
      else {
        const own: JsonObject = Object.fromEntries(
          Object.entries(given).flatMap(([key, value]) => {
            const path = `${provider}.${key}`;
            const field = Object.hasOwn(KEYS, key) ? KEYS[key as keyof typeof KEYS] : undefined;
            if (!field) wrong(path, `is no field (known: ${Object.keys(KEYS).join(", ")})`, nearest(key, Object.keys(KEYS)));
            else if (!FORMS[field](value)) wrong(path, `must be ${NEEDS[field]}`);
            else return [[field, value] as const];
            return [];
          }),
        );
        inputs[provider] = own as CredentialInput;
      }
    }
  if (findings.length) throw new ConfigError(findings);
  return inputs;
};

const isReference = (value: Json): boolean =>
  typeof value === "string" || (isObject(value) && [value.env, value.file].filter((to) => typeof to === "string").length === 1);
const isText = (value: Json): boolean => typeof value === "string";
const REFERENCE = 'a text, { "env": NAME } or { "file": PATH }';
const FORMS: { readonly [F in keyof CredentialInput]-?: (value: Json) => boolean } = {
  apiKey: isReference,
  authToken: isReference,
  baseUrl: isReference,
  defaultHeaders: (value) => isObject(value) && Object.values(value).every(isReference),
  binaryPath: isText,
  authMode: (value) => typeof value === "string" && MODES.includes(value),
  extras: isObject,
};
const NEEDS: { readonly [F in keyof CredentialInput]-?: string } = {
  apiKey: REFERENCE,
  authToken: REFERENCE,
  baseUrl: REFERENCE,
  defaultHeaders: `an object whose values are ${REFERENCE}`,
  binaryPath: "a text",
  authMode: `one of ${MODES.join(", ")}`,
  extras: "an object",
};

/** Reads a credentials file. Throws `ConfigError`; what stands in the file is never in it. */
export const readInputs = (path: string): { readonly [provider: string]: CredentialInput } => {
  const failed = (message: string): ConfigError => new ConfigError([finding("credentials.unreadable", path, message)]);
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch {
    throw failed("the file cannot be read");
  }
  let document: Json;
  try {
    document = asJson(JSON.parse(source));
  } catch {
    throw failed("the file holds no JSON");
  }
  return inputsOf(document);
};
