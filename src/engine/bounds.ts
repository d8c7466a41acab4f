/**
 * Tokens that a request has at most. A tokenizer may join bytes but never splits one, so a text has no more tokens than bytes in UTF-8; what
 * the vendor puts around messages and tools is allowed for. Once the vendor has counted a request, only what came since is counted in bytes.
 */
import type { ContentBlock, Message, TextBlock } from "../contract/message.ts";
import { remember } from "../contract/remember.ts";
import type { Bounds, Prompt } from "../contract/services.ts";
import type { ToolSpec } from "../contract/tool.ts";

/** Around the whole, around a message, a block or a tool, and what a vendor tells a model that is given tools or a schema. */
const REQUEST = 64;
const PART = 16;
const INSTRUCTED = 1024;
/** Of the largest image that a vendor takes without making it smaller. */
const IMAGE = 5000;

const bytes = (text: string): number => Buffer.byteLength(text);

const ofBlock = (block: ContentBlock): number => {
  switch (block.type) {
    case "text":
      return PART + bytes(block.text);
    case "image":
      return PART + IMAGE;
    case "document":
      return PART + (block.source.type === "text" ? bytes(block.source.data) + bytes(block.title ?? "") : Number.POSITIVE_INFINITY);
    case "tool_result":
      return PART + (typeof block.content === "string" ? bytes(block.content) : block.content.reduce((n, b) => n + ofBlock(b), 0));
    default:
      return PART + bytes(JSON.stringify(block));
  }
};
const ofMessage = remember(({ content }: Message): number =>
  typeof content === "string" ? 2 * PART + bytes(content) : content.reduce((sum, block) => sum + ofBlock(block), PART),
);
const ofBlocks = remember((blocks: readonly TextBlock[]): number => blocks.reduce((sum, { text }) => sum + PART + bytes(text), 0));
const ofTools = remember((tools: readonly ToolSpec[]): number =>
  tools.reduce((sum, tool) => sum + PART + bytes(JSON.stringify(tool)), INSTRUCTED),
);
const ofSystem = (system: Prompt["system"]): number => (typeof system === "string" ? PART + bytes(system) : ofBlocks(system));

/** `known`: a request whose parts need not be counted again. */
const size = ({ system, systemVolatile, tools, outputSchema, messages }: Prompt, known?: Prompt): number => {
  let sum = REQUEST;
  if (system !== known?.system) sum += ofSystem(system);
  if (systemVolatile && systemVolatile !== known?.systemVolatile) sum += PART + bytes(systemVolatile);
  if (tools.length && tools !== known?.tools) sum += ofTools(tools);
  if (outputSchema && outputSchema !== known?.outputSchema) sum += INSTRUCTED + bytes(JSON.stringify(outputSchema));
  let same = true;
  messages.forEach((message, i) => {
    same &&= message === known?.messages[i];
    if (!same) sum += ofMessage(message);
  });
  return sum;
};

/** By a history's first message, by model: the newest request that was counted. */
const counted = new WeakMap<Message, Map<string, { readonly request: Prompt; readonly tokens: number }>>();
/** A history is asked of so many models at most. */
const MODELS = 8;

export const bounds: Bounds = {
  atMost(request) {
    const [first] = request.messages;
    const known = first && counted.get(first)?.get(request.model);
    if (!known) return size(request);
    const since = known.tokens + size(request, known.request);
    const { messages } = known.request;
    // A history that was shortened may be smaller than what was counted.
    return messages.at(-1) === request.messages[messages.length - 1] ? since : Math.min(since, size(request));
  },
  learn({ model, system, systemVolatile, messages, tools, outputSchema }, tokens) {
    const [first] = messages;
    if (!first || tokens <= 0) return;
    const models = counted.get(first) ?? new Map();
    if (models.size >= MODELS && !models.has(model)) models.clear();
    models.set(model, { request: { model, system, systemVolatile, messages, tools, outputSchema }, tokens });
    counted.set(first, models);
  },
};
