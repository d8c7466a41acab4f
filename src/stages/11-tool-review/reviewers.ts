/** The five reviewers. */
import { fields, int, list, oneOf, record, text } from "../../contract/schema.ts";
import type { PendingToolCall, ReviewFlag, ToolResultRecord } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { pattern } from "./pattern.ts";

/** What a reviewer noticed; the stage adds the reviewer's name. `reason` and `details` go into events: never a secret itself. */
type Notice = Omit<ReviewFlag, "reviewer">;
/** Looks at the calls that ran in this pass and at their results. A throw is told as an event and skips this reviewer only. */
type Reviewer = (
  calls: readonly PendingToolCall[],
  results: readonly ToolResultRecord[],
  call: Call,
) => readonly Notice[] | Promise<readonly Notice[]>;

const SECRETS: readonly (readonly string[])[] = [
  ["api_key_assignment", "(?i)\\b(api[_-]?key|secret|token|password)\\b\\s*[=:]"],
  ["aws_access_key", "AKIA[0-9A-Z]{16}"],
  ["private_key_block", "-----BEGIN (?:RSA |EC |DSA |OPENSSH )?PRIVATE KEY-----"],
  ["bearer_header", "(?i)bearer\\s+[a-z0-9._\\-+/=]{16,}"],
];
const DESTRUCTIVE = ["Bash", "BashOutput", "KillShell", "Write", "Edit", "MultiEdit", "Delete", "Remove"];
const NETWORK = ["WebFetch", "WebSearch", "WebRead", "Curl", "Http"];
const SEVERITIES = ["info", "warn", "error"] as const;
const toolName = text({ about: "a tool's name" });

const schema = defineStrategy<Reviewer>()({
  about: "Flags calls that lack a required input field.",
  config: fields({
    required_fields: record(list(text({ about: "a field's name" }), { about: "fields that a call must have" }), {
      about: "required input fields by tool name",
      default: {},
    }),
  }),
  create:
    ({ required_fields }) =>
    (calls) =>
      calls.flatMap(({ tool_use_id, tool_name, tool_input }): Notice[] => {
        const required = Object.hasOwn(required_fields, tool_name) ? (required_fields[tool_name] ?? []) : [];
        const missing = required.filter((field) => !Object.hasOwn(tool_input, field));
        if (!missing.length) return [];
        const reason = `${tool_name} was called without ${missing.join(", ")}`;
        return [{ tool_call_id: tool_use_id, severity: "error", reason, details: { tool: tool_name, missing } }];
      }),
});

const sensitive = defineStrategy<Reviewer>()({
  about: "Flags calls whose input looks as if it held a secret. Only the pattern's label is told.",
  config: fields({
    patterns: list(list(text({ about: "a label, or a regular expression" }), { about: "[label, regular expression]", min: 2, max: 2 }), {
      about: "what a secret looks like; the first match of a call counts",
      default: SECRETS,
    }),
  }),
  create: ({ patterns }) => {
    const compiled = patterns.map(([label = "", source = ""]) => {
      try {
        return { label, match: pattern(source) };
      } catch (error) {
        throw new SyntaxError(`the pattern "${label}" is no regular expression: ${error instanceof Error ? error.message : error}`);
      }
    });
    return (calls) =>
      calls.flatMap(({ tool_use_id, tool_name, tool_input }): Notice[] => {
        const input = JSON.stringify(tool_input);
        const found = compiled.find(({ match }) => match.test(input));
        if (!found) return [];
        const reason = `the input of ${tool_name} looks like ${found.label}`;
        return [{ tool_call_id: tool_use_id, severity: "warn", reason, details: { tool: tool_name, pattern: found.label } }];
      });
  },
});

const destructive = defineStrategy<Reviewer>()({
  about: "Flags the results of tools that may destroy something.",
  config: fields({
    destructive_tools: list(toolName, { about: "names of such tools", default: DESTRUCTIVE }),
    severity: oneOf(SEVERITIES, { about: "severity of the flag", default: "info" }),
  }),
  create:
    ({ destructive_tools, severity }) =>
    (calls, results) => {
      const tools = new Map(calls.map((call) => [call.tool_use_id, call.tool_name]));
      return results.flatMap(({ tool_use_id }): Notice[] => {
        const tool = tools.get(tool_use_id);
        if (tool === undefined || !destructive_tools.includes(tool)) return [];
        return [{ tool_call_id: tool_use_id, severity, reason: `${tool} may have changed or removed something`, details: { tool } }];
      });
    },
});

const network = defineStrategy<Reviewer>()({
  about: "Flags calls that reach the network, with the host of their `url`.",
  config: fields({
    network_tools: list(toolName, { about: "names of such tools", default: NETWORK }),
    allowed_hosts: list(text({ about: "a host's name" }), { about: "hosts that are expected; empty: all", default: [] }),
  }),
  create: ({ network_tools, allowed_hosts }) => {
    const allowed = new Set(allowed_hosts.map((host) => host.toLowerCase()));
    return (calls) =>
      calls.flatMap(({ tool_use_id, tool_name, tool_input }): Notice[] => {
        if (!network_tools.includes(tool_name)) return [];
        const host = hostOf(tool_input.url);
        const details = { tool: tool_name, host };
        if (host && allowed.size && !allowed.has(host)) {
          const reason = `${tool_name} reached ${host}, which is not among the allowed hosts`;
          return [{ tool_call_id: tool_use_id, severity: "error", reason, details: { ...details, allowed: allowed_hosts } }];
        }
        return [{ tool_call_id: tool_use_id, severity: "info", reason: `${tool_name} reached ${host || "the network"}`, details }];
      });
  },
});
const hostOf = (url: unknown): string => (typeof url === "string" ? (URL.parse(url)?.hostname ?? "") : "");

const size = defineStrategy<Reviewer>()({
  about: "Flags results that are large.",
  config: fields({
    warn_threshold_bytes: int({ about: "bytes from which on a result is a warning", min: 0, default: 50000 }),
    error_threshold_bytes: int({ about: "bytes from which on a result is an error", min: 0, default: 250000 }),
  }),
  create: ({ warn_threshold_bytes: warn, error_threshold_bytes: error }) => {
    if (error < warn) throw new RangeError(`error_threshold_bytes (${error}) must be at least warn_threshold_bytes (${warn})`);
    return (_calls, results) =>
      results.flatMap(({ tool_use_id, content }): Notice[] => {
        const bytes = Buffer.byteLength(typeof content === "string" ? content : JSON.stringify(content ?? ""));
        if (bytes < warn) return [];
        const details = { bytes, warn_threshold: warn, error_threshold: error };
        return [
          { tool_call_id: tool_use_id, severity: bytes >= error ? "error" : "warn", reason: `the result has ${bytes} bytes`, details },
        ];
      });
  },
});

export const reviewers = { schema, sensitive, destructive, network, size };
