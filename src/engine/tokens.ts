/**
 * Estimated tokens, offline. A run of one class of characters has its own rate, found by fitting to counts of real models: Latin letters 2.9
 * characters a token, digits 2, Hangul 1.4 tokens a syllable, CJK and kana 1 a character, punctuation 0.95, a line break 1.5, any other sign
 * 3; all times 1.06. An image is 1600.
 */
import type { ContentBlock, Message, TextBlock } from "../contract/message.ts";
import { remember } from "../contract/remember.ts";
import type { Tokens } from "../contract/services.ts";
import type { ToolSpec } from "../contract/tool.ts";

const IMAGE = 1600;
const MARGIN = 1.06;
const OVERHEAD = 4;

const rate = (code: number): number => {
  if (code === 10) return 1.5;
  if (code === 32 || code === 9 || code === 13) return 0;
  if (code >= 48 && code <= 57) return 1 / 2;
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122) || (code >= 0xc0 && code <= 0x24f)) return 1 / 2.9;
  if (code < 128) return 0.95;
  if (code >= 0xac00 && code <= 0xd7a3) return 1.4;
  if ((code >= 0x3040 && code <= 0x30ff) || (code >= 0x3400 && code <= 0x9fff) || (code >= 0xf900 && code <= 0xfaff)) return 1;
  if (code >= 0x0370 && code <= 0x1fff) return 1 / 2;
  return code >= 0xd800 && code <= 0xdfff ? 1.5 : 3;
};

const ofText = (text: string): number => {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum += rate(text.charCodeAt(i));
  return sum * MARGIN;
};

const ofBlock = (block: ContentBlock): number => {
  switch (block.type) {
    case "text":
      return ofText(block.text);
    case "thinking":
      return ofText(block.thinking);
    case "tool_use":
      return ofText(block.name) + ofText(JSON.stringify(block.input)) + OVERHEAD;
    case "tool_result":
      return (typeof block.content === "string" ? ofText(block.content) : block.content.reduce((n, b) => n + ofBlock(b), 0)) + OVERHEAD;
    case "image":
      return IMAGE;
    case "document":
      return block.source.type === "text" ? ofText(block.source.data) : IMAGE;
    default:
      return ofText(JSON.stringify(block));
  }
};

const ofMessage = remember(({ content }: Message): number =>
  Math.ceil((typeof content === "string" ? ofText(content) : content.reduce((sum, b) => sum + ofBlock(b), 0)) + OVERHEAD),
);
/** A list of specs, or a prompt of blocks, is the same object from request to request. */
const ofPrompt = remember((blocks: readonly TextBlock[]): number => blocks.reduce((n, b) => n + ofText(b.text), 0));
const ofSpecs = remember((specs: readonly ToolSpec[]): number =>
  specs.reduce((n, t) => n + ofText(t.name) + ofText(t.description) + ofText(JSON.stringify(t.input_schema)) + OVERHEAD, 0),
);

export const tokens: Tokens = {
  text: (text) => Math.ceil(ofText(text)),
  message: ofMessage,
  request: ({ system, systemVolatile = "", messages, tools }) => {
    const prompt = typeof system === "string" ? ofText(system) : ofPrompt(system);
    let sum = prompt + ofText(systemVolatile) + (tools.length ? ofSpecs(tools) : 0);
    for (const message of messages) sum += ofMessage(message);
    return Math.ceil(sum);
  },
};
