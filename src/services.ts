/** Puts the parts together that a pipeline's stages may reach. */
import type { Finding } from "./contract/findings.ts";
import type { Host } from "./contract/host.ts";
import type { Provider } from "./contract/provider.ts";
import type { Json } from "./contract/schema.ts";
import type { Clock, Logger, Price, Pricing, Services, Store } from "./contract/services.ts";
import type { Tool } from "./contract/tool.ts";
import { bounds } from "./engine/bounds.ts";
import { systemClock } from "./engine/host.ts";
import { tokens } from "./engine/tokens.ts";
import type { AdhocToolProvider } from "./external-tools.ts";
import { type PendingApprovals, pendingApprovals } from "./policy/approvals.ts";
import type { Pool } from "./pool.ts";
import type { Primary } from "./primary.ts";
import type { CredentialBundle } from "./providers/credentials.ts";
import { createPricing, type ProviderOptions } from "./providers/index.ts";
import { inForce, type Runtime } from "./runtime.ts";
import { type api, apiWith } from "./stages/06-api.ts";
import type { Agents } from "./subagents.ts";
import type { ToolList } from "./tool-list.ts";
import { createDispatcher } from "./tools/dispatch.ts";
import type { ToolRegistry } from "./tools/registry.ts";

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
  /** Give the tools that the manifest asks for by name (`tools.external`): the first that knows a name wins, also over a built-in tool. */
  readonly adhocProviders?: readonly AdhocToolProvider[];
  /** May be an instance of a class. Its parts are taken when it is given: what is set on it later is not seen. */
  readonly host?: Host;
  /** Absolute folder in which tools work. Default: the process's. */
  readonly workingDir?: string;
  /** Folders that file tools may touch. Default: anywhere. */
  readonly allowedPaths?: readonly string[];
  /** Folder for tool results that are too large for a message. Default: they are cut. */
  readonly storagePath?: string;
  /** Added to the environment that tools' subprocesses get; `${NAME}` in `tools.mcp_servers` looks here first. */
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

/** What stays the same for as long as a pipeline lives. */
export type Lasting = Pick<Services, "clock" | "id" | "random" | "log" | "store"> & {
  readonly approvals: PendingApprovals;
  readonly agents: Agents;
};

/** What a pipeline's stages may reach, as the host gave it at one moment. */
export interface Wiring {
  readonly runtime: Runtime;
  readonly pool: Pool;
  readonly tools: ToolList;
  /** Stage 6 that knows the host's providers by name. */
  readonly api: typeof api;
  /** What the manifest expects of the host and does not get. */
  readonly missing: readonly Finding[];
  /** `primary`: the provider of stage 6, and how it is reached. `pricing`: the price list with what the manifest itself says of prices. */
  servicesFor(primary: Primary, pricing: (list: Pricing) => Pricing): Services;
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

export const lasting = (env: Environment, agents: Agents): Lasting => {
  const id = env.id ?? randomIds();
  return {
    clock: env.clock ?? systemClock,
    id: (prefix = "") => id(prefix),
    random: env.random ?? Math.random,
    log: loggerOf(env.logger),
    store: smallStore(),
    approvals: pendingApprovals(),
    agents,
  };
};

const smallStore = (): Store => {
  const values = new Map<string, Json>();
  return { get: async (key) => values.get(key), set: async (key, value) => void values.set(key, value) };
};

export const wire = (runtime: Runtime, tools: ToolList, pool: Pool, { agents, ...stays }: Lasting): Wiring => {
  const env = inForce(runtime);
  const { registry } = tools;
  const { host = {} } = env;
  const common = {
    ...stays,
    tokens,
    bounds,
    tools: registry,
    dispatcher: createDispatcher({
      tools: registry,
      clock: stays.clock,
      log: stays.log,
      workingDir: env.workingDir ?? process.cwd(),
      allowedPaths: env.allowedPaths ?? null,
      storagePath: env.storagePath ?? null,
      env: env.env ?? {},
    }),
    host: agents.at(host),
  };
  const list = createPricing({ ...(env.prices ? { overrides: env.prices } : {}), now: () => stays.clock.now() });
  const servicesFor: Wiring["servicesFor"] = ({ name: first, ...reached }, pricing) => ({
    ...common,
    pricing: pricing(list),
    provider: (name, connection = name === first ? reached : {}) => pool.provider(name, connection),
  });
  return { runtime, pool, tools, missing: agents.missingAt(host), api: apiWith(Object.keys(env.providers ?? {})), servicesFor };
};
