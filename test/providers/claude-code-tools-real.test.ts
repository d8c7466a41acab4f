/** The session's own tools inside the real program, and its questions to a person: over its input and output, and over the loopback address. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import {
  CredentialBundle,
  defineTool,
  type Host,
  type JsonObject,
  Pipeline,
  PipelineBuilder,
  type PipelineEvent,
  type Tool,
} from "geny-executor";
import type { ClaudeCodeOptions } from "geny-executor/providers";
import type { Turn } from "geny-executor/testing";
import { asked, binary, real, type World, within, world } from "./claude-code-world.ts";

const add = defineTool<{ a: number; b: number }>({
  name: "add",
  description: "Adds two numbers.",
  input: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] },
  effect: "once",
  run: ({ a, b }) => ({ content: String(a + b), mutations: { "plugin.sum": a + b } }),
});

interface Given {
  readonly tools?: readonly Tool[];
  readonly host?: Host;
  readonly api?: object;
  readonly blocked?: readonly string[];
  readonly credentials?: ClaudeCodeOptions;
}
/** A pipeline on the program, and what it told. */
const pipelineOn = async (w: World, { tools = [add], host, api = {}, blocked, credentials }: Given = {}) => {
  const builder = new PipelineBuilder("cli").withProvider("claude_code_cli").withModel({ model: "claude-sonnet-4-6" }).withTools();
  const manifest = builder
    .withSystem({ prompt: "You add." })
    .withStage("api", { retry: { use: "exponential_backoff", base_delay: 0 }, ...api })
    .manifest()
    .toJSON();
  const stages = manifest.stages.map((entry) =>
    entry.name === "tool" && blocked
      ? { ...entry, tool_binding: { stage_order: 10, allowed: null, blocked: [...blocked], extra_context: {} } }
      : entry,
  );
  const { env: _, ...options } = w.options;
  const extras = { ...options.extras, env_extras: { ...(options.extras?.env_extras as object), HOME: w.home } };
  const pipeline = await Pipeline.fromManifest(
    { ...manifest, stages },
    {
      credentials: new CredentialBundle({ claude_code_cli: { ...options, ...credentials, extras } }),
      tools,
      ...(host ? { host } : {}),
    },
  );
  const events: PipelineEvent[] = [];
  pipeline.on("*", (event) => void events.push(event));
  const of = (type: string) => events.filter((e) => e.type === type).map(({ data }) => data);
  return { pipeline, events, of };
};
/** The program as one whose version nobody knows: it is not trusted to ask over its output. */
const oldProgram = async (w: World): Promise<string> => {
  const path = join(w.home, "claude");
  await writeFile(path, `#!/bin/sh\n[ "$1" = --version ] && exit 0\nexec "${binary}" "$@"\n`);
  await chmod(path, 0o755);
  return path;
};
const CHANNELS = { stdio: async () => undefined, http: oldProgram } as const;
const calling = (name: string, input: JsonObject): Turn => ({ text: "I do", tool_calls: [{ name, input }] });
const adding = calling("mcp__geny__add", { a: 2, b: 40 });
/** What the model was told of its newest calls. */
const results = (w: World): string => {
  const messages = asked(w.model).at(-1)?.messages;
  return JSON.stringify(Array.isArray(messages) ? messages.at(-1) : "");
};

for (const [channel, program] of Object.entries(CHANNELS)) {
  real(`${channel}: the model calls a tool of the session; it goes the way of any other call, once`, async () => {
    await using w = await world([adding, { text: "42 it is" }]);
    const binaryPath = await program(w);
    const { pipeline, events, of } = await pipelineOn(w, { credentials: binaryPath ? { binaryPath } : {} });
    const result = await pipeline.run("Add");
    await pipeline.close();
    assert.equal(result.text, "I do\n42 it is");
    assert.match(results(w), /"text":"42"/);
    assert.equal(result.state.toolCallsTotal, 1);
    assert.deepEqual(result.state.shared, { "plugin.sum": 42 });
    const told = events.filter(({ type }) => /^api\.tool_|^tool\.|unsupported/.test(type));
    assert.deepEqual(
      told.map(({ type, data }) => [type, data.source ?? data.name]),
      [
        ["api.tool_use", "cli"],
        ["tool.call_start", "add"],
        ["tool.call_complete", "add"],
        ["api.tool_result", "cli"],
      ],
    );
    assert.equal(new Set(told.map(({ data }) => data.id ?? data.tool_use_id)).size, 1);
    assert.deepEqual(of("api.tool_use")[0]?.name, "add");
    assert.deepEqual(of("api.tool_use")[0]?.input, { a: 2, b: 40 });
  });

  real(`${channel}: a tool that stage 10's binding blocks is denied, and the model reads why`, async () => {
    await using w = await world([adding, { text: "pity" }]);
    const binaryPath = await program(w);
    const { pipeline, of } = await pipelineOn(w, { blocked: ["add"], credentials: binaryPath ? { binaryPath } : {} });
    await pipeline.run("Add");
    await pipeline.close();
    assert.match(String(of("tool.call_complete")[0]?.error), /access_denied.*blocks it/s);
    assert.match(results(w), /may not run/);
  });

  real(`${channel}: an abort reaches a tool that runs, and the program`, async (t) => {
    if (process.platform !== "linux") return t.skip("processes are counted in /proc");
    await using w = await world([adding, { text: "never" }]);
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    const slow: Tool = {
      ...add,
      run: (_, { signal }) =>
        new Promise((_, no) => {
          begun.resolve();
          signal.addEventListener("abort", () => {
            ended.resolve(signal.reason);
            no(signal.reason);
          });
        }),
    };
    const binaryPath = await program(w);
    const { pipeline } = await pipelineOn(w, { tools: [slow], credentials: binaryPath ? { binaryPath } : {} });
    const stop = new AbortController();
    const running = pipeline.run("Add", { signal: stop.signal });
    running.catch(() => {});
    await Promise.race([begun.promise, running]);
    stop.abort(new Error("enough"));
    const from = performance.now();
    await Promise.race([ended.promise, sleep(2000)]);
    await assert.rejects(running, { code: "exec.pipeline.cancelled" });
    assert(performance.now() - from < 200, "the tool and the run end at once");
    while (within(w.home).length) {
      assert(performance.now() - from < 2500, "something lives after 2.5 s");
      await sleep(20);
    }
    await pipeline.close();
  });

  real(`${channel}: a long result and a picture reach the model whole`, async () => {
    await using w = await world([calling("mcp__geny__show", {}), { text: "seen" }]);
    const words = "palimpsest ".repeat(8000);
    const data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data } } as const;
    const show: Tool = {
      ...{ name: "show", description: "Shows.", input: { type: "object" }, effect: "read" },
      run: () => ({ content: [{ type: "text", text: words }, image] }),
    };
    const binaryPath = await program(w);
    const { pipeline } = await pipelineOn(w, { tools: [show], credentials: binaryPath ? { binaryPath } : {} });
    await pipeline.run("Show");
    await pipeline.close();
    assert(results(w).includes(words), "the text is whole");
    assert.match(results(w), /"type":"image"/);
  });

  real(`${channel}: without --bare the tools still stand in the first request`, async () => {
    await using w = await world([{ text: "hi" }], { bare_mode: false });
    const binaryPath = await program(w);
    const { pipeline } = await pipelineOn(w, { credentials: binaryPath ? { binaryPath } : {} });
    await pipeline.run("Hi");
    await pipeline.close();
    const offered = JSON.stringify(asked(w.model)[0]?.tools);
    assert.match(offered, /"name":"mcp__geny__add"/);
    assert.doesNotMatch(offered, /AskUserQuestion/, "nobody could answer it");
  });
}

real("a tool that changed something is not run again when the answer is tried again", async () => {
  let runs = 0;
  const once: Tool = { ...add, run: () => `run ${++runs}` };
  await using w = await world([adding, { fault: { kind: "status", status: 529 } }, adding, { text: "done" }]);
  const { pipeline, of } = await pipelineOn(w, { tools: [once] });
  const result = await pipeline.run("Add");
  await pipeline.close();
  assert.equal(of("api.retry").length, 1);
  assert.equal(runs, 1);
  assert.equal(result.state.toolCallsTotal, 1);
  assert.match(results(w), /run 1/);
  assert.deepEqual(
    of("api.tool_result").map(({ content }) => content),
    ["run 1", "run 1"],
  );
});

const touching = (w: World) => calling("Bash", { command: `touch ${join(w.home, "touched")} && echo it is done` });
const decided = async (given: Given, during?: (p: Pipeline) => void) => {
  await using w = await world([]);
  w.model.script([touching(w), { text: "so be it" }]);
  const { pipeline, of } = await pipelineOn(w, given);
  during?.(pipeline);
  const { state } = await pipeline.run("Touch");
  await pipeline.close();
  const [request] = of("hitl.request");
  const [decision] = of("hitl.decision");
  return { request, decision, read: results(w), state };
};

real("a question of the program's is put to the host; yes lets its tool run, no does not", async () => {
  const questions: unknown[] = [];
  const answering = (word: "approve" | "reject"): Host => ({
    async approve(request) {
      questions.push(request.payload.tool_name);
      return word;
    },
  });
  const yes = await decided({ host: answering("approve") });
  assert.match(yes.read, /it is done/);
  assert.match(JSON.stringify(yes.request?.payload), /"tool_input":\{"command":"touch /);
  assert.equal(yes.decision?.decision, "approve");
  assert.equal(yes.state.hitlLastDecision, "approve");
  const no = await decided({ host: answering("reject") });
  assert.match(no.read, /\\?"Bash\\?" was not run: it was not approved/);
  assert.deepEqual(
    no.state.hitlHistory.map(({ decision }) => decision),
    ["reject"],
  );
  assert.deepEqual(questions, ["Bash", "Bash"]);
});

real("where nobody can be asked, or nobody answers, the tool does not run and the program does not wait", async () => {
  const alone = await decided({});
  assert.match(alone.read, /nobody can be asked for permission/);
  assert.equal(alone.decision?.via, "no_decision");
  const silent = await decided({ api: { permission_requester: "pipeline_resume", permission_timeout_s: 0.05 } });
  assert.match(silent.read, /nobody gave permission in time/);
});

real("a question may be answered from outside, by its token", async () => {
  const { decision, read } = await decided({ api: { permission_requester: "pipeline_resume" } }, (pipeline) => {
    pipeline.on("hitl.request", ({ data }) => pipeline.resume(String(data.token), "approve"));
  });
  assert.equal(decision?.via, "pipeline_resume");
  assert.match(read, /it is done/);
});

real("a spare program answers the second call, with tools and all", async () => {
  await using w = await world([{ text: "hi" }, adding, { text: "42 it is" }], { warm_spare: true });
  const { pipeline } = await pipelineOn(w);
  await pipeline.run("Hi");
  await sleep(1500);
  assert.equal((await pipeline.run("Add")).text, "I do\n42 it is");
  await pipeline.close();
  if (process.platform === "linux") assert.deepEqual(within(w.home), []);
});

real("examples/claude-code.ts runs", async () => {
  await using w = await world([adding, { text: "It is 42." }]);
  const env = {
    PATH: process.env.PATH,
    HOME: w.home,
    CLAUDE_CODE_BINARY: binary,
    ANTHROPIC_API_KEY: "sk-any",
    ANTHROPIC_BASE_URL: w.model.url,
  };
  const example = join(import.meta.dirname, "../../examples/claude-code.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=geny-executor-source", example], { env, timeout: 20_000 });
  assert.match(stdout, /^add ok\nI do\nIt is 42\.$/m);
});
