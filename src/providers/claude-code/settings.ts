/** What a host may set beside the credentials: the `extras` of `claude_code_cli`, under the names of the manifest's world. */
import { APIError, type Finding } from "../../contract/errors.ts";
import { didYouMean } from "../../contract/nearest.ts";
import { check, type Fields, fields, flag, json, list, number, type Output, object, oneOf, record, text } from "../../contract/schema.ts";
import type { ProviderCredentials } from "../credentials.ts";
import { text as textIn } from "../json.ts";

const MODES = ["acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "manual", "plan"] as const;

const extrasFields = fields({
  bare_mode: flag({ about: "no hooks, plugins, memory files or keychain; acts only when a key is given", default: true }),
  workspace_dir: text({ about: "folder that the CLI works in; null: the process's own", default: null }),
  workspace_root: text({ about: "another name of workspace_dir", default: null }),
  default_permission_mode: oneOf(MODES, { about: "what the CLI's own tools may do without asking", default: "default" }),
  max_budget_usd: number({ about: "US dollars after which the CLI stops by itself; null: no such limit", min: 0, default: null }),
  settings_path: text({ about: "the CLI's settings: a file, or JSON", default: null }),
  mcp_config: json({ about: "MCP servers for the CLI: an object, or a file's path", default: null }),
  allow_tools: list(text({ about: "a tool or a rule" }), { about: "tools that the CLI may use without asking", default: [] }),
  disallow_tools: list(text({ about: "a tool or a rule" }), { about: "tools that the CLI must not use", default: [] }),
  extra_args: list(text({ about: "an argument" }), { about: "put at the end of the command line as they are", default: [] }),
  timeout_s: number({ about: "seconds that one call may take; 0: no limit", min: 0, default: 300 }),
  warm_spare: flag({ about: "a program is started ahead for the next call with the same command line", default: false }),
  strict_wire: flag({ about: "lines that are not understood are errors", default: false }),
  env_extras: record(text({ about: "a value" }), { about: "added to the CLI's environment", default: {} }),
  session_hint: object({
    about: "{ session_id, resume }: one conversation that the CLI keeps; resume when it exists already",
    default: null,
  }),
});
export type Extras = Output<typeof extrasFields>;

export const extrasOf = (given: ProviderCredentials["extras"], warn: (message: string) => void): Extras =>
  checkedExtras("claude_code_cli", extrasFields, given, warn);

/** Wrong values throw `exec.api.bad_request` and say where; keys that are not known are told through `warn`. */
export const checkedExtras = <F extends Fields>(
  provider: string,
  extras: F,
  given: ProviderCredentials["extras"],
  warn: (message: string) => void,
): Output<F> => {
  const { value, problems } = check(extras, given);
  const findings = problems.map(
    ({ path, kind, message, suggestion }): Finding => ({
      severity: kind === "unknown" ? "warning" : "error",
      code: `extras.${kind}`,
      path: ["extras", ...path].join("."),
      message,
      suggestion,
    }),
  );
  const told = findings.map((f) => `${f.path} ${f.message}${f.suggestion ? "." : ""}${didYouMean(f.suggestion)}`);
  if (findings.some((f) => f.severity === "error"))
    throw new APIError(`${provider}: ${told.join("; ")}`, { code: "exec.api.bad_request", details: { findings } });
  told.forEach((message) => {
    warn(`${provider}: ${message}`);
  });
  return value;
};

/** A conversation that the CLI keeps on its side. */
export interface SessionHint {
  readonly id: string;
  /** It exists already. */
  readonly resume: boolean;
}
export const hintOf = ({ session_hint: hint }: Extras): SessionHint | null => {
  const id = textIn(hint?.session_id);
  return id ? { id, resume: hint?.resume === true } : null;
};
