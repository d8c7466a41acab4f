/** The history that goes out: whatever came in, the vendor takes it; what was right is not touched. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ContentBlock, Message, MessageInput } from "geny-executor";
import { repair } from "../../src/providers/repair.ts";

const history = (...given: MessageInput[]): Message[] => given.map((m, i) => ({ id: `m${i}`, origin: "user", ...m }));
const plain = (messages: readonly Message[]) => messages.map(({ role, content }) => ({ role, content }));
const text = (t: string): ContentBlock => ({ type: "text", text: t });
const call = (id: string): ContentBlock => ({ type: "tool_use", id, name: "f", input: {} });
const result = (id: string, content: string | ContentBlock[] = "ok"): ContentBlock => ({ type: "tool_result", tool_use_id: id, content });

const LONG = `toolu_${"x".repeat(60)}`;

/** The vendor's rules, written independently of the code. Null: fine. */
const refused = (messages: readonly Message[]): string | null => {
  const ids = new Set<string>();
  let open: string[] = [];
  for (const [at, m] of messages.entries()) {
    if (m.role !== (at % 2 ? "assistant" : "user")) return `${at}: role`;
    const blocks: readonly ContentBlock[] = typeof m.content === "string" ? [{ type: "text", text: m.content }] : m.content;
    if (!blocks.length) return `${at}: empty`;
    const nested = blocks.flatMap((b) => (b.type === "tool_result" && typeof b.content !== "string" ? b.content : []));
    if ([...blocks, ...nested].some((b) => b.type === "text" && b.text.trim() === "")) return `${at}: blank text`;
    if (blocks.some((b) => b.type === "thinking" && !b.signature)) return `${at}: unsigned`;
    if (m.role === "assistant" && blocks.at(-1)?.type.includes("thinking")) return `${at}: ends in thinking`;
    const answered = blocks.flatMap((b) => (b.type === "tool_result" ? [b.tool_use_id] : []));
    if (blocks.slice(0, answered.length).some((b) => b.type !== "tool_result")) return `${at}: results not first`;
    if ([...answered].sort().join() !== [...open].sort().join()) return `${at}: pairs`;
    open = blocks.flatMap((b) => (b.type === "tool_use" ? [b.id] : []));
    if (open.length && m.role !== "assistant") return `${at}: call of a user`;
    for (const id of open) if (ids.size === ids.add(id).size || !/^[\w-]{1,40}$/.test(id)) return `${at}: id ${id}`;
  }
  const end = messages.at(-1);
  const word = typeof end?.content === "string" ? end.content : end?.content.at(-1);
  const said = typeof word === "string" ? word : word?.type === "text" ? word.text : "";
  if (end?.role === "assistant" && said !== said.trimEnd()) return "ends in space";
  return open.length ? "open calls" : null;
};

const cases: [string, MessageInput[], { role: string; content: unknown }[]][] = [
  [
    "a call without a result gets an error result",
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("t")] },
      { role: "user", content: "b" },
    ],
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("t")] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "t", content: "No result: the call was interrupted before it finished.", is_error: true },
          text("b"),
        ],
      },
    ],
  ],
  ["a result without a call is dropped", [{ role: "user", content: [result("x"), text("a")] }], [{ role: "user", content: [text("a")] }]],
  [
    "a result that does not follow at once is moved",
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("t")] },
      { role: "user", content: "wait" },
      { role: "assistant", content: "waiting" },
      { role: "user", content: [result("t", "late")] },
      { role: "user", content: "now?" },
    ],
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("t")] },
      { role: "user", content: [result("t", "late"), text("wait")] },
      { role: "assistant", content: "waiting" },
      { role: "user", content: "now?" },
    ],
  ],
  [
    "ids that are used again become their own, with their results",
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("call_0")] },
      { role: "user", content: [result("call_0", "one")] },
      { role: "assistant", content: [call("call_0"), call("call_0")] },
      { role: "user", content: [result("call_0", "two"), result("call_0", "three")] },
    ],
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("call_0")] },
      { role: "user", content: [result("call_0", "one")] },
      { role: "assistant", content: [call("call_0_2"), call("call_0_3")] },
      { role: "user", content: [result("call_0_2", "two"), result("call_0_3", "three")] },
    ],
  ],
  [
    "an id that the vendor refuses is made legal",
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("f.x:0")] },
      { role: "user", content: [result("f.x:0")] },
    ],
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("f_x_0")] },
      { role: "user", content: [result("f_x_0")] },
    ],
  ],
  [
    "ids that are too long are cut, and stay apart",
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call(`${LONG}1`), call(`${LONG}2`)] },
      { role: "user", content: [result(`${LONG}2`, "two"), result(`${LONG}1`, "one")] },
    ],
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call(LONG.slice(0, 40)), call(`${LONG.slice(0, 38)}_2`)] },
      { role: "user", content: [result(LONG.slice(0, 40), "one"), result(`${LONG.slice(0, 38)}_2`, "two")] },
    ],
  ],
  [
    "messages of one role in a row become one",
    [
      { role: "user", content: "a" },
      { role: "user", content: [text("b")] },
      { role: "assistant", content: "c" },
      { role: "assistant", content: "d" },
    ],
    [
      { role: "user", content: [text("a"), text("b")] },
      { role: "assistant", content: [text("c"), text("d")] },
    ],
  ],
  [
    "a history that begins with the assistant gets a user's word before it",
    [{ role: "assistant", content: "hi" }],
    [
      { role: "user", content: "(The beginning of this conversation is not shown.)" },
      { role: "assistant", content: "hi" },
    ],
  ],
  [
    "blank texts and empty messages go",
    [
      { role: "user", content: [text(""), text("a")] },
      { role: "assistant", content: " \n" },
      { role: "assistant", content: [] },
      { role: "user", content: "b" },
    ],
    [{ role: "user", content: [text("a"), text("b")] }],
  ],
  [
    "an empty result stays, its blank blocks go",
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [text(""), call("t")] },
      { role: "user", content: [result("t", [text(""), text("x")])] },
    ],
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [call("t")] },
      { role: "user", content: [result("t", [text("x")])] },
    ],
  ],
  [
    "space at the very end goes",
    [
      { role: "user", content: "a" },
      { role: "assistant", content: "so: \n" },
    ],
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [text("so:")] },
    ],
  ],
  [
    "thinking without a signature goes, and thinking that ends a message",
    [
      { role: "user", content: "a" },
      {
        role: "assistant",
        content: [{ type: "thinking", thinking: "hm" }, text("b"), { type: "thinking", thinking: "hm", signature: "s" }],
      },
      { role: "user", content: "c" },
      { role: "assistant", content: [{ type: "redacted_thinking", data: "x" }] },
    ],
    [
      { role: "user", content: "a" },
      { role: "assistant", content: [text("b")] },
      { role: "user", content: "c" },
    ],
  ],
];
for (const [name, given, wanted] of cases)
  test(name, () => {
    const before = JSON.stringify(given);
    const { messages } = repair(history(...given));
    assert.deepEqual(plain(messages), wanted);
    assert.equal(refused(messages), null);
    assert.equal(JSON.stringify(given), before, "the history itself must not change");
  });

const ids = fc.constantFrom("t1", "t2", "call_0", "a.b", LONG, `${LONG}.`);
const block: fc.Arbitrary<ContentBlock> = fc.oneof(
  fc.constantFrom("", " ", "hello", "trailing \n").map(text),
  ids.map(call),
  ids.map((id) => result(id)),
  ids.map((id) => result(id, [text(""), text("in")])),
  fc.constantFrom<ContentBlock>(
    { type: "thinking", thinking: "x" },
    { type: "thinking", thinking: "x", signature: "s" },
    { type: "redacted_thinking", data: "d" },
    { type: "image", source: { type: "url", url: "https://x.test/a.png" } },
  ),
);
const anything = fc.array(
  fc.record({
    role: fc.constantFrom("user" as const, "assistant" as const),
    content: fc.oneof(fc.constantFrom("", "hi", "hi "), fc.array(block, { maxLength: 5 })),
  }),
  { maxLength: 12 },
);

test("whatever the history, the vendor takes what comes out, and a second repair changes nothing", () => {
  fc.assert(
    fc.property(anything, (given) => {
      const once = repair(history(...given));
      assert.equal(refused(once.messages), null);
      const twice = repair(once.messages);
      assert.equal(twice.messages, once.messages);
      assert.equal(twice.last, null);
      if (once.last) {
        assert.equal(once.last.length, once.messages.length);
        assert.deepEqual(
          [...once.last].sort((a, b) => a - b),
          once.last,
        );
      }
    }),
    { numRuns: 1500 },
  );
});

test("a history that the vendor takes comes out as the same objects", () => {
  fc.assert(
    fc.property(anything, (given) => {
      const messages = history(...given);
      fc.pre(refused(messages) === null && messages.length > 0);
      assert.equal(repair(messages).messages, messages);
    }),
    { numRuns: 200 },
  );
});

test("messages that were right stay the same objects beside repaired ones", () => {
  const messages = history(
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
    { role: "user", content: "c" },
    { role: "user", content: "d" },
  );
  const out = repair(messages);
  assert.equal(out.messages[0], messages[0]);
  assert.equal(out.messages[1], messages[1]);
  assert.deepEqual(out.last, [0, 1, 3]);
});

test("a long history takes linear time", () => {
  const long = history(
    ...Array.from({ length: 8000 }, (_, i): MessageInput[] => [
      { role: "user", content: i ? [result("call_0")] : "go" },
      { role: "assistant", content: [call("call_0")] },
    ]).flat(),
  );
  const before = performance.now();
  assert.equal(refused(repair(long).messages), null);
  assert(performance.now() - before < 1500);
});
