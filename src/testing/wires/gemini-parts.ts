/** What a turn says as Gemini's parts, whole and streamed. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import type { Spoken } from "../said.ts";
import { isObject, pieces } from "./wire.ts";

export interface Shown {
  readonly part: JsonObject;
  /** How the turn wants a text split. */
  readonly chunks?: readonly string[] | undefined;
}
type Thinking = Extract<Spoken, { readonly kind: "thinking" }>;
interface Segment {
  readonly thought: Thinking | null;
  readonly rest: readonly Shown[];
}

/**
 * A thought's signature stands on the first call that follows it, else on the last text, else on the thought, else on an empty text.
 * `always`: a call that follows no thought is signed too. `malformed` is the JSON of a call that cannot be sent.
 */
export function partsOf(
  spoken: readonly Spoken[],
  always: boolean,
): { readonly shown: readonly Shown[]; readonly malformed: string | null } {
  const broken = spoken.find((one) => one.kind === "call" && argsOf(one.json) === null);
  return {
    shown: segmentsOf(spoken).flatMap((segment) => signed(segment, always)),
    malformed: broken?.kind === "call" ? broken.json : null,
  };
}

function segmentsOf(spoken: readonly Spoken[]): Segment[] {
  const segments: Segment[] = [{ thought: null, rest: [] }];
  for (const one of spoken) {
    const last = segments.at(-1);
    if (one.kind === "thinking" || !last) segments.push({ thought: one.kind === "thinking" ? one : null, rest: [] });
    else segments[segments.length - 1] = { ...last, rest: [...last.rest, ...shownOf(one)] };
  }
  return segments;
}

function shownOf(one: Exclude<Spoken, Thinking>): Shown[] {
  if (one.kind === "text") return [{ part: { text: one.text }, chunks: one.chunks }];
  const args = argsOf(one.json);
  return args === null ? [] : [{ part: { functionCall: { ...(one.id && { id: one.id }), name: one.name, args } } }];
}

function argsOf(json: string): JsonObject | null {
  try {
    const parsed: Json = JSON.parse(json);
    return isObject(parsed) ? parsed : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function signed({ thought, rest }: Segment, always: boolean): Shown[] {
  const call = rest.findIndex(({ part }) => part.functionCall !== undefined);
  const thoughtSignature = thought?.signature ?? (always && call >= 0 ? "c2lnbmVkLW9mZmxpbmU=" : "");
  const parts: Shown[] = [...(thought?.text ? [{ part: { text: thought.text, thought: true } }] : []), ...rest];
  if (!thoughtSignature) return parts;
  const at = call >= 0 ? call + parts.length - rest.length : parts.length - 1;
  if (at < 0) return [{ part: { text: "", thoughtSignature } }];
  return parts.map((one, i) => (i === at ? { ...one, part: { ...one.part, thoughtSignature } } : one));
}

/** A part in pieces; what is not text comes whole. A signature comes with the last piece. */
export function splitPart({ part, chunks }: Shown, size: number): JsonObject[] {
  if (typeof part.text !== "string") return [part];
  const { thoughtSignature: _, ...unsigned } = part;
  const texts = chunks ?? pieces(part.text, size);
  return (texts.length ? texts : [""]).map((text, i, all) => ({ ...(i === all.length - 1 ? part : unsigned), text }));
}
