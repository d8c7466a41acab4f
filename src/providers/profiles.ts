/** The backends that speak OpenAI's Chat Completions, one row each. */
import type { CapabilityFlags } from "./flags.ts";
import { type ListModels, lmstudioModels, ollamaModels, plainModels } from "./local-models.ts";

export interface Profile {
  readonly name: string;
  /** The address of requests, with `/v1`, from what the account says; undefined when that says nothing and there is no default. */
  readonly address: (given: string) => string | undefined;
  readonly capabilities: CapabilityFlags;
  /** A request for fewer tokens asks for these, because a model that thinks uses up a small limit before it says a word. 0: as asked. */
  readonly fewestTokens: number;
  /** Whether `extras` may hold `num_ctx` (or `ollama_num_ctx`) and `think`. */
  readonly tunes: boolean;
  readonly models: ListModels;
}

const asGiven = (given: string) => given || undefined;
const stops = { supports_stop_sequences: true };
const tools = { ...stops, supports_tools: true, supports_tool_choice: true };
const local = { fewestTokens: 8192, tunes: true };

/** As Ollama itself reads OLLAMA_HOST: a host, a port, both, or an address. "0.0.0.0" listens everywhere, and is asked here. */
const ollamaAddress = (given: string): string => {
  const bare = !given.includes("://");
  const address = bare ? `http://${given.startsWith(":") || !given ? "127.0.0.1" : ""}${given}` : given;
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (bare && !url.port) url.port = "11434";
  if (url.pathname === "/") url.pathname = "/v1";
  return url.href;
};

export const PROFILES = {
  vllm: { name: "vllm", address: asGiven, capabilities: stops, fewestTokens: 0, tunes: false, models: plainModels },
  ollama: {
    ...local,
    name: "ollama",
    address: ollamaAddress,
    // Its endpoint reads no `tool_choice`.
    capabilities: { ...stops, supports_tools: true, supports_structured_output: true },
    models: ollamaModels,
  },
  lmstudio: {
    ...local,
    name: "lmstudio",
    address: (given: string) => given || "http://127.0.0.1:1234/v1",
    capabilities: { ...tools, supports_structured_output: true },
    models: lmstudioModels,
  },
  custom: { ...local, name: "custom", address: asGiven, capabilities: tools, models: plainModels },
} as const satisfies { readonly [name: string]: Profile };
