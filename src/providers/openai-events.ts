/** The Responses API's answers as our events. A stream that contradicts itself is an error; what is merely new is kept or reported. */
import { type Json, type JsonObject, own } from "../contract/schema.ts";
import { garbled } from "./failure.ts";
import { isObject, object, parsed, text } from "./json.ts";
import { answerReader, at } from "./openai-answer.ts";
import type { Reading, StreamReader } from "./wire.ts";

/** Says an answer that was not streamed. False when it is none. */
export const sayAnswer = (body: Json | undefined, reading: Reading): boolean => {
  if (!isObject(body) || !Array.isArray(body.output)) return false;
  const answer = answerReader(reading);
  answer.begin(body);
  answer.end(body, text(body.status));
  return true;
};

/** These say nothing that others do not. */
const SILENT = new Set([
  "response.queued",
  "response.in_progress",
  "response.content_part.added",
  "response.content_part.done",
  "response.output_text.done",
  "response.output_text.annotation.added",
  "response.refusal.done",
  "response.reasoning_summary_part.added",
  "response.reasoning_summary_part.done",
  "response.reasoning_summary_text.done",
  "response.reasoning_text.done",
  "response.function_call_arguments.done",
  "keepalive",
]);

/** Reads a stream's events by their data. `take` throws `APIError`; what comes after the answer's end is ignored. */
export const streamReader = (reading: Reading): StreamReader => {
  const answer = answerReader(reading);
  const ends = (status: string) => (event: JsonObject) => {
    answer.end(object(event.response), status);
    reader.finished = true;
  };
  const handlers: { readonly [type: string]: (event: JsonObject) => void } = {
    "response.created": (event) => answer.begin(object(event.response)),
    "response.output_item.added": (event) => answer.open(at(event), object(event.item)),
    "response.output_item.done": (event) => answer.close(at(event), object(event.item)),
    "response.output_text.delta": answer.words,
    "response.refusal.delta": answer.words,
    "response.reasoning_summary_text.delta": (event) => answer.thought(event, event.summary_index),
    "response.reasoning_text.delta": (event) => answer.thought(event, event.content_index),
    "response.function_call_arguments.delta": answer.json,
    "response.completed": ends("completed"),
    "response.incomplete": ends("incomplete"),
    "response.failed": ends("failed"),
  };
  const reader = {
    finished: false,
    take(data: string) {
      if (reader.finished || answer.plainText(data)) return;
      const event = parsed(data);
      if (!isObject(event)) throw garbled("an event that is no JSON object", reading);
      const type = text(event.type);
      if (type === "error" || (!type && event.error)) throw reading.failure(data);
      const handle = own(handlers, type);
      if (handle) handle(event);
      else if (!SILENT.has(type)) reading.unknown(type);
    },
  };
  return reader;
};
