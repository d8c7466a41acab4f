/** Which local servers are there, asked of their own addresses: for a command line that takes what it finds. */
import type { Json } from "../contract/schema.ts";
import { send } from "./http.ts";
import { list, object, parsed, text } from "./json.ts";
import { PROFILES } from "./profiles.ts";
import { textOf } from "./whole-answer.ts";

export interface LocalServer {
  readonly provider: "ollama" | "lmstudio";
  /** As the provider takes it. */
  readonly baseUrl: string;
  /** The models' names. May be empty: the server is there, and has none yet. */
  readonly models: readonly string[];
}
export interface ProbeOptions {
  /** Where to look, as the provider's `baseUrl`. Default: each at its own address. */
  readonly addresses?: { readonly [P in LocalServer["provider"]]?: string } | undefined;
  /** Milliseconds for all of it. Default 500. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What only that server answers. */
const ASKED = {
  ollama: { path: "/api/tags", names: (body: Json | undefined) => named(object(body).models, "name") },
  lmstudio: { path: "/api/v0/models", names: (body: Json | undefined) => named(object(body).data, "id") },
} as const;

const named = (models: Json | undefined, key: string): readonly string[] | null =>
  Array.isArray(models) ? list(models).flatMap((model) => text(object(model)[key]) || []) : null;

/** The servers that answered in time. One that is not there is no failure; rejects with the signal's reason only. */
export const probeLocal = async ({ addresses, timeoutMs = 500, signal }: ProbeOptions = {}): Promise<readonly LocalServer[]> => {
  const limit = AbortSignal.timeout(timeoutMs);
  const end = signal ? AbortSignal.any([signal, limit]) : limit;
  const asked = (["ollama", "lmstudio"] as const).map(async (provider): Promise<LocalServer | null> => {
    const baseUrl = PROFILES[provider].address(addresses?.[provider] ?? "");
    const models = await namesAt(baseUrl, ASKED[provider], timeoutMs, end).catch(() => null);
    return models && { provider, baseUrl, models };
  });
  const found = await Promise.all(asked);
  signal?.throwIfAborted();
  return found.filter((server) => server !== null);
};

const namesAt = async (baseUrl: string, { path, names }: (typeof ASKED)["ollama" | "lmstudio"], ms: number, signal: AbortSignal) => {
  const answer = await send({
    url: `${baseUrl.replace(/\/v1\/?$/, "")}${path}`,
    method: "GET",
    headers: { accept: "application/json" },
    signal,
    timeouts: { connectMs: ms, firstByteMs: ms, idleMs: ms },
    // One's own machine is not behind a proxy.
    env: {},
  });
  const body = await textOf(answer, 1 << 22);
  return answer.status === 200 ? names(parsed(body)) : null;
};
