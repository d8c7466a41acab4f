/** The `claude` program as a mere model: it has no tools of its own and answers once; ours are offered and called in words. */
import { tmpdir } from "node:os";
import { APIError } from "../../contract/errors.ts";
import type { ModelEvent, ModelRequest, Provider, StreamOptions } from "../../contract/provider.ts";
import { fields, number, type Output, oneOf, text } from "../../contract/schema.ts";
import { type ClaudeCodeOptions, claudeCodeCli } from "./client.ts";
import { checkedExtras } from "./settings.ts";
import { textTools } from "./text-tools.ts";

const NAME = "geny_claude_code";

const extrasFields = fields({
  account_id: text({ about: "which account this is; stands in errors when it has no label", default: "" }),
  account_label: text({ about: "what the account is called; stands in errors", default: "" }),
  auth_method: oneOf(["system", "login", "token", "api_key"], {
    about:
      "the program's own login (system), its login in config_dir (login), oauth_token (token), or apiKey (api_key); null: token or key if given, else system",
    default: null,
  }),
  config_dir: text({ about: "the program's CLAUDE_CONFIG_DIR; empty: its own", default: "" }),
  oauth_token: text({ about: "a token of `claude setup-token`; another name of authToken", default: "" }),
  scratch_dir: text({ about: "folder that the program runs in; empty: the system's for temporary files", default: "" }),
  effort: oneOf(["low", "medium", "high", "xhigh", "max"], {
    about: "how much the model thinks; null: as the request says",
    default: null,
  }),
  binary_path: text({ about: "another name of binaryPath", default: "" }),
  timeout_s: number({ about: "seconds that one call may take; 0: no limit", min: 0, default: 300 }),
});
type TokenExtras = Output<typeof extrasFields>;

/** One model call without tools, settings, MCP servers or a conversation of its own. */
const BARE = [
  ...["--tools", "", "--max-turns", "1", "--strict-mcp-config", "--setting-sources", ""],
  ...["--no-session-persistence", "--disable-slash-commands"],
];
/** For a request without a system prompt: without any, the program would take its own. */
const SYSTEM = "You are the assistant in the conversation that the user message records.";
/** Nothing but the call goes out, and the program reads no file: not those that a prompt names, and none of its own. */
const QUIET = {
  CLAUDE_CODE_DISABLE_ATTACHMENTS: "1",
  CLAUDE_CODE_DISABLE_FILE_MENTIONS: "1",
  CLAUDE_CODE_DISABLE_CLAUDE_MDS: "1",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
};

/**
 * Its `extras` are those above. `authToken` is a token of `claude setup-token`. Fails, ends and is closed as `claudeCodeCli`; calls are read as
 * `textTools` says. Wrong extras throw `exec.api.bad_request` at the first use.
 */
export const genyClaudeCode = (options: ClaudeCodeOptions = {}): Provider => {
  let made: Inner | undefined;
  const inner = (): Inner => {
    made ??= innerOf(options);
    return made;
  };
  return textTools({
    name: NAME,
    capabilities: {
      ...claudeCodeCli().capabilities,
      supports_session_continuity: false,
      supports_budget_limit: false,
      supports_vision_tool_results: true,
      supports_documents: true,
      requires_workspace: false,
    },
    stream: (request, { signal }) => ({ [Symbol.asyncIterator]: () => renamed(inner(), request, { signal }) }),
    warmup: async () => inner().provider.warmup?.(),
    close: async () => made?.provider.close?.(),
  });
};

interface Inner {
  readonly provider: Provider;
  readonly extras: TokenExtras;
}

const innerOf = (options: ClaudeCodeOptions): Inner => {
  const extras = checkedExtras(NAME, extrasFields, options.extras, (message) => options.log?.warn(message));
  const { auth_method, config_dir, oauth_token, scratch_dir, effort, binary_path, timeout_s } = extras;
  if (auth_method === "login" && !config_dir)
    throw new APIError(`${NAME}: extras.auth_method is "login", so extras.config_dir must say where the login is.`, {
      code: "exec.api.bad_request",
    });
  const authToken = oauth_token || options.authToken;
  const host = options.env ?? process.env;
  return {
    extras,
    provider: claudeCodeCli(
      {
        ...options,
        authToken,
        authMode: modeOf(auth_method, { ...options, authToken }),
        binaryPath: options.binaryPath || binary_path || undefined,
        env: config_dir ? { ...host, CLAUDE_CONFIG_DIR: config_dir } : host,
        extras: {
          ...{ timeout_s, workspace_dir: scratch_dir || tmpdir(), env_extras: QUIET },
          extra_args: effort ? [...BARE, "--effort", effort] : BARE,
        },
      },
      { single: true },
    ),
  };
};

const modeOf = (
  method: TokenExtras["auth_method"],
  { authMode, authToken, apiKey }: ClaudeCodeOptions,
): NonNullable<ClaudeCodeOptions["authMode"]> => {
  if (method === "system" || method === "login") return "oauth";
  if (method) return method === "token" ? "setup_token" : "api_key";
  if (authMode && authMode !== "auto") return authMode;
  return authToken?.trim() ? "setup_token" : apiKey?.trim() ? "api_key" : "oauth";
};

/** The program's events and failures under our name, and our names of its settings. */
const renamed = (
  { provider, extras }: Inner,
  request: ModelRequest,
  options: StreamOptions,
): AsyncIterator<ModelEvent, undefined, undefined> => {
  const system = request.system.length ? request.system : SYSTEM;
  const asked = { ...request, system, stream: true, thinking: extras.effort ? null : request.thinking };
  const inner = provider.stream(asked, options)[Symbol.asyncIterator]();
  return {
    async next() {
      try {
        const { done, value } = await inner.next();
        if (done) return { done, value: undefined };
        return { done: false, value: value.type === "notice" ? { ...value, data: { ...value.data, provider: NAME } } : value };
      } catch (error) {
        throw error instanceof APIError && error.message.startsWith(provider.name) ? ours(error, provider.name, extras) : error;
      }
    },
    async return() {
      await inner.return?.();
      return { done: true, value: undefined };
    },
  };
};

const ours = (error: APIError, name: string, { account_label, account_id }: TokenExtras): APIError => {
  const { code, category, status, requestId, retryAfter, resetAt, details, cause } = error;
  const account = account_label || account_id;
  return new APIError(error.message.replace(name, NAME).replace("extras.workspace_dir", "extras.scratch_dir"), {
    ...{ code, category, status, requestId, retryAfter, resetAt, cause },
    details: { ...details, provider: NAME, ...(account ? { account } : {}) },
  });
};
