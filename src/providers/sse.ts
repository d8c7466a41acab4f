/** Server-sent events from bytes, as they come: any split of the bytes gives the same events. Linear, and bounded in memory. */
import { createParser } from "eventsource-parser";
import { APIError } from "../contract/errors.ts";

export interface SseReader {
  /** Takes the next bytes and says every event that they complete. */
  push(bytes: Uint8Array): void;
  /** The body has ended: an event whose lines are whole is said although its empty line is missing; a broken-off line is dropped. */
  end(): void;
}

/** Characters of one event. */
const LIMIT = 32 << 20;

/** `say` gets the data of each event. Throws `exec.api.unknown` for an event beyond the limit, and whatever `say` throws. */
export const sseReader = (say: (data: string) => void, limit = LIMIT): SseReader => {
  const decoder = new TextDecoder();
  const parser = createParser({
    maxBufferSize: limit,
    onEvent: ({ data }) => say(data),
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded")
        throw new APIError(`The provider sent an event of more than ${limit} characters.`, {
          code: "exec.api.unknown",
          details: { limit },
        });
    },
  });
  let ending = "";
  return {
    push(bytes) {
      const text = decoder.decode(bytes, { stream: true });
      if (!text) return;
      ending = text[text.length - 1] ?? "";
      parser.feed(text);
    },
    end() {
      if (ending === "\n") parser.feed("\n");
      else if (ending === "\r") parser.feed("\n\n");
    },
  };
};
