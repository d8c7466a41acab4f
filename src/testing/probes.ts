/** What a server says of the models it has: each vendor's list, and what local servers answer when they are probed. */
import { unescape as decoded } from "node:querystring";
import type { JsonObject } from "../contract/schema.ts";
import { openaiError } from "./wires/openai.ts";
import { createdAt, isObject, type WireCall } from "./wires/wire.ts";

/** A server on one's own machine. It asks for no key, bears unknown parameters, and answers its own probes. */
export type LocalServer = "ollama" | "lmstudio" | "vllm" | "llamacpp";

export interface ModelCard {
  readonly id: string;
  /** Longest context in tokens. Default 131072. */
  readonly context?: number;
  /** The context it was loaded with, where a server tells. Left out: it is not loaded. */
  readonly loaded_context?: number;
  /** Default: tools. */
  readonly abilities?: readonly ("tools" | "thinking" | "vision")[];
  /** As in `llama`. Default "llama". */
  readonly family?: string;
}

export interface Probed {
  readonly status: number;
  readonly body: JsonObject;
}
/** The answer to a probe; null when the request is none. */
export type Probe = (method: string, call: WireCall) => Probed | null;

type Card = Required<Omit<ModelCard, "loaded_context">> & Pick<ModelCard, "loaded_context">;
const when = new Date(createdAt * 1000).toISOString();
const cardOf = (model: string | ModelCard): Card => {
  const card = typeof model === "string" ? { id: model } : model;
  return { context: 131_072, abilities: ["tools"], family: "llama", ...card };
};
const found = (body: JsonObject): Probed => ({ status: 200, body });

export function probes(models: readonly (string | ModelCard)[], local: LocalServer | undefined): Probe {
  const cards = models.map(cardOf);
  return (method, call) => {
    const path = call.path.split("?")[0] ?? "";
    const own = local && method === (path === "/api/show" ? "POST" : "GET") ? ownOf[local](path, call, cards) : null;
    if (own) return own;
    if (method !== "GET" || !/^\/v1(?:beta)?\/models(?:\/[^:]+)?$/.test(path)) return null;
    const id = decoded(path.split("/models/")[1] ?? "");
    if (call.headers["x-goog-api-key"] || path.startsWith("/v1beta/")) return google(id, cards);
    if (call.headers["anthropic-version"]) return anthropic(id, cards);
    if (!local && !/^Bearer\s+\S/.test(call.headers.authorization ?? ""))
      return { status: 401, body: { error: openaiError({ status: 401 }) } };
    return openai(id, cards, local);
  };
}

function openai(id: string, cards: readonly Card[], local: LocalServer | undefined): Probed {
  const owners = { ollama: "library", lmstudio: "organization_owner", vllm: "vllm", llamacpp: "llamacpp" };
  const told = (card: Card): JsonObject => ({
    id: card.id,
    object: "model",
    created: createdAt,
    owned_by: local ? owners[local] : "system",
    ...(local === "vllm" && { root: card.id, parent: null, max_model_len: card.loaded_context ?? card.context }),
    ...(local === "llamacpp" && { meta: { n_ctx_train: card.context, n_ctx: card.loaded_context ?? card.context } }),
  });
  if (!id) return found({ object: "list", data: cards.map(told) });
  const card = cards.find((one) => one.id === id);
  const message = `The model '${id}' does not exist`;
  return card
    ? found(told(card))
    : { status: 404, body: { error: openaiError({ status: 404, message, param: "model", code: "model_not_found" }) } };
}

function anthropic(id: string, cards: readonly Card[]): Probed {
  const told = (card: Card): JsonObject => ({
    type: "model",
    id: card.id,
    display_name: card.id,
    created_at: when,
    max_input_tokens: card.context,
  });
  if (!id) return found({ data: cards.map(told), has_more: false, first_id: cards[0]?.id ?? null, last_id: cards.at(-1)?.id ?? null });
  const card = cards.find((one) => one.id === id);
  return card ? found(told(card)) : { status: 404, body: { type: "error", error: { type: "not_found_error", message: `model: ${id}` } } };
}

function google(id: string, cards: readonly Card[]): Probed {
  const told = (card: Card): JsonObject => ({
    name: `models/${card.id}`,
    displayName: card.id,
    inputTokenLimit: card.context,
    supportedGenerationMethods: ["generateContent"],
    thinking: card.abilities.includes("thinking"),
  });
  if (!id) return found({ models: cards.map(told) });
  const card = cards.find((one) => one.id === id);
  return card
    ? found(told(card))
    : { status: 404, body: { error: { code: 404, message: `models/${id} is not found.`, status: "NOT_FOUND" } } };
}

type Own = (path: string, call: WireCall, cards: readonly Card[]) => Probed | null;

const ollamaDetails = ({ family }: Card): JsonObject => ({
  parent_model: "",
  format: "gguf",
  family,
  families: [family],
  parameter_size: "8.0B",
  quantization_level: "Q4_K_M",
});

const ollama: Own = (path, call, cards) => {
  const listed = (card: Card): JsonObject => ({
    name: card.id,
    model: card.id,
    size: 4_900_000_000,
    digest: "0".repeat(64),
    details: ollamaDetails(card),
  });
  if (path === "/api/version") return found({ version: "0.13.0" });
  if (path === "/api/tags") return found({ models: cards.map((card) => ({ ...listed(card), modified_at: when })) });
  if (path === "/api/ps") {
    const running = cards.filter((card) => card.loaded_context !== undefined);
    return found({ models: running.map((card) => ({ ...listed(card), expires_at: when, context_length: card.loaded_context ?? 0 })) });
  }
  if (path !== "/api/show") return null;
  const asked = isObject(call.body) ? (call.body.model ?? call.body.name) : undefined;
  const card = cards.find(({ id }) => id === asked || id === `${String(asked)}:latest`);
  if (!card) return { status: 404, body: { error: `model '${String(asked)}' not found` } };
  return found({
    modelfile: "",
    parameters: "",
    template: "",
    details: ollamaDetails(card),
    model_info: { "general.architecture": card.family, [`${card.family}.context_length`]: card.context },
    capabilities: ["completion", ...card.abilities],
    modified_at: when,
  });
};

const lmstudio: Own = (path, _call, cards) => {
  const told = (card: Card): JsonObject => ({
    id: card.id,
    object: "model",
    type: card.abilities.includes("vision") ? "vlm" : "llm",
    publisher: "offline",
    arch: card.family,
    compatibility_type: "gguf",
    quantization: "Q4_K_M",
    state: card.loaded_context === undefined ? "not-loaded" : "loaded",
    max_context_length: card.context,
    ...(card.loaded_context !== undefined && { loaded_context_length: card.loaded_context }),
    capabilities: card.abilities.includes("tools") ? ["tool_use"] : [],
  });
  if (path === "/api/v0/models") return found({ object: "list", data: cards.map(told) });
  if (!path.startsWith("/api/v0/models/")) return null;
  const id = decoded(path.slice("/api/v0/models/".length));
  const card = cards.find((one) => one.id === id);
  return card ? found(told(card)) : { status: 404, body: { error: `Model '${id}' not found` } };
};

const vllm: Own = (path) => (path === "/version" ? found({ version: "0.14.0" }) : null);

const llamacpp: Own = (path, _call, [card]) => {
  if (path === "/health") return found({ status: "ok" });
  if (path !== "/props" || !card) return null;
  return found({
    default_generation_settings: { n_ctx: card.loaded_context ?? card.context },
    total_slots: 1,
    model_path: `/models/${card.id}.gguf`,
  });
};

const ownOf: { readonly [S in LocalServer]: Own } = { ollama, lmstudio, vllm, llamacpp };
