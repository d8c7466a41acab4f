/** Blocks of the CLI's messages as events. A block comes in pieces, then once more as a whole, or only as a whole: it is told once. */
import type { ModelEvent } from "../../contract/provider.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";
import { count, isObject, list, object, parsed, text } from "../json.ts";

/** Who speaks: the main loop, or a sub-agent that the named call began. */
export interface Source {
  readonly parent: string | null;
}
export interface BlockReading {
  readonly structured: boolean;
  /** The name under which a tool is told. */
  nameOf(name: string): string;
  say(event: ModelEvent): void;
  unknown(kind: string): void;
}

/** The CLI's own tool for an answer that must be JSON. */
const OUTPUT_TOOL = "StructuredOutput";

interface Open {
  readonly kind: "text" | "thinking" | "tool_use";
  readonly index: number;
  readonly id: string;
  readonly input: Json | undefined;
  json: string;
}

export interface BlockReader {
  /** An event of a message that is being written. */
  event(event: JsonObject, source: Source): void;
  /** A message, or a part of one, as a whole. */
  message(id: string, content: readonly Json[], source: Source): void;
  /** What tools answered. */
  results(content: Json | undefined): void;
  /** The turn is over: says the text that was held back, or that only the result has. */
  end(output: Json | undefined, result: string): void;
}

export const blockReader = ({ structured, nameOf, say, unknown }: BlockReading): BlockReader => {
  /** Blocks of the message that is being written, by their place in it. */
  const open = new Map<number, Open>();
  const names = new Map<string, string>();
  const called = new Set<string>();
  const streamed = new Set<string>();
  /** The message that is being written; empty for one without a name. */
  let current = "";
  let unnamed = false;
  let next = 0;
  let spoken = false;
  let held = "";

  const hidden = (name: string | undefined): boolean => structured && name === OUTPUT_TOOL;
  const speak = (index: number, words: string) => {
    if (!words) return;
    if (structured) held += words;
    else say({ type: "text", index, text: words });
    spoken = true;
  };
  const call = (id: string, name: string, input: JsonObject) => {
    if (called.has(id)) return;
    called.add(id);
    names.set(id, name);
    if (!hidden(name)) say({ type: "cli_tool", id, name: nameOf(name), input });
  };

  const begin = (place: number, kind: Open["kind"], block: JsonObject): Open => {
    if (current) streamed.add(current);
    else unnamed = true;
    const begun: Open = { kind, index: next++, id: text(block.id), input: block.input, json: "" };
    open.set(place, begun);
    if (kind === "text") speak(begun.index, text(block.text));
    if (kind === "tool_use") {
      names.set(begun.id, text(block.name));
      if (!hidden(text(block.name))) say({ type: "tool_call_start", index: begun.index, id: begun.id, name: nameOf(text(block.name)) });
    }
    return begun;
  };
  const at = (place: number, kind: Open["kind"]): Open => {
    const found = open.get(place);
    return found?.kind === kind ? found : begin(place, kind, {});
  };

  const delta = (place: number, piece: JsonObject) => {
    switch (piece.type) {
      case "text_delta":
        return speak(at(place, "text").index, text(piece.text));
      case "thinking_delta":
        return say({ type: "thinking", index: at(place, "thinking").index, text: text(piece.thinking) || text(piece.text) });
      case "signature_delta":
        return say({ type: "thinking", index: at(place, "thinking").index, text: "", signature: text(piece.signature) });
      case "input_json_delta": {
        const block = at(place, "tool_use");
        const json = text(piece.partial_json);
        block.json += json;
        if (json && !hidden(names.get(block.id))) say({ type: "tool_call_delta", index: block.index, json });
        return;
      }
      case "citations_delta":
        return;
      default:
        unknown(`delta.${text(piece.type)}`);
    }
  };

  const whole = (block: JsonObject, told: boolean, own: boolean) => {
    const kind = text(block.type);
    if (kind === "tool_use") call(text(block.id), text(block.name), object(block.input));
    else if (!own) return;
    else if (kind === "redacted_thinking") say({ type: "block", index: next++, block: { type: kind, data: text(block.data) } });
    else if (kind !== "text" && kind !== "thinking") unknown(`assistant.${kind}`);
    else if (told) return;
    else if (kind === "text") speak(next++, text(block.text));
    else {
      const signature = text(block.signature);
      say({ type: "thinking", index: next++, text: text(block.thinking) || text(block.text), ...(signature ? { signature } : {}) });
    }
  };

  return {
    event(event, { parent }) {
      if (parent !== null) return;
      const place = count(event.index) ?? -1;
      switch (event.type) {
        case "message_start":
          current = text(object(event.message).id);
          open.clear();
          return;
        case "content_block_start": {
          const block = object(event.content_block);
          if (block.type === "text" || block.type === "thinking" || block.type === "tool_use") begin(place, block.type, block);
          return;
        }
        case "content_block_delta":
          return delta(place, object(event.delta));
        case "content_block_stop": {
          const block = open.get(place);
          const input = block?.json ? parsed(block.json) : block?.input;
          if (block?.kind === "tool_use" && isObject(input)) call(block.id, names.get(block.id) ?? "", input);
          open.delete(place);
          return;
        }
        case "message_delta":
        case "message_stop":
        case "ping":
        case "error":
          return;
        default:
          unknown(`stream_event.${text(event.type)}`);
      }
    },
    message(id, content, { parent }) {
      const own = parent === null;
      if (own && unnamed) streamed.add(id);
      if (own) unnamed = false;
      for (const block of content) if (isObject(block)) whole(block, streamed.has(id), own);
    },
    results(content) {
      for (const block of list(content).filter(isObject)) {
        const id = text(block.tool_use_id);
        const name = names.get(id) ?? "";
        if (block.type !== "tool_result" || hidden(name)) continue;
        say({ type: "cli_tool", id, name: nameOf(name), result: { content: plain(block.content), is_error: block.is_error === true } });
      }
    },
    end(output, result) {
      if (structured) {
        const words = output === undefined ? result || held : JSON.stringify(output);
        if (words) say({ type: "text", index: next++, text: words });
      } else if (!spoken && result) speak(next++, result);
    },
  };
};

const plain = (content: Json | undefined): string =>
  typeof content === "string"
    ? content
    : list(content)
        .map((block) => text(object(block).text) || `[${text(object(block).type)}]`)
        .join("\n");
