/** What the real program does with a call, and what becomes of it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CredentialBundle, type Message, Pipeline, PipelineBuilder, type PipelineEvent } from "geny-executor";
import { type ClaudeCodeOptions, providers } from "geny-executor/providers";
import { answerOf, eventsOf, outcomeOf } from "./claude-code-fake.ts";
import { asked, real, within, world } from "./claude-code-world.ts";

real("text and thinking come live; tokens and cost are the program's own", async () => {
  await using w = await world([
    {
      thinking: { text: "hm", signature: "c2ln" },
      text: "Hello from the model, in pieces.",
      usage: { input_tokens: 1000, output_tokens: 20 },
    },
  ]);
  const provider = await providers.claude_code_cli(w.options);
  const events = await eventsOf(provider, { system: "You are X." });
  const pieces = events.flatMap((e) => (e.type === "text" ? [e.text] : []));
  assert(pieces.length > 1);
  assert.equal(pieces.join(""), "Hello from the model, in pieces.");
  assert.equal(events.flatMap((e) => (e.type === "thinking" ? [e.text] : [])).join(""), "hm");
  const usage = events.flatMap((e) => (e.type === "usage" ? [e.usage] : [])).at(-1);
  assert.equal(usage?.input_tokens, 1000);
  assert.equal(usage.output_tokens, 20);
  assert.equal(usage.cost_usd?.toFixed(6), "0.003300");
  assert.deepEqual(events.at(-1), { type: "finish", stopReason: "end_turn" });
  assert(!events.some((e) => e.type === "notice" && e.notice === "unknown_wire_shape"), "every line of this version is known");
  const [body] = asked(w.model);
  assert.match(JSON.stringify(body?.system), /You are X\./);
  await provider.close?.();
});

real("the same without pieces, and with a prompt that no command line could hold", async () => {
  await using w = await world([{ text: "Hello" }]);
  const provider = await providers.claude_code_cli(w.options);
  const { content } = await answerOf(provider, { stream: false, system: `${"é".repeat(200_000)}END` });
  assert.deepEqual(content, [{ type: "text", text: "Hello" }]);
  assert.match(JSON.stringify(asked(w.model)[0]?.system), /éEND/);
  await provider.close?.();
});

real("a tool that the program runs is told through the pipeline, and not run again", async () => {
  await using w = await world(
    [{ text: "I look", tool_calls: [{ name: "Bash", input: { command: "echo the key is $ANTHROPIC_API_KEY" } }] }, { text: "done" }],
    {
      allow_tools: ["Bash"],
    },
  );
  const builder = new PipelineBuilder("cli").withProvider("claude_code_cli").withModel({ model: "claude-sonnet-4-6" });
  const manifest = builder.manifest();
  const { baseUrl, binaryPath, apiKey, extras } = w.options;
  const pipeline = await Pipeline.fromManifest(manifest, {
    credentials: new CredentialBundle({
      claude_code_cli: {
        baseUrl,
        binaryPath,
        apiKey,
        extras: { ...extras, env_extras: { ...(extras?.env_extras as object), HOME: w.home } },
      },
    }),
  });
  const events: PipelineEvent[] = [];
  pipeline.on("*", (event) => void events.push(event));
  const result = await pipeline.run("What is the key?");
  await pipeline.close();
  assert.equal(result.text, "I look\ndone");
  assert(result.totalCostUsd && result.totalCostUsd > 0);
  const of = (type: string) => events.filter((e) => e.type === type).map(({ data }) => data);
  assert.deepEqual(
    of("api.tool_use").map(({ name, source }) => [name, source]),
    [["Bash", "cli"]],
  );
  assert.deepEqual(
    of("api.tool_result").map(({ content, source }) => [content, source]),
    [["the key is ***", "cli"]],
  );
  assert.deepEqual(of("tool.call_start"), []);
  assert.doesNotMatch(JSON.stringify(events), /SECRET/);
});

real("an answer by schema is what the program's own tool got", async () => {
  await using w = await world([{ text: "Sure", tool_calls: [{ name: "StructuredOutput", input: { name: "Ada" } }] }]);
  const provider = await providers.claude_code_cli(w.options);
  const outputSchema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
  assert.deepEqual((await answerOf(provider, { outputSchema })).content, [{ type: "text", text: '{"name":"Ada"}' }]);
  await provider.close?.();
});

real("failures of the model's server have their codes, and are tried once only", async () => {
  const codes = {
    401: "exec.cli.auth_failed",
    413: "exec.api.token_limit",
    429: "exec.api.rate_limited",
    500: "exec.api.server_error",
    529: "exec.api.server_error",
  };
  await using w = await world(Object.keys(codes).map((status) => ({ fault: { kind: "status", status: Number(status) } })));
  const provider = await providers.claude_code_cli(w.options);
  for (const [status, code] of Object.entries(codes)) {
    const { error } = await outcomeOf(provider);
    assert.equal(error?.code, code, status);
    assert.equal(error.status, Number(status));
  }
  assert.equal(asked(w.model).length, Object.keys(codes).length);
  w.model.script([{ fault: { kind: "cut_before_headers" } }]);
  assert.equal((await outcomeOf(provider)).error?.code, "exec.api.network");
  await provider.close?.();
});

real("a stream that breaks is not mended by a second answer under the first", async () => {
  await using w = await world([
    { text: "abcdefghijklmnopqrstuvwxyz".repeat(8), delta_delay_ms: 30, fault: { kind: "cut", after: 8 } },
    { text: "second" },
  ]);
  const provider = await providers.claude_code_cli(w.options);
  const { events, error } = await outcomeOf(provider);
  assert.equal(error?.recoverable, true);
  assert(!events.some((e) => e.type === "text" && e.text.includes("second")));
  await provider.close?.();
});

real("a wrong flag, an unknown conversation and an expired budget are not tried again", async () => {
  const id = "99999999-2222-4333-8444-555555555555";
  await using w = await world([{ text: "x", tool_calls: [{ name: "Bash", input: { command: "true" } }] }]);
  const failing = async (extras: NonNullable<ClaudeCodeOptions["extras"]>) => {
    const provider = await providers.claude_code_cli({ ...w.options, extras: { ...w.options.extras, ...extras } });
    const { error } = await outcomeOf(provider);
    await provider.close?.();
    return `${error?.code} ${error?.recoverable}`;
  };
  assert.equal(await failing({ extra_args: ["--no-such-flag"] }), "exec.api.bad_request false");
  assert.equal(await failing({ session_hint: { session_id: "no-uuid" } }), "exec.api.bad_request false");
  assert.equal(await failing({ session_hint: { session_id: id, resume: true } }), "exec.api.bad_request false");
  assert.equal(await failing({ mcp_config: "/nowhere.json" }), "exec.api.bad_request false");
  assert.equal(await failing({ max_budget_usd: 0.000001, allow_tools: ["Bash"] }), "exec.cli.exited false");
});

real("one conversation over several processes", async () => {
  const session_hint = { session_id: "11111111-2222-4333-8444-555555555555" };
  await using w = await world([{ text: "one" }, { fault: { kind: "status", status: 529 } }, { text: "two" }], { session_hint });
  const provider = await providers.claude_code_cli(w.options);
  const first: Message = { id: "1", origin: "user", role: "user", content: "a" };
  const messages: readonly Message[] = [
    first,
    { id: "2", origin: "model", role: "assistant", content: "one" },
    { ...first, id: "3", content: "b" },
  ];
  const one = await answerOf(provider, { messages: [first] });
  assert.equal(one.message_id, session_hint.session_id);
  assert.equal((await outcomeOf(provider, { messages })).error?.code, "exec.api.server_error");
  const two = await answerOf(provider, { messages });
  await provider.close?.();
  const said = JSON.stringify(asked(w.model).at(-1)?.messages);
  assert.match(said, /"a".*one.*"b/);
  assert.doesNotMatch(said, /Conversation so far/);
  assert(one.usage.cost_usd && two.usage.cost_usd && two.usage.cost_usd < 1.5 * one.usage.cost_usd, "each call has its own cost");
});

real("an abort ends the program and the commands that it runs, also those that left its group", async (t) => {
  if (process.platform !== "linux") return t.skip("processes are counted in /proc");
  const command = "nohup setsid sleep 97 & sleep 98";
  await using w = await world([{ text: "I wait", tool_calls: [{ name: "Bash", input: { command } }] }], { allow_tools: ["Bash"] });
  const provider = await providers.claude_code_cli(w.options);
  const stop = new AbortController();
  const running = outcomeOf(provider, {}, stop.signal);
  const sleeping = () =>
    within(w.home).some((pid) => existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sleep"));
  for (let waited = 0; waited < 10_000 && !sleeping(); waited += 50) await sleep(50);
  assert(sleeping(), "the command did not start");
  stop.abort(new Error("enough"));
  assert.equal((await running).error?.message, "enough");
  const from = performance.now();
  while (within(w.home).length) {
    assert(performance.now() - from < 2500, "something lives after 2.5 s");
    await sleep(20);
  }
  await provider.close?.();
});
