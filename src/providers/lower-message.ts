/** One message as another vendor takes it. What it says stays; what only its own vendor understands goes. */
import { type ContentBlock, type Message, type ToolResultBlock, type ToolUseBlock, textOf } from "../contract/message.ts";
import type { ClientCapabilities } from "../contract/provider.ts";
import { type JsonObject, own } from "../contract/schema.ts";
import { signatureOf } from "./google-kept.ts";
import { object } from "./json.ts";
import { type Media, placeholder, said, takes, titleOf, withTrueType, wordsIn } from "./lower-media.ts";

export interface LowerTarget {
  /** Whose wire is spoken. Its own opaque blocks and its own signed thinking go back to it, and nobody else's. */
  readonly vendor: string;
  readonly capabilities: ClientCapabilities;
}

/** What could not be said in another form, by its place in the request. */
export type Loss = "messages.thinking" | "messages.image" | "messages.document" | "messages.file" | "messages.tool_use" | "messages.opaque";

export interface Lowered {
  /** The same object when nothing had to change. */
  readonly message: Message;
  readonly lost: readonly Loss[];
}

interface Lowering extends LowerTarget {
  readonly role: Message["role"];
  lose(what: Loss): void;
}
type Blocks = readonly ContentBlock[];

const NOTHING: readonly Loss[] = [];

/** `to` decides everything: the same message for the same target is always lowered alike. */
export const lowerMessage = (message: Message, to: LowerTarget): Lowered => {
  const { role, content } = message;
  if (typeof content === "string") return { message, lost: NOTHING };
  const lost = new Set<Loss>();
  const lowering: Lowering = { ...to, role, lose: (what) => lost.add(what) };
  const blocks: ContentBlock[] = [];
  const showing: Showing[] = [];
  let after = 0;
  for (const [i, block] of content.entries()) {
    if (block.type !== "tool_result") blocks.push(...lowerBlock(block, content[i + 1], lowering));
    else {
      const { says, shows } = lowerResult(block, lowering);
      if (shows.length) showing.push({ at: blocks.length, shows });
      blocks.push(...says);
      after = blocks.length;
    }
  }
  blocks.splice(after, 0, ...shownBelow(blocks, showing));
  return { message: sameBlocks(blocks, content) ? message : { ...message, content: blocks }, lost: lost.size ? [...lost] : NOTHING };
};

const lowerBlock = (block: ContentBlock, next: ContentBlock | undefined, to: Lowering): Blocks => {
  switch (block.type) {
    case "text":
      return [block];
    case "image":
    case "document":
      return [lowerMedia(block, to)];
    case "thinking":
      if (to.role === "assistant" && takesThinking(to.vendor, block.signature, next)) return [block];
      // Nobody is sent back what nobody signed, but that vendor signs all of its own.
      if (block.signature || to.vendor === "anthropic") to.lose("messages.thinking");
      return [];
    case "redacted_thinking":
      if (to.role === "assistant" && to.vendor === "anthropic") return [block];
      to.lose("messages.thinking");
      return [];
    case "tool_use":
      return [lowerCall(block, to)];
    case "opaque": {
      if ((block.block.provider ?? "anthropic") === to.vendor) return [block];
      const loss = lossOf(block.block);
      if (loss) to.lose(loss);
      return [];
    }
    default:
      return lowerUnknown(block, to);
  }
};

const takesThinking = (vendor: string, signature: string | undefined, next: ContentBlock | undefined): boolean =>
  vendor === "anthropic" ? Boolean(signature) : vendor === "google" && signatureOf(next) !== "";

/** Null for one that says nothing by itself. */
const lossOf = ({ thoughtSignature, item, part, phase }: JsonObject): Loss | null => {
  if (phase !== undefined) return null;
  const isThought = thoughtSignature !== undefined || object(item).type === "reasoning" || object(part).text !== undefined;
  return isThought ? "messages.thinking" : "messages.opaque";
};

/** Histories of the Python program may hold attached files, which every model is told of in words. */
const lowerUnknown = (block: ContentBlock & { readonly name?: string; readonly mime_type?: string }, to: Lowering): Blocks => {
  if ((block.type as string) === "file") {
    to.lose("messages.file");
    return [said(`[attached file: ${block.name ?? "file"} (${block.mime_type ?? "unknown"})]`, {})];
  }
  if (to.vendor === "anthropic") return [block];
  to.lose("messages.opaque");
  return [];
};

/** A model's own message holds no media that others take. */
const lowerMedia = (given: Media, to: Lowering): ContentBlock => {
  const block = withTrueType(given);
  const fits = takes(block, to.vendor, to.capabilities);
  if (fits && to.role === "user") return block;
  const words = wordsIn(block);
  if (words !== null) return said(titleOf(block) ? `${titleOf(block)}\n\n${words}` : words, block);
  to.lose(`messages.${block.type}`);
  return said(placeholder(block), block);
};

const NAMES: { readonly [vendor: string]: { readonly legal: RegExp; readonly foreign: RegExp; readonly longest: number } } = {
  anthropic: { legal: /^[a-zA-Z0-9_-]{1,128}$/, foreign: /[^a-zA-Z0-9_-]/g, longest: 128 },
  openai: { legal: /^[a-zA-Z0-9_-]{1,64}$/, foreign: /[^a-zA-Z0-9_-]/g, longest: 64 },
  google: { legal: /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/, foreign: /[^a-zA-Z0-9_.:-]|^(?![a-zA-Z_])/g, longest: 128 },
};

/** Models make up names of tools, which another vendor may refuse to hear. */
const lowerCall = (block: ToolUseBlock, { vendor, capabilities, lose }: Lowering): ContentBlock => {
  if (!capabilities.supports_tools) {
    lose("messages.tool_use");
    return said(callInWords(block), block);
  }
  const rule = own(NAMES, vendor);
  if (!rule || rule.legal.test(block.name)) return block;
  return { ...block, name: block.name.replaceAll(rule.foreign, "_").slice(0, rule.longest) || "unknown" };
};

export const callInWords = ({ name, input }: ToolUseBlock): string => `[Tool call: ${name}(${JSON.stringify(input ?? {})})]`;
export const resultInWords = ({ is_error }: ToolResultBlock, words: string): string =>
  `[Tool ${is_error ? "error" : "result"}] ${words}`.trimEnd();

/** A result, and apart from it what it shows that has no place in it. */
const lowerResult = (result: ToolResultBlock, to: Lowering): { readonly says: Blocks; readonly shows: Blocks } => {
  // Vendors and the Python program's files know results without content.
  const content = result.content ?? "";
  const block = content === result.content ? result : { ...result, content };
  const given: Blocks = typeof content === "string" ? [] : content;
  const within = given.flatMap((inner) => withinResult(inner, to));
  if (!to.capabilities.supports_tools) {
    to.lose("messages.tool_use");
    const words = typeof content === "string" ? content : textOf(within);
    return { says: [said(resultInWords(block, words), block), ...within.filter(isMedia)], shows: [] };
  }
  const shows = to.capabilities.supports_vision_tool_results ? [] : within.filter(isMedia);
  const says = shows.length ? within.filter((inner) => !isMedia(inner)) : within;
  return { says: [sameBlocks(says, given) ? block : { ...block, content: says }], shows };
};

const isMedia = ({ type }: ContentBlock): boolean => type === "image" || type === "document";
const sameBlocks = (a: Blocks, b: Blocks): boolean => a.length === b.length && a.every((block, i) => block === b[i]);

/** A result says and shows; what else may stand in one belongs to its vendor. */
const withinResult = (block: ContentBlock, to: Lowering): Blocks => {
  if (block.type === "tool_use") return [said(callInWords(block), {})];
  if (block.type === "tool_result") {
    const { content } = block;
    const inner = typeof content === "string" ? [said(content, {})] : content.flatMap((one) => withinResult(one, to));
    return [said(resultInWords(block, textOf(inner)), {}), ...inner.filter(({ type }) => type !== "text")];
  }
  return block.type === "thinking" || block.type === "redacted_thinking" ? [] : lowerBlock(block, undefined, to);
};

interface Showing {
  /** Place of the result among the blocks. */
  readonly at: number;
  readonly shows: Blocks;
}

/** What follows the results. One that says nothing says where to look; where several show something, each tells its own. */
const shownBelow = (blocks: ContentBlock[], showing: readonly Showing[]): Blocks =>
  showing.flatMap(({ at, shows }, i) => {
    const result = blocks[at];
    if (result?.type !== "tool_result" || typeof result.content === "string") return shows;
    const number = showing.length > 1 ? ` no. ${i + 1}` : "";
    if (number || !result.content.length)
      blocks[at] = { ...result, content: [...result.content, said(`(What it shows follows the results${number && ","}${number}.)`, {})] };
    return number ? [said(`(Shown by a result,${number}:)`, {}), ...shows] : shows;
  });
