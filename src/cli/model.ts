/** Which model answers: what is asked for, else the first of what is found, else the embedded offline planner. */
import type { PresetOptions } from "../index.ts";
import { CredentialBundle, claudeStatus, type LocalServer, probeLocal, VARIABLES } from "../providers/index.ts";

export interface FoundModel extends AsyncDisposable {
  /** One line: what was taken and why. */
  readonly why: string;
  readonly options: PresetOptions;
}
export interface Asked {
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  readonly offline?: boolean | undefined;
}
interface Found {
  readonly provider: string;
  readonly model: string | undefined;
  readonly because: string;
  readonly options?: PresetOptions;
}
/** What is told on wrong usage: nothing runs. */
export class NoModel extends Error {}

/** The vendors in the order in which their keys count. */
const VENDORS = ["anthropic", "openai", "google", "vllm"] as const;
/** What is asked when nobody says which. A local server's first model counts; another's must be named. */
export const MODELS: { readonly [provider: string]: string } = {
  anthropic: "claude-sonnet-4-6",
  openai: "gpt-5.4-mini",
  google: "gemini-3-flash",
  claude_code_cli: "claude-sonnet-4-6",
  geny_claude_code: "claude-sonnet-4-6",
};
const OFFLINE = "offline-planner";
const FREE = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

/** Throws `NoModel` when what is asked for cannot be had. */
export const findModel = async ({ provider, model, offline }: Asked): Promise<FoundModel> => {
  if (offline || provider === "offline") return planner(model, "--offline");
  if (provider !== undefined) return ready(await named(provider, model));
  const found = byKey(model) ?? (await byClaude(model)) ?? (await byServer(model));
  return found ? ready(found) : planner(model, "no key is set, `claude` is not logged in, and no local server answers");
};

const ready = ({ provider, model, because, options }: Found): FoundModel => ({
  why: `Provider: ${provider}${model ? `, model ${model}` : ""} (${because}).`,
  options: { provider, ...(model ? { model } : {}), ...options },
  async [Symbol.asyncDispose]() {},
});

const byKey = (model: string | undefined): Found | undefined => {
  const provider = CredentialBundle.fromEnvironment().preferredProvider(VENDORS);
  if (!provider || !VENDORS.some((name) => name === provider)) return undefined;
  return keyed(provider, model);
};

/** The variable that is set, and the address where it is not the vendor's own. */
const keyed = (provider: string, model: string | undefined): Found => {
  const { apiKey = [], authToken = [], baseUrl = [] } = VARIABLES[provider] ?? {};
  const set = [...apiKey, ...authToken].find((name) => process.env[name]?.trim());
  const address = CredentialBundle.fromEnvironment().get(provider)?.baseUrl;
  const at = address && URL.canParse(address) ? `, at ${new URL(address).origin}` : "";
  const named = set ?? baseUrl.find((name) => process.env[name]?.trim());
  return { provider, model: needed(provider, model ?? MODELS[provider]), because: named ? `${named} is set${at}` : "--provider" };
};

const byClaude = async (model: string | undefined): Promise<Found | undefined> => {
  const status = await claudeStatus();
  return status?.loggedIn ? claude("geny_claude_code", model, `\`claude\` is logged in, ${status.method}`) : undefined;
};
const claude = (provider: string, model: string | undefined, because: string): Found => ({
  provider,
  model: model ?? MODELS[provider],
  because,
});

const byServer = async (model: string | undefined): Promise<Found | undefined> => {
  const servers = await probeLocal({ addresses: { ollama: process.env.OLLAMA_HOST ?? "" } });
  const server = servers.find(({ models }) => models.length || model);
  return server && local(server, model);
};
const local = ({ provider, baseUrl, models }: LocalServer, asked: string | undefined): Found => {
  const model = needed(provider, asked ?? models[0]);
  // One's own machine sends no bill.
  return { provider, model, because: `a server answers at ${new URL(baseUrl).origin}`, options: { baseUrl, prices: { [model]: FREE } } };
};

const needed = (provider: string, model: string | undefined): string => {
  if (model) return model;
  throw new NoModel(`${provider} has no model of its own: name one with --model. \`geny providers\` shows what there is.`);
};

const named = async (provider: string, model: string | undefined): Promise<Found> => {
  if (provider === "claude_code_cli" || provider === "geny_claude_code") {
    const status = await claudeStatus();
    if (!status) throw new NoModel("The program `claude` was not found. Install it, or set CLAUDE_CODE_BINARY.");
    return claude(provider, model, status.loggedIn ? `--provider; logged in, ${status.method}` : "--provider; `claude` is not logged in");
  }
  if (provider === "ollama" || provider === "lmstudio") {
    const addresses = provider === "ollama" ? { ollama: process.env.OLLAMA_HOST ?? "" } : {};
    const server = (await probeLocal({ addresses, timeoutMs: 2000 })).find((one) => one.provider === provider);
    if (!server) throw new NoModel(`No ${provider} server answers. Start it${provider === "ollama" ? ", or set OLLAMA_HOST" : ""}.`);
    return local(server, model);
  }
  if (VENDORS.some((name) => name === provider)) return keyed(provider, model);
  throw new NoModel(
    `There is no provider "${provider}" for this command: ${[...VENDORS, "geny_claude_code", "claude_code_cli", "ollama", "lmstudio", "offline"].join(", ")}.`,
  );
};

const planner = async (model: string | undefined, because: string): Promise<FoundModel> => {
  const { startModel } = await import("../testing/index.ts");
  const server = await startModel();
  return {
    why: `Provider: the embedded offline planner, which is no language model (${because}).`,
    options: { apiKey: "offline", baseUrl: server.url, model: model ?? OFFLINE, prices: { [model ?? OFFLINE]: FREE } },
    [Symbol.asyncDispose]: () => server.close(),
  };
};
