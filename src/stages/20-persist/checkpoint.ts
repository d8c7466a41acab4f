/** A checkpoint: the state as the wire knows it, and the way back. */
import { type ErrorOptions, GenyExecutorError } from "../../contract/errors.ts";
import { type Message, type Origin, toolResults } from "../../contract/message.ts";
import { isObject, type JsonObject } from "../../contract/schema.ts";
import { fromWire, newState, STATE, type State, type StateKey, toWire } from "../../contract/state.ts";
import { noUsage, type Usage } from "../../contract/usage.ts";

export type CheckpointRecord = {
  readonly checkpoint_id: string;
  readonly session_id: string;
  readonly iteration: number;
  /** ISO 8601, UTC. */
  readonly created_at: string;
  readonly payload: JsonObject;
};

/** A checkpoint that cannot be read. */
export class CheckpointError extends GenyExecutorError {
  override name = "CheckpointError";
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { code: "exec.checkpoint.damaged", ...options });
  }
}
export class CheckpointNotFound extends CheckpointError {
  override name = "CheckpointNotFound";
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { code: "exec.checkpoint.not_found", ...options });
  }
}

/** Messages stand there as the Python program reads them; their ids and origins beside, in `message_meta`. */
export const payloadOf = (state: State): JsonObject => ({
  ...toWire(state),
  model: state.model,
  messages: state.messages.map(({ role, content }) => ({ role, content })),
  message_meta: state.messages.map(({ id, origin }) => ({ id, origin })),
  token_usage: { ...state.tokenUsage, total_tokens: state.tokenUsage.input_tokens + state.tokenUsage.output_tokens },
});

const MAY_BE_EMPTY = [
  "session_id",
  "model",
  "messages",
  "shared",
  "metadata",
  "loop_decision",
  "completion_signal",
  "completion_detail",
  "final_text",
];

/**
 * The state that a payload holds, from `payloadOf` or from the Python program. What is missing or empty has its default. Throws
 * `CheckpointError` for a value of the wrong kind.
 */
export const restoreState = (payload: { readonly [key: string]: unknown }): State => {
  const wire: Record<string, unknown> = { ...payload };
  for (const key of MAY_BE_EMPTY) if (!wire[key]) delete wire[key];
  wire.iteration = numberOf(wire.iteration, "iteration");
  wire.token_usage = usageOf(wire.token_usage);
  wire.total_cost_usd = wire.total_cost_usd === null ? null : numberOf(wire.total_cost_usd, "total_cost_usd");
  wire.messages = messagesOf(wire.messages ?? [], wire.message_meta);
  const state = fromWire(wire);
  for (const [key, value] of Object.entries(state)) {
    const { default: start } = STATE[key as StateKey];
    if (start !== null && value !== null && kindOf(value) !== kindOf(start)) throw wrong(key, `must be of the kind ${kindOf(start)}`);
  }
  return newState(state);
};

const numberOf = (value: unknown, key: string): number => {
  const number = typeof value === "string" && value.trim() ? Number(value) : value || 0;
  if (typeof number !== "number" || !Number.isFinite(number)) throw wrong(key, "must be a number");
  return number;
};

const usageOf = (value: unknown): Usage => {
  if (!isObject(value)) return noUsage;
  const known = [...Object.keys(noUsage), "cache_creation_1h_input_tokens"].filter(
    (key) => value[key] !== undefined && value[key] !== null,
  );
  return { ...noUsage, ...Object.fromEntries(known.map((key) => [key, numberOf(value[key], `token_usage.${key}`)])) };
};

const messagesOf = (value: unknown, meta: unknown): Message[] => {
  if (!Array.isArray(value)) throw wrong("messages", "must be a list");
  const known: unknown[] = Array.isArray(meta) && meta.length === value.length ? meta : [];
  return value.map((message: unknown, i): Message => {
    const { role, content: given } = isObject(message) ? message : {};
    const content = given ?? "";
    if ((role !== "user" && role !== "assistant") || !isContent(content)) throw wrong(`messages[${i}]`, "must have a role and a content");
    const guess: Origin = role === "assistant" ? "model" : toolResults(content).length ? "tool" : "user";
    const beside = known[i];
    const { id, origin } = isMeta(beside) ? beside : { id: `restored.${i}`, origin: guess };
    return { id, origin, role, content };
  });
};

const isContent = (value: unknown): value is Message["content"] =>
  typeof value === "string" || (Array.isArray(value) && value.every(isObject));
const isMeta = (value: unknown): value is Pick<Message, "id" | "origin"> =>
  isObject(value) && typeof value.id === "string" && typeof value.origin === "string";
const kindOf = (value: unknown): string => (Array.isArray(value) ? "list" : typeof value);
const wrong = (key: string, what: string): CheckpointError =>
  new CheckpointError(`The checkpoint cannot be restored: "${key}" ${what}.`, { details: { key } });
