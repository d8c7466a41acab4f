/** Calls that fail, and come again unchanged. */
import { asJson, textOf } from "../../contract/message.ts";
import { canonical } from "../../contract/schema.ts";
import type { PendingToolCall, State, ToolResultRecord } from "../../contract/state.ts";

type Failures = State["failedCalls"];
/** So many failed calls are remembered. */
const REMEMBERED = 64;
/** Answers that say: this was refused before. */
const REFUSED = /^ERROR (repeated_failure_blocked|user_denied_repeat)\b/;

/**
 * The record after this pass. `again`: calls of the pass that had failed before. A call that worked and may have changed the world clears the
 * record: after it, every earlier failure is worth another try.
 */
export const track = (
  before: Failures,
  calls: readonly PendingToolCall[],
  results: readonly ToolResultRecord[],
  changes: (tool: string) => boolean,
): { readonly failures: Failures; readonly again: number } => {
  if (calls.length === 0) return { failures: before, again: 0 };
  const answers = new Map(results.map((result) => [result.tool_use_id, result]));
  let { refused, calls: failed } = before;
  let again = 0;
  for (const call of calls) {
    const answer = answers.get(call.tool_use_id);
    if (!answer) continue;
    if (!answer.is_error && changes(call.tool_name)) {
      if (failed.length || refused) [refused, again, failed] = [0, 0, []];
    } else if (!answer.is_error) {
      if (failed.length) failed = failed.filter((known) => known !== hash(call));
    } else if (failed.includes(hash(call)) || REFUSED.test(textOf(answer.content))) {
      refused += 1;
      again += 1;
    } else failed = [...failed, hash(call)].slice(-REMEMBERED);
  }
  return { failures: refused === before.refused && failed === before.calls ? before : { refused, calls: failed }, again };
};

const hash = ({ tool_name, tool_input }: PendingToolCall): string =>
  process
    .getBuiltinModule("node:crypto")
    .createHash("sha256")
    .update(`${tool_name} ${canonical(asJson(tool_input))}`)
    .digest("base64url")
    .slice(0, 16);
