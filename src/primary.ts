/** The provider that stage 6 asks: how the manifest names it, and what it means for the turn. */
import { orAbort } from "./contract/abort.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { Provider } from "./contract/provider.ts";
import { check } from "./contract/schema.ts";
import type { Connection, Services } from "./contract/services.ts";
import type { State } from "./contract/state.ts";
import { connection } from "./stages/06-api/config.ts";
import type { api } from "./stages/06-api.ts";

export type Primary = { readonly name: string } & Connection;

/** The name that the manifest gives; Python's default without one. */
export const providerOf = ({ stages }: Pick<ManifestDocument, "stages">): string => {
  const given = stages.find(({ name }) => name === "api")?.config?.provider;
  return typeof given === "string" ? given : "anthropic";
};

/** What is wrong in the stage's config is told by `compile`; such a provider is taken as its credentials say. */
export const primaryOf = (document: ManifestDocument, { config }: Pick<typeof api, "config">): Primary => {
  const given = document.stages.find(({ name }) => name === "api")?.config;
  const { value, problems } = check(config, given);
  const wrong = problems.some(({ kind }) => kind !== "unknown");
  return { name: providerOf(document), ...(wrong ? {} : connection(value)) };
};

/**
 * The state with `contextWindowBudget` no larger than the window of `model`, as far as the provider knows it. Rejects with the signal's reason
 * only: why there is no provider is told by stage 6, where it is asked.
 */
export const withWindow = async (state: State, model: string, services: Services, signal: AbortSignal): Promise<State> => {
  let provider: Provider;
  try {
    provider = await orAbort(Promise.resolve(services.provider(state.primaryProvider)), signal);
  } catch {
    signal.throwIfAborted();
    return state;
  }
  const window = provider.window?.(model) ?? null;
  return window === null || window >= state.contextWindowBudget ? state : { ...state, contextWindowBudget: window };
};
