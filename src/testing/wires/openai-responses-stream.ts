/** The events of one output item on OpenAI's Responses wire. */
import type { JsonObject } from "../../contract/schema.ts";
import { objects, pieces, type SseEvent } from "./wire.ts";

interface Pace {
  /** Code points in a delta. */
  readonly size: number;
  /** How the only text is split, when the turn says how. */
  readonly chunks: readonly string[] | undefined;
}
type Data = JsonObject & { readonly type: string };

/** Numbers the events of one stream. */
export function created(): (data: Data) => SseEvent {
  let sequence_number = 0;
  return (data) => ({ event: data.type, data: JSON.stringify({ ...data, sequence_number: sequence_number++ }) });
}

export function itemEvents(item: JsonObject, output_index: number, pace: Pace): Data[] {
  const where = { output_index, item_id: item.id ?? "" };
  const added = (open: JsonObject): Data => ({ type: "response.output_item.added", output_index, item: { ...item, ...open } });
  const done: Data = { type: "response.output_item.done", output_index, item };
  if (item.type === "reasoning") {
    const parts = objects(item.summary).flatMap((part, summary_index) =>
      summaryEvents(String(part.text), { ...where, summary_index }, pace),
    );
    return [added({ summary: [] }), ...parts, done];
  }
  if (item.type === "function_call") {
    const json = String(item.arguments);
    const type = "response.function_call_arguments";
    const deltas = pieces(json, pace.size).map((delta) => ({ type: `${type}.delta`, ...where, delta }));
    return [
      added({ arguments: "", status: "in_progress" }),
      ...deltas,
      { type: `${type}.done`, ...where, name: item.name ?? "", arguments: json },
      done,
    ];
  }
  const parts = objects(item.content).flatMap((part, content_index) => partEvents(part, { ...where, content_index }, pace));
  return [added({ content: [], status: "in_progress" }), ...parts, done];
}

function summaryEvents(text: string, where: JsonObject, { size }: Pace): Data[] {
  const part = (words: string): JsonObject => ({ type: "summary_text", text: words });
  const type = "response.reasoning_summary_text";
  return [
    { type: "response.reasoning_summary_part.added", ...where, part: part("") },
    ...pieces(text, size).map((delta) => ({ type: `${type}.delta`, ...where, delta })),
    { type: `${type}.done`, ...where, text },
    { type: "response.reasoning_summary_part.done", ...where, part: part(text) },
  ];
}

function partEvents(part: JsonObject, where: JsonObject, { size, chunks }: Pace): Data[] {
  const refusal = part.type === "refusal";
  const key = refusal ? "refusal" : "text";
  const type = refusal ? "response.refusal" : "response.output_text";
  const more: JsonObject = refusal ? {} : { logprobs: [] };
  const words = String(part[key]);
  const deltas = (refusal ? undefined : chunks) ?? pieces(words, size);
  return [
    { type: "response.content_part.added", ...where, part: { ...part, [key]: "" } },
    ...deltas.map((delta) => ({ type: `${type}.delta`, ...where, delta, ...more })),
    { type: `${type}.done`, ...where, [key]: words, ...more },
    { type: "response.content_part.done", ...where, part },
  ];
}
