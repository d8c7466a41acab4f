/** The transport on real sockets: abort, limits, stale connections, proxies, certificates. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, createServer as createTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { APIError } from "geny-executor";
import { type HttpRequest, send } from "../../src/providers/http.ts";
import { proxyFor } from "../../src/providers/lanes.ts";

const timeouts = { connectMs: 2000, firstByteMs: 2000, idleMs: 2000 };
const request = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  url,
  method: "POST",
  headers: { "content-type": "text/plain" },
  body: "héllo",
  signal: new AbortController().signal,
  timeouts,
  env: {},
  ...more,
});
const serve = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: urlOf(server), [Symbol.dispose]: () => end(server) };
};
const urlOf = (server: { address(): unknown }): string => {
  const address = server.address();
  assert(typeof address === "object" && address !== null && "port" in address);
  return `http://127.0.0.1:${address.port}`;
};
const end = (server: Server) => {
  server.close();
  server.closeAllConnections();
};
const textOf = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
};
const failure = async (promise: Promise<unknown>): Promise<APIError> => {
  const error = await promise.then(
    () => assert.fail("it did not fail"),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof APIError, String(error));
  return error;
};
const both: [string, Partial<HttpRequest>][] = [
  ["node:http", {}],
  ["an injected fetch", { fetch: globalThis.fetch }],
];

for (const [name, how] of both) {
  test(`${name}: status, headers and body come through`, async () => {
    using at = await serve((req, res) => {
      res.writeHead(418, { "X-Answer": "tea" });
      req.pipe(res);
    });
    const answer = await send(request(`${at.url}/a?b=c`, how));
    assert.equal(answer.status, 418);
    assert.equal(answer.header("x-answer"), "tea");
    assert.equal(answer.header("x-none"), undefined);
    assert.equal(await textOf(answer.body), "héllo");
  });

  test(`${name}: an abort closes the socket at once, while waiting for headers and while reading`, async (t) => {
    const closed: number[] = [];
    let asked = 0;
    using at = await serve((req, res) => {
      req.socket.once("close", () => closed.push(performance.now()));
      asked++;
      if (req.url === "/silent") return;
      res.write("first");
    });
    for (const path of ["/silent", "/body"]) {
      const stop = new AbortController();
      const reason = new Error("enough");
      const running = send(request(at.url + path, { ...how, signal: stop.signal })).then((answer) => textOf(answer.body));
      const from = asked;
      for (let i = 0; i < 400 && asked === from; i++) await sleep(5);
      await sleep(20);
      const before = performance.now();
      stop.abort(reason);
      await assert.rejects(running, (error) => error === reason);
      for (let i = 0; i < 200 && !closed.length; i++) await sleep(5);
      assert.equal(closed.length, 1, path);
      const took = (closed.pop() ?? Number.POSITIVE_INFINITY) - before;
      t.diagnostic(`${path}: the socket was closed after ${took.toFixed(1)} ms`);
      // On a machine that has nothing else to do it takes some two milliseconds.
      assert(took < 500, path);
    }
  });

  test(`${name}: leaving the body early closes the socket at once`, async () => {
    const closed = Promise.withResolvers<number>();
    using at = await serve((req, res) => {
      req.socket.once("close", () => closed.resolve(performance.now()));
      res.write("first");
    });
    const answer = await send(request(at.url, how));
    let left = 0;
    for await (const _ of answer.body) {
      left = performance.now();
      break;
    }
    assert((await closed.promise) - left < 50);
  });

  test(`${name}: a body that was let go while it was read ends without a failure`, async () => {
    using at = await serve((_, res) => res.write("first"));
    const answer = await send(request(at.url, how));
    for await (const _ of answer.body) {
      answer.release();
      await sleep(5);
      break;
    }
  });

  test(`${name}: silence before the head and within the body is a timeout`, async () => {
    using at = await serve((req, res) => {
      if (req.url === "/body") res.write("first");
    });
    const short = { ...how, timeouts: { connectMs: 1000, firstByteMs: 60, idleMs: 60 } };
    const head = await failure(send(request(at.url, short)));
    assert.equal(head.code, "exec.api.timeout");
    const answer = await send(request(`${at.url}/body`, short));
    const body = await failure(textOf(answer.body));
    assert.equal(body.code, "exec.api.timeout");
    assert.equal(body.recoverable, true);
  });

  test(`${name}: a redirect is an error that names the origin and nothing else`, async () => {
    using at = await serve((_, res) => res.writeHead(302, { location: "https://elsewhere.test/x?key=secret" }).end());
    const error = await failure(send(request(at.url, how)));
    assert.equal(error.code, "exec.api.bad_request");
    assert.equal(error.status, 302);
    assert.match(error.message, /https:\/\/elsewhere\.test /);
    assert.doesNotMatch(error.message, /secret/);
  });

  test(`${name}: a refused connection is a network error with its cause`, async () => {
    const closed = await serve(() => undefined);
    end(closed.server);
    await once(closed.server, "close");
    const error = await failure(send(request(closed.url, how)));
    assert.equal(error.code, "exec.api.network");
    assert.equal(error.details.cause_code, "ECONNREFUSED");
    assert(error.cause instanceof Error);
  });

  test(`${name}: a connection that breaks within the body is a network error, after what had come`, async () => {
    using at = await serve((_, res) => {
      res.writeHead(200, { "content-length": "100" });
      res.write("first", () => res.destroy());
    });
    const answer = await send(request(at.url, how));
    let got = "";
    const error = await failure(
      (async () => {
        for await (const piece of answer.body) got += Buffer.from(piece).toString();
      })(),
    );
    assert.equal(got, "first");
    assert.equal(error.code, "exec.api.network");
  });

  test(`${name}: a header that HTTP forbids is refused without its value`, async () => {
    const error = await failure(send(request("http://127.0.0.1:9", { ...how, headers: { authorization: "Bearer secret\n" } })));
    assert.equal(error.code, "exec.api.bad_request");
    assert.doesNotMatch(JSON.stringify([error.message, error.details, String(error.cause)]), /secret/);
  });
}

test("a connection is kept and used again, also when the last bytes were not read", async () => {
  let sockets = 0;
  using at = await serve((_, res) => res.end("whole"));
  at.server.on("connection", () => sockets++);
  for (let i = 0; i < 3; i++) {
    const answer = await send(request(at.url));
    if (i === 1) answer.release();
    else await textOf(answer.body);
    await sleep(10);
  }
  assert.equal(sockets, 1);
});

test("a kept connection that the server closed meanwhile is replaced once, unseen", async () => {
  const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok";
  let requests = 0;
  const server = createTcp((socket) => {
    let seen = 0;
    socket.on("data", () => {
      requests++;
      // The second request of a connection finds it closed.
      if (++seen === 1) socket.write(answer);
      else socket.resetAndDestroy();
    });
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = urlOf(server);
  assert.equal(await textOf((await send(request(url))).body), "ok");
  await sleep(5);
  assert.equal(await textOf((await send(request(url))).body), "ok");
  assert.equal(requests, 3);
  server.close();
});

test("a fresh connection that breaks before the answer is not tried again", async () => {
  let requests = 0;
  using at = await serve((_, res) => {
    requests++;
    res.destroy();
  });
  const error = await failure(send(request(at.url)));
  assert.equal(error.code, "exec.api.network");
  assert.equal(requests, 1);
});

test("a slow reader does not make the body pile up in memory", async () => {
  let written = 0;
  using at = await serve(async (_, res) => {
    for (let i = 0; i < 400 && !res.destroyed; i++) {
      written += 1 << 17;
      if (!res.write(Buffer.alloc(1 << 17))) await once(res, "drain");
    }
    res.end();
  });
  const answer = await send(request(at.url));
  await sleep(150);
  assert(written < 30 << 20, `${written} bytes were taken before anybody read`);
  let total = 0;
  for await (const piece of answer.body) total += piece.length;
  assert.equal(total, 400 * (1 << 17));
});

test("the proxy variables: which one, and who is exempt", () => {
  const env = { HTTPS_PROXY: "http://p:1", HTTP_PROXY: "q:2", NO_PROXY: "localhost, .internal,only.test:8443  *.wild.test" };
  const to = (url: string, more = {}) => proxyFor(new URL(url), { ...env, ...more })?.host ?? null;
  assert.equal(to("https://api.test"), "p:1");
  assert.equal(to("http://api.test"), "q:2");
  assert.equal(to("https://api.test", { https_proxy: "http://small:3" }), "small:3");
  assert.equal(to("http://localhost:99"), null);
  assert.equal(to("https://a.b.internal"), null);
  assert.equal(to("https://notinternal"), "p:1");
  assert.equal(to("https://only.test"), "p:1");
  assert.equal(to("https://only.test:8443"), null);
  assert.equal(to("https://x.wild.test"), null);
  assert.equal(to("https://api.test", { NO_PROXY: "*" }), null);
});

test("plain http goes through HTTP_PROXY with its whole address and the proxy's credentials", async () => {
  using proxy = await serve((req, res) => res.end(`${req.url} ${req.headers.host} ${req.headers["proxy-authorization"]}`));
  const env = { HTTP_PROXY: proxy.url.replace("://", "://user:pa%40ss@") };
  const answer = await send(request("http://model.test:81/v1/messages", { env }));
  const basic = `Basic ${Buffer.from("user:pa@ss").toString("base64")}`;
  assert.equal(await textOf(answer.body), `http://model.test:81/v1/messages model.test:81 ${basic}`);
});

test("a proxy that refuses the tunnel is a network error without its password", async () => {
  using proxy = await serve(() => undefined);
  proxy.server.on("connect", (_: unknown, socket: Socket) =>
    socket.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"),
  );
  const error = await failure(send(request("https://model.test/", { env: { https_proxy: proxy.url.replace("://", "://u:secret@") } })));
  assert.equal(error.code, "exec.api.network");
  assert(error.cause instanceof Error);
  assert.match(error.cause.message, /status 407/);
  assert.doesNotMatch(error.message + error.cause.message, /secret/);
});

test("an abort while the tunnel is being made closes it", async () => {
  const closed = Promise.withResolvers<void>();
  using proxy = await serve(() => undefined);
  proxy.server.on("connect", (_: unknown, socket: Socket) => socket.on("end", () => closed.resolve(void socket.end())).resume());
  const stop = new AbortController();
  const running = send(request("https://model.test/", { signal: stop.signal, env: { https_proxy: proxy.url } }));
  await sleep(40);
  stop.abort();
  await assert.rejects(running, { name: "AbortError" });
  await closed.promise;
});

test("https through a tunnel with a certificate of NODE_EXTRA_CA_CERTS, and not without it", async () => {
  const dir = await mkdtemp(join(tmpdir(), "geny-tls-"));
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...[
      "-keyout",
      join(dir, "key.pem"),
      "-out",
      join(dir, "cert.pem"),
      "-subj",
      "/CN=model.test",
      "-addext",
      "subjectAltName=DNS:model.test",
    ],
  ]);
  if (made.error) return; // No openssl on this machine: nothing to make a certificate with.
  assert.equal(made.status, 0, String(made.stderr));
  const secure = createHttps({ key: await readFile(join(dir, "key.pem")), cert: await readFile(join(dir, "cert.pem")) }, (_, res) =>
    res.end("inside"),
  ).listen(0, "127.0.0.1");
  await once(secure, "listening");
  using proxy = await serve(() => undefined);
  const asked: (string | undefined)[] = [];
  proxy.server.on("connect", (req: IncomingMessage, socket: Socket) => {
    asked.push(req.url);
    const onward = connect(Number(new URL(urlOf(secure)).port), "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    onward.pipe(socket).pipe(onward);
    for (const side of [socket, onward]) side.on("error", () => undefined);
  });
  const module = new URL("../../src/providers/http.ts", import.meta.url).href;
  const program = `
    const { send } = await import(${JSON.stringify(module)});
    const ask = async () => { const a = await send({ url: "https://model.test/x", method: "GET", headers: {}, signal: new AbortController().signal, timeouts: ${JSON.stringify(timeouts)} }); let t = ""; for await (const p of a.body) t += p; return t; };
    try { console.log(await ask(), await ask()); } catch (e) { console.log(e.code, e.details.cause_code); }`;
  const run = async (env: NodeJS.ProcessEnv) => {
    const child = spawn(process.execPath, ["--conditions=geny-executor-source", "--input-type=module", "-e", program], {
      env: { PATH: process.env.PATH, HTTPS_PROXY: proxy.url, ...env },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 20_000,
    });
    return (await textOf(child.stdout)).trim();
  };
  assert.equal(await run({ NODE_EXTRA_CA_CERTS: join(dir, "cert.pem") }), "inside inside");
  assert.deepEqual(asked, ["model.test:443"], "the second request must use the same tunnel");
  assert.match(await run({}), /^exec\.api\.network (DEPTH_ZERO_)?SELF_SIGNED/);
  secure.close();
  secure.closeAllConnections();
  await rm(dir, { recursive: true });
});
