/** Any server that speaks OpenAI's Chat Completions: vLLM, Ollama, LM Studio, llama.cpp, gateways. What is its own stands in its profile. */
import { APIError, type Finding } from "../contract/errors.ts";
import type { ClientCapabilities, ModelInfo, Provider } from "../contract/provider.ts";
import type { Logger } from "../contract/services.ts";
import { type AccountOptions, headersWith, keysOf, transportOf } from "./account.ts";
import { capabilities } from "./capabilities.ts";
import { chatWire, nowhere } from "./chat.ts";
import { type CapabilityFlags, flagsOf } from "./flags.ts";
import { asking } from "./local-models.ts";
import { PROFILES, type Profile } from "./profiles.ts";
import { type Tuning, tuningOf } from "./tuning.ts";
import { type Outgoing, type Wire, wireProvider } from "./wire.ts";

export interface VllmOptions extends AccountOptions {
  /** Over the profile's own and those of `extras.capabilities`. */
  readonly capabilities?: CapabilityFlags | undefined;
  readonly log?: Logger | undefined;
}

export interface VllmProvider extends Provider {
  /** Says what the account can do, from the next request on. Gives a warning for each entry that is no flag; those are not taken. */
  configureCapabilities(flags: CapabilityFlags): readonly Finding[];
  models(options: { readonly signal: AbortSignal }): Promise<readonly ModelInfo[]>;
  /** `extras.num_ctx`; else what the last `models` or `warmup` found. */
  window(model: string): number | null;
}

/** Milliseconds in which a warm-up may ask for the models. */
const WARMUP = 3000;
const NO_KEY = "EMPTY";

/**
 * `baseUrl` is given with `/v1`; without one the profile's own holds, and where that has none the first request throws `exec.api.no_client`.
 * No key is needed. Wrong `extras` throw `exec.api.bad_request` at the first request.
 */
export const compatible = (name: keyof typeof PROFILES, options: VllmOptions): VllmProvider => {
  const profile: Profile = PROFILES[name];
  const tuning = tuningOf(profile, options.extras ?? {});
  const windows = new Map<string, number | null>();
  let able: ClientCapabilities = capabilities({ supports_vision_tool_results: false, ...profile.capabilities });
  const configure = (given: Parameters<typeof flagsOf>[0]): readonly Finding[] => {
    const { flags, findings } = flagsOf(given);
    able = { ...able, ...flags };
    for (const { path, message } of findings) options.log?.warn(`${name}: ${path} ${message}`);
    return findings;
  };
  configure(options.extras?.capabilities);
  configure(options.capabilities);

  const window = (model: string) => tuning.context ?? windows.get(model) ?? null;
  const wire = wireOf(profile, options, { able: () => able, window, tuning });
  const provider = wireProvider(wire);
  const models = async ({ signal }: { readonly signal: AbortSignal }) => {
    const url = wire.address() ?? nowhere(name);
    const found = await profile.models(asking({ wire, url, headers: headersOf(options), signal }));
    windows.clear();
    for (const { id, contextWindow } of found) windows.set(id, contextWindow);
    return found;
  };
  return {
    ...provider,
    get capabilities() {
      return wire.capabilities;
    },
    configureCapabilities: configure,
    models,
    window,
    async warmup() {
      await provider.warmup?.();
      // A server that does not answer is told of by the first turn.
      const failed = (error: unknown) => options.log?.debug(`${name}: ${String(error)}`);
      if (wire.address()) await models({ signal: AbortSignal.timeout(WARMUP) }).catch(failed);
    },
  };
};

interface Account {
  able(): ClientCapabilities;
  window(model: string): number | null;
  readonly tuning: Tuning;
}

const wireOf = (profile: Profile, options: VllmOptions, { able, window, tuning }: Account): Wire => {
  const { name, fewestTokens } = profile;
  const url = profile.address(options.baseUrl?.trim() ?? "")?.replace(/\/+$/, "");
  return chatWire({
    name,
    capabilities: able,
    baseUrl: () => url,
    headers: () => {
      if (tuning.problem) throw new APIError(`${name}: ${tuning.problem}`, { code: "exec.api.bad_request", details: { provider: name } });
      return headersOf(options);
    },
    systemRole: "system",
    maxTokens: "max_tokens",
    // Half of a small context is left for the prompt.
    fewestTokens: (model) => Math.min(fewestTokens, Math.floor((window(model) ?? Number.POSITIVE_INFINITY) / 2)),
    extra: tuning.fields,
    ...transportOf(options),
  });
};

const headersOf = (options: VllmOptions): Outgoing["headers"] => {
  const { key, token } = keysOf(options);
  return headersWith(options, { authorization: `Bearer ${key || token || NO_KEY}` });
};
