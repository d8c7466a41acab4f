/**
 * Run as a program, it stands in for `claude` where that is not installed: it asks whoever is at ANTHROPIC_BASE_URL once, and tells what it
 * hears in the CLI's lines. It has no tools, keeps nothing and asks nobody twice.
 */
import { readFileSync, writeSync } from "node:fs";
import { createParser } from "eventsource-parser";

const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);
const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
};
type Block = { readonly type: string; readonly name?: string; readonly input?: object };
type Answer = { id: string; content: readonly Block[]; stop_reason: string; usage: object };

/** A failure in the words of the program. */
class Failure extends Error {
  readonly status: number | null;
  readonly kind: string;
  constructor(words: string, status: number | null = null, kind = "unknown") {
    super(words);
    this.status = status;
    this.kind = kind;
  }
}
const KINDS: Record<number, string> = {
  400: "invalid_request",
  401: "authentication_failed",
  403: "authentication_failed",
  404: "model_not_found",
  429: "rate_limit",
  529: "overloaded",
};

const ask = async (stream: boolean): Promise<Response> => {
  const { message } = JSON.parse(readFileSync(0, "utf8")) as { message: object };
  const system =
    option("--system-prompt") ?? (option("--system-prompt-file") && readFileSync(option("--system-prompt-file") ?? "", "utf8"));
  const schema = option("--json-schema");
  const tools = schema ? [{ name: "StructuredOutput", description: "Takes the answer.", input_schema: JSON.parse(schema) }] : [];
  const answer = await fetch(`${process.env.ANTHROPIC_BASE_URL}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": process.env.ANTHROPIC_API_KEY ?? "", "anthropic-version": "2023-06-01" },
    body: JSON.stringify({ model: option("--model"), max_tokens: 4096, ...(system ? { system } : {}), messages: [message], tools, stream }),
  }).catch((error: Error) => {
    throw new Failure(`API Error: Connection error (${error.message}).`);
  });
  if (answer.ok) return answer;
  throw new Failure(`API Error: ${answer.status} ${await answer.text()}`, answer.status, KINDS[answer.status] ?? "server_error");
};

const json = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Failure("API Error: JSON Parse error: Unexpected EOF");
  }
};

/** Tells every event of the stream. */
const streamed = async (): Promise<Answer> => {
  const { body } = await ask(true);
  const answer: Answer = { id: "", content: [], stop_reason: "", usage: {} };
  let call: { name: string; json: string } | undefined;
  let events = 0;
  const hear = (data: string) => {
    const event = json(data) as {
      type: string;
      message?: { id: string; usage: object };
      usage?: object;
      delta?: { stop_reason?: string; partial_json?: string };
      content_block?: Block;
      error?: { type: string; message: string };
    };
    events++;
    if (event.type === "error") throw new Failure(`API Error: ${event.error?.message}`, null, "overloaded");
    say({ type: "stream_event", event, parent_tool_use_id: null });
    if (event.message) Object.assign(answer, { id: event.message.id, usage: event.message.usage });
    if (event.content_block?.name) call = { name: event.content_block.name, json: "" };
    if (call) call.json += event.delta?.partial_json ?? "";
    if (event.type === "message_delta")
      Object.assign(answer, { stop_reason: event.delta?.stop_reason, usage: { ...answer.usage, ...event.usage } });
  };
  const parser = createParser({ onEvent: ({ data }) => hear(data) });
  const decoder = new TextDecoder();
  try {
    for await (const piece of body ?? []) parser.feed(decoder.decode(piece as Uint8Array, { stream: true }));
  } catch (error) {
    throw error instanceof Failure ? error : new Failure("API Error: Connection closed mid-response.");
  }
  if (!events) throw new Failure("API Error: Stream ended without receiving any events");
  return call ? { ...answer, content: [{ type: "tool_use", name: call.name, input: json(call.json) }] } : answer;
};

const whole = async (): Promise<Answer> => {
  const answer = json(await (await ask(false)).text()) as unknown as Answer;
  say({ type: "assistant", message: answer, parent_tool_use_id: null });
  return answer;
};

if (process.argv.includes("--version")) {
  console.log("0.0.0 (a stand-in)");
  process.exit();
}
say({ type: "system", subtype: "init", session_id: "mini", model: option("--model"), claude_code_version: "0.0.0" });
const end = { type: "result", session_id: "mini", subtype: "success" };
try {
  const { content, stop_reason, usage } = await (process.argv.includes("--include-partial-messages") ? streamed() : whole());
  const output = content.find(({ name }) => name === "StructuredOutput")?.input;
  say({ ...end, total_cost_usd: 0.001, is_error: false, stop_reason, usage, result: "", ...(output && { structured_output: output }) });
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  const { message, status, kind } = error;
  say({ type: "assistant", message: { id: "e", content: [{ type: "text", text: message }] }, error: kind, api_error_status: status });
  say({ ...end, total_cost_usd: 0, is_error: true, api_error_status: status, result: message });
  process.exitCode = 1;
}
