/** The models of a server that speaks OpenAI's wire, and how much context each has: asked where that server tells it. */
import { APIError } from "../contract/errors.ts";
import type { ModelInfo } from "../contract/provider.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import { send } from "./http.ts";
import { count, isObject, list, object, parsed, text } from "./json.ts";
import { textOf } from "./whole-answer.ts";
import type { Wire } from "./wire.ts";

/** The JSON object at a path of the server; posts `body` if there is one. Throws `APIError`, also when the object lacks `key`. */
export type Ask = (path: string, key: string, body?: JsonObject) => Promise<JsonObject>;
export type ListModels = (ask: Ask) => Promise<readonly ModelInfo[]>;

interface Asking {
  readonly wire: Wire;
  /** With its `/v1`. */
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly signal: AbortSignal;
}
export const asking =
  ({ wire, url, headers, signal }: Asking): Ask =>
  async (path, key, body) => {
    const answer = await send({
      url: `${url.replace(/\/v1$/, "")}${path}`,
      ...(body ? { method: "POST", body: JSON.stringify(body) } : { method: "GET" }),
      headers,
      signal,
      timeouts: wire.timeouts,
      fetch: wire.fetch,
    });
    const said = await textOf(answer, 1 << 24);
    const failure = wire.failure({ ...answer, body: said, secrets: wire.secrets() });
    if (answer.status > 299) throw failure;
    const known = parsed(said);
    if (isObject(known) && typeof known[key] === "object" && known[key] !== null) return known;
    throw new APIError(
      `${wire.name}: ${path} tells nothing of models. Is \`baseUrl\` right? ${failure.message.slice(wire.name.length + 2)}`,
      {
        code: "exec.api.unknown",
        status: answer.status,
        requestId: failure.requestId,
        details: { provider: wire.name },
      },
    );
  };

const info = (id: string, contextWindow: number | undefined, maxOutput?: number): ModelInfo => ({
  id,
  contextWindow: contextWindow || null,
  maxOutput: maxOutput || null,
});
const rows = (value: Json | undefined): readonly JsonObject[] => list(value).map(object);

/** `GET /v1/models`, whose entries some servers extend: vLLM, llama.cpp, gateways. */
export const plainModels: ListModels = async (ask) =>
  rows((await ask("/v1/models", "data")).data)
    .filter(({ id }) => text(id))
    .map((model) => {
      const { n_ctx, n_ctx_train } = object(model.meta);
      const { max_completion_tokens } = object(model.top_provider);
      const context = [model.max_model_len, n_ctx, model.context_length, model.context_window, n_ctx_train].map(count).find(Boolean);
      return info(text(model.id), context, count(max_completion_tokens));
    });

/** So many models are asked for their context, those that were changed last. */
const SHOWN = 64;

/** What a model is loaded with is what it has; else what its file sets; else the most that it was made for. */
export const ollamaModels: ListModels = async (ask) => {
  const [tags, running] = await Promise.all([ask("/api/tags", "models"), ask("/api/ps", "models")]);
  const names = rows(tags.models).map(({ name }) => text(name));
  const loaded = new Map(rows(running.models).map(({ name, context_length }) => [text(name), count(context_length)]));
  return Promise.all(
    names.filter(Boolean).map(async (model, i) => {
      const known = loaded.get(model);
      return info(model, known || i >= SHOWN ? known : shownContext(await ask("/api/show", "model_info", { model })));
    }),
  );
};

const shownContext = ({ parameters, model_info }: JsonObject): number | undefined => {
  const set = /^num_ctx\s+(\d+)/m.exec(text(parameters))?.[1];
  const [, most] = Object.entries(object(model_info)).find(([key]) => key.endsWith(".context_length")) ?? [];
  return set === undefined ? count(most) : Number(set);
};

/** Servers before 0.3.6 have the plain list alone. */
export const lmstudioModels: ListModels = async (ask) => {
  try {
    return rows((await ask("/api/v0/models", "data")).data)
      .filter(({ type }) => type !== "embeddings")
      .map((model) => info(text(model.id), count(model.loaded_context_length) ?? count(model.max_context_length)));
  } catch (error) {
    if (error instanceof APIError && error.status === 404) return plainModels(ask);
    throw error;
  }
};
