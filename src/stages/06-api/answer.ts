/** What an answer leaves in the history. */
import type { ContentBlock } from "../../contract/message.ts";
import type { ModelResponse } from "../../contract/provider.ts";
import type { Usage } from "../../contract/usage.ts";

/** Vendors refuse text without a visible character, also in a history. */
const blank = (block: ContentBlock): boolean => block.type === "text" && !block.text.trim();

/** The blocks to keep; none, if nothing was said. */
export const spoken = (content: readonly ContentBlock[]): readonly ContentBlock[] => content.filter((block) => !blank(block));

/** Of an answer that broke off: its text, and thinking that the vendor will take back. Its tool calls are not made. */
export const rescued = (content: readonly ContentBlock[]): readonly ContentBlock[] =>
  spoken(content).filter(
    (block) => block.type === "text" || (block.type === "thinking" && block.signature !== undefined) || block.type === "redacted_thinking",
  );

export const counts = ({ usage }: ModelResponse): boolean =>
  Object.entries(usage).some(([key, value]) => key !== ("duration_ms" satisfies keyof Usage) && value);
