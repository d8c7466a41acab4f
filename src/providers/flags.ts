/** What an account can do, as its owner says it: flags over a provider's own capabilities. */
import { type Finding, finding } from "../contract/findings.ts";
import { nearest } from "../contract/nearest.ts";
import type { ClientCapabilities } from "../contract/provider.ts";
import type { Json } from "../contract/schema.ts";
import { isObject } from "./json.ts";

/** Those that depend on the server and its model. What the wire itself can or cannot do is no flag. */
const FLAGS = [
  "supports_thinking",
  "supports_tools",
  "supports_tool_choice",
  "supports_stop_sequences",
  "supports_top_k",
  "supports_structured_output",
  "supports_token_usage",
  "supports_vision",
  "supports_documents",
] as const satisfies readonly (keyof ClientCapabilities)[];
export type CapabilityFlags = { readonly [F in (typeof FLAGS)[number]]?: boolean };

const isFlag = (name: string): name is keyof CapabilityFlags => FLAGS.some((flag) => flag === name);

/** The flags that are ones, and a warning for every entry that is none. `given` is what stands in `extras.capabilities`, or in code. */
export const flagsOf = (
  given: Json | CapabilityFlags | undefined,
): { readonly flags: CapabilityFlags; readonly findings: readonly Finding[] } => {
  if (given === undefined || given === null) return { flags: {}, findings: [] };
  if (!isObject(given)) return { flags: {}, findings: [warning("capabilities", "must be an object of flags")] };
  const flags: { -readonly [F in keyof CapabilityFlags]: CapabilityFlags[F] } = {};
  const findings: Finding[] = [];
  for (const [name, value] of Object.entries(given)) {
    const path = `capabilities.${name}`;
    if (!isFlag(name)) findings.push(warning(path, `is no capability that can be set (known: ${FLAGS.join(", ")})`, nearest(name, FLAGS)));
    else if (typeof value !== "boolean") findings.push(warning(path, "must be true or false"));
    else flags[name] = value;
  }
  return { flags, findings };
};

const warning = (path: string, message: string, suggestion?: string): Finding => finding("capability.unknown", path, message, suggestion);
