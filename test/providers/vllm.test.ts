/** The servers that speak Chat Completions: their addresses and keys, what their accounts can do, their models. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CredentialBundle, collect, type Logger, type ModelRequest, PipelineBuilder, type Provider } from "geny-executor";
import { type CapabilityFlags, probeLocal, providers, type VllmOptions } from "geny-executor/providers";
import { type OfflineModel, startModel } from "geny-executor/testing";
import { drain, failing, never, notices, plain, said, serve } from "./asking.ts";

type Name = "vllm" | "ollama" | "lmstudio" | "custom" | "local";
const tool = { name: "now", description: "", input_schema: { type: "object", properties: {} } } as const;
const always = (local: "ollama" | "lmstudio" | "vllm" | "llamacpp" = "vllm", models: Parameters<typeof startModel>[0] = {}) =>
  startModel({ script: () => ({ text: "a" }), local, ...models });
const at = (model: { readonly url: string }, options: VllmOptions = {}): VllmOptions => ({ baseUrl: `${model.url}/v1`, ...options });
const tell = async (provider: Provider, request: Partial<ModelRequest> = {}) =>
  notices(await drain(provider.stream({ ...plain, ...request }, { signal: never })));
const sent = (model: OfflineModel): { readonly [field: string]: unknown } => JSON.parse(JSON.stringify(model.requests.at(-1)?.body));
const logging = () => {
  const lines: string[] = [];
  const write = (...args: unknown[]) => void lines.push(args.join(" "));
  const log: Logger = { debug: write, info: write, warn: write, error: write };
  return { lines, log };
};

test("without an address the first request says what to set, and none is guessed", async () => {
  for (const name of ["vllm", "custom", "local"] as const) {
    const provider = await providers[name]();
    const error = await failing(drain(provider.stream(plain, { signal: never })));
    assert.equal(error.code, "exec.api.no_client");
    assert.match(error.message, /baseUrl.*\/v1/);
    assert.equal((await failing(provider.models({ signal: never }))).code, "exec.api.no_client");
    await provider.warmup?.();
  }
});

test("no key is needed; one that is given, and a header, go out", async () => {
  const rows: [VllmOptions, string][] = [
    [{}, "Bearer EMPTY"],
    [{ apiKey: " k\n" }, "Bearer k"],
    [{ authToken: "t" }, "Bearer t"],
    [{ apiKey: "k", defaultHeaders: { Authorization: "Basic x" } }, "Basic x"],
  ];
  const seen: unknown[] = [];
  using server = await serve((req, res) => {
    seen.push(req.headers.authorization);
    res.end('{"choices":[{"message":{"content":"a"}}],"usage":{}}');
  });
  for (const [options] of rows) await drain((await providers.vllm(at(server, options))).stream(plain, { signal: never }));
  assert.deepEqual(
    seen,
    rows.map(([, wanted]) => wanted),
  );
});

const everything: Partial<ModelRequest> = {
  tools: [tool],
  toolChoice: { type: "any" },
  topK: 7,
  stopSequences: ["END"],
  thinking: { type: "enabled", budgetTokens: 30000, display: null },
  outputSchema: { type: "object" },
};
const FIELDS = ["tools", "tool_choice", "top_k", "stop", "reasoning_effort", "response_format"];
const fieldsOf = (model: OfflineModel) => FIELDS.filter((field) => sent(model)[field] !== undefined);

test("what a server is not said to have is left out and told once", async () => {
  await using model = await always();
  const provider = await providers.vllm(at(model));
  const told = await tell(provider, everything);
  for (const field of ["tools", "top_k", "thinking", "output_schema"])
    assert(
      told.some((data) => data.notice === "feature_unsupported" && Object(data).field === field),
      field,
    );
  assert.deepEqual(fieldsOf(model), ["stop"]);
  assert.deepEqual(await tell(provider, everything), []);
});

test("flags turn it on, in options, in extras, and on the provider, the last one winning", async () => {
  const flags = {
    supports_tools: true,
    supports_tool_choice: true,
    supports_top_k: true,
    supports_thinking: true,
    supports_structured_output: true,
  } satisfies CapabilityFlags;
  await using model = await always();
  for (const options of [{ capabilities: flags }, { extras: { capabilities: flags } }]) {
    const provider = await providers.vllm(at(model, options));
    assert.equal(provider.capabilities.supports_tools, true);
    assert.deepEqual(await tell(provider, everything), []);
    assert.deepEqual(fieldsOf(model), FIELDS);
  }
  const provider = await providers.vllm(
    at(model, { extras: { capabilities: { supports_tools: true } }, capabilities: { supports_tools: false } }),
  );
  assert.equal(provider.capabilities.supports_tools, false);
  assert.deepEqual(provider.configureCapabilities({ ...flags, supports_stop_sequences: false }), []);
  assert.equal(provider.capabilities.supports_tools, true);
  await tell(provider, everything);
  assert.deepEqual(
    fieldsOf(model),
    FIELDS.filter((field) => field !== "stop"),
  );
});

test("an entry that is no flag is a finding with the near name, is logged, and is not taken", async () => {
  const { lines, log } = logging();
  const provider = await providers.vllm({ log, extras: { capabilities: { supports_tool: true, supports_vision: "yes" } } });
  assert.equal(lines.length, 2);
  const findings = provider.configureCapabilities(
    JSON.parse('{"supports_tool": true, "is_subprocess": true, "supports_top_k": 1, "supports_tools": true}'),
  );
  assert.deepEqual(
    findings.map(({ severity, path, suggestion }) => ({ severity, path, suggestion })),
    [
      { severity: "warning", path: "capabilities.supports_tool", suggestion: "supports_tools" },
      { severity: "warning", path: "capabilities.is_subprocess", suggestion: undefined },
      { severity: "warning", path: "capabilities.supports_top_k", suggestion: undefined },
    ],
  );
  assert.equal(lines.length, 5);
  const { supports_tools, supports_vision, supports_top_k, is_subprocess } = provider.capabilities;
  assert.deepEqual([supports_tools, supports_vision, supports_top_k, is_subprocess], [true, false, false, false]);
  await providers.vllm({ log, extras: { capabilities: 7 } });
  assert.equal(lines.length, 6);
});

test("usage is not asked for where it is said not to come", async () => {
  await using model = await always();
  await tell(await providers.vllm(at(model, { capabilities: { supports_token_usage: false } })));
  assert.equal(sent(model).stream_options, undefined);
});

test("every profile has its own address, tools and no vision", async () => {
  const asked: string[] = [];
  const fetch: typeof globalThis.fetch = async (url) => {
    asked.push(String(url));
    return new Response("{}", { status: 500 });
  };
  const rows: [Name, string | undefined, string][] = [
    ["ollama", undefined, "http://127.0.0.1:11434/v1"],
    ["ollama", "gpu:9", "http://gpu:9/v1"],
    ["ollama", ":9", "http://127.0.0.1:9/v1"],
    ["ollama", "0.0.0.0", "http://127.0.0.1:11434/v1"],
    ["ollama", "https://gpu.test", "https://gpu.test/v1"],
    ["ollama", "http://gpu:9/v1/", "http://gpu:9/v1"],
    ["lmstudio", undefined, "http://127.0.0.1:1234/v1"],
    ["lmstudio", "http://gpu:9/v1", "http://gpu:9/v1"],
    ["custom", "http://x.test/api/v1", "http://x.test/api/v1"],
    ["local", "http://x.test/v1", "http://x.test/v1"],
  ];
  for (const [name, baseUrl, wanted] of rows) {
    const provider = await providers[name]({ baseUrl, fetch });
    assert.equal(provider.name, name === "local" ? "custom" : name);
    await failing(drain(provider.stream(plain, { signal: never })));
    assert.equal(asked.at(-1), `${wanted}/chat/completions`);
    const { supports_tools, supports_vision, supports_thinking } = provider.capabilities;
    assert.deepEqual([supports_tools, supports_vision, supports_thinking], [true, false, false]);
  }
  const bundle = CredentialBundle.fromEnvironment({ OLLAMA_HOST: "gpu:9", VLLM_BASE_URL: "http://v/v1" });
  assert.deepEqual([bundle.get("ollama")?.baseUrl, bundle.get("vllm")?.baseUrl], ["gpu:9", "http://v/v1"]);
});

test("a profile asks for 8192 tokens at least, and says so once; vllm asks as it is told", async () => {
  await using model = await always("ollama");
  for (const name of ["ollama", "lmstudio", "custom"] as const) {
    const provider = await providers[name](at(model));
    const told = await tell(provider);
    assert.equal(sent(model).max_tokens, 8192);
    assert.deepEqual(told, [{ notice: "parameter_dropped", provider: name, field: "max_tokens", value: 1024 }]);
    assert.deepEqual(await tell(provider), []);
    await tell(provider, { maxTokens: 10_000 });
    assert.equal(sent(model).max_tokens, 10_000);
    await tell(provider, { maxTokens: 0 });
    assert.equal(sent(model).max_tokens, undefined);
  }
  assert.deepEqual(await tell(await providers.vllm(at(model))), []);
  assert.equal(sent(model).max_tokens, 1024);
});

test("a small context leaves room for the prompt", async () => {
  await using model = await always("ollama");
  await tell(await providers.ollama(at(model, { extras: { num_ctx: 6000 } })));
  assert.equal(sent(model).max_tokens, 3000);
});

test("num_ctx is sent and is the window; think is how hard a model thinks that is not told", async () => {
  await using model = await always("ollama");
  const rows: [VllmOptions["extras"], object][] = [
    [
      { num_ctx: 20_000, think: true },
      { options: { num_ctx: 20_000 }, reasoning_effort: "medium" },
    ],
    [
      { ollama_num_ctx: 20_000, think: false },
      { options: { num_ctx: 20_000 }, reasoning_effort: "none" },
    ],
    [{ think: "high" }, { options: undefined, reasoning_effort: "high" }],
    [{}, { options: undefined, reasoning_effort: undefined }],
  ];
  for (const name of ["ollama", "lmstudio", "custom"] as const)
    for (const [extras, wanted] of rows) {
      const provider = await providers[name](at(model, { extras }));
      await tell(provider);
      const { options, reasoning_effort } = sent(model);
      assert.deepEqual({ options, reasoning_effort }, wanted);
      assert.equal(provider.window("any"), "options" in wanted && wanted.options ? 20_000 : null);
    }
  const provider = await providers.ollama(at(model, { extras: { think: "high" }, capabilities: { supports_thinking: true } }));
  await tell(provider, { thinking: { type: "enabled", budgetTokens: 1, display: null } });
  assert.equal(sent(model).reasoning_effort, "low", "the request goes before");
});

test("extras that are wrong are told at the first request", async () => {
  for (const [extras, words] of [
    [{ num_ctx: "big" }, /num_ctx/],
    [{ ollama_num_ctx: -1 }, /num_ctx/],
    [{ think: "hard" }, /think/],
  ] as const) {
    const provider = await providers.ollama({ extras });
    const error = await failing(drain(provider.stream(plain, { signal: never })));
    assert.equal(error.code, "exec.api.bad_request");
    assert.match(error.message, words);
  }
});

test("the models with what each server knows of their context", async () => {
  const models = [{ id: "big", context: 1000 }, { id: "loaded", context: 2000, loaded_context: 1500 }, "plain"];
  const rows: [Exclude<Name, "local">, "ollama" | "lmstudio" | "vllm" | "llamacpp"][] = [
    ["vllm", "vllm"],
    ["custom", "llamacpp"],
    ["ollama", "ollama"],
    ["lmstudio", "lmstudio"],
  ];
  for (const [name, local] of rows) {
    await using model = await always(local, { models });
    const provider = await providers[name](at(model));
    assert.equal(provider.window("big"), null, "not known before it is asked");
    const found = await provider.models({ signal: never });
    const wanted = [
      { id: "big", contextWindow: 1000, maxOutput: null },
      { id: "loaded", contextWindow: 1500, maxOutput: null },
      { id: "plain", contextWindow: 131_072, maxOutput: null },
    ];
    assert.deepEqual(found, wanted, name);
    assert.deepEqual([provider.window("loaded"), provider.window("no such")], [1500, null]);
    const warmed = await providers[name](at(model));
    await warmed.warmup?.();
    assert.equal(warmed.window("loaded"), 1500);
  }
});

test("a gateway's list tells the context in its own words; a num_ctx in Ollama's file goes before the model's", async () => {
  const data = [
    { id: "a", context_length: 9000, top_provider: { max_completion_tokens: 500 } },
    { id: "b", meta: { n_ctx_train: 70 } },
    { id: "c" },
    { name: "no id" },
  ];
  using gateway = await serve((_, res) => void res.end(JSON.stringify({ object: "list", data })));
  assert.deepEqual(await (await providers.custom(at(gateway))).models({ signal: never }), [
    { id: "a", contextWindow: 9000, maxOutput: 500 },
    { id: "b", contextWindow: 70, maxOutput: null },
    { id: "c", contextWindow: null, maxOutput: null },
  ]);
  using ollama = await serve((req, res) => {
    const answers: { readonly [path: string]: object } = {
      "/api/tags": { models: [{ name: "q" }] },
      "/api/ps": { models: [] },
      "/api/show": { parameters: 'stop "x"\nnum_ctx                        4096', model_info: { "qwen.context_length": 40_960 } },
    };
    res.end(JSON.stringify(answers[req.url ?? ""]));
  });
  assert.equal((await (await providers.ollama(at(ollama))).models({ signal: never }))[0]?.contextWindow, 4096);
  using old = await serve((req, res) => {
    const known = req.url === "/v1/models";
    res.writeHead(known ? 200 : 404).end(JSON.stringify(known ? { data: [{ id: "m" }] } : { error: "Unexpected endpoint" }));
  });
  assert.equal((await (await providers.lmstudio(at(old))).models({ signal: never }))[0]?.id, "m");
});

test("a list that is none is an error without the key; a warm-up that fails is only noted", async () => {
  for (const [status, body, code] of [
    [401, '{"error":{"message":"bad key sk-SECRET"}}', "exec.api.auth.invalid_key"],
    [200, "<html>hello</html>", "exec.api.unknown"],
    [200, '{"data":7}', "exec.api.unknown"],
  ] as const)
    for (const name of ["vllm", "ollama", "lmstudio", "custom"] as const) {
      using server = await serve((_, res) => void res.writeHead(status).end(body));
      const { lines, log } = logging();
      const provider = await providers[name](at(server, { apiKey: "sk-SECRET", log }));
      const error = await failing(provider.models({ signal: never }));
      assert.equal(error.code, code);
      assert.doesNotMatch(error.message, /SECRET/);
      await provider.warmup?.();
      assert.equal(lines.length, 1);
    }
});

test("local servers are found where they are, quickly, and nothing is made up", async () => {
  await using ollama = await always("ollama", { models: ["llama", "qwen"] });
  await using lmstudio = await always("lmstudio", { models: ["phi"] });
  const addresses = { ollama: ollama.url, lmstudio: `${lmstudio.url}/v1` };
  assert.deepEqual(await probeLocal({ addresses, timeoutMs: 2000 }), [
    { provider: "ollama", baseUrl: `${ollama.url}/v1`, models: ["llama", "qwen"] },
    { provider: "lmstudio", baseUrl: `${lmstudio.url}/v1`, models: ["phi"] },
  ]);
  assert.deepEqual(await probeLocal({ addresses: { ollama: lmstudio.url, lmstudio: ollama.url }, timeoutMs: 2000 }), []);
  using hanging = await serve(() => undefined);
  using gone = await serve(() => undefined);
  gone[Symbol.dispose]();
  const from = performance.now();
  assert.deepEqual(await probeLocal({ addresses: { ollama: hanging.url, lmstudio: gone.url }, timeoutMs: 100 }), []);
  assert(performance.now() - from < 1000);
  const reason = new Error("enough");
  await assert.rejects(
    probeLocal({ addresses: { ollama: hanging.url, lmstudio: gone.url }, signal: AbortSignal.abort(reason) }),
    (e) => e === reason,
  );
});

test("a probe is not sent through a proxy", async () => {
  await using ollama = await always("ollama");
  const kept = process.env.http_proxy;
  process.env.http_proxy = "http://127.0.0.1:1";
  try {
    assert.equal((await probeLocal({ addresses: { ollama: ollama.url, lmstudio: "http://127.0.0.1:1" }, timeoutMs: 2000 })).length, 1);
  } finally {
    if (kept === undefined) delete process.env.http_proxy;
    else process.env.http_proxy = kept;
  }
});

test("an image is sent where the account is said to see", async () => {
  await using model = await always("ollama");
  const image = { type: "image", source: { type: "url", url: "https://x.test/a.png" } } as const;
  const provider = await providers.ollama(at(model, { capabilities: { supports_vision: true } }));
  await collect("ollama", "m", provider.stream({ ...plain, messages: [said("user", [image])] }, { signal: never }));
  assert.match(JSON.stringify(sent(model).messages), /image_url/);
});

test("a pipeline runs a tool loop on a local server by its name in the manifest", async () => {
  await using model = await startModel({
    local: "ollama",
    script: [{ tool_calls: [{ name: "Glob", input: { pattern: "package.json" } }] }, { text: "There is one." }],
  });
  const credentials = new CredentialBundle({ ollama: { baseUrl: model.url } });
  const pipeline = new PipelineBuilder("local", { credentials })
    .withProvider("ollama")
    .withModel({ model: "llama", maxTokens: 9000 })
    .withTools({ builtIn: ["Glob"] })
    .build();
  const result = await pipeline.run("Which files are there?");
  await pipeline.close();
  assert.equal(result.text, "There is one.");
  model.expectDone();
});
