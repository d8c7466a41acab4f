/** What the Responses API says of a field that a model does not take. Its failures else are those of Chat Completions. */
import type { APIError } from "../contract/errors.ts";

/** Parameters that a request can do without, by what they are here. */
const FIELDS: { readonly [parameter: string]: string } = {
  temperature: "temperature",
  top_p: "top_p",
  max_output_tokens: "max_tokens",
  reasoning: "thinking",
  "reasoning.effort": "thinking",
  "reasoning.summary": "thinking.display",
  include: "include",
  parallel_tool_calls: "parallel_tool_calls",
  prompt_cache_key: "prompt_cache_key",
};
const UNSUPPORTED = /^(?:Unsupported|Unknown|Unrecognized)[\w ]* (parameter|value|argument)[\w ]*: '?([\w.]+)'?/i;

/**
 * The field that this error says is not taken: one of FIELDS, "thinking.budget_tokens" for a model that reasons but not so much or so little,
 * "strict" for a schema that the server cannot hold an answer to, or "encrypted_content" for reasoning that it does not take back.
 */
export const refusedField = ({ status, message, details }: APIError): string | null => {
  if (status !== 400) return null;
  const words = message.slice(message.indexOf(": ") + 2);
  const { type } = details;
  const param = typeof details.param === "string" ? details.param : "";
  if (type === "invalid_encrypted_content" || /^Reasoning input items can only be provided to\b/.test(words)) return "encrypted_content";
  if (/^Encrypted content is not supported\b/.test(words)) return "include";
  if (type === "invalid_json_schema" || (param.startsWith("text.format") && /^Invalid schema\b/.test(words))) return "strict";
  if (/must be verified to generate reasoning summaries/.test(words)) return "thinking.display";
  const [, what, named] = UNSUPPORTED.exec(words) ?? [];
  const field = param || (named ?? "");
  if (what === undefined || !Object.hasOwn(FIELDS, field)) return null;
  return field === "reasoning.effort" && what.toLowerCase() === "value" ? "thinking.budget_tokens" : (FIELDS[field] ?? null);
};
