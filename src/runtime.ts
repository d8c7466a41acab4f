/** What only a host can give, in two layers: what was attached, and above it what a refresh put in its place. */
import { ConfigError, type Finding } from "./contract/errors.ts";
import { finding } from "./contract/findings.ts";
import { type Host, partsOf } from "./contract/host.ts";
import type { JsonObject } from "./contract/schema.ts";
import { PARTS, partFindings } from "./options.ts";
import type { Environment } from "./services.ts";

export type Part = (typeof PARTS)[number];
/** These are given member by member: what is not named stays. */
const MAPS: readonly Part[] = ["providers", "host", "env", "prices"];
/** Another one of these means that providers are made anew. */
const OF_PROVIDERS: readonly Part[] = ["credentials", "apiKey", "baseUrl", "providers", "fetch"];

type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };
/** A part, or a member of `host`, `providers`, `env` or `prices`, that is undefined is taken back. */
export type Parts = Loose<Pick<Environment, Exclude<Part, "host">>> & { readonly host?: Loose<Host> | undefined } & {
  /** Lets a provider answer that calls itself otherwise than the name it is given under. */
  readonly overrideManifest?: boolean;
};

type Layer = "attached" | "refreshed";
/** A provider's key and address: each serves the one that it was given for, and no other. */
type Access = Pick<Environment, "apiKey" | "baseUrl">;
const ACCESS = ["apiKey", "baseUrl"] as const satisfies readonly (keyof Access)[];

export interface Runtime {
  readonly attached: Environment;
  readonly refreshed: Partial<Environment>;
  /** The provider that a layer's `apiKey` and `baseUrl` were given for. */
  readonly givenFor: { readonly [L in Layer]: { readonly [K in keyof Access]?: string } };
  /** Names under which another provider may answer. */
  readonly overridden: readonly string[];
}

/** What a pipeline of that provider begins with. */
export const runtimeOf = (attached: Environment, primary: string): Runtime => ({
  attached,
  refreshed: {},
  givenFor: { attached: { apiKey: primary, baseUrl: primary }, refreshed: {} },
  overridden: [],
});

/** The environment that is in force. Its key and address are nobody's without `accessOf`. */
export const inForce = ({ attached, refreshed }: Runtime): Omit<Environment, keyof Access> => {
  const { apiKey: _key, baseUrl: _address, ...rest } = layered(attached, refreshed);
  return rest;
};

/** The key and the address that were given for the provider, each by the upper layer that has one for it. */
export const accessOf = (runtime: Runtime, provider: string): Access => {
  const of = (field: keyof Access) =>
    (["refreshed", "attached"] as const)
      .map((layer) => (runtime.givenFor[layer][field] === provider ? runtime[layer][field] : undefined))
      .find((value) => value !== undefined);
  return { apiKey: of("apiKey"), baseUrl: of("baseUrl") };
};

/**
 * Throws `ConfigError` for an unknown or wrong part, and for a provider whose own name differs from the one it is given under (unless
 * `overrideManifest`).
 */
export const withParts = (runtime: Runtime, layer: Layer, given: Parts, primary: string): Runtime => {
  const { overrideManifest = false, ...parts } = given;
  const path = layer === "attached" ? "attach" : "refresh";
  const wrong = partFindings(given, path);
  if (wrong.length) throw new ConfigError(wrong);
  const foreign = Object.entries(parts.providers ?? {}).filter(([name, source]) => typeof source === "object" && source.name !== name);
  if (foreign.length && !overrideManifest)
    throw new ConfigError(foreign.map(([name, source]) => contradiction(`${path}.providers.${name}`, name, source.name)));
  const mine = Object.fromEntries(ACCESS.filter((field) => parts[field] !== undefined).map((field) => [field, primary]));
  return {
    ...runtime,
    [layer]: layered(runtime[layer], parts.host ? { ...parts, host: partsOf(parts.host) } : parts),
    givenFor: { ...runtime.givenFor, [layer]: { ...runtime.givenFor[layer], ...mine } },
    overridden: [...new Set([...runtime.overridden, ...foreign.map(([name]) => name)])],
  };
};

const contradiction = (path: string, name: string, own: string): Finding => {
  const message = `calls itself "${own}", not "${name}": give it under its own name, or say \`overrideManifest: true\``;
  return finding("provider.contradicts", path, message);
};

const layered = <E extends Partial<Environment>>(lower: E, upper: Parts | Partial<Environment>): E => {
  const next: { [part: string]: unknown } = { ...lower };
  for (const [part, value] of Object.entries(upper)) {
    const members = MAPS.includes(part as Part) && value !== undefined ? defined({ ...(next[part] as object), ...value }) : value;
    if (members === undefined || (MAPS.includes(part as Part) && Object.keys(members).length === 0)) delete next[part];
    else next[part] = members;
  }
  return next as E;
};
const defined = (members: object): object => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

/** Whether providers have to be made anew. */
export const renewsProviders = (parts: Parts): boolean => OF_PROVIDERS.some((part) => Object.hasOwn(parts, part));

/** The parts that a layer gives and none above it does. */
export const partsBy = ({ attached, refreshed }: Runtime, layer: Layer): readonly Part[] =>
  PARTS.filter((part) =>
    layer === "refreshed" ? refreshed[part] !== undefined : refreshed[part] === undefined && attached[part] !== undefined,
  );

/** What the event `runtime.llm_client_override` says, if another provider answers than the manifest names. */
export const overrideOf = (runtime: Runtime, primary: string): JsonObject | undefined => {
  const source = inForce(runtime).providers?.[primary];
  return runtime.overridden.includes(primary) && typeof source === "object" && source.name !== primary
    ? { manifest_provider: primary, client_provider: source.name }
    : undefined;
};
