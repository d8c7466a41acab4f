/** What the later stages get of an answer. */
import { textOf, toolUses } from "../../contract/message.ts";
import type { ModelResponse } from "../../contract/provider.ts";
import { fields, type Json, type JsonObject, object } from "../../contract/schema.ts";
import { schemaFault } from "../../contract/schema-fault.ts";
import type { PendingToolCall } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { mismatch } from "./json-schema.ts";

export interface Parsed {
  readonly text: string;
  readonly toolCalls: readonly PendingToolCall[];
  readonly thinkingTexts: readonly string[];
  readonly structuredOutput: Json;
  readonly structuredOutputError: string | null;
}
/** `schema`: what this run's answer must match, whoever parses it. */
export type Parser = (response: ModelResponse, schema: JsonObject | null, call: Call) => Parsed | Promise<Parsed>;

const plain = ({ content }: ModelResponse): Parsed => ({
  text: textOf(content),
  toolCalls: toolUses(content).map(({ id, name, input }) => ({ tool_use_id: id, tool_name: name, tool_input: input })),
  thinkingTexts: content.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])),
  structuredOutput: null,
  structuredOutputError: null,
});

const NOTHING = Symbol("no JSON");
const parsed = (text: string): Json | typeof NOTHING => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return NOTHING; // the caller looks elsewhere, or says that there is none
  }
};

/** The whole text, else the first fence that holds JSON. */
const found = (text: string): Json | typeof NOTHING => {
  const whole = parsed(text);
  if (whole !== NOTHING) return whole;
  for (const [, inside = ""] of text.matchAll(/```(?:json)?([\s\S]*?)```/gi)) {
    const value = parsed(inside);
    if (value !== NOTHING) return value;
  }
  return NOTHING;
};

/** An answer that asks for tools is none yet, nor is one that says nothing, unless the run requires one. */
const structured = async (answer: Parsed, schema: JsonObject | null, required: boolean): Promise<Parsed> => {
  if (answer.toolCalls.length || (!answer.text.trim() && !required)) return answer;
  const value = found(answer.text);
  if (value === NOTHING)
    return { ...answer, structuredOutputError: "no JSON in the answer: it must be JSON and nothing else, or stand in a ```json fence" };
  const wrong = schema && (await mismatch(schema, value));
  if (wrong) return { ...answer, structuredOutputError: `schema mismatch at ${wrong.path}: ${wrong.reason}` };
  return { ...answer, structuredOutput: value };
};

export const parsers = {
  default: defineStrategy<Parser>()({
    about: "Text, tool calls and thinking.",
    config: fields({}),
    create: () => (response, schema) => (schema ? structured(plain(response), schema, true) : plain(response)),
  }),
  structured_output: defineStrategy<Parser>()({
    about: "JSON of the whole text or of its first fence, checked against a schema.",
    config: fields({ schema: object({ about: "JSON Schema; null takes any JSON", default: null, widget: "code" }) }),
    create: ({ schema }) => {
      const fault = schema && schemaFault(schema);
      if (fault) throw new Error(fault);
      return (response, wanted) => structured({ ...plain(response), thinkingTexts: [] }, schema ?? wanted, wanted !== null);
    },
  }),
};
