import { type ContentBlock, type JsonObject, type ModelResponse, noUsage } from "geny-executor";
import { parsers } from "../../../src/stages/09-parse/parsers.ts";
import { detectors } from "../../../src/stages/09-parse/signals.ts";
import { testServices } from "../../../src/testing/run-stage.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

type Recorded = {
  readonly type: "text" | "thinking" | "tool_use";
  readonly text: string | null;
  readonly thinking_text: string | null;
  readonly tool_use_id: string | null;
  readonly tool_name: string | null;
  readonly tool_input: JsonObject | null;
};

export const replay = async (vector: Vector): Promise<unknown> => {
  if (vector.slot === "signal_detector") return detected(vector);
  let parser: ReturnType<typeof made<typeof parsers>>;
  try {
    parser = made(parsers, vector, testServices());
  } catch {
    return { raises: "ValueError" };
  }
  if ("refused" in parser) return parser;
  if (vector.call === "configure") return { schema: "schema" in parser.config ? parser.config.schema : null };
  const input = vector.input as { text?: string; content?: Recorded[]; stop_reason?: string };
  const content = input.content?.map(block) ?? [{ type: "text" as const, text: input.text ?? "" }];
  const answer = await parser.fn(response(content, input.stop_reason ?? "end_turn"), null, call);
  const structured = { structured_output: answer.structuredOutput, structured_output_error: kindOf(answer.structuredOutputError) };
  if (input.text !== undefined) return structured;
  const { text, toolCalls, thinkingTexts } = answer;
  return { text, tool_calls: toolCalls, stop_reason: input.stop_reason, thinking_texts: thinkingTexts, ...structured };
};

const detected = (vector: Vector): unknown => {
  const detector = made(detectors, vector, testServices());
  if ("refused" in detector) return detector;
  const found = detector.fn(vector.input as string, call);
  return { signal: found?.signal ?? "none", detail: found?.detail ?? null };
};

const response = (content: readonly ContentBlock[], stop_reason: string): ModelResponse => ({
  ...{ content, stop_reason, stop_sequence: null, usage: noUsage, model: "m", message_id: "", provider: "p" },
});
const block = (b: Recorded): ContentBlock =>
  b.type === "text"
    ? { type: "text", text: b.text ?? "" }
    : b.type === "thinking"
      ? { type: "thinking", thinking: b.thinking_text ?? "" }
      : { type: "tool_use", id: b.tool_use_id ?? "", name: b.tool_name ?? "", input: b.tool_input ?? {} };
const kindOf = (error: string | null): unknown => {
  const path = error === null ? undefined : /^schema mismatch at (.+?): /.exec(error)?.[1];
  return error === null ? null : path === undefined ? { kind: "no_json" } : { kind: "schema_mismatch", path };
};

const said = ({ input }: Vector): string => (typeof input === "string" ? input : String((input as { text?: string }).text));
const marks = ({ slot, strategy }: Vector): boolean => slot === "signal_detector" && strategy !== "structured";
const objects = ({ slot, strategy }: Vector): boolean => slot === "signal_detector" && strategy !== "regex";
const field = (vector: Vector, ...names: string[]): unknown => {
  try {
    const value = JSON.parse(said(vector));
    return names.map((name) => value?.[name]).find((v) => v !== undefined && v !== null);
  } catch {
    return undefined;
  }
};

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "parse.mark_is_a_word",
    why: "better on purpose: a mark is a whole word; [COMPLETED] is none",
    covers: (v) => marks(v) && /\[(?:(?:task_)?complete|continue|blocked|error|delegate)[\w-]/i.test(said(v)),
  },
  {
    rule: "parse.colon_is_no_detail",
    why: "better on purpose: a colon without words after it is no detail",
    covers: (v) => marks(v) && /\[\w+:\s*\]/.test(said(v)),
  },
  {
    rule: "parse.signal_that_is_no_text",
    why: "better on purpose: a signal that is no text is none, it fails no turn",
    covers: (v) => objects(v) && !["string", "undefined"].includes(typeof field(v, "signal", "status")),
  },
  {
    rule: "parse.detail_is_text",
    why: "the state's detail is text: a detail of another kind is its JSON",
    covers: (v) => objects(v) && typeof field(v, "detail", "reason") === "object",
  },
  {
    rule: "parse.null_is_json",
    why: "better on purpose: null is JSON: without a schema it is the output, with one it is checked",
    covers: (v) => v.strategy === "structured_output" && said(v).trim() === "null",
  },
  {
    rule: "parse.schema_must_be_object",
    why: "better on purpose: a schema that is no object is a finding, 2.1.0 dropped it in silence",
    covers: (v) => v.call === "configure" && typeof v.config?.schema === "string",
  },
];
