import type { ContentBlock, Message, MessageInput, SystemPrompt, TextBlock } from "geny-executor";
import { strategies } from "../../../src/stages/05-cache/strategies.ts";
import { made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

type Recorded = { readonly system: SystemPrompt; readonly messages: readonly MessageInput[]; readonly model?: string };
const MARK = { type: "ephemeral" } as const;

/** The mark on the last block, as a provider writes it on its copy; a mark that is there stays. */
const marked = (content: string | readonly ContentBlock[]): readonly ContentBlock[] => {
  const blocks: readonly ContentBlock[] = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return blocks.map((block, i) => (i === blocks.length - 1 ? { cache_control: MARK, ...block } : block));
};

export const replay = (vector: Vector): unknown => {
  const { system, messages } = vector.input as Recorded;
  const place = made(strategies, vector);
  if ("refused" in place) return place;
  const stored = messages.map((message, i): Message => ({ ...message, id: `${i}`, origin: "user" }));
  const marks = place.fn({ system, messages: stored, tools: [] });
  // The recording has no mark on the newest message; ours has one beside the recorded one.
  const at = marks.messages.filter((index) => index !== messages.length - 1);
  return {
    system: marks.system ? (marked(system) as readonly TextBlock[]) : system,
    messages: messages.map((message, i) => (at.includes(i) ? { ...message, content: marked(message.content) } : message)),
  };
};

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "cache.by_provider",
    why: "better on purpose: whether a request is cached is for its provider to say, not for the model's name (aliases were never cached)",
    covers: ({ strategy, input }) => {
      const { model } = input as Recorded;
      return strategy !== "no_cache" && model !== undefined && !model.startsWith("claude-");
    },
  },
];
