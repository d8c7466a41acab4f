/** The way to a server: straight, or through the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name. Connections are kept and shared. */
import type { Agent, ClientRequest } from "node:http";
import type { tunnel } from "./tunnel.ts";

export type Environment = { readonly [name: string]: string | undefined };

interface LaneRequest {
  readonly method: string;
  readonly headers: { readonly [name: string]: string | number };
  /** On a connection of its own that is not kept. */
  readonly fresh: boolean;
  /** Aborts when the request is given up, so that a half-made tunnel closes too. */
  readonly gone: AbortSignal;
}
export interface Lane {
  request(url: URL, options: LaneRequest): ClientRequest;
}

/**
 * The proxy for an address, or null. The small-letter variables come first. NO_PROXY: `*`, or hosts divided by commas or spaces, each with
 * its subdomains and optionally a port; address ranges are not understood.
 */
export const proxyFor = (url: URL, env: Environment): URL | null => {
  const secure = url.protocol === "https:";
  const text = secure ? (env.https_proxy ?? env.HTTPS_PROXY) : (env.http_proxy ?? env.HTTP_PROXY);
  if (!text || exempt(url, env.no_proxy ?? env.NO_PROXY ?? "")) return null;
  const address = text.includes("://") ? text : `http://${text}`;
  return URL.canParse(address) ? new URL(address) : null;
};

const exempt = (url: URL, list: string): boolean => {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === "*") return true;
    const [, host = "", only] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    const name = host.replace(/^\*?\./, "");
    return name !== "" && (only === undefined || only === port) && (url.hostname === name || url.hostname.endsWith(`.${name}`));
  });
};

const modules = {
  http: () => import("node:http"),
  https: () => import("node:https"),
  tls: () => import("node:tls"),
};
type Http = typeof import("node:http");
type Https = typeof import("node:https");
type OpenTunnel = ReturnType<typeof tunnel>;

const made = new Map<string, Promise<Lane>>();

export const lanes = {
  /** The lane for an address; loads node:http or node:https at the first. */
  find(url: URL, env: Environment): Promise<Lane> {
    const proxy = proxyFor(url, env);
    const key = `${url.protocol} ${proxy?.href ?? ""}`;
    const known = made.get(key);
    if (known) return known;
    const lane = make(url.protocol, proxy);
    made.set(key, lane);
    return lane;
  },
};

const make = async (protocol: string, proxy: URL | null): Promise<Lane> => {
  const http = await modules.http();
  if (protocol === "http:")
    return proxy ? forwarded(proxy.protocol === "https:" ? await modules.https() : http, proxy) : direct(http, http.Agent);
  const https = await modules.https();
  if (!proxy) return direct(https, https.Agent);
  const [tls, { tunnel }] = await Promise.all([modules.tls(), import("./tunnel.ts")]);
  return tunnelled(https, tunnel(proxy.protocol === "https:" ? https : http, tls, proxy, authorization(proxy)));
};

const keep = { keepAlive: true, scheduling: "lifo" } as const;
const target = (url: URL, { method, headers }: LaneRequest) => ({
  host: url.hostname.replace(/^\[|\]$/g, ""),
  port: url.port || (url.protocol === "https:" ? 443 : 80),
  path: url.pathname + url.search,
  method,
  headers,
});

const direct = (client: Http | Https, Pool: new (options: { keepAlive: boolean }) => Agent): Lane => {
  const agent = new Pool(keep);
  return {
    request: (url, options) => client.request({ ...target(url, options), agent: options.fresh ? new Pool({ keepAlive: false }) : agent }),
  };
};

/** Plain http: the proxy is asked for the whole address. */
const forwarded = (client: Http | Https, proxy: URL): Lane => {
  const agent = new client.Agent(keep);
  return {
    request: (url, options) =>
      client.request({
        ...target(proxy, options),
        path: url.href,
        headers: { ...options.headers, host: url.host, ...authorization(proxy) },
        agent: options.fresh ? new client.Agent({ keepAlive: false }) : agent,
      }),
  };
};

const authorization = (proxy: URL): { readonly [name: string]: string } => {
  if (!proxy.username && !proxy.password) return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
};

/** https: the proxy opens a tunnel, and TLS runs inside it. */
const tunnelled = (https: Https, open: OpenTunnel): Lane => {
  const pool = (keepAlive: boolean): Agent => {
    const agent = new https.Agent({ ...keep, keepAlive });
    agent.createConnection = (options, ready) => {
      const { host, port, servername } = options;
      const gone = "gone" in options && options.gone instanceof AbortSignal ? options.gone : undefined;
      open({ host: `${host}`, port: `${port}`, servername: servername ?? "", gone }, ready ?? (() => undefined));
      return undefined;
    };
    return agent;
  };
  const agent = pool(true);
  return {
    request: (url, options) => {
      const asked = { ...target(url, options), agent: options.fresh ? pool(false) : agent, gone: options.gone };
      return https.request(asked);
    },
  };
};
