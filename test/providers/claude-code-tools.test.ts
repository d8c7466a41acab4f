/** The session's tools inside a program that talks as `claude` does: what it is given, what it may ask, and what is refused. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request as ask, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import type { Json, JsonObject, ModelEvent, ModelRequest, SessionTools } from "geny-executor";
import type { ClaudeCodeOptions } from "geny-executor/providers";
import { openBridge } from "../../src/providers/claude-code/bridge.ts";
import { mcpServer } from "../../src/providers/claude-code/mcp.ts";
import { fakeClaude, init, lines, never, plain, providerOf, result, saying } from "./claude-code-fake.ts";
import { talkingClaude } from "./claude-code-talk.ts";

interface Seen {
  readonly tools: SessionTools;
  readonly calls: unknown[];
  readonly questions: unknown[];
}
/** SessionTools that write down what they are asked. */
const session = (own: Partial<SessionTools> = {}): Seen => {
  const calls: unknown[] = [];
  const questions: unknown[] = [];
  return {
    calls,
    questions,
    tools: {
      specs: [
        { name: "add", description: "Adds.", input_schema: { type: "object" } },
        { name: "a.b", description: "Has a dot.", input_schema: {} },
      ],
      async call(call) {
        calls.push(call);
        return { type: "tool_result", tool_use_id: call.tool_use_id, content: "42" };
      },
      async approve(call) {
        questions.push(call);
        return { allow: false, reason: "not today" };
      },
      ...own,
    },
  };
};
const collected = async (stream: AsyncIterable<ModelEvent>) => {
  const events: ModelEvent[] = [];
  let error: unknown;
  try {
    for await (const event of stream) events.push(event);
  } catch (thrown) {
    error = thrown;
  }
  const text = events.flatMap((e) => (e.type === "text" ? [e.text] : [])).join("");
  return { events, text, error: error as (Error & { code?: string }) | undefined };
};
const told = async (
  program: { readonly path: string },
  tools: SessionTools,
  options: ClaudeCodeOptions = {},
  request: Partial<ModelRequest> = {},
  signal = never,
) => {
  const provider = await providerOf(program, options);
  const all = await collected(provider.stream({ ...plain, tools: tools.specs, ...request }, { signal, tools }));
  await provider.close?.();
  return all;
};

test("over its input and output: greeted first, tools by MCP, permission by question; an unknown question is answered too", async () => {
  await using program = await talkingClaude(async ({ argv, say, next, ask, configs }) => {
    const greeting = await next();
    const user = await next();
    const mcp = (id: string, message: object) => ask(id, { subtype: "mcp_message", server_name: "geny", message });
    const heard = [
      await mcp("1", { jsonrpc: "2.0", id: 0, method: "initialize", params: { protocolVersion: "2025-06-18" } }),
      await mcp("2", { jsonrpc: "2.0", method: "notifications/initialized" }),
      await mcp("3", { jsonrpc: "2.0", id: 1, method: "tools/list" }),
      await mcp("4", {
        ...{ jsonrpc: "2.0", id: 2, method: "tools/call" },
        params: { name: "add", arguments: { a: 1 }, _meta: { "claudecode/toolUseId": "toolu_1" } },
      }),
      await ask("5", { subtype: "can_use_tool", tool_name: "Bash", input: { command: "ls" }, tool_use_id: "toolu_2" }),
      await ask("6", { subtype: "can_use_tool", tool_name: "mcp__geny__a_b", input: { x: 1 } }),
      await ask("7", { subtype: "brand_new" }),
      await ask("8", { subtype: "mcp_message", server_name: "other", message: {} }),
    ];
    say({ type: "assistant", message: { id: "m", content: [{ type: "tool_use", id: "t", name: "mcp__geny__a_b", input: {} }] } });
    say({ type: "result", subtype: "success", result: JSON.stringify({ argv, greeting, user, heard, configs: configs() }) });
    while (await next()) {} // until its input ends
  });
  const { tools, calls, questions } = session();
  const { text, events } = await told(program, tools, { extras: { allow_tools: ["Read"], disallow_tools: ["Write"] } });
  const { argv, greeting, user, heard, configs } = JSON.parse(text);
  assert.deepEqual(greeting.request, { subtype: "initialize", sdkMcpServers: ["geny"] });
  assert.equal(user.type, "user");
  const answers = heard.map((answer: { response?: { mcp_response?: object } }) => answer.response?.mcp_response ?? answer);
  assert.equal(answers[0].result.protocolVersion, "2025-06-18");
  assert.deepEqual(answers[1], { jsonrpc: "2.0", result: {} });
  assert.deepEqual(
    answers[2].result.tools.map((tool: { name: string; inputSchema: object }) => [tool.name, tool.inputSchema]),
    [
      ["add", { type: "object" }],
      ["a.b", { type: "object" }],
    ],
  );
  assert.deepEqual(answers[3].result, { content: [{ type: "text", text: "42" }] });
  assert.deepEqual(calls, [{ tool_use_id: "toolu_1", tool_name: "add", tool_input: { a: 1 } }]);
  assert.deepEqual(answers[4].response, { behavior: "deny", message: "not today" });
  assert.deepEqual(questions, [{ tool_use_id: "toolu_2", tool_name: "Bash", tool_input: { command: "ls" } }]);
  assert.deepEqual(answers[5].response, { behavior: "allow", updatedInput: { x: 1 } }, "the dispatcher decides about our own");
  assert.deepEqual(
    answers.slice(6).map(({ subtype }: { subtype: string }) => subtype),
    ["error", "error"],
  );
  assert.equal(configs[0].config.mcpServers.geny.type, "sdk");
  const after = (flag: string) => argv[argv.indexOf(flag) + 1];
  assert.deepEqual(["--allowedTools", "--disallowedTools", "--permission-prompt-tool"].map(after), [
    "Read mcp__geny",
    "Write AskUserQuestion",
    "stdio",
  ]);
  assert.deepEqual(
    events.flatMap((e) => (e.type === "cli_tool" ? [e.name] : [])),
    ["a.b"],
    "told under its own name",
  );
  assert(!events.some((e) => e.type === "notice" && e.data.field === "tools"), "nothing was dropped");
});

test("a version that is not known gets the loopback address: its token stands in a private file alone, and it closes with the call", async () => {
  for (const version of ["", "1.0.100 (Claude Code)", "claude"]) {
    await using program = await talkingClaude(async ({ argv, say, next, configs, post }) => {
      while (await next()) {} // its input ends with the message
      const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "add", arguments: { a: "sk-SECRET-key" } } };
      const good = await post("geny", call);
      const bad = await post("geny", call, { authorization: "Bearer wrong" });
      say({ type: "result", subtype: "success", result: JSON.stringify({ argv, good, bad, configs: configs() }) });
    }, version);
    const { tools, calls } = session();
    const extras = { mcp_config: { mine: { command: "c" } } };
    const { text } = await told(program, tools, { extras, apiKey: "sk-SECRET-key" });
    const { argv, good, bad, configs } = JSON.parse(text);
    assert.deepEqual(good, { status: 200, answer: { jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: "42" }] } } });
    assert.deepEqual(bad, { status: 401, answer: null });
    assert.deepEqual((calls as { tool_input: object }[])[0]?.tool_input, { a: "***" }, "no tool gets the key of the program's login");
    const [{ config, mode }] = configs;
    assert.equal(mode, 0o600);
    assert.deepEqual(Object.keys(config.mcpServers), ["mine", "geny"]);
    assert.equal(config.mcpServers.geny.headers.Authorization, "Bearer ***", "the token is shown nowhere");
    assert.match(config.mcpServers.geny.url, /^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
    assert(argv.includes("--strict-mcp-config") && !argv.includes("--permission-prompt-tool"));
    assert.doesNotMatch(argv.join(" "), /Bearer|headers/);
    await assert.rejects(fetch(config.mcpServers.geny.url, { method: "POST" }), "it is closed");
    const folder = argv[argv.indexOf("--mcp-config") + 1].split("/").at(-2);
    assert(!readdirSync(tmpdir()).includes(folder), "the private file is gone");
  }
});

test("the host's own servers stay: beside ours in one file, or in a file of their own; our name is not theirs", async () => {
  await using program = await talkingClaude(async ({ argv, say }) => {
    say({ type: "result", subtype: "success", result: JSON.stringify(argv) });
  });
  const { tools } = session();
  const argv: string[] = JSON.parse((await told(program, tools, { extras: { mcp_config: "/etc/mine.json" } })).text);
  const [, mine, ours, strict] = argv.slice(argv.indexOf("--mcp-config"));
  assert.equal(mine, "/etc/mine.json");
  assert.match(String(ours), /mcp\.json$/);
  assert.equal(strict, "--strict-mcp-config");
  const { error } = await told(program, tools, { extras: { mcp_config: { geny: { command: "c" } } } });
  assert.equal(error?.code, "exec.api.bad_request");
  assert.match(error.message, /"geny" is that of the session's own tools/);
});

test("without a tool there is no server, but still somebody to ask", async () => {
  await using program = await talkingClaude(async ({ argv, say, next }) => {
    say({ type: "result", subtype: "success", result: JSON.stringify({ argv, greeting: await next() }) });
  });
  const { argv, greeting } = JSON.parse((await told(program, session({ specs: [] }).tools)).text);
  assert.deepEqual(greeting.request, { subtype: "initialize" });
  assert(argv.includes("--permission-prompt-tool") && !argv.includes("--mcp-config") && !argv.includes("--allowedTools"));
});

test("a program that refuses to be greeted is a typed error", async () => {
  await using program = await talkingClaude(async ({ say, next }) => {
    await next();
    say({ type: "control_response", response: { subtype: "error", request_id: "geny-1", error: "no such thing" } });
    await next();
    await next();
  });
  const { error } = await told(program, session().tools);
  assert.equal(error?.code, "exec.cli.protocol_error");
  assert.match(error.message, /refused to begin: no such thing/);
});

test("a question that is taken back, and a call whose program ends, reach the tool as an abort", async () => {
  const reasons: unknown[] = [];
  const waiting = (own: (tools: SessionTools) => Partial<SessionTools>) => {
    const wait = (_: unknown, signal: AbortSignal) =>
      new Promise<never>((_, no) => {
        signal.addEventListener("abort", () => {
          reasons.push((signal.reason as Error).message);
          no(signal.reason);
        });
      });
    return session(own({ call: wait, approve: wait } as unknown as SessionTools)).tools;
  };
  await using takes = await talkingClaude(async ({ say, ask, next }) => {
    setTimeout(() => say({ type: "control_cancel_request", request_id: "1" }), 100);
    const { subtype } = await ask("1", { subtype: "can_use_tool", tool_name: "Bash", input: {} });
    say({ type: "result", subtype: "success", result: String(subtype) });
    await next();
  });
  assert.equal(
    (
      await told(
        takes,
        waiting(({ approve }) => ({ approve })),
      )
    ).text,
    "error",
  );
  await using ends = await talkingClaude(async ({ say }) => {
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "add" } };
    say({ type: "control_request", request_id: "1", request: { subtype: "mcp_message", server_name: "geny", message } });
    await new Promise((ok) => setTimeout(ok, 100));
    process.exit(3);
  });
  const { error } = await told(
    ends,
    waiting(({ call }) => ({ call })),
  );
  assert.equal(error?.code, "exec.cli.exited");
  assert.deepEqual(reasons, ["The program took its question back.", "The call is over."]);
});

test("the time that a person takes is not the program's; its own is", async () => {
  await using program = await talkingClaude(async ({ say, ask, next }) => {
    const { response } = await ask("1", { subtype: "can_use_tool", tool_name: "Bash", input: {} });
    if ((response as { behavior?: string }).behavior === "deny") await new Promise((ok) => setTimeout(ok, 30_000));
    say({ type: "result", subtype: "success", result: "done" });
    while (await next()) {}
  });
  const slowly = (allow: boolean) =>
    session({
      async approve() {
        await new Promise((ok) => setTimeout(ok, 900));
        return { allow, reason: "no" };
      },
    }).tools;
  const extras = { timeout_s: 0.7 };
  assert.equal((await told(program, slowly(true), { extras })).text, "done");
  const from = performance.now();
  assert.equal((await told(program, slowly(false), { extras })).error?.code, "exec.cli.timeout");
  assert(performance.now() - from < 5000);
});

test("the version is asked once, however many calls there are", async () => {
  await using program = await talkingClaude(async ({ say, argv }) => {
    say({ type: "result", subtype: "success", result: String(argv.length) });
  });
  const provider = await providerOf(program);
  const { tools } = session();
  const read = async () => {
    for await (const _ of provider.stream(plain, { signal: never, tools })) {
    }
  };
  await Promise.all([provider.warmup?.(), read(), read()]);
  await read();
  await provider.close?.();
  assert.equal(readFileSync(program.asked, "utf8").match(/version/g)?.length, 1);
});

test("a spare program waits for the next call with the same command line, and for no other; closing ends it", async () => {
  await using program = await talkingClaude(async ({ say, next }) => {
    if (!(await next())) return;
    say({ type: "result", subtype: "success", result: String(process.pid) });
    while (await next()) {}
  });
  const provider = await providerOf(program, { extras: { warm_spare: true } });
  const { tools } = session();
  const pidOf = async (system: string) => {
    const { text } = await collected(provider.stream({ ...plain, system }, { signal: never, tools }));
    return Number(text);
  };
  const started = async (count: number) => {
    for (let waited = 0; waited < 5000; waited += 10) {
      const pids = [...readFileSync(program.asked, "utf8").matchAll(/start (\d+)/g)].map((found) => Number(found[1]));
      // The provider hears of it a moment after the program itself has begun.
      if (pids.length >= count) return new Promise<number[]>((ok) => setTimeout(ok, 200, pids));
      await new Promise((ok) => setTimeout(ok, 10));
    }
    return assert.fail(`${count} programs were not started`);
  };
  const first = await pidOf("a");
  const [, spare] = await started(2);
  assert.notEqual(spare, first);
  assert.equal(await pidOf("a"), spare);
  const [, , third] = await started(3);
  assert.notEqual(await pidOf("b"), third, "another command line");
  process.kill((await started(5)).at(-1) ?? 0, "SIGKILL");
  await new Promise((ok) => setTimeout(ok, 300));
  assert(await pidOf("b"), "one that died is not taken");
  const pids = await started(7);
  await provider.close?.();
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("a call beside the conversation has no tools: one line of input, no question, and the drop is told", async () => {
  await using fake = await fakeClaude({ stdout: lines(init, saying("x"), result()) });
  const provider = await providerOf(fake);
  const events: ModelEvent[] = [];
  for await (const event of provider.stream({ ...plain, tools: session().tools.specs }, { signal: never })) events.push(event);
  const { argv, stdin } = await fake.called();
  assert(!argv.includes("--permission-prompt-tool") && !argv.includes("--mcp-config"));
  assert.equal(JSON.parse(stdin).type, "user");
  assert(events.some((e) => e.type === "notice" && e.data.field === "tools"));
});

interface Post {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}
/** By hand, since `fetch` sets Host and Origin itself. */
const post = async (bridge: { url: string; token: string }, { method = "POST", path, headers = {}, body = "{}" }: Post = {}) => {
  const url = new URL(bridge.url);
  const own = { authorization: `Bearer ${bridge.token}`, "content-type": "application/json" };
  const sent = ask({ host: url.hostname, port: url.port, path: path ?? url.pathname, method, headers: { ...own, ...headers } });
  sent.on("error", () => {}); // a body that is too long is not read to its end
  sent.end(body);
  const [response]: [IncomingMessage] = (await once(sent, "response")) as never;
  let words = "";
  for await (const piece of response) words += piece;
  return { status: response.statusCode, headers: response.headers, body: words };
};

test("the address serves nobody but its own program", async () => {
  const { tools, calls } = session();
  const bridge = await openBridge(mcpServer(tools), String);
  const call = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "add" } });
  const port = new URL(bridge.url).port;
  const refused: [number, Post][] = [
    [401, { headers: { authorization: "Bearer wrong" } }],
    [401, { headers: { authorization: bridge.token } }],
    [401, { headers: { authorization: `bearer ${bridge.token}x` } }],
    [403, { headers: { origin: "https://evil.example" } }],
    [403, { headers: { origin: "null" } }],
    [403, { headers: { host: `evil.example:${port}` } }],
    [403, { headers: { host: `localhost:${port}` } }],
    [403, { headers: { host: "127.0.0.1" } }],
    [404, { path: "/" }],
    [404, { path: "/mcp/../mcp" }],
    [405, { method: "GET", body: "" }],
    [405, { method: "DELETE", body: "" }],
    [415, { headers: { "content-type": "text/plain" } }],
    [413, { headers: { "content-length": String(17 << 20) }, body: Buffer.alloc(17 << 20, " ") }],
    [413, { headers: { "transfer-encoding": "chunked" }, body: Buffer.alloc(17 << 20, " ") }],
  ];
  for (const [status, given] of refused) {
    const answer = await post(bridge, { body: call, ...given });
    assert.equal(answer.status, status, JSON.stringify(given.headers ?? given.method ?? given.path));
    assert.equal(answer.body, "");
  }
  assert.deepEqual(calls, []);
  assert.equal((await post(bridge, { body: call, headers: { origin: `http://127.0.0.1:${port}` } })).status, 200);
  assert.equal((await post(bridge, { body: "not json" })).status, 400);
  assert.equal((await post(bridge, { body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }) })).status, 202);
  await bridge.close();
  await assert.rejects(post(bridge));
});

test("whoever leaves in the middle of a call takes the call back; closing ends what runs", async () => {
  const reasons: string[] = [];
  const begun = { count: 0, next: Promise.withResolvers<void>() };
  const { tools } = session({
    call: (_, signal) =>
      new Promise((_, no) => {
        begun.count++;
        begun.next.resolve();
        signal.addEventListener("abort", () => {
          reasons.push((signal.reason as Error).message);
          no(signal.reason);
        });
      }),
  });
  const bridge = await openBridge(mcpServer(tools), String);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "add" } });
  const leave = new AbortController();
  const headers = { authorization: `Bearer ${bridge.token}`, "content-type": "application/json" };
  const left = fetch(bridge.url, { method: "POST", headers, body, signal: leave.signal });
  left.catch(() => {});
  await begun.next.promise;
  leave.abort();
  await assert.rejects(left);
  begun.next = Promise.withResolvers();
  const cancelled = post(bridge, { body });
  await begun.next.promise;
  await post(bridge, { body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }) });
  assert.match((await cancelled).body, /"code":-32603/);
  begun.next = Promise.withResolvers();
  const open = post(bridge, { body });
  open.catch(() => {});
  await begun.next.promise;
  await bridge.close();
  await assert.rejects(open);
  assert.deepEqual(reasons, ["The caller is gone.", "The caller took the call back.", "The caller is gone."]);
});

test("whatever message comes, the answer is JSON-RPC or none, and no tool runs that was not called", async () => {
  const { tools, calls } = session();
  const server = mcpServer(tools);
  const method = fc.constantFrom("initialize", "ping", "tools/list", "tools/call", "notifications/cancelled", "server/discover", "");
  const anything = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
  const params = fc.oneof(anything, fc.record({ name: anything, arguments: anything, _meta: anything }, { requiredKeys: [] }));
  const shaped = fc.record(
    { jsonrpc: fc.constantFrom("2.0", "1.0", 2), id: anything, method: fc.oneof(method, anything), params, result: anything },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(anything, shaped as unknown as fc.Arbitrary<Json>), async (message) => {
      const before = calls.length;
      const answer = await server(message, never);
      const given = message as JsonObject | null;
      if (answer === null) {
        assert(given?.id === undefined || !("method" in given) || typeof given.method !== "string");
        return;
      }
      assert.equal(answer.jsonrpc, "2.0");
      assert.notEqual("result" in answer, "error" in answer);
      assert(answer.id === null || answer.id === given?.id);
      JSON.stringify(answer);
      assert(calls.length === before || (given?.method === "tools/call" && "result" in answer));
    }),
    { numRuns: 2000 },
  );
});

test("whatever bytes come, the address answers and goes on", async () => {
  const { tools } = session();
  const bridge = await openBridge(mcpServer(tools), String);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const { status } = await post(bridge, { body: Buffer.from(bytes) });
      assert([200, 202, 400].includes(status ?? 0), String(status));
    }),
    { numRuns: 150 },
  );
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  assert((await post(bridge, { body: deep })).status);
  assert.match((await post(bridge, { body: JSON.stringify({ jsonrpc: "2.0", id: "p", method: "ping" }) })).body, /"result":\{\}/);
  await bridge.close();
});
