/** The providers of a pipeline, each made at its first use and kept. Other credentials make another pool. */
import { APIError } from "./contract/errors.ts";
import type { Provider } from "./contract/provider.ts";
import { own } from "./contract/schema.ts";
import type { Clock, Connection, Logger, RouteTarget } from "./contract/services.ts";
import { CredentialBundle, type ProviderCredentials } from "./providers/credentials.ts";
import { providers as known } from "./providers/index.ts";
import { noProvider } from "./providers/no-provider.ts";
import type { RouterOptions } from "./providers/router.ts";
import { accessOf, inForce, type Runtime } from "./runtime.ts";

export interface Pool {
  /** Throws `exec.api.no_client` when there is none of that name, or its credentials are missing, or the pool is closed. */
  provider(name: string, connection: Connection): Provider | Promise<Provider>;
  /** A run goes by this pool; gives the function that says that it does no more. */
  enter(): () => void;
  /** No new run will come: when the last has left, what was made here is closed. Objects that the host gave stay open. */
  retire(): void;
  /**
   * Waits for the providers that are there; one that is still being made is closed when it comes, and no other one is made. Never rejects: what fails
   * is logged, and the others are closed.
   */
  close(): Promise<void>;
}

export const providerPool = (runtime: Runtime, clock: Clock, log: Logger): Pool => {
  const env = inForce(runtime);
  const open = new Map<string, Provider | Promise<Provider>>();
  const bundle = env.credentials ?? CredentialBundle.fromEnvironment();
  const given = new Set<unknown>(Object.values(env.providers ?? {}));
  let runs = 0;
  let retired = false;
  let closed = false;

  /** A provider that the host has made takes no options. */
  const make = (name: string, options: RouterOptions): Provider | Promise<Provider> => {
    const source = env.providers?.[name] ?? own(known, name);
    if (!source) throw noProvider(name, [...new Set([...Object.keys(env.providers ?? {}), ...Object.keys(known)])]);
    return typeof source === "function" ? source({ ...options, fetch: env.fetch, log, now: () => clock.now(), resolve: make }) : source;
  };
  const load = (name: string, { baseUrl, timeoutMs, targets, balance }: Connection): Provider | Promise<Provider> => {
    if (targets && name !== "geny_router")
      throw new APIError(`Stage api has \`targets\`: they are for the provider "geny_router", not for "${name}".`, {
        code: "exec.api.bad_request",
      });
    const credentials = bundle.get(name);
    const mine = accessOf(runtime, name);
    return make(name, {
      ...credentials,
      ...(mine.apiKey ? { apiKey: mine.apiKey, authToken: undefined } : {}),
      baseUrl: baseUrl || mine.baseUrl || credentials?.baseUrl,
      timeoutMs: timeoutMs || undefined,
      ...(targets ? { targets: targets.map((target) => ({ ...target, credentials: credentialsOf(target, bundle) })) } : {}),
      ...(balance ? { balance } : {}),
    });
  };
  const failed = (error: unknown) => log.warn("A provider could not be closed.", error);
  const close = async (spared: (provider: Provider) => boolean): Promise<void> => {
    const providers = [...open.values()];
    open.clear();
    const closed = async (provider: Provider) => (spared(provider) ? undefined : provider.close?.());
    for (const provider of providers)
      if (provider instanceof Promise) provider.then(closed).catch(failed);
      else await closed(provider).catch(failed);
  };
  const closeRetired = () => {
    if (retired && runs === 0) void close((provider) => given.has(provider));
  };

  return {
    provider(name, connection) {
      if (closed) throw new APIError(`The pipeline is closed: "${name}" is not asked any more.`, { code: "exec.api.no_client" });
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
    enter() {
      runs += 1;
      let inside = true;
      return () => {
        if (inside) runs -= 1;
        inside = false;
        closeRetired();
      };
    },
    retire() {
      retired = true;
      closeRetired();
    },
    close() {
      closed = true;
      return close(() => false);
    },
  };
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
