/** Conversations that are long, broken, or began at another vendor. */
import type { ContentBlock, JsonObject, Message } from "../../index.ts";
import { answer, model, type Scenario, tools, user } from "./scenario.ts";

const called = (id: string, at: string): ContentBlock => ({ type: "tool_use", id, name: "look", input: { at } });
const result = (id: string, content: string, failed = false): ContentBlock => ({
  type: "tool_result",
  tool_use_id: id,
  content,
  ...(failed && { is_error: true }),
});
const opaque = (provider: string, block: JsonObject): ContentBlock => ({ type: "opaque", block: { provider, ...block } });
const going = (name: string, messages: readonly Message[], sends: readonly string[]): Scenario => ({
  name,
  script: [{ text: "Going on." }],
  request: { tools, messages },
  events: answer("Going on."),
  sends,
});

/**
 * What a provider's answer becomes that thought "Let me think.", signed "c2lnbmVk", said "I look." and called `look` at home and at sea, the
 * ids being `home` and `sea`. The `claude` program calls its own tools, and its answers hold none.
 */
export const HANDOVERS: { readonly [provider: string]: readonly ContentBlock[] } = {
  anthropic: [
    { type: "thinking", thinking: "Let me think.", signature: "c2lnbmVk" },
    { type: "text", text: "I look." },
    called("home", "home"),
    called("sea", "sea"),
  ],
  openai: [
    { type: "thinking", thinking: "Let me think." },
    opaque("openai", {
      item: {
        id: "rs_00000100",
        type: "reasoning",
        summary: [{ type: "summary_text", text: "Let me think." }],
        encrypted_content: "c2lnbmVk",
      },
    }),
    { type: "text", text: "I look." },
    called("home", "home"),
    called("sea", "sea"),
  ],
  google: [
    { type: "thinking", thinking: "Let me think." },
    { type: "text", text: "I look." },
    called("home", "home"),
    opaque("google", { thoughtSignature: "c2lnbmVk" }),
    called("sea", "sea"),
  ],
  vllm: [{ type: "thinking", thinking: "Let me think." }, { type: "text", text: "I look." }, called("home", "home"), called("sea", "sea")],
  claude_code_cli: [
    { type: "thinking", thinking: "Let me think.", signature: "c2lnbmVk" },
    { type: "text", text: "I look." },
  ],
};

const begunAt = (provider: string): Scenario => {
  const content = HANDOVERS[provider] ?? [];
  const calls = content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
  const next = calls.length ? calls.map((id) => result(id, `Found at ${id}.`)) : "And then?";
  return going(
    `a turn that ${provider} began`,
    [user("Where is it?"), model(content), user(next)],
    ["Where is it?", "I look.", ...(calls.length ? ["Found at home.", "Found at sea."] : ["And then?"])],
  );
};

const LONG = Array.from({ length: 100 }, (_, i) => [user(`Question ${i}.`), model(`Answer ${i}.`)]).flat();

export const HISTORY: readonly Scenario[] = [
  going("200 messages", [...LONG, user("The last one.")], ["Question 0.", "Answer 99.", "The last one."]),
  going(
    "call ids that are used again",
    [
      user("Look twice."),
      model([called("call_1", "home")]),
      user([result("call_1", "Nothing.")]),
      model([called("call_1", "sea")]),
      user([result("call_1", "Water.")]),
    ],
    ["Nothing.", "Water."],
  ),
  going(
    "call ids that no vendor takes",
    [user("Look."), model([called("look:1/ünïcode ".repeat(10), "home")]), user([result("look:1/ünïcode ".repeat(10), "Nothing.")])],
    ["Nothing."],
  ),
  going(
    "calls without results, and results without calls",
    [
      user("Look."),
      model([called("call_1", "home"), called("call_2", "sea")]),
      user([result("call_2", "Water."), result("call_9", "Whose?"), { type: "text", text: "Go on." }]),
      model([called("call_3", "hill")]),
    ],
    ["Water.", "Go on."],
  ),
  going(
    "a tool's failure",
    [user("Look."), model([called("call_1", "home")]), user([result("call_1", "It is dark.", true)])],
    ["It is dark."],
  ),
  going(
    "empty messages, and messages of blanks",
    [user(""), model([]), user("Hello."), model([{ type: "text", text: " \n" }]), user([]), user("Are you there?")],
    ["Hello.", "Are you there?"],
  ),
  going(
    "two messages of one role in a row",
    [user("One."), user("Two."), model("Three."), model("Four."), user("Five.")],
    ["One.", "Two.", "Four."],
  ),
  going("a history that the model begins", [model("Welcome."), user("Hello.")], ["Welcome.", "Hello."]),
  ...Object.keys(HANDOVERS).map(begunAt),
];
