/** Services for strategies that are made only to see whether they can be: no turn runs with them. */
import type { Host } from "../contract/host.ts";
import type { Services } from "../contract/services.ts";
import { bounds } from "./bounds.ts";
import { systemClock } from "./host.ts";
import { tokens } from "./tokens.ts";

const none = (what: string) => (): never => {
  throw new Error(`There is no ${what} here: nothing runs.`);
};
const quiet = () => {};

/** They reach nothing outside and hold no secret. `host`: what the strategies find of it. */
export const offline = (host: Host = {}): Services => ({
  clock: systemClock,
  id: (prefix = "") => `${prefix}offline`,
  random: () => 0,
  provider: none("provider"),
  pricing: { price: () => null },
  tokens,
  bounds,
  tools: { get: () => undefined, specs: () => [], version: 0 },
  dispatcher: { dispatch: none("dispatcher"), concurrencySafe: () => false },
  approvals: { wait: none("approval") },
  store: { get: async () => undefined, set: async () => {} },
  host,
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
});
