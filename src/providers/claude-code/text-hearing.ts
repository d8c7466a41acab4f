/** A text-only provider's events as those of one with tools: calls in place of their text, blocks numbered anew. */
import type { ClientNotice, ModelEvent } from "../../contract/provider.ts";
import type { JsonObject } from "../../contract/schema.ts";
import type { ToolSpec } from "../../contract/tool.ts";
import { noUsage, type Usage } from "../../contract/usage.ts";
import { callReader, type NoCall, type TextCall } from "./text-calls.ts";

export interface Hearing {
  take(event: ModelEvent): void;
  /** The provider will not count any more: says an estimate of what it has not counted. */
  settle(): void;
  /** What is to be told since the last time. */
  said(): readonly ModelEvent[];
  /** There were calls, and the model has gone on after them. */
  readonly beyond: boolean;
}

export type Notice = (kind: ClientNotice, data: JsonObject) => ModelEvent;
export interface Hears {
  readonly tag: string;
  readonly tools: readonly ToolSpec[];
  readonly notice: Notice;
}

/** Bytes of text in a token, rather too few than too many. */
const BYTES = 3;

export const hearing = ({ tag, tools, notice }: Hears): Hearing => {
  const { say, at, said } = telling();
  const odd = new Map<NoCall, number>();
  let usage: Usage = noUsage;
  /** Bytes of the answer since tokens were counted. */
  let uncounted = 0;
  let calls = 0;
  let words = "";
  const call = ({ name, input, mended }: TextCall) => {
    const made = { index: at(`call ${++calls}`), id: `${tag.slice("tool_".length)}_${calls}`, name };
    say({ type: "tool_call_start", ...made });
    say({ type: "tool_call_delta", index: made.index, json: JSON.stringify(input) });
    if (mended !== null) say(notice("tool_args_repaired", { raw_length: mended, tool: name, repaired: true }));
    say({ type: "tool_call", ...made, input });
  };
  const reader = callReader({
    ...{ tag, toolOf: named(tools), call },
    text: (text) => say({ type: "text", index: at(words), text }),
    none: (why) => odd.set(why, (odd.get(why) ?? 0) + 1),
  });
  const hear = (event: Extract<ModelEvent, { type: "text" }>) => {
    uncounted += Buffer.byteLength(event.text);
    words = `text ${event.index}`;
    if (tools.length) reader.push(event.text);
    else say({ ...event, index: at(words) });
  };
  const finish = (event: Extract<ModelEvent, { type: "finish" }>) => {
    reader.end();
    for (const [why, count] of odd) say(notice("unknown_wire_shape", { unknown_type: `tool_call.${why}`, count }));
    say(calls && event.stopReason === "end_turn" ? { ...event, stopReason: "tool_use" } : event);
  };
  return {
    take(event) {
      switch (event.type) {
        case "text":
          return hear(event);
        case "thinking":
          uncounted += Buffer.byteLength(event.text);
          return say({ ...event, index: at(`thinking ${event.index}`) });
        case "block":
        case "tool_call_start":
        case "tool_call_delta":
        case "tool_call":
          return say({ ...event, index: at(`block ${event.index}`) });
        case "usage":
          usage = event.usage;
          uncounted = 0;
          return say(event);
        case "finish":
          return finish(event);
        default:
          return say(event);
      }
    },
    settle() {
      if (uncounted === 0) return;
      const output_tokens = usage.output_tokens + Math.ceil(uncounted / BYTES);
      say({ type: "usage", usage: { ...usage, output_tokens } });
      say(notice("usage_estimated", { output_tokens }));
    },
    said,
    get beyond() {
      return reader.beyond;
    },
  };
};

const telling = () => {
  let waiting: ModelEvent[] = [];
  let index = -1;
  let open = "";
  return {
    say: (event: ModelEvent) => void waiting.push(event),
    /** The number of a block: a new one when it is not the block before. */
    at(block: string): number {
      if (block !== open) index++;
      open = block;
      return index;
    },
    said(): readonly ModelEvent[] {
      const now = waiting;
      waiting = [];
      return now;
    },
  };
};

/** A tool by its name, whatever its case; none where that fits several. */
const named = (tools: readonly ToolSpec[]): ((name: string) => string | undefined) => {
  const exact = new Set(tools.map(({ name }) => name));
  const folded = Map.groupBy(exact, (name) => name.toLowerCase());
  return (name) => {
    const alike = folded.get(name.toLowerCase()) ?? [];
    return exact.has(name) ? name : alike.length === 1 ? alike[0] : undefined;
  };
};
