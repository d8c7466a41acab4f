/** Stage 6 and a backend that runs a loop of its own: it gets the session's tools, and they stay the session's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  APIError,
  capabilities,
  type Host,
  type ModelEvent,
  Pipeline,
  PipelineBuilder,
  type PipelineEvent,
  type Provider,
  type SessionTools,
  type Tool,
  type ToolBinding,
} from "geny-executor";
import { failover } from "geny-executor/providers";

type Loop = (tools: SessionTools, signal: AbortSignal) => AsyncGenerator<ModelEvent>;

const never = new AbortController().signal;
const asking = (id: string, name = "note", tool_input = {}) => ({ tool_use_id: id, tool_name: name, tool_input });
const told = (id: string, more: object): ModelEvent => ({ type: "cli_tool", id, name: "note", ...more }) as ModelEvent;
const text = (words: string): ModelEvent => ({ type: "text", index: 0, text: words });
const finish: ModelEvent = { type: "finish", stopReason: "end_turn" };

const note: Tool = {
  name: "note",
  description: "Notes.",
  input: { type: "object" },
  effect: "once",
  run: (_, { shared }) => {
    const count = Number(shared["plugin.count"] ?? 0) + 1;
    return { content: `note ${count}`, mutations: { "plugin.count": count } };
  },
};

interface Given {
  readonly tools?: readonly Tool[];
  readonly host?: Host;
  readonly bindings?: { readonly [stage: string]: Partial<ToolBinding> };
  readonly wrapped?: (provider: Provider) => Provider;
}
const run = async (loop: Loop, { tools = [note], host, bindings = {}, wrapped = (provider) => provider }: Given = {}) => {
  const looping: Provider = {
    name: "looping",
    capabilities: capabilities({ supports_mcp_passthrough: true }),
    stream: (_request, { tools: given, signal }) => {
      assert(given, "the stage hands over the tools");
      return loop(given, signal);
    },
  };
  const provider = wrapped(looping);
  const builder = new PipelineBuilder("x").withProvider("mine").withSystem().withTools();
  const manifest = builder
    .withStage("api", { retry: { use: "exponential_backoff", base_delay: 0 } })
    .manifest()
    .toJSON();
  const plain = { stage_order: 0, allowed: null, blocked: null, extra_context: {} };
  const stages = manifest.stages.map((entry) => {
    const binding = bindings[entry.name];
    return binding ? { ...entry, tool_binding: { ...plain, ...binding } } : entry;
  });
  const pipeline = await Pipeline.fromManifest(
    { ...manifest, stages },
    { providers: { mine: provider }, tools, ...(host ? { host } : {}) },
  );
  const events: PipelineEvent[] = [];
  pipeline.on("*", (event) => void events.push(event));
  const result = await pipeline.run("Go");
  await pipeline.close();
  const of = (type: string) => events.filter((e) => e.type === type).map(({ data }) => data);
  return { ...result, events, of };
};

test("a call is told once, whether the stream or the tool is heard first", async () => {
  const { events } = await run(async function* (tools) {
    const block = await tools.call(asking("1", "note", { n: 1 }), never);
    yield told("1", { input: { n: 1 } });
    yield told("1", { result: { content: `${block.content}, cut`, is_error: false } });
    yield told("2", { input: { n: 2 } });
    await tools.call(asking("2", "note", { n: 2 }), never);
    yield told("own", { input: {} });
    yield told("own", { result: { content: "the backend's own", is_error: false } });
    yield finish;
  });
  const seen = events.filter(({ type }) => /^api\.tool_|^tool\./.test(type));
  assert.deepEqual(
    seen.map(({ type, data }) => [type, data.id ?? data.tool_use_id, data.content ?? data.source ?? data.name]),
    [
      ["api.tool_use", "1", "cli"],
      ["tool.call_start", "1", "note"],
      ["tool.call_complete", "1", "note"],
      ["api.tool_result", "1", "note 1"],
      ["api.tool_use", "2", "cli"],
      ["tool.call_start", "2", "note"],
      ["tool.call_complete", "2", "note"],
      ["api.tool_result", "2", "note 2"],
      ["api.tool_use", "own", "cli"],
      ["api.tool_result", "own", "the backend's own"],
    ],
  );
});

test("calls run one at a time and in order; each sees what the one before left, and all of it stays in the state", async () => {
  let open = 0;
  const slow: Tool = {
    ...note,
    async run(input, ctx) {
      assert.equal(++open, 1);
      await new Promise((ok) => setTimeout(ok, 5));
      open--;
      return note.run(input, ctx);
    },
  };
  const { state, text: said } = await run(
    async function* (tools) {
      const blocks = await Promise.all(["a", "b", "c"].map((id) => tools.call(asking(id), never)));
      yield text(blocks.map(({ content }) => content).join());
      yield finish;
    },
    { tools: [slow] },
  );
  assert.equal(said, "note 1,note 2,note 3");
  assert.equal(state.toolCallsTotal, 3);
  assert.deepEqual(state.shared, { "plugin.count": 3 });
});

test("a route hands the tools on, though not all of its targets take them", async () => {
  const busy: Provider = {
    name: "busy",
    capabilities: capabilities({ supports_tools: true }),
    // biome-ignore lint/correctness/useYield: it fails before it says anything
    async *stream() {
      throw new APIError("busy", { code: "exec.api.rate_limited" });
    },
  };
  const loop: Loop = async function* (tools) {
    yield text(String((await tools.call(asking("a"), never)).content));
    yield finish;
  };
  const { text: said, of } = await run(loop, { wrapped: (provider) => failover([busy, provider]) });
  assert.equal(of("api.failover").length, 1);
  assert.equal(said, "note 1");
});

test("messages that a tool adds are read by the backend and kept in the history", async () => {
  const more: Tool = { ...note, run: () => ({ content: "see below", newMessages: [{ role: "user", content: "the manual" }] }) };
  const { state, text: said } = await run(
    async function* (tools) {
      const { content } = await tools.call(asking("a"), never);
      yield text(JSON.stringify(content));
      yield finish;
    },
    { tools: [more] },
  );
  assert.deepEqual(JSON.parse(said), [
    { type: "text", text: "see below" },
    { type: "text", text: "the manual" },
  ]);
  assert.deepEqual(
    state.messages.map(({ role, origin }) => [role, origin]),
    [
      ["user", "user"],
      ["user", "tool"],
      ["assistant", "model"],
    ],
  );
});

test("a failure is a result: a tool that throws, one that is unknown, input that is wrong", async () => {
  const strict: Tool = { ...note, name: "strict", input: { type: "object", required: ["a"] } };
  const broken: Tool = {
    ...note,
    name: "broken",
    run() {
      throw new Error("ouch");
    },
  };
  const { text: said } = await run(
    async function* (tools) {
      for (const name of ["broken", "nota", "strict"]) {
        const { content, is_error } = await tools.call(asking(name, name), never);
        yield text(`${is_error} ${String(content).split("\n")[0]}\n`);
      }
      yield finish;
    },
    { tools: [note, strict, broken] },
  );
  assert.match(said, /true ERROR tool_crashed.*ouch\ntrue ERROR unknown_tool.*Did you mean "note"\?\ntrue ERROR invalid_input/);
});

test("what stage 10's binding is against is not run, and nobody is asked about it", async () => {
  const asks: unknown[] = [];
  const host: Host = {
    async approve(request) {
      asks.push(request.payload.tool_name);
      return "approve";
    },
  };
  const loop: Loop = async function* (tools) {
    const { content } = await tools.call(asking("a"), never);
    const { allow, reason } = await tools.approve(asking("b", "Bash", { command: "ls" }), never);
    yield text(`${String(content).split("\n")[0]} / ${allow} ${reason}`);
    yield finish;
  };
  for (const tool of [{ allowed: [] }, { blocked: ["note", "Bash"] }]) {
    const { text: said, of, state } = await run(loop, { bindings: { tool }, host });
    assert.match(said, /access_denied: "note" may not run: .* \/ false "Bash" may not run/);
    assert.equal(of("tool.call_complete")[0]?.is_error, true);
    assert.deepEqual(state.shared, {});
  }
  assert.deepEqual(asks, []);
  const { text: said } = await run(loop, { host });
  assert.match(said, /^note 1 \/ true/);
  assert.deepEqual(asks, ["Bash"]);
});

test("a call that is still running when the answer ends is stopped; later ones are refused; the stage does not wait", async () => {
  const reasons: string[] = [];
  const endless: Tool = {
    ...note,
    run: (_, { signal }) =>
      new Promise((_, no) => {
        signal.addEventListener("abort", () => {
          reasons.push((signal.reason as Error).message);
          no(signal.reason);
        });
      }),
  };
  let kept: SessionTools | undefined;
  const { text: said, of } = await run(
    async function* (tools) {
      kept = tools;
      tools.call(asking("a"), never).catch((error: Error) => reasons.push(`rejected: ${error.message}`));
      await new Promise((ok) => setTimeout(ok, 10));
      yield text("I do not wait");
      yield finish;
    },
    { tools: [endless] },
  );
  assert.equal(said, "I do not wait");
  assert.deepEqual(reasons, ["The answer ended while the tool ran.", "rejected: The answer ended while the tool ran."]);
  assert.equal(of("tool.call_complete").length, 0);
  await assert.rejects(async () => kept?.call(asking("b"), never), /The answer ended/);
});

test("the next attempt at an answer does not change again what the one before changed; reads are read again", async () => {
  let reads = 0;
  const read: Tool = { ...note, name: "read", effect: "read", run: () => `read ${++reads}` };
  let attempt = 0;
  const {
    text: said,
    state,
    of,
  } = await run(
    async function* (tools) {
      attempt++;
      const say = async (id: string, name: string, input: object) =>
        (await tools.call(asking(`${attempt}${id}`, name, input), never)).content;
      const words = [await say("a", "note", { n: 1 }), await say("b", "read", {}), await say("c", "note", { n: 1 })];
      if (attempt === 1) throw new APIError("busy", { code: "exec.api.server_error" });
      yield text([...words, await say("d", "note", { n: 1 }), await say("e", "note", { n: 2 })].join());
      yield finish;
    },
    { tools: [note, read] },
  );
  assert.equal(said, "note 1,read 2,note 2,note 3,note 4");
  assert.equal(state.toolCallsTotal, 6);
  assert.equal(of("tool.call_start").length, 6);
});
