/** What the offline model says of the models it has, to the vendors' SDKs and to probes of local servers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { startModel } from "geny-executor/testing";
import OpenAI, { NotFoundError } from "openai";

const models = [
  { id: "qwen3:8b", context: 40_960, loaded_context: 8192, family: "qwen3", abilities: ["tools", "thinking"] as const },
  "tiny",
];
const get = async (url: string, init?: RequestInit): Promise<Record<string, unknown>> =>
  (await fetch(url, init)).json() as Promise<Record<string, unknown>>;
const show = (url: string, model: string): Promise<Response> =>
  fetch(`${url}/api/show`, { method: "POST", body: JSON.stringify({ model }) });

test("each vendor's SDK gets its own form of the list", async () => {
  await using model = await startModel({ models, script: [] });
  const openai = new OpenAI({ apiKey: "sk", baseURL: `${model.url}/v1`, maxRetries: 0 });
  const ids: string[] = [];
  for await (const one of openai.models.list()) ids.push(one.id);
  assert.deepEqual(ids, ["qwen3:8b", "tiny"]);
  assert.equal((await openai.models.retrieve("tiny")).id, "tiny");
  await assert.rejects(openai.models.retrieve("none"), (e) => e instanceof NotFoundError && e.code === "model_not_found");
  const anthropic = new Anthropic({ apiKey: "sk", baseURL: model.url, maxRetries: 0 });
  assert.deepEqual(
    (await anthropic.models.list()).data.map((one) => one.id),
    ids,
  );
  const google = new GoogleGenAI({ apiKey: "k", vertexai: false, httpOptions: { baseUrl: model.url } });
  assert.equal((await google.models.get({ model: "tiny" })).name, "models/tiny");
  assert.equal((await fetch(`${model.url}/v1/models`)).status, 401);
  assert.deepEqual([...new Set(model.requests.map((r) => r.wire))], ["models"]);
  model.expectDone();
});

test("Ollama", async () => {
  await using model = await startModel({ models, local: "ollama", script: [{ text: "x" }] });
  const tags = await get(`${model.url}/api/tags`);
  assert.deepEqual(
    (tags.models as { name: string }[]).map(({ name }) => name),
    ["qwen3:8b", "tiny"],
  );
  const shown = (await (await show(model.url, "qwen3:8b")).json()) as Record<string, unknown>;
  assert.deepEqual(shown.model_info, { "general.architecture": "qwen3", "qwen3.context_length": 40_960 });
  assert.deepEqual(shown.capabilities, ["completion", "tools", "thinking"]);
  assert.equal((await show(model.url, "none")).status, 404);
  const running = (await get(`${model.url}/api/ps`)).models as { name: string; context_length: number }[];
  assert.deepEqual(
    running.map((one) => [one.name, one.context_length]),
    [["qwen3:8b", 8192]],
  );
  const chat = await fetch(`${model.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "tiny", messages: [{ role: "user", content: "hi" }], num_ctx: 5 }),
  });
  assert.equal(chat.status, 200);
  model.expectDone();
});

test("LM Studio, vLLM, llama.cpp", async () => {
  await using studio = await startModel({ models, local: "lmstudio", script: [] });
  const { data } = (await get(`${studio.url}/api/v0/models`)) as { data: Record<string, unknown>[] };
  assert.deepEqual(
    data.map((one) => [one.id, one.state, one.max_context_length, one.loaded_context_length]),
    [
      ["qwen3:8b", "loaded", 40_960, 8192],
      ["tiny", "not-loaded", 131_072, undefined],
    ],
  );
  assert.equal((await get(`${studio.url}/api/v0/models/tiny`)).id, "tiny");
  await using vllm = await startModel({ models, local: "vllm", script: [] });
  const listed = (await get(`${vllm.url}/v1/models`)) as { data: Record<string, unknown>[] };
  assert.equal(listed.data[0]?.max_model_len, 8192);
  await using llama = await startModel({ models, local: "llamacpp", script: [] });
  assert.deepEqual((await get(`${llama.url}/props`)).default_generation_settings, { n_ctx: 8192 });
});

test("a server answers only its own probes", async () => {
  await using model = await startModel({ models, script: [] });
  assert.equal((await fetch(`${model.url}/api/tags`)).status, 404);
  assert.equal((await fetch(`${model.url}/api/v0/models`)).status, 404);
  assert.equal((await fetch(`${model.url}/v1/models/%zz`, { headers: { authorization: "Bearer k" } })).status, 404);
  assert.throws(() => model.expectDone(), /no wire serves GET \/api\/tags/);
});
