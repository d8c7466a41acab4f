/** Whether the `claude` program is here and logged in: two quick runs of it that ask no model. */
import type { ProviderCredentials } from "../credentials.ts";
import { isObject, parsed, text } from "../json.ts";
import type { Environment } from "../lanes.ts";
import { findBinary } from "./binary.ts";
import { environmentOf } from "./environment.ts";
import { saidBy, versionOf } from "./version.ts";

export interface ClaudeStatus {
  readonly path: string;
  /** Null: it did not tell. */
  readonly version: string | null;
  readonly loggedIn: boolean;
  /** "api_key", "oauth_token", …, as the program names it. */
  readonly method: string;
}

/** Null when there is no such program; rejects with `exec.cli.binary_not_found` only for a `binaryPath` that is wrong. */
export const claudeStatus = async (
  { binaryPath, ...keys }: Pick<ProviderCredentials, "binaryPath" | "apiKey" | "authToken" | "authMode"> = {},
  host: Environment = process.env,
): Promise<ClaudeStatus | null> => {
  const path = await findBinary(binaryPath, host).catch((error: unknown) => {
    if (binaryPath) throw error;
    return null; // there is none, which is an answer
  });
  if (path === null) return null;
  const { env } = environmentOf(keys, { env_extras: {} }, host);
  const [version, said] = await Promise.all([versionOf(path, env), saidBy(path, ["auth", "status", "--json"], env)]);
  const status = parsed(said);
  const known = isObject(status);
  return { path, version, loggedIn: known && status.loggedIn === true, method: known ? text(status.authMethod) : "" };
};
