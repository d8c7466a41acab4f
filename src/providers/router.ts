/** `geny_router`: a route whose targets stand in a manifest, or with their secrets in the credentials. */
import { APIError } from "../contract/errors.ts";
import type { Provider } from "../contract/provider.ts";
import { check, type Fields, fields, flag, int, json, list, number, type Output, object, record, text } from "../contract/schema.ts";
import type { Logger, RouteTarget } from "../contract/services.ts";
import type { ProviderCredentials } from "./credentials.ts";
import { type FailoverTarget, failover } from "./failover.ts";
import type { ProviderOptions } from "./index.ts";

/** A manifest's target, and what it found in the bundle. */
export interface CredentialedTarget extends Omit<RouteTarget, "account"> {
  /** Undefined: an account of its own. */
  readonly account: string | undefined;
  readonly credentials: ProviderCredentials;
}
export interface RouterOptions extends ProviderOptions {
  /** Default: those of `extras.targets`. */
  readonly targets?: readonly CredentialedTarget[] | undefined;
  /** Default: `extras.balance`. */
  readonly balance?: boolean | undefined;
}

const NAME = "geny_router";
/** An account of these is a subscription, unless its kind says otherwise. */
const PLANS = ["geny_claude_code", "geny_codex", "claude_code_cli"];

/** The names are those of the Python program's credentials. */
const extrasFields = fields({
  targets: list(object({ about: "a target" }), { about: "in the order in which they are asked", default: [] }),
  balance: flag({ about: "neighbours that differ in their account alone take turns", default: false }),
  session_id: text({ about: "session of requests that name none", default: "" }),
  timeout_s: number({ about: "seconds that a target may be silent; 0: its own limits", min: 0, default: 0 }),
});
const targetFields = fields({
  engineProvider: text({ about: "the provider" }),
  model: text({ about: "the model" }),
  accountId: text({ about: "names the account", default: "" }),
  label: text({ about: "the account's name for people", default: "" }),
  kind: text({ about: '"plan", "metered", or a word of the host\'s', default: "" }),
  apiKey: text({ about: "its key", default: null }),
  baseUrl: text({ about: "its address", default: null }),
  headers: record(text({ about: "a value" }), { about: "sent with every request", default: null }),
  options: object({ about: "the provider's extras", default: null }),
  maxTokens: int({ about: "most tokens of an answer; 0 for as many as are asked for", min: 0, default: null }),
  thinking: json({ about: "false: never asked to think", default: null }),
});

/**
 * The providers are made by `resolve`. Throws `exec.api.no_client` when there are no targets, `exec.api.bad_request` for targets that are
 * written wrong, and what `resolve` throws for a provider that is not known. A target's missing key is a failure of that target.
 */
export const router = async (resolve: NonNullable<ProviderOptions["resolve"]>, options: RouterOptions): Promise<Provider> => {
  const { targets = [], log, fetch } = options;
  if (options.apiKey || options.authToken || options.baseUrl)
    throw new APIError(`${NAME} has no key and no address of its own: give them to its targets' credentials.`, {
      code: "exec.api.bad_request",
    });
  const extras = checked(extrasFields, options.extras, "extras", log);
  const timeoutMs = options.timeoutMs || extras.timeout_s * 1000 || undefined;
  const given = targets.length ? targets : extras.targets.map((target, i) => read(target, `extras.targets[${i}]`, log));
  if (!given.length)
    throw new APIError(`${NAME} has no targets. Give stage api's \`targets\`, or \`extras.targets\` of its credentials.`, {
      code: "exec.api.no_client",
      details: { provider: NAME },
    });
  if (given.some(({ provider }) => provider === NAME))
    throw new APIError(`${NAME}: a target of a route is no route.`, { code: "exec.api.bad_request" });
  const made = given.map(
    async ({ provider, model, account, kind, maxTokens, thinking, credentials }): Promise<FailoverTarget> => ({
      provider: await resolve(provider, { ...credentials, timeoutMs, log, fetch }),
      model: model || undefined,
      account,
      plan: kind === null ? PLANS.includes(provider) : kind === "plan",
      maxTokens: maxTokens ?? undefined,
      thinking,
    }),
  );
  return failover(await Promise.all(made), {
    name: NAME,
    balance: options.balance ?? extras.balance,
    sessionId: extras.session_id,
    now: options.now,
  });
};

const read = (given: unknown, path: string, log: Logger | undefined): CredentialedTarget => {
  const { engineProvider, accountId, label, kind, maxTokens, thinking, model, ...own } = checked(targetFields, given, path, log);
  return {
    ...{
      provider: engineProvider,
      model,
      account: accountId || label || undefined,
      maxTokens: maxTokens || null,
      thinking: thinking !== false,
    },
    kind: kind === "plan" || kind === "metered" ? kind : null,
    credentials: {
      apiKey: own.apiKey ?? undefined,
      baseUrl: own.baseUrl ?? undefined,
      defaultHeaders: own.headers ?? undefined,
      extras: own.options ?? undefined,
    },
  };
};

/** Wrong values throw and say where, never what; keys that are not known are told to the log. */
const checked = <F extends Fields>(known: F, given: unknown, path: string, log: Logger | undefined): Output<F> => {
  const { value, problems } = check(known, given);
  const told = (wrong: typeof problems) => wrong.map((p) => `${[path, ...p.path].join(".")} ${p.message}`).join("; ");
  const unknown = problems.filter(({ kind }) => kind === "unknown");
  const wrong = problems.filter(({ kind }) => kind !== "unknown");
  if (wrong.length) throw new APIError(`${NAME}: ${told(wrong)}`, { code: "exec.api.bad_request" });
  if (unknown.length) log?.warn(`${NAME}: ${told(unknown)}`);
  return value;
};
