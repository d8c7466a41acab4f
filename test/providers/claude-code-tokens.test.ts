/** The claude program as a mere model: how it is called, what it is told, whose name failures bear, what is left behind. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ModelEvent } from "geny-executor";
import { type ClaudeCodeOptions, CredentialBundle, providers } from "geny-executor/providers";
import {
  answerOf,
  eventsOf,
  type Fake,
  fakeClaude,
  gone,
  hanging,
  init,
  lines,
  outcomeOf,
  pidsOf,
  result,
  TAGGED,
} from "./claude-code-fake.ts";

const event = (inner: object) => ({ type: "stream_event", event: inner, parent_tool_use_id: null });
const begun = (input_tokens = 30) => event({ type: "message_start", message: { id: "m1", usage: { input_tokens, output_tokens: 1 } } });
const delta = (index: number, piece: object) => event({ type: "content_block_delta", index, delta: piece });
const words = (text: string, index = 0) => delta(index, { type: "text_delta", text });
const stopped = (stop_reason: string, output_tokens: number) => [
  event({ type: "message_delta", delta: { stop_reason }, usage: { output_tokens } }),
  event({ type: "message_stop" }),
];
const used = (output_tokens: number) => result({ result: "", usage: { input_tokens: 30, output_tokens }, total_cost_usd: 0.25 });
const call = (name = "Read", input: object = { path: "a" }) => `<TAG>${JSON.stringify({ name, input })}</TAG>`;
const tools = [{ name: "Read", description: "Reads.", input_schema: { type: "object" } }];
const asking = lines(
  init,
  begun(),
  delta(0, { type: "thinking_delta", thinking: "hm" }),
  words("I lo", 1),
  words("ok: é日😀\n", 1),
  words(call(), 1),
  ...stopped("end_turn", 40),
  used(40),
);
const plainAnswer = lines(init, begun(), words("ok"), ...stopped("end_turn", 2), used(2));

const made = (fake: Fake, { extras, ...options }: ClaudeCodeOptions = {}) =>
  providers.geny_claude_code({ extras: { binary_path: fake.path, ...extras }, ...options });
const ofType = <T extends ModelEvent["type"]>(events: readonly ModelEvent[], type: T) =>
  events.filter((e): e is Extract<ModelEvent, { type: T }> => e.type === type);
const bills = (events: readonly ModelEvent[]) =>
  ofType(events, "usage").map(({ usage }) => [usage.input_tokens, usage.output_tokens, usage.cost_usd]);

/** The fake and a child of its own live on, whatever is said. */
const LIVING = `${hanging(false)} & sleep 0.2`;

test("the program is called without tools, settings, servers or a session, once; our prompt offers our tools", async () => {
  await using fake = await fakeClaude({ stdout: asking, before: TAGGED });
  const provider = await made(fake, { env: { PATH: process.env.PATH, HOME: "/h", ANTHROPIC_API_KEY: "host", CLAUDE_CONFIG_DIR: "/c" } });
  const thinking = { type: "enabled", budgetTokens: 20_000, display: null } as const;
  const events = await eventsOf(provider, { tools, system: "You are X.", thinking, stream: false });
  const { argv, env, cwd, stdin } = await fake.called();
  const at = argv.indexOf("--system-prompt");
  assert.match(argv[at + 1] ?? "", /^You are X\.\n\n# Tools\n.*\{"name":"Read","description":"Reads\."/s);
  assert.deepEqual(argv.toSpliced(at, 2), [
    ...["--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json", "--include-partial-messages"],
    ...["--model", "claude-sonnet-4-6", "--effort", "high", "--tools", "", "--max-turns", "1", "--strict-mcp-config"],
    ...["--setting-sources", "", "--no-session-persistence", "--disable-slash-commands"],
  ]);
  assert.equal(cwd, tmpdir());
  const {
    ANTHROPIC_API_KEY,
    CLAUDE_CONFIG_DIR,
    CLAUDE_CODE_DISABLE_FILE_MENTIONS,
    CLAUDE_CODE_DISABLE_ATTACHMENTS,
    CLAUDE_CODE_MAX_RETRIES,
  } = env;
  assert.deepEqual([ANTHROPIC_API_KEY, CLAUDE_CONFIG_DIR, CLAUDE_CODE_MAX_RETRIES], [undefined, "/c", "0"]);
  assert.deepEqual([CLAUDE_CODE_DISABLE_FILE_MENTIONS, CLAUDE_CODE_DISABLE_ATTACHMENTS], ["1", "1"]);
  assert.match(JSON.parse(stdin).message.content.at(-1).text, /^Write what the assistant says next/);
  assert.deepEqual(
    events.filter(({ type }) => type !== "usage" && type !== "notice").map((e) => ("id" in e ? { ...e, id: "" } : e)),
    [
      { type: "start", model: "m-1", id: "" },
      { type: "thinking", index: 0, text: "hm" },
      { type: "text", index: 1, text: "I lo" },
      { type: "text", index: 1, text: "ok: é日😀" },
      { type: "tool_call_start", index: 2, id: "", name: "Read" },
      { type: "tool_call_delta", index: 2, json: '{"path":"a"}' },
      { type: "tool_call", index: 2, id: "", name: "Read", input: { path: "a" } },
      { type: "finish", stopReason: "tool_use" },
    ],
  );
  assert.deepEqual(bills(events).at(-1), [30, 40, 0.25]);
  await fake.play({ stdout: plainAnswer });
  await eventsOf(provider);
  const bare = (await fake.called()).argv;
  assert.match(bare[bare.indexOf("--system-prompt") + 1] ?? "", /^You are the assistant/, "without a prompt of ours it would take its own");
});

test("however the bytes are cut, the answer is the same", async () => {
  await using fake = await fakeClaude({ stdout: asking, before: `${TAGGED}; dd if="$d/stdout" bs=1 2>/dev/null; : > "$d/stdout"` });
  const { content } = await answerOf(await made(fake), { tools });
  assert.deepEqual(
    content.map((block) => ("id" in block ? { ...block, id: "" } : block)),
    [
      { type: "thinking", thinking: "hm" },
      { type: "text", text: "I look: é日😀" },
      { type: "tool_use", id: "", name: "Read", input: { path: "a" } },
    ],
  );
});

test("what of a request cannot be kept is told once, under our name", async () => {
  await using fake = await fakeClaude({ stdout: plainAnswer });
  const provider = await made(fake);
  const request = { tools, toolChoice: { type: "any" }, temperature: 0.5, topP: 1, topK: 2, stopSequences: ["x"] } as const;
  const told = async () =>
    ofType(await eventsOf(provider, request), "notice").map(({ notice, data }) => [notice, data.provider, data.field]);
  assert.deepEqual(
    (await told()).sort(),
    ["max_tokens", "stop_sequences", "temperature", "tool_choice", "top_k", "top_p"].map((field) => [
      "parameter_dropped",
      "geny_claude_code",
      field,
    ]),
  );
  assert.deepEqual(await told(), []);
  const { name, capabilities: can } = provider;
  assert.equal(name, "geny_claude_code");
  assert.deepEqual(
    [
      can.supports_tools,
      can.supports_mcp_passthrough,
      can.supports_structured_output,
      can.supports_session_continuity,
      can.supports_tool_choice,
    ],
    [true, false, false, false, false],
  );
  assert.deepEqual([...can.drops].sort(), ["max_tokens", "stop_sequences", "temperature", "tool_choice", "top_k", "top_p"]);
});

test("a model that invents results is left: its process ends, and its tokens are estimated", async () => {
  const invented = lines(words(`\n${call("Read", { path: "b" })}\nThe file says: ${"invented ".repeat(40)}`));
  await using fake = await fakeClaude({
    stdout: lines(init, begun(), words(call())) + invented,
    before: `${TAGGED}; ${LIVING}`,
    after: "sleep 30",
  });
  const provider = await made(fake);
  const events = await eventsOf(provider, { tools });
  assert.deepEqual(
    ofType(events, "tool_call").map(({ input }) => input),
    [{ path: "a" }, { path: "b" }],
  );
  assert.deepEqual(ofType(events, "text"), []);
  const [input, output] = bills(events).at(-1) ?? [];
  assert.equal(input, 30);
  assert(Number(output) > 100 && Number(output) < 300);
  assert.deepEqual(
    ofType(events, "notice").flatMap(({ notice, data }) => (notice === "usage_estimated" ? [data] : [])),
    [{ provider: "geny_claude_code", output_tokens: output }],
  );
  assert.deepEqual(events.at(-1), { type: "finish", stopReason: "tool_use" });
  await gone(await pidsOf(fake.folder, 2), 500);
});

test("at its limit, or refused, the model's message is the answer, although the program would ask again", async () => {
  for (const reason of ["max_tokens", "refusal"]) {
    const second = lines(
      event({ type: "message_start", message: { id: "m2", usage: { input_tokens: 60, output_tokens: 1 } } }),
      words("again"),
    );
    await using fake = await fakeClaude({
      stdout: lines(init, begun(), words("cut"), ...stopped(reason, 9)) + second,
      before: LIVING,
      after: "sleep 30",
    });
    const events = await eventsOf(await made(fake), { tools });
    assert.deepEqual(ofType(events, "text"), [{ type: "text", index: 0, text: "cut" }]);
    assert.deepEqual(bills(events).at(-1), [30, 9, null]);
    assert.deepEqual(events.at(-1), { type: "finish", stopReason: reason });
    await gone(await pidsOf(fake.folder, 2), 500);
  }
});

test("an abort ends the program and what it started; a failure and a death bill what was said", async () => {
  const said = lines(init, begun(), words(`words ${"x".repeat(300)}`));
  await using fake = await fakeClaude({ stdout: said, after: hanging(false) });
  const provider = await made(fake);
  const stopping = new AbortController();
  const running = outcomeOf(provider, { tools }, stopping.signal);
  const pids = await pidsOf(fake.folder, 2);
  await sleep(100);
  stopping.abort(new Error("enough"));
  const aborted = await running;
  assert.equal(aborted.error?.message, "enough");
  assert.deepEqual(bills(aborted.events).at(-1), [30, 103, null]);
  await gone(pids, 500);
  await fake.play({ stdout: said, code: 3, stderr: "boom" });
  const died = await outcomeOf(provider, { tools });
  assert.equal(died.error?.code, "exec.cli.exited");
  assert.deepEqual(bills(died.events).at(-1), [30, 103, null]);
  await fake.play({ stdout: said + lines({ ...used(77), is_error: true, result: "Overloaded", api_error_status: 529 }) });
  const failed = await outcomeOf(provider, { tools });
  assert.equal(failed.error?.code, "exec.api.server_error");
  assert.deepEqual(bills(failed.events).at(-1), [30, 77, 0.25]);
  await provider.close?.();
});

test("auth_method says whose login is used; without it, a token or a key that is given", async () => {
  await using fake = await fakeClaude({ stdout: plainAnswer });
  const env = { PATH: process.env.PATH, ANTHROPIC_API_KEY: "host-key", CLAUDE_CODE_OAUTH_TOKEN: "host-token" };
  const NAMES = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR"];
  const seen = async (extras: NonNullable<ClaudeCodeOptions["extras"]>, options: ClaudeCodeOptions = {}) => {
    await answerOf(await made(fake, { env, extras, ...options }));
    const called = await fake.called();
    return NAMES.flatMap((name) => (called.env[name] ? [`${name}=${called.env[name]}`] : []));
  };
  assert.deepEqual(await seen({}), []);
  assert.deepEqual(await seen({}, { apiKey: "mine" }), ["ANTHROPIC_API_KEY=mine"]);
  assert.deepEqual(await seen({}, { authToken: "t" }), ["CLAUDE_CODE_OAUTH_TOKEN=t"]);
  assert.deepEqual(await seen({ oauth_token: "own" }, { apiKey: "mine" }), ["CLAUDE_CODE_OAUTH_TOKEN=own"]);
  assert.deepEqual(await seen({ auth_method: "system", oauth_token: "own" }), []);
  assert.deepEqual(await seen({ auth_method: "login", config_dir: "/accounts/a" }), ["CLAUDE_CONFIG_DIR=/accounts/a"]);
  assert.deepEqual(await seen({ auth_method: "token", oauth_token: "own" }), ["CLAUDE_CODE_OAUTH_TOKEN=own"]);
  assert.deepEqual(await seen({ auth_method: "api_key", oauth_token: "own" }, { apiKey: "mine" }), ["ANTHROPIC_API_KEY=mine"]);
  const failing = async (extras: NonNullable<ClaudeCodeOptions["extras"]>) =>
    (await outcomeOf(await made(fake, { env: {}, extras }))).error;
  const none = await failing({ auth_method: "token" });
  assert.equal(none?.code, "exec.api.no_client");
  assert.match(none.message, /^geny_claude_code has no credentials/);
  assert.match(String((await failing({ auth_method: "login" }))?.message), /extras\.config_dir must say/);
});

test("effort, scratch_dir and timeout_s are kept; wrong extras are refused before anything runs, unknown ones are told", async () => {
  await using fake = await fakeClaude({ stdout: plainAnswer });
  const thinking = { type: "enabled", budgetTokens: 1000, display: null } as const;
  await answerOf(await made(fake, { extras: { effort: "max", scratch_dir: fake.folder } }), { thinking });
  const { argv, cwd } = await fake.called();
  assert.deepEqual(argv.slice(-2), ["--effort", "max"]);
  assert.equal(argv.filter((arg) => arg === "--effort").length, 1);
  assert.equal(cwd, fake.folder);
  const failing = async (extras: NonNullable<ClaudeCodeOptions["extras"]>) => (await outcomeOf(await made(fake, { extras }))).error;
  const wrong = await failing({ effort: "huge", timeout_s: "soon" });
  assert.equal(wrong?.code, "exec.api.bad_request");
  assert.match(wrong.message, /^geny_claude_code: extras\.effort must be one of .*; extras\.timeout_s must be a number/);
  assert.match(String((await failing({ scratch_dir: "/nowhere/at/all" }))?.message), /extras\.scratch_dir: there is no folder/);
  assert.equal((await failing({ binary_path: "/nowhere/claude" }))?.code, "exec.cli.binary_not_found");
  const warnings: unknown[] = [];
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, error: quiet, warn: (message: unknown) => warnings.push(message) };
  await answerOf(await made(fake, { extras: { oauth_tokn: "x" }, log }));
  assert.match(String(warnings), /^geny_claude_code: extras\.oauth_tokn is not a known key.*Did you mean "oauth_token"/);
  await fake.play({ after: "sleep 30" });
  const late = await failing({ timeout_s: 0.3, account_id: "7" });
  assert.deepEqual([late?.code, late?.details.account, late?.details.provider], ["exec.cli.timeout", "7", "geny_claude_code"]);
});

test("a token stands in the environment alone", async () => {
  const token = "sk-ant-oat01-SECRET";
  await using fake = await fakeClaude({
    stdout: lines(init, begun(), words(`it is ${token}`)),
    stderr: `Invalid bearer token ${token}`,
    code: 1,
  });
  const credentials = { extras: { binary_path: fake.path, oauth_token: token, account_label: "Ada" } };
  const { events, error } = await outcomeOf(await made(fake, credentials), { tools });
  const { argv, env } = await fake.called();
  assert.equal(env.CLAUDE_CODE_OAUTH_TOKEN, token);
  assert.equal(error?.code, "exec.cli.auth_failed");
  assert.deepEqual(error.details.account, "Ada");
  const shown = [...argv, JSON.stringify(events), error.message, String(error.stack), JSON.stringify(error.details), String(error.cause)];
  assert.doesNotMatch([...shown, String(new CredentialBundle({ geny_claude_code: credentials }))].join("\n"), /SECRET/);
});
