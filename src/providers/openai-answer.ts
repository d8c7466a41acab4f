/** The items of a Responses answer as our events, whether they came in pieces or whole. */
import { incomplete } from "../contract/collect.ts";
import { type Json, type JsonObject, own } from "../contract/schema.ts";
import { noUsage, type Usage } from "../contract/usage.ts";
import { sayCall } from "./arguments.ts";
import { garbled } from "./failure.ts";
import { count, isObject, list, object, text } from "./json.ts";
import { kept, phased } from "./openai-kept.ts";
import type { Reading } from "./wire.ts";

const TEXT = '{"type":"response.output_text.delta",';
const DELTA = '"delta":"';

/** The place of an event's item in the answer. */
export const at = (event: JsonObject): number => count(event.output_index) ?? -1;

/** An item of the answer that has begun and not ended. */
type Item =
  /** `parts`: the indices of its texts' blocks, by their place. */
  | { readonly kind: "message"; readonly parts: (number | undefined)[] }
  /** `part`: the part of the summary that is said. */
  | { readonly kind: "reasoning"; readonly index: number; part: number }
  | { readonly kind: "call"; readonly index: number; readonly id: string; readonly name: string; json: string }
  | { readonly kind: "other" };

/** The text that grows: what its pieces begin with, and its block. */
interface Growing {
  readonly item: string;
  readonly part: string;
  readonly index: number;
}

/** Reads an answer's items, streamed or not. Its methods throw `APIError`; `end` says `finish`. */
export const answerReader = (reading: Reading) => {
  const { say, requestId } = reading;
  const items = new Map<number, Item>();
  let started = false;
  let seen = -1;
  let blocks = 0;
  let calls = 0;
  let refused = false;
  let growing: Growing | undefined;

  const wrong = (what: string) => garbled(what, reading);
  const stray = (event: JsonObject) => wrong(`a piece of item ${at(event)}, which is not open or of another kind`);
  const opened = (item: JsonObject): Item => {
    if (item.type === "message") return { kind: "message", parts: [] };
    if (item.type === "reasoning") return { kind: "reasoning", index: blocks++, part: -1 };
    if (item.type !== "function_call") return { kind: "other" };
    const call = { id: text(item.call_id) || text(item.id), name: text(item.name), index: blocks++ };
    calls++;
    say({ type: "tool_call_start", ...call });
    return { kind: "call", ...call, json: "" };
  };
  const open = (place: number, item: JsonObject) => {
    if (!started || place <= seen) throw wrong(`item ${place} begins out of turn`);
    seen = place;
    items.set(place, opened(item));
  };
  const close = (place: number, done: JsonObject) => {
    const item = items.get(place);
    if (!item) throw wrong(`item ${place} ends, which is not open`);
    items.delete(place);
    growing = undefined;
    if (item.kind === "message") endMessage(item.parts, done);
    else if (item.kind === "call")
      sayCall(reading, { ...item, name: text(done.name) || item.name, json: text(done.arguments) || item.json });
    else if (item.kind === "reasoning") endReasoning(item, done);
    else say({ type: "block", index: blocks++, block: kept(done) });
  };
  /** What was not streamed is said. */
  const endMessage = (parts: readonly (number | undefined)[], done: JsonObject) => {
    let spoke = parts.length > 0;
    for (const [i, value] of list(done.content).entries()) {
      const part = object(value);
      const refusal = part.type === "refusal";
      if (refusal) refused = true;
      else if (part.type !== "output_text") reading.unknown(text(part.type));
      const words = text(refusal ? part.refusal : part.text);
      if (parts[i] !== undefined || !words) continue;
      say({ type: "text", index: blocks++, text: words });
      spoke = true;
    }
    const phase = text(done.phase);
    if (phase && spoke) say({ type: "block", index: blocks++, block: phased(phase) });
  };
  const endReasoning = ({ index, part }: Extract<Item, { readonly kind: "reasoning" }>, done: JsonObject) => {
    const said = [...list(done.summary), ...list(done.content)].map((one) => text(object(one).text)).filter(Boolean);
    if (part < 0 && said.length) say({ type: "thinking", index, text: said.join("\n\n") });
    // Without it, the server does not know the item when it comes back.
    if (text(done.encrypted_content)) say({ type: "block", index: blocks++, block: kept(done) });
  };
  return {
    open,
    close,
    begin(response: JsonObject) {
      if (started) throw wrong("a second answer begins");
      started = true;
      say({ type: "start", model: text(response.model), id: text(response.id), requestId });
    },
    words(event: JsonObject) {
      const place = at(event);
      const item = items.get(place);
      if (item?.kind !== "message") throw stray(event);
      const part = count(event.content_index) ?? 0;
      if (event.type === "response.refusal.delta") refused = true;
      const index = item.parts[part] ?? blocks++;
      item.parts[part] = index;
      if (growing?.index !== index) growing = { item: `"output_index":${place},`, part: `"content_index":${part},`, index };
      say({ type: "text", index, text: text(event.delta) });
    },
    /** The commonest event, without building its object. False: it is another, or one with escapes. */
    plainText(data: string): boolean {
      if (!growing || !data.startsWith(TEXT) || !data.endsWith("}")) return false;
      const from = data.indexOf(DELTA, TEXT.length) + DELTA.length;
      const to = data.indexOf('"', from);
      const item = data.indexOf(growing.item);
      const part = data.indexOf(growing.part);
      if (from < DELTA.length || to < 0 || item < 0 || item > from || part < 0 || part > from) return false;
      const piece = data.slice(from, to);
      if (piece.includes("\\")) return false;
      say({ type: "text", index: growing.index, text: piece });
      return true;
    },
    /** The parts of a summary are paragraphs of one thinking. */
    thought(event: JsonObject, place: Json | undefined) {
      const item = items.get(at(event));
      if (item?.kind !== "reasoning") throw stray(event);
      const part = count(place) ?? 0;
      const gap = item.part >= 0 && part > item.part ? "\n\n" : "";
      item.part = part;
      say({ type: "thinking", index: item.index, text: gap + text(event.delta) });
    },
    json(event: JsonObject) {
      const call = items.get(at(event));
      if (call?.kind !== "call") throw stray(event);
      call.json += text(event.delta);
      if (event.delta) say({ type: "tool_call_delta", index: call.index, json: text(event.delta) });
    },
    /** `status`: completed, incomplete or failed; any other is an answer that is not whole. */
    end(response: JsonObject, status: string) {
      if (!started) throw wrong("an answer ends that has not begun");
      for (const [place, item] of list(response.output).entries()) {
        if (place <= seen) continue;
        open(place, object(item));
        close(place, object(item));
      }
      if (isObject(response.usage)) say({ type: "usage", usage: usageOf(response.usage) });
      if (status === "failed" || isObject(response.error)) throw reading.failure(JSON.stringify({ error: response.error ?? UNTOLD }));
      const short = status === "incomplete";
      if (!short && (status !== "completed" || items.size)) throw incomplete(reading.provider);
      const stopReason = refused ? "refusal" : calls ? "tool_use" : "end_turn";
      say({ type: "finish", stopReason: short ? cutShort(text(object(response.incomplete_details).reason), reading) : stopReason });
    },
  };
};

const UNTOLD = { code: "server_error", message: "the model failed and does not say why" };
const CUT: { readonly [reason: string]: string } = { max_output_tokens: "max_tokens", content_filter: "content_filter" };
/** An answer that was cut short for a reason that is not known is told of as one that had no tokens left. */
const cutShort = (reason: string, { unknown }: Reading): string => {
  const known = own(CUT, reason);
  if (known === undefined) unknown(`incomplete: ${reason}`);
  return known ?? "max_tokens";
};

/** The prompt's count holds what was read from the cache and written to it; the answer's holds the reasoning. */
const usageOf = (counts: JsonObject): Usage => {
  const details = object(counts.input_tokens_details);
  const read = count(details.cached_tokens) ?? 0;
  const written = count(details.cache_write_tokens) ?? 0;
  return {
    ...noUsage,
    input_tokens: Math.max(0, (count(counts.input_tokens) ?? 0) - read - written),
    output_tokens: count(counts.output_tokens) ?? 0,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
  };
};
