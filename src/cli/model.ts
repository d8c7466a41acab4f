/** Which model answers: the vendor's, when there is a key, else the embedded offline planner. */
import type { PresetOptions } from "../index.ts";

export interface FoundModel extends AsyncDisposable {
  /** One line: what was taken and why. */
  readonly why: string;
  readonly options: PresetOptions;
}

const OFFLINE = "offline-planner";
const FREE = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

export const findModel = async ({ model, offline }: { model: string | undefined; offline: boolean }): Promise<FoundModel> => {
  const apiKey = process.env.ANTHROPIC_API_KEY;
  if (apiKey && !offline) {
    const baseUrl = process.env.ANTHROPIC_BASE_URL;
    return {
      why: `Provider: anthropic${model ? `, model ${model}` : ""} (ANTHROPIC_API_KEY is set${baseUrl ? `, at ${baseUrl}` : ""}).`,
      options: { apiKey, ...(baseUrl ? { baseUrl } : {}), ...(model ? { model } : {}) },
      async [Symbol.asyncDispose]() {},
    };
  }
  const { startModel } = await import("../testing/index.ts");
  const server = await startModel();
  return {
    why: `Provider: the embedded offline planner, which is no language model (${offline ? "--offline" : "ANTHROPIC_API_KEY is not set"}).`,
    options: { apiKey: "offline", baseUrl: server.url, model: model ?? OFFLINE, prices: { [model ?? OFFLINE]: FREE } },
    [Symbol.asyncDispose]: () => server.close(),
  };
};
