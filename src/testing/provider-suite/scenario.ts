/** A scenario of the provider suite: data that says what the model does, what it is asked, and what must be heard. */
import type { ErrorCode, JsonObject, Message, ModelRequest, ToolSpec, Usage } from "../../index.ts";
import type { Turn } from "../script.ts";

/** An event whose pieces are joined, without what is each wire's own: ids, indices, counts, a vendor's own blocks. */
export type Heard =
  | { readonly type: "start" | "usage" }
  | { readonly type: "text" | "thinking"; readonly text: string }
  | { readonly type: "tool_call_start"; readonly name: string }
  | { readonly type: "tool_call_delta"; readonly json: string }
  | { readonly type: "tool_call"; readonly name: string; readonly input: JsonObject; readonly unparsed?: true }
  | { readonly type: "finish"; readonly stopReason: string; readonly stopSequence?: string };

/** How a wire may differ from the others. Whoever claims a trait gives its reason. */
export const TRAITS = {
  own_tools: "takes no tools of ours, and runs its own",
  whole_calls: "a call comes whole, without pieces of its arguments",
  sound_calls: "arguments that are no object never arrive, and the answer fails",
  unsigned: "thinking bears no signature and is not sent back",
  joined_texts: "texts in a row are one text",
  silent_stop: "that a stop sequence ended the answer is not told",
  unnamed_stop: "which stop sequence ended the answer is not told",
  no_pause: "an answer cannot pause",
  no_window_stop: "a full window is told as max_tokens",
  one_refusal: "what a filter ended is told as a refusal",
  unnumbered: "pieces bear no numbers or bounds, so that one that comes twice cannot be told",
  no_cache_writes: "cache writes are not counted apart",
  own_marks: "places cache marks by itself",
  one_limit: "the time limit is that of the whole call",
  early_start: "says that it starts before the model answers",
  goes_on: "asks again by itself when an answer was cut short, empty or refused",
  output_by_tool: "an answer by schema is a call of its tool StructuredOutput",
  own_codes: "failures of credentials and of time have codes of its own",
  no_waiting_time: "does not tell how long to wait",
  own_reading: "a program in between reads the wire, and decides what becomes of a broken answer",
} as const;
export type Trait = keyof typeof TRAITS;

/** When a reader turns away: before it asks, when the request is out, at the first piece of text or of arguments, at the end. */
export type Moment = "before" | "asked" | "text" | "arguments" | "finish";

export interface Scenario {
  readonly name: string;
  /** What the model does, a turn a round. */
  readonly script: readonly Turn[];
  /** Turns may be left over. */
  readonly spare?: true;
  /** Default: one user message. */
  readonly request?: Partial<ModelRequest>;
  /** Questions; the answer to one, with a result for each of its calls, else "Go on.", leads to the next. Default 1. */
  readonly rounds?: number;
  /** The same is asked once more, not streamed: but for the pieces, the answer must be the same. */
  readonly alsoWhole?: true;
  /** What the last answer is; of one that breaks off, text and arguments may be a beginning. */
  readonly events: readonly Heard[];
  /** Where the answer breaks off is the wire's own affair: any beginning of `events` will do. */
  readonly begins?: true;
  readonly fails?: Failing;
  readonly usage?: Partial<Usage>;
  /** Texts that the last request holds. */
  readonly sends?: readonly string[];
  /** What is either held by every request, or told once as a notice with that field. */
  readonly sendsOrTells?: { readonly [field: string]: string };
  /** Comes after every cache mark, and after the texts of `sends`. */
  readonly sendsLast?: string;
  /** Milliseconds that the provider may wait. */
  readonly timeoutMs?: number;
  /** Ends with the signal's reason, and the socket is closed; at "finish" it is too late, and nothing happens. */
  readonly aborts?: Moment;
  /** The reader leaves, and the socket is closed. */
  readonly leaves?: Moment;
  /** Nobody listens at the address. */
  readonly nobody?: true;
  /** Traits with which it cannot be played. */
  readonly not?: readonly Trait[];
  /** What else holds with a trait. */
  readonly having?: { readonly [T in Trait]?: Partial<Scenario> };
}

export interface Failing {
  /** One of these. */
  readonly code: ErrorCode | readonly ErrorCode[];
  /** Left out: not judged. */
  readonly status?: number | null;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** What is heard of a whole answer that says this. */
export const answer = (...blocks: readonly (readonly Heard[] | string)[]): readonly Heard[] => ended("end_turn", ...blocks);
export const ended = (stopReason: string, ...blocks: readonly (readonly Heard[] | string)[]): readonly Heard[] => [
  ...begun(...blocks),
  { type: "usage" },
  { type: "finish", stopReason },
];
/** Of one that breaks off. */
export const begun = (...blocks: readonly (readonly Heard[] | string)[]): readonly Heard[] => [
  { type: "start" },
  ...blocks.flatMap((block) => (typeof block === "string" ? [{ type: "text", text: block } as const] : block)),
];
export const thought = (text: string): readonly Heard[] => [{ type: "thinking", text }];
/** A call. A piece of arguments is heard unless there are none. */
export const call = (name: string, input: JsonObject): readonly Heard[] => [
  { type: "tool_call_start", name },
  ...(Object.keys(input).length ? [{ type: "tool_call_delta", json: JSON.stringify(input) } as const] : []),
  { type: "tool_call", name, input },
];

export const user = (content: Message["content"]): Message => ({ id: "", origin: "user", role: "user", content });
export const model = (content: Message["content"]): Message => ({ id: "", origin: "model", role: "assistant", content });

/** The tools that are offered. */
export const LOOK: ToolSpec = {
  name: "look",
  description: "Looks at a place.",
  input_schema: { type: "object", properties: { at: { type: "string" } }, required: ["at"] },
};
const NOW: ToolSpec = { name: "now", description: "Tells the time.", input_schema: { type: "object", properties: {} } };
export const tools = [LOOK, NOW] as const;
/** Asks for thinking that is shown. */
export const thinking = { type: "enabled", budgetTokens: 2048, display: "summarized" } as const;
