/** What the Python program asked of the CLI and made of its answers, and what ours does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  type ContentBlock,
  fold,
  type Json,
  type JsonObject,
  type Message,
  type ModelRequest,
  type SystemPrompt,
  type Thinking,
  type Usage,
} from "geny-executor";
import { type ClaudeCodeOptions, providers } from "geny-executor/providers";
import { answerOf, fakeClaude, init, lines, outcomeOf, providerOf, result, saying } from "./claude-code-fake.ts";

type Given = { readonly role: "user" | "assistant"; readonly content: string | readonly ContentBlock[] };
interface Invocation {
  readonly name: string;
  readonly api: string;
  readonly client_options?: JsonObject & {
    readonly api_key?: string;
    readonly _credentials?: { readonly api_key?: string; readonly extras?: JsonObject };
  };
  readonly request?: {
    readonly messages?: readonly Given[];
    readonly system?: SystemPrompt;
    readonly tools?: ModelRequest["tools"];
    readonly tool_choice?: ModelRequest["toolChoice"];
    readonly model_config?: {
      readonly model?: string;
      readonly thinking_enabled?: boolean;
      readonly thinking_type?: Thinking["type"];
      readonly thinking_budget_tokens?: number;
      readonly temperature?: number;
      readonly top_p?: number;
      readonly top_k?: number;
      readonly stop_sequences?: readonly string[];
      readonly max_tokens?: number;
    };
  };
  readonly request_fields?: {
    readonly stream?: boolean;
    readonly response_format?: { readonly type: string; readonly json_schema?: JsonObject };
    readonly session_hint?: JsonObject;
    readonly mcp_config?: JsonObject;
  };
  readonly host_env: { readonly [name: string]: string };
  readonly spawned: {
    readonly argv: readonly string[];
    readonly stdin: readonly { readonly message: { readonly content: Json } }[];
    readonly env_keys: readonly string[];
    readonly env_not_inherited: { readonly [name: string]: string };
    readonly cwd: string;
  };
}
interface Transcript {
  readonly name: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly rc?: number;
  readonly fixture?: string | null;
  readonly stderr_fixture?: string | null;
  readonly error?: { readonly code?: string };
  readonly response?: { readonly text: string; readonly model: string; readonly message_id: string; readonly usage: Usage };
}
interface Golden {
  readonly host_env_base: { readonly [name: string]: string };
  readonly invocations: readonly Invocation[];
  readonly binary_resolution: readonly { readonly name: string; readonly spawned: boolean }[];
  readonly transcripts: readonly Transcript[];
}
const root = join(import.meta.dirname, "..");
const golden: Golden = JSON.parse(readFileSync(join(root, "golden/cli.json"), "utf8"));
const fixture = (path: string | null | undefined): string => (path ? readFileSync(join(root, path), "utf8") : "");
/** Four at a time: most of the time goes into starting processes. */
const each = async <T extends { readonly name: string }>(entries: readonly T[], check: (entry: T) => Promise<void>): Promise<void> => {
  const left = [...entries];
  const wrong: string[] = [];
  const worker = async () => {
    for (let entry = left.shift(); entry; entry = left.shift()) {
      const { name } = entry;
      await check(entry).catch((error: unknown) => wrong.push(`${name}: ${error instanceof Error ? error.message : String(error)}`));
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  assert.deepEqual(wrong, []);
};

const messagesOf = (given: readonly Given[]): readonly Message[] =>
  given.map(({ role, content }, i) => ({
    id: String(i),
    origin: role === "user" ? "user" : "model",
    role,
    content,
  }));
const thinkingOf = (config: NonNullable<NonNullable<Invocation["request"]>["model_config"]>): Thinking | null =>
  config.thinking_enabled
    ? { type: config.thinking_type ?? "enabled", budgetTokens: config.thinking_budget_tokens ?? 0, display: null }
    : null;

/** A recorded call in our words. */
const ours = (entry: Invocation): { request: Partial<ModelRequest>; options: ClaudeCodeOptions } => {
  const {
    messages = [{ role: "user", content: "Say hi" }],
    system = "",
    model_config: config = {},
    tools = [],
    tool_choice = null,
  } = entry.request ?? {};
  const { stream = entry.api !== "create_message", response_format: format, session_hint, mcp_config } = entry.request_fields ?? {};
  const { api_key, _credentials: bundle = {}, ...extras } = entry.client_options ?? {};
  return {
    request: {
      ...{ messages: messagesOf(messages), system, tools, toolChoice: tool_choice, stream, thinking: thinkingOf(config) },
      ...(config.model === undefined ? {} : { model: config.model }),
      ...{ temperature: config.temperature ?? null, topP: config.top_p ?? null, topK: config.top_k ?? null },
      ...{ stopSequences: config.stop_sequences ?? null, maxTokens: config.max_tokens ?? 8192 },
      outputSchema: format?.type === "json_schema" ? (format.json_schema ?? null) : null,
    },
    options: {
      apiKey: api_key ?? bundle.api_key,
      extras: { ...extras, ...bundle.extras, ...(session_hint ? { session_hint } : {}), ...(mcp_config ? { mcp_config } : {}) },
    },
  };
};

/** Where ours differs on purpose, and why. */
const REFUSED: { readonly [name: string]: string } = {
  permission_mode_unknown: "exec.api.bad_request", // told before anything runs
  stdin_empty: "exec.api.bad_request", // an empty prompt was an answer without text
};
const BARE = { added: ["stream_client_key_only"], removed: ["stream_host_key_bare"] }; // decided by the client's key, which is the one that is passed
/** Environment beyond the recorded: fixed by us, or let through since the newest release. */
const FIXED = ["CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK", "DISABLE_AUTOUPDATER"];
const LATER = ["CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].concat([
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
]);
const SHELL = ["PWD", "OLDPWD", "SHLVL", "_"];
const STREAMED = ["--verbose", "--input-format", "stream-json", "--output-format", "stream-json"];

const expectedArgv = (
  { name, spawned, request_fields: fields }: Invocation,
  hasKey: boolean,
  files: { readonly [path: string]: string },
): readonly string[] => {
  let argv: string[] = [...spawned.argv];
  // One wire for both: the one-shot form shows no tools that the CLI runs, and was sent without any prompt.
  const at = argv.indexOf("--output-format");
  if (argv[at + 1] === "json") argv = ["--print", ...STREAMED, ...argv.slice(at + 2)];
  const bare = argv.indexOf("--bare");
  if (BARE.removed.includes(name)) argv.splice(bare, 1);
  if (BARE.added.includes(name)) argv.splice(argv.indexOf("--include-partial-messages") + 1, 0, "--bare");
  if (name === "all_in_order") assert(hasKey && bare > 0);
  return argv.map((arg, i) => {
    const option = argv[i - 1];
    if (option === "--mcp-config" && arg.startsWith("{")) {
      // Its servers' environments hold secrets, which the command line would show to everybody.
      const [path, content] = Object.entries(files).find(([file]) => file.endsWith("mcp.json")) ?? [];
      const given = JSON.parse(arg);
      assert.deepEqual(JSON.parse(content ?? ""), given.mcpServers ? given : { mcpServers: given });
      return path ?? "";
    }
    if (option === "--settings" && arg.startsWith("{")) {
      const [path, content] = Object.entries(files).find(([file]) => file.endsWith("settings.json")) ?? [];
      assert.equal(content, arg);
      return path ?? "";
    }
    if (option === "--json-schema") return JSON.stringify(fields?.response_format?.json_schema);
    return arg;
  });
};

/** Python writes a space after `:` and `,`. */
const compact = (text: string): string => text.replace(/\((\{.*?\})\)\]/g, (_, json: string) => `(${JSON.stringify(JSON.parse(json))})]`);
const expectedContent = ({ name, spawned }: Invocation): unknown => {
  if (name === "oneshot_history") return "## Conversation so far\n\n### User\na\n\n### Assistant\nb\n\n## Current input\nc";
  if (name === "stdin_history_ends_with_assistant")
    return "## Conversation so far\n\n### User\none\n\n### Assistant\ntwo\n\n## Current input\nContinue.";
  if (name === "stdin_assistant_only") return "## Conversation so far\n\n### Assistant\nx\n\n## Current input\nContinue.";
  const content = spawned.stdin[0]?.message.content ?? "Say hi";
  // Images of the newest turn go as they are.
  if (name === "stdin_history_images")
    return [
      { type: "text", text: content },
      { type: "image", source: { type: "url", url: "u" } },
    ];
  return typeof content === "string" ? compact(content) : content;
};

test("invocations are the recorded ones", async () => {
  const answer = { stdout: lines(init, saying("x"), result()) };
  await each(golden.invocations, async (entry) => {
    await using fake = await fakeClaude(answer);
    const env = { ...golden.host_env_base, PATH: process.env.PATH, TMPDIR: tmpdir(), HOME: fake.folder, ...entry.host_env };
    const { request, options } = ours(entry);
    let extras = options.extras ?? {};
    const workspace = join(fake.folder, "workspace");
    await mkdir(workspace);
    if ("workspace_dir" in extras) extras = { ...extras, workspace_dir: workspace };
    if ("workspace_root" in extras) extras = { ...extras, workspace_root: workspace };
    const provider = await providerOf(fake, { ...options, extras, env });
    const { error } = await outcomeOf(provider, request);
    await provider.close?.();
    if (REFUSED[entry.name]) return assert.equal(error?.code, REFUSED[entry.name]);
    if (error) throw error;
    const called = await fake.called();
    assert.deepEqual(called.argv, expectedArgv(entry, Boolean(options.apiKey), called.files));
    assert.equal(called.stdin.indexOf("\n"), called.stdin.length - 1, "one line");
    assert.deepEqual(JSON.parse(called.stdin), { type: "user", message: { role: "user", content: expectedContent(entry) } });
    assert.equal(called.cwd, entry.spawned.cwd === "<workspace>" ? workspace : process.cwd());
    const { env_keys: recorded, env_not_inherited: given } = entry.spawned;
    // Extras of credentials were dropped in silence.
    const added = Object.keys((extras.env_extras as object | undefined) ?? {});
    assert.deepEqual(
      Object.keys(called.env)
        .filter((name) => !SHELL.includes(name))
        .sort(),
      [...new Set([...recorded, ...FIXED, ...LATER, ...added])].sort(),
    );
    for (const [name, value] of Object.entries(given)) assert.equal(called.env[name], value);
  });
});

test("the binary is looked for where it was recorded", async () => {
  const folder = await mkdtemp(join(tmpdir(), "claude-binary-"));
  const program = async (path: string, text = '#!/bin/sh\necho \'{"type":"result","result":"x"}\'\n', mode = 0o755) => {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, text);
    await chmod(path, mode);
    return path;
  };
  const good = await program(join(folder, "good/claude"));
  const plain = await program(join(folder, "plain/claude"), "not a program", 0o644);
  const broken = await program(join(folder, "broken/claude"), "\u0000\u0001 no program");
  const here = { PATH: join(folder, "good") };
  const gone = join(folder, "gone/claude");
  const CASES: { readonly [name: string]: ClaudeCodeOptions } = {
    explicit_missing: { binaryPath: gone, env: {} },
    env_var: { env: { CLAUDE_CODE_BINARY: good } },
    env_var_missing_then_path: { env: { CLAUDE_CODE_BINARY: gone, ...here } },
    path: { env: here },
    nothing: { env: { PATH: join(folder, "gone") } },
    not_executable: { binaryPath: plain, env: {} },
    not_a_program: { binaryPath: broken, env: {} },
    directory: { binaryPath: folder, env: {} },
    explicit_missing_but_on_path: { binaryPath: gone, env: here },
  };
  assert.deepEqual(
    Object.keys(CASES),
    golden.binary_resolution.map(({ name }) => name),
  );
  for (const { name, spawned } of golden.binary_resolution) {
    const { error } = await outcomeOf(await providers.claude_code_cli(CASES[name]));
    assert.equal(error?.code, spawned ? undefined : "exec.cli.binary_not_found", name);
    if (error) assert.match(error.message, /npm install -g @anthropic-ai\/claude-code.*binaryPath.*CLAUDE_CODE_BINARY/);
    if (error) assert.equal(error.recoverable, false);
  }
  await rm(folder, { recursive: true });
});

/** Outcomes that were wrong, by the rule that holds: a failure is an error with the code of its cause; a complete answer is no failure. */
const MENDED: { readonly [name: string]: string } = {
  message_form_no_result: "exec.cli.protocol_error",
  result_is_error: "exec.cli.exited",
  result_error_max_turns: "exec.cli.exited",
  other_error_annotation: "exec.api.rate_limited",
  empty: "exec.cli.protocol_error",
  blank_lines: "exec.cli.protocol_error",
  system_only: "exec.cli.protocol_error",
  exit_1_after_result: "x",
  exit_1_auth: "exec.cli.auth_failed",
  exit_1_permission: "exec.cli.permission_denied",
  exit_2_flag: "exec.cli.exited",
  exit_137: "exec.cli.exited",
  once_content_blocks: "exec.cli.protocol_error",
  once_is_error: "exec.cli.exited",
  once_not_json: "exec.cli.protocol_error",
  once_empty: "exec.cli.protocol_error",
  once_array: "exec.cli.protocol_error",
  once_exit_1_other: "exec.cli.exited",
  once_exit_1_with_json: "hi",
  recorded_auth_401_text: "exec.cli.exited",
  recorded_auth_401_text_noretry: "exec.cli.auth_failed",
  recorded_bad_flag: "exec.api.bad_request",
  recorded_bad_format: "exec.api.bad_request",
  recorded_bad_mcp: "exec.api.bad_request",
  recorded_bad_request: "exec.api.token_limit",
  recorded_bad_stdin: "exec.api.bad_request",
  recorded_json_schema_bad: "exec.api.bad_request",
  recorded_max_turns: "exec.cli.exited",
  recorded_mcp_bypass_root: "exec.cli.permission_denied",
  recorded_mcp_dsp_root: "exec.cli.permission_denied",
  recorded_overloaded_529_default_25s: "exec.api.server_error",
  recorded_overloaded_529_retries2: "exec.api.server_error",
  recorded_plain_text: "exec.cli.protocol_error",
  recorded_session_dup: "exec.api.bad_request",
  recorded_session_resume_missing: "exec.api.bad_request",
  recorded_sig_int: "exec.cli.protocol_error",
  recorded_sig_term: "exec.cli.exited",
  recorded_sigterm_hang: "exec.cli.exited",
  recorded_stream_noverbose: "exec.cli.exited",
  recorded_two_turns_interrupt: "Hello from the mock",
  // Text that was lost or doubled.
  delta_then_full_message: "Hello",
  stream_event_only: "Hello",
  result_only: "From the result",
  content_string: "plain",
  once_result_string: "hi",
  recorded_json_schema: '{"name":"Ada","age":36}',
  recorded_session_resume: "Hello from the mock",
  recorded_text_json: "Hello from the mock",
};
/** Never to be tried again: they would fail in the same way. */
const FINAL = [
  "result_error_max_turns",
  "recorded_max_turns",
  "recorded_bad_flag",
  "recorded_session_dup",
  "recorded_bad_request",
  "recorded_no_key",
];

test("transcripts end as recorded, or as they should have", async () => {
  const entries = golden.transcripts.filter(({ name }) => !name.startsWith("long_line") && !name.endsWith("timeout"));
  await each(entries, async (entry) => {
    const stdout = entry.fixture ? fixture(entry.fixture) : (entry.stdout ?? "");
    await using fake = await fakeClaude({ stdout, stderr: entry.stderr ?? fixture(entry.stderr_fixture), code: entry.rc ?? 0 });
    const provider = await providerOf(fake);
    const { events, error } = await outcomeOf(provider);
    await provider.close?.();
    const answer = fold("claude_code_cli", "claude-sonnet-4-6");
    for (const event of events) answer.add(event);
    const { content, stop_reason, usage, model, message_id } = answer.response();
    const text = content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("");
    const wanted = MENDED[entry.name] ?? entry.error?.code ?? entry.response?.text ?? "";
    if (error && !error.code) throw error;
    if (FINAL.includes(entry.name)) assert.equal(error?.recoverable, false);
    if (wanted.startsWith("exec.")) return assert.equal(error?.code, wanted, text || error?.message);
    if (error) throw error;
    if (!wanted.startsWith("<")) assert.equal(text, wanted);
    assert(!events.some(({ type }) => type === "tool_call"), "the CLI's tools are not ours to run");
    if (!entry.response) return;
    assert.equal(stop_reason, "end_turn");
    assert.equal(model, entry.response.model);
    if (entry.response.message_id !== "<id>") assert.equal(message_id, entry.response.message_id);
    // A one-shot answer's cost was not read; that of a resumed conversation counts all its calls.
    const { cost_usd, ...counts } = entry.response.usage;
    const said = [...stdout.matchAll(/"total_cost_usd": ?([\d.e-]+)/g)].at(-1)?.[1];
    assert.equal(usage.cost_usd, cost_usd ?? Number(said));
    if (entry.name !== "recorded_session_resume")
      for (const [key, value] of Object.entries(counts)) assert.equal(usage[key as "input_tokens"], value, key);
  });
});

test("a line of 100 kB is read; one beyond the limit is a typed error", async () => {
  const words = "y".repeat(100_000);
  await using fake = await fakeClaude({ stdout: lines(saying(words), result()) });
  assert.deepEqual((await answerOf(await providerOf(fake))).content, [{ type: "text", text: words }]);
  const env = { ...process.env, GENY_CLI_STREAM_LIMIT: "99999" };
  const { error } = await outcomeOf(await providerOf(fake, { env }));
  assert.equal(error?.code, "exec.cli.protocol_error");
  assert.match(error.message, /GENY_CLI_STREAM_LIMIT/);
});
