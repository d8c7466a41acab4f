/**
 * A canary stands in every field of a provider's credentials, and the other side echoes all that it is sent. Then everything that leaves the
 * process is searched: events, logs, errors with their causes, results, the manifest, checkpoints, and every printed form.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { PipelineBuilder } from "geny-executor";
import { CredentialBundle, type CredentialInput } from "geny-executor/providers";
import { fakeClaude } from "./providers/claude-code-fake.ts";

const CANARY = /CANARY/;
const canaries = {
  apiKey: "sk-CANARY-apikey",
  authToken: "CANARY-authtoken",
  defaultHeaders: { "x-tenant-secret": "CANARY-header" },
  extras: { env_extras: { MY_SECRET: "CANARY-env" } },
} satisfies CredentialInput;
const HTTP = ["anthropic", "openai", "google", "vllm", "ollama"] as const;

/** Everything that a request said, as a debugging proxy might throw it back. */
const echo = (req: IncomingMessage): string => `you sent ${JSON.stringify(req.headers)} to ${req.url}`;
const answers: readonly ((req: IncomingMessage, res: ServerResponse) => void)[] = [
  (req, res) =>
    res.writeHead(401, { "request-id": "r" }).end(JSON.stringify({ error: { type: "authentication_error", message: echo(req) } })),
  (req, res) => res.writeHead(429).end(JSON.stringify({ error: { message: echo(req), code: 429, status: "RESOURCE_EXHAUSTED" } })),
  (req, res) => res.writeHead(500).end(`<html>${echo(req)}</html>`),
  (req, res) => res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ error: { message: echo(req) } })),
  (req, res) =>
    res
      .writeHead(200, { "content-type": "text/event-stream" })
      .end(`event: error\ndata: ${JSON.stringify({ type: "error", error: { type: "api_error", message: echo(req) } })}\n\n`),
  (req, res) => res.writeHead(200, { "content-type": "text/event-stream" }).end(`event: ${echo(req)}\ndata: ${echo(req)}\n\n`),
  (req, res) => res.writeHead(302, { location: `http://127.0.0.1/${encodeURIComponent(echo(req))}` }).end(),
  (req) => req.socket.destroy(),
];

/** Runs a turn and gives all that it lets out, each with a name. */
const leaving = async (provider: string, credentials: CredentialBundle): Promise<Map<string, string>> => {
  const folder = mkdtempSync(join(tmpdir(), "geny-canary-"));
  const out = new Map<string, string>();
  const put = (name: string, value: unknown) => {
    out.set(`${name} printed`, inspect(value, { depth: 20, showHidden: false }));
    out.set(`${name} as JSON`, JSON.stringify(value) ?? "");
  };
  const logged: unknown[] = [];
  const log = (...args: unknown[]) => void logged.push(args);
  const pipeline = new PipelineBuilder("canary", { credentials, logger: { debug: log, info: log, warn: log, error: log } })
    .withProvider(provider)
    .withStage("api", { retry: { use: "exponential_backoff", max_retries: 1, base_delay: 0 } })
    .withPersist({ persister: { use: "file", base_dir: folder } })
    .build();
  const events: unknown[] = [];
  pipeline.on("*", (event) => void events.push(event));
  try {
    const result = await pipeline.run("Hello.", { sessionId: "s" });
    put("result", result);
  } catch (error) {
    put("error", error);
    for (let at: unknown = error; at instanceof Error; at = at.cause) put(`error ${at.name}`, [at.message, at.stack, { ...at }]);
    put("error.result", (error as { result?: unknown }).result);
  } finally {
    await pipeline.close();
  }
  put("events", events);
  put("logs", logged);
  put("pipeline", pipeline);
  put("manifest", pipeline.snapshot().toJSON());
  put("credentials", credentials);
  for (const name of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (name.isFile()) out.set(`checkpoint ${name.name}`, readFileSync(join(name.parentPath, name.name), "utf8"));
  rmSync(folder, { recursive: true });
  assert.ok(events.length > 5, "the turn ran");
  assert.ok(
    [...out.keys()].some((name) => name.startsWith("checkpoint")),
    "a checkpoint was written",
  );
  return out;
};

const clean = (out: Map<string, string>) => {
  for (const [name, text] of out) {
    const at = text.search(CANARY);
    assert.equal(at, -1, `${name}: …${text.slice(Math.max(0, at - 80), at + 40)}…`);
  }
};

for (const provider of HTTP)
  for (const [i, answer] of answers.entries())
    test(`${provider}: no secret leaves, answer ${i}`, async () => {
      let asked = 0;
      const server = createServer((req, res) => {
        assert.match(JSON.stringify(req.headers), CANARY, "the request carries the credentials");
        asked++;
        answer(req, res);
      }).listen(0, "127.0.0.1");
      await new Promise((ok) => server.once("listening", ok));
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      try {
        const bundle = new CredentialBundle({ [provider]: { ...canaries, baseUrl: `http://127.0.0.1:${port}` } });
        clean(await leaving(provider, bundle));
        assert.ok(asked > 0);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    });

test("an address with a password in it shows none", async () => {
  for (const provider of HTTP)
    clean(await leaving(provider, new CredentialBundle({ [provider]: { ...canaries, baseUrl: "http://user:CANARY-pass@127.0.0.1:9/x" } })));
});

test("claude_code_cli: no secret leaves, though the program prints its whole environment", async () => {
  for (const play of [
    { before: "env", code: 1 },
    { before: "env >&2", code: 1 },
    {
      before:
        'echo "{\\"type\\":\\"result\\",\\"is_error\\":true,\\"result\\":\\"$ANTHROPIC_API_KEY $MY_SECRET $ANTHROPIC_CUSTOM_HEADERS\\"}"',
      code: 0,
    },
  ]) {
    await using fake = await fakeClaude(play);
    clean(await leaving("claude_code_cli", new CredentialBundle({ claude_code_cli: { ...canaries, binaryPath: fake.path } })));
  }
});
