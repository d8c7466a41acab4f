/** Puts the parts together that a pipeline's stages may reach. */
import { APIError } from "./contract/errors.ts";
import type { Host } from "./contract/host.ts";
import type { Provider } from "./contract/provider.ts";
import type { Json, JsonObject } from "./contract/schema.ts";
import type { Clock, Connection, Logger, Price, Pricing, RouteTarget, Services } from "./contract/services.ts";
import type { Tool } from "./contract/tool.ts";
import { bounds } from "./engine/bounds.ts";
import { systemClock } from "./engine/host.ts";
import { tokens } from "./engine/tokens.ts";
import { type PendingApprovals, pendingApprovals } from "./policy/approvals.ts";
import type { Primary } from "./primary.ts";
import { CredentialBundle, type ProviderCredentials } from "./providers/credentials.ts";
import { createPricing, providers as known, type ProviderOptions } from "./providers/index.ts";
import { noProvider } from "./providers/no-provider.ts";
import type { RouterOptions } from "./providers/router.ts";
import { BUILTIN_NAMES, builtinTools } from "./tools/builtin/index.ts";
import { createDispatcher } from "./tools/dispatch.ts";
import { ToolRegistry } from "./tools/registry.ts";

/** A provider, or how to make one from its credentials. */
export type ProviderSource = Provider | ((options: ProviderOptions) => Provider | Promise<Provider>);

export interface Environment {
  /** Default: what the environment holds (`CredentialBundle.fromEnvironment()`). With a bundle the environment is not looked at. */
  readonly credentials?: CredentialBundle;
  /** The key of the manifest's provider; wins over `credentials`. */
  readonly apiKey?: string | undefined;
  /** As the vendor's SDK takes it: without a path for "anthropic". */
  readonly baseUrl?: string | undefined;
  /** Own providers by the name that a manifest uses; they win over ours. */
  readonly providers?: { readonly [name: string]: ProviderSource };
  /** Tools that the host gives, beside the manifest's built-in ones. */
  readonly tools?: ToolRegistry | readonly Tool[];
  readonly host?: Host;
  /** Absolute folder in which tools work. Default: the process's. */
  readonly workingDir?: string;
  /** Folders that file tools may touch. Default: anywhere. */
  readonly allowedPaths?: readonly string[];
  /** Folder for tool results that are too large for a message. Default: they are cut. */
  readonly storagePath?: string;
  /** Added to the environment that tools' subprocesses get. */
  readonly env?: { readonly [name: string]: string };
  /** US dollars for a million tokens, by model; wins over the table. Prices that the manifest's stage 7 has of its own win over both. */
  readonly prices?: { readonly [model: string]: Price };
  /** Used by providers in place of their own transport. */
  readonly fetch?: typeof fetch;
  readonly logger?: Partial<Logger>;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** New ids; `prefix` stands before what must be unique. */
  readonly id?: (prefix: string) => string;
}

/** The services of one pipeline, and what only the pipeline itself may do with them. */
export interface Wiring {
  readonly services: Services;
  readonly registry: ToolRegistry;
  readonly approvals: PendingApprovals;
  /** Waits for the providers that are there; one that is still being made is closed when it comes. */
  close(): Promise<void>;
}

const quiet = () => {};
const loggerOf = (given: Partial<Logger> = {}): Logger => ({ debug: quiet, info: quiet, warn: quiet, error: quiet, ...given });

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
const POOL = 1024;
/** Ids of 16 random characters, about 82 bits. Random bytes are drawn in stock. */
const randomIds = () => {
  const pool = new Uint8Array(POOL);
  let at = POOL;
  return (prefix: string): string => {
    if (at === POOL) {
      crypto.getRandomValues(pool);
      at = 0;
    }
    let id = prefix;
    for (const end = at + 16; at < end; at++) id += ALPHABET[(pool[at] ?? 0) % 36];
    return id;
  };
};

/** `primary`: the provider of stage 6, and how it is reached. `pricing`: the price list with what the manifest itself says of prices. */
export const wire = (env: Environment, tools: JsonObject, primary: Primary, pricing: (list: Pricing) => Pricing): Wiring => {
  const log = loggerOf(env.logger);
  const clock = env.clock ?? systemClock;
  const registry = toolsOf(env, tools, log);
  const approvals = pendingApprovals();
  const id = env.id ?? randomIds();
  const open = new Map<string, Provider | Promise<Provider>>();
  const values = new Map<string, Json>();
  const { name: _, ...reached } = primary;
  const bundle = env.credentials ?? CredentialBundle.fromEnvironment();

  /** A provider that the host has made takes no options. */
  const make = (name: string, options: RouterOptions): Provider | Promise<Provider> => {
    const source = env.providers?.[name] ?? (Object.hasOwn(known, name) ? known[name as keyof typeof known] : undefined);
    if (!source) throw noProvider(name, [...new Set([...Object.keys(env.providers ?? {}), ...Object.keys(known)])]);
    return typeof source === "function" ? source({ ...options, fetch: env.fetch, log, now: () => clock.now(), resolve: make }) : source;
  };
  const load = (name: string, { baseUrl, timeoutMs, targets, balance }: Connection): Provider | Promise<Provider> => {
    if (targets && name !== "geny_router")
      throw new APIError(`Stage api has \`targets\`: they are for the provider "geny_router", not for "${name}".`, {
        code: "exec.api.bad_request",
      });
    const credentials = bundle.get(name);
    const mine = name === primary.name ? { apiKey: env.apiKey, baseUrl: env.baseUrl } : {};
    return make(name, {
      ...credentials,
      ...(mine.apiKey ? { apiKey: mine.apiKey, authToken: undefined } : {}),
      baseUrl: baseUrl || mine.baseUrl || credentials?.baseUrl,
      timeoutMs: timeoutMs || undefined,
      ...(targets ? { targets: targets.map((target) => ({ ...target, credentials: credentialsOf(target, bundle) })) } : {}),
      ...(balance ? { balance } : {}),
    });
  };

  const services: Services = {
    clock,
    id: (prefix = "") => id(prefix),
    random: env.random ?? Math.random,
    provider(name, connection = name === primary.name ? reached : {}) {
      const { baseUrl = "", timeoutMs = 0, targets = [], balance = false } = connection;
      const key = JSON.stringify([name, baseUrl, timeoutMs, targets, balance]);
      let found = open.get(key);
      if (found === undefined) {
        found = load(name, connection);
        open.set(key, found);
        if (found instanceof Promise)
          found.then(
            (ready) => open.set(key, ready),
            () => open.delete(key),
          );
      }
      return found;
    },
    pricing: pricing(createPricing({ ...(env.prices ? { overrides: env.prices } : {}), now: () => clock.now() })),
    tokens,
    bounds,
    tools: registry,
    dispatcher: createDispatcher({
      tools: registry,
      clock,
      log,
      workingDir: env.workingDir ?? process.cwd(),
      allowedPaths: env.allowedPaths ?? null,
      storagePath: env.storagePath ?? null,
      env: env.env ?? {},
    }),
    approvals,
    store: {
      get: async (key) => values.get(key),
      set: async (key, value) => void values.set(key, value),
    },
    host: env.host ?? {},
    log,
  };
  const close = async () => {
    const providers = [...open.values()];
    open.clear();
    for (const provider of providers)
      if (provider instanceof Promise)
        provider.then((late) => late.close?.()).catch((error: unknown) => log.warn("A provider could not be closed.", error));
      else await provider.close?.();
  };
  return { services, registry, approvals, close };
};

/** Of a target: the account that it names, and no other. */
const credentialsOf = ({ provider, account }: RouteTarget, bundle: CredentialBundle): ProviderCredentials => {
  const entry = account ? `${provider}:${account}` : provider;
  const found = bundle.get(entry);
  if (account && !found)
    throw new APIError(
      `The bundle has no credentials "${entry}", which a target of geny_router names. Known: ${bundle.names().join(", ")}.`,
      {
        code: "exec.api.no_client",
        details: { provider, account },
      },
    );
  return found ?? {};
};

const ownTools = (tools: Environment["tools"]): readonly Tool[] => (tools instanceof ToolRegistry ? tools.list() : (tools ?? []));
/** The names that a manifest's `tools.built_in` may have. */
export const toolNames = ({ tools }: Environment): readonly string[] => [...BUILTIN_NAMES, ...ownTools(tools).map(({ name }) => name)];

/** The manifest's built-in tools and the host's own; a name of the host's wins. */
const toolsOf = ({ tools }: Environment, declared: JsonObject, log: Logger) => {
  const registry = new ToolRegistry({ log });
  const all = builtinTools();
  const wanted = Array.isArray(declared.built_in) ? declared.built_in : [];
  const every = wanted.length === 1 && wanted[0] === "*";
  const own = ownTools(tools);
  const core = (tool: Tool) => (tools instanceof ToolRegistry ? { core: tools.isCore(tool.name) } : {});
  for (const tool of all) if (every || wanted.includes(tool.name)) registry.register(tool);
  for (const tool of own) {
    if (registry.get(tool.name)) registry.unregister(tool.name);
    registry.register(tool, core(tool));
  }
  return registry;
};
