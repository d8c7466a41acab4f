/** Where our exchanges with a provider's HTTP API differ from the recorded ones on purpose. */
import { isDeepStrictEqual } from "node:util";
import type { Difference } from "./types.ts";
import type { Answer, Mismatch, Plain, Recording } from "./wires.ts";
import { chatMessages, geminiContents, geminiTools, rows, sound, withoutThinking } from "./wires-forms.ts";

const on =
  (part: Mismatch["part"], key: string | RegExp, more: (m: Mismatch) => boolean = () => true) =>
  (m: Mismatch) =>
    m.part === part && (typeof key === "string" ? m.key === key : key.test(m.key)) && more(m);
const of =
  (providers: readonly Recording["provider"][], covers: (m: Mismatch) => boolean) =>
  (m: Mismatch): boolean =>
    providers.includes(m.recording.provider) && covers(m);
const chat = (covers: (m: Mismatch) => boolean) => of(["openai", "vllm"], covers);
/** Ours is as recorded once both are in this form. */
const alike = (form: (value: unknown) => unknown) => (m: Mismatch) => isDeepStrictEqual(form(m.wanted), form(m.got));
const thinks = ({ model_config: c, low_level_request_fields: low }: Recording) =>
  c.thinking_enabled === true || low?.thinking !== undefined;
const formatted = ({ low_level_request_fields: low }: Recording) => low?.response_format !== undefined;
const firstAnswer = ({ answers }: Recording): Answer | undefined => (answers === "canned ok" ? undefined : answers[0]);
const extra = (block: Plain): boolean => block.type === "redacted_thinking" || block.type === "opaque";
const ofType = (value: unknown, type: string): readonly Plain[] => rows(value).filter((block) => block.type === type);
const named = (block: Plain): unknown => (block.type === "tool_use" ? { ...block, tool_use_id: "" } : block);

/** Of every wire. */
const common: readonly Difference<Mismatch>[] = [
  {
    rule: "a stream without its end is an error",
    why: "2.1.0 took the half answer for a whole one",
    covers: on("outcome", "error", (m) => m.wanted === false && m.got === "exec.api.stream_incomplete"),
  },
  {
    rule: "retries belong to stage 6",
    why: "the vendor's SDK tried again under it",
    covers: on("outcome", "error", (m) => m.wanted === false && m.got === "exec.api.rate_limited" && m.recording.answers.length > 1),
  },
  {
    rule: "every failure has its category",
    why: "2.1.0 gave up on many of them as unknown: on most statuses, and with Google on broken connections",
    covers: on("error", /^(category|code)$/, (m) => /unknown$/.test(String(m.wanted)) && !/unknown$/.test(String(m.got))),
  },
  {
    rule: "only the vendors' phrases mean that the prompt is too long, and they always do",
    why: 'in 2.1.0 any 400 of Anthropic\'s with the word "context" or "token" did, and nothing of the others\'',
    covers: on("error", /^(category|code)$/, (m) => [m.wanted, m.got].some((one) => /token_limit$/.test(String(one)))),
  },
  {
    rule: "the status is kept",
    why: "2.1.0 kept it for 400 and 401 only, and gave 500 for every 5xx; with Google it kept none",
    covers: on(
      "error",
      "status",
      (m) => m.got === firstAnswer(m.recording)?.status || JSON.stringify(firstAnswer(m.recording)?.sse)?.includes(`${m.got}`) === true,
    ),
  },
  {
    rule: "a refused connection has its code",
    why: "2.1.0 knew it with some vendors' SDKs only",
    covers: on("error", /^(category|code)$/, (m) => /network$/.test(String(m.got)) && m.recording.http === undefined),
  },
];

const anthropic: readonly Difference<Mismatch>[] = [
  {
    rule: "no sampling parameters beside thinking",
    why: "the vendor refuses them; 2.1.0 sent temperature 0.0 with every request",
    covers: on("body", /^(temperature|top_p|top_k)$/, (m) => m.got === undefined && thinks(m.recording)),
  },
  {
    rule: "outgoing history is repaired",
    why: "the vendor refuses blank texts, empty messages and unsigned thinking; messages of one role in a row are one to it",
    covers: on("body", "messages", alike(sound)),
  },
  {
    rule: "a response format is sent",
    why: "2.1.0 took it and sent nothing",
    covers: on("body", "output_config", (m) => m.wanted === undefined && formatted(m.recording)),
  },
  { rule: "no request metadata", why: "the canonical request has none", covers: on("body", "metadata", (m) => m.got === undefined) },
  {
    rule: "the vendor's SDK does not check the thinking budget against a time estimate",
    why: "2.1.0 failed inside the SDK: a large answer must be streamed there",
    covers: on("outcome", "error", (m) => m.wanted === true && m.recording.http === undefined && thinks(m.recording)),
  },
  {
    rule: "redacted thinking and server tools' blocks are kept",
    why: "2.1.0 lost them, so that the next request was invalid",
    covers: on(
      "content",
      "blocks",
      (m) =>
        rows(m.got).some(extra) &&
        isDeepStrictEqual(
          rows(m.got).filter((b) => !extra(b)),
          m.wanted,
        ),
    ),
  },
  {
    rule: "absent token counts are 0",
    why: "2.1.0 gave null and failed on it later",
    covers: on("response", /^usage\.cache_/, (m) => m.wanted === null && m.got === 0),
  },
];

const completions: readonly Difference<Mismatch>[] = [
  {
    rule: "usage is asked for in streams",
    why: "2.1.0 counted 0 tokens for every answer that it streamed",
    covers: on("body", "stream_options", (m) => m.recording.stream && m.wanted === undefined),
  },
  {
    rule: "OpenAI's limit has its newer name",
    why: "the vendor's newer models refuse the older one",
    covers: of(
      ["openai"],
      on("body", /^max_(completion_)?tokens$/, (m) => m.wanted === undefined || m.got === undefined),
    ),
  },
  {
    rule: "local servers are told the prompt as system",
    why: "they do not know the role developer",
    covers: of(
      ["vllm"],
      on(
        "body",
        "messages",
        alike((v) => JSON.stringify(v)?.replace('"role":"developer"', '"role":"system"')),
      ),
    ),
  },
  {
    rule: "outgoing history is repaired; texts alone are one text; results are their text, and failures say so",
    why: "2.1.0 sent blank and empty messages, and lists of blocks as Python prints them; it lost the mark of a failure",
    covers: on("body", "messages", alike(chatMessages)),
  },
  {
    rule: "thinking is asked for where it was turned on",
    why: "2.1.0 could say it and did not",
    covers: of(
      ["openai"],
      on("body", "reasoning_effort", (m) => m.wanted === undefined && thinks(m.recording)),
    ),
  },
  {
    rule: "thinking that is turned off is sent as off",
    why: "models that think by default went on thinking",
    covers: on("body", "reasoning_effort", (m) => m.got === "none" && thinks(m.recording)),
  },
  {
    rule: "a capability that is turned on has an effect",
    why: "2.1.0 announced nothing and sent nothing",
    covers: on("body", "top_k", (m) => m.wanted === undefined && m.got === m.recording.model_config.top_k),
  },
  {
    rule: "a response format is sent to the chat wire",
    why: "2.1.0 took it and sent nothing",
    covers: on("body", "response_format", (m) => m.wanted === undefined && formatted(m.recording)),
  },
  {
    rule: "thinking is shown",
    why: "2.1.0 dropped the field",
    covers: on("content", "blocks", (m) => ofType(m.got, "thinking").length > 0 && isDeepStrictEqual(ofType(m.got, "text"), m.wanted)),
  },
  {
    rule: "a refusal is told, and ends the turn as one",
    why: "2.1.0 dropped its text",
    covers: (m) =>
      on("content", "blocks")(m) ? rows(m.wanted).length === 0 : on("response", "stop_reason", ({ got }) => got === "refusal")(m),
  },
  {
    rule: "arguments that are almost JSON are repaired",
    why: "2.1.0 called the tool with {}",
    covers: on(
      "content",
      "blocks",
      (m) => rows(m.wanted).some((b) => isDeepStrictEqual(b.tool_input, {})) && rows(m.got).length === rows(m.wanted).length,
    ),
  },
  {
    rule: "calls ask for their results, whatever reason is given to stop",
    why: "servers say stop beside calls; 2.1.0 then ended the turn",
    covers: on("response", "stop_reason", (m) => m.wanted === "end_turn" && m.got === "tool_use"),
  },
];

const gemini: readonly Difference<Mismatch>[] = [
  {
    rule: "a tool's schema goes as it is",
    why: "the vendor takes JSON Schema; 2.1.0 wrote the vendor's own form of it, and failed on what that cannot say",
    covers: on("body", "tools", alike(geminiTools)),
  },
  {
    rule: "a result names its call, is its text, and says when it is a failure; messages of one role in a row are one",
    why: '2.1.0 sent the name "", lists as Python prints them, and no mark of a failure',
    covers: on("body", "contents", alike(geminiContents)),
  },
  {
    rule: "thinking is asked for in the model's own way",
    why: "2.1.0 dropped it, or asked a model of generation 2.5 for a level",
    covers: on("body", "generationConfig", (m) => thinks(m.recording) && alike(withoutThinking)(m)),
  },
  {
    rule: "a response format is sent to Gemini",
    why: "2.1.0 took it and sent nothing",
    covers: on("body", "generationConfig", (m) => formatted(m.recording)),
  },
  {
    rule: "reasons to stop are canonical",
    why: "2.1.0 gave the SDK's own words, so that no loop saw its tool calls",
    covers: on("response", "stop_reason", (m) => /^FinishReason\.|^$/.test(String(m.wanted))),
  },
  {
    rule: "a prompt that was blocked is a refusal without words",
    why: "2.1.0 took it for an empty answer",
    covers: (m) =>
      m.recording.response?.stop_reason === "end_turn" &&
      (on("response", "stop_reason", ({ got }) => got === "refusal")(m) || on("content", "blocks", ({ got }) => rows(got).length === 0)(m)),
  },
  {
    rule: "an answer that the model made a mess of is an error",
    why: "2.1.0 took it for one",
    covers: on("outcome", "error", (m) => m.wanted === false && m.got === "exec.api.server_error"),
  },
  {
    rule: "what failed inside 2.1.0's SDK is sent",
    why: "histories of blank texts, schemas beyond the vendor's own form, and answers without parts",
    covers: on(
      "outcome",
      "error",
      (m) => m.wanted === true && /AttributeError|TypeError|ValueError/.test(m.recording.error?.cause_class ?? ""),
    ),
  },
  {
    rule: "each call has an id of its own",
    why: 'calls without one got "", so that results of parallel calls were mixed up',
    covers: on("content", "blocks", (m) => isDeepStrictEqual(rows(m.got).map(named), m.wanted)),
  },
  {
    rule: "pieces of one text are one block, and blocks keep their order",
    why: "2.1.0 made a block of each piece, and put thinking after the text",
    covers: on("content", "blocks", (m) =>
      ["text", "thinking"].every((type) => ["text", "thinking_text"].every((key) => join(m.wanted, type, key) === join(m.got, type, key))),
    ),
  },
];
const join = (blocks: unknown, type: string, key: string): string =>
  ofType(blocks, type)
    .map((block) => block[key])
    .join("");

const counted: readonly Difference<Mismatch>[] = [
  {
    rule: "tokens read from the cache stand apart, and thoughts are part of the answer's",
    why: "2.1.0 did not read the counts",
    covers: on("response", /^usage\.(input|output|cache_read_input)_tokens$/, (m) => m.recording.name === "answer_text"),
  },
  {
    rule: "the answer's id is kept",
    why: "2.1.0 lost it in streams, and with Google always",
    covers: on("response", "message_id", (m) => m.wanted === "" && m.got !== ""),
  },
];

export const differences: readonly Difference<Mismatch>[] = [
  ...common,
  ...anthropic.map((rule) => ({ ...rule, covers: of(["anthropic"], rule.covers) })),
  ...completions.map((rule) => ({ ...rule, covers: chat(rule.covers) })),
  ...gemini.map((rule) => ({ ...rule, covers: of(["google"], rule.covers) })),
  ...counted.map((rule) => ({ ...rule, covers: of(["openai", "vllm", "google"], rule.covers) })),
];
