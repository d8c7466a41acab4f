/** A TLS connection through an HTTP proxy's CONNECT. By hand, because Node's own proxy support is newer than the oldest Node we run on. */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";

interface Goal {
  readonly host: string;
  readonly port: string;
  /** The name to ask for and to check in the certificate; empty for an address. */
  readonly servername: string;
  readonly gone: AbortSignal | undefined;
}
type Client = typeof import("node:http") | typeof import("node:https");
type Tls = typeof import("node:tls");

/** Calls `ready` once: with a secure connection, or with the error. Closes everything when `gone` aborts before. */
export const tunnel =
  (client: Client, tls: Tls, proxy: URL, authorization: { readonly [name: string]: string }) =>
  (goal: Goal, ready: (error: Error | null, socket: Duplex) => void): void => {
    const authority = `${goal.host.includes(":") ? `[${goal.host}]` : goal.host}:${goal.port}`;
    const ask = client.request({
      host: proxy.hostname.replace(/^\[|\]$/g, ""),
      port: proxy.port || (proxy.protocol === "https:" ? 443 : 80),
      method: "CONNECT",
      path: authority,
      headers: { host: authority, ...authorization },
      agent: false,
    });
    let open: Duplex | undefined;
    let settled = false;
    const settle = (error: Error | null, socket: Duplex = new Socket()) => {
      if (settled) return;
      settled = true;
      goal.gone?.removeEventListener("abort", leave);
      if (error) open?.destroy();
      ready(error, socket);
    };
    const leave = () => {
      ask.destroy();
      settle(new Error("given up"));
    };
    goal.gone?.addEventListener("abort", leave, { once: true });
    ask.once("error", settle);
    ask.once("connect", (answer, socket) => {
      open = socket;
      if (answer.statusCode !== 200) return settle(new Error(`the proxy ${proxy.host} answered CONNECT with status ${answer.statusCode}`));
      const secure = tls.connect({ socket, servername: goal.servername, ALPNProtocols: ["http/1.1"] });
      open = secure;
      secure.once("error", settle);
      secure.once("secureConnect", () => {
        secure.off("error", settle);
        settle(null, secure);
      });
    });
    ask.once("response", (answer) => settle(new Error(`the proxy ${proxy.host} answered CONNECT with status ${answer.statusCode}`)));
    ask.end();
  };
