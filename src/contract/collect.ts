/** The fold from a provider's stream to its whole answer. */
import { APIError } from "./errors.ts";
import type { ContentBlock } from "./message.ts";
import type { ModelEvent, ModelResponse } from "./provider.ts";
import { noUsage } from "./usage.ts";

/** Text and thinking are kept in an open form while they grow. */
type Open = { index: number; kind: "text" | "thinking"; text: string; signature: string | undefined };

export interface Fold {
  /** Takes the next event. */
  add(event: ModelEvent): void;
  /** The answer up to now; whole once `finish` was added. */
  response(): ModelResponse;
  /** What was said since the wire last counted tokens. */
  unsaid(): string;
  readonly finished: boolean;
}

/** A fold that can be read at any time, so that a broken stream still gives its words and its bill. */
export const fold = (provider: string, model: string): Fold => {
  const content: ContentBlock[] = [];
  let open: Open | undefined;
  let head = { model, id: "", provider };
  let usage = noUsage;
  let stop: { reason: string; sequence: string | null } | undefined;
  /** Characters since the last count, and the arguments of a call that is not whole. */
  let uncounted = 0;
  let calling = "";
  const sealed = (block: Open): ContentBlock =>
    block.kind === "text"
      ? { type: "text", text: block.text }
      : { type: "thinking", thinking: block.text, ...(block.signature === undefined ? {} : { signature: block.signature }) };
  const seal = () => {
    if (open && (open.text || open.signature !== undefined)) content.push(sealed(open));
    open = undefined;
  };
  const grow = (kind: "text" | "thinking", index: number): Open => {
    if (open?.index !== index || open.kind !== kind) {
      seal();
      open = { index, kind, text: "", signature: undefined };
    }
    return open;
  };
  const answer = {
    finished: false,
    add(event: ModelEvent) {
      switch (event.type) {
        case "text":
          grow("text", event.index).text += event.text;
          uncounted += event.text.length;
          break;
        case "thinking": {
          const block = grow("thinking", event.index);
          block.text += event.text;
          uncounted += event.text.length;
          if (event.signature !== undefined) block.signature = event.signature;
          break;
        }
        case "tool_call_delta":
          calling += event.json;
          uncounted += event.json.length;
          break;
        case "tool_call":
          seal();
          if (!calling) uncounted += JSON.stringify(event.input).length;
          calling = "";
          content.push({ type: "tool_use", id: event.id, name: event.name, input: event.input });
          break;
        case "block":
          seal();
          content.push(event.block);
          break;
        case "start":
          head = { model: event.model || model, id: event.id, provider: event.provider ?? provider };
          break;
        case "failover":
          head = { model: event.to.model, id: "", provider: event.to.provider };
          usage = noUsage;
          uncounted = 0;
          break;
        case "usage":
          usage = event.usage;
          uncounted = 0;
          break;
        case "finish":
          seal();
          stop = { reason: event.stopReason, sequence: event.stopSequence ?? null };
          answer.finished = true;
          break;
        case "tool_call_start":
          seal();
      }
    },
    response: (): ModelResponse => ({
      content: open && (open.text || open.signature !== undefined) ? [...content, sealed(open)] : [...content],
      stop_reason: stop?.reason ?? "",
      stop_sequence: stop?.sequence ?? null,
      usage,
      model: head.model,
      message_id: head.id,
      provider: head.provider,
    }),
    unsaid() {
      if (uncounted === 0) return "";
      const all = content.map(wordsOf).join("") + (open?.text ?? "") + calling;
      return all.slice(-uncounted);
    },
  };
  return answer;
};

const wordsOf = (block: ContentBlock): string =>
  block.type === "text"
    ? block.text
    : block.type === "thinking"
      ? block.thinking
      : block.type === "tool_use"
        ? JSON.stringify(block.input)
        : "";

/** Waits for the whole answer. Throws `exec.api.stream_incomplete` when the stream ends without `finish`. */
export const collect = async (provider: string, model: string, events: AsyncIterable<ModelEvent>): Promise<ModelResponse> => {
  const answer = fold(provider, model);
  for await (const event of events) answer.add(event);
  if (!answer.finished) throw incomplete(provider);
  return answer.response();
};

export const incomplete = (provider: string): APIError =>
  new APIError(`The answer of ${provider} ended before it was finished. Try again.`, { code: "exec.api.stream_incomplete" });
