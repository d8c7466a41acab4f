/** `MCPManager`, against real servers: processes of our own, the everything server, and one at a loopback address. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { ConfigError, MCPConnectionError, type MCPServerConfig, type Tool } from "geny-executor";
import { MCPManager } from "geny-executor/mcp";
import { dispatcherOf, errorOf, textOfOutcome } from "../tools/making.ts";
import { PIXEL } from "./little-tools.ts";
import { EVERYTHING, everythingAt, freePort, plainSite, processes, site, until } from "./world.ts";

/** The failure of a connection, and the manager that is left. */
const failing = async (config: MCPServerConfig, options: { readonly signal?: AbortSignal } = {}) => {
  await using manager = new MCPManager();
  try {
    await manager.connect("broken", config, options);
  } catch (error) {
    assert.deepEqual(manager.listServers(), []);
    return error as MCPConnectionError;
  }
  throw new Error("it connected");
};
const named = (tools: readonly Tool[], name: string): Tool => {
  const found = tools.find((tool) => tool.name === name);
  assert.ok(found, `there is ${name}`);
  return found;
};

for (const kind of ["a process", "an address"] as const)
  test(`tools of ${kind} have its name, their schema and the effect that their hints say`, async () => {
    await using world = await processes();
    await using at = await site();
    await using manager = new MCPManager();
    const tools = await manager.connect("my-srv", kind === "a process" ? world.little() : { url: at.url });
    assert.deepEqual(manager.listTools(), tools);
    const effects = Object.fromEntries(tools.map(({ name, effect }) => [name, effect]));
    assert.deepEqual(effects, {
      "mcp__my-srv__add": "read",
      "mcp__my-srv__refuse": "once",
      "mcp__my-srv__picture": "read",
      "mcp__my-srv__measure": "idempotent",
      // Not every vendor takes a dot; and what destroys is never done twice.
      "mcp__my-srv__drop_all": "once",
      "mcp__my-srv__sleep": "once",
      "mcp__my-srv__die": "once",
      "mcp__my-srv__hush": "once",
      "mcp__my-srv__tell": "read",
    });
    assert.equal(named(tools, "mcp__my-srv__add").description, "Adds two numbers.");
    const { ask } = dispatcherOf(tools);
    assert.equal(textOfOutcome(await ask("mcp__my-srv__add", { input: { a: 1, b: 2 } })), "3");
    const wrong = await ask("mcp__my-srv__add", { input: { a: "one" } });
    assert.equal(errorOf(wrong).code, "invalid_input");
  });

test("a name that is too long for a vendor is cut, stays one of its own, and is the same each time", async () => {
  await using at = await site();
  const names = async (): Promise<readonly string[]> => {
    await using manager = new MCPManager();
    const tools = await manager.connect("a".repeat(60), { url: at.url });
    const add = tools.find(({ description }) => description === "Adds two numbers.");
    const { ask } = dispatcherOf(tools);
    assert.equal(textOfOutcome(await ask(add?.name ?? "", { input: { a: 1, b: 2 } })), "3");
    return tools.map(({ name }) => name);
  };
  const [once, again] = [await names(), await names()];
  assert.deepEqual(once, again);
  assert.equal(new Set(once).size, once.length);
  for (const name of once) assert.match(name, /^mcp__a{51}_[0-9a-z]{7}$/);
});

test("results: an error stays one, pictures stay pictures, structured content is what there is, the rest is told in words", async () => {
  await using at = await site();
  await using manager = new MCPManager();
  const { ask } = dispatcherOf(await manager.connect("s", { url: at.url }));
  const refused = await ask("mcp__s__refuse");
  assert.ok(refused.isError && refused.block.is_error);
  assert.equal(textOfOutcome(refused), "No such row.");
  const { block } = await ask("mcp__s__picture");
  assert.deepEqual(block.content, [
    { type: "text", text: "One pixel:" },
    { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
    { type: "text", text: "A note." },
    { type: "text", text: "[resource note://2: second]" },
    { type: "text", text: "[audio, audio/wav: it cannot be shown]" },
  ]);
  assert.equal(textOfOutcome(await ask("mcp__s__measure")), '{"celsius": 21}');
  const tool = named(manager.listTools(), "mcp__s__measure");
  const ctx = { signal: new AbortController().signal } as Parameters<Tool["run"]>[1];
  assert.deepEqual(await tool.run({}, ctx), { content: { celsius: 21 }, metadata: { structured_content: { celsius: 21 } } });
});

test("a server of an older protocol works too: the everything server, by process and by either HTTP", async () => {
  await using manager = new MCPManager();
  const tools = await manager.connect("every", { command: process.execPath, args: [EVERYTHING, "stdio"] });
  assert.ok(tools.length >= 10);
  const { ask } = dispatcherOf(tools);
  assert.match(textOfOutcome(await ask("mcp__every__get-sum", { input: { a: 20, b: 22 } })), /42/);
  const image = (await ask("mcp__every__get-tiny-image")).block.content;
  assert.ok(Array.isArray(image) && image.some((block) => block.type === "image"));
  for (const transport of ["sse", "streamableHttp"] as const) {
    await using at = await everythingAt(transport);
    const tools = await manager.connect(transport, { url: at.url, transport: transport === "sse" ? "sse" : "streamable-http" });
    const { ask } = dispatcherOf(tools);
    assert.match(textOfOutcome(await ask(`mcp__${transport}__echo`, { input: { message: "hi" } })), /hi/);
    await manager.disconnect(transport);
  }
});

test("a call is bounded by call_timeout_s, and by the run's own signal", async () => {
  await using world = await processes();
  await using manager = new MCPManager();
  const tools = await manager.connect("s", { ...world.little(), call_timeout_s: 0.2 });
  const { ask } = dispatcherOf(tools);
  const late = await ask("mcp__s__sleep", { input: { ms: 60_000 } });
  assert.equal(errorOf(late).code, "timeout");
  const controller = new AbortController();
  const waiting = ask("mcp__s__sleep", { input: { ms: 60_000 }, signal: controller.signal });
  await wait(50);
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  assert.equal(textOfOutcome(await ask("mcp__s__add", { input: { a: 1, b: 1 } })), "2", "the server serves on");
});

test("calls of a server that has died are transport errors that name it", async () => {
  await using world = await processes();
  await using manager = new MCPManager();
  const { ask } = dispatcherOf(await manager.connect("s", world.little()));
  for (const name of ["mcp__s__die", "mcp__s__add"]) {
    const { code, details } = errorOf(await ask(name, { input: { a: 1, b: 2 } }));
    assert.equal(code, "transport_error");
    assert.equal(details.server, "s");
    assert.equal(details.tool, name.slice("mcp__s__".length));
  }
  assert.deepEqual(world.left(), []);
});

test("disconnecting and closing leave no process, not even one that a server has started, and no request", async () => {
  await using world = await processes();
  await using at = await site();
  const manager = new MCPManager();
  await manager.connectAll({ a: world.little("orphan"), b: world.little(), c: { url: at.url } });
  assert.deepEqual([...manager.listServers()].sort(), ["a", "b", "c"]);
  await world.up(3);
  assert.equal(world.left().length, 3);
  assert.equal(await manager.disconnect("b"), true);
  assert.equal(await manager.disconnect("b"), false);
  assert.equal(world.left().length, 2);
  await manager.close();
  await manager.close();
  assert.deepEqual([world.left(), at.open(), manager.listTools()], [[], 0, []]);
  await assert.rejects(manager.connect("d", world.little()), /closed/);
});

test("one of several that fails takes the others with it, and is the one that is named", async () => {
  await using world = await processes();
  await using at = await site();
  await using manager = new MCPManager();
  await manager.connect("before", world.little());
  const error = await manager.connectAll({ good: world.little("orphan"), bad: world.little("refuse"), web: { url: at.url } }).then(
    () => assert.fail(),
    (thrown: MCPConnectionError) => thrown,
  );
  assert.ok(error instanceof MCPConnectionError);
  assert.equal(error.server, "bad");
  assert.equal(error.code, "exec.mcp.connect_failed");
  assert.match(error.message, /"bad" ended before it was ready[\s\S]*no licence/);
  assert.deepEqual(manager.listServers(), ["before"]);
  assert.equal(world.left().length, 1, "the one that was there stays");
  assert.equal(at.open(), 0);
});

test("an abort while it connects rejects with its reason, and leaves nothing", async () => {
  await using world = await processes();
  await using manager = new MCPManager();
  const controller = new AbortController();
  const coming = manager.connectAll({ a: world.little("silent", "orphan"), b: world.little() }, { signal: controller.signal });
  coming.catch(() => {});
  await world.up(3);
  controller.abort(new Error("never mind"));
  await assert.rejects(coming, /never mind/);
  assert.deepEqual([world.left(), manager.listServers()], [[], []]);
});

test("closing a manager ends a connection that is just coming", async () => {
  await using world = await processes();
  const manager = new MCPManager();
  const coming = manager.connect("a", world.little("silent"));
  coming.catch(() => {});
  await world.up(1);
  await manager.close();
  await assert.rejects(coming, /closed/);
  assert.deepEqual(world.left(), []);
});

test("an abort and a close leave no process, at whatever moment of connecting they come", async () => {
  const running = () => process.getActiveResourcesInfo().filter((kind) => kind === "ProcessWrap").length;
  const stops = [
    (controller: AbortController) => controller.abort(new Error("never mind")),
    (_: AbortController, manager: MCPManager) => void manager.close(),
  ];
  for (const stop of stops)
    for (let moment = 0; moment < 30; moment++) {
      const controller = new AbortController();
      const manager = new MCPManager();
      const coming = manager.connect("x", { command: "cat" }, { signal: controller.signal });
      coming.catch(() => {});
      for (let i = 0; i < moment; i++) await null;
      stop(controller, manager);
      await assert.rejects(coming, /never mind|closed/);
      await manager.close();
      for (let i = 0; i < 3; i++) await new Promise((ok) => setImmediate(ok));
      assert.equal(running(), 0, `after ${moment} steps`);
    }
});

test("whoever closes while it is being closed waits until nothing is left", async () => {
  await using world = await processes();
  const manager = new MCPManager();
  await manager.connectAll({ a: world.little("orphan"), b: world.little("orphan") });
  void manager.disconnect("a");
  void manager.close();
  await manager.close();
  assert.deepEqual(world.left(), []);
});

test("a server that closes its output and lives on is gone, and so is its process", async () => {
  await using world = await processes();
  await using manager = new MCPManager();
  const { ask } = dispatcherOf(await manager.connect("s", world.little()));
  assert.equal(errorOf(await ask("mcp__s__hush")).code, "transport_error");
  await until(() => world.left().length === 0, "the process is ended");
});

test("a server that asks and does not read is ended, and its questions are not kept", async () => {
  const program = `
    const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
    const flood = () => {
      for (let i = 0; i < 1000; i++) say({ id: "x".repeat(1000) + i, method: "ping" });
      process.stdout.write("", () => setImmediate(flood));
    };
    process.stdin.on("data", (line) => {
      const { id, method, params } = JSON.parse(line);
      const info = { serverInfo: { name: "x", version: "1" }, capabilities: { tools: {} } };
      if (method === "initialize") say({ id, result: { protocolVersion: params.protocolVersion, ...info } });
      else if (method === "notifications/initialized") process.stdin.pause(), flood();
      else say({ id, error: { code: -32601, message: "no" } });
    });`;
  const error = await failing({ command: process.execPath, args: ["-e", program] });
  assert.match(error.message, /ended before it was ready/);
  assert.equal(error.code, "exec.mcp.list_tools_failed");
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
  test(`servers end with a host that ends by ${signal}; one that hears the signal itself decides`, async () => {
    await using world = await processes();
    const host = (own: string) => `
      import { MCPManager } from "geny-executor/mcp";
      await new MCPManager().connect("s", ${JSON.stringify(world.little("orphan"))});
      ${own}
      process.kill(process.pid, "${signal}");
      setTimeout(() => process.exit(9), 20_000);`;
    const ended = (own: string) =>
      new Promise((ok) => {
        const args = ["--conditions=geny-executor-source", "--input-type=module", "-e", host(own)];
        const child = execFile(process.execPath, args, { cwd: import.meta.dirname }, () => ok(child.signalCode ?? child.exitCode));
      });
    assert.equal(await ended(""), signal);
    await until(() => world.pids().length === 2 && world.left().length === 0, "the servers are gone");
    assert.equal(await ended(`process.on("${signal}", () => process.exit(7));`), 7);
    await until(() => world.pids().length === 4 && world.left().length === 0, "the servers are gone");
  });

test("what cannot be reached says which server, with which code, and what to do", async () => {
  await using world = await processes();
  await using locked = await site(401);
  await using lost = await site(404);
  await using broken = await site(500);
  const cases: readonly [MCPServerConfig, string, RegExp][] = [
    [{ command: "no-such-program-of-ours" }, "connect_failed", /could not be started \(ENOENT\).*in PATH/],
    [world.little("refuse"), "connect_failed", /ended before it was ready/],
    [{ ...world.little("silent"), connect_timeout_s: 0.6 }, "initialize_failed", /within 0\.6 s.*connect_timeout_s/],
    [{ url: `http://127.0.0.1:${await freePort()}/mcp` }, "connect_failed", /could not be reached: .*ECONNREFUSED/],
    [{ url: locked.url }, "connect_failed", /status 401.*headers/],
    [{ url: lost.url }, "connect_failed", /status 404.*url/],
    [{ url: broken.url }, "connect_failed", /status 500/],
  ];
  for (const [config, code, message] of cases) {
    const error = await failing(config);
    assert.ok(error instanceof MCPConnectionError, String(error));
    assert.equal(error.code, `exec.mcp.${code}`, error.message);
    assert.equal(error.server, "broken");
    assert.match(error.message, /^The MCP server "broken" /);
    assert.match(error.message, message);
  }
  assert.deepEqual(world.left(), []);
});

test("a server that answers the handshake and no list fails as a list", async () => {
  await using at = await plainSite({ error: { code: -32603, message: "out of order" } });
  const error = await failing({ url: at.url });
  assert.equal(error.code, "exec.mcp.list_tools_failed");
  assert.match(error.message, /out of order/);
});

test("a config that is wrong is refused before anything is started, all of it at once", async () => {
  const cases: readonly [string, object, RegExp][] = [
    ["s", {}, /mcp\.s\.command: is required/],
    ["s", { url: "ftp://x" }, /mcp\.s\.url: must be an address/],
    ["s", { url: "http://me:secret@x" }, /mcp\.s\.url: must hold no user and password/],
    ["s", { command: "x", transport: "pigeon" }, /mcp\.s\.transport: must be one of stdio, http/],
    ["한", { command: "x" }, /mcp\.한\.name/],
    ["s", { command: "x", args: "y", call_timeout_s: -1 }, /mcp\.s\.args[\s\S]*mcp\.s\.call_timeout_s/],
    ["s", { command: "x", comand: "y" }, /mcp\.s\.comand: is not a known key/],
    ["s", { url: "http://x", headers: { a: 1 } }, /mcp\.s\.headers\.a: must be text/],
    [
      "s",
      { command: "x\0", args: ["a", "b\0"], env: { A: "\0", "B\0": "" } },
      /mcp\.s\.command: .*NUL[\s\S]*mcp\.s\.args\[1\]: .*NUL[\s\S]*mcp\.s\.env\.A: .*NUL[\s\S]*mcp\.s\.env\.B/,
    ],
  ];
  await using manager = new MCPManager();
  for (const [name, config, message] of cases)
    await assert.rejects(manager.connect(name, config), (error) => error instanceof ConfigError && message.test(error.message));
});

test("a name can be connected once at a time", async () => {
  await using at = await site();
  await using manager = new MCPManager();
  const first = manager.connect("s", { url: at.url });
  await assert.rejects(manager.connect("s", { url: at.url }), /"s" already/);
  await first;
  await assert.rejects(manager.connect("s", { url: at.url }), /"s" already/);
  await manager.disconnect("s");
  await manager.connect("s", { url: at.url });
});

test("a server gets a harmless part of our environment and what its config adds", async () => {
  await using world = await processes();
  await using manager = new MCPManager();
  process.env.OURS_ALONE = "no";
  try {
    const { ask } = dispatcherOf(await manager.connect("s", { ...world.little(), env: { LITTLE_MODE: "quiet" } }));
    const seen = JSON.parse(textOfOutcome(await ask("mcp__s__tell")));
    assert.equal(seen.LITTLE_MODE, "quiet");
    assert.equal(seen.PATH, process.env.PATH);
    assert.equal(seen.OURS_ALONE, undefined);
  } finally {
    delete process.env.OURS_ALONE;
  }
});

test("a redirect is followed at the server itself; to another one no key goes", async () => {
  await using at = await site();
  await using other = await site(undefined, at.url);
  await using manager = new MCPManager();
  const headers = { "x-key": "CANARY-header" };
  const tools = await manager.connect("here", { url: at.url.replace("/mcp", "/moved"), headers });
  const { ask } = dispatcherOf(tools);
  assert.equal(textOfOutcome(await ask("mcp__here__add", { input: { a: 1, b: 2 } })), "3");
  const before = at.requests.length;
  const error = await failing({ url: other.url.replace("/mcp", "/moved"), headers });
  assert.match(error.message, /sends requests elsewhere \(status 307\)/);
  assert.equal(at.requests.length, before);
});

test("no key of a config comes back: not in a result, not in an error", async () => {
  await using world = await processes();
  await using at = await site();
  await using locked = await site(403);
  await using manager = new MCPManager();
  const headers = { authorization: "Bearer CANARY-header-1", "x-tenant": "CANARY-header-2" };
  const { ask } = dispatcherOf(
    await manager.connectAll({
      p: { ...world.little(), env: { LITTLE_KEY: "CANARY-env" } },
      h: { url: `${at.url}?k=CANARY-query`, headers },
    }),
  );
  assert.ok(at.requests.every((request) => request.headers.authorization === "Bearer CANARY-header-1"));
  for (const name of ["mcp__p__tell", "mcp__h__tell"]) {
    const told = textOfOutcome(await ask(name));
    assert.match(told, /\*\*\*/);
    assert.doesNotMatch(told, /CANARY/);
  }
  for (const config of [
    { url: `${locked.url}?k=CANARY-query`, headers },
    { ...world.little("refuse"), env: { LITTLE_KEY: "CANARY-env" } },
  ]) {
    const error = await failing(config);
    assert.doesNotMatch(`${error.stack} ${JSON.stringify({ ...error })} ${String(error.cause)}`, /CANARY/);
  }
});

const TOOL = { name: "t", inputSchema: { type: "object" } };
const said = (text: string, more: object = {}) => ({ result: { content: [{ type: "text", text }], ...more } });

test("an abort of a call ends its request, and the server is told", async () => {
  for (const mime of ["application/json", "text/event-stream"]) {
    await using at = await plainSite([TOOL], (response) => void response.writeHead(200, { "content-type": mime }).flushHeaders());
    await using manager = new MCPManager();
    const { ask } = dispatcherOf(await manager.connect("s", { url: at.url }));
    const controller = new AbortController();
    const waiting = Promise.allSettled(Array.from({ length: 5 }, () => ask("mcp__s__t", { signal: controller.signal })));
    await until(() => at.open() === 5, "the calls come");
    controller.abort(new Error("enough"));
    await waiting;
    await until(() => at.open() === 0, "no request is open");
    await until(() => at.asked.filter(({ method }) => method === "notifications/cancelled").length === 5, "the server is told");
  }
});

test("an answer of more than 10 MB is not read on, in one piece or in an event; many small events are", async () => {
  const endless = (response: ServerResponse, type: string, head: string) => {
    response.writeHead(200, { "content-type": type }).write(head);
    const piece = "x".repeat(1 << 20);
    const more = () => {
      while (!response.destroyed && response.write(piece));
    };
    response.on("drain", more);
    more();
  };
  const kinds: { readonly [kind: string]: (response: ServerResponse, id: number | undefined) => void } = {
    json: (response) => endless(response, "application/json", '{"jsonrpc":"2.0","result":"'),
    event: (response) => endless(response, "text/event-stream", "id: 1\ndata: "),
    events: (response, id) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const note = JSON.stringify({
        jsonrpc: "2.0",
        method: "notifications/message",
        params: { level: "info", data: "x".repeat(1 << 20) },
      });
      for (let i = 0; i < 12; i++) response.write(`data: ${note}\r\n\r\n`);
      response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id, ...said("small") })}\n\n`);
    },
  };
  await using at = await plainSite([TOOL], (response, { kind }, id) => void kinds[String(kind)]?.(response, id));
  await using manager = new MCPManager();
  const { ask } = dispatcherOf(await manager.connect("s", { url: at.url }));
  for (const kind of ["json", "event"]) {
    const { code, message } = errorOf(await ask("mcp__s__t", { input: { kind } }));
    assert.deepEqual([code, /more than 10 MB/.test(message)], ["transport_error", true], `${kind}: ${message}`);
    await until(() => at.open() === 0, "the request is ended");
  }
  assert.equal(textOfOutcome(await ask("mcp__s__t", { input: { kind: "events" } })), "small");
});

test("keys are struck out of whatever a server says: names, schemas, JSON of any form, what a cut would leave of one", async () => {
  const key = 'CANARY"quo\\te';
  const tools = [
    {
      ...TOOL,
      name: "get_CANARY-name",
      description: `queries with ${key}`,
      inputSchema: {
        type: "object",
        properties: { password: { type: "string", description: key, default: key }, $ref: { enum: [key] } },
        required: ["password"],
      },
    },
  ];
  await using at = await plainSite(tools, (_, { password }) =>
    password === "fail"
      ? { error: { code: -32000, message: `${"z".repeat(980)}${key}` } }
      : said(`plain ${key}, as JSON ${JSON.stringify({ key })}`, { structuredContent: { [key]: [key, 1234567890] } }),
  );
  await using manager = new MCPManager();
  const headers = { "x-key": key, "x-name": "CANARY-name", "x-number": "12345678", "x-word": "password" };
  const [tool] = await manager.connect("s", { url: at.url, headers });
  assert.ok(tool);
  assert.equal(tool.name, "mcp__s__get____");
  assert.equal(tool.description, "queries with ***");
  assert.deepEqual(tool.input, {
    type: "object",
    properties: { password: { type: "string", description: "***", default: "***" }, $ref: { enum: ["***"] } },
    required: ["password"],
  });
  const { ask } = dispatcherOf([tool]);
  assert.equal(textOfOutcome(await ask(tool.name, { input: { password: "x" } })), 'plain ***, as JSON {"key":"***"}');
  const ctx = { signal: new AbortController().signal } as Parameters<Tool["run"]>[1];
  assert.deepEqual(await tool.run({ password: "x" }, ctx), {
    content: 'plain ***, as JSON {"key":"***"}',
    metadata: { structured_content: { "***": ["***", 1234567890] } },
  });
  assert.match(errorOf(await ask(tool.name, { input: { password: "fail" } })).message, /z\*{3}$/);
});

test("keys in the environment are struck out: by the name that says so, trimmed, line by line, and before a cut", async () => {
  await using world = await processes();
  await using manager = new MCPManager();
  const names = ["DB_PASS", "SMTP_PASS", "MYSQL_PWD", "SSH_PASSPHRASE", "GITHUB_PAT", "DATABASE_URL", "SENTRY_DSN", "SESSION_COOKIE"];
  const env = {
    ...Object.fromEntries(names.map((name) => [name, `CANARY-${name}`])),
    PRIVATE_KEY: "-----BEGIN\nCANARY-line-1\nCANARY-line-2\n-----END",
    API_TOKEN: "CANARY-token\n",
    STORE: "postgres://me:CANARY%2Fstore@db/x",
    PATTERNS: "no secret",
  };
  const { ask } = dispatcherOf(await manager.connect("s", { ...world.little(), env }));
  const told = textOfOutcome(await ask("mcp__s__tell"));
  assert.match(told, /"PATTERNS":"no secret"/);
  assert.doesNotMatch(told, /CANARY/);
  const key = "CANARY-secret-token-0123456789";
  const program = `process.stderr.write("x".repeat(100) + process.env.API_TOKEN + "y".repeat(1990), () => process.exit(3))`;
  const error = await failing({ command: process.execPath, args: ["-e", program], env: { API_TOKEN: key } });
  assert.match(error.message, /y{1990}/);
  assert.doesNotMatch(error.message, /0123456789/);
});

test("a schema that cannot be compiled is the server's to check", async () => {
  const schemas = [
    { type: "object", properties: { a: { type: "string", pattern: "(" } } },
    { type: "object", properties: { a: { type: "string", pattern: "[\\w-.]+\\-" } } },
    { type: "object", properties: { a: { $ref: "#/$defs/nowhere" } } },
    { type: "object", allOf: 7 },
    { type: "object", patternProperties: { "(": {} } },
    { type: "object", "~standard": { version: 1 } },
  ];
  await using at = await plainSite(schemas.map((inputSchema, i) => ({ name: `t${i}`, inputSchema })));
  await using manager = new MCPManager();
  const { ask } = dispatcherOf(await manager.connect("s", { url: at.url }));
  for (const i of schemas.keys()) assert.equal(textOfOutcome(await ask(`mcp__s__t${i}`, { input: { a: "x" } })), "done", `t${i}`);
});

test("a picture without anything in it is told in words", async () => {
  const content = [
    { type: "image", data: "", mimeType: "image/png" },
    { type: "resource", resource: { uri: "note://1", mimeType: "application/pdf", blob: "" } },
  ];
  await using at = await plainSite([TOOL], () => ({ result: { content } }));
  await using manager = new MCPManager();
  const { ask } = dispatcherOf(await manager.connect("s", { url: at.url }));
  assert.deepEqual((await ask("mcp__s__t")).block.content, [
    { type: "text", text: "[image, image/png: it is empty]" },
    { type: "text", text: "[resource note://1, application/pdf: it is empty]" },
  ]);
});
