/** The events of stage 6: its own, and those of the model's client. */
import { fields, flag, int, json, number, object, oneOf, text } from "../../contract/schema.ts";
import { decisionEvents } from "../decision.ts";
import { toolCallEvents } from "../tool-call.ts";

const provider = text({ about: "the provider" });
const model = text({ about: "the model" });
const source = oneOf(["api", "internal", "cli"], {
  about: "who runs the tool: later stages (api), this stage (internal), or the backend by itself (cli)",
});
const field = text({ about: "field of the request" });

export const apiEvents = {
  ...toolCallEvents,
  ...decisionEvents,
  "api.model_routed": fields({ router: text({ about: "the strategy" }), from: model, to: model }),
  "api.router.error": fields({ router: text({ about: "the strategy" }), error: text({ about: "the message" }) }),
  "api.request": fields({
    model,
    provider,
    message_count: int({ about: "messages of the history" }),
    has_tools: flag({ about: "whether tools are offered" }),
    has_thinking: flag({ about: "whether the model is asked to think" }),
    stream: flag({ about: "whether pieces of the answer are told" }),
  }),
  "api.max_tokens_lowered": fields({
    from: int({ about: "most tokens of the answer, as asked for" }),
    to: int({ about: "what the turn's budget leaves of them" }),
    remaining_usd: number({ about: "US dollars that are left of it" }),
  }),
  "api.ttft": fields({
    ttft_ms: number({ about: "milliseconds from the request to the first piece of the answer" }),
    provider,
    model,
    stream: flag({ about: "whether the answer is streamed" }),
    iteration: int({ about: "pass of the loop" }),
    first_visible: oneOf(["text", "thinking", "tool_use", "block"], { about: "what came first" }),
  }),
  "text.delta": fields({ text: text({ about: "a piece of the text" }) }),
  "thinking.delta": fields({ text: text({ about: "a piece of the thinking" }) }),
  "api.tool_use": fields({
    id: text({ about: "id of the call" }),
    name: text({ about: "the tool" }),
    input: object({ about: "its input" }),
    source,
  }),
  "api.input_json_delta": fields({ delta: text({ about: "a piece of a call's input, as JSON text" }) }),
  "api.content_block_stop": fields({}),
  "api.tool_result": fields({
    tool_use_id: text({ about: "id of the call" }),
    content: json({ about: "text or blocks" }),
    is_error: flag({ about: "whether the tool failed" }),
    source,
  }),
  "api.internal_loop_capped": fields({
    turns: int({ about: "rounds of tools that this stage answered" }),
    reason: oneOf(["max_inner_turns", "cost_budget", "tool_guard"], { about: "why it leaves the other calls to the next stages" }),
  }),
  "api.retry": fields({
    attempt: int({ about: "number of the retry, from 1" }),
    category: text({ about: "category of the failure" }),
    code: text({ about: "code of the failure" }),
    delay: number({ about: "seconds until the retry" }),
    stream: flag({ about: "present and true when the answer is streamed", default: false }),
  }),
  "api.stream_restart": fields({}),
  "api.failover": fields({
    from: object({ about: "provider, model and account that failed" }),
    to: object({ about: "provider, model and account that are asked next" }),
    code: text({ about: "code of the failure" }),
    message: text({ about: "the failure's message" }),
  }),
  "api.error": fields({
    code: text({ about: "stable code" }),
    category: text({ about: "category of the failure" }),
    provider,
    message: text({ about: "the message" }),
  }),
  "api.response": fields({
    stop_reason: text({ about: "why the model stopped" }),
    text_length: int({ about: "characters of the text" }),
    tool_calls: int({ about: "calls that the model asks for" }),
    input_tokens: int({ about: "prompt tokens at the full price" }),
    output_tokens: int({ about: "tokens of the answer" }),
    cache_read_input_tokens: int({ about: "prompt tokens read from the cache" }),
    cache_creation_input_tokens: int({ about: "prompt tokens written to the cache" }),
  }),
  "llm_client.feature_unsupported": fields({ provider, field }),
  "llm_client.parameter_dropped": fields({ provider, field, value: json({ about: "what was dropped", default: null }) }),
  "llm_client.drift_healed": fields({ provider, model, field, message: text({ about: "what the vendor said" }) }),
  "llm_client.unknown_wire_shape": fields({
    provider,
    unknown_type: text({ about: "the type that is not known", default: "" }),
    count: int({ about: "times seen", default: 0 }),
    unknown_line_count: int({ about: "lines of unknown types", default: 0 }),
    malformed_line_count: int({ about: "lines that are no JSON", default: 0 }),
    cli_version: text({ about: "version of the CLI", default: null }),
  }),
  "llm_client.tool_args_repaired": fields({ provider, raw_length: int({ about: "characters of the arguments as they came" }) }),
  "llm_client.usage_estimated": fields({
    provider,
    output_tokens: int({ about: "tokens of the answer, estimated from its length" }),
  }),
};
