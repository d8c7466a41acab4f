/** Forms in which what was sent is compared, where only the form differs on purpose. */
import { isDeepStrictEqual } from "node:util";
import type { Plain } from "./wires.ts";

const isPlain = (value: unknown): value is Plain => typeof value === "object" && value !== null && !Array.isArray(value);
export const rows = (value: unknown): readonly Plain[] => (Array.isArray(value) ? value.filter(isPlain) : []);

const blocks = (messages: unknown): readonly Plain[] =>
  rows(messages).flatMap((m) => (typeof m.content === "string" ? [{ type: "text", text: m.content }] : rows(m.content)));
/** Anthropic's messages without what it refuses. */
export const sound = (messages: unknown): unknown =>
  blocks(messages).filter((b) => !(b.type === "text" && b.text === "") && !(b.type === "thinking" && !b.signature));

/** A list of one text as Python prints it, or the text. */
const unprinted = (text: unknown): unknown =>
  typeof text === "string" ? text.replace(/^\[\{'type': 'text', 'text': '(.*)'\}\]$/, "$1").replace(/^Error: /, "") : text;

/** Chat Completions' messages: texts alone as one text, those of one role in a row as one, blank ones left out. */
export const chatMessages = (messages: unknown): unknown => {
  const out: { role: unknown; content: unknown; rest: Plain }[] = [];
  for (const { role, content: given, ...rest } of rows(messages)) {
    const parts = rows(given);
    const texts = Array.isArray(given) && parts.every(({ type }) => type === "text");
    const content = texts ? parts.map(({ text }) => text).join("\n") : role === "tool" ? unprinted(given) : given;
    const last = out.at(-1);
    if ((content === undefined || content === "") && Object.keys(rest).length === 0) continue;
    if (last && last.role === role && role !== "tool" && typeof last.content === "string" && typeof content === "string")
      last.content += `\n${content}`;
    else out.push({ role, content, rest });
  }
  return out;
};

/** Gemini's contents: results without their names, messages of one role in a row as one, and no word to go on at the end. */
export const geminiContents = (contents: unknown): unknown => {
  const out: { readonly role: unknown; readonly parts: unknown[] }[] = [];
  for (const { role, parts } of rows(contents)) {
    const said = rows(parts).map(({ functionResponse, ...part }) => {
      if (!isPlain(functionResponse)) return part;
      const { response, id } = functionResponse;
      const { result, error } = isPlain(response) ? response : {};
      return { id, said: unprinted(result ?? error) };
    });
    const last = out.at(-1);
    if (last === undefined || last.role !== role) out.push({ role, parts: said });
    else last.parts.push(...said);
  }
  return out.filter(({ parts }, i) => i < out.length - 1 || !isDeepStrictEqual(parts, [{ text: "Continue." }]));
};

/** Gemini's declarations with their schemas in JSON Schema's words. */
export const geminiTools = (tools: unknown): unknown =>
  rows(tools).flatMap(({ functionDeclarations }) =>
    rows(functionDeclarations).map(({ parameters, parametersJsonSchema, ...rest }) => ({
      ...rest,
      schema: lowered(parameters ?? parametersJsonSchema),
    })),
  );
const lowered = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(lowered);
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === "type" && typeof inner === "string" ? inner.toLowerCase() : lowered(inner)]),
  );
};

export const withoutThinking = (config: unknown): unknown => {
  const { thinkingConfig: _, ...rest } = isPlain(config) ? config : {};
  return rest;
};
