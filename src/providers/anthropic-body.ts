/** A request as the Messages wire wants it. A message is converted and written once, however often it is sent. */
import { blocksOf, type CacheControl, type ContentBlock, type Message, toolResults } from "../contract/message.ts";
import type { ModelRequest, Thinking } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import type { SystemPrompt } from "../contract/state.ts";
import type { ToolSpec } from "../contract/tool.ts";
import { sessionContext } from "./lower.ts";
import { isAdaptiveOnly, resolveAlias } from "./models.ts";
import { type Repaired, repair } from "./repair.ts";
import type { Telling } from "./wire.ts";

type BodyOptions = Pick<Telling, "refused" | "dropped">;

/** The vendor takes so many cache marks. */
const MARKS = 4;

export const bodyOf = (request: ModelRequest, options: BodyOptions): string => {
  const model = resolveAlias(request.model);
  const adaptive = isAdaptiveOnly(model) || options.refused.has("thinking.type.enabled");
  const repaired = repair(request.messages);
  const asked = request.thinking?.type === "enabled" && !adaptive && isThoughtless(repaired.messages) ? null : request.thinking;
  if (asked !== request.thinking) options.dropped("thinking", "enabled");
  const thinking = asked && thinkingOf(asked, adaptive, options);
  const { cache, tools, system } = request;
  const control: CacheControl | null = cache && (cache.ttl === "1h" ? { type: "ephemeral", ttl: "1h" } : { type: "ephemeral" });
  const prompt = systemOf(system, cache?.system ? control : null, cache === null);
  const markTools = Boolean(cache?.tools && tools.length);
  const left = MARKS - (markTools ? 1 : 0) - marksOf(prompt);
  const head = {
    model,
    max_tokens: request.maxTokens,
    ...(request.stream ? { stream: true } : {}),
    ...(prompt.length ? { system: prompt } : {}),
    ...(thinking ? { thinking } : {}),
    ...(request.toolChoice && tools.length ? { tool_choice: request.toolChoice } : {}),
    ...(request.stopSequences?.length ? { stop_sequences: request.stopSequences } : {}),
    ...samplingOf(request, model, options),
    ...(request.outputSchema ? { output_config: { format: { type: "json_schema", schema: request.outputSchema } } } : {}),
  };
  const written = tools.length ? `,"tools":${toolsText(tools, markTools ? control : null)}` : "";
  return `${JSON.stringify(head).slice(0, -1)}${written},"messages":[${messagesText(request, repaired, control, left)}]}`;
};

/**
 * Whether the turn that is going on, results last, began without a thought that this vendor signed: another model began it, or this one while
 * it was not asked to think. A budget is refused until the turn is over.
 */
const isThoughtless = (messages: readonly Message[]): boolean => {
  const isRound = ({ content }: Message) => toolResults(content).length > 0;
  const newest = messages.at(-1);
  if (!newest || !isRound(newest)) return false;
  const begin = messages[messages.findLastIndex((message) => message.role === "user" && !isRound(message)) + 1];
  return begin !== undefined && !blocksOf(begin)[0]?.type.endsWith("thinking");
};

const thinkingOf = ({ type, budgetTokens, display }: Thinking, adaptive: boolean, { dropped }: BodyOptions): JsonObject => {
  const shown = display ? { display } : {};
  if (type === "disabled") return { type };
  if (type === "adaptive") return { type, ...shown };
  if (!adaptive) return { type, budget_tokens: budgetTokens, ...shown };
  dropped("thinking.budget_tokens", budgetTokens);
  return { type: "adaptive", ...shown };
};

/** Models that think, and the newest ones always, take no sampling parameters. */
const samplingOf = (request: ModelRequest, model: string, { dropped }: BodyOptions): JsonObject => {
  const thinks = request.thinking !== null && request.thinking.type !== "disabled";
  const fits = !thinks && !isAdaptiveOnly(model);
  const out: { [field: string]: number } = {};
  for (const [field, value] of [
    ["temperature", request.temperature],
    ["top_p", request.topP],
    ["top_k", request.topK],
  ] as const) {
    if (value === null) continue;
    if (fits) out[field] = value;
    else dropped(field, value);
  }
  return out;
};

/** A host's own marks stay only where the request places none. */
const systemOf = (system: SystemPrompt, control: CacheControl | null, own: boolean): string | readonly ContentBlock[] => {
  if (typeof system === "string") return control && system ? [{ type: "text", text: system, cache_control: control }] : system;
  const blocks = system.filter(({ text }) => /\S/.test(text)).map((block) => (own ? block : unmarked(block)));
  return control ? marked(blocks, control) : blocks;
};

const marksOf = (blocks: string | readonly ContentBlock[]): number =>
  typeof blocks === "string" ? 0 : blocks.filter((block) => "cache_control" in block && block.cache_control).length;

const unmarked = <B extends ContentBlock>(block: B): B => {
  if (!("cache_control" in block)) return block;
  const { cache_control: _, ...rest } = block;
  return rest as B;
};

/** The mark on the last block that can bear one: thinking cannot. */
const marked = (blocks: readonly ContentBlock[], control: CacheControl): readonly ContentBlock[] => {
  const at = blocks.findLastIndex(({ type }) => type !== "thinking" && type !== "redacted_thinking" && type !== "opaque");
  return blocks.map((block, i) => (i === at ? { ...block, cache_control: control } : block));
};

const toolTexts = new WeakMap<readonly ToolSpec[], { readonly plain: string; readonly last: JsonObject }>();
const toolsText = (tools: readonly ToolSpec[], control: CacheControl | null): string => {
  let known = toolTexts.get(tools);
  if (!known) {
    const specs = tools.map(({ name, description, input_schema }) => ({ name, description, input_schema }));
    known = { plain: JSON.stringify(specs), last: specs.at(-1) ?? {} };
    toolTexts.set(tools, known);
  }
  if (!control) return known.plain;
  return `${known.plain.slice(0, -2)},"cache_control":${JSON.stringify(control)}}]`;
};

/** A message without its marks, and how many it had of its own. */
const messageText = remember(({ role, content }: Message): { readonly text: string; readonly own: number } =>
  typeof content === "string"
    ? { text: `{"role":"${role}","content":${JSON.stringify(content)}}`, own: 0 }
    : { text: JSON.stringify({ role, content: content.map(wireBlock) }), own: marksOf(content) },
);

const messagesText = (request: ModelRequest, { messages, last }: Repaired, control: CacheControl | null, left: number): string => {
  const marks = control ? marksAt(request, last, messages.length, left) : null;
  const volatile = sessionContext(request);
  const newest = volatile ? messages.findLastIndex(({ role }) => role === "user") : -1;
  const parts: string[] = new Array(messages.length);
  let allowed = left;
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i] as Message;
    const { text, own } = messageText(message);
    const keep = marks ? 0 : Math.min(own, Math.max(0, allowed));
    allowed -= keep;
    const mark = marks?.has(i) ? control : null;
    parts[i] = mark || keep || i === newest ? dressed(message, mark, keep, i === newest ? volatile : "") : text;
  }
  if (volatile && newest < 0) parts.push(JSON.stringify({ role: "user", content: volatile }));
  return parts.join(",");
};

/** Where the marks go after repair; the newest ones when there are too many. */
const marksAt = ({ cache }: ModelRequest, last: readonly number[] | null, length: number, left: number): ReadonlySet<number> => {
  const places = (cache?.messages ?? []).map((index) => (last ? last.findIndex((given) => given >= index) : index));
  const sound = [...new Set(places)].filter((place) => place >= 0 && place < length).sort((a, b) => a - b);
  return new Set(left > 0 ? sound.slice(-left) : []);
};

/** A message with a mark on its end, or with the newest marks of its own, and with the volatile text after them. */
const dressed = ({ role, content }: Message, mark: CacheControl | null, keep: number, volatile: string): string => {
  const given: readonly ContentBlock[] = typeof content === "string" ? [{ type: "text", text: content }] : content;
  let skip = marksOf(given) - keep;
  const blocks = given.map((block) =>
    "cache_control" in block && block.cache_control && (keep === 0 || skip-- > 0) ? unmarked(block) : block,
  );
  const said = (mark ? marked(blocks, mark) : blocks).map((block) => wire(block, true));
  return JSON.stringify({ role, content: volatile ? [...said, { type: "text", text: volatile }] : said });
};

const wireBlock = (block: ContentBlock): Json | ContentBlock => wire(block, false);

/** A block without what is ours. */
const wire = (block: ContentBlock, keepMark: boolean): Json | ContentBlock => {
  if (block.type === "opaque") return block.block;
  const bare = keepMark ? block : unmarked(block);
  if (bare.type === "tool_result" && typeof bare.content !== "string") return { ...bare, content: bare.content.map(wireBlock) } as Json;
  if ("_meta" in bare) {
    const { _meta: _, ...rest } = bare;
    return rest;
  }
  return bare;
};
