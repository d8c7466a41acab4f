/** How an MCP server is reached, as a manifest's `tools.mcp_servers` writes it; checked, and in the form that connecting needs. */
import { ConfigError } from "./errors.ts";
import { type Finding, finding } from "./findings.ts";
import { check, fields, type JsonObject, list, number, type Output, object, record, text } from "./schema.ts";

const line = (about: string) => text({ about, default: "" });

export const MCP_SERVER = fields({
  name: line("names the server and, as mcp__name__tool, its tools"),
  command: line("program to start, for stdio; without a path it is looked for in PATH"),
  args: list(text({ about: "an argument" }), { about: "its arguments", default: [] }),
  env: record(text({ about: "a value" }), { about: "added to its environment, of which it gets but a harmless part", default: {} }),
  transport: text({ about: "stdio, http (Streamable HTTP, also streamable-http and streamable_http) or sse", default: "stdio" }),
  url: line("address, for http and sse"),
  headers: object({ about: "texts that are sent with every request", default: {} }),
  call_timeout_s: number({ about: "seconds until a call has failed; 0: no limit", min: 0, default: 300 }),
  connect_timeout_s: number({ about: "seconds until connecting and listing the tools have failed", min: 0.001, default: 30 }),
});

/** As files write it. `transport` is "stdio"; with a `url` and no `command` it is "http", that is Streamable HTTP. */
export interface MCPServerConfig {
  readonly command?: string;
  readonly args?: readonly string[];
  /** Added to a harmless part of the process's environment, which is all that the server gets of it. */
  readonly env?: { readonly [name: string]: string };
  readonly transport?: "stdio" | "http" | "streamable-http" | "streamable_http" | "sse";
  readonly url?: string;
  readonly headers?: { readonly [name: string]: string };
  /** Seconds that the handshake and the list of tools may take together. Default 30. */
  readonly connect_timeout_s?: number;
  /** Seconds that a call may take. Default 300; 0: no limit but the run's own. */
  readonly call_timeout_s?: number;
}

interface Common {
  readonly name: string;
  readonly connectMs: number;
  readonly callMs: number;
  /** Values that are struck out of whatever the server, or an error, says. */
  readonly secrets: readonly string[];
}
export interface StdioServer extends Common {
  readonly kind: "stdio";
  readonly command: string;
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
}
export interface HttpServer extends Common {
  readonly kind: "http" | "sse";
  readonly url: URL;
  readonly headers: { readonly [name: string]: string };
}
export type Server = StdioServer | HttpServer;

/** A config of a manifest, or what is wrong with it, with paths below `path`. Neither: its form is wrong, which is told elsewhere. */
export const configOf = (
  name: string,
  given: JsonObject,
  path: string,
): { readonly config?: MCPServerConfig; readonly findings: readonly Finding[] } => {
  if (check(MCP_SERVER, given).problems.some(({ kind }) => kind !== "unknown")) return { findings: [] };
  const { config, findings } = read(name, given, path, []);
  return findings.length || !config ? { findings } : { config, findings };
};

/** `secrets`: values to strike out beside those that the config names as such. Throws `ConfigError` with every finding. */
export const serverOf = (name: string, config: MCPServerConfig, secrets: readonly string[]): Server => {
  const { server, findings } = read(name, { ...config }, `mcp.${name}`, secrets, true);
  if (!server || findings.length) throw new ConfigError(findings);
  return server;
};

interface Read {
  readonly config?: MCPServerConfig;
  readonly server?: Server;
  readonly findings: readonly Finding[];
}
/** `inCode`: an unknown key is wrong. */
const read = (name: string, given: JsonObject, path: string, more: readonly string[], inCode = false): Read => {
  const findings: Finding[] = [];
  const wrong = (key: string, message: string) => void findings.push(finding("tools.mcp_invalid", `${path}.${key}`, message));
  const { value, problems } = check(MCP_SERVER, given);
  for (const { kind, path: keys, message } of problems) if (kind !== "unknown" || inCode) wrong(keys.join("."), message);
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(name)) wrong("name", "must be 1 to 64 letters, digits, `_`, `.` and `-`: tools are named after it");
  if (findings.length) return { findings };

  const { name: _, ...rest } = value;
  const headers = textsOf(value.headers, (key) => wrong(`headers.${key}`, "must be text"));
  const { command, args, env, url } = rest;
  const spoken = [
    ["command", command],
    ...args.map((arg, i) => [`args[${i}]`, arg]),
    ...Object.entries(env).map(([k, v]) => [`env.${k}`, k + v]),
  ];
  for (const [key = "", text = ""] of spoken) if (text.includes("\0")) wrong(key, "must hold no NUL: no program can be given one");
  const transport = transportOf(rest);
  if (!transport) wrong("transport", `must be one of ${Object.keys(TRANSPORTS).join(", ")}`);
  const common = { name, connectMs: milliseconds(rest.connect_timeout_s), callMs: milliseconds(rest.call_timeout_s) };
  if (!transport) return { findings };
  const config = { ...rest, transport, headers };
  if (transport === "stdio") {
    if (!command) wrong("command", "is required: the program to start; a server at an address has `url`");
    return { config, server: { ...common, kind: "stdio", command, args, env, secrets: secretsIn(env, {}, more) }, findings };
  }
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol !== "http:" && address?.protocol !== "https:")
    wrong("url", "must be an address that begins with http:// or https://");
  else if (address.username || address.password) wrong("url", "must hold no user and password: they go into `headers`");
  if (!address || findings.length) return { findings };
  const secrets = secretsIn({}, headers, [...more, address.search, ...address.searchParams.values()]);
  return { config, server: { ...common, kind: transport, url: address, headers, secrets }, findings };
};

/** At most what a timer can hold. */
const milliseconds = (seconds: number): number => Math.min(seconds * 1000, 2 ** 31 - 1);

const TRANSPORTS = { stdio: "stdio", http: "http", "streamable-http": "http", streamable_http: "http", sse: "sse" } as const;
const transportOf = ({
  transport,
  command,
  url,
}: Pick<Output<typeof MCP_SERVER>, "transport" | "command" | "url">): Server["kind"] | undefined => {
  const found = Object.entries(TRANSPORTS).find(([name]) => name === transport)?.[1];
  return found === "stdio" && !command && url ? "http" : found;
};

type Texts = { readonly [name: string]: string };
const textsOf = (given: JsonObject, wrong: (key: string) => void): Texts =>
  Object.fromEntries(
    Object.entries(given).flatMap(([key, value]) => {
      if (typeof value === "string") return [[key, value]];
      wrong(key);
      return [];
    }),
  );

const SECRET = /key|token|secret|pass|pwd|credential|auth|cookie|dsn|database_?url|(^|_)pat($|_)/i;
/** As it stands in an address, and as it is. */
const passwordIn = (value: string): readonly string[] => {
  const password = URL.canParse(value) ? new URL(value).password : "";
  return password ? [password, ...new URLSearchParams(`p=${password.replaceAll("+", "%2B")}`).values()] : [];
};
/** Whether nobody is to see the value: the name says so, or it is an address with a password. */
const isSecret = (name: string, value: string): boolean => SECRET.test(name) || passwordIn(value).length > 0;
/** What tells where something is, and would make a server's answers useless if it were struck out. */
const PLACE = /^(?:\.{0,2}\/|~\/|[a-z]:[\\/]|https?:\/\/[^?]*$)/i;
/** The same of what a reference stands for: of that only places are for everybody. */
export const isSecretReference = (name: string, value: string): boolean => isSecret(name, value) || !PLACE.test(value);
/** A shorter value hides nothing: striking it out would only spoil words. */
const SHORTEST = 8;

/** Every header's value, without the scheme before a key too; variables whose name says so; and what more there is. */
const secretsIn = (env: Texts, headers: Texts, more: readonly string[]): readonly string[] => {
  const named = Object.entries(env).flatMap(([name, value]) => (isSecret(name, value) ? [value] : []));
  const sent = Object.values(headers).flatMap((value) => [value, value.trim().replace(/^\S+\s+/, "")]);
  const all = [...named, ...sent, ...more].flatMap((value) => [value, ...passwordIn(value)]);
  return [...new Set(all.flatMap(formsOf))].filter((form) => form.length >= SHORTEST).sort((a, b) => b.length - a.length);
};

/** As something may say a value again: whole or a line of it, and inside of JSON. */
const formsOf = (value: string): readonly string[] => {
  const plain = [value, value.trim(), ...value.split(/[\r\n]+/).map((line) => line.trim())];
  return [...plain, ...plain.map((text) => JSON.stringify(text).slice(1, -1))];
};

export const redacted = (words: string, secrets: readonly string[]): string =>
  secrets.reduce((text, secret) => (text.includes(secret) ? text.replaceAll(secret, "***") : text), words);
