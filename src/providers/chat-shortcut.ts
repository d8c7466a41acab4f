/** The chunks of an answer mostly differ in one short text. Once one was read whole, the next are told by what stands around it. */
import type { JsonObject } from "../contract/schema.ts";
import { text } from "./json.ts";

export type Voice = "text" | "thinking";

const KEYS = { text: ['"content":"'], thinking: ['"reasoning_content":"', '"reasoning":"'] };

export const shortcut = () => {
  let head = "";
  let tail = "";
  let voice: Voice | undefined;
  return {
    /** The piece that a chunk says in the voice that is heard; empty when the chunk must be read whole. */
    piece(data: string, open: Voice | undefined): string {
      if (voice === undefined || voice !== open || !data.startsWith(head) || !data.endsWith(tail)) return "";
      const piece = data.slice(head.length, data.length - tail.length);
      return piece.includes('"') || piece.includes("\\") ? "" : piece;
    },
    /** Takes a chunk for a pattern, if its message says a piece in this voice and nothing else. */
    learn(data: string, { content, reasoning_content, reasoning, refusal, tool_calls }: JsonObject, open: Voice): void {
      const thought = text(reasoning_content) || text(reasoning);
      const [piece, other] = open === "text" ? [text(content), thought] : [thought, content];
      if (piece === "" || other || refusal || tool_calls) return;
      for (const key of KEYS[open]) {
        const from = data.indexOf(key) + key.length;
        if (from < key.length || data.includes(key, from) || !data.startsWith(`${piece}"`, from)) continue;
        head = data.slice(0, from);
        tail = data.slice(from + piece.length);
        voice = open;
        return;
      }
    },
  };
};
