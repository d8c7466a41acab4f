/** What a turn says, as blocks, tokens and a reason to stop: still in words that belong to no wire but where Anthropic's are the most exact. */
import type { JsonObject } from "../contract/schema.ts";
import { type Asked, ScriptError, type ScriptedThinking, type StopReason, type Turn, type TurnUsage } from "./script.ts";

/** A block of an answer in canonical (Anthropic's) form, with how it is to be streamed. */
export interface Said {
  readonly block: JsonObject;
  readonly chunks?: readonly string[];
  readonly json?: string;
}

const listed = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as T];

/** The blocks a turn says, in order. `callId` is asked for every tool call that has no id. */
export function blocksOfTurn(turn: Turn, callId: () => string): readonly Said[] {
  if (turn.stop_reason === "prompt_blocked") return [];
  if (turn.content) return turn.content.map((block) => ({ block }));
  const thinking = listed<ScriptedThinking>(turn.thinking).map((t) => (typeof t === "string" ? { text: t } : t));
  const texts = turn.chunks ? [turn.chunks.join("")] : listed<string>(turn.text);
  return [
    ...thinking.map((t) => ({ block: { type: "thinking", thinking: t.text, signature: t.signature ?? "c2lnbmVkLW9mZmxpbmU=" } })),
    ...listed<string>(turn.redacted_thinking).map((data) => ({ block: { type: "redacted_thinking", data } })),
    ...texts.map((text) => ({ block: { type: "text", text }, ...(turn.chunks && { chunks: turn.chunks }) })),
    ...(turn.tool_calls ?? []).map((call) => ({
      block: { type: "tool_use", id: call.id ?? callId(), name: call.name, input: call.input },
      ...(call.json !== undefined && { json: call.json }),
    })),
  ];
}

/** About four characters a token, and never nothing. */
const estimateTokens = (characters: number): number => Math.max(1, Math.ceil(characters / 4));

/** A turn's usage with everything filled in that was left out. */
export function usageOfTurn(turn: Turn, asked: Asked, said: readonly Said[]): Required<TurnUsage> {
  const given = turn.usage ?? {};
  const length = (blocks: readonly Said[]) => blocks.reduce((sum, { block }) => sum + spoken(block), 0);
  const split = given.cache_creation;
  const written = given.cache_creation_input_tokens ?? (split ? split.ephemeral_5m_input_tokens + split.ephemeral_1h_input_tokens : 0);
  const thoughts = said.filter(({ block }) => block.type === "thinking" || block.type === "redacted_thinking");
  return {
    input_tokens: given.input_tokens ?? estimateTokens(asked.length),
    output_tokens: given.output_tokens ?? estimateTokens(length(said)),
    cache_read_input_tokens: given.cache_read_input_tokens ?? 0,
    cache_creation_input_tokens: written,
    cache_creation: split ?? { ephemeral_5m_input_tokens: written, ephemeral_1h_input_tokens: 0 },
    thinking_tokens: given.thinking_tokens ?? (thoughts.length && given.output_tokens === undefined ? estimateTokens(length(thoughts)) : 0),
  };
}

const spoken = (block: JsonObject): number => {
  const own = block.text ?? block.thinking ?? block.data;
  return typeof own === "string" ? own.length : JSON.stringify(block).length;
};

export function stopOfTurn(turn: Turn, said: readonly Said[]): StopReason {
  if (turn.stop_reason) return turn.stop_reason;
  if (turn.stop_sequence !== undefined) return "stop_sequence";
  return said.some(({ block }) => block.type === "tool_use") ? "tool_use" : "end_turn";
}

/** A block in words that every wire has. */
export type Spoken =
  | { readonly kind: "text"; readonly text: string; readonly chunks: readonly string[] | undefined }
  /** Text is empty when the model hides what it thought. */
  | { readonly kind: "thinking"; readonly text: string; readonly signature: string }
  /** `json` is what is streamed. */
  | { readonly kind: "call"; readonly id: string; readonly name: string; readonly input: JsonObject; readonly json: string };

/** @throws ScriptError for a block that only Anthropic's wire has. */
export function spokenOf(said: readonly Said[]): readonly Spoken[] {
  return said.map(({ block, chunks, json }, i): Spoken => {
    if (block.type === "text" && !(Array.isArray(block.citations) && block.citations.length))
      return { kind: "text", text: String(block.text), chunks };
    if (block.type === "thinking") return { kind: "thinking", text: String(block.thinking), signature: String(block.signature ?? "") };
    if (block.type === "redacted_thinking") return { kind: "thinking", text: "", signature: String(block.data) };
    const { input } = block;
    if (block.type === "tool_use" && typeof input === "object" && input !== null && !Array.isArray(input)) {
      const object = input as JsonObject;
      return { kind: "call", id: String(block.id), name: String(block.name), input: object, json: json ?? JSON.stringify(object) };
    }
    throw new ScriptError(`content.${i}`, `only Anthropic's wire can say a block of type ${String(block.type)} with what this one holds`);
  });
}

/** A refusal's words: the turn's text, else the explanation, else a sentence. */
export function refusalOf(turn: Turn, spoken: readonly Spoken[]): string {
  const text = spoken.flatMap((s) => (s.kind === "text" ? [s.text] : [])).join("");
  const explained = turn.stop_details?.explanation;
  return text || (typeof explained === "string" && explained ? explained : "I'm sorry, but I can't help with that.");
}
