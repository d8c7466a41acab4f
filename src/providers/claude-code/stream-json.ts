/** The CLI's lines as a provider's events: one line in, some events out, and at last how the turn ended. Knows no process. */
import { APIError } from "../../contract/errors.ts";
import type { ModelEvent } from "../../contract/provider.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";
import type { Usage } from "../../contract/usage.ts";
import { count, isObject, list, object, parsed, text, textOrNull } from "../json.ts";
import { blockReader, type Source } from "./blocks.ts";
import type { Trouble } from "./failures.ts";
import { type Bill, resultBill, runningBill } from "./usage.ts";

export interface Reading {
  /** The answer must be JSON: text is held back, and what the CLI's own tool for that got is the text. */
  readonly structured: boolean;
  /** What is not understood is an error. */
  readonly strict: boolean;
  /** The model's first message is the answer, also where the CLI goes on with a second one by itself. */
  readonly single?: boolean;
  /** What the result says was used, as this call's share of it. */
  share(bill: Bill): Usage;
  /** The name under which a tool is told. */
  nameOf(name: string): string;
  /** What the CLI asks of its host. */
  control(line: JsonObject): void;
  say(event: ModelEvent): void;
}

export interface Outcome {
  /** Null: the answer is whole. */
  readonly trouble: Trouble | null;
  readonly stopReason: string;
  /** The CLI is not done: it would go on by itself. */
  readonly cut?: true;
}

export interface StreamReader {
  /** Throws `exec.cli.protocol_error` for an error line, and in strict reading for one that is not understood. */
  take(line: string): void;
  /** How the turn ended; null while no result came. */
  readonly outcome: Outcome | null;
  /** A failure that was spoken of before any result. */
  readonly heard: Trouble | null;
  /** What was not understood, for the notice; null: nothing. */
  unknown(): JsonObject | null;
  /** The first words that were no JSON. */
  readonly stray: string;
}

const CONTROL = new Set(["control_request", "control_response", "control_cancel_request"]);
/** Lines that say nothing about the answer. */
const QUIET = new Set([...["keep_alive", "tool_progress", "tool_use_summary", "auth_status", "prompt_suggestion"]]);

/** Ends of a message after which the CLI asks the model again. */
const ASKS_AGAIN = new Set(["max_tokens", "refusal", "pause_turn", "model_context_window_exceeded"]);

export const streamReader = ({ structured, strict, single = false, share, nameOf, control, say }: Reading): StreamReader => {
  const running = runningBill();
  const strange = { first: "", count: 0, unknown: 0, malformed: 0 };
  const blocks = blockReader({ structured, nameOf, say, unknown: (kind) => odd(kind) });
  let outcome: Outcome | null = null;
  let heard: Trouble | null = null;
  let resetAt: number | null = null;
  let version: string | null = null;
  let sessionId: string | null = null;
  let stray = "";
  /** Why the model's message ended. */
  let stopped = "";

  const odd = (kind: string) => {
    if (strict) throw protocol(`a line of an unknown kind came: ${kind}.`);
    strange.unknown++;
    strange.first ||= kind;
    if (strange.first === kind) strange.count++;
  };
  const malformed = (words: string) => {
    if (strict) throw protocol("a line that is no JSON object came.");
    strange.malformed++;
    stray ||= words.slice(0, 300);
  };

  const system = (line: JsonObject) => {
    if (line.subtype === "api_retry") heard = { kind: text(line.error), status: count(line.error_status) ?? null, words: text(line.error) };
    if (line.subtype !== "init" || sessionId !== null) return;
    sessionId = text(line.session_id);
    version = textOrNull(line.claude_code_version);
    say({ type: "start", model: text(line.model), id: sessionId });
  };

  const assistant = (line: JsonObject, source: Source) => {
    const message = object(line.message);
    const spoken = typeof message.content === "string" ? [{ type: "text", text: message.content }] : list(message.content);
    if (line.error !== undefined || line.is_api_error_message === true) {
      const words = spoken.map((block) => text(object(block).text)).join("\n");
      heard = { kind: text(line.error), status: count(line.api_error_status) ?? null, words, resetAt };
    } else if (isObject(line.delta)) blocks.event({ type: "content_block_delta", delta: line.delta }, source);
    else if (isObject(line.content_block)) blocks.event({ type: "content_block_start", content_block: line.content_block }, source);
    else {
      heard = null;
      running.message(source, message);
      blocks.message(text(message.id), spoken, source);
    }
  };

  const result = (line: JsonObject) => {
    say({ type: "usage", usage: share(resultBill(line, running.usage())) });
    const ended = [text(line.subtype), text(line.terminal_reason)].filter((how) => how && how !== "success" && how !== "completed");
    if (line.is_error === true || text(line.subtype).startsWith("error")) {
      const words = text(line.result) || list(line.errors).map(text).join("\n") || heard?.words || "";
      const status = count(line.api_error_status) ?? heard?.status ?? null;
      outcome = { stopReason: "", trouble: { ...(heard?.kind ? { kind: heard.kind } : {}), status, words, ended, resetAt } };
      return;
    }
    blocks.end(line.structured_output, text(line.result));
    const stopReason = text(line.stop_reason);
    outcome = { trouble: null, stopReason: !stopReason || stopReason === "tool_use" ? "end_turn" : stopReason };
  };

  const understand = (line: JsonObject) => {
    const type = text(line.type);
    const source: Source = { parent: textOrNull(line.parent_tool_use_id) };
    if (type === "system") return system(line);
    if (type === "assistant") return assistant(line, source);
    if (type === "user") return blocks.results(object(line.message).content);
    if (type === "result") return result(line);
    if (CONTROL.has(type)) return control(line);
    if (type === "error") throw protocol(text(line.message) || text(object(line.error).message) || "it sent an error line.");
    if (type === "rate_limit_event") {
      const { status, resetsAt } = object(line.rate_limit_info);
      if (status === "rejected") resetAt = (count(resetsAt) ?? 0) * 1000 || null;
      return;
    }
    const event = type === "stream_event" ? object(line.event) : type === "content_block_stop" || type === "message_stop" ? line : null;
    if (!event) return QUIET.has(type) ? undefined : odd(type || "(none)");
    const usage = running.event(source, event);
    if (usage) say({ type: "usage", usage });
    blocks.event(event, source);
    if (event.type === "message_delta") stopped = text(object(event.delta).stop_reason);
    if (single && event.type === "message_stop" && ASKS_AGAIN.has(stopped)) outcome = { trouble: null, stopReason: stopped, cut: true };
  };

  return {
    take(line) {
      const words = line.trim();
      if (!words || words.startsWith("#") || outcome) return;
      const value: Json | undefined = parsed(words);
      if (isObject(value)) understand(value);
      else malformed(words);
    },
    get outcome() {
      return outcome;
    },
    get heard() {
      return heard;
    },
    get stray() {
      return stray;
    },
    unknown: () =>
      strange.unknown + strange.malformed === 0
        ? null
        : {
            unknown_type: strange.first,
            count: strange.count,
            unknown_line_count: strange.unknown,
            malformed_line_count: strange.malformed,
            cli_version: version,
          },
  };
};

const protocol = (words: string): APIError =>
  new APIError(`claude_code_cli: ${words.slice(0, 300)}`, { code: "exec.cli.protocol_error", details: { provider: "claude_code_cli" } });
