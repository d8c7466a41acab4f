/** The command line. What could hold a secret, or is longer than a command line may be, goes into a private file that it names. */
import { APIError } from "../../contract/errors.ts";
import type { ModelRequest, Thinking } from "../../contract/provider.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";
import { isObject, object } from "../json.ts";
import type { Channel } from "./channel.ts";
import { SERVER } from "./mcp.ts";
import type { Extras } from "./settings.ts";

/** Text that is written to a file; its path stands in the command line. */
export interface Spilled {
  readonly file: string;
  readonly content: string;
}
export type Argument = string | Spilled;

export interface Invocation {
  readonly extras: Extras;
  /** A key is given, so that nothing of the user's own login is needed. */
  readonly bare: boolean;
  readonly session: { readonly id: string; readonly resume: boolean } | null;
  readonly channel: Pick<Channel, "server" | "greeting">;
}

/** Characters up to which a prompt stands in the command line. Linux takes 131072 bytes an argument; a character is at most 3. */
const INLINE = 40_000;

/** The CLI's tool that puts questions to a person: a yes or no is all that can be asked here. */
const QUESTION = "AskUserQuestion";

export const argvOf = (
  request: Pick<ModelRequest, "model" | "system" | "thinking" | "stream" | "outputSchema">,
  { extras, bare, session, channel }: Invocation,
): readonly Argument[] => {
  const asks = channel.greeting !== "";
  const system = typeof request.system === "string" ? request.system : request.system.map(({ text }) => text).join("\n");
  const effort = effortOf(request.thinking);
  return [
    ...["--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json"],
    ...(request.stream ? ["--include-partial-messages"] : []),
    ...(bare ? ["--bare"] : []),
    ...option("--model", request.model),
    ...(system.length > INLINE ? ["--system-prompt-file", { file: "system.txt", content: system }] : option("--system-prompt", system)),
    ...option("--effort", effort),
    ...option("--allowedTools", [...extras.allow_tools, ...(channel.server ? [`mcp__${SERVER}`] : [])].join(" ")),
    ...option("--disallowedTools", [...extras.disallow_tools, ...(asks ? [QUESTION] : [])].join(" ")),
    ...(asks ? ["--permission-prompt-tool", "stdio"] : []),
    ...(extras.default_permission_mode === "default" ? [] : ["--permission-mode", extras.default_permission_mode]),
    ...(extras.max_budget_usd === null ? [] : ["--max-budget-usd", String(extras.max_budget_usd)]),
    ...settings(extras.settings_path),
    ...mcp(extras.mcp_config, channel.server ?? null),
    ...(request.outputSchema ? ["--json-schema", JSON.stringify(request.outputSchema)] : []),
    ...(session ? [session.resume ? "--resume" : "--session-id", session.id] : []),
    ...extras.extra_args,
  ];
};

const option = (name: string, value: string): readonly string[] => (value ? [name, value] : []);

const settings = (value: string | null): readonly Argument[] => {
  if (!value) return [];
  return ["--settings", /^\s*\{/.test(value) ? { file: "settings.json", content: value } : value];
};

const mcp = (config: Json, own: JsonObject | null): readonly Argument[] => {
  const paths = typeof config === "string" && config ? [config] : [];
  const given = isObject(config) && Object.keys(config).length ? (isObject(config.mcpServers) ? config : { mcpServers: config }) : null;
  const servers = object(given?.mcpServers);
  if (own && Object.hasOwn(servers, SERVER))
    throw new APIError(`claude_code_cli: extras.mcp_config: the name "${SERVER}" is that of the session's own tools. Take another.`, {
      code: "exec.api.bad_request",
    });
  const all = own ? { ...given, mcpServers: { ...servers, [SERVER]: own } } : given;
  const configs = [...paths, ...(all ? [{ file: "mcp.json", content: JSON.stringify(all) }] : [])];
  return configs.length ? ["--mcp-config", ...configs, "--strict-mcp-config"] : [];
};

const EFFORTS: readonly (readonly [number, string])[] = [
  [5000, "low"],
  [15_000, "medium"],
  [32_000, "high"],
  [64_000, "xhigh"],
];
/** The CLI takes an effort in place of a budget; thinking without a budget counts as one of 0. */
const effortOf = (thinking: Thinking | null): string => {
  if (!thinking || thinking.type === "disabled") return "";
  const budget = thinking.type === "enabled" ? thinking.budgetTokens : 0;
  return EFFORTS.find(([most]) => budget <= most)?.[1] ?? "max";
};

const RESUMING = /^(?:-r|-c|--resume|--continue|--fork-session)(?:=|$)/;
/** Whether the CLI goes on with a conversation of its own: its totals then count from that one's beginning. */
export const resumes = (argv: readonly Argument[]): boolean => argv.some((arg) => typeof arg === "string" && RESUMING.test(arg));
