/** What Anthropic's API refuses with a 400, as far as a harness can get it wrong: shape, empty texts, unpaired tool calls, unsigned thinking. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { refuseBlock } from "./anthropic-block-rules.ts";
import { isObject } from "./wire.ts";

/** A message's content (or a system prompt, or a tool's result) as blocks. */
export const blocks = (content: Json | undefined): readonly JsonObject[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : Array.isArray(content) ? content.filter(isObject) : [];

/** The first thing wrong with a request's body, in words close to the vendor's, or null. */
export function refuseMessages(body: Json | undefined): string | null {
  if (!isObject(body)) return "The request body is not valid JSON";
  if (typeof body.model !== "string" || !body.model) return "model: Field required";
  if (!Number.isInteger(body.max_tokens) || Number(body.max_tokens) < 1)
    return "max_tokens: Input should be a whole number greater than or equal to 1";
  if (!Array.isArray(body.messages)) return "messages: Field required";
  if (!body.messages.length) return "messages: at least one message is required";
  return refuseThinking(body.thinking) ?? refuseTools(body.tools) ?? refuseTurns(body.messages, body.thinking) ?? refuseMarks(body);
}

function refuseThinking(thinking: Json | undefined): string | null {
  if (!isObject(thinking) || thinking.type !== "enabled") return null;
  return Number(thinking.budget_tokens) >= 1024 ? null : "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024";
}

function refuseTools(tools: Json | undefined): string | null {
  const names = (Array.isArray(tools) ? tools : []).filter(isObject).map((tool) => tool.name);
  return new Set(names).size === names.length ? null : "tools: Tool names must be unique.";
}

/** A cache mark stands on blocks and tools, also within results. */
function refuseMarks({ tools, system, messages }: JsonObject): string | null {
  const marks = JSON.stringify([tools ?? [], system ?? [], messages ?? []]).split('"cache_control":{').length - 1;
  return marks > 4 ? `A maximum of 4 blocks with cache_control may be provided. Found ${marks}.` : null;
}

const unpaired = (at: number, ids: readonly string[]): string =>
  `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids.join(", ")}`;

/** Messages of one role in a row are one message, as the vendor takes them. `at` is the place of the last of them. */
function merged(turns: readonly JsonObject[]): { at: number; role: Json | undefined; said: readonly JsonObject[] }[] {
  const out: { at: number; role: Json | undefined; said: readonly JsonObject[] }[] = [];
  for (const [at, turn] of turns.entries()) {
    const last = out.at(-1);
    if (last && last.role === turn.role) out[out.length - 1] = { at, role: turn.role, said: [...last.said, ...blocks(turn.content)] };
    else out.push({ at, role: turn.role, said: blocks(turn.content) });
  }
  return out;
}

function refuseTurns(turns: readonly Json[], thinking: Json | undefined): string | null {
  const odd = turns.findIndex((turn) => !isObject(turn) || !["user", "assistant", "system"].includes(String(turn.role)));
  if (odd >= 0) return `messages.${odd}.role: Input should be 'user', 'assistant' or 'system'`;
  const said = merged(turns.filter(isObject));
  if (said.find((turn) => turn.role !== "system")?.role !== "user") return 'messages: first message must use the "user" role';
  const ids = new Set<string>();
  let open: readonly string[] = [];
  for (const turn of said) {
    const answered = turn.said.filter((b) => b.type === "tool_result").map((b) => String(b.tool_use_id));
    const missing = open.filter((id) => !answered.includes(id));
    if (missing.length) return unpaired(turn.at - 1, missing);
    const stray = answered.find((id) => !open.includes(id));
    if (stray !== undefined) {
      return `messages.${turn.at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray}. It has no \`tool_use\` in the previous message`;
    }
    const late = turn.said.slice(0, answered.length).some(({ type }) => type !== "tool_result");
    if (late) return `messages.${turn.at}: \`tool_result\` blocks must come first in the message that follows \`tool_use\` blocks`;
    for (const [i, block] of turn.said.entries()) {
      const bad = refuseBlock(block, turn.role, `messages.${turn.at}.content.${i}`);
      if (bad) return bad;
    }
    open = turn.said.filter((b) => b.type === "tool_use").map((b) => String(b.id));
    for (const id of open) if (ids.size === ids.add(id).size) return `messages.${turn.at}: \`tool_use\` ids must be unique: ${id}`;
  }
  return open.length ? unpaired(turns.length - 1, open) : (refuseEnd(said) ?? refuseThoughtless(said, thinking));
}

function refuseEnd(said: readonly { readonly role: Json | undefined; readonly said: readonly JsonObject[] }[]): string | null {
  for (const [i, turn] of said.entries()) {
    const end = turn.said.at(-1);
    if (!end && i < said.length - 1)
      return `messages.${i}: all messages must have non-empty content except for the optional final assistant message`;
    if (turn.role !== "assistant") continue;
    if (end?.type === "thinking" || end?.type === "redacted_thinking")
      return `messages.${i}: The final block in an assistant message cannot be \`thinking\`.`;
    if (i === said.length - 1 && end?.type === "text" && /\s$/.test(String(end.text)))
      return "messages: final assistant content cannot end with trailing whitespace";
  }
  return null;
}

/** With a thinking budget, a turn that is going on has begun with a thought. */
function refuseThoughtless(
  said: readonly { readonly at: number; readonly role: Json | undefined; readonly said: readonly JsonObject[] }[],
  thinking: Json | undefined,
): string | null {
  if (!isObject(thinking) || thinking.type !== "enabled" || !said.at(-1)?.said.some(({ type }) => type === "tool_result")) return null;
  const asked = said.findLastIndex((turn) => turn.role === "user" && !turn.said.some(({ type }) => type === "tool_result"));
  const turn = said[asked + 1];
  const first = turn?.said[0]?.type;
  if (!turn || first === "thinking" || first === "redacted_thinking") return null;
  return `messages.${turn.at}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${String(first)}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks).`;
}
