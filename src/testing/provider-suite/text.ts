/** Words and thoughts. */
import { answer, begun, ended, model, type Scenario, thinking, thought, user } from "./scenario.ts";

const LONG = "All work and no play makes a long answer. ".repeat(5000);
/** Beyond the basic plane, right to left, combining, joined, and what JSON and event streams must escape. */
const UNICODE = 'Grüße 👩‍👩‍👧 𝒳𝓎 שלום مرحبا é ñ ﷽ 日本語\u2028\u2029\u0000 "quoted" \\back\\ tab\t\r\ndata: {"no":"event"}\n\n: end';

export const TEXT: readonly Scenario[] = [
  { name: "text", script: [{ text: "Hello, world." }], events: answer("Hello, world.") },
  { name: "no text", script: [{}], events: answer(), not: ["goes_on"] },
  { name: "a piece of text for every letter", script: [{ text: "Hello, world.", chunk_size: 1 }], events: answer("Hello, world.") },
  { name: "long text", script: [{ text: LONG, chunk_size: 1000 }], events: answer(LONG) },
  {
    name: "unicode",
    script: [{ text: UNICODE, chunk_size: 3 }],
    request: { messages: [user(UNICODE)] },
    events: answer(UNICODE),
    sends: [UNICODE],
  },
  {
    name: "letters split between packets",
    script: [{ text: UNICODE, chunk_size: 7, fault: { kind: "split_utf8" } }],
    events: answer(UNICODE),
  },
  {
    name: "two texts",
    script: [{ text: ["One.", "Two."] }],
    events: answer("One.", "Two."),
    having: { joined_texts: { events: answer("One.Two.") } },
  },
  {
    name: "system prompt",
    script: [{ text: "Arr." }],
    request: { system: "You are a pirate." },
    events: answer("Arr."),
    sends: ["You are a pirate.", "Say something."],
  },
  {
    name: "system prompt's volatile part, after every cache mark",
    script: [{ text: "Noon." }],
    request: {
      system: "You are a clock.",
      systemVolatile: "It is twelve.",
      messages: [user("Are you there?"), model("I am."), user("What time is it?")],
      cache: { tools: true, system: true, messages: [0, 2], ttl: "5m" },
    },
    events: answer("Noon."),
    sends: ["You are a clock.", "Are you there?", "What time is it?"],
    sendsLast: "It is twelve.",
    having: { own_marks: { sends: ["You are a clock.", "Are you there?", "What time is it?", "It is twelve."], sendsLast: "" } },
  },
  {
    name: "sampling parameters, sent or dropped and told once",
    script: [{ text: "One." }, { text: "Two." }],
    rounds: 2,
    request: { temperature: 0.4321, topP: 0.8765, topK: 77 },
    events: answer("Two."),
    sendsOrTells: { temperature: "0.4321", top_p: "0.8765", top_k: "77" },
  },
  {
    name: "thinking that is shown",
    script: [{ thinking: "Let me think.", text: "Done." }],
    request: { thinking },
    events: answer(thought("Let me think."), "Done."),
  },
  {
    name: "thinking that is hidden",
    script: [{ thinking: { text: "", signature: "c2lnbmVk" }, text: "Done." }],
    request: { thinking: { ...thinking, display: "omitted" } },
    events: answer("Done."),
  },
  {
    name: "thinking that is not asked for",
    script: [{ text: "Done." }],
    request: { thinking: { type: "disabled", budgetTokens: 0, display: null } },
    events: answer("Done."),
  },
  {
    name: "thinking's signature goes back to its vendor",
    script: [{ thinking: { text: "Let me think.", signature: "c2lnbmVk" }, text: "One." }, { text: "Two." }],
    rounds: 2,
    request: { thinking },
    events: answer("Two."),
    sends: ["c2lnbmVk", "One."],
    not: ["unsigned"],
  },
  {
    name: "structured output",
    script: [{ text: '{"city":"Paris"}' }],
    request: {
      outputSchema: {
        type: "object",
        properties: { city: { type: "string", description: "a city's name" } },
        required: ["city"],
        additionalProperties: false,
      },
    },
    events: answer('{"city":"Paris"}'),
    sendsOrTells: { output_schema: "a city's name" },
    having: { output_by_tool: { script: [{ tool_calls: [{ name: "StructuredOutput", input: { city: "Paris" } }] }] } },
  },
  {
    name: "not streamed is as streamed",
    script: [
      { thinking: "Hm.", text: "Hello, world." },
      { thinking: "Hm.", text: "Hello, world." },
    ],
    alsoWhole: true,
    request: { thinking },
    events: answer(thought("Hm."), "Hello, world."),
  },
  {
    name: "usage, cached tokens apart",
    script: [
      {
        text: "Counted.",
        usage: {
          input_tokens: 1000,
          output_tokens: 50,
          cache_read_input_tokens: 400,
          cache_creation_input_tokens: 30,
          thinking_tokens: 20,
        },
      },
    ],
    events: answer("Counted."),
    usage: { input_tokens: 1000, output_tokens: 50, cache_read_input_tokens: 400, cache_creation_input_tokens: 30 },
    having: { no_cache_writes: { usage: { input_tokens: 1030, output_tokens: 50, cache_read_input_tokens: 400 } } },
  },
];

const said = "I was about to";
export const STOPS: readonly Scenario[] = [
  {
    name: "stops at max_tokens",
    script: [{ text: said, stop_reason: "max_tokens" }],
    events: ended("max_tokens", said),
    not: ["goes_on"],
  },
  {
    name: "stops at a stop sequence, if it can be told one",
    script: [{ text: said, stop_sequence: "END" }],
    request: { stopSequences: ["END"] },
    events: [...begun(said), { type: "usage" }, { type: "finish", stopReason: "stop_sequence", stopSequence: "END" }],
    sendsOrTells: { stop_sequences: "END" },
    having: { silent_stop: { events: answer(said) }, unnamed_stop: { events: ended("stop_sequence", said) } },
  },
  { name: "refuses", script: [{ text: "I will not.", stop_reason: "refusal" }], events: ended("refusal", "I will not."), not: ["goes_on"] },
  {
    name: "is ended by a filter",
    script: [{ text: said, stop_reason: "content_filter" }],
    events: ended("content_filter", said),
    not: ["goes_on"],
    having: { one_refusal: { events: ended("refusal", said) } },
  },
  {
    name: "pauses",
    script: [{ text: said, stop_reason: "pause_turn" }],
    events: ended("pause_turn", said),
    not: ["goes_on", "no_pause"],
  },
  {
    name: "fills its window",
    script: [{ text: said, stop_reason: "model_context_window_exceeded" }],
    events: ended("model_context_window_exceeded", said),
    not: ["goes_on"],
    having: { no_window_stop: { events: ended("max_tokens", said) } },
  },
];
