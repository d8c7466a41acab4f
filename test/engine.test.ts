/** The engine through the public door: phases, patches, failures, cancellation, events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import {
  Broken,
  ConfigError,
  capabilities,
  defineStage,
  defineTool,
  fields,
  GenyExecutorError,
  Pipeline,
  PipelineBuilder,
  type PipelineEvent,
  PipelinePresets,
  type Provider,
  type RunResult,
  StageError,
} from "geny-executor";
import { startModel } from "geny-executor/testing";

const stage = (name: string, more: object) =>
  defineStage({
    name,
    about: name,
    category: "execution",
    config: fields({}),
    reads: ["messages", "shared", "finalText"],
    writes: ["shared"],
    slots: {},
    events: {},
    run: () => ({}),
    ...more,
  });
const rejected = async (run: Promise<unknown>): Promise<GenyExecutorError & { result: RunResult }> => {
  const error = await run.then(
    () => assert.fail("it did not reject"),
    (e: unknown) => e,
  );
  assert.ok(error instanceof GenyExecutorError, String((error as Error).stack));
  return error as GenyExecutorError & { result: RunResult };
};
const types = (events: readonly PipelineEvent[]) => events.map((e) => e.type);
const terminal = (events: readonly PipelineEvent[]) =>
  types(events).filter((t) => ["pipeline.complete", "pipeline.error", "pipeline.cancelled"].includes(t));

test("a turn goes through setup once, the loop until it is done, and the surface once", async () => {
  await using model = await startModel({ script: [{ tool_calls: [{ name: "noop", input: {} }] }, { text: "done" }] });
  const noop = defineTool({ name: "noop", description: "does nothing", input: { type: "object" }, effect: "read", run: () => "ok" });
  await using pipeline = PipelinePresets.agent({ apiKey: "k", baseUrl: model.url, tools: [noop] });
  const entered: string[] = [];
  pipeline.on("stage.enter", (e) => entered.push(e.stage));
  const result = await pipeline.run("go");
  assert.equal(result.iterations, 2);
  assert.equal(result.text, "done");
  for (const once of ["input", "context", "system", "guard", "cache", "memory", "yield"])
    assert.equal(entered.filter((s) => s === once).length, 1, once);
  for (const twice of ["api", "token", "parse", "evaluate", "loop"]) assert.equal(entered.filter((s) => s === twice).length, 2, twice);
  assert.equal(entered.at(-1), "yield");
});

test("a patch with a key that the stage does not declare is a coded failure, not a state", async () => {
  await using model = await startModel({ script: [{ text: "never asked" }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  pipeline.registerStage(stage("liar", { run: () => ({ finalText: "mine" }) }), { before: "api" });
  const error = await rejected(pipeline.run("hi"));
  assert.ok(error instanceof StageError);
  assert.equal(error.code, "exec.stage.bad_patch");
  assert.match(error.message, /finalText/);
  assert.equal(model.requests.length, 0);
});

test("what a stage throws names the stage, keeps its own code, and is told by exactly one terminal event", async () => {
  await using model = await startModel({ script: [{ text: "words" }, { text: "words" }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  const thrown = { foreign: new TypeError("odd"), ours: new GenyExecutorError("mine", { code: "exec.tool.transport" }) };
  let which: keyof typeof thrown = "foreign";
  pipeline.registerStage(
    stage("thrower", {
      run: () => {
        throw thrown[which];
      },
    }),
    { after: "parse" },
  );
  const events: PipelineEvent[] = [];
  pipeline.on("*", (e) => events.push(e));
  const foreign = await rejected(pipeline.run("hi"));
  assert.ok(foreign instanceof StageError && foreign.stage === "thrower");
  assert.equal(foreign.code, "exec.stage.failed");
  assert.equal(foreign.cause, thrown.foreign);
  assert.equal(foreign.result.text, "words", "what was said before is kept");
  assert.equal(events.find((e) => e.type === "stage.error")?.data.exception_type, "TypeError");
  assert.deepEqual(terminal(events), ["pipeline.error"]);
  which = "ours";
  const ours = await rejected(pipeline.run("hi"));
  assert.equal(ours.code, "exec.tool.transport");
  assert.equal(events.at(-1)?.data.code, "exec.tool.transport");
});

test("a stage may mend its own failure", async () => {
  await using model = await startModel({ script: [{ text: "fine" }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  pipeline.registerStage(
    stage("mender", {
      run: () => {
        throw new Error("first");
      },
      recover: (error: Error) => ({ shared: { "plugin.mended": error.message } }),
    }),
    { after: "parse" },
  );
  const events: PipelineEvent[] = [];
  pipeline.on("stage.error", (e) => events.push(e));
  const result = await pipeline.run("hi");
  assert.equal(result.state.shared["plugin.mended"], "first");
  assert.equal(events[0]?.data.recovered, true);
});

test("a failure that carries a patch loses nothing of it", async () => {
  await using model = await startModel({ script: [{ text: "fine" }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  pipeline.registerStage(
    stage("half", {
      run: () => {
        throw new Broken(new Error("half way"), { shared: { "plugin.half": 1 } });
      },
    }),
    { after: "parse" },
  );
  const error = await rejected(pipeline.run("hi"));
  assert.equal(error.result.state.shared["plugin.half"], 1);
});

test("a broken turn leaves a history that can be sent again", async () => {
  await using model = await startModel({
    script: [{ tool_calls: [{ id: "toolu_1", name: "slow", input: {} }] }, { text: "and now it works" }],
  });
  const stop = new AbortController();
  const slow = defineTool({
    name: "slow",
    description: "never ends",
    input: { type: "object" },
    effect: "read",
    run: () => {
      stop.abort();
      return new Promise<string>(() => {});
    },
  });
  await using pipeline = PipelinePresets.agent({ apiKey: "k", baseUrl: model.url, tools: [slow] });
  const error = await rejected(pipeline.run("go", { signal: stop.signal }));
  assert.equal(error.code, "exec.pipeline.cancelled");
  const { state } = error.result;
  assert.equal(state.interrupted?.reason, "stopped");
  assert.equal(state.messages.at(-1)?.role, "assistant");
  assert.equal(state.turnTokenUsage.length, 1, "what the answer cost is counted");
  const next = await pipeline.run("again", { state });
  assert.equal(next.text, "and now it works");
  assert.equal(next.state.interrupted, null);
  model.expectDone();
});

test("an abort in the middle of the answer keeps the words and the bill, closes the socket and ends with pipeline.cancelled", async () => {
  await using model = await startModel({
    script: [{ text: "one two three four five", chunk_size: 4, delta_delay_ms: 30, usage: { input_tokens: 77, output_tokens: 9 } }],
  });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  const stop = new AbortController();
  const events: PipelineEvent[] = [];
  pipeline.on("*", (e) => {
    events.push(e);
    if (e.type === "text.delta") stop.abort();
  });
  const error = await rejected(pipeline.run("hi", { signal: stop.signal }));
  assert.equal(error.code, "exec.pipeline.cancelled");
  assert.ok(error.result.text.startsWith("one"), error.result.text);
  assert.equal(error.result.usage.inputTokens, 77);
  assert.ok((error.result.totalCostUsd ?? 0) > 0);
  assert.deepEqual(terminal(events), ["pipeline.cancelled"]);
  await model.idle();
  assert.equal(model.requests[0]?.aborted, true);
});

test("leaving the stream cancels the run", async () => {
  await using model = await startModel({ script: [{ text: "a very long answer indeed", chunk_size: 2, delta_delay_ms: 20 }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  for await (const event of pipeline.runStream("hi")) if (event.type === "text.delta") break;
  await model.idle();
  assert.equal(model.requests[0]?.aborted, true);
});

test("a turn has a time limit", async () => {
  await using model = await startModel({ script: [{ text: "late", delay_ms: 5000 }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url, maxTurnMs: 60 });
  const error = await rejected(pipeline.run("hi"));
  assert.equal(error.code, "exec.pipeline.timeout");
});

test("a stage that does not listen cannot hold a cancelled turn", async () => {
  await using model = await startModel({ script: [{ text: "x" }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  pipeline.registerStage(stage("deaf", { run: () => new Promise(() => {}) }), { after: "parse" });
  const from = performance.now();
  const error = await rejected(pipeline.run("hi", { signal: AbortSignal.timeout(40) }));
  assert.equal(error.code, "exec.pipeline.cancelled");
  assert.ok(performance.now() - from < 2000);
});

test("runStream yields every event of its own run, the terminal one last, then throws what broke the turn", async () => {
  await using model = await startModel({ script: [{ text: "fine" }, { fault: { kind: "status", status: 401 } }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  const whole: PipelineEvent[] = [];
  for await (const event of pipeline.runStream("one")) whole.push(event);
  assert.equal(whole[0]?.type, "pipeline.start");
  assert.equal(whole.at(-1)?.type, "pipeline.complete");
  assert.deepEqual(whole.at(-1)?.data.result, { text: "fine", output: "fine" });
  assert.ok(
    whole.every((e, i) => e.seq === i),
    "seq rises by one",
  );
  const broken: PipelineEvent[] = [];
  const error = await rejected(
    (async () => {
      for await (const event of pipeline.runStream("two")) broken.push(event);
    })(),
  );
  assert.equal(error.code, "exec.api.auth.invalid_key");
  assert.equal(broken.at(-1)?.type, "pipeline.error");
  assert.equal(broken.at(-1)?.data.code, error.code);
});

test("events are replayed from a cursor, and what the ring has lost is said", async () => {
  await using model = await startModel({
    script: [
      { text: "abc", chunk_size: 1 },
      { text: "x".repeat(4000), chunk_size: 1 },
    ],
  });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  await pipeline.run("one");
  const take = async (replayFrom: number, until: string): Promise<PipelineEvent[]> => {
    const got: PipelineEvent[] = [];
    for await (const event of pipeline.events({ replayFrom })) {
      got.push(event);
      if (event.type === until) break;
    }
    return got;
  };
  const all = await take(-1, "pipeline.complete");
  assert.equal(all[0]?.seq, 0);
  const later = await take(4, "pipeline.complete");
  assert.deepEqual(later, all.slice(5));
  await pipeline.run("two");
  const [first, second] = await take(-1, "pipeline.complete");
  assert.equal(first?.type, "events.dropped");
  assert.equal(second?.seq, Number(first?.data.to) + 1);
});

test("a slow reader of the stream loses nothing and does not slow the run", async () => {
  const text = "0123456789".repeat(1000);
  await using model = await startModel({ script: [{ text, chunk_size: 2 }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  let said = "";
  let count = 0;
  let result: RunResult | undefined;
  for await (const event of pipeline.runStream("hi", { onResult: (r) => (result = r) })) {
    count += 1;
    if (event.type === "text.delta") said += event.data.text;
    if (count === 30) while (!result) await wait(5);
  }
  assert.equal(said, text);
  assert.ok(count < 4000, `${count} events: waiting deltas were joined`);
});

test("a handler that throws, rejects or never ends neither breaks nor holds a run, and the next handler still hears", async () => {
  await using model = await startModel({ script: [{ text: "fine" }] });
  const warned: unknown[] = [];
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url, logger: { warn: (...a) => warned.push(a) } });
  let heard = 0;
  pipeline.on("*", () => {
    throw new Error("thrower");
  });
  pipeline.on("*", async () => Promise.reject(new Error("rejecter")));
  pipeline.on("*", () => new Promise(() => {}));
  pipeline.on("*", () => heard++);
  const { text } = await pipeline.run("hi");
  assert.equal(text, "fine");
  assert.ok(heard > 5 && warned.length >= heard);
});

test("patterns: exact, prefix at any depth, everything; a handler once an event", async () => {
  await using model = await startModel({ script: [{ text: "fine" }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  const got: string[] = [];
  const both = (e: PipelineEvent) => got.push(e.type);
  pipeline.on("api.*", both);
  pipeline.on("api.request", both);
  const off = pipeline.on("stage.*", () => assert.fail("it was taken off"));
  off();
  await pipeline.run("hi");
  assert.equal(got.filter((t) => t === "api.request").length, 1);
  assert.ok(got.every((t) => t.startsWith("api.")));
});

test("a second turn has nothing of the first but its session", async () => {
  await using model = await startModel({ script: [{ text: "first [COMPLETE: yes]" }, { text: "second" }] });
  await using pipeline = PipelinePresets.agent({ apiKey: "k", baseUrl: model.url });
  const one = await pipeline.run("a", { sessionId: "s" });
  assert.equal(one.completionSignal, "complete");
  const two = await pipeline.run("b", { state: one.state });
  assert.equal(two.completionSignal, null);
  assert.equal(two.iterations, 1);
  assert.equal(two.usage.calls, 1);
  assert.equal(two.sessionId, "s");
  assert.equal(two.state.messages.length, 4);
  const fresh = await pipeline.run("c").catch((e) => e.result);
  assert.equal(fresh.state.messages.filter((m: { role: string }) => m.role === "user").length, 1, "without a state there is no history");
});

test("two runs at once on one pipeline do not touch each other", async () => {
  await using model = await startModel({
    script: (request: { body: unknown }) => {
      const name = JSON.stringify(request.body).includes("left") ? "left" : "right";
      return { text: `${name} answer`, chunk_size: 2, delta_delay_ms: 2 };
    },
  });
  await using pipeline = PipelinePresets.chat({ apiKey: "k", baseUrl: model.url });
  const heard = new Map<string, string>();
  pipeline.on("text.delta", (e) => heard.set(e.run_id, (heard.get(e.run_id) ?? "") + e.data.text));
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => pipeline.run(i % 2 ? "left" : "right", { sessionId: `s${i}` })));
  for (const [i, r] of results.entries()) {
    assert.equal(r.text, `${i % 2 ? "left" : "right"} answer`);
    assert.equal(heard.get(r.runId), r.text);
    assert.equal(r.sessionId, `s${i}`);
  }
});

test("a provider that ends without finishing is a typed failure with the words it said", async () => {
  const provider: Provider = {
    name: "mine",
    capabilities: capabilities(),
    async *stream() {
      yield { type: "text", index: 0, text: "half" };
    },
  };
  await using pipeline = new PipelineBuilder("b", { providers: { mine: provider } })
    .withProvider("mine")
    .withStage("api", { retry: "no_retry" })
    .build();
  const error = await rejected(pipeline.run("hi"));
  assert.equal(error.code, "exec.api.stream_incomplete");
  assert.equal(error.result.text, "half");
});

test("a stream ends with pipeline.cancelled when its pipeline is closed, and every call of close waits for the end", async () => {
  await using model = await startModel({ script: [{ text: "never", delay_ms: 60_000 }] });
  const pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  const every = pipeline.events();
  const types: string[] = [];
  const closings: Promise<void>[] = [];
  const reading = (async () => {
    for await (const { type } of pipeline.runStream("hi")) {
      types.push(type);
      if (type === "api.request") closings.push(pipeline.close(), pipeline.close());
    }
  })();
  await assert.rejects(reading, { code: "exec.pipeline.cancelled" });
  assert.equal(types.at(-1), "pipeline.cancelled");
  await Promise.all(closings);
  assert.equal(closings[0], closings[1]);
  for await (const { run_id } of every) assert.match(run_id, /^run_/, "it ends");
  for await (const { type } of pipeline.events()) assert.fail(type);
});

test("a closed pipeline says so, and closing cancels what runs", async () => {
  await using model = await startModel({ script: [{ text: "late", delay_ms: 5000 }] });
  const pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url });
  const running = rejected(pipeline.run("hi"));
  await wait(20);
  await pipeline.close();
  await pipeline.close();
  assert.equal((await running).code, "exec.pipeline.cancelled");
  assert.equal((await rejected(pipeline.run("hi"))).code, "exec.pipeline.not_initialized");
});

test("overrides win for one run and are told", async () => {
  await using model = await startModel({ script: [{ text: "a" }, { text: "b" }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "k", baseUrl: model.url, model: "claude-sonnet-4-6" });
  const told: unknown[] = [];
  pipeline.on("config.override_applied", (e) => told.push(e.data));
  await pipeline.run("one", { overrides: { model: "claude-haiku-4-5", maxTokens: 99 } });
  await pipeline.run("two");
  assert.deepEqual(told, [
    { field: "model", value: "claude-haiku-4-5", source: "per_run" },
    { field: "max_tokens", value: 99, source: "per_run" },
  ]);
  const bodies = model.requests.map((r) => r.body as { model: string; max_tokens: number });
  assert.deepEqual(
    bodies.map((b) => [b.model, b.max_tokens]),
    [
      ["claude-haiku-4-5", 99],
      ["claude-sonnet-4-6", 8192],
    ],
  );
});

test("everything that is wrong is found at once, with its path and the nearest name, before anything runs", async () => {
  const manifest = PipelinePresets.agent().snapshot().toJSON();
  const stages = manifest.stages.map((s) =>
    s.name === "tool"
      ? { ...s, strategies: { executer: "parallel", executor: "paralel" }, config: { max_concurrency: 100 } }
      : s.name === "context"
        ? { ...s, strategy_configs: { strategy: { max_turns: 3 } } }
        : s.name === "guard"
          ? { ...s, chain_order: { guards: ["cost_budjet"] } }
          : s,
  );
  const error = await rejected(
    Pipeline.fromManifest({ ...manifest, stages: [...stages, { order: 22, name: "yeild" }], model: { max_tokens: 0 } }),
  );
  assert.ok(error instanceof ConfigError);
  const found = Object.fromEntries(error.findings.filter((f) => f.severity === "error").map((f) => [f.path, f.suggestion]));
  assert.deepEqual(Object.keys(found).sort(), [
    "model.max_tokens",
    "stages[1].strategy_configs.strategy",
    "stages[21].name",
    "stages[3].chain_order.guards[0]",
    "stages[9].config.max_concurrency",
    "stages[9].strategies.executer",
    "stages[9].strategies.executor",
  ]);
  assert.equal(found["stages[9].strategies.executer"], "executor");
  assert.equal(found["stages[9].strategies.executor"], "parallel");
  assert.equal(found["stages[21].name"], "yield");
  assert.equal(found["stages[3].chain_order.guards[0]"], "cost_budget");
});

test("unknown options of pipelines, presets, builders and runs are errors with the nearest name", async () => {
  const wrong = (make: () => unknown) => {
    try {
      make();
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.findings.map((f) => [f.path, f.suggestion]);
    }
    return assert.fail("it was taken");
  };
  const loose: Record<string, unknown> = { baseURL: "http://x" };
  assert.deepEqual(
    wrong(() => PipelinePresets.minimal(loose)),
    [["options.baseURL", "baseUrl"]],
  );
  assert.deepEqual(
    wrong(() => new PipelineBuilder("b").withLoop({ maxTurn: 3 } as object).build()),
    [["stages[15].config.max_turn", "max_turns"]],
  );
  assert.deepEqual(
    wrong(() => new PipelineBuilder("b").withModel({ maxTokenz: 3 } as object)),
    [["model.max_tokenz", "max_tokens"]],
  );
  await using pipeline = PipelinePresets.minimal({ apiKey: "k" });
  const error = await rejected(pipeline.run("x", { overrides: { maxTokens: -1 }, sesionId: "s" } as object));
  assert.ok(error instanceof ConfigError);
  assert.deepEqual(
    error.findings.map((f) => f.path),
    ["options.sesionId", "options.overrides.max_tokens"],
  );
});

test("stages are put beside others, in their place, and never twice", async () => {
  await using pipeline = PipelinePresets.minimal({ apiKey: "k" });
  pipeline.registerStage(stage("mine", {}), { after: "api" });
  pipeline.registerStage(stage("first", {}), { before: 1 });
  pipeline.registerStage(stage("other", {}), { at: 7 });
  assert.deepEqual(
    pipeline
      .describe()
      .filter((s) => s.isActive)
      .map((s) => s.name),
    ["first", "input", "api", "mine", "other", "parse", "yield"],
  );
  assert.throws(() => pipeline.registerStage(stage("mine", {}), { after: "parse" }), { code: "exec.mutation.invalid" });
  assert.throws(() => pipeline.registerStage(stage("lost", {}), { after: "pasre" }), { code: "exec.mutation.invalid" });
});

test("a snapshot makes an equal pipeline", async () => {
  for (const make of Object.values(PipelinePresets)) {
    await using pipeline = make({ apiKey: "k", maxTokens: 7 });
    await using again = await Pipeline.fromManifest(pipeline.snapshot(), { apiKey: "k" });
    assert.deepEqual(again.describe(), pipeline.describe());
    assert.deepEqual(again.snapshot().toJSON(), pipeline.snapshot().toJSON());
    assert.ok(!JSON.stringify(pipeline.snapshot()).includes('"k"'), "no key in a manifest");
  }
});

test("a tool that never returns is a result with an error, and the turn goes on", async () => {
  await using model = await startModel({ script: [{ tool_calls: [{ name: "stuck", input: {} }] }, { text: "It did not answer." }] });
  const stuck = defineTool({
    name: "stuck",
    description: "never ends",
    input: { type: "object" },
    effect: "read",
    timeoutMs: 30,
    run: () => new Promise<string>(() => {}),
  });
  await using pipeline = PipelinePresets.agent({ apiKey: "k", baseUrl: model.url, tools: [stuck] });
  const result = await pipeline.run("go");
  assert.equal(result.text, "It did not answer.");
  assert.match(JSON.stringify(result.state.messages), /did not end within 30 ms/);
});

test("a tool that a guard blocks is not run, even when the model calls it all the same", async () => {
  await using model = await startModel({ script: [{ tool_calls: [{ name: "danger", input: {} }] }, { text: "I may not." }] });
  let ran = 0;
  const danger = defineTool({ name: "danger", description: "", input: { type: "object" }, effect: "once", run: () => `ran ${++ran}` });
  await using pipeline = new PipelineBuilder("b", { apiKey: "k", baseUrl: model.url })
    .withTools({ registry: [danger] })
    .withSystem()
    .withGuard({ guards: [{ use: "permission", blocked_tools: ["danger"] }] })
    .withLoop()
    .build();
  const result = await pipeline.run("go");
  assert.equal(ran, 0);
  assert.equal(result.text, "I may not.");
  assert.ok(!JSON.stringify(model.requests[0]?.body).includes("danger"), "it was not offered");
  assert.match(JSON.stringify(result.state.messages), /a guard blocks it/);
});

test("stage 10's binding binds the loop inside stage 6 too", async () => {
  const script = [{ tool_calls: [{ name: "danger", input: {} }] }, { tool_calls: [{ name: "safe", input: {} }] }, { text: "I may not." }];
  await using model = await startModel({ script });
  const ran: string[] = [];
  const tools = ["danger", "safe"].map((name) =>
    defineTool({ name, description: "", input: { type: "object" }, effect: "once", run: () => `${ran.push(name)}` }),
  );
  const manifest = new PipelineBuilder("b").withStage("api", { tool_loop: "internal" }).withTools().withLoop().manifest().toJSON();
  const binding = { stage_order: 10, allowed: null, blocked: ["danger"], extra_context: {} };
  const stages = manifest.stages.map((stage) => (stage.name === "tool" ? { ...stage, tool_binding: binding } : stage));
  const options = { apiKey: "k", baseUrl: model.url, tools };
  await using pipeline = await Pipeline.fromManifest({ ...manifest, stages }, options);
  const capped: unknown[] = [];
  pipeline.on("api.internal_loop_capped", ({ data }) => capped.push(data.reason));
  const { text, state } = await pipeline.run("go");
  assert.deepEqual([text, ran, capped], ["I may not.", ["safe"], ["tool_guard"]]);
  assert.match(JSON.stringify(state.messages), /the stage's tool_binding blocks it/);
});

test("a printed error shows neither the history nor the state", async () => {
  await using model = await startModel({ script: [{ fault: { kind: "status", status: 401 } }] });
  await using pipeline = PipelinePresets.minimal({ apiKey: "sk-canary", baseUrl: model.url });
  const error = await rejected(pipeline.run("a private matter"));
  const { inspect } = await import("node:util");
  for (const shown of [inspect(error, { depth: 10 }), JSON.stringify(error), String(error)]) {
    assert.ok(!shown.includes("private matter"));
    assert.ok(!shown.includes("sk-canary"));
  }
  assert.equal(error.result.usage.calls, 0);
});
